"""Measured choices on this machine: what is measured, and the tables that it is kept in.

The table that comes with the package holds first, then the user's own.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import jax

from graphc import config
from graphc.kernels.tuned import FOLDER, Entry, load, read, write
from graphc.programs import cache_folder

MARGIN = 1.15  # how many times faster than the usual one another must be: clocks are not steady


@dataclass(frozen=True)
class Measured:
    """What was measured of one op with one signature, or of a whole program.

    Attributes:
        layers: the layer paths that it stands for.
        usual: what would be chosen without measuring.
        entry: the choice that is kept.
    """

    op: str
    key: str
    layers: tuple[str, ...]
    usual: str
    entry: Entry

    @classmethod
    def of(
        cls, op: str, key: str, layers: tuple[str, ...], usual: str, seconds: Mapping[str, float]
    ) -> Measured:
        """Return the choice by what each alternative took: the usual one unless it is clear."""
        fastest = min(seconds, key=lambda name: seconds[name])
        best = fastest if seconds[usual] > MARGIN * seconds[fastest] else usual
        return cls(op, key, layers, usual, Entry(best, seconds))

    @property
    def gain(self) -> float:
        """How many times faster the choice is than the usual one."""
        return self.entry.seconds[self.usual] / self.entry.seconds[self.entry.best]

    def __str__(self) -> str:
        what = f"{self.gain:.2f}x by" if self.entry.best != self.usual else "kept:"
        best, times = self.entry.best, self.entry.times
        return f"{self.op} in {', '.join(self.layers)}: {what} {best} ({times})"


def device_name() -> str:
    """Return a name for the kind of device, fit for a file's name."""
    device = cast("Any", jax.devices()[0])  # pyright: ignore[reportUnknownMemberType]
    name, kind = str(device.platform), str(device.device_kind)
    if name == "cpu":  # all call themselves "cpu"
        kind = f"{platform.machine()}-{os.cpu_count()}-cores"
    return f"{name}-{kind}".replace(" ", "-").replace("/", "-").lower()


def tables() -> tuple[Path, Path]:
    """Return the files of measured choices for this device: the shipped one, the user's."""
    name = f"{device_name()}.json"
    return FOLDER / name, cache_folder() / "tuned" / name


def measured_choices() -> str:
    """Return the name of the table that holds, which is read once; "" where choices are off.

    A table that another process writes meanwhile holds from the next process on: what is compiled
    twice within one is compiled alike.
    """
    return _loaded(cache_folder()) if config.TUNED.value else ""


def choose_anew() -> None:
    """Read the tables again, after this process wrote one."""
    _loaded.cache_clear()


@cache
def _loaded(folder: Path) -> str:
    del folder  # another one has another table
    return load(tables())


def keep(rows: Iterable[Measured], path: str | Path | None = None) -> Path:
    """Add choices to a table on disk, the user's by default, and go by it from now on."""
    file = tables()[1] if path is None else Path(path)
    table = read(file) | {row.key: row.entry for row in rows}
    write(file, table, {"device": device_name(), "jax": jax.__version__})
    choose_anew()
    return file
