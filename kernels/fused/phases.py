"""`interleave`: what a strided window leaves apart, put together."""

from __future__ import annotations

import math

from jax import Array


def interleave(parts: Array, steps: tuple[int, ...]) -> Array:
    """[prod(steps), B, *lengths, C] to [B, *(lengths * steps), C].

    The first axis holds, for each offset below the steps in row-major order, what belongs there.
    Parts that are computed must be stacked: joined along the channels, they would be told apart
    again for every number, which takes five times as long.
    """
    if math.prod(steps) == 1:
        return parts[0]
    _, batch, *lengths, channels = parts.shape
    rank = len(steps)
    apart = parts.reshape((*steps, batch, *lengths, channels))
    places = [axis for n in range(rank) for axis in (rank + 1 + n, n)]
    joined = apart.transpose((rank, *places, 2 * rank + 1))
    sizes = [length * step for length, step in zip(lengths, steps, strict=True)]
    return joined.reshape((batch, *sizes, channels))
