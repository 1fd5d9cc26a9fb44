"""Data too large for the device: segments of rows, uploaded ahead in the background."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

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
    ready: queue.Queue[tuple[bool, Any]] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def offer(item: tuple[bool, Any]) -> None:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        for maker in makers:
            if stopped.is_set():
                return
            try:
                offer((True, maker()))
            except BaseException as error:  # noqa: BLE001  (handed to the consumer, whatever it is)
                offer((False, error))
                return

    thread = threading.Thread(target=work, name="graphc-prefetch", daemon=True)
    thread.start()
    try:
        for _ in makers:
            good, item = ready.get()
            if not good:
                raise item
            yield item
    finally:
        stopped.set()
        thread.join(timeout=5)
