"""How code runs: on the host, inside a trace, in branches and loops of one; and what it prints."""

from __future__ import annotations

import builtins
import logging
import sys
from collections.abc import Callable
from enum import Enum
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.scope import current_trace
from graphc.keras.tree import map_structure
from graphc.tensorflow.tensor import as_tensor, plain

custom_gradient = ops.custom_gradient


class UnconnectedGradients(Enum):
    """What a tape gives for a source that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


def executing_eagerly() -> bool:
    """Return whether what is computed is computed at once, outside of any step or function."""
    return current_trace() is None


def get_logger() -> logging.Logger:
    """Return the logger that TensorFlow writes to, and nothing here does."""
    return logging.getLogger("tensorflow")


def print(*inputs: Any, output_stream: Any = None, sep: str = " ", end: str = "\n") -> None:
    """Print tensors and whatever else; to the standard error stream, as TensorFlow does."""
    builtins.print(*inputs, sep=sep, end=end, file=output_stream or sys.stderr)


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    name: str | None = None,
) -> Any:
    """Return what one of two functions returns.

    Raises:
        TypeError: a function is missing.
    """
    if not callable(true_fn) or not callable(false_fn):
        raise TypeError(f"Expected two functions. Received: {true_fn!r} and {false_fn!r}")
    return ops.cond(pred, true_fn, false_fn)


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: int | None = None,
    name: str | None = None,
) -> Any:
    """Return the variables of a loop that goes on while `cond` of them is true."""
    return ops.while_loop(cond, body, loop_vars, maximum_iterations=maximum_iterations)


def map_fn(fn: Callable[..., Any], elems: Any, *args: Any, **options: Any) -> Any:
    """Return what a function makes of each row, stacked; options are accepted."""
    return ops.map(fn, map_structure(ops.convert_to_tensor, elems))


def vectorized_map(fn: Callable[..., Any], elems: Any, *args: Any, **options: Any) -> Any:
    """Return what a function makes of each row, all at once."""
    return ops.vectorized_map(fn, map_structure(ops.convert_to_tensor, elems))


def numpy_function(
    func: Callable[..., Any], inp: Any, Tout: Any = None, stateful: bool = True, name: Any = None
) -> Any:
    """Return what a function makes of arrays of NumPy, in the dtypes `Tout`."""
    return _typed(func(*map(plain, inp)), Tout)


def py_function(func: Callable[..., Any], inp: Any, Tout: Any = None, name: Any = None) -> Any:
    """Return what a function makes of tensors whose numbers are there, in the dtypes `Tout`."""
    return _typed(func(*map(as_tensor, inp)), Tout)


def _typed(found: Any, dtypes: Any) -> Any:
    if isinstance(dtypes, (list, tuple)):
        return tuple(as_tensor(one, dtype) for one, dtype in zip(found, dtypes, strict=True))
    return as_tensor(found, dtypes)
