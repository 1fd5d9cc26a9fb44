"""Products and convolutions: two operations for each multiply-add."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from graphc.kernels.costs.elementwise import EXPONENTIAL
from graphc.kernels.registry import TensorSpec

Inputs = tuple[TensorSpec | None, ...]
Attrs = Mapping[str, Any]
Results = tuple[TensorSpec, ...]


def _shape(inputs: Inputs, place: int) -> tuple[int, ...]:
    spec = inputs[place]
    assert spec is not None
    return spec.shape


def dense(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """Each result sums over the rows of the kernel."""
    return 2 * math.prod(results[0].shape) * _shape(inputs, 1)[0]


def linear_crossentropy(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """A product, and the exponential of every logit."""
    logits = math.prod(results[0].shape) * _shape(inputs, 1)[1]
    return logits * (2 * _shape(inputs, 1)[0] + EXPONENTIAL)


def conv(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """Each result sums over the window and the channels of its group."""
    return 2 * math.prod(results[0].shape) * math.prod(_shape(inputs, 1)[:-1])


def conv_transpose(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """Each input is added to a window of outputs."""
    return 2 * math.prod(_shape(inputs, 0)) * math.prod(_shape(inputs, 1)[:-1])


def depthwise_conv(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """Each result sums over its window."""
    return 2 * math.prod(results[0].shape) * math.prod(_shape(inputs, 1)[:-2])


def separable_conv(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """A depthwise convolution, and a product over the channels."""
    window, (mixed, outputs) = _shape(inputs, 1)[:-2], _shape(inputs, 2)[-2:]
    places = math.prod(results[0].shape) // outputs
    return 2 * places * mixed * (outputs + math.prod(window))


def attention(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """Every query with every key, then every share with every value; the softmax between."""
    query, key = _shape(inputs, 0), _shape(inputs, 1)
    scores = query[0] * query[1] * query[2] * key[1]
    return scores * (2 * query[3] + 2 * _shape(inputs, 2)[3] + 16)


def matmul(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """Each result sums over the last axis of the left operand."""
    return 2 * math.prod(results[0].shape) * _shape(inputs, 0)[-1]


def einsum(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """Each combination of letters is one multiply-add."""
    subscripts = str(attrs.get("subscripts", attrs.get("equation", "")))
    terms = subscripts.split("->", maxsplit=1)[0].split(",")
    if "." in subscripts or len(terms) != len(inputs):
        return 2 * max(math.prod(s.shape) for s in (*inputs, *results) if s is not None)
    sizes: dict[str, int] = {}
    for place, term in enumerate(terms):
        sizes.update(zip(term.strip(), _shape(inputs, place), strict=False))
    return 2 * math.prod(sizes.values())


OPERATIONS = {
    "nn.dense": dense,
    "nn.linear_crossentropy": linear_crossentropy,
    "nn.conv": conv,
    "nn.conv_transpose": conv_transpose,
    "nn.depthwise_conv": depthwise_conv,
    "nn.separable_conv": separable_conv,
    "nn.attention": attention,
    "linalg.matmul": matmul,
    "linalg.dot": matmul,
    "linalg.einsum": einsum,
}
