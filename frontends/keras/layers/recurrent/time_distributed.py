"""A layer applied to every step of a sequence."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine import tracking
from graphc.keras.engine.scope import current_trace
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.layers.lambda_layer import Lambda
from graphc.keras.layers.recurrent.dropout_cell import DropoutRNNCell
from graphc.keras.layers.wrapper import Wrapper


class TimeDistributed(Wrapper):
    """Applies a layer to every step of its inputs [B, T, ...].

    Steps of layers that treat rows alike are folded into the batch; others run one by one.

    Raises:
        ValueError: not a layer; the inputs have fewer than three axes; or the mask does not fit.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Build the layer for one step."""
        super().build(_step_shape(input_shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the layer's output shape with the steps as axis 1."""
        batch, *rest = self.layer.compute_output_shape(_step_shape(input_shape))
        return (batch, input_shape[1], *rest)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return a KerasTensor like the output."""
        named = self._call_arguments.named(args, kwargs)
        inputs = named["inputs"]
        _check_mask(named.get("mask"), inputs.shape)
        self._maybe_build({"inputs": inputs})
        step = self.layer.compute_output_spec(KerasTensor(_step_shape(inputs.shape), inputs.dtype))
        return KerasTensor((step.shape[0], inputs.shape[1], *step.shape[1:]), step.dtype)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Return what the layer gives for every step."""
        _check_mask(mask, inputs.shape)
        arguments = self.layer._call_arguments
        mask = mask if "mask" in arguments.names else None
        more = {"training": training} if arguments.training else {}
        if self._foldable(training):
            return self._folded(inputs, mask, more)
        if current_trace() is None:
            steps = [self._step(inputs[:, step], None if mask is None else mask[:, step], more)
                     for step in range(inputs.shape[1])]  # fmt: skip
            return ops.stack(steps, axis=1)
        swapped = [ops.swapaxes(part, 0, 1) for part in (inputs, mask) if part is not None]
        outputs = ops.map(lambda xs: self._step(xs[0], xs[1] if xs[1:] else None, more), swapped)
        return ops.swapaxes(outputs, 0, 1)

    def _folded(self, inputs: Any, mask: Any, more: dict[str, Any]) -> Any:
        rows, steps = inputs.shape[:2]
        outputs = self._step(_flat(inputs), None if mask is None else _flat(mask), more)
        return ops.reshape(outputs, (rows, steps, *outputs.shape[1:]))

    def _step(self, inputs: Any, mask: Any, more: dict[str, Any]) -> Any:
        masked = {} if mask is None else {"mask": mask}
        return self.layer.call(inputs, **masked, **more)

    def _foldable(self, training: Any) -> bool:
        """Return whether all steps at once give what they give one by one."""
        layers = self.layer._flatten_layers()
        if any(layer.activity_regularizer is not None for layer in layers):
            return False
        if not all(type(layer).__module__.startswith("graphc.keras.") for layer in layers):
            return False
        if any(isinstance(layer, Lambda) or getattr(layer, "stateful", False) for layer in layers):
            return False
        return not training or not any(_remembers(layer) for layer in layers)


def _remembers(layer: Any) -> bool:
    """Return whether a layer in training changes variables of its own, or draws."""
    own = tracking.own_variables(layer)
    draws = bool(tracking.seed_states(layer))
    if isinstance(layer, DropoutRNNCell):
        draws = bool(layer.dropout or layer.recurrent_dropout)
    return draws or any(not variable.born_trainable for variable in own)


def _flat(tensor: Any) -> Any:
    rows, steps, *rest = tensor.shape
    return ops.reshape(tensor, (rows * steps, *rest))


def _step_shape(shape: Any) -> tuple[Any, ...]:
    if not isinstance(shape, (tuple, list)) or len(shape) < 3:
        raise ValueError(
            "`TimeDistributed` expects inputs of at least 3 axes: batch, time and features. "
            f"Received: input_shape={shape}"
        )
    return (shape[0], *shape[2:])


def _check_mask(mask: Any, shape: Any) -> None:
    if mask is None:
        return
    if len(mask.shape) < 2:
        raise ValueError(
            "`TimeDistributed` expects a `mask` of at least 2 axes: batch and time. "
            f"Received: a mask of shape {tuple(mask.shape)}"
        )
    for size, wanted in zip(mask.shape[:2], shape[:2], strict=True):
        if None not in (size, wanted) and size != wanted:
            raise ValueError(
                "`TimeDistributed` expects a `mask` that starts with the batch and time of the "
                f"inputs, {tuple(shape[:2])}. Received: a mask of shape {tuple(mask.shape)}"
            )
