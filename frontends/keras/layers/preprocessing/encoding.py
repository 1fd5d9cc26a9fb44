"""Integers as integers, one-hot, multi-hot or counts: the output modes of categorical layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.keras import ops

OUTPUT_MODES = ("int", "one_hot", "multi_hot", "count")


def encode(
    indices: Any, output_mode: str, depth: int, dtype: str, count_weights: Any = None
) -> Any:
    """Return integers in an output mode; a scalar is one sample.

    Args:
        indices: integers below `depth`; others leave no mark.
        output_mode: "int": cast only; "one_hot": a new axis [..., depth], in place of a last one of
            size 1; "multi_hot", "count": [N] to [depth], [B, N, ...] to [B, ..., depth].
        depth: the number of classes.
        dtype: of the result, unless there are weights, whose dtype it then has.
        count_weights: what each integer counts, for "count"; one each otherwise.
    """
    if output_mode == "int":
        return ops.cast(indices, dtype)
    if ops.ndim(indices) == 0:
        indices = ops.expand_dims(indices, -1)
    if output_mode == "multi_hot":
        return ops.multi_hot(indices, depth, dtype=dtype)
    if output_mode == "one_hot":
        single = ops.ndim(indices) > 1 and indices.shape[-1] == 1
        return ops.one_hot(ops.squeeze(indices, -1) if single else indices, depth, dtype=dtype)
    kind = dtype if count_weights is None else str(count_weights.dtype)
    hot = ops.one_hot(indices, depth, dtype=kind)
    if count_weights is not None:
        hot = hot * ops.expand_dims(count_weights, -1)
    return ops.sum(hot, axis=1 if ops.ndim(indices) > 1 else 0)


def encoded_shape(shape: Sequence[int | None], output_mode: str, depth: int) -> tuple[Any, ...]:
    """Return the shape of `encode` for the shape of its integers."""
    sizes = tuple(shape) or (1,)
    if output_mode == "int":
        return tuple(shape)
    if output_mode == "one_hot":
        return (*(sizes[:-1] if len(sizes) > 1 and sizes[-1] == 1 else sizes), depth)
    return (*(sizes[:1] + sizes[2:] if len(sizes) > 1 else ()), depth)


def check_output_mode(
    layer: Any, output_mode: Any, sparse: Any = False, modes: Sequence[str] = OUTPUT_MODES
) -> None:
    """Check the output mode of a layer; sparse tensors are not supported.

    Raises:
        ValueError: an unknown mode, or a sparse output.
    """
    if output_mode not in modes:
        raise ValueError(
            f"Unknown `output_mode` of {type(layer).__name__}. Expected one of {tuple(modes)}. "
            f"Received: output_mode={output_mode!r}"
        )
    if sparse:
        raise ValueError(
            f"{type(layer).__name__} makes dense tensors only. Expected sparse=False. "
            f"Received: sparse={sparse}"
        )
