"""Whether two structures are nested alike."""

from __future__ import annotations

import warnings
from typing import Any

from graphc.keras.tree.mapping import map_structure
from graphc.keras.tree.walking import flatten_with_path


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Check that two structures are nested alike, of the same containers; leaves may differ.

    All kinds of dictionary are alike where their keys are. `check_types` has no effect.

    Raises:
        ValueError: they are not.
    """
    if check_types is not None:
        warnings.warn(
            "The `check_types` argument is deprecated and has no effect. To compare structures "
            "whatever their containers, use `keras.tree.assert_same_paths()`.",
            DeprecationWarning,
            stacklevel=2,
        )
    map_structure(lambda *_: None, a, b)


def assert_same_paths(a: Any, b: Any) -> None:
    """Check that the leaves of two structures have the same paths, whatever holds them.

    Raises:
        ValueError: they have not; the paths found in one only are listed.
    """
    paths_a = {path for path, _ in flatten_with_path(a)}
    paths_b = {path for path, _ in flatten_with_path(b)}
    if paths_a == paths_b:
        return
    parts = ["`a` and `b` don't have the same paths."]
    for name, other, only in (("a", "b", paths_a - paths_b), ("b", "a", paths_b - paths_a)):
        parts += [f"Paths in `{name}` missing in `{other}`:\n{only}"] if only else []
    raise ValueError("\n".join(parts))
