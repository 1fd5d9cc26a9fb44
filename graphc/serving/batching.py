"""Dynamic batching: requests that come close together run as one, and none waits for long.

A request that comes alone runs at once. Where several came together last time, as many are waited
for, up to a bound; and what comes while a batch is computed makes the next one. The queue is
bounded: past it a request is refused at once, for waiting would only get longer.
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
SOON = 0.001  # seconds: a batch that takes no longer is computed without another thread


class QueueFullError(Exception):
    """Too many requests wait already, or the service is about to end."""


@dataclass(eq=False)
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
    waited: float = 0.0  # seconds, of all requests together
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
        self._run, self._largest, self._patience, self._room = run, largest, patience, room
        self._queue: deque[Request] = deque()
        self._expected = 1  # requests: as many as came together last time
        self._wanted = 1  # requests that end a wait
        self._more: asyncio.Future[None] | None = None  # what the worker waits for, if it does
        self._ending = False
        self._seconds: dict[int, float] = {}  # that a batch took at best, by its rows
        self._thread = ThreadPoolExecutor(1, "graphc-serve")
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """The requests in the queue."""
        return len(self._queue)

    async def start(self) -> None:
        """Begin to take requests."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Answer what waits, refuse what comes, and end."""
        self._ending = True
        self._wake()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def submit(self, inputs: Arrays) -> Arrays:
        """Return the outputs of some rows.

        Raises:
            QueueFullError: too many requests wait, or the service is about to end.
        """
        begin = time.perf_counter()
        if self._ending or len(self._queue) >= self._room:
            self.counts.refused += 1
            wait = f"{len(self._queue)} requests wait already"
            raise QueueFullError("The service is about to end" if self._ending else wait)
        outputs: asyncio.Future[Arrays] = asyncio.get_running_loop().create_future()
        self._queue.append(Request(inputs, len(inputs[0]), outputs))
        if len(self._queue) >= self._wanted:
            self._wake()
        try:
            return await outputs
        finally:
            seconds = time.perf_counter() - begin
            self.counts.requests += 1
            self.counts.waited += seconds
            self.counts.latencies.append(seconds)

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    async def _work(self) -> None:
        while not self._ending or self._queue:
            if not self._queue:
                await self._wait_for(1, None)
                continue
            full = sum(request.rows for request in self._queue) >= self._largest
            if len(self._queue) < self._expected and not full and not self._ending:
                await self._wait_for(self._expected, self._patience)
            batch = self._taken()
            if batch:
                self._expected = len(batch)
                await self._answer(batch)

    async def _wait_for(self, count: int, seconds: float | None) -> None:
        """Wait until so many requests are in the queue, or for some seconds, or for the end."""
        loop = asyncio.get_running_loop()
        self._wanted, self._more = count, loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self._wake)
        await self._more
        self._more = None
        if timer is not None:
            timer.cancel()

    def _taken(self) -> list[Request]:
        """Take from the queue what fits into a batch: one request at least."""
        batch, rows = list[Request](), 0
        while self._queue and (not batch or rows + self._queue[0].rows <= self._largest):
            request = self._queue.popleft()
            if not request.outputs.done():  # not given up
                batch.append(request)
                rows += request.rows
        return batch

    async def _answer(self, batch: Sequence[Request]) -> None:
        rows = sum(request.rows for request in batch)
        size = min(padded_size(rows), max(rows, self._largest))
        try:
            inputs = tuple(
                _joined(parts, size) for parts in zip(*(r.inputs for r in batch), strict=True)
            )
            outputs = await self._computed(inputs, size)
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            self.counts.failed += len(batch)
            for request in batch:
                if not request.outputs.done():
                    request.outputs.set_exception(error)
            return
        self.counts.batches += 1
        self.counts.rows += rows
        self.counts.padded += size - rows
        start = 0
        for request in batch:
            if not request.outputs.done():  # the client may be gone
                request.outputs.set_result(tuple(o[start : start + request.rows] for o in outputs))
            start += request.rows

    async def _computed(self, inputs: Arrays, size: int) -> Arrays:
        """Return the outputs; by another thread, unless the way there takes longer than they do."""
        if self._seconds.get(size, SOON) < SOON:
            outputs, seconds = self._timed(inputs)
        else:
            loop = asyncio.get_running_loop()
            outputs, seconds = await loop.run_in_executor(self._thread, self._timed, inputs)
        self._seconds[size] = min(seconds, self._seconds.get(size, seconds))
        self.counts.busy += seconds
        return outputs

    def _timed(self, inputs: Arrays) -> tuple[Arrays, float]:
        begin = time.perf_counter()
        outputs = self._run(inputs)
        return outputs, time.perf_counter() - begin


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
