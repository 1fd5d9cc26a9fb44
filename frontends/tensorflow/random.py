"""`tf.random`: one seed for everything, and the usual draws."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras import random as draws
from graphc.keras.random import SeedGenerator
from graphc.keras.utils import set_random_seed
from graphc.tensorflow.absent import absent
from graphc.tensorflow.tensor import on_host

_STREAMS: dict[int, SeedGenerator] = {}  # of the seeds of single calls


def set_seed(seed: int) -> None:
    """Seed every draw that follows: Keras's, NumPy's and Python's."""
    set_random_seed(seed)
    _STREAMS.clear()


def stream(seed: int | None) -> SeedGenerator | None:
    """Return what a call draws from: a seed begins a sequence, and is not the same draw again."""
    if seed is None:
        return None
    if seed not in _STREAMS:
        _STREAMS[seed] = SeedGenerator(int(seed))
    return _STREAMS[seed]


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Draw from the normal distribution."""
    return on_host(draws.normal(shape, mean, stddev, dtype, stream(seed)))


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Draw from the normal distribution cut off at two standard deviations."""
    return on_host(draws.truncated_normal(shape, mean, stddev, dtype, stream(seed)))


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Draw from [minval, maxval), which is [0, 1) where not given.

    Raises:
        ValueError: integers without a `maxval`.
    """
    if maxval is None and "float" not in dtype:
        raise ValueError(f"Must specify maxval for integer dtype. Received: dtype={dtype}")
    maxval = 1 if maxval is None else maxval
    draw = draws.uniform if "float" in dtype else draws.randint
    return on_host(draw(shape, minval, maxval, dtype, stream(seed)))


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Any:
    """Return the slices along the first axis in another order."""
    size = ops.shape(value)[0]
    return ops.take(value, draws.shuffle(ops.arange(size), seed=stream(seed)), axis=0)


def categorical(
    logits: Any, num_samples: int, dtype: Any = None, seed: int | None = None, name: Any = None
) -> Any:
    """Draw `num_samples` classes a row from unnormalised log-probabilities [B, C]: [B, N]."""
    return draws.categorical(logits, num_samples, dtype or "int32", stream(seed))


def gamma(
    shape: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Draw from the gamma distribution of shape `alpha` and rate `beta`."""
    found = draws.gamma(shape, alpha, dtype, stream(seed))
    return found if beta is None else ops.divide(found, beta)


__getattr__ = absent("tensorflow.random", globals())
