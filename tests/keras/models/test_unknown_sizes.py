"""Tensors of which one knows a size that another does not: shapes as Keras has them, numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc import keras

ops, layers = keras.ops, keras.layers
# What Keras 3.15.1 says of a [None, 4, 4] with b [None, None, 4]; layers may know more than theirs.
SHAPES: dict[str, tuple[Callable[[Any, Any], Any], tuple[int | None, ...]]] = {
    "sum": (lambda a, b: a + b, (None, 4, 4)),
    "maximum": (ops.maximum, (None, 4, 4)),
    "where": (lambda a, b: ops.where(a > 0, a, b), (None, 4, 4)),
    "product": (ops.matmul, (None, 4, 4)),
    "join": (lambda a, b: ops.concatenate([a, b], axis=-1), (None, 4, 8)),
    "join layer": (lambda a, b: layers.Concatenate(axis=-1)([a, b]), (None, 4, 8)),
    "sum layer": (lambda a, b: layers.Add()([a, b]), (None, 4, 4)),
    "stack": (lambda a, b: ops.stack([a, b]), (2, None, 4, 4)),
    "einsum": (lambda a, b: a + layers.EinsumDense("abc,cd->abd", (None, 4))(a), (None, 4, 4)),
    "both unknown": (lambda a, b: b + b, (None, None, 4)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_size_that_is_not_known_is_that_which_it_meets(name: str) -> None:
    build, shape = SHAPES[name]
    a, b = keras.Input((4, 4)), keras.Input((None, 4))
    output = build(a, b)
    assert output.shape == shape
    x, y = np.random.RandomState(0).rand(2, 3, 4, 4).astype("float32")
    model = keras.Model([a, b], [output, a, b])
    found = model.predict([x, y], verbose=0)[0]
    np.testing.assert_allclose(found, np.asarray(model([x, y])[0]), rtol=1e-6)
    if name != "einsum":  # whose layer draws new weights each time
        np.testing.assert_allclose(found, np.asarray(build(x, y)), rtol=1e-5)


def test_products_find_the_size_that_fits() -> None:
    a, b = keras.Input((5, 7)), keras.Input((None, 4))
    assert ops.matmul(a, b).shape == (None, 5, 4)


def test_what_fits_nothing_is_refused_with_the_sizes_as_given() -> None:
    with pytest.raises((TypeError, ValueError), match=r"incompatible|cannot"):
        keras.Input((4, 4)) + keras.Input((None, 3))
