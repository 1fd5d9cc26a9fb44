"""What the oracle tables of `keras.ops` promise: a case is a function and its arguments.

Arguments may hold `Tensor`s, drawn in each dtype of the case, made into KerasTensors of an unknown
batch, or into symbols of a trace.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.body import Body
from graphc.keras import KerasTensor, ops
from graphc.keras.engine.scope import TraceScope, entered
from graphc.spec import TensorSpec

ALL = ("float32", "float16", "bfloat16", "int32", "uint8", "bool")
FLOATS, WHOLE, COUNTS = ALL[:3], ("int32", "uint8"), ("int32", "uint8", "bool")
TOLERANCE = {"float32": 1e-5, "complex64": 1e-5, "float16": 5e-3, "bfloat16": 3e-2}


@dataclass(frozen=True)
class Tensor:
    """How to draw one argument; `dtype` None is the dtype that varies."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    dtype: str | None = None
    batched: bool = True  # whether axis 0 is unknown in a KerasTensor
    make: Callable[[np.ndarray], np.ndarray] | None = None

    def draw(self, dtype: str, seed: int) -> jax.Array:
        """Numbers of `dtype`, the same for the same seed."""
        dtype, rng = self.dtype or dtype, np.random.default_rng(seed)
        if dtype == "bool":
            values = rng.integers(0, 2, self.shape) > 0
        elif dtype in COUNTS or dtype in ("int8", "uint32", "int16"):
            low = max(int(self.low), 0) if dtype.startswith("u") else int(self.low)
            values = rng.integers(low, max(int(self.high), low + 1) + 1, self.shape)
        else:
            values = rng.uniform(self.low, self.high, self.shape)
        made = values if self.make is None else self.make(values)
        with np.errstate(invalid="ignore"):  # NaN is some whole number too
            return jnp.asarray(made, dtype)


def t(*shape: int, **settings: Any) -> Tensor:
    """A tensor of the varying dtype."""
    return Tensor(shape, **settings)


def ids(*shape: int, high: int = 2, **settings: Any) -> Tensor:
    """Indices from 0 (or `low`) to `high`, as int32."""
    return Tensor(shape, high=high, dtype="int32", **{"low": 0, **settings})


def fixed(*shape: int, **settings: Any) -> Tensor:
    """A tensor whose whole shape is known."""
    return Tensor(shape, batched=False, **settings)


@dataclass(frozen=True)
class Case:
    """One call: the function's name, its arguments and the dtypes to try."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ALL
    symbolic: bool = True  # whether Keras announces its result for an unknown batch
    traced: bool = True  # whether the result's shape does not depend on the numbers
    rtol: float = 1.0  # times the tolerance

    def __str__(self) -> str:
        settings = ",".join(f"{k}={v}" for k, v in self.kwargs.items() if not isinstance(v, Tensor))
        return f"{self.name}-{settings}" if settings else self.name


def c(name: str, *args: Any, **kwargs: Any) -> Case:
    """A case in every dtype."""
    return Case(name, args, kwargs)


def tensors_of(structure: Any) -> list[Tensor]:
    """The tensors among the arguments, in order."""
    if isinstance(structure, Tensor):
        return [structure]
    if isinstance(structure, dict):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        return [tensor for item in structure for tensor in tensors_of(item)]
    return []


def filled(structure: Any, values: list[Any]) -> Any:
    """The arguments with each tensor replaced by the next of `values`, which it empties."""
    if isinstance(structure, Tensor):
        return values.pop(0)
    if isinstance(structure, dict):
        return {key: filled(item, values) for key, item in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(filled(item, values) for item in structure)
    return structure


def called(library: Any, case: Case, values: list[Any]) -> Any:
    """What the function of `library` returns for these values of the tensors."""
    args, kwargs = filled((case.args, case.kwargs), list(values))
    return getattr(library, case.name)(*args, **kwargs)


def drawn(case: Case, dtype: str) -> list[jax.Array]:
    """The numbers of all tensors of a case."""
    return [x.draw(dtype, seed) for seed, x in enumerate(tensors_of((case.args, case.kwargs)))]


def leaves(result: Any) -> list[Any]:
    """The tensors of a result."""
    return jax.tree.leaves(result, is_leaf=lambda x: hasattr(x, "shape"))


def assert_same(ours: Any, theirs: Any, rtol: float = 1.0) -> None:
    """Check structure, shapes, dtypes and numbers."""
    if isinstance(theirs, (tuple, list)):
        assert isinstance(ours, (tuple, list)) and len(ours) == len(theirs)
    for mine, one in zip(leaves(ours), leaves(theirs), strict=True):
        assert described(mine) == described(one)
        tolerance = TOLERANCE.get(str(one.dtype), 0.0) * rtol
        np.testing.assert_allclose(wide(mine), wide(one), rtol=tolerance, atol=tolerance)


def wide(x: Any) -> np.ndarray:
    """Numbers in a dtype that NumPy subtracts."""
    x = np.asarray(x)
    return x if x.dtype.kind in "biuc" else x.astype("float64")


def check_eager(keras: Any, case: Case, dtype: str) -> None:
    """Equal numbers and dtypes, wherever Keras has an answer."""
    values = drawn(case, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = called(keras.ops, case, values)
        except Exception as error:  # noqa: BLE001 : whatever Keras fails with, it has no answer
            pytest.skip(f"Keras refuses: {type(error).__name__}")
        assert_same(called(ops, case, values), theirs, case.rtol)


def described(result: Any) -> list[tuple[Any, str]]:
    """Shape and dtype of every tensor."""
    return [(tuple(x.shape), str(x.dtype)) for x in leaves(result)]


def check_symbolic(keras: Any, case: Case, dtype: str) -> None:
    """KerasTensors of an unknown batch get the shapes and dtypes that Keras announces."""
    ours = described(called(ops, case, unknown(case, KerasTensor, dtype)))
    try:
        announced = described(called(keras.ops, case, unknown(case, keras.KerasTensor, dtype)))
    except Exception:  # noqa: BLE001 : some of Keras's functions cannot take an unknown batch
        announced = None
    if ours == announced:
        return
    # Where Keras announces what it does not return, what it returns counts.
    returned = described(called(keras.ops, case, drawn(case, dtype)))
    assert announced is None or not agree(announced, returned), (ours, announced)
    assert agree(ours, returned), (ours, returned)


def unknown(case: Case, tensor: Any, dtype: str) -> list[Any]:
    """The tensors of a case as KerasTensors of an unknown batch."""
    return [
        tensor((None, *x.shape[1:]) if x.batched and x.shape else x.shape, x.dtype or dtype)
        for x in tensors_of((case.args, case.kwargs))
    ]


def agree(announced: list[tuple[Any, str]], returned: list[tuple[Any, str]]) -> bool:
    """Whether shapes and dtypes are the same as far as they are known."""
    pairs = list(zip(announced, returned, strict=False))
    return len(announced) == len(returned) and all(
        a[1] == b[1]
        and len(a[0]) == len(b[0])
        and all(size in (None, known) for size, known in zip(a[0], b[0], strict=True))
        for a, b in pairs
    )


def check_traced(case: Case, dtype: str) -> None:
    """Inside a trace the function emits a graph that computes the same."""
    values = drawn(case, dtype)
    scope = TraceScope()
    symbols = [scope.input(TensorSpec(x.shape, str(x.dtype))) for x in values]
    with entered(scope):
        result = called(ops, case, symbols)
    graph = scope.builder.finish([scope.as_value(x) for x in leaves(result)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = leaves(called(ops, case, values))
        assert_same(Body(graph)(*values), tuple(expected), case.rtol)


def eager_cases(cases: list[Case]) -> list[Any]:
    """Every case in each of its dtypes."""
    return [
        pytest.param(case, dtype, id=f"{index}-{case}-{dtype}")
        for index, case in enumerate(cases)
        for dtype in case.dtypes
    ]


def chosen(cases: list[Case], flag: str) -> list[Any]:
    """Every case of which `flag` holds, in its first dtype."""
    return [
        pytest.param(case, case.dtypes[0], id=f"{index}-{case}")
        for index, case in enumerate(cases)
        if getattr(case, flag)
    ]
