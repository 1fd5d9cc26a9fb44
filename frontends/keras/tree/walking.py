"""Taking structures apart and putting them together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from graphc.keras.tree.nodes import node_of


class MAP_TO_NONE:  # noqa: N801 - Keras's name
    """What a function given to `traverse` returns to put None in a place."""


def is_nested(structure: Any) -> bool:
    """Return whether a structure is anything but a leaf."""
    return node_of(structure) is not None


def flatten(structure: Any) -> list[Any]:
    """Return the leaves in order: dictionaries by sorted key, `OrderedDict`s as they are."""
    return list(_leaves(structure))


def _leaves(structure: Any) -> Iterator[Any]:
    node = node_of(structure)
    if node is None:
        yield structure
        return
    for child in node.children:
        yield from _leaves(child)


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Return pairs of a leaf's path (indices and keys from the root) and the leaf."""
    return list(_paths(structure, ()))


def _paths(structure: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    node = node_of(structure)
    if node is None:
        yield path, structure
        return
    for key, child in zip(node.keys, node.children, strict=True):
        yield from _paths(child, (*path, key))


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """Return a structure like `structure` whose leaves are those of `flat_sequence`, in order.

    Raises:
        TypeError: `flat_sequence` is not iterable.
        ValueError: it has too few or too many leaves.
    """
    leaves = list(flat_sequence)
    expected = len(flatten(structure))
    if len(leaves) != expected:
        raise ValueError(
            f"Expected `flat_sequence` to have the structure's {expected} leaves. "
            f"Received: {len(leaves)}"
        )
    return _packed(structure, iter(leaves))


def _packed(structure: Any, leaves: Iterator[Any]) -> Any:
    node = node_of(structure)
    if node is None:
        return next(leaves)
    return node.rebuild([_packed(child, leaves) for child in node.children])


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Apply a function to every sub-structure, depth first, and return what it makes of them.

    Args:
        func: takes a sub-structure. Where it returns None, the sub-structure stays (and, going
            down, is entered); anything else replaces it, and `MAP_TO_NONE` replaces it by None.
        structure: what to walk through.
        top_down: parents before their children; else after them, given the new children.

    Returns:
        The new structure.

    Raises:
        TypeError: `func` is not callable.
    """
    if not top_down:
        structure = _traverse_children(func, structure, top_down)
    result = func(structure)
    if result is MAP_TO_NONE:
        return None
    if result is not None:
        return result
    return _traverse_children(func, structure, top_down) if top_down else structure


def _traverse_children(func: Callable[[Any], Any], structure: Any, top_down: bool) -> Any:
    node = node_of(structure)
    if node is None:
        return structure
    return node.rebuild([traverse(func, child, top_down) for child in node.children])
