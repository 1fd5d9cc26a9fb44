"""Two recurrent layers over the same sequences, one in each direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.layer import Layer
from graphc.keras.layers.recurrent.gru import GRU
from graphc.keras.layers.recurrent.lstm import LSTM
from graphc.keras.layers.recurrent.rnn import check_unrollable, without_fixed_masks
from graphc.keras.layers.recurrent.simple_rnn import SimpleRNN
from graphc.keras.layers.wrapper import build_inside
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object

MERGES: dict[str | None, Callable[[Any, Any], Any]] = {
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
    "concat": lambda a, b: ops.concatenate([a, b], axis=-1),
    None: lambda a, b: (a, b),
}
SHARED = ("stateful", "return_sequences", "return_state")


class Bidirectional(Layer):
    """Runs a recurrent layer forwards, one backwards, and merges what they return.

    `merge_mode` None returns both outputs. States, given or returned, are those of the forward
    layer, then those of the backward one. `weights` are the first ones, in the same order.

    Raises:
        ValueError: not a layer, an unknown merge mode, or two layers that do not match.

    Source: Schuster and Paliwal (1997).
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        for name, value in (("layer", layer), ("backward_layer", backward_layer)):
            if not isinstance(value, Layer) and (value is not None or name == "layer"):
                raise ValueError(f"Expected `{name}` to be a layer. Received: {name}={value!r}")
        if merge_mode not in MERGES:
            raise ValueError(
                f"Expected `merge_mode` to be one of {list(MERGES)}. "
                f"Received: merge_mode={merge_mode!r}"
            )
        super().__init__(**kwargs)
        self.forward_layer = _copied(layer, "forward")
        self.backward_layer = backward_layer
        if backward_layer is None:
            self.backward_layer = _copied(layer, "backward", go_backwards=True)
        self._check_pair()
        for one in (self.forward_layer, self.backward_layer):
            if hasattr(layer, "use_cudnn"):
                one.use_cudnn = layer.use_cudnn
            if getattr(one, "zero_output_for_mask", None) is not None:
                one.zero_output_for_mask = one.return_sequences
        self.merge_mode, self._first_weights = merge_mode, weights
        self.stateful, self.return_sequences = layer.stateful, layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec

    def _check_pair(self) -> None:
        pair = self.forward_layer, self.backward_layer
        if pair[0].go_backwards == pair[1].go_backwards:
            raise ValueError(
                "Expected the two layers to have different values of `go_backwards`. Received: "
                f"go_backwards={pair[0].go_backwards} for both"
            )
        for name in SHARED:
            forward, backward = (getattr(layer, name) for layer in pair)
            if forward != backward:
                raise ValueError(
                    f"Expected the two layers to have the same `{name}`. Received: {forward} for "
                    f"the forward layer and {backward} for the backward one"
                )

    # Shapes and building

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build both layers."""
        build_inside(self, self.forward_layer, sequences_shape)
        build_inside(self, self.backward_layer, sequences_shape)
        if self._first_weights:
            self.set_weights(self._first_weights)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Return the shape of the output(s), and those of the states after it."""
        found = self.forward_layer.compute_output_shape(sequences_shape)
        output, states = (found[0], found[1:]) if self.return_state else (found, ())
        if self.merge_mode is None:
            merged = [output, output]
        else:
            wide = output[-1] * (2 if self.merge_mode == "concat" else 1)
            merged = [(*output[:-1], wide)]
        if self.return_state:
            return (*merged, *states, *states)
        return merged[0] if self.merge_mode else tuple(merged)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return KerasTensors like the outputs."""
        sequences = self._call_arguments.named(args, kwargs)["sequences"]
        check_unrollable(self.forward_layer, sequences.shape)
        args, kwargs = without_fixed_masks(self, args, kwargs)
        return Layer.compute_output_spec(self, *args, **kwargs)

    def compute_mask(self, _: Any, mask: Any) -> Any:
        """Return the mask for outputs of all steps; states have none."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        outputs = [mask if self.return_sequences else None] * (1 if self.merge_mode else 2)
        count = len(self.forward_layer.state_size) * 2 if self.return_state else 0
        found = [*outputs, *[None] * count]
        return found[0] if len(found) == 1 else found

    @property
    def states(self) -> Any:
        """The states that stateful layers keep; None before they are built."""
        pair = self.forward_layer.states, self.backward_layer.states
        return tuple(pair[0] + pair[1]) if all(pair) else None

    def reset_state(self) -> None:
        """Set the states of both layers to zero.

        Raises:
            AttributeError: the layers are not stateful.
        """
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """Set the states of both layers to zero."""
        self.reset_state()

    # The call

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None
    ) -> Any:
        """Return the merged outputs, and the states of both layers if they return them."""
        half = len(initial_state) // 2 if initial_state is not None else 0
        first = (initial_state[:half], initial_state[half:]) if half else (None, None)
        found = self._in_one_loop(sequences, first, mask, training)
        if found is None:
            found = self._one_by_one(sequences, first, mask, training)
        (forward, *states), (backward, *more) = found
        forward, backward = (ops.cast(y, self.compute_dtype) for y in (forward, backward))
        merged = MERGES[self.merge_mode](forward, backward)
        if not self.return_state:
            return merged
        return (*(merged if self.merge_mode is None else (merged,)), *states, *more)

    def _one_by_one(self, sequences: Any, first: Any, mask: Any, training: Any) -> Any:
        found = []
        for layer, state in zip((self.forward_layer, self.backward_layer), first, strict=True):
            arguments = layer._call_arguments
            kwargs: dict[str, Any] = {"training": training} if arguments.training else {}
            if "mask" in arguments.names:
                kwargs["mask"] = mask
            result = layer(sequences, initial_state=state, **kwargs)
            output, *states = result if self.return_state else (result,)
            if self.return_sequences and layer is self.backward_layer:
                output = ops.flip(output, axis=1)
            found.append((output, *states))
        return found

    def _in_one_loop(self, sequences: Any, first: Any, mask: Any, training: Any) -> Any:
        """Return what each direction gives, from one op; None where there is none for the pair."""
        pair = self.forward_layer, self.backward_layer
        if not all(_is_plain(layer, self, mask) for layer in pair) or type(pair[0]) is not type(
            pair[1]
        ):
            return None
        states = [
            layer._first_states(sequences, state)
            for layer, state in zip(pair, first, strict=True)
        ]  # fmt: skip
        found = [
            layer.cell.sequence_operands(sequences, state, training)
            for layer, state in zip(pair, states, strict=True)
        ]
        if None in found or found[0][2] != found[1][2] or pair[0].go_backwards:
            return None
        zeroed = {layer.zero_output_for_mask for layer in pair}
        if len(zeroed) > 1:
            return None
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        results = apply(
            "nn.bidirectional", sequences, mask, *found[0][1], *found[1][1],
            layer=pair[0].cell.op, zero_output_for_mask=zeroed.pop(), **found[0][2],
        )  # fmt: skip
        return self._told_apart(results, mask)

    def _told_apart(self, results: Any, mask: Any) -> Any:
        """Return for each direction its output, then its states, which stateful layers keep."""
        half = len(results) // 2
        told = []
        for layer, part in zip(
            (self.forward_layer, self.backward_layer), (results[:half], results[half:]), strict=True
        ):
            outputs, *states = part
            for kept, state in zip(layer.states or (), states, strict=False):
                kept.assign(state)
            # Without all outputs, masked steps show the state: see `zero_output_for_mask` above.
            output = outputs if self.return_sequences else states[0]
            told.append((output, *states) if self.return_state else (output,))
        return told

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, the configurations of both layers among them."""
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a layer from `get_config()`."""
        config = dict(config)
        for name in ("layer", "backward_layer"):
            if config.get(name) is not None:
                config[name] = deserialize_keras_object(config[name], custom_objects=custom_objects)
        return cls(**config)


def _copied(layer: Any, prefix: str, **changes: Any) -> Any:
    """Return a layer of the same configuration but for its name and the changes."""
    entry = serialize_keras_object(layer)
    name = f"{prefix}_{layer.name.removeprefix(f'{prefix}_')}"
    entry = {**entry, "config": {**entry["config"], **changes, "name": name}}
    entry.pop("build_config", None)
    return deserialize_keras_object(entry)


def _is_plain(layer: Any, outer: Layer, mask: Any) -> bool:
    """Return whether a layer does nothing but what its cell's op does."""
    return (
        type(layer) in (SimpleRNN, GRU, LSTM)
        and layer.built
        and not (layer.cell.dropout or layer.cell.recurrent_dropout)
        and not (layer.unroll and mask is not None)
        and layer.activity_regularizer is None
        and layer.dtype_policy == outer.dtype_policy
    )
