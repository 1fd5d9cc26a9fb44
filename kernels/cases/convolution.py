"""Cases of depthwise, separable, transposed and grouped convolutions, and of group norms."""

from __future__ import annotations

from typing import Any

from graphc.kernels.cases.case import BATCH, Case, Input, floats

FIRST = {"data_format": "channels_first"}
SAME = {"padding": "same"}

# The input's shape after the batch, the kernel's, attributes, the batch to measure (0: none).
Row = tuple[tuple[int, ...], tuple[int, ...], dict[str, Any], int]
DEPTHWISE: dict[str, Row] = {
    "cifar": ((32, 32, 32), (3, 3, 32, 1), SAME, 64),
    "mobilenet_stride": ((28, 28, 48), (3, 3, 48, 1), {"padding": "same", "strides": 2}, 64),
    "convnext": ((14, 14, 32), (7, 7, 32, 1), SAME, 32),
    "conformer_1d": ((100, 64), (15, 64, 1), SAME, 32),
    "multiplier": ((9, 8, 3), (3, 2, 3, 4), {"strides": (2, 3)}, 0),
    "dilated": ((9, 11, 4), (2, 3, 4, 2), {"padding": "same", "dilation_rate": (3, 2)}, 0),
    "strided_and_dilated": ((13, 12, 2), (3, 3, 2, 1), {"strides": 2, "dilation_rate": 3}, 0),
    "gaps": ((9, 7), (1, 7, 2), {"strides": 3}, 0),
    "first": ((4, 8, 9), (3, 3, 4, 2), FIRST | SAME, 0),
    "volume": ((5, 6, 4, 2), (2, 3, 2, 2, 1), {"strides": (1, 2, 1), "padding": "same"}, 0),
}
# The pointwise kernel's channels stand last.
SEPARABLE: dict[str, tuple[Row, int]] = {
    "cifar": (((32, 32, 32), (3, 3, 32, 1), SAME, 64), 64),
    "stride": (((9, 8, 3), (3, 2, 3, 2), {"padding": "same", "strides": 2}, 0), 5),
    "first_1d": (((3, 11), (4, 3, 2), FIRST, 0), 5),
}
TRANSPOSED: dict[str, Row] = {
    "unet_2x2": ((16, 16, 64), (2, 2, 32, 64), {"strides": 2}, 32),
    "gan": ((7, 7, 64), (5, 5, 32, 64), {"padding": "same", "strides": 2}, 64),
    "autoencoder": ((14, 14, 32), (3, 3, 16, 32), {"padding": "same", "strides": 2}, 64),
    "unit_stride": ((8, 9, 4), (3, 2, 5, 4), SAME, 0),
    "gaps": ((5, 4, 3), (2, 1, 4, 3), {"strides": 3}, 0),
    "more": ((5, 4, 3), (4, 3, 2, 3),
             {"strides": (3, 2), "padding": "same", "output_padding": (2, 1)}, 0),
    "to_one": ((28, 28, 32), (3, 3, 1, 32), SAME, 64),
    "less": ((5, 6, 3), (4, 2, 2, 3), {"strides": 3, "padding": "same", "output_padding": 0}, 0),
    "dilated_1d": ((11, 3), (3, 4, 3), {"dilation_rate": 2}, 0),
    "first": ((3, 5, 4), (3, 3, 2, 3), FIRST | {"strides": 2}, 0),
    "volume": ((3, 4, 2, 2), (3, 2, 2, 3, 2), {"strides": 2, "padding": "same"}, 0),
}  # fmt: skip
GROUPED: dict[str, Row] = {
    "two_groups": ((14, 14, 64), (3, 3, 32, 64), {"padding": "same", "groups": 2}, 64),
    "as_depthwise": ((14, 14, 32), (3, 3, 1, 64), {"padding": "same", "groups": 32}, 64),
    "groups_first": ((6, 7, 8), (3, 2, 3, 4), FIRST | {"groups": 2, "strides": 2}, 0),
    "to_one": ((28, 28, 32), (3, 3, 32, 1), SAME, 64),
    "to_few_dilated": ((9, 8, 6), (3, 2, 6, 2), {"dilation_rate": (1, 2)}, 0),
    "to_few_3d": ((4, 5, 4, 5), (2, 2, 3, 5, 2), SAME, 0),
    "plain_first": ((3, 7, 8), (3, 2, 3, 4), FIRST | SAME, 0),
    "causal_groups": ((12, 4), (3, 2, 6), {"padding": "causal", "groups": 2}, 0),
}


def _case(op: str, name: str, row: Row, kernels: list[Input], outputs: int) -> Case:
    shape, _, attrs, batch = row
    inputs = (floats(BATCH, *shape), *kernels, floats(outputs))
    return Case(op, name, inputs, attrs, batch or 4, 1e-4, bench=batch > 0)


def convolution_cases() -> tuple[Case, ...]:
    """Cases for the convolutions that are not plain ones, and the normalisation of groups."""
    cases: list[Case] = []
    for name, row in DEPTHWISE.items():
        *_, channels, multiplier = row[1]
        outputs = channels * multiplier
        cases.append(_case("nn.depthwise_conv", name, row, [floats(*row[1])], outputs))
    for name, (row, filters) in SEPARABLE.items():
        *window, channels, multiplier = row[1]
        mixing = floats(*(1 for _ in window), channels * multiplier, filters)
        cases.append(_case("nn.separable_conv", name, row, [floats(*row[1]), mixing], filters))
    for name, row in TRANSPOSED.items():
        cases.append(_case("nn.conv_transpose", name, row, [floats(*row[1])], row[1][-2]))
    for name, row in GROUPED.items():
        cases.append(_case("nn.conv", name, row, [floats(*row[1])], row[1][-1]))
    image, six = floats(BATCH, 5, 4, 6), floats(6)
    return (
        *cases,
        Case("nn.group_norm", "last", (image, six, six), {"groups": 3}),
        Case("nn.group_norm", "plain", (image, None, None), {"groups": 2, "axis": 2}),
    )
