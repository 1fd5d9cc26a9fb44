"""Configurations of models: ours and Keras's read each other's, and copies are equal."""

import copy
import json
import pickle
from importlib import import_module

import numpy as np
import pytest

from graphc import keras

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def keras_oracle():
    return import_module("keras")


def dense_chain(k):
    return k.Sequential(
        [k.Input((5,)), k.layers.Dense(4, "relu", name="hidden"), k.layers.Dense(2, name="top")]
    )


def delayed_chain(k):
    return k.Sequential([k.layers.Dense(3, name="a"), k.layers.Dense(2, name="b")], name="late")


def convnet(k):
    layers = k.layers
    x = k.Input((8, 8, 1), name="image")
    y = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv")(x)
    y = layers.BatchNormalization(name="norm")(y)
    y = layers.MaxPooling2D(2, name="pool")(y)
    y = layers.Flatten(name="flat")(y)
    return k.Model(x, layers.Dense(2, activation="softmax", name="top")(y), name="convnet")


def text_model(k):
    layers = k.layers
    x = k.Input((6,), dtype="int32", name="words")
    y = layers.Embedding(11, 4, name="table")(x)
    y = layers.GlobalAveragePooling1D(name="mean")(y)
    y = layers.Dropout(0.5, seed=3, name="drop")(y)
    return k.Model(x, layers.Dense(1, activation="sigmoid", name="top")(y))


def residual(k):
    x = k.Input((4,), name="x")
    y = k.layers.Dense(4, activation="tanh", name="f")(x)
    y = k.layers.Add(name="sum")([x, y])
    return k.Model(x, k.layers.LayerNormalization(name="norm")(y))


def shared_layer(k):
    a, b = k.Input((3,), name="a"), k.Input((3,), name="b")
    tower = k.layers.Dense(2, name="tower")
    joined = k.layers.Concatenate(name="join")([tower(a), tower(b)])
    return k.Model([a, b], [k.layers.Dense(1, name="score")(joined), tower(b)])


def dictionaries(k):
    inputs = {"left": k.Input((3,), name="left"), "right": k.Input((2,), name="right")}
    left = k.layers.Dense(2, name="l")(inputs["left"])
    both = k.layers.Multiply(name="times")([left, inputs["right"]])
    return k.Model(inputs, {"raw": left, "both": both})


def nested(k):
    start = k.Input((4,), name="inner_in")
    inner = k.Model(start, k.layers.Dense(3, name="inner_dense")(start), name="inner")
    chain = k.Sequential([k.Input((3,)), k.layers.Dense(2, name="c")], name="chain")
    x = k.Input((4,), name="x")
    first, second = inner(x), inner(k.layers.ReLU(name="relu")(x))
    return k.Model(x, [chain(first), second], name="outer")


def frozen_and_regularized(k):
    layers = k.layers
    frozen = layers.Dense(3, trainable=False, name="frozen", kernel_constraint="non_neg")
    return k.Sequential(
        [
            k.Input((4,)),
            frozen,
            layers.Dense(2, kernel_regularizer=k.regularizers.L2(0.1), name="t"),
        ]
    )


def arithmetic(k):
    x, y = k.Input((4,), name="x"), k.Input((4,), name="y")
    z = (x + y) * 2.0 - x / 3.0
    z = k.ops.concatenate([z[:, 1:], -y], axis=-1)
    z = k.ops.reshape(k.ops.exp(z), (-1, 7, 1))
    return k.Model([x, y], k.ops.mean(z, axis=1, keepdims=True))


def more_ops(k):
    x = k.Input((4, 3), name="x")
    y = k.ops.transpose(k.ops.softmax(x, axis=-1), (0, 2, 1))
    z = k.ops.matmul(y, x)
    parts = k.ops.split(k.ops.clip(z, 0.1, 0.4), 3, axis=1)
    stacked = k.ops.stack([parts[0], parts[2]], axis=1)
    return k.Model(x, k.ops.squeeze(k.ops.maximum(stacked, 0.2), axis=2))


UNARY = """
    abs arccos arctan ceil cos cosh exp expm1 floor isfinite isnan log log10 log1p logical_not
    negative reciprocal round sign sin sqrt square tan tanh erf rsqrt celu elu gelu hard_sigmoid
    hard_silu leaky_relu log_sigmoid relu relu6 selu sigmoid silu softplus softsign
"""
ALONG = """
    all any argmax argmin argsort count_nonzero cumprod cumsum expand_dims flip log_softmax
    logsumexp max mean median min norm prod softmax sort std sum var
"""
BINARY = """
    add arctan2 divide equal floor_divide greater hypot less logaddexp logical_and maximum minimum
    mod multiply not_equal power subtract
"""


def all_ops(k):
    x, y = k.Input((4,), name="x"), k.Input((4,), name="y")
    outputs = [getattr(k.ops, name)(x) for name in UNARY.split()]
    outputs += [getattr(k.ops, name)(x, axis=1) for name in ALONG.split()]
    outputs += [getattr(k.ops, name)(x, y) for name in BINARY.split()]
    outputs += [k.ops.cast(x, "int32"), k.ops.one_hot(k.ops.cast(x, "int32"), 3)]
    outputs += [k.ops.where(x > 0.5, x, 0.0), k.ops.einsum("ij,kj->ik", x, y), k.ops.tile(x, 2)]
    outputs += [k.ops.repeat(x, 2, axis=1), k.ops.take(x, [0, 2], axis=1), k.ops.top_k(x, 2)[0]]
    return k.Model([x, y], outputs)


def float16_layers(k):
    x = k.Input((4,), name="x")
    y = k.layers.Dense(3, dtype="mixed_bfloat16", name="half")(x)
    return k.Model(x, k.layers.Dense(1, dtype="float32", name="top")(y))


BUILDERS = (
    dense_chain, convnet, text_model, residual, shared_layer, dictionaries, nested,
    frozen_and_regularized, arithmetic, more_ops, float16_layers,
)  # fmt: skip
by_model = pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)


def names(model):
    return [layer.name for layer in model.layers]


def shapes(model):
    return [tuple(variable.shape) for variable in model.weights]


def sample(model):
    def array(tensor):
        shape = [2 if size is None else size for size in tensor.shape]
        return RNG.integers(0, 9, shape) if "int" in str(tensor.dtype) else RNG.normal(size=shape)

    arrays = [array(tensor).astype(str(tensor.dtype)) for tensor in model.inputs]
    if isinstance(model.input, dict):
        return dict(zip(sorted(model.input), arrays, strict=True))
    return arrays if len(arrays) > 1 else arrays[0]


def leaves(outputs):
    if isinstance(outputs, dict):
        outputs = [outputs[key] for key in sorted(outputs)]
    return [np.asarray(o, "float32") for o in (outputs if isinstance(outputs, list) else [outputs])]


def assert_same(ours, theirs, tolerance=1e-5):
    assert names(ours) == names(theirs)
    assert shapes(ours) == shapes(theirs)
    frozen = [[variable.trainable for variable in model.weights] for model in (ours, theirs)]
    assert frozen[0] == frozen[1]
    ours.set_weights([np.asarray(weight.value) for weight in theirs.weights])
    x = sample(ours)
    for got, expected in zip(leaves(ours(x)), leaves(theirs(x)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.oracle
@by_model
def test_keras_configuration_loads_here(build, keras_oracle):
    theirs = build(keras_oracle)
    ours = keras.models.model_from_json(theirs.to_json())
    assert_same(ours, theirs, 1e-2 if build is float16_layers else 1e-5)


@pytest.mark.oracle
@by_model
def test_our_configuration_loads_in_keras(build, keras_oracle):
    ours = build(keras)
    theirs = keras_oracle.models.model_from_json(ours.to_json())
    assert_same(ours, theirs, 1e-2 if build is float16_layers else 1e-5)


@by_model
def test_configuration_is_stable(build):
    model = build(keras)
    text = model.to_json()
    assert keras.models.model_from_json(text).to_json() == text
    again = type(model).from_config(json.loads(json.dumps(model.get_config())))
    assert names(again) == names(model)
    assert shapes(again) == shapes(model)


@by_model
@pytest.mark.parametrize("way", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copy_is_equal(build, way):
    model = build(keras)
    made = way(model)
    assert names(made) == names(model)
    for old, new in zip(model.variables, made.variables, strict=True):
        assert old is not new
        np.testing.assert_array_equal(old.numpy(), new.numpy())
    x = sample(model)
    for got, expected in zip(leaves(made(x)), leaves(model(x)), strict=True):
        np.testing.assert_array_equal(got, expected)


@by_model
def test_clone_has_new_weights(build):
    model = build(keras)
    made = keras.models.clone_model(model, recursive=True)
    assert_same(made, model)
    assert not {id(v) for v in made.variables} & {id(v) for v in model.variables}


@pytest.mark.oracle
def test_every_op_is_written_as_keras_writes_it(keras_oracle):
    ours, theirs = all_ops(keras), all_ops(keras_oracle)
    read = keras_oracle.models.model_from_json(ours.to_json())
    here = keras.models.model_from_json(theirs.to_json())
    assert [o.shape for o in read.outputs] == [o.shape for o in theirs.outputs]
    assert [o.shape for o in here.outputs] == [o.shape for o in ours.outputs]
    kinds = [
        {(e["module"], e["class_name"]) for e in json.loads(m.to_json())["config"]["layers"]}
        for m in (ours, theirs)
    ]
    assert kinds[0] == kinds[1]


@pytest.mark.oracle
@pytest.mark.parametrize("built", [False, True])
def test_delayed_sequential(built, keras_oracle):
    models = [delayed_chain(keras), delayed_chain(keras_oracle)]
    if built:
        models = [model for model in models if model.build((None, 4)) is None]
    for source, target in ((models[0], keras_oracle), (models[1], keras)):
        loaded = target.models.model_from_json(source.to_json())
        assert loaded.built == built
        assert names(loaded) == ["a", "b"]
        assert shapes(loaded) == (shapes(source) if built else [])


def test_keras_2_format_loads():
    dense = {"name": "d", "units": 2, "activation": "linear"}
    layers = [
        {"class_name": "InputLayer", "name": "in", "inbound_nodes": [],
         "config": {"batch_shape": [None, 3], "dtype": "float32", "name": "in"}},
        {"class_name": "Dense", "name": "d", "config": dense,
         "inbound_nodes": [[["in", 0, 0, {}]]]},
    ]  # fmt: skip
    config = {"name": "old", "layers": layers, "input_layers": [["in", 0, 0]]}
    config["output_layers"] = [["d", 0, 0]]
    model = keras.models.model_from_json(json.dumps({"class_name": "Functional", "config": config}))
    assert shapes(model) == [(3, 2), (2,)]


def test_model_from_the_middle_of_a_graph():
    whole = dense_chain(keras)
    part = keras.Model(whole.layers[0].output, whole.layers[1].output)
    made = keras.models.model_from_json(part.to_json())
    assert made.input_shape == (None, 4)
    assert shapes(made) == [(4, 2), (2,)]


def test_layer_in_outer_and_inner_model_stays_shared():
    shared = keras.layers.Dense(3, name="shared")
    start = keras.Input((3,), name="i")
    inner = keras.Model(start, shared(start), name="inner")
    x = keras.Input((3,), name="x")
    model = keras.Model(x, shared(inner(x)))
    for made in (copy.deepcopy(model), keras.models.model_from_json(model.to_json())):
        assert made.get_layer("shared") is made.get_layer("inner").get_layer("shared")
        assert len(made.weights) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["layers"][1].update(class_name="Dens"), r"Nearest names: .'Dense'"),
        (lambda c: c["output_layers"].__setitem__(0, "nowhere"), "'nowhere'"),
        (
            lambda c: c["layers"][1]["inbound_nodes"][0]["args"][0]["config"].update(
                keras_history=["f", 0, 0]
            ),
            "loop or refers to missing layers",
        ),
    ],
)
def test_bad_configuration_says_why(change, message):
    entry = json.loads(residual(keras).to_json())
    change(entry["config"])
    with pytest.raises(ValueError, match=message):
        keras.models.model_from_json(json.dumps(entry))


def test_layers_of_one_name_cannot_be_saved():
    x = keras.Input((2,))
    y = keras.layers.Dense(2, name="same")(keras.layers.Dense(2, name="same")(x))
    with pytest.raises(ValueError, match=r"two named 'same'|should be unique"):
        keras.Model(x, y).to_json()


class Scale(keras.layers.Layer):
    """Nothing but a constructor argument: Keras finds the configuration itself."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


class Tower(keras.Model):
    """A subclassed model with a constructor argument and no `get_config`."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(units)
        self.scale = Scale(2.0)

    def call(self, inputs):
        return self.scale(self.hidden(inputs))


def test_subclassed_model():
    model = Tower(units=4, name="tower")
    x = np.ones((2, 3), "float32")
    expected = np.asarray(model(x))
    assert model.get_config()["units"] == 4
    made = copy.deepcopy(model)
    np.testing.assert_array_equal(np.asarray(made(x)), expected)
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(model))(x)), expected)
    loaded = keras.models.model_from_json(model.to_json(), {"Tower": Tower})
    assert shapes(loaded) == shapes(model)
    assert shapes(keras.models.clone_model(model)) == shapes(model)
    with pytest.raises(ValueError, match="Could not find 'Tower'"):
        keras.models.model_from_json(model.to_json())


def test_custom_layer_in_a_functional_model():
    x = keras.Input((2,))
    model = keras.Model(x, Scale(3.0, name="scale")(x))
    loaded = keras.models.model_from_json(model.to_json(), {"Scale": Scale})
    assert loaded.get_layer("scale").factor == 3.0
    with keras.saving.custom_object_scope({"Scale": Scale}):
        assert isinstance(keras.models.model_from_json(model.to_json()).layers[1], Scale)
    for made in (copy.deepcopy(model), keras.models.clone_model(model)):
        assert made.layers[1].factor == 3.0


def test_clone_function_and_call_function():
    model = residual(keras)

    def wider(layer):
        config = layer.get_config()
        if layer.name == "f":
            config["activation"] = "relu"
        return type(layer).from_config(config)

    made = keras.models.clone_model(model, clone_function=wider)
    assert made.get_layer("f").activation.__name__ == "relu"

    def with_dropout(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        return keras.layers.Dropout(0.1)(outputs) if layer.name == "f" else outputs

    made = keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=with_dropout
    )
    assert [type(layer).__name__ for layer in made.layers][2] == "Dropout"
    assert made.get_layer("f") is model.get_layer("f")


def test_clone_on_given_inputs():
    fresh = keras.Input((4,), name="fresh")
    made = keras.models.clone_model(residual(keras), input_tensors=fresh)
    assert made.input is fresh
    chain = keras.models.clone_model(dense_chain(keras), keras.Input((5,), name="other"))
    assert chain.input.name == "other"
    with pytest.raises(ValueError, match=r"in the structure of `model.input`"):
        keras.models.clone_model(residual(keras), input_tensors=[fresh, fresh])
    with pytest.raises(ValueError, match="no calls to replace"):
        keras.models.clone_model(dense_chain(keras), call_function=lambda layer, x: x)
