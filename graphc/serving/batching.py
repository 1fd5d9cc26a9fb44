"""Dynamic batching: requests that come close together run as one, and none waits for long.

The queue is bounded: past it a request is refused at once, for waiting would only get longer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

Arrays = tuple[np.ndarray, ...]
Run = Callable[[Arrays], Arrays]

KEPT = 1000  # latencies to tell quantiles from


class QueueFullError(Exception):
    """Too many requests wait already."""


@dataclass
class Request:
    """Inputs with their number of rows, and where their outputs go."""

    inputs: Arrays
    rows: int
    outputs: asyncio.Future[Arrays]


@dataclass
class Counts:
    """What happened so far."""

    requests: int = 0
    refused: int = 0
    failed: int = 0
    rows: int = 0
    batches: int = 0
    padded: int = 0  # rows computed for nothing
    busy: float = 0.0  # seconds of computing
    # seconds, of the last requests
    latencies: deque[float] = field(default_factory=lambda: deque[float](maxlen=KEPT))


class Batcher:
    """Runs requests in batches, one batch at a time.

    Args:
        run: the model: arrays with the same number of rows to arrays.
        largest: rows of a batch at most.
        patience: seconds that a request waits for others at most.
        room: requests that may wait.
    """

    def __init__(self, run: Run, largest: int, patience: float, room: int) -> None:
        self.counts = Counts()
        self._run, self._largest, self._patience = run, largest, patience
        self._queue: asyncio.Queue[Request] = asyncio.Queue(room)
        self._thread = ThreadPoolExecutor(1, "graphc-serve")
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """The requests in the queue."""
        return self._queue.qsize()

    async def start(self) -> None:
        """Begin to take requests."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Answer what waits, then end."""
        await self._queue.join()
        if self._task is not None:
            self._task.cancel()
        self._thread.shutdown()

    async def submit(self, inputs: Arrays) -> Arrays:
        """Return the outputs of some rows.

        Raises:
            QueueFullError: too many requests wait.
        """
        begin = time.perf_counter()
        outputs: asyncio.Future[Arrays] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(Request(inputs, len(inputs[0]), outputs))
        except asyncio.QueueFull:
            self.counts.refused += 1
            raise QueueFullError(f"{self._queue.maxsize} requests wait already") from None
        try:
            return await outputs
        finally:
            self.counts.requests += 1
            self.counts.latencies.append(time.perf_counter() - begin)

    async def _work(self) -> None:
        held: Request | None = None
        while True:
            batch = [held or await self._queue.get()]
            held = await self._fill(batch)
            await self._answer(batch)
            for _ in batch:
                self._queue.task_done()

    async def _fill(self, batch: list[Request]) -> Request | None:
        """Add requests until the batch is full or patience ends; return one that did not fit."""
        rows, end = batch[0].rows, time.perf_counter() + self._patience
        while rows < self._largest:
            try:
                left = end - time.perf_counter()
                request = (
                    self._queue.get_nowait()
                    if left <= 0 or not self._queue.empty()
                    else await asyncio.wait_for(self._queue.get(), left)
                )
            except (asyncio.QueueEmpty, TimeoutError):
                return None
            if rows + request.rows > self._largest:
                return request
            batch.append(request)
            rows += request.rows
        return None

    async def _answer(self, batch: Sequence[Request]) -> None:
        rows = sum(request.rows for request in batch)
        size = max(rows, padded_size(rows))
        begin = time.perf_counter()
        try:
            inputs = tuple(
                _joined(parts, size) for parts in zip(*(r.inputs for r in batch), strict=True)
            )
            outputs = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._run, inputs
            )
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            self.counts.failed += len(batch)
            for request in batch:
                if not request.outputs.done():
                    request.outputs.set_exception(error)
            return
        self.counts.busy += time.perf_counter() - begin
        self.counts.batches += 1
        self.counts.rows += rows
        self.counts.padded += size - rows
        start = 0
        for request in batch:
            if not request.outputs.done():  # the client may be gone
                request.outputs.set_result(tuple(o[start : start + request.rows] for o in outputs))
            start += request.rows


def padded_size(rows: int) -> int:
    """Return the next power of two: so few programs serve every number of rows."""
    return 1 << (rows - 1).bit_length()


def _joined(parts: Sequence[np.ndarray], size: int) -> np.ndarray:
    whole = np.concatenate(parts) if len(parts) > 1 else parts[0]
    missing = size - len(whole)
    if not missing:
        return whole
    return np.concatenate([whole, np.broadcast_to(whole[:1], (missing, *whole.shape[1:]))])


def quantile(values: Collection[float], share: float) -> float:
    """Return a quantile of the latencies; 0 where there are none."""
    return float(np.quantile(list(values), share)) if values else 0.0
