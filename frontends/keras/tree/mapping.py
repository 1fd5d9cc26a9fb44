"""Functions applied leaf by leaf to one or several structures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras.tree.nodes import node_of
from graphc.keras.tree.walking import is_nested, traverse


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Apply a function to the leaves that are in the same place of all structures.

    Args:
        func: takes a leaf of each structure.
        structures: equally nested structures, at least one.
        none_is_leaf: whether None is given to `func`; else it stays None, in every structure.

    Returns:
        A structure like the first.

    Raises:
        TypeError: `func` is not callable.
        ValueError: no structures, or differently nested ones.
    """
    _need_structures(structures)

    def mapped(first: Any, *others: Any) -> Any:
        node = node_of(first)
        if node is not None:
            rest = [node.children_of(other) for other in others]
            return node.rebuild([mapped(*part) for part in zip(node.children, *rest, strict=True)])
        wrong = [other for other in others if is_nested(other)]
        if first is None and not none_is_leaf:
            wrong = [other for other in others if other is not None]
        if wrong:
            raise ValueError(
                "Structures don't have the same nested structure. Expected a leaf like "
                f"{first!r}. Received: {wrong[0]!r}"
            )
        return None if first is None and not none_is_leaf else func(first, *others)

    return mapped(*structures)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Apply a function to what structures hold in the places of `shallow_structure`'s leaves.

    Args:
        shallow_structure: how deep to go.
        func: takes a sub-structure of each of `structures`.
        structures: nested like `shallow_structure`, or deeper.

    Returns:
        A structure like `shallow_structure`.

    Raises:
        TypeError: `func` is not callable.
        ValueError: no structures, or one that is nested differently or less deeply.
    """
    _need_structures(structures)

    def mapped(shallow: Any, *parts: Any) -> Any:
        node = node_of(shallow)
        if node is None:
            return func(*parts)
        rest = [node.children_of(part) for part in parts]
        return node.rebuild([mapped(*part) for part in zip(node.children, *rest, strict=True)])

    return mapped(shallow_structure, *structures)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Apply a function to every shape: a list or tuple of integers and None."""

    def mapped(part: Any) -> Any:
        node = node_of(part)
        if node is None or _is_shape(part):
            return func(part)
        return node.rebuild([mapped(child) for child in node.children])

    return mapped(structure)


def lists_to_tuples(structure: Any) -> Any:
    """Return the structure with tuples in place of lists."""
    return traverse(
        lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False
    )


def _is_shape(part: Any) -> bool:
    sequence = isinstance(part, (list, tuple))
    return sequence and all(size is None or isinstance(size, int) for size in part)


def _need_structures(structures: tuple[Any, ...]) -> None:
    if not structures:
        raise ValueError("Must provide at least one structure. Received: none")
