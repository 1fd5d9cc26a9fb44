"""`with_defaults`: one constructor for layers whose signatures differ in defaults only."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from types import FunctionType
from typing import Any


def with_defaults(function: Callable[..., Any], **defaults: Any) -> Callable[..., Any]:
    """Return a copy of a Python function whose parameters have these defaults."""
    assert isinstance(function, FunctionType)
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    found = {name: value.default for name, value in signature(function).parameters.items()}
    values = {name: defaults.get(name, found[name]) for name in names}
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        tuple(value for value in values.values() if value is not Parameter.empty),
        function.__closure__,
    )
    copy.__annotations__ = dict(function.__annotations__)
    copy.__doc__ = function.__doc__
    return copy
