"""Adaptive pooling, cropping and padding defaults, and pooling arguments against Keras's."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.layers.checking import CHECKS, MARKS, check_in_models, draw, first_of_each, ids

pytestmark = MARKS

STEPS = {"x": (2, 9, 3)}
IMAGE = {"x": (2, 7, 9, 3)}
VOLUME = {"x": (2, 5, 6, 4, 2)}
FIRST = {"data_format": "channels_first"}
STEPS_FIRST = {"x": (2, 3, 9)}
IMAGE_FIRST = {"x": (2, 3, 7, 9)}
VOLUME_FIRST = {"x": (2, 2, 5, 6, 4)}
KINDS = ("Average", "Max")

ADAPTIVE = [
    case
    for kind in KINDS
    for case in (
        (f"Adaptive{kind}Pooling1D", {"output_size": 4}, STEPS),
        (f"Adaptive{kind}Pooling1D", {"output_size": (3,), **FIRST}, STEPS_FIRST),
        (f"Adaptive{kind}Pooling2D", {"output_size": 3}, IMAGE),
        (f"Adaptive{kind}Pooling2D", {"output_size": [1, 2]}, IMAGE),
        (f"Adaptive{kind}Pooling2D", {"output_size": (1, 4), **FIRST}, IMAGE_FIRST),
        (f"Adaptive{kind}Pooling2D", {"output_size": 2, "dtype": "mixed_bfloat16"}, IMAGE),
        (f"Adaptive{kind}Pooling2D", {"output_size": 2}, {**IMAGE, "dtype": "float64"}),
        (f"Adaptive{kind}Pooling3D", {"output_size": 2}, VOLUME),
        (f"Adaptive{kind}Pooling3D", {"output_size": (2, 3, 1), **FIRST}, VOLUME_FIRST),
    )
]
WINDOWED = [
    case
    for kind in KINDS
    for case in (
        (f"{kind}Pooling1D", {"pool_size": 3, "strides": 2, **FIRST}, STEPS_FIRST),
        (f"{kind}Pooling1D", {"pool_size": 2, "dtype": "float16"}, STEPS),
        (f"{kind}Pooling2D", {"pool_size": 2, "padding": "same"}, IMAGE),
        (f"{kind}Pooling2D", {"pool_size": (3, 2), "strides": (2, 3), "padding": "same"}, IMAGE),
        (f"{kind}Pooling2D", {"pool_size": 3, "strides": 1, **FIRST}, IMAGE_FIRST),
        (f"{kind}Pooling2D", {"pool_size": 2, "dtype": "mixed_bfloat16"}, IMAGE),
        (f"{kind}Pooling2D", {"pool_size": 2}, {**IMAGE, "dtype": "float64"}),
        (f"{kind}Pooling3D", {"pool_size": (2, 1, 2), "padding": "same"}, VOLUME),
        (f"{kind}Pooling3D", {"pool_size": 2, "strides": 1, **FIRST}, VOLUME_FIRST),
        (f"Global{kind}Pooling1D", {"keepdims": True, **FIRST}, STEPS_FIRST),
        (f"Global{kind}Pooling2D", {"dtype": "float16"}, IMAGE),
        (f"Global{kind}Pooling3D", {"keepdims": True, **FIRST}, VOLUME_FIRST),
    )
]
CASES = [
    *ADAPTIVE,
    *WINDOWED,
    ("MaxPooling1D", {}, STEPS),
    ("MaxPooling2D", {}, IMAGE),
    ("MaxPooling3D", {}, VOLUME),
    ("Cropping3D", {}, VOLUME),
    ("ZeroPadding3D", {}, VOLUME),
]


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_layer(keras, kind, case):
    CHECKS[kind](keras, *case)


@pytest.mark.parametrize("case", first_of_each(ADAPTIVE), ids=ids(first_of_each(ADAPTIVE)))
def test_in_models(keras, case):
    check_in_models(keras, *case)


BAD_ARGUMENTS = [
    ("AdaptiveMaxPooling1D", {"output_size": (2, 3)}, ValueError),
    ("AdaptiveMaxPooling1D", {"output_size": "2"}, TypeError),
    ("AdaptiveAveragePooling1D", {"output_size": None}, TypeError),
    ("AdaptiveAveragePooling2D", {"output_size": (2,)}, TypeError),
    ("AdaptiveMaxPooling2D", {"output_size": 2.5}, TypeError),
    ("AdaptiveMaxPooling3D", {"output_size": (2, 3)}, TypeError),
    ("AdaptiveMaxPooling2D", {"output_size": 2, "data_format": "first"}, ValueError),
    ("MaxPooling2D", {"pool_size": (2, 0)}, ValueError),
    ("MaxPooling2D", {"pool_size": (2, 2, 2)}, ValueError),
    ("AveragePooling1D", {"pool_size": 2, "strides": -1}, ValueError),
    ("MaxPooling3D", {"data_format": "last"}, ValueError),
]


@pytest.mark.parametrize(("name", "arguments", "error"), BAD_ARGUMENTS)
def test_bad_arguments(keras, name, arguments, error):
    with pytest.raises(error):
        getattr(keras.layers, name)(**arguments)
    with pytest.raises(error, match="Received"):
        getattr(ours.layers, name)(**arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_windows_as_elements_change_nothing(kind):
    x = draw((2, 7, 3))  # Keras divides 7 by 7 in float32, with windows beyond the end
    np.testing.assert_array_equal(getattr(ours.layers, f"Adaptive{kind}Pooling1D")(7)(x), x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0, -2])
def test_an_adaptive_size_is_positive(kind, size):
    with pytest.raises(ValueError, match="Received"):
        getattr(ours.layers, f"Adaptive{kind}Pooling2D")(size)


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("AdaptiveAveragePooling2D", {"output_size": (2, 3)}, (None, None, None, 3)),
        ("AdaptiveMaxPooling1D", {"output_size": 2, **FIRST}, (None, 3, None)),
        ("AveragePooling2D", {"pool_size": 2, "padding": "same"}, (None, None, 6, 3)),
    ],
)
def test_unknown_sizes(keras, name, arguments, shape):
    found, expected = (
        getattr(library.layers, name)(**arguments)(library.KerasTensor(shape)).shape
        for library in (ours, keras)
    )
    assert found == expected


def test_a_window_larger_than_its_input_is_refused():
    with pytest.raises(ValueError, match="Received"):
        ours.layers.MaxPooling2D(4)(draw((2, 3, 5, 1)))
