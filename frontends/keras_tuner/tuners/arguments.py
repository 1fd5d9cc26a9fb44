"""Which keyword arguments of a search are its oracle's, and which the tuner's."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import Any

from graphc.keras_tuner.engine.base_tuner import BaseTuner
from graphc.keras_tuner.engine.oracle import Oracle
from graphc.keras_tuner.engine.tuner import Tuner

FOR_ORACLE = set(inspect.signature(Oracle).parameters)
FOR_TUNER = {*inspect.signature(Tuner).parameters, *inspect.signature(BaseTuner).parameters}


def parted(tuner: type, kwargs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of the oracle, and those of the tuner.

    Raises:
        TypeError: there is no such argument; the message names those that are near.
    """
    known = (FOR_ORACLE | FOR_TUNER) - {"kwargs", "oracle"}
    for name in kwargs:
        if name in known:
            continue
        near = get_close_matches(name, known)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise TypeError(f"{tuner.__name__} has no argument '{name}'.{hint}")
    for_oracle = {name: value for name, value in kwargs.items() if name in FOR_ORACLE}
    return for_oracle, {name: value for name, value in kwargs.items() if name not in FOR_ORACLE}
