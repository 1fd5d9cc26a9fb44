"""Data too large for the device: segments of rows, uploaded ahead in the background."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any, Generic, TypeVar

import jax
import numpy as np

from graphc import config
from graphc.runtime.data import DeviceData, upload

T = TypeVar("T")
SHARE = 0.4  # of the device's memory that data may take
HOST_BYTES = 8 << 30  # the same where the device is the host and does not tell
SEGMENT_BYTES = 256 << 20


def fits(leaves: Sequence[Any]) -> bool:
    """Return whether arrays can live on the device for a whole run."""
    total = sum(int(np.prod(leaf.shape)) * leaf.dtype.itemsize for leaf in leaves)
    return total <= (config.DATA_BYTES.value or _device_bytes())


def _device_bytes() -> int:
    statistics = jax.devices()[0].memory_stats() or {}
    limit = statistics.get("bytes_limit", 0)
    return int(limit * SHARE) if limit else HOST_BYTES


def segment_steps(leaves: Sequence[Any], batch: int) -> int:
    """Return how many steps of rows one segment holds."""
    row = sum(int(np.prod(leaf.shape[1:])) * leaf.dtype.itemsize for leaf in leaves)
    limit = min(SEGMENT_BYTES, config.DATA_BYTES.value or SEGMENT_BYTES)
    return max(1, limit // max(1, row * batch * 2))  # two segments live at once


def segments(
    leaves: Sequence[Any], rows: np.ndarray, batch: int, steps: int
) -> Iterator[DeviceData]:
    """Yield the data of each `steps` steps, in the order of `rows`; all have one capacity."""
    size = steps * batch

    def make(start: int) -> DeviceData:
        chosen = rows[start : start + size]
        gathered = [np.asarray(leaf)[chosen] for leaf in leaves]
        padded = [_filled(leaf, size) for leaf in gathered]
        return DeviceData(upload(padded, size, batch).arrays, len(chosen))

    return ahead([lambda start=start: make(start) for start in range(0, len(rows), size)])


def _filled(leaf: np.ndarray, rows: int) -> np.ndarray:
    missing = rows - leaf.shape[0]
    if not missing:
        return leaf
    return np.concatenate([leaf, np.broadcast_to(leaf[:1], (missing, *leaf.shape[1:]))])


def ahead(makers: Sequence[Callable[[], T]]) -> Iterator[T]:
    """Yield what each function makes, one made in the background while the last is used.

    An error in the background is raised here; leaving early stops the background.
    """
    with closing(Prefetch((make() for make in makers), 1)) as ready:
        yield from ready


def _nothing(item: Any) -> int:
    del item
    return 0


class Prefetch(Generic[T]):
    """An iterator whose items are made in a background thread, at most `depth` before their use.

    An error in the background is raised where its item would have come. `close` stops the thread.

    Args:
        items: makes them.
        depth: how many may wait.
        size: of an item, in bytes.
        limit: bytes that may wait; a single item may be larger.
    """

    def __init__(
        self,
        items: Iterator[T],
        depth: int,
        size: Callable[[T], int] = _nothing,
        limit: int = SEGMENT_BYTES,
    ) -> None:
        self._ready: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=depth)
        self._size, self._limit, self._waiting = size, limit, 0  # bytes
        self._taken = threading.Condition()
        self._stopped = threading.Event()
        self._ended = False
        self._thread = threading.Thread(
            target=self._work, args=(items,), name="graphc-prefetch", daemon=True
        )
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._ended:
            raise StopIteration
        return self._opened(*self._ready.get())

    def waiting(self, most: int) -> list[T]:
        """Return the items that are ready now, `most` at most."""
        found: list[T] = []
        while len(found) < most and not self._ended and not self._ready.empty():
            if self._ready.queue[0][0] != "item":
                break  # the end, or an error, is for `next`
            found.append(next(self))
        return found

    def close(self) -> None:
        """Stop the thread; one that is still making an item is left to end by itself."""
        self._stopped.set()
        with self._taken:
            self._taken.notify_all()
        with suppress(queue.Full):
            self._ready.put_nowait(("end", None))  # for another thread that waits for an item
        self._thread.join(timeout=0.5)  # Ctrl-C is to stop within a second

    def _opened(self, kind: str, content: Any) -> T:
        if kind == "item":
            self._weigh(-self._size(content))
            return content
        self._ended = True
        if kind == "error":
            raise content
        raise StopIteration

    def _work(self, items: Iterator[T]) -> None:
        try:
            for item in items:
                self._weigh(self._size(item))
                if not self._offer("item", item):
                    return
            self._offer("end", None)
        except BaseException as error:  # noqa: BLE001  (handed to the consumer, whatever it is)
            self._offer("error", error)

    def _offer(self, kind: str, content: Any) -> bool:
        while not self._stopped.is_set():
            try:
                self._ready.put((kind, content), timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def _weigh(self, change: int) -> None:
        """Count the bytes of an item that was made or taken; wait while there is no room."""
        with self._taken:
            if change > 0:
                self._taken.wait_for(
                    lambda: (
                        not self._waiting
                        or self._waiting + change <= self._limit
                        or self._stopped.is_set()
                    )
                )
            self._waiting += change
            self._taken.notify_all()
