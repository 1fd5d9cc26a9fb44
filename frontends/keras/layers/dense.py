"""The dense layer: `activation(inputs @ kernel + bias)`."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.layers.arguments import positive_integer
from graphc.keras.layers.lora import AdaptedKernel


class Dense(AdaptedKernel):
    """Multiplies the last axis of the inputs by a kernel, adds a bias, applies an activation.

    Input: `[B, ..., D]`; output: `[B, ..., units]`.

    Raises:
        ValueError: `units` is not a positive integer; at build, the last axis has no known size.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.configure(
            units=positive_integer(units, "units"),
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.configure_lora(lora_rank, lora_alpha, quantization_config)
        self.bias: Any = None
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernel `[D, units]` and the bias `[units]`."""
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                f"Layer '{self.name}' needs inputs whose last axis has a known size. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self._weight = self.add_weight(
            name="kernel",
            shape=(features, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        if self.lora_rank:
            self.enable_lora(self.lora_rank)  # as in Keras, `lora_alpha` is then the rank

    def call(self, inputs: Any) -> Any:
        """Return `activation(inputs @ kernel + bias)`."""
        return self.activation(apply("nn.dense", inputs, self.kernel, self.bias))
