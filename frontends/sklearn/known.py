"""What was trained before its estimator asks for it: the meeting place of a search and `fit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2b
from types import FunctionType
from typing import Any

import joblib
import numpy as np

Give = Callable[[Any, Any, Any], Any]  # (estimator, X, y) -> the estimator, fitted
Find = Callable[[Any, Any, Any], Any]  # (estimator, X, y) -> the estimator, fitted, or None
PLAIN = (str, int, float, bool)
_KNOWN: ContextVar[Find | None] = ContextVar("known", default=None)


def fitted_before(estimator: Any, X: Any, y: Any) -> Any:
    """Return the estimator, fitted by a training that was done already; None where none was."""
    find = _KNOWN.get()
    return None if find is None else find(estimator, X, y)


@contextmanager
def known(find: Find) -> Iterator[None]:
    """Let estimators ask this for their trainings."""
    token = _KNOWN.set(find)
    try:
        yield
    finally:
        _KNOWN.reset(token)


def params_key(estimator: Any) -> Any:
    """Return what is equal for estimators of equal parameters."""
    params = estimator.get_params(deep=False)
    return type(estimator), tuple((name, frozen(value)) for name, value in sorted(params.items()))


def frozen(value: Any) -> Any:
    """Return something hashable: functions are themselves, all else is what it is made of."""
    if isinstance(value, (FunctionType, type)) or value is None:
        return value
    if type(value) in PLAIN:
        return type(value), repr(value)  # of which NaN is equal to NaN
    return joblib.hash(value)


def digest(array: Any) -> Any:
    """Return a digest of an array's contents; of anything else what joblib makes of it."""
    if not isinstance(array, np.ndarray) or array.dtype.hasobject:
        return joblib.hash(array)
    whole = np.ascontiguousarray(array)
    return (
        blake2b(whole.view(np.uint8).reshape(-1), digest_size=16).digest(),
        whole.shape,
        str(whole.dtype),
    )
