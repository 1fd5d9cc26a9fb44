"""The predictions of many trained models of one structure, in one program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from graphc.keras.training.arrays import Rows
from graphc.keras.training.lane import Trained, some_rows, variables_of
from graphc.keras.training.runs import Bound
from graphc.runtime.device import put
from graphc.runtime.lanes import forward_program

BATCH = 1024  # rows at once, for each lane


def outputs_of(found: Sequence[Trained], x: Any) -> list[Any]:
    """Return the outputs of each training's model for the same rows, in the model's structure."""
    rows = Rows(x)
    batch = min(BATCH, rows.count)
    groups: dict[int, list[tuple[int, Trained, Bound]]] = {}
    for number, trained in enumerate(found):
        model = trained.lane.model
        bound = model._programs.get(
            model, "predict", some_rows(rows, batch), batch, masked=False, shuffled=False
        )
        groups.setdefault(id(bound.program), []).append((number, trained, bound))
    outputs: dict[int, Any] = {}
    for group in groups.values():
        traced = group[0][2].traced
        results = _outputs(group, rows, batch)
        for lane, (number, _, _) in enumerate(group):
            outputs[number] = traced.outputs.unflatten([each[lane] for each in results])
    return [outputs[number] for number in range(len(found))]


def _outputs(
    group: Sequence[tuple[int, Trained, Bound]], rows: Rows, batch: int
) -> list[np.ndarray]:
    """Return the leaves of the outputs of models of one program [lanes, rows, ...]."""
    step, target = group[0][2].program.step, group[0][2].program.target
    run = forward_program(step.graph, target, step.leaves)
    values = [_values(trained) for _, trained, _ in group]
    params = _stacked(values, [bound.traced.params for _, _, bound in group])
    state = _stacked(values, [bound.traced.state for _, _, bound in group])
    scalars = zip(*(bound.traced.read_scalars() for _, _, bound in group), strict=True)
    numbers = tuple(np.stack(column) for column in scalars)
    parts = [jax.device_get(run(params, state, part, numbers)) for part in _batches(rows, batch)]
    return [np.concatenate(leaves, axis=1)[:, : rows.count] for leaves in zip(*parts, strict=True)]


def _values(trained: Trained) -> dict[int, Any]:
    """Return the variables of a lane: those that training changed, and the others as they are."""
    every = variables_of(trained.lane.model)
    return {id(v): v.value for v in every if id(v) not in trained.variables} | trained.variables


def _stacked(values: Sequence[dict[int, Any]], variables: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(
        put(np.stack([known[id(v)] for known, v in zip(values, column, strict=True)]))
        for column in zip(*variables, strict=True)
    )


def _batches(rows: Rows, batch: int) -> Iterator[tuple[Any, ...]]:
    """Yield the leaves of full batches; the last one is filled up with its last row."""
    for start in range(0, rows.count, batch):
        numbers = np.minimum(np.arange(start, start + batch), rows.count - 1)
        yield tuple(put(np.asarray(leaf)[numbers]) for leaf in rows.leaves)
