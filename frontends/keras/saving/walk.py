"""Which objects of a model are saved, in which order, and where: Keras's places in its files.

A place is the way of attributes that leads to an object, `layers/dense_1` or `optimizer`. Objects
in a list are named by their class, for names of layers differ from one process to the next.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from graphc.keras.engine.settings import to_snake_case

KEPT = frozenset({"layers", "optimizer"})  # attributes of every model that hold what is saved


def saveables(root: Any, done: Container[int]) -> Iterator[tuple[str, Any]]:
    """Yield the place and the object of all that is saved with `root`, itself first.

    Args:
        root: a layer or a model.
        done: ids of what is not to be yielded (again); the caller adds to it.
    """
    yield from _below("", root, done, set())


def _below(place: str, owner: Any, done: Container[int], above: set[int]) -> Iterator[Any]:
    if id(owner) in done or id(owner) in above:
        return
    yield place, owner
    inside = above | {id(owner)}
    for name, child in _children(owner):
        if is_saveable(child):
            yield from _below(_joined(place, name), child, done, inside)
        elif isinstance(child, (list, tuple, dict)):
            yield from _within(_joined(place, name), child, done, inside, {id(child)})


def _within(
    place: str, container: Any, done: Container[int], above: set[int], containers: set[int]
) -> Iterator[Any]:
    counts: dict[str, int] = {}
    for item in container.values() if isinstance(container, dict) else container:
        nested = isinstance(item, (list, tuple, dict))
        if not nested and not is_saveable(item):
            continue
        name = "container" if nested else to_snake_case(_class_name(item))
        count = counts.get(name, 0)
        counts[name] = count + 1
        inner = _joined(place, f"{name}_{count}" if count else name)
        if not nested:
            yield from _below(inner, item, done, above)
        elif id(item) not in containers:
            containers.add(id(item))
            yield from _within(inner, item, done, above, containers)


def _class_name(item: Any) -> str:
    return getattr(item, "saved_class_name", type(item).__name__)


def is_saveable(item: Any) -> bool:
    """Return whether an object may have state of its own: a layer, an optimizer, a metric ..."""
    return hasattr(type(item), "saving_base")


def _children(owner: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and values of attributes in Keras's order: layers of a graph, public, private."""
    if getattr(owner, "layers_saved_first", False):
        yield "layers", owner.layers
    skipped = _base_names(_base(type(owner)))
    for name in sorted(dir(owner), key=lambda name: f"~{name}" if name[0] == "_" else name):
        if name.startswith("__") or name in skipped:
            continue
        with suppress(Exception):  # a property may need what is not there yet
            value = getattr(owner, name)
            yield name, value


def _base(kind: type) -> type:
    return next(cls for cls in kind.__mro__ if "saving_base" in vars(cls))


@cache
def _base_names(base: type) -> frozenset[str]:
    """Return the attributes that every object of a kind has, which are of no interest."""
    return frozenset(dir(base(**base.saving_base))) - KEPT  # type: ignore[attr-defined]


def _joined(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name
