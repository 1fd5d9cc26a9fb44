"""`RNN`: a cell run over sequences."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.dispatch import infer_call
from graphc.keras.engine.layer import Layer
from graphc.keras.engine.scope import entered
from graphc.keras.engine.structure import flatten, map_structure
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.engine.variable import Variable
from graphc.keras.layers.recurrent.cell import RecurrentCell
from graphc.keras.layers.recurrent.dropout_cell import drop_masks, hold_masks
from graphc.keras.layers.recurrent.loop import run_steps
from graphc.keras.layers.recurrent.stacked_cells import StackedRNNCells
from graphc.keras.layers.wrapper import build_inside
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object

OPTIONS = (
    "return_sequences", "return_state", "go_backwards", "stateful", "unroll",
    "zero_output_for_mask",
)  # fmt: skip


class _Hidden:
    """Holds the variables of a stateful layer, which are not among its weights."""

    def __init__(self) -> None:
        self.states: Any = None


class RNN(Layer):
    """Runs a cell, or a list of them as a stack, over sequences [B, T, ...].

    A cell is called on a step's input and the states, and returns the output and the new states;
    its `state_size` is a size or a list of them. Returns the last output, or with
    `return_sequences` all of them, and with `return_state` the last states after it. `stateful`
    starts every batch with the states that the one before left; `unroll` repeats the cell instead
    of looping. A masked step leaves the states and the output of the step before, or zero with
    `zero_output_for_mask`.

    Raises:
        ValueError: the cell has no `call` or no `state_size`.
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        super().__init__(**kwargs)
        self.cell = _checked(cell)
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful = go_backwards, stateful
        self.unroll, self.zero_output_for_mask = unroll, zero_output_for_mask
        self.supports_masking = True
        self._hidden = _Hidden()
        self._expected_batch_size: int | None = None
        self.single_state = isinstance(self.cell.state_size, int)
        sizes = self.cell.state_size
        self.state_size = [sizes] if self.single_state else list(sizes)

    # Shapes and building

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Return the shape of the output, and those of the states after it if they are returned."""
        batch, length = sequences_shape[:2]
        size = getattr(self.cell, "output_size", None)
        size = self.state_size[0] if size is None else size
        if not isinstance(size, int):
            raise ValueError(f"Expected an integer as `output_size`. Received: output_size={size}")
        output = (batch, length, size) if self.return_sequences else (batch, size)
        states = [
            [(batch, s) for s in sizes] if isinstance(sizes, (list, tuple)) else (batch, sizes)
            for sizes in self.state_size
        ]
        return (output, *states) if self.return_state else output

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return KerasTensors like the outputs."""
        sequences = self._call_arguments.named(args, kwargs)["sequences"]
        check_unrollable(self, sequences.shape)
        return infer_call(self._run, *without_fixed_masks(self, args, kwargs))

    def compute_mask(self, _: Any, mask: Any) -> Any:
        """Return the mask for outputs of all steps; states have none."""
        output_mask = flatten(mask)[0] if self.return_sequences else None
        if not self.return_state:
            return output_mask
        return [output_mask, *(None for _ in flatten(self.state_size))]

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build the cell; a stateful layer makes its states."""
        if isinstance(self.cell, Layer):
            build_inside(self, self.cell, (sequences_shape[0], *sequences_shape[2:]))
        if not self.stateful:
            return
        if self.states is not None:
            self.reset_state()
            return
        if sequences_shape[0] is None:
            raise ValueError(
                "With `stateful=True` the batch size must be known: state it in the `batch_shape` "
                f"of the `Input`. Received: sequences of shape {tuple(sequences_shape)}"
            )
        self._make_states(sequences_shape[0])

    def _make_states(self, batch_size: int) -> None:
        def state(value: Any) -> Variable:
            return Variable(value, trainable=False, dtype=self.variable_dtype, name="rnn_state")

        with entered(None):  # arrays, even while a graph is traced
            first = self.get_initial_state(batch_size)
        self._expected_batch_size = batch_size
        self._hidden.states = map_structure(state, first)

    @property
    def states(self) -> Any:
        """The states that a stateful layer keeps; None before it is built."""
        return self._hidden.states

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """Return the states before the first step: the cell's, or zeros."""
        ask = getattr(self.cell, "get_initial_state", None)
        if ask is None:
            dtype = self.cell.compute_dtype
            return [ops.zeros((batch_size, size), dtype=dtype) for size in self.state_size]
        states = ask(batch_size=batch_size)
        return list(states) if isinstance(states, (list, tuple)) else [states]

    def reset_state(self) -> None:
        """Set the states of a stateful layer to zero."""
        for state in flatten(self.states) if self.states is not None else ():
            state.assign(ops.zeros_like(state.value))

    def reset_states(self) -> None:
        """Set the states of a stateful layer to zero."""
        self.reset_state()

    # The call

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Return the output or outputs, and the last states if they are returned."""
        first = self._first_states(sequences, initial_state)
        mask = next((part for part in flatten(mask) if part is not None), None)
        hold_masks(self.cell, sequences[:, 0], first)
        last, outputs, states = self.inner_loop(sequences, first, mask, training)
        drop_masks(self.cell)
        last, outputs, states = map_structure(
            lambda x: ops.cast(x, self.compute_dtype), (last, outputs, list(states))
        )
        if self.stateful:
            for kept, state in zip(flatten(self.states), flatten(states), strict=True):
                kept.assign(state)
        output = outputs if self.return_sequences else last
        return (output, *states) if self.return_state else output

    def _first_states(self, sequences: Any, initial_state: Any) -> list[Any]:
        batch = sequences.shape[0]
        if self.stateful and self._expected_batch_size not in (None, batch):
            raise ValueError(
                "A stateful RNN goes on with the states of the batch before. Expected a batch of "
                f"{self._expected_batch_size}. Received: sequences of shape {sequences.shape}"
            )
        if initial_state is None:
            initial_state = self.states if self.stateful else self.get_initial_state(batch)
        many = isinstance(initial_state, (list, tuple))
        states = list(initial_state) if many else [initial_state]
        dtype = getattr(self.cell, "compute_dtype", self.compute_dtype)
        return map_structure(lambda x: ops.convert_to_tensor(x, dtype), states)

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, Any]:
        """Return the last output, all outputs in the order of processing, and the last states."""
        options = {
            "go_backwards": self.go_backwards,
            "zero_output_for_mask": self.zero_output_for_mask,
        }
        found = None
        if isinstance(self.cell, RecurrentCell) and not (self.unroll and mask is not None):
            found = self.cell.run_sequence(sequences, initial_state, mask, training, **options)
        if found is not None:
            outputs, *states = found
            shows_state = mask is None or not self.zero_output_for_mask
            return states[0] if shows_state else outputs[:, -1], outputs, states
        outputs, states = run_steps(
            self._step(training), sequences, initial_state, mask, unroll=self.unroll, **options
        )
        return outputs[:, -1], outputs, states

    def _step(self, training: bool) -> Any:
        cell = self.cell
        takes_training = isinstance(cell, Layer) and cell._call_arguments.training
        more = {"training": training} if takes_training else {}
        run = cell if callable(cell) else cell.call
        return lambda x, states: run(x, states, **more)

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, the cell's configuration among them."""
        options = {name: getattr(self, name) for name in OPTIONS}
        return {**super().get_config(), **options, "cell": serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a layer from `get_config()`."""
        config = dict(config)
        cell = deserialize_keras_object(config.pop("cell"), custom_objects=custom_objects)
        return cls(cell, **config)


def check_unrollable(layer: Any, shape: Any) -> None:
    """Check that a layer which unrolls knows the number of steps.

    Raises:
        ValueError: it does not.
    """
    if getattr(layer, "unroll", False) and shape[1] is None:
        raise ValueError(
            "Cannot unroll a RNN if the time dimension is undefined: state it in the shape of the "
            f"`Input`. Received: sequences of shape {tuple(shape)}"
        )


def without_fixed_masks(layer: Any, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], Any]:
    """Return the arguments of a symbolic call without a mask that is an array.

    It has the rows of one batch, where the inputs have an unknown number, and changes no shape.
    """
    named = layer._call_arguments.named(args, kwargs)
    if isinstance(named.get("mask"), KerasTensor):
        return args, kwargs
    named.pop("mask", None)
    return (), {**named.pop("kwargs", {}), **named}


def _checked(cell: Any) -> Any:
    """Return a cell that has what a cell needs."""
    for name in ("call", "state_size"):
        if name not in dir(cell):
            raise ValueError(f"Expected a `cell` with a `{name}`. Received: cell={cell}")
    if not isinstance(cell.state_size, (int, list, tuple)):
        raise ValueError(
            "Expected the cell's `state_size` to be an integer or a list of integers, one for each "
            f"state. Received: state_size={cell.state_size}"
        )
    return cell
