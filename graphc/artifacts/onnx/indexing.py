"""Lookups and orders: `nn.embedding`, `shape.take`, sorting, and the primitives behind indexing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.artifacts.onnx.sizes import Dim
from graphc.artifacts.onnx.task import (
    WIDER,
    Result,
    Table,
    Task,
    Translator,
    axes_of,
    ints,
    scalar,
)
from graphc.artifacts.onnx.writer import Tensor

WHOLE = (("slice", None, None, None), ("slice", 0, None, None), ("slice", None, None, 1))


def _index(task: Task, indices: Tensor) -> Any:
    """Return indices as ONNX takes them."""
    return indices if indices.held in ("int32", "int64") else task.cast(indices, "int64")


def _embedding(task: Task) -> Result:
    ids, table = task.given
    return task.emit("Gather", table, _index(task, ids), axis=0)


def _embedding_bag(task: Task) -> Result:
    ids, table, mask = task.inputs
    assert ids is not None
    rows = task.emit("Gather", table, _index(task, ids), axis=0)
    if mask is not None:
        shown = task.emit("Unsqueeze", task.cast(mask, "bool"), ints(-1))
        rows = task.emit("Where", shown, rows, scalar(0.0, task.held))
    op = "ReduceMean" if task.attr("combiner", "sum") == "mean" else "ReduceSum"
    return task.emit(op, rows, ints(ids.ndim - 1), keepdims=0)


def _take(task: Task) -> Result:
    x, indices = task.given
    axis = task.attr("axis")
    if axis is None or x.held == "bool":
        return None
    return task.emit("Gather", x, _index(task, indices), axis=axis % x.ndim)


def _take_along_axis(task: Task) -> Result:
    x, indices = task.given
    axis = task.attr("axis")
    if axis is None or x.ndim != indices.ndim:
        return None
    axis %= x.ndim
    pairs = enumerate(zip(x.shape, indices.shape, strict=True))
    if any(a != b for place, (a, b) in pairs if place != axis):
        return None
    return task.emit("GatherElements", x, _index(task, indices), axis=axis)


def _getitem(task: Task) -> Result:
    """Translate the picking of one element along one axis; other indices are slices."""
    x, index = task.x(), task.attr("index")
    items = [item for item in index if item not in WHOLE]
    if len(items) != 1 or type(items[0]) is not int or Ellipsis in index or None in index:
        return None
    axis, place = index.index(items[0]), items[0]
    size = x.shape[axis]
    if not isinstance(size, int) or not -size <= place < size:
        return None
    return task.emit("Gather", x, np.asarray(place, "int64"), axis=axis)


def _gather(task: Task) -> Result:
    """Translate the gathering of whole lines along indexed axes."""
    x, indices = task.given
    numbers, sizes = task.attr("dimension_numbers"), task.attr("slice_sizes")
    indexed = tuple(numbers.start_index_map)
    batching = tuple(numbers.operand_batching_dims)
    lead = tuple(numbers.start_indices_batching_dims)
    rest = tuple(a for a in range(x.ndim) if a not in (*indexed, *batching))
    if any(sizes[a] != 1 for a in indexed) or any(sizes[a] != x.shape[a] for a in rest):
        return None
    source = task.writer.stored(x, (*batching, *indexed, *rest))
    others = tuple(i for i in range(indices.ndim - 1) if i not in lead)
    limits = [x.shape[a] for a in indexed]
    ordered, valid = _within(task, indices, (*lead, *others, indices.ndim - 1), limits)
    found = task.emit("GatherND", source, ordered, batch_dims=len(batching))
    labels: list[Any] = [("i", axis) for axis in (*lead, *others)] + [("o", a) for a in rest]
    if valid is not None:
        found = _filled(task, found, valid, len(rest))
    return _arranged(task, found, labels, numbers, indices.ndim - 1)


def _arranged(task: Task, found: str, labels: Sequence[Any], numbers: Any, batch: int) -> Result:
    """Return what was gathered with its axes where the primitive wants them."""
    gone = (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)
    operand = len(numbers.offset_dims) + len(gone)
    offsets = iter([("o", a) for a in range(operand) if a not in gone])
    rows = iter([("i", a) for a in range(batch)])
    wanted = [
        next(offsets) if place in numbers.offset_dims else next(rows)
        for place in range(len(task.shape))
    ]
    present = [label for label in wanted if label in labels]
    found = task.writer.transposed(found, tuple(labels.index(label) for label in present))
    return found if len(present) == len(wanted) else task.writer.reshaped(found, task.shape)


def _within(
    task: Task, indices: Tensor, order: tuple[int, ...], limits: Sequence[Dim]
) -> tuple[Any, str | None]:
    """Return indices [..., k] moved inside the limits, and where they were so already."""
    mode = str(task.attr("mode")).rsplit(".", maxsplit=1)[-1].lower()
    if indices.known:
        array = np.ascontiguousarray(indices.numpy("int64").transpose(order))
        sizes = [size if isinstance(size, int) else -1 for size in limits]
        if np.all((array >= 0) & (array < np.asarray(sizes))):
            return array, None
    name = task.writer.stored(indices, order)
    name = task.cast(name, "int64", indices.held)
    top = task.emit("Sub", task.writer.shape(limits), ints(1))
    inside = task.emit("Min", task.emit("Max", name, ints(0)), top)
    if "clip" in mode or "promise" in mode:  # a promise is kept by what is used, not by all
        return inside, None
    same = task.emit("Cast", task.emit("Equal", name, inside), to="int32")
    valid = task.emit("ReduceMin", same, ints(-1), keepdims=0)
    return inside, task.emit("Cast", valid, to="bool")


def _filled(task: Task, found: str, valid: str, more: int) -> str:
    """Return what was gathered, and the value that stands for what is not there."""
    value = task.attr("fill_value")
    if value is None:
        floating = task.held.startswith("float")
        value = np.nan if floating else _extreme(task.held)
    if more:
        valid = task.emit("Unsqueeze", valid, ints(*(-1 - i for i in range(more))))
    dtype = WIDER.get(task.held, task.held)
    shown = task.cast(found, dtype, task.held)
    return task.cast(task.emit("Where", valid, shown, scalar(value, dtype)), task.held, dtype)


def _extreme(dtype: str) -> int:
    if dtype == "bool":
        return 1
    limits = np.iinfo(dtype)
    return limits.min if limits.min < 0 else limits.max


def _scatter(reduction: str) -> Translator:
    def translate(task: Task) -> Result:
        x, indices, updates = task.given
        numbers = task.attr("dimension_numbers")
        indexed = tuple(numbers.scatter_dims_to_operand_dims)
        inserted, windows = tuple(numbers.inserted_window_dims), numbers.update_window_dims
        if inserted != tuple(sorted(indexed)):
            return None
        if numbers.operand_batching_dims:
            indexed = (*numbers.operand_batching_dims, *indexed)
            indices = _with_places(task, indices, numbers.scatter_indices_batching_dims)
        rest = tuple(a for a in range(x.ndim) if a not in indexed)
        if [updates.shape[w] for w in windows] != [x.shape[a] for a in rest]:
            return None
        rows = [a for a in range(updates.ndim) if a not in windows]
        limits = [x.shape[a] for a in indexed]
        order = tuple(range(indices.ndim))
        dtype = WIDER.get(task.held, task.held)
        data = task.cast(task.writer.stored(x, (*indexed, *rest)), dtype, x.held)
        values = task.cast(task.writer.stored(updates, (*rows, *windows)), dtype, updates.held)
        found = _written(task, data, (indices, order, limits), values, reduction, dtype)
        found = task.cast(found, task.held, dtype)
        stored = (*indexed, *rest)
        return task.result(found, None if stored == tuple(range(x.ndim)) else stored)

    return translate


def _with_places(task: Task, indices: Tensor, axes: Sequence[int]) -> Tensor:
    """Return indices [..., k] with their own places along some axes before them [..., n + k]."""
    lengths, writer = indices.shape[:-1], task.writer
    column = writer.shape((*lengths, 1))
    parts = []
    for axis in axes:
        size = task.emit("Squeeze", writer.length(lengths[axis]))
        place = task.emit("Range", scalar(0, "int64"), size, scalar(1, "int64"))
        place = task.emit("Unsqueeze", place, ints(*range(1, len(lengths) - axis + 1)))
        parts.append(task.emit("Expand", place, column))
    given = task.cast(writer.name_of(indices), "int64", indices.held)
    name = task.emit("Concat", *parts, given, axis=-1)
    count = indices.shape[-1]
    assert isinstance(count, int)
    return Tensor((*lengths, count + len(axes)), "int64", name)


def _written(task: Task, data: str, where: Any, values: str, reduction: str, dtype: str) -> str:
    """Return data with values written at indices; what lies outside goes to a line cut off."""
    indices, order, limits = where
    inside, valid = _within(task, indices, order, limits)
    if valid is None:
        return task.emit("ScatterND", data, inside, values, reduction=reduction)
    rank = len(task.shape)
    wide = task.emit("Pad", data, ints(*[0] * rank, 1, *[0] * (rank - 1)), scalar(0, dtype))
    spare = task.emit(
        "Concat", task.writer.length(limits[0]), ints(*[0] * (len(limits) - 1)), axis=0
    )
    shown = task.emit("Unsqueeze", valid, ints(-1))
    inside = task.emit("Where", shown, inside, spare)
    wide = task.emit("ScatterND", wide, inside, values, reduction=reduction)
    return task.emit("Slice", wide, ints(0), task.writer.length(limits[0]), ints(0))


def _starts(task: Task, starts: Sequence[Tensor], x: Tensor, sizes: Sequence[Dim]) -> Any:
    """Return the axes that are not taken whole, and where blocks start on them, int64[axes]."""
    axes = [a for a in range(x.ndim) if sizes[a] != x.shape[a]]
    if not axes:
        return axes, ""
    parts = [task.writer.reshaped(task.cast(starts[a], "int64"), (1,)) for a in axes]
    name = parts[0] if len(parts) == 1 else task.emit("Concat", *parts, axis=0)
    space = task.emit(
        "Sub", task.writer.shape([x.shape[a] for a in axes]),
        task.writer.shape([sizes[a] for a in axes]),
    )  # fmt: skip
    return axes, task.emit("Min", task.emit("Max", name, ints(0)), space)


def _dynamic_slice(task: Task) -> Result:
    x, *starts = task.given
    axes, first = _starts(task, starts, x, task.attr("slice_sizes"))
    if not axes:
        return task.result(task.writer.name_of(x))
    sizes = task.writer.shape([task.attr("slice_sizes")[a] for a in axes])
    return task.emit("Slice", x, first, task.emit("Add", first, sizes), ints(*axes))


def _dynamic_update_slice(task: Task) -> Result:
    x, update, *starts = task.given
    axes, first = _starts(task, starts, x, update.shape)
    if not axes:
        return task.writer.name_of(update)
    return _spliced(task, task.writer.name_of(x), update, list(enumerate(axes)), first)


def _spliced(task: Task, x: str, update: Tensor, axes: list[tuple[int, int]], first: str) -> str:
    """Return `x` with a block replaced along the axes left, one after another."""
    if not axes:
        return task.writer.name_of(update)
    (place, axis), *others = axes
    start = task.emit("Slice", first, ints(place), ints(place + 1), ints(0))
    stop = task.emit("Add", start, task.writer.length(update.shape[axis]))
    before = task.emit("Slice", x, ints(0), start, ints(axis))
    inside = task.emit("Slice", x, start, stop, ints(axis))
    after = task.emit("Slice", x, stop, ints(np.iinfo(np.int64).max), ints(axis))
    middle = _spliced(task, inside, update, others, first)
    return task.emit("Concat", before, middle, after, axis=axis)


def _sort(task: Task) -> Result:
    """Sort by the first operand; the others follow it."""
    axis, keys = task.attr("dimension"), task.attr("num_keys", 1)
    key, *others = task.given
    size = key.shape[axis]
    if keys != 1:
        return None
    values, order = _ordered(task, key, size, axis, largest=0)
    found = [values]
    found += [task.emit("GatherElements", other, order, axis=axis) for other in others]
    return found


def _ordered(task: Task, key: Tensor, size: Dim, axis: int, largest: int) -> tuple[str, str]:
    wide = WIDER.get(key.held, "int32" if key.held == "bool" else key.held)
    values, order = task.writer.several(
        "TopK", task.cast(key, wide), task.writer.length(size), outputs=2, axis=axis,
        largest=largest, sorted=1,
    )  # fmt: skip
    return task.cast(values, key.held, wide), order


def _top_k(task: Task) -> Result:
    x, axis = task.x(), task.attr("axis", task.attr("dimension", -1))
    k = task.attr("k")
    axis = (x.ndim - 1 if axis is None else int(axis)) % x.ndim
    values, order = _ordered(task, x, k, axis, largest=1)
    return [values, task.cast(order, task.result("", place=1).held, "int64")]


def _argsort(task: Task) -> Result:
    x, axis = task.x(), task.attr("axis", -1)
    if axis is None or not x.ndim:
        return None
    (axis,) = axes_of(axis, x.ndim)
    _, order = _ordered(task, x, x.shape[axis], axis, largest=0)
    return task.cast(order, task.held, "int64")


OPS: Table = {
    "nn.embedding": _embedding, "nn.embedding_bag": _embedding_bag, "shape.take": _take,
    "shape.take_along_axis": _take_along_axis, "shape.getitem": _getitem,
    "shape.argsort": _argsort, "shape.top_k": _top_k,
}  # fmt: skip

PRIMITIVES: Table = {
    "gather": _gather, "scatter": _scatter("none"), "scatter-add": _scatter("add"),
    "scatter-mul": _scatter("mul"), "scatter-max": _scatter("max"),
    "scatter-min": _scatter("min"), "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice, "sort": _sort, "top_k": _top_k,
}  # fmt: skip
