"""What people pass to `fit` and `evaluate`: arrays, or something that gives batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.keras.training.arrays import Rows, as_rows, split_rows, unpack_rows, warn_of_nan
from graphc.keras.training.batches import BatchFeed
from graphc.keras.training.feed import Feed
from graphc.keras.training.host import on_host
from graphc.keras.training.sources import refuse_beside, source_of
from graphc.runtime.step import Mode

BATCH_SIZE = 32


@dataclass(frozen=True)
class Given:
    """The data of one call, as it came."""

    x: Any
    y: Any = None
    sample_weight: Any = None

    @classmethod
    def unpack(cls, data: Any) -> Given:
        """Return what `validation_data` holds: (x, y), (x, y, sample_weight), or batches.

        Raises:
            ValueError: any other number of parts.
        """
        if source_of(data) is not None:
            return cls(data)
        return cls(*unpack_rows(data))

    def split(self, model: Any, share: float) -> tuple[Given, Given]:
        """Return the data to train on, and the last share of it to validate on.

        Raises:
            ValueError: it is not arrays, or too few rows.
        """
        if source_of(self.x) is not None:
            raise ValueError(
                "`validation_split` is only supported for Tensors or NumPy arrays. "
                f"Received: x of type {type(self.x).__name__}"
            )
        rows = as_rows(on_host(model, self.x), self.y, self.sample_weight)
        first, last = split_rows(rows, share)
        return Given(*first.structure), Given(*last.structure)

    def feed(
        self,
        model: Any,
        mode: Mode,
        batch_size: Any,
        limit: int | None,
        *,
        shuffle: bool = False,
        weights: Any = None,
    ) -> Feed | BatchFeed:
        """Return the data bound to a model's steps.

        Args:
            model: the model.
            mode: what its steps do.
            batch_size: rows of a step, where the data is arrays.
            limit: steps of an epoch; all when None.
            shuffle: whether every epoch has an order of its own.
            weights: of classes, which become weights of rows.

        Raises:
            ValueError: what was passed does not go together, or is no data.
        """
        source = source_of(self.x)
        if source is not None:
            refuse_beside(
                source,
                y=(self.y, "the targets"),
                sample_weight=(self.sample_weight, "the sample weights"),
            )
            return BatchFeed(
                model, mode, source, shuffle=shuffle, class_weight=weights, limit=limit
            )
        rows: Rows = as_rows(on_host(model, self.x), self.y, self.sample_weight, weights)
        if mode == "train":
            warn_of_nan(rows)
        size = batch_size_of(batch_size, rows.count, limit)
        return Feed(model, mode, rows, size, shuffle=shuffle, limit=limit)


def batch_size_of(batch_size: Any, count: int, steps: int | None) -> int:
    """Return the rows of a step: as asked, else so that `steps` steps use all, else 32."""
    if batch_size is not None:
        return whole_number(batch_size, "batch_size", least=1)
    return -(-count // steps) if steps else BATCH_SIZE


def whole_number(value: Any, argument: str, least: int = 0) -> int:
    """Return an argument that is to be a whole number of at least so much.

    Raises:
        ValueError: it is not.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= least:
        return int(value)
    raise ValueError(
        f"Expected `{argument}` to be {'a positive' if least else 'a non-negative'} integer. "
        f"Received: {argument}={value!r} (of type {type(value).__name__})"
    )
