"""What a device can do at most: measured once per machine, and kept in the user's cache folder.

Choices that could change a result never rest on these numbers, only reports and explicit tuning.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from graphc.measured import device_name
from graphc.memory import kept
from graphc.programs import cache_folder
from graphc.spec import Target
from graphc.xla_options import compiler_options

VERSION = 4  # of the probes: another one measures anew
REPEATS = 15
PRODUCT, IMAGE, ROWS, LOOP_STEPS, MANY = 512, 28, 1 << 21, 256, 8


@dataclass(frozen=True)
class Ceilings:
    """The most that a device was seen to do.

    Attributes:
        flops_per_second: of a large matrix product.
        conv_flops_per_second: of a 3x3 convolution, forward.
        vector_flops_per_second: of elementwise functions.
        bytes_per_second: read and written, of an array larger than the caches.
        cached_bytes_per_second: of one that fits there.
        dispatch_seconds: of a program that does next to nothing with two arrays.
        array_seconds: of each further operand or result of a program.
        loop_seconds: of one turn of a compiled loop.
    """

    flops_per_second: float
    conv_flops_per_second: float
    vector_flops_per_second: float
    bytes_per_second: float
    cached_bytes_per_second: float
    dispatch_seconds: float
    array_seconds: float
    loop_seconds: float


def ceilings(target: Target, *, anew: bool = False) -> Ceilings:
    """Return the ceilings of this machine's device, measuring them (a second or two) once.

    Args:
        target: the device.
        anew: measure them now, and keep nothing: a shared machine is not always equally fast.

    Raises:
        ValueError: the target is not JAX's default backend, so nothing can be measured on it.
    """
    if target.platform != jax.default_backend():
        raise ValueError(
            f"Ceilings are measured on the device itself. Expected the target "
            f"{jax.default_backend()!r}. Received: {target.platform!r}"
        )
    if anew:
        return _probed(target)
    return _KNOWN.get(target.platform) or _remember(target)


_KNOWN: dict[str, Ceilings] = {}


def _remember(target: Target) -> Ceilings:
    path = cache_folder() / f"ceilings-{device_name()}.json"
    found = _read(path)
    if found is None:
        found = _probed(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"version": VERSION, **asdict(found)}, indent=1))
    _KNOWN[target.platform] = found
    return found


def _read(path: Path) -> Ceilings | None:
    try:
        stored = json.loads(path.read_text())
        if stored.pop("version") == VERSION:
            return Ceilings(**{field.name: float(stored[field.name]) for field in fields(Ceilings)})
    except (OSError, ValueError, KeyError, TypeError):  # absent, cut off or of another version
        return None
    return None


def seconds_of(function: Callable[..., Any], *arrays: Any, repeats: int = REPEATS) -> float:
    """Return the median seconds of a compiled function, warmed up, until its results are there."""
    for _ in range(2):
        jax.block_until_ready(function(*arrays))
    samples: list[float] = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(function(*arrays))
        samples.append(time.perf_counter() - begin)
    return statistics.median(samples)


def _probed(target: Target) -> Ceilings:
    with kept(target):
        return _measured(target)


def _measured(target: Target) -> Ceilings:
    options = compiler_options(target) or None

    def probe(function: Callable[..., Any], *arrays: Any) -> float:
        return seconds_of(jax.jit(function, compiler_options=options), *arrays)

    dispatch = probe(lambda x: x + 1, jnp.zeros(8))
    many = probe(lambda *xs: [x + 1 for x in xs], *[jnp.zeros(8)] * MANY)
    square, large = jnp.ones((PRODUCT, PRODUCT)), jnp.ones(1 << 22)
    cached = jnp.ones(1 << 18)
    pictures, window = jnp.ones((32, IMAGE, IMAGE, 32)), jnp.ones((3, 3, 32, 64))
    conv_flops = 2 * 32 * IMAGE * IMAGE * 64 * 9 * 32
    vectors = jnp.linspace(-2, 2, ROWS)
    loop = probe(_turns, jnp.zeros(64))
    return Ceilings(
        flops_per_second=2 * PRODUCT**3 / _above(probe(jnp.matmul, square, square), dispatch),
        conv_flops_per_second=conv_flops / _above(probe(_convolved, pictures, window), dispatch),
        vector_flops_per_second=24 * ROWS / _above(probe(jnp.tanh, vectors), dispatch),
        bytes_per_second=8 * large.size / _above(probe(lambda x: x + 1, large), dispatch),
        cached_bytes_per_second=8 * cached.size / _above(probe(lambda x: x + 1, cached), dispatch),
        dispatch_seconds=dispatch,
        array_seconds=max(many - dispatch, 0.0) / (2 * MANY - 2),
        loop_seconds=_above(loop, dispatch) / LOOP_STEPS,
    )


def _above(seconds: float, dispatch: float) -> float:
    """Return what a program took beyond its start; never nothing, however the clock jitters."""
    return max(seconds - dispatch, seconds / 10)


def _turns(x: Any) -> Any:
    return lax.fori_loop(0, LOOP_STEPS, lambda index, state: state * 0.5 + index, x)


def _convolved(pictures: Any, window: Any) -> Any:
    dimensions = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(pictures, window, (1, 1), "SAME", dimension_numbers=dimensions)
