"""The printed summary is the text that Keras prints for the same model."""

import io
import os
import sys
from importlib import import_module

import numpy as np
import pytest

from graphc.keras.models.summary import print_summary

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = import_module("keras")
layers = keras.layers
pytestmark = pytest.mark.oracle


def dense_chain():
    return keras.Sequential([layers.Input((20,)), layers.Dense(64, "relu"), layers.Dense(1)])


def unbuilt():
    return keras.Sequential([layers.Dense(4), layers.Dropout(0.5), layers.Dense(1)])


def compiled_and_fitted():
    model = dense_chain()
    model.compile("adam", "mse")
    model.fit(np.ones((4, 20)), np.ones((4, 1)), verbose=0)
    return model


def functional_chain():
    x = keras.Input((28, 28, 1))
    y = layers.Flatten()(layers.MaxPooling2D()(layers.Conv2D(8, 3, name="filters[1]")(x)))
    return keras.Model(x, layers.Dense(10)(y), name="chain")


def residual():
    x = keras.Input((8,))
    y = layers.Dense(8)(x)
    return keras.Model(x, layers.Add()([x, layers.BatchNormalization()(y)]))


def several_inputs_and_outputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4, 3), name="b")
    pooled = layers.GlobalAveragePooling1D()(b)
    joined = layers.Concatenate()([a, pooled])
    return keras.Model({"a": a, "b": b}, [layers.Dense(2)(joined), layers.Dense(1)(pooled)])


def shared_layer():
    shared, a, b = layers.Dense(3, name="shared"), keras.Input((4,)), keras.Input((4,))
    return keras.Model([a, b], layers.Subtract()([shared(a), shared(b)]))


def layer_called_twice_in_a_chain():
    shared, x = layers.Dense(4), keras.Input((4,))
    return keras.Model(x, shared(shared(x)))


def two_outputs_of_a_chain():
    x = keras.Input((4,))
    y = layers.Dense(3)(x)
    return keras.Model(x, [y, layers.Dense(2)(y)])


def unused_input():
    x, unused = keras.Input((4,)), keras.Input((2,))
    return keras.Model([x, unused], layers.Dense(1)(x))


def branch():
    x = keras.Input((4,))
    return keras.Model(x, [layers.Dense(3)(x), layers.Dense(2)(layers.Dense(5)(x))])


def operators():
    x = keras.Input((4,))
    return keras.Model(x, keras.ops.relu(x * 2.0) + layers.Dense(4)(x))


def layer_with_two_outputs():
    x = keras.Input((4, 3))
    out, h, c = layers.LSTM(5, return_state=True)(x)
    return keras.Model(x, [out, h, c])


def nested():
    inner = keras.Sequential([layers.Input((4,)), dense_of(3), dense_of(4)], name="inner")
    outer_x = keras.Input((4,))
    outer = keras.Model(outer_x, layers.Add()([outer_x, inner(outer_x)]), name="outer")
    return keras.Sequential([layers.Input((4,)), outer, layers.Dense(1)])


def dense_of(units):
    return layers.Dense(units)


def nested_functional():
    x = keras.Input((4,))
    inner = keras.Model(x, layers.Dense(4)(layers.Dense(2)(x)), name="inner")
    y = keras.Input((4,))
    return keras.Model(y, layers.Multiply()([inner(y), inner(inner(y))]))


def frozen():
    model = dense_chain()
    model.layers[0].trainable = False
    return model


def other_dtypes():
    return keras.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(3, dtype="bfloat16"),
            layers.BatchNormalization(dtype="float16"),
        ]
    )


class Subclassed(keras.Model):
    """A model whose output shapes Keras can only work out from what its layers were built with."""

    def __init__(self):
        super().__init__()
        self.first = layers.Dense(4)
        self.second = layers.Dense(2)

    def call(self, x):
        return self.second(self.first(x))


def subclassed():
    model = Subclassed()
    model(np.ones((2, 3), "float32"))
    return model


def subclassed_unbuilt():
    return Subclassed()


def intermediate_input():
    x = keras.Input((4,))
    y = layers.Dense(3)(x)
    z = layers.Dense(2)(y)
    return keras.Model(y, z)


MODELS = [
    dense_chain,
    unbuilt,
    compiled_and_fitted,
    functional_chain,
    residual,
    several_inputs_and_outputs,
    shared_layer,
    layer_called_twice_in_a_chain,
    two_outputs_of_a_chain,
    unused_input,
    branch,
    operators,
    layer_with_two_outputs,
    nested,
    nested_functional,
    frozen,
    other_dtypes,
    subclassed,
    subclassed_unbuilt,
    intermediate_input,
]
OPTIONS = {
    "plain": {},
    "nested": {"expand_nested": True, "show_trainable": True, "line_length": 130},
    "positions": {"line_length": 120, "positions": (0.3, 0.6, 0.8, 1.0)},
}


def texts(model, **options):
    printed = []
    model.summary(print_fn=printed.append, **options)
    expected = list(printed)
    printed.clear()
    print_summary(model, print_fn=printed.append, **options)
    return printed, expected


@pytest.mark.parametrize("options", ["plain", "nested"])
@pytest.mark.parametrize("build", MODELS)
def test_text_is_that_of_keras(build, options):
    ours, theirs = texts(build(), **OPTIONS[options])
    assert ours == theirs


@pytest.mark.parametrize("build", [residual, several_inputs_and_outputs, nested_functional])
def test_positions_are_those_of_keras(build):
    ours, theirs = texts(build(), **OPTIONS["positions"])
    assert ours == theirs


@pytest.mark.parametrize(
    "names", [("dense_1", "dense_2"), ("dense_2", "dense_1"), ("dense.*", "dense_3")]
)
def test_layer_range(names):
    model = keras.Sequential([layers.Dense(2, name=f"dense_{i}") for i in range(5)])
    ours, theirs = texts(model, layer_range=names)
    assert ours == theirs


def test_on_the_screen(capsys):
    model = residual()
    model.summary()
    theirs = capsys.readouterr().out
    print_summary(model)
    assert capsys.readouterr().out == theirs
    assert "Total params: 104 (416.00 B)" in theirs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"line_length": 8}, "Insufficient console width"),
        ({"layer_range": ("a",)}, "two layer names"),
        ({"layer_range": (1, 2)}, "two layer names"),
        ({"layer_range": ("none", "such")}, "to match a layer"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        print_summary(dense_chain(), **options)


def test_memory_units():
    model = keras.Sequential([layers.Input((512,)), layers.Dense(4096)])
    ours, theirs = texts(model)
    assert ours == theirs
    assert "8.02 MB" in ours[0]


def test_ascii_terminal(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    print_summary(nested(), expand_nested=True)
    stream.flush()
    assert b"+ inner (Sequential)" in stream.buffer.getvalue()
