"""Tables of measured choices: read from files, joined, and named by what they hold.

A choice is a pure function of the target, so a target carries the name of the table it goes by:
the same name always means the same choices.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

VERSION = 1
FOLDER = Path(__file__).parent  # of the tables that come with the package


@dataclass(frozen=True)
class Entry:
    """The fastest of some alternatives, and the seconds that each took."""

    best: str
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def times(self) -> str:
        """What each alternative took, as text."""
        return ", ".join(f"{name} {s * 1e3:.3g} ms" for name, s in self.seconds.items())

    @property
    def reason(self) -> str:
        """Why the best one is chosen."""
        return f"measured: {self.times or 'the fastest here'}"

    @property
    def unknown(self) -> str:
        """Why the best one is not chosen where there is no such alternative."""
        return f"{self.best!r}, which was measured to be the fastest, is not known any more"

    def reason_against(self, other: str) -> str:
        """Return how another alternative compares."""
        if other not in self.seconds or self.best not in self.seconds:
            return f"{self.best} was measured to be faster here"
        times = self.seconds[other] / self.seconds[self.best]
        return f"measured: {times:.2f} times the time of {self.best}"


Table = dict[str, Entry]
TABLES: dict[str, Table] = {"": {}}


def read(path: Path) -> Table:
    """Return the table in a file; an empty one where there is none, or none that can be read."""
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if stored["version"] != VERSION:
            return {}
        return {key: Entry(row["best"], row["seconds"]) for key, row in stored["choices"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write(path: Path, table: Table, facts: Mapping[str, Any]) -> None:
    """Put a table into a file, whole or not at all; `facts` tell where it was measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    choices = {key: asdict(table[key]) for key in sorted(table)}
    text = json.dumps({"version": VERSION, **facts, "choices": choices}, indent=1)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    Path(name).replace(path)


def load(paths: Iterable[Path]) -> str:
    """Read tables, later ones before earlier ones, and return the name of what they make."""
    table: Table = {}
    for path in paths:
        table |= read(path)
    if not table:
        return ""
    choices = sorted((key, entry.best) for key, entry in table.items())
    name = hashlib.sha256(json.dumps(choices).encode()).hexdigest()[:16]
    TABLES[name] = table
    return name
