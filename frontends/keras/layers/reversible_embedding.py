"""`ReversibleEmbedding`: an embedding that can also score every row of its table."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.call import set_masks
from graphc.keras.layers.embedding import Embedding


class ReversibleEmbedding(Embedding):
    """Looks rows up; called with `reverse=True`, projects `[..., output_dim]` to logits.

    Args:
        tie_weights: whether the projection uses the table itself, transposed, or its own weight.
        reverse_dtype: the dtype of the projection; the compute dtype when None.
        logit_soft_cap: logits become `cap * tanh(logits / cap)`; unbounded when None.

    Source: Press and Wolf, arXiv 1608.05859.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.configure(
            tie_weights=tie_weights, reverse_dtype=reverse_dtype, logit_soft_cap=logit_soft_cap
        )
        self.reverse_embeddings: Any = None

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        """Create the table, and the weight `[output_dim, input_dim]` of an untied projection."""
        super().build(input_shape)
        if self.tie_weights or self.reverse_embeddings is not None:
            return
        self.reverse_embeddings = self.add_weight(
            name="reverse_embeddings",
            shape=(self.output_dim, self.input_dim),
            initializer=self.embeddings_initializer,
        )

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        """Return the rows that the inputs name, or the logits of all rows."""
        if not reverse:
            rows = super().call(inputs)
            set_masks(rows, super().compute_mask(inputs))
            return rows
        kernel = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        if self.reverse_dtype is not None:
            inputs = ops.cast(inputs, self.reverse_dtype)
            kernel = ops.cast(kernel, self.reverse_dtype)
        logits = ops.matmul(inputs, kernel)
        if self.logit_soft_cap is None:
            return logits
        return ops.tanh(logits / self.logit_soft_cap) * self.logit_soft_cap

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return None: `call` masks the rows itself, for logits have no mask."""
