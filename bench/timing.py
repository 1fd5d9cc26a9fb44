"""Timing that can be believed: warmed up, interleaved, with its spread.

A difference of medians smaller than the spread of the samples is called no difference.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
from scipy.stats import binomtest

WARM_UP = 2
REPEATS = 15
BATCH_SECONDS = 5e-3  # a sample repeats its function until it takes this long


def median(samples: Iterable[float]) -> float:
    """The middle sample."""
    return statistics.median(samples)


def spread(samples: Iterable[float]) -> float:
    """The distance between the quartiles, in the unit of the samples; 0 for a single one."""
    values = sorted(samples)
    if len(values) < 2:
        return 0.0
    if len(values) < 4:
        return values[-1] - values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low


def differs(a: Iterable[float], b: Iterable[float]) -> bool:
    """Whether the medians are further apart than either set of samples is spread."""
    first, second = tuple(a), tuple(b)
    return abs(median(first) - median(second)) > max(spread(first), spread(second))


def turns_won(a: Sequence[float], b: Sequence[float]) -> tuple[int, bool]:
    """In how many turns `a` took less than `b`, and whether chance would hardly do that (1 %).

    For samples that were taken in turns, so that what the machine does meanwhile meets both.
    """
    won = sum(first < second for first, second in zip(a, b, strict=True))
    return won, bool(binomtest(won, len(a)).pvalue < 0.01)


def ready_seconds(function: Callable[[], Any], calls: int = 1) -> float:
    """Seconds for one call of `function`, the mean of `calls`, until its arrays are computed."""
    start = time.perf_counter()
    for _ in range(calls):
        jax.block_until_ready(function())
    return (time.perf_counter() - start) / calls


def measure(
    functions: Mapping[str, Callable[[], Any]], repeats: int = REPEATS, warm_up: int = WARM_UP
) -> dict[str, tuple[float, ...]]:
    """Seconds a call of each function: `repeats` samples, taken in turns so that all share a drift.

    The first `warm_up` calls of each, which compile, are not counted. Short functions are called
    several times a sample.
    """
    calls: dict[str, int] = {}
    for name, function in functions.items():
        for _ in range(warm_up):
            once = ready_seconds(function)
        calls[name] = max(1, round(BATCH_SECONDS / once))
    samples: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            samples[name].append(ready_seconds(function, calls[name]))
    return {name: tuple(values) for name, values in samples.items()}


def describe(samples: Mapping[str, Iterable[float]], baseline: str) -> dict[str, dict[str, Any]]:
    """Median, spread and speed-up over `baseline` by name; no speed-up where they do not differ."""
    known = {name: tuple(values) for name, values in samples.items()}
    return {
        name: {
            "median_s": median(values),
            "spread_s": spread(values),
            "times_faster": median(known[baseline]) / median(values)
            if differs(known[baseline], values)
            else None,
        }
        for name, values in known.items()
    }


def machine() -> dict[str, Any]:
    """What the numbers were taken on: versions, device, processors and load."""
    device = jax.devices()[0]
    return {
        "jax": jax.__version__,
        "python": platform.python_version(),
        "platform": device.platform,
        "device": device.device_kind,
        "cpus": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
    }
