"""Requests that come close together run as one, none waits for long, and none is lost."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
import pytest

from graphc.serving.batching import Batcher, QueueFullError


def test_requests_that_come_together_are_computed_together() -> None:
    sizes: list[int] = []

    def run(inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        sizes.append(len(inputs[0]))
        time.sleep(0.02)
        return (inputs[0] * 2,)

    async def scenario() -> Batcher:
        batcher = Batcher(run, largest=8, patience=0.05, room=64)
        await batcher.start()
        rows = [np.full((1 + i % 3, 2), i, "float32") for i in range(12)]
        found = await asyncio.gather(*(batcher.submit((row,)) for row in rows))
        for row, (double,) in zip(rows, found, strict=True):
            np.testing.assert_array_equal(double, row * 2)
        await batcher.stop()
        return batcher

    counts = asyncio.run(scenario()).counts
    assert counts.requests == 12
    assert counts.rows == 24
    assert counts.batches == len(sizes) <= 5
    assert max(sizes) == 8


def test_past_the_queue_requests_are_refused_at_once() -> None:
    def run(inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        time.sleep(0.2)
        return inputs

    async def scenario() -> list[Any]:
        batcher = Batcher(run, largest=1, patience=0.0, room=2)
        await batcher.start()
        row = np.zeros((1, 1))
        tasks = [asyncio.create_task(batcher.submit((row,))) for _ in range(8)]
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await batcher.stop()
        return found

    found = asyncio.run(scenario())
    refused = [one for one in found if isinstance(one, QueueFullError)]
    assert 0 < len(refused) < 8
    assert len(refused) + sum(isinstance(one, tuple) for one in found) == 8


def test_what_waits_is_answered_before_the_end() -> None:
    def run(inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        time.sleep(0.05)
        return inputs

    async def scenario() -> list[Any]:
        batcher = Batcher(run, largest=1, patience=0.0, room=8)
        await batcher.start()
        tasks = [asyncio.create_task(batcher.submit((np.full((1, 1), i),))) for i in range(6)]
        await asyncio.sleep(0.01)
        await batcher.stop()
        return await asyncio.gather(*tasks)

    assert [int(found[0][0, 0]) for found in asyncio.run(scenario())] == list(range(6))


def test_a_failing_model_fails_its_requests_alone() -> None:
    def run(inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        if inputs[0].max() > 1:
            raise ValueError("too large")
        return inputs

    async def scenario() -> None:
        batcher = Batcher(run, largest=1, patience=0.0, room=8)
        await batcher.start()
        with pytest.raises(ValueError, match="too large"):
            await batcher.submit((np.full((1, 1), 2.0),))
        assert (await batcher.submit((np.ones((1, 1)),)))[0] == 1
        await batcher.stop()
        assert batcher.counts.failed == 1

    asyncio.run(scenario())


def test_a_request_that_comes_alone_does_not_wait() -> None:
    async def scenario() -> None:
        batcher = Batcher(lambda inputs: inputs, largest=8, patience=3600.0, room=64)
        await batcher.start()
        row = (np.zeros((1, 1)),)
        for _ in range(3):
            await asyncio.wait_for(batcher.submit(row), 20)
        await batcher.stop()
        with pytest.raises(QueueFullError, match="about to end"):
            await batcher.submit(row)

    asyncio.run(scenario())


def test_as_many_as_came_together_are_waited_for() -> None:
    sizes: list[int] = []

    def run(inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        sizes.append(len(inputs[0]))
        return inputs

    async def scenario() -> None:
        batcher = Batcher(run, largest=8, patience=3600.0, room=64)
        row = (np.zeros((1, 1)),)
        first = [asyncio.create_task(batcher.submit(row)) for _ in range(4)]
        await asyncio.sleep(0)
        await batcher.start()
        await asyncio.gather(*first)
        again = []
        for _ in range(4):
            again.append(asyncio.create_task(batcher.submit(row)))
            await asyncio.sleep(0.01)
        await asyncio.wait_for(asyncio.gather(*again), 20)
        await batcher.stop()

    asyncio.run(scenario())
    assert sizes == [4, 4]


def test_what_was_given_up_is_not_computed() -> None:
    rows: list[float] = []

    def run(inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        rows.extend(inputs[0][:, 0])
        return inputs

    async def scenario() -> None:
        batcher = Batcher(run, largest=1, patience=0.0, room=8)
        tasks = [asyncio.create_task(batcher.submit((np.full((1, 1), i),))) for i in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await batcher.start()
        await batcher.stop()

    asyncio.run(scenario())
    assert rows == [0, 2]


def test_more_rows_than_a_batch_holds_are_a_batch() -> None:
    async def scenario() -> None:
        batcher = Batcher(lambda inputs: inputs, largest=2, patience=0.0, room=8)
        await batcher.start()
        assert len((await batcher.submit((np.zeros((5, 1)),)))[0]) == 5
        await batcher.stop()

    asyncio.run(scenario())
