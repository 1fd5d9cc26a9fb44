"""Nested structures (lists, tuples, dicts) of tensors; None and symbols are leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax


def _is_leaf(value: Any) -> bool:
    return value is None


def flatten(structure: Any) -> list[Any]:
    """Return the leaves in order; dictionaries by sorted key."""
    return jax.tree_util.tree_leaves(structure, is_leaf=_is_leaf)


def map_structure(function: Callable[..., Any], *structures: Any) -> Any:
    """Apply a function leaf by leaf."""
    return jax.tree_util.tree_map(function, *structures, is_leaf=_is_leaf)


def pack_as(structure: Any, leaves: list[Any]) -> Any:
    """Return a structure like `structure` that holds `leaves`."""
    treedef = jax.tree_util.tree_structure(structure, is_leaf=_is_leaf)
    return jax.tree_util.tree_unflatten(treedef, leaves)


def structure_of(structure: Any) -> Any:
    """Return the shape of a structure as a hashable, comparable value."""
    return jax.tree_util.tree_structure(structure, is_leaf=_is_leaf)
