"""The loss of embeddings that should be close within a class and far between classes: circle."""

from __future__ import annotations

from typing import Any

import jax

from graphc.keras import ops
from graphc.keras.engine.masks import set_mask
from graphc.keras.losses.loss import NamedFunctionLoss, as_array_if_numbers


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """Return the circle loss of unit embeddings [B, D] with integer labels [B] or [B, 1]: [B].

    Args:
        y_true, y_pred: labels and embeddings.
        ref_labels: labels [N] of what the embeddings are compared with; None: `y_true`.
        ref_embeddings: those embeddings [N, D]; None: `y_pred`.
        remove_diagonal: whether a sample is not compared with itself.
        gamma: the scale of the similarities.
        margin: how far a pair may be from its ideal.

    Rows with a loss of zero are left out by a `_keras_mask` on the result.
    Source: Sun et al., "Circle Loss", 2020.
    """
    y_pred = ops.convert_to_tensor(as_array_if_numbers(y_pred))
    labels = _column(y_true)
    others = labels if ref_labels is None else _column(ref_labels)
    refs = y_pred if ref_embeddings is None else ops.convert_to_tensor(ref_embeddings)
    distance = ops.maximum(1 - ops.matmul(y_pred, ops.transpose(refs)), 0.0)  # [B, N]
    same = ops.equal(labels, ops.transpose(others))
    other = ops.logical_not(same)
    if remove_diagonal:
        itself = ops.eye(labels.shape[0], others.shape[0], dtype="bool")
        same = ops.logical_and(same, ops.logical_not(itself))
    pull = ops.maximum(margin + distance, 0.0) * (distance - margin)
    push = ops.maximum(1 + margin - distance, 0.0) * (1 - margin - distance)
    losses = ops.softplus(_total(same, gamma * pull) + _total(other, gamma * push))
    if not isinstance(losses, jax.core.Tracer):  # JAX's own tracers take no attributes
        set_mask(losses, losses > 0)
    return losses


def _column(labels: Any) -> Any:
    labels = ops.cast(ops.convert_to_tensor(as_array_if_numbers(labels)), "int32")
    return ops.expand_dims(labels, -1) if len(labels.shape) == 1 else labels


def _total(chosen: Any, scores: Any) -> Any:
    return ops.logsumexp(ops.where(chosen, scores, float("-inf")), axis=1)


class Circle(NamedFunctionLoss):
    """The circle loss of unit embeddings with integer labels.

    Args:
        gamma: the scale of the similarities.
        margin: how far a pair may be from its ideal.
        remove_diagonal: whether a sample is not compared with itself.
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ) -> None:
        self.gamma, self.margin, self.remove_diagonal = gamma, margin, remove_diagonal
        super().__init__(
            circle,
            reduction,
            name,
            dtype,
            gamma=gamma,
            margin=margin,
            remove_diagonal=remove_diagonal,
        )

    def _loss_mask(self, y_true: Any, y_pred: Any, losses: Any) -> Any:
        return losses > 0
