"""Tracebacks without the frames of this package, unless one asks for them."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any

OURS = str(Path(__file__).resolve().parents[1])


@dataclass
class _Filtering:
    """The switch of this process; one instance."""

    enabled: bool = True


_FILTERING = _Filtering()


def enable_traceback_filtering() -> None:
    """Show only frames of the user's code (and of other libraries) in tracebacks."""
    _FILTERING.enabled = True


def disable_traceback_filtering() -> None:
    """Show every frame in tracebacks."""
    _FILTERING.enabled = False


def is_traceback_filtering_enabled() -> bool:
    """Return whether tracebacks leave out the frames of this package."""
    return _FILTERING.enabled


def filter_traceback(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, raising what it raises with a filtered traceback."""

    @wraps(function)
    def filtered(*args: Any, **kwargs: Any) -> Any:
        if not _FILTERING.enabled:
            return function(*args, **kwargs)
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - raised again, all of it
            raise error.with_traceback(_without_ours(error.__traceback__)) from error.__cause__

    return filtered


def _without_ours(frames: TracebackType | None) -> TracebackType | None:
    """Return a traceback of the frames that are not ours; of the last one where all are."""
    found = list(traceback.walk_tb(frames))
    kept = [pair for pair in found if not pair[0].f_code.co_filename.startswith(OURS)]
    inner = None
    for frame, line in reversed(kept or found[-1:]):
        inner = TracebackType(inner, frame, frame.f_lasti, line)
    return inner
