"""Any cell over a sequence: a scan, or unrolled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.scope import Scope, current_scope, entered
from graphc.keras.engine.structure import flatten, pack_as

Step = Callable[[Any, Any], tuple[Any, Any]]


def run_steps(
    step: Step,
    sequences: Any,
    states: list[Any],
    mask: Any,
    *,
    go_backwards: bool,
    unroll: bool,
    zero_output_for_mask: bool,
) -> tuple[Any, Any]:
    """Return the outputs [B, T, ...] in the order of processing, and the last states.

    `step(input [B, ...], states)` gives a step's output and the states after it. Where the mask
    [B, T] is False the states stay, and the output is that of the step before (the first state
    before the first step) or zero.
    """
    steps = ops.swapaxes(sequences, 0, 1)
    kept = None if mask is None else ops.swapaxes(_flat(mask), 0, 1)
    if unroll:
        return _unrolled(step, steps, kept, states, go_backwards)

    def body(before: Any, xs: Any) -> tuple[Any, Any]:
        x, keep = xs if kept is not None else (xs, None)
        output, after = step(x, before)
        if keep is None:
            return _packed(after, before), output
        after = _chosen(keep, after, before)
        other = ops.zeros_like(output) if zero_output_for_mask else _shown(before)
        return after, _where(keep, output, other)

    # Outside any trace the scan traces the cell, which must not write tracers into variables.
    with nullcontext() if current_scope() is not None else entered(Scope()):
        xs = steps if kept is None else (steps, kept)
        last, outputs = ops.scan(body, states, xs, reverse=go_backwards)
    outputs = ops.flip(outputs, axis=0) if go_backwards else outputs
    return ops.swapaxes(outputs, 0, 1), last


def _unrolled(
    step: Step, steps: Any, kept: Any, states: Any, go_backwards: bool
) -> tuple[Any, Any]:
    """As the scan, but before the first step the output is zero, and masked ones repeat it."""
    places = range(steps.shape[0])
    outputs: list[Any] = []
    for place in reversed(places) if go_backwards else places:
        output, after = step(steps[place], states)
        if kept is None:
            states = _packed(after, states)
        else:
            states = _chosen(kept[place], after, states)
            before = outputs[-1] if outputs else ops.zeros_like(output)
            output = _where(kept[place], output, before)
        outputs.append(output)
    return ops.stack(outputs, axis=1), states


def _flat(mask: Any) -> Any:
    """Return the mask as booleans [B, T]: a step with any True counts."""
    mask = ops.cast(mask, "bool")
    return mask if len(mask.shape) == 2 else ops.any(mask, axis=tuple(range(2, len(mask.shape))))


def _packed(after: Any, before: Any) -> Any:
    """Return the states as the structure that they came in."""
    return pack_as(before, flatten(after))


def _chosen(keep: Any, after: Any, before: Any) -> Any:
    pairs = zip(flatten(after), flatten(before), strict=True)
    return pack_as(before, [_where(keep, new, old) for new, old in pairs])


def _where(keep: Any, one: Any, other: Any) -> Any:
    """Choose by rows: `keep` [B] is shaped like the tensors' first axis."""
    return ops.where(ops.reshape(keep, (-1,) + (1,) * (len(one.shape) - 1)), one, other)


def _shown(states: Any) -> Any:
    """Return the state that a masked step shows as its output: the last cell's first."""
    first = states[0]
    return states[-1][0] if isinstance(first, (list, tuple)) else first
