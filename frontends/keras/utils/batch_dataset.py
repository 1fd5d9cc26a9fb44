"""`BatchDataset`: batches of NumPy arrays that can be iterated over again and again."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphc.keras.engine.structure import map_structure


@dataclass(frozen=True, eq=False)
class BatchDataset:
    """A re-iterable of elements: batches, or single samples where it is not batched.

    Args:
        passes: makes the iterator of one pass over the data.
        length: how many elements a pass has.
        class_names: the names of the classes, in the order of their labels; None without labels.
        file_paths: the files the samples are read from, in the order of the index.
        batched: whether the elements are batches.
    """

    passes: Callable[[], Iterator[Any]]
    length: int
    class_names: list[str] | None = None
    file_paths: list[str] | None = None
    batched: bool = True

    def __iter__(self) -> Iterator[Any]:
        return self.passes()

    def __len__(self) -> int:
        return self.length

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Return an iterator over the elements."""
        return iter(self)

    def map(self, map_func: Callable[..., Any], **options: Any) -> BatchDataset:
        """Return a data set of what a function makes of each element.

        Args:
            map_func: takes the parts of an element (one argument where it is no tuple).
            options: `num_parallel_calls` and the like, which have no effect here.
        """

        def mapped(element: Any) -> Any:
            return map_func(*element) if isinstance(element, tuple) else map_func(element)

        return replace(self, passes=lambda: (mapped(element) for element in self))

    def take(self, count: int) -> BatchDataset:
        """Return a data set of the first `count` elements; -1 for all."""
        kept = self.length if count < 0 else min(count, self.length)
        return replace(self, passes=lambda: itertools.islice(iter(self), kept), length=kept)

    def skip(self, count: int) -> BatchDataset:
        """Return a data set without the first `count` elements; -1 for none of them."""
        gone = self.length if count < 0 else min(count, self.length)
        return replace(
            self,
            passes=lambda: itertools.islice(iter(self), gone, None),
            length=self.length - gone,
        )

    def cache(self) -> BatchDataset:
        """Return a data set that keeps the elements of its first full pass in memory."""
        kept: list[Any] = []

        def passes() -> Iterator[Any]:
            if kept:
                yield from kept
                return
            read = []
            for element in self:
                read.append(element)
                yield element
            kept[:] = read

        return replace(self, passes=passes)

    def prefetch(self, buffer_size: int = -1) -> BatchDataset:
        """Return the data set as it is: `fit` reads ahead by itself."""
        return self

    def repeat(self, count: int | None = None) -> BatchDataset:
        """Return a data set of `count` passes over this one.

        Raises:
            ValueError: no count: the data set must end (`fit` repeats it for every epoch).
        """
        if count is None or count < 0:
            raise ValueError(
                "A data set without end has no length. Expected `repeat(count)`, or no `repeat`: "
                f"`fit` begins a new pass with every epoch. Received: count={count}"
            )
        passes = (self.passes for _ in range(count))
        made = list(passes)
        return replace(
            self,
            passes=lambda: itertools.chain.from_iterable(one() for one in made),
            length=self.length * count,
        )

    def shuffle(
        self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True
    ) -> BatchDataset:
        """Return a data set that gives the elements (batches, where it is batched) in random order.

        Args:
            buffer_size: how many elements are held to choose the next one from.
            seed: of the order; drawn from Python's `random` when not given.
            reshuffle_each_iteration: whether every pass has an order of its own.
        """
        seed = random.getrandbits(31) if seed is None else seed
        numbers = itertools.count()

        def passes() -> Iterator[Any]:
            number = next(numbers) if reshuffle_each_iteration else 0
            return _drawn(iter(self), max(1, buffer_size), np.random.default_rng([seed, number]))

        return replace(self, passes=passes)

    def unbatch(self) -> BatchDataset:
        """Return a data set of the single samples.

        Its length takes a pass over the data to find.
        """

        def passes() -> Iterator[Any]:
            for batch in self:
                yield from (row_of(batch, index) for index in range(rows_of(batch)))

        return replace(self, passes=passes, length=sum(map(rows_of, self)), batched=False)

    def batch(self, batch_size: int, drop_remainder: bool = False) -> BatchDataset:
        """Return a data set whose elements are `batch_size` of these, stacked."""

        def passes() -> Iterator[Any]:
            for group in groups(iter(self), batch_size):
                if len(group) == batch_size or not drop_remainder:
                    yield stacked(group)

        full, rest = divmod(self.length, batch_size)
        return replace(
            self, passes=passes, length=full + (rest > 0 and not drop_remainder), batched=True
        )

    def __repr__(self) -> str:
        return f"<BatchDataset of {self.length} elements>"


def _drawn(elements: Iterator[Any], size: int, rng: np.random.Generator) -> Iterator[Any]:
    """Yield elements, each drawn from the next `size`."""
    held = list(itertools.islice(elements, size))
    while held:
        place = int(rng.integers(len(held)))
        held[place], last = held[-1], held[place]
        held.pop()
        held.extend(itertools.islice(elements, 1))
        yield last


def groups(elements: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of `size` elements; the last may be shorter."""
    while group := list(itertools.islice(elements, size)):
        yield group


def stacked(samples: Sequence[Any]) -> Any:
    """Return samples (structures of arrays of equal shape) as one structure of arrays."""
    return map_structure(lambda *leaves: np.stack(leaves), *samples)


def rows_of(batch: Any) -> int:
    """Return how many samples a batch has."""
    first = batch[0] if isinstance(batch, tuple) else batch
    return len(first)


def row_of(batch: Any, index: int) -> Any:
    """Return one sample of a batch."""
    return map_structure(lambda leaf: leaf[index], batch)


def shuffled_passes(count: int, seed: int | None) -> Callable[[], np.ndarray]:
    """Return a function that gives the order of samples of each further pass.

    Without a seed, they stay in order; with one, every pass has an order of its own.
    """
    numbers = itertools.count()

    def order() -> np.ndarray:
        if seed is None:
            return np.arange(count)
        return np.random.default_rng([seed, next(numbers)]).permutation(count)

    return order


def batched(
    load: Callable[[int], Any],
    count: int,
    *,
    batch_size: int | None,
    seed: int | None,
    collate: Callable[[Sequence[Any]], Any] = stacked,
    class_names: list[str] | None = None,
    file_paths: list[str] | None = None,
) -> BatchDataset:
    """Return a data set of samples that are read one by one when they are needed.

    Args:
        load: returns the sample of a number from 0 to `count - 1`.
        count: how many samples there are.
        batch_size: samples of a batch; None for a data set of single samples.
        seed: of the order of each pass; None to keep the order.
        collate: makes a batch of samples.
        class_names: see `BatchDataset`.
        file_paths: see `BatchDataset`.
    """
    order = shuffled_passes(count, seed)

    def passes() -> Iterator[Any]:
        samples = (load(int(index)) for index in order())
        if batch_size is None:
            return samples
        return (collate(group) for group in groups(samples, batch_size))

    length = count if batch_size is None else -(-count // batch_size)
    return BatchDataset(passes, length, class_names, file_paths, batch_size is not None)
