"""Layers that pass their inputs on: `Identity`, and `Masking` with a mask made of them."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.layers.builtin import BuiltinLayer


class Identity(BuiltinLayer):
    """Returns its inputs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs."""
        return inputs


class Masking(BuiltinLayer):
    """Masks out the time steps whose features all equal `mask_value`, and zeroes them.

    Input and output: `[B, T, ..., D]`; the mask is `[B, T, ...]`.
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configure(mask_value=mask_value)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return where a step has a feature other than the mask value."""
        del previous_mask
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        """Return the inputs with the masked steps zeroed."""
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.where(kept, inputs, 0)
