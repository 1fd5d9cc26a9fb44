"""Writing each epoch's metrics to a table file."""

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Writes one row an epoch: its index, then the metrics in alphabetical order.

    Where the first epoch has no validation, empty (`NA`) columns are kept for it, because a
    later epoch may have one.

    Args:
        filename: the file.
        separator: what separates the columns.
        append: adds rows to an existing file instead of replacing it.
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self._has_header = False
        self._size = 0  # bytes of the file that belong to this run, or are kept from before

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.keys = None
        file = Path(self.filename)
        self._size = file.stat().st_size if self.append and file.exists() else 0
        self._has_header = self._size > 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if self.keys is None:
            self.keys = _columns(logs)
        header = [] if self._has_header else [["epoch", *self.keys]]
        self._has_header = True
        row = [epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)]
        self._write([*header, row])

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.keys is None:
            self._write([])

    def _write(self, rows: list[list[Any]]) -> None:
        """Open the file for one write only, so that a run cut short leaves nothing open.

        What is in it past `_size` was written after the snapshot that this run resumed from.
        """
        with Path(self.filename).open("a", newline="") as file:
            file.truncate(self._size)
            csv.writer(file, delimiter=self.sep).writerows(rows)
        self._size = Path(self.filename).stat().st_size


def _columns(logs: Logs) -> list[str]:
    names = sorted(logs)
    if any(name.startswith("val_") for name in names):
        return names
    return names + [f"val_{name}" for name in names]


def _cell(value: Any) -> Any:
    if np.ndim(value) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'
