"""`interleave`: what a strided window leaves apart, put together."""

from __future__ import annotations

import math

from jax import Array


def interleave(x: Array, steps: tuple[int, ...]) -> Array:
    """[B, *lengths, prod(steps) * C] to [B, *(lengths * steps), C].

    The channels hold, for each offset below the steps in row-major order, what belongs there.
    """
    if math.prod(steps) == 1:
        return x
    batch, *lengths, depth = x.shape
    rank, channels = len(steps), depth // math.prod(steps)
    apart = x.reshape((batch, *lengths, *steps, channels))
    order = [axis for pair in zip(range(rank), range(rank, 2 * rank), strict=True) for axis in pair]
    joined = apart.transpose((0, *(axis + 1 for axis in order), 2 * rank + 1))
    sizes = [length * step for length, step in zip(lengths, steps, strict=True)]
    return joined.reshape((batch, *sizes, channels))
