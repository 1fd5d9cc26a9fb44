"""What a layer owns: variables, seeds, sub-layers, found in its attributes in the order of setting.

Nothing is registered twice: the attributes themselves, lists, tuples and dicts among them, are the
only record, walked when asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from graphc.keras.engine.variable import Variable
from graphc.keras.random.seed_generator import SeedGenerator

UNTRACKED = frozenset(
    {
        "_inbound_nodes", "_outbound_nodes", "input_spec", "_losses", "_constructed_with", "_remat",
        "_listed", "optimizer", "_parents", "_compile_loss", "_compile_metrics", "_loss_tracker",
        "_record", "_programs", "_build_shapes", "history", "_call_arguments", "dtype_policy",
        "_user_parts", "_compile_config",
    }
)  # fmt: skip
_PLAIN = (str, int, float, bool, bytes, type(None))


# Set by runs and by `compile`: what they mean for a step is in its key, or nothing.
RUN_ATTRIBUTES = frozenset(
    {
        "compiled", "history", "jit_compile", "loss", "nan_report", "optimizer", "run_eagerly",
        "steps_per_execution", "stop_training",
    }
)  # fmt: skip


def is_metric(item: Any) -> bool:
    """Return whether `item` is a metric; preprocessing layers too have an `update_state`."""
    return hasattr(item, "stateless_update_state")


def is_structural(owner: Any, name: str, new: Any) -> bool:
    """Return whether setting an attribute may change what a layer owns or computes."""
    if isinstance(new, (Variable, SeedGenerator)) or hasattr(new, "_inbound_nodes"):
        return True
    if is_metric(new):
        return True
    known = vars(owner)
    if name == "built":
        return new and not known.get("built")
    if not known.get("built") or name.startswith("_") or name in RUN_ATTRIBUTES:
        return False
    old = known.get(name)
    return old is not new and not (
        isinstance(new, _PLAIN) and type(old) is type(new) and old == new
    )


def attributes(owner: Any) -> Iterator[Any]:
    """Yield the trackable things among an object's attributes, nested containers included."""
    for name, value in vars(owner).items():
        if name not in UNTRACKED and not isinstance(value, _PLAIN):
            yield from _walk(value)


def _walk(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in value:
            if not isinstance(item, _PLAIN):
                yield from _walk(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _walk(item)
    else:
        yield value


def unique(items: Iterable[Any]) -> list[Any]:
    """Return the items without repetitions (by identity), in order."""
    return list({id(item): item for item in items}.values())


def own_variables(owner: Any) -> list[Variable]:
    """Return the variables that are attributes of `owner` itself: trainable ones first."""
    found = unique(item for item in attributes(owner) if isinstance(item, Variable))
    return sorted(found, key=lambda variable: not variable.born_trainable)


def seed_states(owner: Any) -> list[Variable]:
    """Return the states of the seed generators that are attributes of `owner` itself."""
    return unique(i.state for i in attributes(owner) if isinstance(i, SeedGenerator))
