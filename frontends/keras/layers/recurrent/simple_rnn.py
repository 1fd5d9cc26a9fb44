"""The fully connected recurrent layer, and its cell."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.layers.recurrent.cell import RecurrentCell, given
from graphc.keras.layers.recurrent.cell_layer import CellLayer


class SimpleRNNCell(RecurrentCell):
    """A step of `h = activation(x @ kernel + bias + h @ recurrent_kernel)`.

    Called on an input [B, F] and the states `[h [B, U]]`; returns the output and the new states.

    Raises:
        ValueError: `units` is not a positive integer.
    """

    op, gates, draws_seed_first = "simple_rnn", 1, True

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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

    def _drops(self, rate: float, training: Any) -> bool:
        return bool(training) and rate > 0

    def call(self, sequence: Any, states: Any, training: bool = False) -> tuple[Any, Any]:
        """Return the output, which is the new state."""
        nested = isinstance(states, (list, tuple))
        before = states[0] if nested else states
        total = self.input_product(sequence, training) + self.state_product(before, training)
        output = self.activation(total)
        return output, [output] if nested else output

    known_call = call


class SimpleRNN(CellLayer):
    """Runs a `SimpleRNNCell` over sequences [B, T, F]: [B, U], or [B, T, U] with all outputs.

    Raises:
        ValueError: `units` is not a positive integer.
    """

    cell_class = SimpleRNNCell
    config_without = ("seed",)

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__("simple_rnn_cell", given(locals()), kwargs)
        self.input_spec = [InputSpec(ndim=3)]
