"""`tf.debugging`: checks of numbers and shapes. Of tensors in a trace, only shapes are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from graphc.keras import ops
from graphc.keras.engine.tensor import KerasTensor, Symbol
from graphc.tensorflow.absent import absent
from graphc.tensorflow.errors import InvalidArgumentError
from graphc.tensorflow.tensor import is_tensor


def _comparison(holds: Callable[[Any, Any], Any], relation: str, name: str) -> Callable[..., None]:
    def check(
        x: Any, y: Any, message: str | None = None, summarize: Any = None, name: Any = None
    ) -> None:
        _assert(holds, (x, y), f"Expected x {relation} y, element by element.", message)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Raise InvalidArgumentError unless x {relation} y, element by element."
    return check


def _sign(holds: Callable[[Any], Any], description: str, name: str) -> Callable[..., None]:
    def check(x: Any, message: str | None = None, summarize: Any = None, name: Any = None) -> None:
        _assert(holds, (x,), f"Expected {description} numbers.", message)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Raise InvalidArgumentError unless all numbers are {description}."
    return check


def _assert(
    holds: Callable[..., Any], tensors: tuple[Any, ...], expected: str, message: str | None
) -> None:
    if any(isinstance(one, (Symbol, KerasTensor)) for one in tensors):
        return
    arrays = [np.asarray(one) for one in tensors]
    if not np.all(holds(*arrays)):
        shown = " and ".join(np.array2string(array, threshold=8) for array in arrays)
        raise InvalidArgumentError(f"{message or ''} {expected} Received: {shown}".strip())


assert_equal = _comparison(np.equal, "==", "assert_equal")
assert_greater = _comparison(np.greater, ">", "assert_greater")
assert_greater_equal = _comparison(np.greater_equal, ">=", "assert_greater_equal")
assert_less = _comparison(np.less, "<", "assert_less")
assert_less_equal = _comparison(np.less_equal, "<=", "assert_less_equal")
assert_none_equal = _comparison(np.not_equal, "!=", "assert_none_equal")
assert_near = _comparison(np.isclose, "≈", "assert_near")
assert_negative = _sign(lambda x: x < 0, "negative", "assert_negative")
assert_non_negative = _sign(lambda x: x >= 0, "non-negative", "assert_non_negative")
assert_non_positive = _sign(lambda x: x <= 0, "non-positive", "assert_non_positive")
assert_positive = _sign(lambda x: x > 0, "positive", "assert_positive")


def assert_all_finite(x: Any, message: str, name: str | None = None) -> Any:
    """Return the tensor.

    Raises:
        InvalidArgumentError: a number of it is infinite or none.
    """
    _assert(np.isfinite, (x,), "Expected finite numbers.", message)
    return x


check_numerics = assert_all_finite


def assert_rank(x: Any, rank: int, message: str | None = None, name: str | None = None) -> None:
    """Do nothing.

    Raises:
        ValueError: the tensor has another number of dimensions.
    """
    _check(len(ops.shape(x)) == rank, f"Expected {rank} dimensions.", x, message)


def assert_rank_at_least(x: Any, rank: int, message: str | None = None, name: Any = None) -> None:
    """Do nothing.

    Raises:
        ValueError: the tensor has fewer dimensions.
    """
    _check(len(ops.shape(x)) >= rank, f"Expected at least {rank} dimensions.", x, message)


def assert_shapes(
    shapes: Iterable[tuple[Any, Iterable[Any]]], message: str | None = None, name: Any = None
) -> None:
    """Do nothing.

    Args:
        shapes: tensors beside their shapes, in which names stand for sizes that are to be equal,
            None for any.
        message: what the error begins with.
        name: no effect.

    Raises:
        ValueError: a tensor of another shape.
    """
    known: dict[str, Any] = {}
    for x, expected in shapes.items() if isinstance(shapes, dict) else shapes:
        sizes, wanted = tuple(ops.shape(x)), tuple(expected)
        fits = len(sizes) == len(wanted) and all(
            want is None or size == (known.setdefault(want, size) if type(want) is str else want)
            for size, want in zip(sizes, wanted, strict=True)
        )
        _check(fits, f"Expected shape {wanted} with {known}.", x, message)


def _check(holds: bool, expected: str, x: Any, message: str | None) -> None:
    if not holds:
        raise ValueError(f"{message or ''} {expected} Received: shape {ops.shape(x)}".strip())


def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: Any = None) -> None:
    """Do nothing.

    Raises:
        TypeError: the tensor has another dtype.
    """
    if not is_tensor(tensor) or tensor.dtype != tf_type:
        received = getattr(tensor, "dtype", type(tensor).__name__)
        raise TypeError(f"{message or ''} Expected dtype {tf_type}. Received: {received}".strip())


def Assert(condition: Any, data: Any, summarize: Any = None, name: Any = None) -> None:  # noqa: N802
    """Do nothing.

    Raises:
        InvalidArgumentError: the condition does not hold; `data` is shown.
    """
    _assert(lambda x: x, (condition,), f"Expected a condition to hold: {data}.", None)


__getattr__ = absent("tensorflow.debugging", globals())
