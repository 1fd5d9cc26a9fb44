"""The surface of `graphc.keras.ops` against Keras's: names, signatures, and a table for each."""

from __future__ import annotations

import inspect
import types
from importlib import import_module

import numpy as np
import pytest

from graphc.keras import KerasTensor, ops
from tests.keras.ops import (
    test_arrangement_oracle,
    test_elementwise_oracle,
    test_linalg_oracle,
    test_nn_oracle,
    test_reduction_oracle,
)

keras = import_module("keras")
pytestmark = pytest.mark.oracle

FAMILIES = (
    test_arrangement_oracle,
    test_elementwise_oracle,
    test_linalg_oracle,
    test_nn_oracle,
    test_reduction_oracle,
)
# Functions with tests of another shape, in these files or in their neighbours.
ELSEWHERE = (
    "associative_scan cond fori_loop map scan switch vectorized_map while_loop stft istft "
    "dot_product_attention custom_gradient jvp vectorize convert_to_numpy dtype is_tensor ndim "
    "shape size"
)


def names(module) -> list[str]:
    public = {n: v for n, v in vars(module).items() if not n.startswith("_")}
    return sorted(n for n, v in public.items() if not isinstance(v, types.ModuleType))


def test_every_function_has_cases():
    tried = {case.name for family in FAMILIES for case in family.CASES}
    tried |= {name for name, _, _ in test_arrangement_oracle.CREATED}
    assert set(names(keras.ops)) - tried - set(ELSEWHERE.split()) == set()


@pytest.mark.parametrize("name", names(keras.ops))
def test_signatures_are_those_of_keras(name):
    ours = inspect.signature(getattr(ops, name)).parameters.values()
    theirs = inspect.signature(getattr(keras.ops, name)).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


@pytest.mark.parametrize("space", ["numpy", "nn", "linalg"])
def test_namespaces_hold_the_same_functions(space):
    module = getattr(ops, space)
    for name in names(getattr(keras.ops, space)):
        assert getattr(module, name) is getattr(ops, name), name


def test_lists_of_keras_tensors():
    x = KerasTensor((None, 3))
    assert ops.concatenate([x, x], axis=1).shape == (None, 6)
    assert ops.stack([x, x], axis=1).shape == (None, 2, 3)
    assert ops.einsum("bi,bj->bij", x, x).shape == (None, 3, 3)
    assert ops.where(x > 0, x, 0.0).dtype == "float32"
    assert (x[:, 1:] * 2 + 1).shape == (None, 2)
    assert ops.shape(x) == (None, 3)
    assert ops.size(x) is None
    assert not ops.is_tensor(x)


def test_lists_of_arrays_and_numbers():
    x = np.arange(6.0, dtype="float32").reshape(2, 3)
    for call in (
        lambda k: k.concatenate([x, [[1, 2, 3]]]),
        lambda k: k.stack([[1, 2], [3, 4]], axis=1),
        lambda k: k.sum([[1, 2], [3, 4]], axis=0),
        lambda k: k.matmul(x, [1.0, 2.0, 3.0]),
        lambda k: k.where(np.array([True, False]), np.array([1, 2]), 2.5),
        lambda k: k.repeat(x, np.array([1, 2]), axis=0),
        lambda k: k.mean(x, axis=[0, 1]),
    ):
        ours, theirs = np.asarray(call(ops)), np.asarray(call(keras.ops))
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs)
