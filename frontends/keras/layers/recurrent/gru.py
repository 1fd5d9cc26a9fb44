"""The gated recurrent unit, and its cell. Source: Cho et al., arXiv 1406.1078."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.layers.recurrent.cell import RecurrentCell, given
from graphc.keras.layers.recurrent.cell_layer import CellLayer


class GRUCell(RecurrentCell):
    """A step of a gated recurrent unit.

    Called on an input [B, F] and the states `[h [B, U]]`; returns the output and the new states.
    `reset_after` applies the reset gate after the recurrent product, which then has a bias.

    Raises:
        ValueError: `units` is not a positive integer.
    """

    op, gates = "gru", 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(given(locals()), **kwargs)

    def _bias_shape(self, wide: int) -> tuple[int, ...]:
        return (2, wide) if self.reset_after else (wide,)

    def _input_bias(self) -> Any:
        return self.bias[0] if self.reset_after else self.bias

    def _more_attributes(self) -> dict[str, Any]:
        return {"reset_after": bool(self.reset_after)}

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, Any]:
        """Return the output, which is the new state."""
        nested, units = isinstance(states, (list, tuple)), self.units
        before = states[0] if nested else states
        x = self.input_product(inputs, training)
        inner = self.state_product(before, training, 0, 3 if self.reset_after else 2)
        if self.reset_after and self.bias is not None:
            inner = inner + self.bias[1]
        gates = self.recurrent_activation(x[:, : 2 * units] + inner[:, : 2 * units])
        update, reset = ops.split(gates, 2, axis=-1)
        if self.reset_after:
            weighed = reset * inner[:, 2 * units :]
        else:
            weighed = self.state_product(reset * before, training, 2, 3)
        candidate = self.activation(x[:, 2 * units :] + weighed)
        output = update * before + (1 - update) * candidate
        return output, [output] if nested else output

    known_call = call


class GRU(CellLayer):
    """Runs a `GRUCell` over sequences [B, T, F]: [B, U], or [B, T, U] with all outputs.

    Raises:
        ValueError: `units` is not a positive integer, or `use_cudnn` is unknown.
    """

    cell_class = GRUCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__("gru_cell", given(locals()), kwargs)
        self.input_spec = InputSpec(ndim=3)
