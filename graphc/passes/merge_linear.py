"""Inference: two products in a row, with nothing but a bias between, become one.

    (x @ w1 + b1) @ w2 + b2 = x @ (w1 @ w2) + (b1 @ w2 + b2)

The same holds for a convolution before a 1x1 convolution with a stride of 1, which is such a
product at every place. Numerics are reassociated: the kernels are multiplied first.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from graphc.builder import Builder
from graphc.ir import Node, Value
from graphc.match import Match, PatternBuilder, PatternNode
from graphc.passes.base import Pass
from graphc.rewrite import Rule

WIDE = ("float32", "float64")
# How often the kernels are multiplied: with every call.
PREPARATIONS = 1


def _rule(linear: str, is_product: Callable[[Node, Node], str | None]) -> Rule:
    def pattern(p: PatternBuilder) -> PatternNode:
        return p.emit(linear, p.emit(linear, "x", "kernel_1", "bias_1"), "kernel_2", "bias_2")

    def check(m: Match) -> str | None:
        return _reason_against(m) or is_product(_inner(m), m.root)

    def rewrite(b: Builder, m: Match) -> Value:
        kernel_2 = m.value("kernel_2")
        if kernel_2.spec.ndim > 2:
            kernel_2 = b.emit("shape.reshape", kernel_2, newshape=kernel_2.spec.shape[-2:])
        kernel = b.emit("linalg.matmul", m["kernel_1"], kernel_2)
        return b.emit(linear, m["x"], kernel, _bias(b, m, kernel_2), **_inner(m).attrs)

    return Rule(f"{linear.removeprefix('nn.')}_of_{linear.removeprefix('nn.')}", pattern, check,
                rewrite)  # fmt: skip


def _inner(m: Match) -> Node:
    value = m.root.inputs[0]
    assert value is not None
    return value.node


def _bias(b: Builder, m: Match, kernel_2: Value) -> Value | None:
    if m["bias_1"] is None:
        return m["bias_2"]
    moved: Value = b.emit("linalg.matmul", m["bias_1"], kernel_2)
    return moved if m["bias_2"] is None else b.emit("math.add", moved, m["bias_2"])


def _reason_against(m: Match) -> str | None:
    weights = [m[name] for name in ("kernel_1", "bias_1", "kernel_2", "bias_2")]
    dtypes = {value.spec.dtype for value in (m["x"], *weights) if value is not None}
    if len(dtypes) > 1 or not dtypes <= set(WIDE):
        return f"the product of kernels would be rounded to {' and '.join(sorted(dtypes))}"
    kernel_1, kernel_2 = m.value("kernel_1").spec.shape, m.value("kernel_2").spec.shape
    rows = math.prod(m.root.specs[0].shape) // max(kernel_2[-1], 1)
    return reason_against_merging(rows, math.prod(kernel_1[:-1]), kernel_1[-1], kernel_2[-1])


def reason_against_merging(rows: int, terms: int, between: int, columns: int) -> str | None:
    """Return None where one product of `columns` takes no more multiplications, else why not.

    Args:
        rows: how many times the sums are formed: samples, or places of an image.
        terms: how many terms a sum of the first product has.
        between: how many columns the first product has, and terms the second.
        columns: how many columns the second product has.
    """
    apart = rows * (terms * between + between * columns)
    merged = rows * terms * columns + PREPARATIONS * terms * between * columns
    return None if merged <= apart else f"{merged} multiplications are more than {apart}"


def _matrices(first: Node, second: Node) -> str | None:
    kernels = first.inputs[1], second.inputs[1]
    if any(kernel is None or kernel.spec.ndim != 2 for kernel in kernels):
        return "a kernel is not a matrix"
    return None


def _pointwise(first: Node, second: Node) -> str | None:
    """Return None where the second convolution is a product at every place of the first."""
    kernel = second.inputs[1]
    if kernel is None or math.prod(kernel.spec.shape[:-2]) != 1:
        return "the second window is larger than 1"
    strides = second.attrs["strides"]
    if any(step != 1 for step in ((strides,) if isinstance(strides, int) else strides)):
        return "the second convolution leaves places out"
    if first.attrs["groups"] != 1 or second.attrs["groups"] != 1:
        return "a convolution has groups"
    if first.attrs["data_format"] != second.attrs["data_format"]:
        return "the convolutions have their channels on different axes"
    return None


MERGE_LINEAR = Pass(
    name="merge_linear",
    rules=(_rule("nn.dense", _matrices), _rule("nn.conv", _pointwise)),
    numerics="reassociate",
    modes=("infer",),
)
