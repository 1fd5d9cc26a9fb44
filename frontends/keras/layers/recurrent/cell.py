"""What the cells of SimpleRNN, GRU and LSTM share: arguments, weights, products and dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.keras import activations, ops
from graphc.keras.activations.activations import FUNCTIONS
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.variable import autocast
from graphc.keras.layers.arguments import positive_integer
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.layers.recurrent.dropout_cell import DropoutRNNCell
from graphc.keras.random import SeedGenerator

# Activations that are an op with its defaults.
NAMED = frozenset(
    {"tanh", "sigmoid", "relu", "softplus", "softsign", "silu", "hard_sigmoid", "selu", "linear"}
)


def given(scope: dict[str, Any]) -> dict[str, Any]:
    """Return a constructor's own arguments from its `locals()`, in their order."""
    return {
        name: value
        for name, value in scope.items()
        if name not in ("self", "kwargs") and not name.startswith("__")
    }


def op_of_activation(activation: Any) -> str | None:
    """Return the name of the op that an activation is with its defaults; None if of none."""
    name = activations.serialize(activation) if activation in FUNCTIONS else None
    return name if name in NAMED else None


class RecurrentCell(DropoutRNNCell, BuiltinLayer):
    """A cell with a kernel [F, G * U], a recurrent kernel [U, G * U] and a bias, for G gates."""

    op: str
    gates: int
    draws_seed_first = False  # before the initializers draw theirs

    def __init__(self, arguments: dict[str, Any], implementation: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        arguments["units"] = positive_integer(arguments["units"], "units")
        for rate in ("dropout", "recurrent_dropout"):
            arguments[rate] = min(1.0, max(0.0, arguments[rate]))
        if self.draws_seed_first:
            self.seed_generator = SeedGenerator(arguments["seed"])
        self.configure(**arguments)
        if not self.draws_seed_first:
            self.seed_generator = SeedGenerator(arguments["seed"])
        # With dropout of the state, every gate has masks of its own.
        self.implementation = 1 if self.recurrent_dropout and self.gates > 1 else implementation
        if self.implementation == 1 and self.gates > 1:
            self.dropout_mask_count = self.gates
        self.state_size: Any = self.units
        self.output_size = self.units

    def build(self, input_shape: Any) -> None:
        """Create the weights."""
        wide = self.units * self.gates
        self.kernel = self._add("kernel", (input_shape[-1], wide))
        self.recurrent_kernel = self._add("recurrent_kernel", (self.units, wide), "recurrent")
        self.bias = self._add("bias", self._bias_shape(wide)) if self.use_bias else None

    def _bias_shape(self, wide: int) -> tuple[int, ...]:
        return (wide,)

    def _first_biases(self) -> Any:
        return self.bias_initializer

    def _add(self, name: str, shape: tuple[int, ...], prefix: str | None = None) -> Any:
        prefix = prefix or name
        initializer = getattr(self, f"{prefix}_initializer")
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self._first_biases() if name == "bias" else initializer,
            regularizer=getattr(self, f"{prefix}_regularizer"),
            constraint=getattr(self, f"{prefix}_constraint"),
        )

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Return zeros [B, U] for every state."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    # Products

    def _drops(self, rate: float, training: Any) -> bool:
        return bool(training) and 0.0 < rate < 1.0

    def _input_bias(self) -> Any:
        return self.bias

    def input_product(self, inputs: Any, training: Any) -> Any:
        """Return the inputs, dropout applied, times the kernel, and the bias added."""
        masks = None
        if self._drops(self.dropout, training):
            masks = self.get_dropout_mask(inputs)
        product = _by_gate(inputs, self.kernel, masks, self.gates)
        return product if self.bias is None else ops.add(product, self._input_bias())

    def state_product(self, state: Any, training: Any, start: int = 0, stop: Any = None) -> Any:
        """Return the state, dropout applied, times the columns of the gates `start` to `stop`."""
        stop = self.gates if stop is None else stop
        masks = None
        if self._drops(self.recurrent_dropout, training):
            masks = self.get_recurrent_dropout_mask(state)
        if isinstance(masks, list):
            masks = masks[start:stop]
        columns = self.recurrent_kernel[:, start * self.units : stop * self.units]
        return _by_gate(state, columns, masks, stop - start)

    # Whole sequences

    def sequence_operands(
        self, sequences: Any, states: Sequence[Any], training: Any
    ) -> tuple[Any, tuple[Any, ...], dict[str, Any]] | None:
        """Return the inputs, the other operands but for the mask, and the attributes of the op.

        None where no op computes what the cell does: an activation of the user's own, or a subclass
        with another `call`.
        """
        attrs = {
            name: op_of_activation(getattr(self, name))
            for name in ("activation", "recurrent_activation")
            if name in self._config_names
        }
        if None in attrs.values() or type(self).call is not type(self).known_call:
            return None
        with autocast(self._autocast_dtype()):
            x, kernel, factors = sequences, self.kernel, None
            if self._drops(self.dropout, training):
                x, kernel = self._dropped(sequences)
            if self._drops(self.recurrent_dropout, training):
                masks = self.get_recurrent_dropout_mask(None)
                masks = masks if isinstance(masks, list) else [masks]
                factors = ops.stack(masks, axis=1)
            values = [getattr(w, "value", w) for w in (kernel, self.recurrent_kernel, self.bias)]
        return x, (*values, *states, factors), {**attrs, **self._more_attributes()}

    def _dropped(self, sequences: Any) -> tuple[Any, Any]:
        """Return the inputs after dropout and the kernel; None for it once it is multiplied by."""
        masks = self.get_dropout_mask(None)
        if not isinstance(masks, list):
            return sequences * ops.expand_dims(masks, 1), self.kernel
        masks = [ops.expand_dims(mask, 1) for mask in masks]
        return _by_gate(sequences, self.kernel, masks, self.gates), None

    def _more_attributes(self) -> dict[str, Any]:
        return {}

    def run_sequence(
        self, sequences: Any, states: Sequence[Any], mask: Any, training: Any, **attrs: Any
    ) -> tuple[Any, ...] | None:
        """Return the outputs [B, T, U] and the last states, by one op; None if there is no such."""
        found = self.sequence_operands(sequences, states, training)
        if found is None:
            return None
        x, operands, more = found
        return apply(f"nn.{self.op}", x, *operands[:-1], mask, operands[-1], **more, **attrs)


def _by_gate(x: Any, weights: Any, masks: Any, gates: int) -> Any:
    """Return `x @ weights` after dropout; several masks are for a gate's columns each."""
    if masks is None:
        return ops.matmul(x, weights)
    if not isinstance(masks, list):
        return ops.matmul(x * masks, weights)
    columns = ops.split(weights, gates, axis=1)
    products = [ops.matmul(x * m, part) for m, part in zip(masks, columns, strict=True)]
    return ops.concatenate(products, axis=-1)
