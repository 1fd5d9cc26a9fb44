"""Data that comes in batches: data sets, data loaders, generators and other iterables."""

from __future__ import annotations

import multiprocessing
import types
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.keras.utils.py_dataset import PyDataset

ENDLESS = -1  # TensorFlow's cardinality of what has no end


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Source:
    """What makes batches.

    Attributes:
        kind: what errors call it.
        passes: makes the iterator of one pass; is given the order of the batches, where there is
            one.
        count: the batches of a pass; None where it is not known, or there is no end.
        ordered: whether batches have numbers, so that `fit` can shuffle them.
        once: whether there is one pass only, which goes on from epoch to epoch.
        endless: whether a pass is known to have no end.
        begin, end: called before and after every epoch.
    """

    kind: str
    passes: Callable[[Sequence[int] | None], Iterator[Any]]
    count: int | None = None
    ordered: bool = False
    once: bool = False
    endless: bool = False
    begin: Callable[[], None] = _nothing
    end: Callable[[], None] = _nothing


def source_of(x: Any) -> Source | None:
    """Return what makes batches from `x`; None where `x` is arrays."""
    for known, make in KINDS:
        if known(x):
            return make(x)
    return None


def parts_of(element: Any, source: Source) -> tuple[Any, ...]:
    """Return (x,), (x, y) or (x, y, sample_weight) of a batch.

    Raises:
        ValueError: a tuple of another length, or no tuple from a generator.
    """
    parts = tuple(element) if isinstance(element, (tuple, list)) else (element,)
    if source.once and not isinstance(element, tuple):
        raise ValueError(
            f"When passing a Python {source.kind} to a Keras model, it must return a tuple, either "
            f"(input,) or (inputs, targets) or (inputs, targets, sample_weights). "
            f"Received: {_shown(element)}"
        )
    if not 1 <= len(parts) <= 3:
        raise ValueError(
            f"Expected a {source.kind} to give (x,), (x, y) or (x, y, sample_weight). "
            f"Received: a batch of {len(parts)} parts"
        )
    return parts


def refuse_beside(source: Source, **arguments: tuple[Any, str]) -> None:
    """Raise where something was passed that a source's batches are to hold themselves.

    Args:
        source: the source.
        arguments: the value and a description of each, by name.

    Raises:
        ValueError: one of them is not None.
    """
    for name, (value, description) in arguments.items():
        if value is not None:
            raise ValueError(
                f"When providing `x` as a {source.kind}, `{name}` should not be passed. Instead, "
                f"{description} should be included as part of the {source.kind}."
            )


def _shown(element: Any) -> str:
    return f"{type(element).__name__} {element!r}"[:200]


def _is_a(name: str, module: str) -> Callable[[Any], bool]:
    """Return a test for objects of a class of a library that need not be installed."""

    def test(x: Any) -> bool:
        return any(
            parent.__name__ == name and (parent.__module__ or "").startswith(module)
            for parent in type(x).__mro__
        )

    return test


def _is_iterable(x: Any) -> bool:
    held = (list, tuple, Mapping, str, bytes, np.ndarray)
    return not isinstance(x, held) and not hasattr(x, "shape") and isinstance(x, Iterable)


def _length(x: Any) -> int | None:
    try:
        return len(x)
    except (TypeError, NotImplementedError):
        return None


def _from_py_dataset(x: PyDataset) -> Source:
    try:
        count = x.num_batches
    except NotImplementedError:
        count = None

    def passes(order: Sequence[int] | None) -> Iterator[Any]:
        indices: Iterable[int] = order if order is not None else range(count or 1 << 62)
        return made_ahead(
            x.__getitem__, indices, x.workers, x.use_multiprocessing, x.max_queue_size
        )

    ordered = count is not None
    return Source("PyDataset", passes, count, ordered, begin=x.on_epoch_begin, end=x.on_epoch_end)


def _from_loader(x: Any) -> Source:
    return Source("torch DataLoader", lambda _: iter(x), _length(x))


def _from_tensorflow(x: Any) -> Source:
    count = int(x.cardinality())
    return Source(
        "tf.data.Dataset",
        lambda _: x.as_numpy_iterator(),
        count if count >= 0 else None,
        endless=count == ENDLESS,
    )


def _from_generator(x: Iterator[Any]) -> Source:
    return Source("generator", lambda _: x, once=True)


def _from_iterable(x: Any) -> Source:
    return Source(type(x).__name__, lambda _: iter(x), _length(x))


# The first that holds; everything else is arrays.
KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Source]], ...] = (
    (lambda x: isinstance(x, PyDataset), _from_py_dataset),
    (_is_a("DataLoader", "torch.utils.data"), _from_loader),
    (lambda x: hasattr(x, "cardinality") and _is_iterable(x), _from_tensorflow),
    (lambda x: isinstance(x, (types.GeneratorType, Iterator)), _from_generator),
    (_is_iterable, _from_iterable),
)


def made_ahead(
    make: Callable[[int], Any], indices: Iterable[int], workers: int, processes: bool, ahead: int
) -> Iterator[Any]:
    """Yield `make(index)` in order, made by so many workers at most `ahead` before their use.

    Where processes cannot be forked, threads do the work.
    """
    processes = processes and "fork" in multiprocessing.get_all_start_methods()
    if workers <= 1 and not processes:
        yield from map(make, indices)
        return
    with _pool(make, workers, processes) as pool:
        call = _Made.run if processes else make
        waiting: deque[Future[Any]] = deque()
        try:
            for index in indices:
                waiting.append(pool.submit(call, index))
                if len(waiting) >= max(1, ahead):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class _Made:
    """What a worker process calls: inherited by the fork, so that nothing is pickled."""

    make: Callable[[int], Any]

    @classmethod
    def run(cls, index: int) -> Any:
        """Make one batch."""
        return cls.make(index)


def _pool(make: Callable[[int], Any], workers: int, processes: bool) -> Executor:
    if not processes:
        return ThreadPoolExecutor(max(1, workers), thread_name_prefix="graphc-batches")
    _Made.make = make
    with warnings.catch_warnings():
        # The workers compute with NumPy alone: they never enter JAX, whose threads they lack.
        warnings.filterwarnings("ignore", message=".*fork", category=RuntimeWarning)
        warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
        context = multiprocessing.get_context("fork")
        pool = ProcessPoolExecutor(max(1, workers), context)
        pool.submit(_nothing).result()  # starts the first process here, under these filters
    return pool
