"""The long short-term memory, and its cell. Source: Hochreiter and Schmidhuber (1997)."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras import initializers, ops
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.layers.recurrent.cell import RecurrentCell, given
from graphc.keras.layers.recurrent.cell_layer import CellLayer


class LSTMCell(RecurrentCell):
    """A step of a long short-term memory.

    Called on an input [B, F] and the states `[h [B, U], c [B, U]]`; returns h and the new states.
    With `unit_forget_bias` the biases of the forget gate start at one.

    Raises:
        ValueError: `units` is not a positive integer.
    """

    op, gates = "lstm", 4

    def __init__(
        self,
        units: int,
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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(given(locals()), **kwargs)
        self.state_size = [self.units, self.units]

    def _first_biases(self) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer
        return forgetful(self.bias_initializer, self.units)

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, list[Any]]:
        """Return the output and the new states."""
        before, cell = states
        total = self.input_product(inputs, training) + self.state_product(before, training)
        enter, keep, candidate, leave = ops.split(total, 4, axis=1)
        gate = self.recurrent_activation
        cell = gate(keep) * cell + gate(enter) * self.activation(candidate)
        output = gate(leave) * self.activation(cell)
        return output, [output, cell]

    known_call = call


def forgetful(initializer: Any, size: int) -> Any:
    """Return an initializer of four gates' biases: `initializer`'s, but ones for the second."""
    ones = initializers.get("ones")

    def first(shape: Any, dtype: Any = None) -> Any:
        del shape
        parts = [initializer((size,), dtype=dtype), ones((size,), dtype=dtype)]
        parts = [*parts, initializer((2 * size,), dtype=dtype)]
        return np.concatenate([np.asarray(part) for part in parts])  # a program is not worth it

    return first


class LSTM(CellLayer):
    """Runs an `LSTMCell` over sequences [B, T, F]: [B, U], or [B, T, U] with all outputs.

    Raises:
        ValueError: `units` is not a positive integer, or `use_cudnn` is unknown.
    """

    cell_class = LSTMCell

    def __init__(
        self,
        units: int,
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
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__("lstm_cell", given(locals()), kwargs)
        self.input_spec = InputSpec(ndim=3)
