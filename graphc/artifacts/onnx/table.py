"""The translators by name: of ops, and of the primitives of JAX that other ops consist of."""

from __future__ import annotations

from graphc.artifacts.onnx import (
    activation,
    attention,
    contraction,
    control,
    convolution,
    elementwise,
    images,
    indexing,
    normalization,
    recurrent,
    reduction,
    shapes,
    signals,
)
from graphc.artifacts.onnx.task import Table

OPS: Table = {
    **elementwise.OPS,
    **activation.OPS,
    **reduction.OPS,
    **shapes.OPS,
    **indexing.OPS,
    **contraction.OPS,
    **convolution.OPS,
    **normalization.OPS,
    **recurrent.OPS,
    **attention.OPS,
    **control.OPS,
    **images.OPS,
    **signals.OPS,
}

PRIMITIVES: Table = {
    **elementwise.PRIMITIVES,
    **reduction.PRIMITIVES,
    **shapes.PRIMITIVES,
    **indexing.PRIMITIVES,
    **contraction.PRIMITIVES,
    **convolution.PRIMITIVES,
    **control.PRIMITIVES,
}
