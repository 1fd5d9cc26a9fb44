"""The cell of the convolutional LSTM. Source: Shi et al., arXiv 1506.04214."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.layers.arguments import standardize_padding, standardize_tuple
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.layers.recurrent.dropout_cell import DropoutRNNCell
from graphc.keras.layers.recurrent.lstm import forgetful
from graphc.keras.random import SeedGenerator

GATES = 4


class ConvLSTMCell(DropoutRNNCell, BuiltinLayer):
    """A step of an LSTM whose products are convolutions over `rank` axes.

    Raises:
        ValueError: a window argument is none, or both strides and dilation are above one.
    """

    def __init__(self, rank: int, **arguments: Any) -> None:
        rest = {k: arguments.pop(k) for k in ("name", "dtype", "trainable") if k in arguments}
        super().__init__(**rest)
        self.rank = rank
        for name in ("kernel_size", "strides", "dilation_rate"):
            arguments[name] = standardize_tuple(arguments[name], rank, name)
        arguments["padding"] = standardize_padding(arguments["padding"])
        arguments["data_format"] = standardize_data_format(arguments["data_format"])
        if max(arguments["strides"]) > 1 and max(arguments["dilation_rate"]) > 1:
            raise ValueError(
                "Expected `strides` or `dilation_rate` to be 1. Received: "
                f"strides={arguments['strides']} and dilation_rate={arguments['dilation_rate']}"
            )
        for rate in ("dropout", "recurrent_dropout"):
            arguments[rate] = min(1.0, max(0.0, arguments[rate]))
        self.seed_generator = SeedGenerator(arguments["seed"])
        self.configure(**arguments)
        self.dropout_mask_count = GATES
        self.input_spec = InputSpec(ndim=rank + 2)
        self.state_size = -1  # not one number: see `get_initial_state`
        self.channels = 1 if self.data_format == "channels_first" else rank + 1  # their axis

    def build(self, inputs_shape: Any, states_shape: Any = None) -> None:
        """Create the kernels and the bias."""
        inputs_shape = tuple(inputs_shape)
        if None in inputs_shape[1:]:
            raise ValueError(
                "ConvLSTM layers need a known size of every axis but batch and time. "
                f"Received: input_shape={inputs_shape}"
            )
        self._step_shape = inputs_shape[1:]
        features, wide = inputs_shape[self.channels], GATES * self.filters
        self.kernel = self._add("kernel", (*self.kernel_size, features, wide))
        recurrent = (*self.kernel_size, self.filters, wide)
        self.recurrent_kernel = self._add("recurrent_kernel", recurrent, "recurrent")
        self.bias = self._add("bias", (wide,)) if self.use_bias else None

    def _add(self, name: str, shape: tuple[int, ...], prefix: str | None = None) -> Any:
        prefix = prefix or name
        initializer = getattr(self, f"{prefix}_initializer")
        if name == "bias" and self.unit_forget_bias:
            initializer = forgetful(initializer, self.filters)
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            regularizer=getattr(self, f"{prefix}_regularizer"),
            constraint=getattr(self, f"{prefix}_constraint"),
        )

    def compute_output_shape(self, inputs_shape: Any, states_shape: Any = None) -> Any:
        """Return the shapes of the output and of the two states."""
        spatial = [size for a, size in enumerate(inputs_shape) if a not in (0, self.channels)]
        sizes = [
            self._length(size, *window)
            for size, *window in zip(
                spatial, self.kernel_size, self.strides, self.dilation_rate, strict=True
            )
        ]
        sizes.insert(self.channels - 1, self.filters)
        shape = (inputs_shape[0], *sizes)
        return shape, [shape, shape]

    def _length(self, size: int | None, kernel: int, stride: int, dilation: int) -> int | None:
        if size is None:
            return None
        reach = dilation * (kernel - 1) if self.padding == "valid" else 0
        return (size - reach + stride - 1) // stride

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Return zeros shaped like the output, for both states."""
        shape, _ = self.compute_output_shape((batch_size, *self._step_shape))
        return [ops.zeros(shape, dtype=self.compute_dtype) for _ in range(2)]

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, list[Any]]:
        """Return the output and the new states."""
        return self.step(self.input_product(inputs, training), states, training)

    def input_product(self, inputs: Any, training: Any, steps: int | None = None) -> Any:
        """Return the inputs, dropout applied, convolved with the kernel, and the bias added.

        With `steps`, the inputs are those of so many steps, sample by sample along axis 0.
        """
        masks = self._masks("dropout", inputs, training)
        if masks is not None and steps is not None:
            masks = [ops.repeat(mask, steps, axis=0) for mask in masks]
        options = {
            "strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation_rate,
        }  # fmt: skip
        product = self._by_gate(inputs, self.kernel, masks, options)
        if self.bias is None:
            return product
        shape = [1] * (self.rank + 2)
        shape[self.channels] = GATES * self.filters
        return product + ops.reshape(self.bias, shape)

    def step(self, product: Any, states: Any, training: Any) -> tuple[Any, list[Any]]:
        """Return the output and the new states, given the product of a step's inputs."""
        before, cell = states
        masks = self._masks("recurrent_dropout", before, training)
        total = product + self._by_gate(before, self.recurrent_kernel, masks, {"padding": "same"})
        enter, keep, candidate, leave = ops.split(total, GATES, axis=self.channels)
        gate = self.recurrent_activation
        cell = gate(keep) * cell + gate(enter) * self.activation(candidate)
        output = gate(leave) * self.activation(cell)
        return output, [output, cell]

    def _masks(self, rate: str, like: Any, training: Any) -> Any:
        if not training or not 0.0 < getattr(self, rate) < 1.0:
            return None
        return self._mask(rate, like)

    def _by_gate(self, x: Any, kernel: Any, masks: Any, options: dict[str, Any]) -> Any:
        options = {**options, "data_format": self.data_format}
        if masks is None:
            return ops.conv(x, kernel, **options)
        kernels = ops.split(kernel, GATES, axis=self.rank + 1)
        products = [ops.conv(x * m, k, **options) for m, k in zip(masks, kernels, strict=True)]
        return ops.concatenate(products, axis=self.channels)
