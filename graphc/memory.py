"""Freed memory that stays with the process for the length of a run on the CPU.

XLA takes a step's temporary memory from malloc and frees it after the step. Blocks of megabytes
come from the kernel each time and go back each time, so every step of a convolutional model pays
ten thousand page faults: a fifth of its time and more. While a run lasts, malloc keeps them.
"""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache

from graphc import config
from graphc.spec import Target

# Names and numbers of glibc's malloc.h. The second column are its own defaults, but for the mmap
# threshold, which glibc would raise to that by itself had nobody set any of these.
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
KEEP = {MMAP_MAX: 0, TRIM_THRESHOLD: (1 << 31) - 1}
USUAL = {MMAP_THRESHOLD: 32 << 20, TRIM_THRESHOLD: 64 << 20, MMAP_MAX: 65536}


@cache
def _libc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # no such thing as "the program itself" on Windows
        return None
    return library if hasattr(library, "gnu_get_libc_version") else None


class _Keeper:
    """Counts the runs under way, so that the last one to end restores the usual settings."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = 0

    def change(self, by: int) -> None:
        """Count a run in (+1) or out (-1)."""
        with self._lock:
            before, self._runs = self._runs, self._runs + by
            if 0 in (before, self._runs):
                self._set(KEEP if self._runs else USUAL)

    def _set(self, options: dict[int, int]) -> None:
        library = _libc()
        for option, value in options.items():
            if library is not None:
                library.mallopt(option, value)


_KEEPER = _Keeper()


@contextmanager
def kept(target: Target) -> Generator[None]:
    """Keep freed memory for the next step, where steps run on the CPU and glibc is there."""
    if target.platform != "cpu" or not config.KEEP_MEMORY.value or _libc() is None:
        yield
        return
    _KEEPER.change(+1)
    try:
        yield
    finally:
        _KEEPER.change(-1)


@contextmanager
def old_objects_kept() -> Generator[None]:
    """Leave objects that exist already out of garbage collections; new ones are collected.

    The libraries alone are a quarter of a million objects, and to walk them takes an eighth of a
    second: as long as building and tracing ten models.
    """
    if gc.get_freeze_count():  # by the user, or by a run around this one
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
