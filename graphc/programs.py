"""The cache of compiled programs: keyed by structure, never by the instance of a model."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any

import jax

from graphc import config

CACHE_FOLDER = "jax_compilation_cache_dir"  # the name of JAX's flag
# Programs dropped after which JAX forgets what it has traced. For each program it keeps jaxprs of
# some forty small functions (a product, a sum) in a cache without bounds: 0.3 MiB. Programs in use
# are traced again with their next call, and the disk has them compiled.
FORGOTTEN = 128
DISK_LIMIT = 1 << 30  # bytes of programs on disk above which the oldest go


@dataclass
class CacheInfo:
    """How often a program was found, made, and dropped; `size` is how many are held."""

    hits: int = 0
    misses: int = 0
    evicted: int = 0
    size: int = 0


class ProgramCache:
    """A bounded map from structural keys to programs; the least recently used goes first.

    Threads may share it: those of a search do.
    """

    def __init__(self) -> None:
        self._lock = RLock()  # what makes a program may ask for others
        self._programs: OrderedDict[Hashable, Any] = OrderedDict()
        self.info = CacheInfo()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return the program of `key`, making it when it is not there."""
        with self._lock:
            return self._get(key, make)

    def _get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        if key in self._programs:
            self.info.hits += 1
            self._programs.move_to_end(key)
            return self._programs[key]
        use_disk_cache()
        self.info.misses += 1
        program = self._programs[key] = make()
        while len(self._programs) > max(1, config.PROGRAMS.value):
            self._programs.popitem(last=False)
            self.info.evicted += 1
            if self.info.evicted % FORGOTTEN == 0:
                jax.clear_caches()
        self.info.size = len(self._programs)
        return program

    def clear(self) -> None:
        """Forget every program and every count."""
        self._programs.clear()
        self.info = CacheInfo()


PROGRAMS = ProgramCache()


def cache_info() -> CacheInfo:
    """Return the counts of the program cache as they are now."""
    return replace(PROGRAMS.info)


def clear_cache() -> None:
    """Forget the compiled programs held in memory (those on disk stay)."""
    PROGRAMS.clear()


def _set(flag: str, value: object) -> None:
    jax.config.update(flag, value)  # pyright: ignore[reportUnknownMemberType]


def use_disk_cache() -> None:
    """Switch JAX's persistent cache on, in the user's cache folder, unless the user chose one."""
    if not config.DISK_CACHE.value or getattr(jax.config, CACHE_FOLDER):
        return
    folder = cache_folder() / "xla"
    folder.mkdir(parents=True, exist_ok=True)
    trim(folder, DISK_LIMIT)
    _set(CACHE_FOLDER, str(folder))
    _set("jax_persistent_cache_min_compile_time_secs", 0.1)


def trim(folder: Path, limit: int) -> None:
    """Delete the files written longest ago until the folder holds at most `limit` bytes.

    JAX can bound the folder itself, but reads every entry again, under a lock, for each that it
    adds: half a second with six thousand of them. Here it is once a process.
    """
    with os.scandir(folder) as entries, suppress(FileNotFoundError):  # others may be at it too
        found = sorted((s.st_mtime, s.st_size, e.path) for e in entries if (s := e.stat()))
        excess = sum(size for _, size, _ in found) - limit
        for _, size, path in found:
            if excess <= 0:
                break
            Path(path).unlink()
            excess -= size


@contextmanager
def own_names() -> Generator[None]:
    """Compile anew rather than take from the disk an equal program with another model's names."""
    flag = "jax_compilation_cache_include_metadata_in_key"
    before = getattr(jax.config, flag)
    _set(flag, True)
    try:
        yield
    finally:
        _set(flag, before)


def cache_folder() -> Path:
    """Return the folder of all that is kept between runs: programs, ceilings, tuned choices."""
    return _folder(config.CACHE_DIR.value, config.XDG_CACHE_HOME.value)


@cache  # each call of a compiled model asks, and making a path takes long beside it
def _folder(own: str, root: str) -> Path:
    if own:
        return Path(own)
    return (Path(root) if root else Path.home() / ".cache") / "graphc"
