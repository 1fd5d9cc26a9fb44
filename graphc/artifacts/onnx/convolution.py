"""Convolutions and pooling. ONNX has the channels first: what has them last is stored so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.artifacts.onnx.shapes import padded
from graphc.artifacts.onnx.sizes import Dim
from graphc.artifacts.onnx.task import Result, Table, Task, Translator
from graphc.artifacts.onnx.writer import Tensor
from graphc.kernels.reference.convolution import per_axis, transpose_padding

FLOATS = ("float32", "float64")
Pairs = list[tuple[int, int]]


def channels_first(rank: int, data_format: str) -> tuple[int, ...]:
    """Return the order of axes in which ONNX wants images of so many spatial axes."""
    if data_format == "channels_first":
        return tuple(range(rank + 2))
    return (0, rank + 1, *range(1, rank + 1))


def kernel_order(rank: int) -> tuple[int, ...]:
    """Return the order of the axes of a kernel [*window, in, out] in ONNX: out, in, *window."""
    return (rank + 1, rank, *range(rank))


def spatial(x: Tensor, data_format: str) -> Sequence[Dim]:
    """Return the lengths of the spatial axes."""
    return x.shape[1:-1] if data_format == "channels_last" else x.shape[2:]


def padding_of(
    padding: str, sizes: Sequence[Dim], window: Sequence[int], steps: Sequence[int]
) -> Pairs | None:
    """Return how much is put before and after each axis; `window` counts the holes."""
    if padding == "valid":
        return [(0, 0)] * len(window)
    if padding == "causal":
        return [(length - 1, 0) for length in window]
    pairs: Pairs = []
    for size, length, step in zip(sizes, window, steps, strict=True):
        if not isinstance(size, int):
            if step != 1:
                return None
            total = length - 1
        else:
            total = max((-(-size // step) - 1) * step + length - size, 0)
        pairs.append((total // 2, total - total // 2))
    return pairs


def pads(pairs: Pairs) -> list[int]:
    """Return paddings as ONNX lists them: all before, then all after."""
    return [low for low, _ in pairs] + [high for _, high in pairs]


def _conv(task: Task) -> Result:
    x, kernel, bias = task.inputs
    assert x is not None
    assert kernel is not None
    rank, layout = x.ndim - 2, task.attr("data_format", "channels_last")
    steps = per_axis(task.attr("strides", 1), rank)
    rates = per_axis(task.attr("dilation_rate", 1), rank)
    window = [int(str(size)) for size in kernel.shape[:rank]]
    holes = [(size - 1) * rate + 1 for size, rate in zip(window, rates, strict=True)]
    pairs = padding_of(task.attr("padding", "valid"), spatial(x, layout), holes, steps)
    if pairs is None or task.held not in FLOATS or rank > 3:
        return None
    order = channels_first(rank, layout)
    source = Tensor(x.shape, task.dtypes[0], *_cast(task, x))
    found = task.emit(
        "Conv", task.writer.stored(source, order), task.writer.stored(kernel, kernel_order(rank)),
        bias, strides=list(steps), dilations=list(rates), pads=pads(pairs),
        group=task.attr("groups", 1), kernel_shape=window,
    )  # fmt: skip
    return task.result(found, None if layout == "channels_first" else order)


def _cast(task: Task, x: Tensor) -> tuple[str, Any, tuple[int, ...] | None]:
    """Return the name, the array and the order of a tensor in the dtype of the result."""
    if x.thin is not None:
        return task.writer.name_of(x), None, None
    if x.held == task.held:
        return x.name, x.array, x.order
    return task.emit("Cast", x, to=task.held), None, None


def _depthwise(task: Task) -> Result:
    x, kernel, bias = task.inputs
    assert x is not None
    assert kernel is not None
    rank = x.ndim - 2
    *window, inputs, multiplier = (int(str(size)) for size in kernel.shape)
    if not kernel.known:
        flat = task.writer.reshaped(kernel, (*window, 1, inputs * multiplier))
        weights = Tensor((*window, 1, inputs * multiplier), kernel.dtype, flat)
    else:
        array = kernel.numpy().reshape(*window, 1, inputs * multiplier)
        weights = Tensor(array.shape, kernel.dtype, kernel.name, array)
    attrs = {**task.attrs, "groups": inputs, "rank": rank}
    return _conv(_with(task, [x, weights, bias], attrs))


def _with(task: Task, inputs: Sequence[Tensor | None], attrs: dict[str, Any]) -> Task:
    return Task(
        task.name, inputs, attrs, task.shapes, task.dtypes, task.writer, task.inline
    )  # fmt: skip


def _separable(task: Task) -> Result:
    x, depthwise, pointwise, bias = task.inputs
    assert x is not None
    assert depthwise is not None
    mixed = _depthwise(_with(task, [x, depthwise, None], task.attrs))
    if not isinstance(mixed, Tensor):
        return None
    layout = task.attr("data_format", "channels_last")
    channels = int(str(depthwise.shape[-2])) * int(str(depthwise.shape[-1]))
    shape = list(task.shape)
    shape[-1 if layout == "channels_last" else 1] = channels
    between = Tensor(tuple(shape), mixed.dtype, mixed.name, order=mixed.order)
    return _conv(_with(task, [between, pointwise, bias], {"data_format": layout}))


def _conv_transpose(task: Task) -> Result:
    x, kernel, bias = task.inputs
    assert x is not None
    assert kernel is not None
    rank, layout = x.ndim - 2, task.attr("data_format", "channels_last")
    steps = per_axis(task.attr("strides", 1), rank)
    rates = per_axis(task.attr("dilation_rate", 1), rank)
    window = tuple(int(str(size)) for size in kernel.shape[:rank])
    put = transpose_padding(
        window, steps, task.attr("padding", "valid"), task.attr("output_padding"), rates
    )
    reach = [(size - 1) * rate for size, rate in zip(window, rates, strict=True)]
    taken = [(r - low, r - high) for r, (low, high) in zip(reach, put, strict=True)]
    if task.held not in FLOATS or rank > 3 or any(low < 0 for low, _ in taken):
        return None
    order = channels_first(rank, layout)
    source = Tensor(x.shape, task.dtypes[0], *_cast(task, x))
    found = task.emit(
        "ConvTranspose", task.writer.stored(source, order),
        task.writer.stored(kernel, kernel_order(rank)), bias, strides=list(steps),
        dilations=list(rates), kernel_shape=list(window),
        pads=pads([(low, max(high, 0)) for low, high in taken]),
    )  # fmt: skip
    # What the window never reaches is the bias alone, which `output_padding` may not express.
    short = [max(-high, 0) for _, high in taken]
    if any(short):
        return _lengthened(task, found, short, order, bias)
    return task.result(found, None if layout == "channels_first" else order)


def _lengthened(
    task: Task, name: str, short: list[int], order: tuple[int, ...], bias: Tensor | None
) -> Result:
    """Return a result with elements more after each spatial axis, which hold the bias."""
    written = task.writer.nodes[-1]
    if all(more < step for more, step in zip(short, written.attrs["strides"], strict=True)):
        written.attrs["output_padding"] = short
        plain = order == tuple(range(len(order)))
        return task.result(name, None if plain else order)
    del bias
    return None


def _pool(op: str) -> Translator:
    def translate(task: Task) -> Result:
        x = task.x()
        rank, layout = x.ndim - 2, task.attr("data_format", "channels_last")
        window = per_axis(task.attr("pool_size"), rank)
        strides = task.attr("strides")
        steps = window if strides is None else per_axis(strides, rank)
        pairs = padding_of(task.attr("padding", "valid"), spatial(x, layout), window, steps)
        if pairs is None or task.held not in FLOATS or x.held != task.held or rank > 3:
            return None
        order = channels_first(rank, layout)
        found = task.emit(
            op, task.writer.stored(x, order), kernel_shape=list(window), strides=list(steps),
            pads=pads(pairs),
        )  # fmt: skip
        return task.result(found, None if layout == "channels_first" else order)

    return translate


def _conv_primitive(task: Task) -> Result:
    """Translate a convolution as XLA describes it, with any order of axes."""
    x, kernel = task.given
    numbers = task.attr("dimension_numbers")
    rank = x.ndim - 2
    stretched = tuple(task.attr("lhs_dilation"))
    if task.held not in FLOATS or rank > 3 or task.attr("batch_group_count", 1) != 1:
        return None
    name = task.writer.stored(x, tuple(numbers.lhs_spec))
    if set(stretched) != {1}:
        return None
    window = [int(str(kernel.shape[axis])) for axis in numbers.rhs_spec[2:]]
    pairs = [(int(low), int(high)) for low, high in task.attr("padding")]
    if any(low < 0 or high < 0 for low, high in pairs):
        source = Tensor(tuple(x.shape[a] for a in numbers.lhs_spec), x.dtype, name)
        cut = padded(task, source, [(0, 0), (0, 0), *pairs], 0.0)
        assert isinstance(cut, Tensor)
        name, pairs = cut.name, [(0, 0)] * rank
    found = task.emit(
        "Conv", name, task.writer.stored(kernel, tuple(numbers.rhs_spec)),
        strides=list(task.attr("window_strides")), dilations=list(task.attr("rhs_dilation")),
        pads=pads(pairs), group=task.attr("feature_group_count"), kernel_shape=window,
    )  # fmt: skip
    order = tuple(numbers.out_spec)
    return task.result(found, None if order == tuple(range(x.ndim)) else order)


def _window(op: str, scaled: bool) -> Translator:
    """Return the translator of a reduction over windows along the last axes or the middle ones."""

    def translate(task: Task) -> Result:
        x = task.x()
        window, steps = task.attr("window_dimensions"), task.attr("window_strides")
        pairs = task.attr("padding")
        plain = all(set(task.attr(key)) == {1} for key in ("base_dilation", "window_dilation"))
        axes = [a for a in range(x.ndim) if window[a] != 1 or steps[a] != 1]
        other = [a for a in range(x.ndim) if a not in axes]
        if not plain or task.held not in FLOATS or len(other) < 2 or not 1 <= len(axes) <= 3:
            return None
        order = (*other, *axes)
        name = task.writer.stored(x, order)
        lead = len(other) - 2
        if lead:
            return None
        attrs: dict[str, Any] = {"count_include_pad": 1} if scaled else {}
        found = task.emit(
            op, name, kernel_shape=[window[a] for a in axes], strides=[steps[a] for a in axes],
            pads=pads([(pairs[a][0], pairs[a][1]) for a in axes]), **attrs,
        )  # fmt: skip
        if scaled:
            area = 1
            for a in axes:
                area *= window[a]
            found = task.emit("Mul", found, Tensor((), task.held, array=float(area)))
        return task.result(found, None if order == tuple(range(x.ndim)) else order)

    return translate


OPS: Table = {
    "nn.conv": _conv, "nn.depthwise_conv": _depthwise, "nn.separable_conv": _separable,
    "nn.conv_transpose": _conv_transpose, "nn.max_pool": _pool("MaxPool"),
    "nn.average_pool": _pool("AveragePool"),
}  # fmt: skip

PRIMITIVES: Table = {
    "conv_general_dilated": _conv_primitive,
    "reduce_window_max": _window("MaxPool", scaled=False),
    "reduce_window_sum": _window("AveragePool", scaled=True),
}  # fmt: skip
