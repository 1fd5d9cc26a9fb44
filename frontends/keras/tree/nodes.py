"""What counts as a node of a nested structure, what its children are, and how it is rebuilt.

Nodes are exactly: list, tuple, named tuples, deque, dict, OrderedDict and defaultdict. Instances of
other subclasses of these are leaves, and so is everything else, None included.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

MAPPINGS = (dict, OrderedDict, defaultdict)


@dataclass(frozen=True)
class Node:
    """One level of a structure: a `kind` that is equal where two levels match, and children."""

    kind: Hashable
    keys: tuple[Any, ...]
    children: tuple[Any, ...]
    rebuild: Callable[[Iterable[Any]], Any]

    def children_of(self, other: Any) -> tuple[Any, ...]:
        """Return the children of a structure that matches this level, in this level's order.

        Raises:
            ValueError: it does not match.
        """
        node = node_of(other)
        matches = node is not None and node.kind == self.kind
        if not matches or set(node.keys) != set(self.keys):  # type: ignore[union-attr]
            raise ValueError(
                "The structures don't have the same nested structure. Expected one like "
                f"{self.rebuild(self.children)!r}. Received: {other!r}"
            )
        found = dict(zip(node.keys, node.children, strict=True))  # type: ignore[union-attr]
        return tuple(found[key] for key in self.keys)


def node_of(structure: Any) -> Node | None:
    """Return the top level of a structure; None for a leaf."""
    cls = type(structure)
    if cls in MAPPINGS:
        return _mapping_node(structure)
    if cls is deque:
        return _sequence_node(structure, deque, lambda items: deque(items, structure.maxlen))
    if cls in (list, tuple):
        return _sequence_node(structure, cls, cls)
    if isinstance(structure, tuple) and hasattr(cls, "_fields"):
        return _sequence_node(structure, cls, cls._make)  # type: ignore[attr-defined]
    return None


def _sequence_node(items: Any, kind: Hashable, rebuild: Callable[[Iterable[Any]], Any]) -> Node:
    return Node(kind, tuple(range(len(items))), tuple(items), rebuild)


def _mapping_node(mapping: Any) -> Node:
    keys = tuple(mapping) if isinstance(mapping, OrderedDict) else tuple(_sorted(mapping))

    def rebuild(children: Iterable[Any]) -> Any:
        found = dict(zip(keys, children, strict=True))
        pairs = ((key, found[key]) for key in mapping)  # in the order of the original
        if isinstance(mapping, defaultdict):
            return defaultdict(mapping.default_factory, pairs)
        return type(mapping)(pairs)

    return Node(dict, keys, tuple(mapping[key] for key in keys), rebuild)


def _sorted(keys: Iterable[Any]) -> list[Any]:
    """Return keys in order; keys of several types by type first; else as they come."""
    try:
        return sorted(keys)
    except TypeError:
        pass
    try:
        return sorted(keys, key=lambda key: (type(key).__qualname__, key))
    except TypeError:
        return list(keys)
