"""The embedding layer: a trainable row for each integer."""

from __future__ import annotations

import warnings
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.dispatch import apply
from graphc.keras.layers.arguments import positive_integer
from graphc.keras.layers.lora import LowRank


class Embedding(LowRank):
    """Replaces every integer by its row of a table.

    Input: integers below `input_dim`, of any shape; output: that shape and `output_dim`. With
    `mask_zero`, zeros are padding: masked out in the layers above.

    Raises:
        ValueError: `input_dim` or `output_dim` is not a positive integer.
    """

    adapted = "embeddings"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Argument `input_length` is deprecated. Just remove it.", stacklevel=2)
        super().__init__(**kwargs)
        self.configure(
            input_dim=positive_integer(input_dim, "input_dim"),
            output_dim=positive_integer(output_dim, "output_dim"),
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            activity_regularizer=self.activity_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
        )
        self.configure_lora(lora_rank, lora_alpha, quantization_config)
        self.supports_masking = mask_zero
        self.autocast = False  # integers must not pass through a low-precision float
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        """Create the table `[input_dim, output_dim]`, which no input shape influences."""
        del input_shape
        if self._weight is not None:
            return
        self._weight = self.add_weight(
            name="embeddings",
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )
        if self.lora_rank:
            self.enable_lora(self.lora_rank)  # as in Keras, `lora_alpha` is then the rank

    @property
    def embeddings(self) -> Any:
        """The table, adaptation included."""
        return self.adapted_weight()

    def call(self, inputs: Any) -> Any:
        """Return the rows that the inputs name."""
        if ops.dtype(inputs) not in ("int32", "int64"):
            inputs = ops.cast(inputs, "int32")
        return ops.cast(apply("nn.embedding", inputs, self.embeddings), self.compute_dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return where the inputs are not zero, if zeros are padding."""
        del previous_mask
        return ops.not_equal(inputs, 0) if self.mask_zero else None
