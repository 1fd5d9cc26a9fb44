"""Data that does not fit on the device: segments, made ahead in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from graphc import config
from graphc.runtime.stream import Prefetch, ahead, fits, segment_steps, segments

ROWS, BATCH = 23, 4
X = np.arange(ROWS * 2, dtype="float32").reshape(ROWS, 2)
Y = np.arange(ROWS, dtype="int32")


def test_data_fits_up_to_the_bytes_given() -> None:
    total = X.nbytes + Y.nbytes
    with config.DATA_BYTES(total):
        assert fits([X, Y])
    with config.DATA_BYTES(total - 1):
        assert not fits([X, Y])
    assert fits([X, Y]), "without a limit a small array fits any device"


def test_two_segments_fit_the_bytes_given() -> None:
    row = 12
    with config.DATA_BYTES(row * BATCH * 2 * 3):
        assert segment_steps([X, Y], BATCH) == 3
    with config.DATA_BYTES(1):
        assert segment_steps([X, Y], BATCH) == 1


@pytest.mark.parametrize("steps", [1, 2, 3, 100])
def test_segments_hold_the_rows_in_order(steps: int) -> None:
    order = np.random.default_rng(0).permutation(ROWS)
    parts = list(segments([X, Y], order, BATCH, steps))
    assert sum(part.count for part in parts) == ROWS
    assert len({part.capacity for part in parts}) == 1, "all share a program"
    xs, ys = (
        np.concatenate([np.asarray(part.arrays[leaf])[: part.count] for part in parts])
        for leaf in (0, 1)
    )
    np.testing.assert_array_equal(xs, X[order])
    np.testing.assert_array_equal(ys, Y[order])


def test_padding_repeats_a_real_row() -> None:
    *_, last = segments([X], np.arange(ROWS), BATCH, 2)
    padding = np.asarray(last.arrays[0])[last.count :]
    assert len(padding) and all((row == X).all(1).any() for row in padding)


def _makers(made: list[int], count: int) -> list[Callable[[], int]]:
    def make(number: int) -> int:
        made.append(number)
        return number

    return [lambda number=number: make(number) for number in range(count)]


def test_things_made_ahead_come_in_order() -> None:
    assert list(ahead(_makers([], 5))) == [0, 1, 2, 3, 4]
    assert list(ahead([])) == []


def test_an_error_in_the_background_is_raised_in_its_turn() -> None:
    def fail() -> int:
        raise RuntimeError("no such row")

    stream = ahead([lambda: 1, fail, lambda: 3])
    assert next(stream) == 1
    with pytest.raises(RuntimeError, match="no such row"):
        next(stream)


def test_leaving_early_stops_the_background() -> None:
    made: list[int] = []
    stream = ahead(_makers(made, 100))
    assert next(stream) == 0
    stream.close()  # type: ignore[attr-defined]
    assert len(made) < 5
    assert not any(t.name == "graphc-prefetch" and t.is_alive() for t in threading.enumerate())


def _settled(made: list[int]) -> int:
    """Return how many were made once the thread has nothing more to do."""
    before = -1
    while len(made) != before:
        before = len(made)
        time.sleep(0.05)
    return before


@pytest.mark.parametrize(("limit", "expected"), [(100, 11), (35, 4), (5, 2)])
def test_items_wait_up_to_the_bytes_given(limit: int, expected: int) -> None:
    """Of ten bytes each, at most ten at a time; one more is being held by the thread."""
    made: list[int] = []
    items = (make() for make in _makers(made, 30))
    ready = Prefetch(items, 10, lambda item: 10, limit)
    assert _settled(made) == expected
    assert list(ready) == list(range(30))
    ready.close()


def test_closing_frees_a_thread_that_waits_for_room() -> None:
    ready = Prefetch(iter(range(9)), 10, lambda item: 10, 15)
    assert next(ready) == 0
    ready.close()
    assert not ready._thread.is_alive()
