"""Windows laid out as columns and back, and axes regrouped by name."""

from __future__ import annotations

import math
import re

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.registry import op

Pair = tuple[int, int]


@op("nn.unfold")
def unfold(
    x: ArrayLike,
    *,
    kernel_size: int | Pair,
    dilation: int | Pair = 1,
    padding: int | Pair = 0,
    stride: int | Pair = 1,
) -> Array:
    """The windows of images [N, C, H, W] as columns: [N, C * kernel height * width, windows].

    Raises:
        ValueError: `x` does not have four axes.
    """
    images = _of_rank(x, 4)
    n, channels, *sizes = images.shape
    kernel, steps = pair(kernel_size), pair(stride)
    (top, left), counts = pair(padding), _counts(sizes, kernel_size, dilation, padding, stride)
    images = jnp.pad(images, ((0, 0), (0, 0), (top, top), (left, left)))
    ends = steps[0] * (counts[0] - 1) + 1, steps[1] * (counts[1] - 1) + 1
    windows = [
        images[:, :, i : i + ends[0] : steps[0], j : j + ends[1] : steps[1]]
        for i, j in _offsets(kernel, pair(dilation))
    ]
    return jnp.stack(windows, axis=2).reshape(n, channels * math.prod(kernel), math.prod(counts))


@op("nn.fold")
def fold(
    x: ArrayLike,
    *,
    output_size: int | Pair,
    kernel_size: int | Pair,
    dilation: int | Pair = 1,
    padding: int | Pair = 0,
    stride: int | Pair = 1,
) -> Array:
    """The transpose of `unfold`: columns [N, C * kernel, windows] added up to [N, C, H, W].

    Raises:
        ValueError: `x` does not have three axes, or their sizes do not fit the windows.
    """
    columns = _of_rank(x, 3)
    kernel, steps, (top, left) = pair(kernel_size), pair(stride), pair(padding)
    height, width = pair(output_size)
    counts = _counts((height, width), kernel_size, dilation, padding, stride)
    n, depth, windows = columns.shape
    if depth % math.prod(kernel) or windows != math.prod(counts):
        raise ValueError(
            f"Expected axis 1 to be divisible by {math.prod(kernel)}, the size of the kernel, and "
            f"axis 2 to be {math.prod(counts)}, the number of windows. Received: {columns.shape}"
        )
    channels = depth // math.prod(kernel)
    parts = columns.reshape(n, channels, math.prod(kernel), *counts)
    images = jnp.zeros((n, channels, height + 2 * top, width + 2 * left), columns.dtype)
    for k, (i, j) in enumerate(_offsets(kernel, pair(dilation))):
        ends = (i + steps[0] * (counts[0] - 1) + 1, j + steps[1] * (counts[1] - 1) + 1)
        place = images.at[:, :, i : ends[0] : steps[0], j : ends[1] : steps[1]]
        add = place.max if images.dtype == jnp.bool_ else place.add
        images = add(parts[:, :, k])
    return images[:, :, top : top + height, left : left + width]


def pair(value: int | Pair) -> Pair:
    """Return one number for each of two axes."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _of_rank(x: ArrayLike, rank: int) -> Array:
    array = jnp.asarray(x)
    if array.ndim != rank:
        raise ValueError(f"Input must be a {rank}D tensor. Received: input.shape={array.shape}")
    return array


def _offsets(kernel: Pair, dilation: Pair) -> list[Pair]:
    return [(i * dilation[0], j * dilation[1]) for i in range(kernel[0]) for j in range(kernel[1])]


def _counts(sizes: tuple[int, ...] | list[int], *window: int | Pair) -> Pair:
    """How many windows fit along each axis."""
    counts = [
        (size + 2 * pad - step * (length - 1) - 1) // stride + 1
        for size, length, step, pad, stride in zip(sizes, *map(pair, window), strict=True)
    ]
    return counts[0], counts[1]


@op("shape.rearrange")
def rearrange(x: ArrayLike, *, pattern: str, lengths: tuple[tuple[str, int], ...] = ()) -> Array:
    """`x` with its axes split, permuted and merged as a pattern like `"b (h s) c -> b s (h c)"`.

    `lengths` gives sizes of axes in parentheses; one in each pair of them may be left out.
    Source: Rogozhnikov, "Einops", 2022.

    Raises:
        ValueError: the two sides name different axes, or the sizes do not fit.
    """
    array = jnp.asarray(x)
    sides = [_groups(side) for side in pattern.split("->")]
    names = [[name for group in side for name in group] for side in sides]
    if len(sides) != 2 or sorted(names[0]) != sorted(names[1]) or len(sides[0]) != array.ndim:
        raise ValueError(
            f"Expected two sides that name the same axes, {array.ndim} of them on the left "
            f"(parentheses count as one). Received: pattern={pattern!r}, shape={array.shape}"
        )
    sizes = dict(lengths)
    for group, size in zip(sides[0], array.shape, strict=True):
        sizes.update(_split(group, size, dict(lengths)))
    split = array.reshape([sizes[name] for name in names[0]])
    moved = split.transpose([names[0].index(name) for name in names[1]])
    return moved.reshape([math.prod(sizes[name] for name in group) for group in sides[1]])


def _groups(side: str) -> list[list[str]]:
    found = re.findall(r"\(([^()]*)\)|(\w+)", side)
    return [single.split() if single else group.split() for group, single in found]


def _split(group: list[str], size: int, lengths: dict[str, int]) -> dict[str, int]:
    """The size of every axis that one axis of `size` is split into."""
    known = math.prod(lengths.get(name, 1) for name in group)
    unknown = [name for name in group if name not in lengths]
    if len(unknown) > 1 or size % known or (not unknown and size != known):
        raise ValueError(
            f"Expected lengths that split an axis of size {size} into {group}, at most one of them "
            f"left out. Received: {lengths}"
        )
    return {name: lengths.get(name, size // known) for name in group}
