"""Convolutional LSTMs over sequences of vectors, images and volumes.

Source: Shi et al., arXiv 1506.04214.
"""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.layers.recurrent.cell import given
from graphc.keras.layers.recurrent.cell_layer import CellLayer
from graphc.keras.layers.recurrent.conv_lstm_cell import ConvLSTMCell
from graphc.keras.layers.recurrent.loop import run_steps


class _ConvLSTM(CellLayer):
    """Runs a `ConvLSTMCell` over sequences; the inputs of all steps are convolved at once."""

    cell_class = ConvLSTMCell
    rank: int

    def __init__(self, arguments: dict[str, Any], rest: dict[str, Any]) -> None:
        super().__init__("conv_lstm_cell", arguments, rest, rank=self.rank)
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Return the shape of the output, and those of the states after it if they are returned."""
        batch, length, *step = sequences_shape
        state, _ = self.cell.compute_output_shape((batch, *step))
        output = (batch, length, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output

    def compute_mask(self, _: Any, mask: Any) -> Any:
        """Return the mask for outputs of all steps; the two states have none."""
        found = super().compute_mask(_, mask)
        return [found[0], None, None] if self.return_state else found

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, Any]:
        """Return the last output, all outputs in the order of processing, and the last states."""
        if type(self.cell).call is not ConvLSTMCell.call:
            return super().inner_loop(sequences, initial_state, mask, training)
        rows, steps = sequences.shape[:2]
        folded = ops.reshape(sequences, (rows * steps, *sequences.shape[2:]))
        product = self.cell.input_product(folded, training, steps)
        outputs, states = run_steps(
            lambda z, states: self.cell.step(z, states, training),
            ops.reshape(product, (rows, steps, *product.shape[1:])),
            initial_state,
            mask,
            go_backwards=self.go_backwards,
            unroll=self.unroll,
            zero_output_for_mask=self.zero_output_for_mask,
        )
        return outputs[:, -1], outputs, states


class ConvLSTM1D(_ConvLSTM):
    """A convolutional LSTM over sequences of vectors.

    Input: `[B, T, L, C]`, or with the channels before the spatial axes.
    Output: the last step's `[B, ..., filters]`, or with `return_sequences` those of all steps.

    Raises:
        ValueError: a window argument is none, or both strides and dilation are above one.
    """

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(given(locals()), kwargs)


class ConvLSTM2D(_ConvLSTM):
    """A convolutional LSTM over sequences of images.

    Input: `[B, T, H, W, C]`, or with the channels before the spatial axes.
    Output: the last step's `[B, ..., filters]`, or with `return_sequences` those of all steps.

    Raises:
        ValueError: a window argument is none, or both strides and dilation are above one.
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(given(locals()), kwargs)


class ConvLSTM3D(_ConvLSTM):
    """A convolutional LSTM over sequences of volumes.

    Input: `[B, T, D, H, W, C]`, or with the channels before the spatial axes.
    Output: the last step's `[B, ..., filters]`, or with `return_sequences` those of all steps.

    Raises:
        ValueError: a window argument is none, or both strides and dilation are above one.
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(given(locals()), kwargs)
