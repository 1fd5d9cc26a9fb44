"""The loss of label sequences without an alignment to the frames: CTC."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.losses.loss import NamedFunctionLoss, as_array_if_numbers


def ctc(y_true: Any, y_pred: Any) -> Any:
    """Return `-log p(labels | logits)`: labels [B, N] and logits [B, T, C] to [B].

    Class 0 is the blank: where it is a label, there is none. All frames count.
    Source: Graves et al., "Connectionist Temporal Classification", 2006.

    Raises:
        ValueError: the targets are no matrix, or the logits do not have three axes.
    """
    y_true = ops.convert_to_tensor(as_array_if_numbers(y_true))
    y_pred = ops.convert_to_tensor(as_array_if_numbers(y_pred))
    _check_rank("y_true", y_true, 2, "(batch_size, max_length) of integers")
    _check_rank("y_pred", y_pred, 3, "(batch_size, max_length, num_classes) of logits")
    labels = ops.sum(ops.cast(ops.not_equal(y_true, 0), "int32"), axis=-1)
    # Counted from the logits, so that the number of rows is theirs whatever the batch.
    frames = ops.full_like(y_pred[:, 0, 0], y_pred.shape[1], dtype="int32")
    return ops.ctc_loss(y_true, y_pred, labels, frames, mask_index=0)


def _check_rank(name: str, x: Any, rank: int, expected: str) -> None:
    if len(x.shape) != rank:
        raise ValueError(
            f"Expected `{name}` to be a tensor of shape {expected}. "
            f"Received: {name}.shape={tuple(x.shape)}"
        )


class CTC(NamedFunctionLoss):
    """The CTC loss of label sequences, with class 0 as the blank."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ctc",
        dtype: Any = None,
    ) -> None:
        super().__init__(ctc, reduction, name, dtype)
