"""`keras.tree`: nested structures of lists, tuples, named tuples, deques and dictionaries."""

from graphc.keras.tree.comparing import assert_same_paths, assert_same_structure
from graphc.keras.tree.mapping import (
    lists_to_tuples,
    map_shape_structure,
    map_structure,
    map_structure_up_to,
)
from graphc.keras.tree.walking import (
    MAP_TO_NONE,
    flatten,
    flatten_with_path,
    is_nested,
    pack_sequence_as,
    traverse,
)

__all__ = [
    "MAP_TO_NONE", "assert_same_paths", "assert_same_structure", "flatten", "flatten_with_path",
    "is_nested", "lists_to_tuples", "map_shape_structure", "map_structure", "map_structure_up_to",
    "pack_sequence_as", "traverse",
]  # fmt: skip
