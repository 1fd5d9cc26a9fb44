"""Lifts a rule written for one parameter to an optax transformation over all of them.

A rule reads like its paper: it sees one gradient, one parameter and that parameter's slots, and
returns the change to add to the parameter and the new slots. Everything is computed in float32
(or wider) and stored back in the slot's own dtype, so half-precision parameters keep a usable
second moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax

Slots = Any  # a named tuple: of one parameter's arrays, or of tuples with one entry a parameter
StartOne = Callable[[jax.Array], Slots]
ChangeOne = Callable[[Any, Any, Any, Any], tuple[jax.Array, Slots]]


def per_parameter(
    slots_type: Any, start: StartOne, change: ChangeOne
) -> optax.GradientTransformationExtraArgs:
    """Return the transformation that runs a one-parameter rule on every parameter.

    `start(param)` makes one parameter's slots and `change(grad, param, slots, scalars)` returns
    `(change, slots)`. The state is a `slots_type` of tuples, one entry a parameter; an entry is
    None where the rule has no such slot or the parameter is None. `update` takes `step` (updates
    done so far) and the hyperparameters as keywords; `scalars.step` counts from one. A gradient
    of None leaves its parameter and slots alone.
    """

    def init(params: Any) -> Slots:
        return start_slots(slots_type, start, leaves_of(params))

    def update(
        grads: Any, slots: Slots, params: Any = None, *, step: Any, **scalars: Any
    ) -> tuple[Any, Slots]:
        treedef = jax.tree.structure(grads, is_leaf=lambda leaf: leaf is None)
        values = as_scalars(step, scalars)
        changes, slots = change_all(change, leaves_of(grads), slots, leaves_of(params), values)
        return treedef.unflatten(changes), slots

    return transformation(init, update)


def transformation(
    init: Callable[[Any], Slots], update: Callable[..., tuple[Any, Slots]]
) -> optax.GradientTransformationExtraArgs:
    """Return the optax transformation of a start and a step that takes our keyword scalars."""
    return optax.GradientTransformationExtraArgs(cast(Any, init), cast(Any, update))


def leaves_of(tree: Any) -> list[Any]:
    """Return the leaves of a tree, None among them."""
    return jax.tree.leaves(tree, is_leaf=lambda leaf: leaf is None)


def as_scalars(step: Any, scalars: dict[str, Any]) -> SimpleNamespace:
    """Return the hyperparameters as float32 scalars by name, with `step` counted from one."""
    values = {name: jnp.asarray(value, jnp.float32) for name, value in scalars.items()}
    return SimpleNamespace(step=jnp.asarray(step + 1, jnp.float32), **values)


def start_slots(slots_type: Any, start: StartOne, params: Sequence[Any]) -> Slots:
    """Return every parameter's first slots, transposed into one tuple for each field."""
    nothing = slots_type(*[None] * len(slots_type._fields))
    return _by_field(slots_type, [nothing if p is None else start(p) for p in params])


def change_all(
    change: ChangeOne,
    grads: Sequence[Any],
    slots: Slots,
    params: Sequence[Any],
    scalars: Any,
) -> tuple[list[Any], Slots]:
    """Return the changes (None where the gradient is None) and the slots after them."""
    slots_type = type(slots)
    changes: list[Any] = []
    records: list[Any] = []
    for grad, param, *fields in zip(grads, params, *slots, strict=True):
        record = slots_type(*fields)
        made = (None, record) if grad is None else _change_one(change, grad, param, record, scalars)
        changes.append(made[0])
        records.append(made[1])
    return changes, _by_field(slots_type, records)


def _change_one(change: Any, grad: Any, param: Any, record: Any, scalars: Any) -> tuple[Any, Any]:
    delta, after = change(_wide(grad), _wide(param), type(record)(*map(_wide, record)), scalars)
    stored = [
        value if before is None else value.astype(before.dtype)
        for before, value in zip(record, after, strict=True)
    ]
    return delta, type(record)(*stored)


def _by_field(slots_type: Any, records: Sequence[Any]) -> Slots:
    if not records:
        return slots_type(*[()] * len(slots_type._fields))
    return slots_type(*zip(*records, strict=True))


def _wide(value: Any) -> Any:
    if value is None:
        return None
    return jnp.asarray(value, jnp.promote_types(jnp.result_type(value), jnp.float32))
