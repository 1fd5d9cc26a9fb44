"""Models that Keras 2 wrote: graphs, nested models, recurrent layers, optimizers."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graphc import keras as graphc_keras
from graphc.keras.saving.bytecode import dump_lambda
from tests.keras.saving.keras_2_files import old_json, write_old


def images(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential([
        keras.Input((6, 6, 2)), layers.Conv2D(3, 3, padding="same"), layers.BatchNormalization(),
        layers.DepthwiseConv2D(2), layers.Flatten(), layers.Dense(2, "softmax"),
    ])  # fmt: skip


def shared(keras: Any) -> Any:
    layers = keras.layers
    a, b, dense = keras.Input((4,), name="a"), keras.Input((4,), name="b"), layers.Dense(3)
    x, y = dense(a), dense(b)
    z = layers.Dropout(0.5)(dense(layers.Dense(4)(y)), training=False)
    return keras.Model([a, b], [layers.Concatenate()([x, y]), layers.Subtract()([z, x])])


def nested(keras: Any) -> Any:
    layers = keras.layers
    a, x = keras.Input((4,)), keras.Input((4,))
    inner = keras.Model(a, layers.Dense(4, "tanh")(a))
    chain = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.BatchNormalization()])
    y = inner(x)
    return keras.Model(x, [layers.Add()([y, chain(inner(y))]), chain(y)])


def nested_at_the_end(keras: Any) -> Any:
    a, x = keras.Input((4,)), keras.Input((4,))
    return keras.Model(x, keras.Model(a, keras.layers.Dense(4, "tanh")(a))(x))


def recurrent(keras: Any) -> Any:
    layers, x = keras.layers, keras.Input((5, 3))
    outputs, h, c = layers.LSTM(4, return_state=True, return_sequences=True)(x)
    return keras.Model(x, [
        layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x), layers.GRU(3)(x),
        layers.TimeDistributed(layers.Dense(2))(x), layers.RNN(layers.LSTMCell(2))(x),
        layers.LSTM(4)(outputs, initial_state=[h, c]),
    ])  # fmt: skip


def recurrent_images(keras: Any) -> Any:
    return keras.Sequential([keras.Input((3, 5, 5, 2)), keras.layers.ConvLSTM2D(2, 2)])


def attention(keras: Any) -> Any:
    x, y = keras.Input((5, 4)), keras.Input((6, 4))
    return keras.Model([x, y], keras.layers.MultiHeadAttention(2, 3)(x, y))


# Keras 3 reads these; of the others it refuses arguments, or counts the calls otherwise.
READ_BY_KERAS = (images, shared, nested_at_the_end)
BUILDS = (*READ_BY_KERAS, nested, recurrent, recurrent_images, attention)


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_a_model_of_keras_2_predicts_what_its_weights_give(
    keras: Any, tmp_path: Path, build: Any
) -> None:
    rng = np.random.default_rng(0)
    model, path = build(keras), tmp_path / "old.h5"
    model.set_weights([rng.uniform(0.1, 1, w.shape) for w in model.weights])
    write_old(path, model)
    inputs = [rng.normal(size=(2, *one.shape[1:])).astype("float32") for one in model.inputs]
    x = inputs[0] if len(inputs) == 1 else inputs
    libraries = (graphc_keras, keras) if build in READ_BY_KERAS else (graphc_keras,)
    for library in libraries:
        loaded = library.models.load_model(path, compile=False)
        found, expected = (keras.tree.flatten(m.predict(x, verbose=0)) for m in (loaded, model))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    text = json.dumps(old_json(model))
    again = graphc_keras.models.model_from_json(text)
    assert [w.shape for w in again.get_weights()] == [w.shape for w in model.weights]


def test_what_keras_2_wrote_otherwise_is_understood(keras: Any) -> None:
    model = keras.Sequential([
        keras.Input((6, 6, 2)), keras.layers.SeparableConv2D(3, 2),
        keras.layers.Conv2DTranspose(2, 2), keras.layers.Flatten(), keras.layers.Dense(2),
    ])  # fmt: skip
    given = old_json(model)
    separable, transposed, _, dense = given["config"]["layers"][1:]
    separable["config"] |= {"groups": 1, "kernel_initializer": "ones", "kernel_regularizer": None}
    transposed["config"]["groups"] = 1
    dense["class_name"] = "tensorflow.keras.layers.Dense"
    normal = {"scale": 2.0, "mode": "fan_in", "distribution": "normal", "seed": None}
    dense["config"]["kernel_initializer"] = {
        "class_name": "VarianceScaling", "config": normal | {"dtype": "float32"},
    }  # fmt: skip
    dense["config"]["dtype"] = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
    loaded = graphc_keras.models.model_from_json(json.dumps(given))
    assert loaded.layers[-1].kernel_initializer.distribution == "truncated_normal"
    assert loaded.layers[-1].compute_dtype == "float16"
    given["class_name"] = "keras.engine.sequential>Sequential"
    given["config"]["layers"][-1]["class_name"] = "keras.layers.core.Dense"
    assert len(graphc_keras.models.model_from_json(json.dumps(given)).layers) == 4


@pytest.mark.parametrize(
    ("name", "config"),
    [("TFOpLambda", {"function": "math.add"}), ("SlicingOpLambda", {"function": "__getitem__"})],
)
def test_functions_of_tensorflow_are_refused_by_name(
    keras: Any, name: str, config: dict[str, Any]
) -> None:
    x = keras.Input((4,), name="x")
    given = old_json(keras.Model(x, keras.layers.ReLU(name="odd")(x)))
    given["config"]["layers"][1] |= {
        "class_name": name, "config": {"name": "odd", **config},
        "inbound_nodes": [["x", 0, 0, {"y": ["_CONSTANT_VALUE", -1, 2.0], "name": None}]],
    }  # fmt: skip
    with pytest.raises(
        ValueError, match=rf"layer 'odd' \({name}\).*{config['function']}.*keras.op"
    ):
        graphc_keras.models.model_from_json(json.dumps(given))

    class Doubled(graphc_keras.layers.Layer):
        def __init__(self, function: str, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.function = function

        def call(self, x: Any, y: float, name: str | None) -> Any:
            return x * y

    loaded = graphc_keras.models.model_from_json(json.dumps(given), {name: Doubled})
    np.testing.assert_allclose(loaded.predict(np.ones((1, 4), "float32"), verbose=0), 2.0)


def test_lambdas_of_keras_2_need_trust(keras: Any, tmp_path: Path) -> None:
    model, path = keras.Sequential([keras.Input((4,)), keras.layers.ReLU()]), tmp_path / "old.h5"
    write_old(path, model)
    with h5py.File(path, "r+") as file:
        given = json.loads(file.attrs["model_config"])
        stored = list(dump_lambda(lambda x: x * 2).values())
        given["config"]["layers"][1] = {"class_name": "Lambda", "config": {
            "name": "twice", "trainable": True, "dtype": "float32", "function": stored,
            "function_type": "lambda", "module": "__main__", "output_shape": None,
            "output_shape_type": "raw", "output_shape_module": None, "arguments": {}}}  # fmt: skip
        file.attrs["model_config"] = json.dumps(given).encode()
    with pytest.raises(ValueError, match="safe_mode=False"):
        graphc_keras.models.load_model(path, compile=False)
    loaded = graphc_keras.models.load_model(path, compile=False, safe_mode=False)
    np.testing.assert_allclose(loaded.predict(np.ones((1, 4), "float32"), verbose=0), 2.0)


def compiled(name: str, **config: Any) -> dict[str, Any]:
    """Return what a file says of how its model was compiled."""
    return {
        "loss": "my_loss", "metrics": ["my_metric", "accuracy"], "weighted_metrics": None,
        "loss_weights": None, "optimizer_config": {"class_name": name, "config": config},
    }  # fmt: skip


def my_loss(y_true: Any, y_pred: Any) -> Any:
    return (y_true - y_pred) ** 2


OWN = {"my_loss": my_loss, "my_metric": my_loss}


def slots(model: Any, *start: Any, each: int) -> list[tuple[str, np.ndarray]]:
    """Return an optimizer's weights: the first ones, then some for every variable."""
    shapes = [variable.shape for variable in model.trainable_variables for _ in range(each)]
    rng = np.random.default_rng(0)
    arrays = [*map(np.asarray, start), *(rng.random(shape, "float32") for shape in shapes)]
    return [(f"slot_{number}", array) for number, array in enumerate(arrays)]


@pytest.mark.parametrize(("name", "each"), [("Adam", 2), ("SGD", 1)])
def test_optimizers_of_keras_2(keras: Any, tmp_path: Path, name: str, each: int) -> None:
    """From 2.11 on they had the variables that they have now; before, both start anew."""
    model, path = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), tmp_path / "m.h5"
    momentum = {"momentum": 0.5} if name == "SGD" else {}
    given = slots(model, np.int64(7), np.float32(0.3), each=each)
    training = compiled(name, learning_rate=0.25, **momentum)
    write_old(path, model, training, given)
    mine = graphc_keras.models.load_model(path, OWN)
    for variable, (_, array) in zip(mine.optimizer.variables, given, strict=True):
        np.testing.assert_allclose(variable.numpy(), array)
    mine.fit(np.ones((4, 4), "float32"), np.ones((4, 2), "float32"), verbose=0)
    assert int(mine.optimizer.iterations.numpy()) == 8
    training["metrics"] = None
    for start in ((np.int64(7),), (np.int64(7), np.float32(0.3))):
        write_old(path, model, training, slots(model, *start, each=each))
        theirs = keras.models.load_model(path, OWN)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            mine = graphc_keras.models.load_model(path, OWN)
        assert len(told) == (len(start) == 1)
        # Keras says that it starts anew, and keeps the number of steps: the one thing it had read.
        assert int(theirs.optimizer.iterations) == 7
        assert int(mine.optimizer.iterations) == (0 if told else 7)
        rates = [float(m.optimizer.learning_rate) for m in (mine, theirs)]
        assert rates[0] == rates[1]


def test_a_decay_that_is_gone_is_told(keras: Any, tmp_path: Path) -> None:
    model, path = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), tmp_path / "m.h5"
    write_old(path, model, compiled("Custom>SGD", lr=0.25, decay=0.1, momentum=0.0))
    with pytest.warns(UserWarning, match=r"'decay' of 0.1.*is ignored"):
        loaded = graphc_keras.models.load_model(path, OWN)
    assert float(loaded.optimizer.learning_rate.numpy()) == 0.25
