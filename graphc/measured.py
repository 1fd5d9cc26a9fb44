"""Which table of measured choices holds on this machine: the shipped one, then the user's own."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path
from typing import Any, cast

import jax

from graphc import config
from graphc.kernels.tuned import FOLDER, load
from graphc.programs import cache_folder


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
