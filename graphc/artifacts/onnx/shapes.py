"""Nodes that rearrange elements: `shape.*`, and the primitives of the same meaning.

A transposition is no node: the result is the same tensor, stored in another order of its axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.artifacts.onnx.elementwise import same
from graphc.artifacts.onnx.sizes import Dim, Size, is_static
from graphc.artifacts.onnx.task import (
    Result,
    Table,
    Task,
    Translator,
    aligned,
    axes_of,
    ints,
    scalar,
)
from graphc.artifacts.onnx.writer import Tensor

LAST = np.iinfo(np.int64).max
CHANNELS_FIRST = (0, 3, 1, 2)  # the order in which ONNX wants images with channels last


def inverse(order: Sequence[int]) -> tuple[int, ...]:
    """Return the permutation that undoes another one."""
    return tuple(int(place) for place in np.argsort(order))


def permuted(task: Task, axes: Sequence[int]) -> Tensor:
    """Return the operand with its axes permuted, which takes no node."""
    x = task.x()
    if x.thin is not None:
        thin = tuple(x.thin[axis] for axis in axes) if len(x.thin) == x.ndim else None
        if thin is None:
            return task.result(task.emit("Transpose", x, perm=list(axes)))
        name = task.emit("Transpose", task.writer.thin_name(x), perm=list(axes))
        return Tensor(task.shape, task.dtypes[0], name, thin=thin)
    if x.known:
        return Tensor(task.shape, task.dtypes[0], array=np.transpose(x.array, axes))
    back, own = inverse(axes), x.order or tuple(range(x.ndim))
    order = tuple(back[axis] for axis in own)
    plain = order == tuple(range(x.ndim))
    return task.result(x.name, None if plain else order)


def _reshape(task: Task) -> Result:
    if tuple(task.shape) == tuple(task.x().shape):
        return same(task)
    return task.writer.reshaped(task.x(), task.shape)


def _transpose(task: Task) -> Result:
    ndim = task.x().ndim
    axes = task.attr("axes") or task.attr("permutation")
    return permuted(task, tuple(range(ndim))[::-1] if axes is None else axes_of(axes, ndim))


def _swapaxes(task: Task) -> Result:
    ndim = task.x().ndim
    axes = list(range(ndim))
    a, b = task.attr("axis1") % ndim, task.attr("axis2") % ndim
    axes[a], axes[b] = axes[b], axes[a]
    return permuted(task, axes)


def _moveaxis(task: Task) -> Result:
    ndim = task.x().ndim
    sources = axes_of(task.attr("source"), ndim)
    targets = axes_of(task.attr("destination"), ndim)
    axes = [axis for axis in range(ndim) if axis not in sources]
    for target, source in sorted(zip(targets, sources, strict=True)):
        axes.insert(target, source)
    return permuted(task, axes)


def _expand_dims(task: Task) -> Result:
    axes = task.attr("axis", task.attr("dimensions"))
    return task.emit("Unsqueeze", task.x(), ints(*axes_of(axes, len(task.shape))))


def _squeeze(task: Task) -> Result:
    x = task.x()
    axes = task.attr("axis", task.attr("dimensions"))
    if axes is None:
        axes = tuple(place for place, size in enumerate(x.shape) if size == 1)
    return task.emit("Squeeze", x, ints(*axes_of(axes, x.ndim)))


def _broadcast_to(task: Task) -> Result:
    x = task.x()
    if tuple(x.shape) == tuple(task.shape):
        return same(task)
    return _thin(task, x)


def _thin(task: Task, x: Tensor) -> Tensor:
    """Return what broadcasts as it is stored: whoever needs all of it stretches it."""
    if x.thin is not None:
        return Tensor(task.shape, task.dtypes[0], task.writer.thin_name(x), thin=x.thin)
    if x.known:
        array = x.numpy()
        return Tensor(task.shape, task.dtypes[0], array=array, thin=array.shape)
    return Tensor(task.shape, task.dtypes[0], task.writer.name_of(x), thin=tuple(x.shape))


def _broadcast_in_dim(task: Task) -> Result:
    x, places = task.x(), task.attr("broadcast_dimensions")
    shape: list[Dim] = [1] * len(task.shape)
    for size, place in zip(x.shape, places, strict=True):
        shape[place] = size
    if tuple(shape) == tuple(x.shape):
        return same(task) if tuple(shape) == tuple(task.shape) else _thin(task, x)
    if x.known:
        array = x.numpy().reshape([int(str(size)) for size in shape])
        return Tensor(task.shape, task.dtypes[0], array=array, thin=array.shape)
    source = x
    if x.thin is not None and len(x.thin) == x.ndim:
        source = Tensor(x.thin, x.dtype, task.writer.thin_name(x))
        for size, place in zip(x.thin, places, strict=True):
            shape[place] = size
    new = [axis for axis in range(len(shape)) if axis not in places]
    name = task.emit("Unsqueeze", source, ints(*new)) if new else task.writer.name_of(source)
    thin = tuple(shape)
    return Tensor(task.shape, task.dtypes[0], name, thin=None if thin == task.shape else thin)


def _concatenate(task: Task) -> Result:
    given, form = aligned(task, [_whole(one) for one in task.given])
    if form.thin is not None or any(one.thin is not None for one in task.given):
        given, form = list(task.given), type(form)()
    axis = axes_of(task.attr("axis", task.attr("dimension", 0)), len(task.shape))[0]
    place = axis if form.order is None else form.order.index(axis)
    parts = [task.cast(one, task.held) for one in given if 0 not in one.shape]
    if len(task.given) == 1:
        return same(task)
    return task.result(task.emit("Concat", *parts, axis=place), form.order)


def _whole(tensor: Tensor) -> Tensor:
    return Tensor(tensor.shape, tensor.dtype, tensor.name, tensor.array, tensor.order)


def _stack(task: Task) -> Result:
    axis = axes_of(task.attr("axis", 0), len(task.shape))[0]
    parts = [task.emit("Unsqueeze", task.cast(one, task.held), ints(axis)) for one in task.given]
    return parts[0] if len(parts) == 1 else task.emit("Concat", *parts, axis=axis)


def _split(task: Task) -> Result:
    axis = axes_of(task.attr("axis", 0), task.x().ndim)[0]
    sizes = [shape[axis] for shape in task.shapes]
    if len(sizes) == 1:
        return [same(task)]
    return task.writer.several(
        "Split", task.x(), task.writer.shape(sizes), outputs=len(sizes), axis=axis
    )


def _unstack(task: Task) -> Result:
    axis = axes_of(task.attr("axis", 0), task.x().ndim)[0]
    return [
        task.emit("Gather", task.x(), np.asarray(place, "int64"), axis=axis)
        for place in range(len(task.shapes))
    ]


def _tile(task: Task) -> Result:
    x = task.x()
    repeats = task.attr("repeats", task.attr("reps"))
    repeats = (repeats,) if isinstance(repeats, (int, Size)) else tuple(repeats)
    shape = (1,) * (len(repeats) - x.ndim) + tuple(x.shape)
    repeats = (1,) * (len(shape) - len(repeats)) + repeats
    source = x if shape == tuple(x.shape) else task.writer.reshaped(x, shape)
    return task.emit("Tile", source, task.writer.shape(repeats))


def _repeat(task: Task) -> Result:
    """Repeat in place: the resizing of an axis by a whole number."""
    x, count, axis = task.x(), task.attr("repeats"), task.attr("axis")
    if axis is None or x.held not in ("float32", "int32", "uint8", "int8"):
        return None
    (axis,) = axes_of(axis, x.ndim)
    if not isinstance(count, int):
        if isinstance(count, Size) or not is_static((x.shape[axis], *count)):
            return None
        places = np.repeat(np.arange(x.shape[axis]), count)
        return task.emit("Gather", x, places.astype("int64"), axis=axis)
    (stored,), form = aligned(task, [x])
    scales = np.ones(x.ndim, "float32")
    scales[axis if form.order is None else form.order.index(axis)] = count
    if form.thin is not None or x.thin is not None:
        stored, form = x, type(form)()
    found = task.emit(
        "Resize", stored, None, scales, mode="nearest",
        coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip
    return task.result(found, form.order)


PAD_MODES = {"constant": "constant", "edge": "edge", "reflect": "reflect"}


def _pad(task: Task) -> Result:
    x, width, mode = task.x(), task.attr("pad_width"), task.attr("mode", "constant")
    pairs = _pairs(width, x.ndim)
    if mode not in PAD_MODES or pairs is None:
        return None
    # To reflect more than there is takes several rounds.
    small = all(
        isinstance(size, int) and max(pair) < size
        for size, pair in zip(x.shape, pairs, strict=True)
        if max(pair)
    )
    if mode == "reflect" and not small:
        return None
    return padded(task, x, pairs, task.attr("constant_values") or 0, PAD_MODES[mode])


def _pairs(width: Any, ndim: int) -> list[tuple[int, int]] | None:
    if isinstance(width, int):
        return [(width, width)] * ndim
    if all(isinstance(one, int) for one in width):
        return [(width[0], width[-1])] * ndim if len(width) <= 2 else None
    if any(not is_static(pair) for pair in width):
        return None
    pairs = [(pair[0], pair[-1]) for pair in width]
    return pairs * ndim if len(pairs) == 1 else pairs


def padded(
    task: Task, x: Tensor, pairs: Sequence[tuple[int, int]], value: float, mode: str = "constant"
) -> Result:
    """Return a tensor with elements put before and after each axis."""
    (stored,), form = aligned(task, [_whole(x) if x.thin is None else x])
    if x.thin is not None:
        stored, form = x, type(form)()
    order = form.order or tuple(range(x.ndim))
    pads = [pairs[axis][0] for axis in order] + [pairs[axis][1] for axis in order]
    wide = "int32" if x.held in ("bool", "int16", "uint16") else x.held
    fill = scalar(value, wide) if mode == "constant" else None
    found = task.emit("Pad", task.cast(stored, wide), ints(*pads), fill, mode=mode)
    return task.result(task.cast(found, x.held, wide), form.order)


def _pad_primitive(task: Task) -> Result:
    x, value = task.x(), task.x(1)
    config = task.attr("padding_config")
    if not value.known or any(inside for _, _, inside in config):
        return _pad_inside(task)
    return padded(task, x, [(low, high) for low, high, _ in config], value.numpy().item())


def _pad_inside(task: Task) -> Result:
    """Put elements between those along axes, too."""
    x, value = task.x(), task.x(1)
    if not value.known:
        return None
    fill, name = scalar(value.numpy().item(), x.held), task.writer.name_of(x)
    shape = list(x.shape)
    for axis, (_, _, inside) in enumerate(task.attr("padding_config")):
        size = shape[axis]
        if not inside or not isinstance(size, int):
            continue
        name = task.emit("Unsqueeze", name, ints(axis + 1))
        pads = [0] * (2 * (len(shape) + 1))
        pads[len(shape) + 1 + axis + 1] = inside
        name = task.emit("Pad", name, ints(*pads), fill)
        shape[axis] = size * (inside + 1)
        name = task.writer.reshaped(name, shape)
        name = task.emit("Slice", name, ints(0), ints(shape[axis] - inside), ints(axis))
    outside = [(low, high) for low, high, _ in task.attr("padding_config")]
    pads = [low for low, _ in outside] + [high for _, high in outside]
    return task.emit("Pad", name, ints(*pads), fill)


def _flip(task: Task) -> Result:
    axis = task.attr("axis") if "axis" in task.attrs else task.attr("dimensions")
    axes = axes_of(axis, task.x().ndim)
    return flipped(task, task.x(), axes)


def flipped(task: Task, x: Tensor | str, axes: Sequence[int]) -> str:
    """Return a tensor with its elements along axes in the opposite order."""
    count = len(axes)
    return task.emit(
        "Slice", x, ints(*[-1] * count), ints(*[-LAST] * count), ints(*axes), ints(*[-1] * count)
    )


def _slice(task: Task) -> Result:
    x = task.x()
    starts = task.attr("start_indices")
    limits, strides = task.attr("limit_indices"), task.attr("strides") or (1,) * x.ndim
    ranges = list(zip(starts, limits, strides, x.shape, strict=True))
    cut = [axis for axis, (a, b, s, n) in enumerate(ranges) if (a, b, s) != (0, n, 1)]
    if not cut:
        return same(task)
    picked = [task.writer.shape([ranges[axis][part] for axis in cut]) for part in range(2)]
    steps = ints(*(ranges[axis][2] for axis in cut))
    return task.emit("Slice", x, *picked, ints(*cut), steps)


def _ravel(task: Task) -> Result:
    return task.writer.reshaped(task.x(), task.shape)


def _trilu(upper: int) -> Translator:
    def translate(task: Task) -> Result:
        if task.held not in ("float32", "float64", "int64", "int32"):
            return None
        return task.emit("Trilu", task.x(), np.asarray(task.attr("k", 0), "int64"), upper=upper)

    return translate


def _depth_to_space(task: Task) -> Result:
    last = task.attr("data_format") == "channels_last"
    order = CHANNELS_FIRST if last else (0, 1, 2, 3)
    found = task.emit(
        "DepthToSpace", task.writer.stored(task.x(), order), blocksize=task.attr("block_size"),
        mode="DCR" if last else "CRD",
    )  # fmt: skip
    return task.result(found, order if last else None)


def _space_to_depth(task: Task) -> Result:
    if task.attr("data_format") != "channels_last":
        return None
    found = task.emit(
        "SpaceToDepth", task.writer.stored(task.x(), CHANNELS_FIRST),
        blocksize=task.attr("block_size"),
    )  # fmt: skip
    return task.result(found, CHANNELS_FIRST)


def _iota(task: Task) -> Result:
    """Count along an axis whose length depends on the rows, or of a shape that does."""
    axis = task.attr("dimension")
    size = task.shape[axis]
    if isinstance(size, int):
        count = Tensor((size,), task.dtypes[0], array=np.arange(size, dtype=task.held))
        name = task.writer.name_of(count)
    else:
        whole = task.emit("Squeeze", task.writer.length(size), ints(0))
        name = task.emit("Range", scalar(0, "int64"), whole, scalar(1, "int64"))
        name = task.cast(name, task.held, "int64")
    thin: list[Dim] = [1] * len(task.shape)
    thin[axis] = size
    if len(thin) > 1:
        name = task.writer.reshaped(name, thin)
    stored = None if tuple(thin) == tuple(task.shape) else tuple(thin)
    return Tensor(task.shape, task.dtypes[0], name, thin=stored)


OPS: Table = {
    "shape.reshape": _reshape, "shape.ravel": _ravel, "shape.transpose": _transpose,
    "shape.expand_dims": _expand_dims, "shape.squeeze": _squeeze,
    "shape.broadcast_to": _broadcast_to, "shape.concatenate": _concatenate,
    "shape.stack": _stack, "shape.split": _split, "shape.unstack": _unstack,
    "shape.tile": _tile, "shape.repeat": _repeat, "shape.pad": _pad,
    "shape.tril": _trilu(0), "shape.triu": _trilu(1), "shape.depth_to_space": _depth_to_space,
    "shape.space_to_depth": _space_to_depth,
}  # fmt: skip

PRIMITIVES: Table = {
    "reshape": _reshape, "transpose": _transpose, "expand_dims": _expand_dims,
    "squeeze": _squeeze, "broadcast_in_dim": _broadcast_in_dim, "concatenate": _concatenate,
    "stack": _stack, "split": _split, "tile": _tile, "pad": _pad_primitive, "rev": _flip,
    "slice": _slice, "iota": _iota,
}  # fmt: skip
