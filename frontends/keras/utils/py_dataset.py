"""`PyDataset`: batches by their number, made by the user's code."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

DEFAULTS = {"workers": 1, "use_multiprocessing": False, "max_queue_size": 10}


class PyDataset:
    """The base of data sets whose batches are made by `__getitem__`.

    Subclasses write `__getitem__(index)`, which returns `(x,)`, `(x, y)` or `(x, y, sample_weight)`
    of one batch, and `__len__` or `num_batches` (None where there is no end).

    Args:
        workers: how many threads or processes make batches ahead of their use.
        use_multiprocessing: processes instead of threads.
        max_queue_size: how many batches may wait to be used.
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self._workers = workers
        self._use_multiprocessing = use_multiprocessing
        self._max_queue_size = max_queue_size

    def _option(self, name: str) -> Any:
        if f"_{name}" not in self.__dict__:
            warnings.warn(
                f"The constructor of `{type(self).__name__}` should call "
                "`super().__init__(**kwargs)`, where `**kwargs` can include `workers`, "
                "`use_multiprocessing` and `max_queue_size`.",
                stacklevel=3,
            )
            self.__dict__.update({f"_{key}": value for key, value in DEFAULTS.items()})
        return self.__dict__[f"_{name}"]

    @property
    def workers(self) -> int:
        """How many threads or processes make batches."""
        return self._option("workers")

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = value

    @property
    def use_multiprocessing(self) -> bool:
        """Whether the workers are processes."""
        return self._option("use_multiprocessing")

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = value

    @property
    def max_queue_size(self) -> int:
        """How many batches may wait to be used."""
        return self._option("max_queue_size")

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = value

    def __getitem__(self, index: int) -> Any:
        """Return the batch of this number."""
        raise NotImplementedError(
            f"Expected `{type(self).__name__}` to have a `__getitem__(index)` that returns a batch."
        )

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of an epoch in order; endlessly where their number is not known."""
        try:
            count = self.num_batches
        except NotImplementedError:
            count = None
        for index in itertools.count() if count is None else range(count):
            yield self[index]

    @property
    def num_batches(self) -> int | None:
        """The number of batches of an epoch; None where there is no end.

        Raises:
            NotImplementedError: neither it nor `__len__` was written.
        """
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(
            f"Expected `{type(self).__name__}` to have a property `num_batches`, or `__len__`."
        )

    def on_epoch_begin(self) -> None:
        """Do what is to be done before each epoch."""

    def on_epoch_end(self) -> None:
        """Do what is to be done after each epoch."""
