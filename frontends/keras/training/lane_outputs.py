"""The predictions of many trained models of one structure, by one program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from graphc.jitted import Jitted
from graphc.keras.training.arrays import Rows
from graphc.keras.training.lane import Trained, some_rows, variables_of
from graphc.keras.training.runs import Bound
from graphc.runtime.device import put
from graphc.runtime.lanes import forward_program, in_turn

BATCH = 1024  # rows at once, for each lane


def outputs_of(found: Sequence[Trained], x: Any) -> list[Any]:
    """Return the outputs of each training's model for the same rows, in the model's structure."""
    rows = Rows(x)
    groups: dict[int, list[tuple[int, Trained, Bound]]] = {}
    for number, trained in enumerate(found):
        bound = _bound(trained.lane.model, rows)
        groups.setdefault(id(bound.program), []).append((number, trained, bound))
    outputs: dict[int, Any] = {}
    for group in groups.values():
        numbers, lanes, bounds = zip(*group, strict=True)
        each = _by_lane if _in_turn(bounds[0]) else _at_once
        for number, leaves in zip(numbers, each(lanes, bounds, rows), strict=True):
            outputs[number] = bounds[0].traced.outputs.unflatten(leaves)
    return [outputs[number] for number in range(len(found))]


def outputs_ahead(model: Any, x: Any) -> Callable[[], None] | None:
    """Return what compiles the program of `outputs_of`; None where it depends on their number."""
    rows = Rows(x)
    bound = _bound(model, rows)
    if not _in_turn(bound):
        return None
    known = {id(v): v.value for v in variables_of(model)}
    arguments = _params(known, bound), _state(known, bound), next(_batches(rows, _batch(rows)))
    return partial(_run(bound).compile_for, *arguments, bound.traced.read_scalars())


def _in_turn(bound: Bound) -> bool:
    return in_turn(bound.program.target)[0]


def _batch(rows: Rows) -> int:
    return min(BATCH, rows.count)


def _bound(model: Any, rows: Rows) -> Bound:
    batch = _batch(rows)
    return model._programs.get(
        model, "predict", some_rows(rows, batch), batch, masked=False, shuffled=False
    )


def _run(bound: Bound) -> Jitted:
    step = bound.program.step
    return forward_program(step.graph, bound.program.target, step.leaves)


def _by_lane(found: Sequence[Trained], bounds: Sequence[Bound], rows: Rows) -> list[list[Any]]:
    """Return the leaves of the outputs of each lane, one lane after another."""
    run, batches = _run(bounds[0]), list(_batches(rows, _batch(rows)))
    outputs: list[list[Any]] = []
    for trained, bound in zip(found, bounds, strict=True):
        known = _values(trained)
        mine = _params(known, bound), _state(known, bound)
        scalars = bound.traced.read_scalars()
        parts = [run(*mine, part, scalars) for part in batches]
        outputs.append([_whole(leaves, rows.count) for leaves in zip(*parts, strict=True)])
    return outputs


def _whole(parts: Sequence[Any], count: int, axis: int = 0) -> np.ndarray:
    """Return the outputs for all rows, without those that filled the last batch up."""
    whole = np.concatenate([np.asarray(part) for part in parts], axis)
    return whole[(slice(None),) * axis + (slice(count),)]


def _at_once(found: Sequence[Trained], bounds: Sequence[Bound], rows: Rows) -> list[list[Any]]:
    """Return the leaves of the outputs of each lane, all lanes done together."""
    run, known = _run(bounds[0]), [_values(trained) for trained in found]
    params = _stacked([_params(*pair) for pair in zip(known, bounds, strict=True)])
    state = _stacked([_state(*pair) for pair in zip(known, bounds, strict=True)])
    scalars = _stacked([bound.traced.read_scalars() for bound in bounds])
    batches = _batches(rows, _batch(rows))
    parts = [jax.device_get(run(params, state, part, scalars)) for part in batches]
    whole = [_whole(leaves, rows.count, axis=1) for leaves in zip(*parts, strict=True)]
    return [[leaf[lane] for leaf in whole] for lane in range(len(found))]


def _values(trained: Trained) -> dict[int, Any]:
    """Return the variables of a lane: those that training changed, and the others as they are."""
    every = variables_of(trained.lane.model)
    return {id(v): v.value for v in every if id(v) not in trained.variables} | trained.variables


def _params(known: dict[int, Any], bound: Bound) -> tuple[Any, ...]:
    return tuple(put(known[id(v)]) for v in bound.traced.params)


def _state(known: dict[int, Any], bound: Bound) -> tuple[Any, ...]:
    return tuple(put(known[id(v)]) for v in bound.traced.state)


def _stacked(lanes: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    columns = zip(*lanes, strict=True)
    return tuple(put(np.stack([np.asarray(one) for one in column])) for column in columns)


def _batches(rows: Rows, batch: int) -> Iterator[tuple[Any, ...]]:
    """Yield the leaves of full batches; the last one is filled up with its last row."""
    for start in range(0, rows.count, batch):
        numbers = np.minimum(np.arange(start, start + batch), rows.count - 1)
        yield tuple(put(np.asarray(leaf)[numbers]) for leaf in rows.leaves)
