"""Which parameter goes where: by prefix, and by the names that a builder takes."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

PREFIXES = ("model", "optimizer", "loss", "metrics", "callbacks", "compile", "fit", "predict")
Params = Mapping[str, Any]
Names = tuple[frozenset[str], bool]
_NAMES: WeakKeyDictionary[Any, Names] = WeakKeyDictionary()  # reading a signature takes 0.1 ms


def is_routed(name: str) -> bool:
    """Return whether a name has one of the prefixes: `optimizer__learning_rate`."""
    prefix, separator, rest = name.partition("__")
    return bool(separator and rest) and prefix in PREFIXES


def under(params: Params, prefix: str) -> dict[str, Any]:
    """Return the parameters of a prefix by their names without it."""
    start = f"{prefix}__"
    return {name[len(start) :]: value for name, value in params.items() if name.startswith(start)}


def names_of(function: Callable[..., Any]) -> Names:
    """Return the arguments that a function takes by name, and whether it takes any others."""
    if not isinstance(function, FunctionType):
        return _names_of(function)
    if function not in _NAMES:
        _NAMES[function] = _names_of(function)
    return _NAMES[function]


def _names_of(function: Callable[..., Any]) -> Names:
    found = inspect.signature(function).parameters.values()
    named = (one.name for one in found if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY))
    return frozenset(named), any(one.kind is one.VAR_KEYWORD for one in found)


@lru_cache(64)
def own_names(cls: type) -> frozenset[str]:
    """Return the arguments that a class and those above it name."""
    return frozenset[str]().union(*(names_of(one.__init__)[0] for one in cls.__mro__))


def builder_arguments(
    builder: Callable[..., Any], own: Params, extra: Params, offered: Params
) -> dict[str, Any]:
    """Return what to call a builder with.

    Args:
        builder: the function that returns a model.
        own: the estimator's own parameters, passed where the builder names them.
        extra: the user's parameters for it, passed in any case.
        offered: what else can be told, passed where the builder names it.
    """
    named, _ = names_of(builder)
    known = {**own, **offered}
    return {name: known[name] for name in named & set(known)} | dict(extra)


def check_names(given: Iterable[str], known: Iterable[str], owner: str) -> None:
    """Refuse parameters that go nowhere.

    Raises:
        ValueError: naming the nearest ones that there are.
    """
    known = sorted(known)
    for name in given:
        if name in known or is_routed(name):
            continue
        near = difflib.get_close_matches(name, known, n=3) or known
        raise ValueError(
            f"Invalid parameter {name!r} for estimator {owner}: neither one of its own, nor an "
            f"argument of its builder. Expected one of {near}, or a name with a prefix "
            f"({', '.join(f'{prefix}__' for prefix in PREFIXES)}). Received: {name!r}"
        )
