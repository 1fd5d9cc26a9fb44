"""The rows of trials that are trained as lanes: one copy of them, and who trains on which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.keras.engine.structure import flatten, map_structure, structure_of
from graphc.keras.training.arrays import Rows, as_rows, split_at, warn_of_nan
from graphc.keras_tuner.engine.folds import places

Part = tuple[np.ndarray, np.ndarray | None]  # numbers of rows to train on, and held out


@dataclass(frozen=True)
class LaneRows:
    """All rows: those to train on, and after them those of a `validation_data`.

    Attributes:
        rows: the arrays.
        count: how many of them may be trained on.
    """

    rows: Rows
    count: int

    @classmethod
    def of(cls, given: dict[str, Any]) -> LaneRows | str:
        """Return the rows that arguments of `fit` hold, or why lanes cannot have them.

        Raises:
            ValueError: as `fit` would.
        """
        rows = as_rows(given["x"], given.get("y"), given.get("sample_weight"))
        warn_of_nan(rows)
        validation = given.get("validation_data")
        if validation is None:
            return cls(rows, rows.count)
        held = as_rows(*validation)
        if not _alike(rows, held):
            return "its validation data are of another form"
        parts = map_structure(_joined, rows.structure, held.structure)
        return cls(Rows(*parts), rows.count)

    def parts(self, cv: Any, seed: int, given: dict[str, Any]) -> list[Part]:
        """Return the rows of each training: all, or those of the folds.

        Raises:
            ValueError: there are fewer rows than folds.
        """
        if cv is not None:
            return list(places(cv, seed, given["x"], given.get("y")))
        every, share = np.arange(self.rows.count), given.get("validation_split")
        splits = share and self.count == self.rows.count  # validation data come first, as in `fit`
        at = split_at(self.count, share) if splits else self.count
        return [(every[:at], every[at:] if at < len(every) else None)]


def _alike(one: Rows, other: Rows) -> bool:
    """Return whether the rows of two may stand among each other."""
    if structure_of(one.structure) != structure_of(other.structure):
        return False
    pairs = zip(flatten(one.structure), flatten(other.structure), strict=True)
    return all(
        (a is None) == (b is None)
        and (a is None or (a.shape[1:], a.dtype) == (b.shape[1:], b.dtype))
        for a, b in pairs
    )


def _joined(one: Any, other: Any) -> Any:
    return None if one is None else np.concatenate([one, other])
