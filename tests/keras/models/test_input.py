"""`Input` and `InputLayer`: what they take, and what contradicts itself."""

import pytest

from graphc import keras


def symbol(shape=(4, 3)):
    return keras.KerasTensor(shape, dtype="int32", name="given")


@pytest.mark.parametrize(
    ("arguments", "batch_shape"),
    [
        ({"shape": (3,)}, (None, 3)),
        ({"shape": [3, None], "batch_size": 2}, (2, 3, None)),
        ({"batch_shape": (2, 3)}, (2, 3)),
        ({"batch_input_shape": (None, 5)}, (None, 5)),
        ({"shape": ()}, (None,)),
    ],
)
def test_shapes(arguments, batch_shape):
    layer = keras.layers.InputLayer(**arguments)
    assert layer.batch_shape == layer.output.shape == batch_shape


def test_the_old_name_of_shape_warns():
    with pytest.warns(UserWarning, match="Use `shape` instead"):
        assert keras.layers.InputLayer(input_shape=(3,)).batch_shape == (None, 3)


def test_a_tensor_gives_shape_and_dtype():
    given = symbol()
    layer = keras.layers.InputLayer(input_tensor=given)
    assert layer.output is given
    assert (layer.batch_shape, layer.dtype) == ((4, 3), "int32")


@pytest.mark.parametrize(
    "beside",
    [
        {"shape": (5,)}, {"batch_size": 2}, {"batch_shape": (4, 5)}, {"dtype": "float32"},
        {"sparse": True},
    ],
)  # fmt: skip
def test_nothing_may_contradict_the_tensor(beside):
    (name,) = beside
    with pytest.raises(ValueError, match=f"incompatible `{name}`"):
        keras.layers.InputLayer(input_tensor=symbol(), **beside)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "must pass a `shape`"),
        ({"shape": (3,), "batch_shape": (2, 3)}, "both `shape` and `batch_shape`"),
        ({"batch_size": 2, "batch_shape": (2, 3)}, "both `batch_size` and `batch_shape`"),
        ({"shape": (-1,)}, "integers of at least 0"),
        ({"shape": (2.5,)}, "integers of at least 0"),
        ({"shape": (3,), "colour": "red"}, "colour"),
        ({"input_tensor": [1.0, 2.0]}, "must be a KerasTensor"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        keras.layers.InputLayer(**arguments)
