"""Dropout of recurrent cells: one mask for all steps of a sequence."""

from __future__ import annotations

import weakref
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.runtime_scalar import runtime_scalar
from graphc.keras.engine.scope import current_scope


class _Kept:
    """Masks, and the trace that they belong to; held ones serve inside its loops, too."""

    def __init__(self, masks: Any, held: bool) -> None:
        scope = current_scope()
        self.masks, self.held = masks, held
        self._scope = None if scope is None else weakref.ref(scope)

    def serves(self) -> bool:
        """Return whether a step run now may use the masks."""
        return self.held or (self._scope and self._scope()) is current_scope()


class DropoutRNNCell:
    """A cell with `dropout`, `recurrent_dropout` and a `seed_generator`.

    The masks are drawn when first asked for and stay until they are reset, so that all steps share
    them. With `dropout_mask_count` they are lists of so many: one for each gate.
    """

    dropout: float
    recurrent_dropout: float
    seed_generator: Any
    dropout_mask_count: int | None = None

    def get_dropout_mask(self, step_input: Any) -> Any:
        """Return the mask(s) of a step's input; None where nothing is dropped."""
        return self._mask("dropout", step_input)

    def get_recurrent_dropout_mask(self, step_input: Any) -> Any:
        """Return the mask(s) of the state; None where nothing is dropped."""
        return self._mask("recurrent_dropout", step_input)

    def reset_dropout_mask(self) -> None:
        """Let the next step draw another mask."""
        self._kept_dropout = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Let the next step draw another mask of the state."""
        self._kept_recurrent_dropout = None

    def hold_masks(self, step_input: Any, state: Any) -> None:
        """Draw the masks of a whole sequence, which steps inside a loop then use."""
        for rate, like in (("dropout", step_input), ("recurrent_dropout", state)):
            self._mask(rate, like, held=True)

    def _mask(self, rate: str, like: Any, held: bool = False) -> Any:
        if not getattr(self, rate):
            return None
        kept = getattr(self, f"_kept_{rate}", None)
        if held or kept is None or not kept.serves():
            kept = _Kept(self._draw(rate, like), held)
            setattr(self, f"_kept_{rate}", kept)
        return kept.masks

    def _draw(self, rate: str, like: Any) -> Any:
        ones = ops.ones_like(like)
        count = self.dropout_mask_count
        masks = [
            apply("nn.dropout", ones, self.seed_generator.next(), runtime_scalar(self, rate))
            for _ in range(count or 1)
        ]
        return masks if count else masks[0]


def hold_masks(cell: Any, step_input: Any, states: Any) -> None:
    """Draw the masks of all cells in `cell`, in Keras's order."""
    if isinstance(cell, DropoutRNNCell):
        cell.hold_masks(step_input, states[0] if isinstance(states, (list, tuple)) else states)
    for inner, state in zip(getattr(cell, "cells", ()), states, strict=False):
        hold_masks(inner, step_input, state)
        given = list(state) if isinstance(state, (list, tuple)) else [state]
        step_input, _ = (inner if callable(inner) else inner.call)(step_input, given)


def drop_masks(cell: Any) -> None:
    """Let the next sequence have other masks."""
    if isinstance(cell, DropoutRNNCell):
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
    for inner in getattr(cell, "cells", ()):
        drop_masks(inner)
