"""Images: `image.resize` where ONNX samples as JAX does, and `nn.fold`."""

from __future__ import annotations

import numpy as np

from graphc.artifacts.onnx.convolution import channels_first
from graphc.artifacts.onnx.sizes import is_static
from graphc.artifacts.onnx.task import Result, Table, Task, ints
from graphc.kernels.reference.arrangement import pair

SMALL = 64  # elements along an axis, so few that rounding a place shows in no weight
# ONNX Runtime moves transpositions past a cubic resizing, which it then refuses to do.
MODES = {"nearest": "nearest", "bilinear": "linear"}


def _sampled_alike(given: int, wanted: int, mode: str) -> bool:
    """Return whether runtimes, which find the places with float32, find those of JAX.

    Where they may not, an image is resized by products with JAX's own weights.
    """
    ratio = max(given, wanted) / min(given, wanted)
    if mode == "nearest":
        return ratio % 1 == 0
    return bool(np.log2(ratio) % 1 == 0) or max(given, wanted) <= SMALL


def _scale(given: int, wanted: int) -> np.float32:
    """Return a scale by which runtimes find the length wanted, however they multiply."""
    scale = np.float32(wanted / given)
    if min(int(float(scale) * given), int(scale * np.float32(given))) < wanted:
        return np.nextafter(scale, np.float32(np.inf))
    return scale


def _resize(task: Task) -> Result:
    x, mode = task.x(), MODES.get(task.attr("interpolation", "bilinear"))
    ratio = task.attr("crop_to_aspect_ratio") or task.attr("pad_to_aspect_ratio")
    if mode is None or ratio or task.attr("antialias") or x.ndim != 4 or x.held != "float32":
        return None
    layout = task.attr("data_format", "channels_last")
    order = channels_first(2, layout)
    stored = [x.shape[axis] for axis in order]
    if not is_static(stored[2:]):
        return None
    given, wanted = [int(str(n)) for n in stored[2:]], task.attr("size")
    if not all(_sampled_alike(g, w, mode) for g, w in zip(given, wanted, strict=True)):
        return None
    scales = [1.0, 1.0, *map(_scale, given, wanted)]
    found = task.emit(
        "Resize", task.writer.stored(x, order), None, np.asarray(scales, "float32"), mode=mode,
        coordinate_transformation_mode="half_pixel", nearest_mode="round_prefer_ceil",
    )  # fmt: skip
    return task.result(found, None if layout == "channels_first" else order)


def _fold(task: Task) -> Result:
    x = task.x()
    if task.held != "float32":
        return None
    height, width = pair(task.attr("padding", 0))
    return task.emit(
        "Col2Im", x, ints(*pair(task.attr("output_size"))), ints(*pair(task.attr("kernel_size"))),
        dilations=pair(task.attr("dilation", 1)), pads=[height, width, height, width],
        strides=pair(task.attr("stride", 1)),
    )  # fmt: skip


OPS: Table = {"image.resize": _resize, "nn.fold": _fold}
