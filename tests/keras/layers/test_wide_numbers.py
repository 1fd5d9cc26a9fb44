"""Whole numbers of 64 bits reach the layers on the host; `stateless_call` under `jax.jit`."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from graphc import keras

L = keras.layers


def test_stateless_call_of_dropout_inside_recurrence_is_traced_by_jax() -> None:
    model = keras.Sequential([keras.Input((5, 2)), L.LSTM(3, dropout=0.5), L.Dense(1)])
    groups = model.trainable_variables, model.non_trainable_variables
    values = [[v.value for v in group] for group in groups]
    x = np.ones((4, 5, 2), "float32")

    def call(*given: Any) -> Any:
        return model.stateless_call(*given, x, training=True)

    expected, found = call(*values), jax.jit(call)(*values)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), found, expected)


WIDE = np.array([[5], [2**40], [-(2**40)], [9]])


@pytest.mark.parametrize("between", [[], [L.Reshape((1, 1)), L.Permute((2, 1))]])
@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_host_layers_read_all_bits(between: Any, dtype: str) -> None:
    lookup = L.IntegerLookup(vocabulary=[5, 2**40, -(2**40)])
    model = keras.Sequential([keras.Input((1,), dtype=dtype), *between, lookup])
    x = WIDE if dtype == "int64" else np.abs(WIDE)
    expected = [1, 2, 3, 0] if dtype == "int64" else [1, 2, 2, 0]
    for _ in range(2):
        assert model.predict(x, verbose=0).ravel().tolist() == expected


def test_wide_numbers_are_joined() -> None:
    a, b = (keras.Input((1,), dtype="int64") for _ in "ab")
    lookup = L.IntegerLookup(vocabulary=[5, 2**40, -(2**40)])
    model = keras.Model([a, b], lookup(L.Concatenate()([a, b])))
    assert model.predict([WIDE, WIDE[::-1]], verbose=0).tolist() == [[1, 0], [2, 3], [3, 2], [0, 1]]
