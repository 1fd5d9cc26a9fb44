"""`keras.tree` beside real Keras, over structures and functions."""

from __future__ import annotations

import os
from collections import OrderedDict, defaultdict, deque, namedtuple
from importlib import import_module

import numpy as np
import pytest

from graphc.keras import tree

pytestmark = pytest.mark.oracle

Point = namedtuple("Point", ["x", "y"])  # noqa: PYI024
Other = namedtuple("Point", ["x", "y"])  # noqa: PYI024


class Names(list):
    """A subclass of a container: a leaf."""


class Pairs(dict):
    """A subclass of a container: a leaf."""


@pytest.fixture(scope="module")
def oracle():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_module("keras").tree


STRUCTURES = {
    "leaf": 42,
    "none": None,
    "string": "text",
    "empty": [],
    "empty dict": {},
    "one": [7],
    "nones": [None, (None, {"a": None})],
    "tuple": (1, (2, 3), [4]),
    "dict": {"b": 1, "a": {"d": 2, "c": (3,)}},
    "ordered": OrderedDict([("b", 1), ("a", [2, 3])]),
    "default": defaultdict(list, {"b": 1, "a": 2}),
    "named": Point(1, Point([2], 3)),
    "deque": deque([1, [2, 3]], maxlen=5),
    "integer keys": {100: "world!", 6: "Hello"},
    "mixed keys": {"b": 1, 3: 2, "a": 3},
    "array": [np.float32(3), {"a": b"x"}],
    "subclasses": [Names([1, 2]), Pairs(a=1)],
    "shapes": [(None, 3), {"a": [2, 2], "b": ((1,), [None])}],
    "set": [{1, 2}],
}
FUNCTIONS = {
    "flatten": lambda t, s: t.flatten(s),
    "flatten_with_path": lambda t, s: t.flatten_with_path(s),
    "is_nested": lambda t, s: t.is_nested(s),
    "map": lambda t, s: t.map_structure(str, s),
    "map two": lambda t, s: t.map_structure(lambda a, b: (a, b), s, s),
    "map none": lambda t, s: t.map_structure(str, s, none_is_leaf=False),
    "map none two": lambda t, s: t.map_structure(lambda a, b: (a, b), s, s, none_is_leaf=False),
    "pack": lambda t, s: t.pack_sequence_as(s, range(len(t.flatten(s)))),
    "to tuples": lambda t, s: t.lists_to_tuples(s),
    "shapes": lambda t, s: t.map_shape_structure(repr, s),
    "up to": lambda t, s: t.map_structure_up_to(
        t.map_structure(lambda _: 0, s), lambda a: [a], t.map_structure(lambda x: [x, 1], s)
    ),
    "down": lambda t, s: visits(t, s, top_down=True),
    "up": lambda t, s: visits(t, s, top_down=False),
    "replace": lambda t, s: t.traverse(lambda x: "t" if isinstance(x, tuple) else None, s),
    "replace up": lambda t, s: t.traverse(
        lambda x: len(x) if isinstance(x, (list, dict)) else None, s, top_down=False
    ),
    "to none": lambda t, s: t.traverse(lambda x: t.MAP_TO_NONE if x == 1 else None, s),
    "same": lambda t, s: t.assert_same_structure(s, s),
    "same paths": lambda t, s: t.assert_same_paths(s, t.lists_to_tuples(s)),
}


def visits(module, structure, top_down: bool) -> list:
    seen = []
    seen.append(module.traverse(seen.append, structure, top_down=top_down))
    return seen


def outcome(function, *arguments):
    """The result as a comparable text with the order of dictionaries, or the kind of error."""
    try:
        return repr(function(*arguments))
    except (TypeError, ValueError) as error:
        return type(error)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_agrees_with_keras(oracle, function: str, structure: str) -> None:
    received = outcome(FUNCTIONS[function], tree, STRUCTURES[structure])
    assert received == outcome(FUNCTIONS[function], oracle, STRUCTURES[structure])


PAIRS = [
    ([1, 2], [3, 4]),
    ([1, 2], (3, 4)),
    ([1, 2], [1]),
    ([1, 2], [1, [2]]),
    ([1, [2]], [1, 2]),
    ({"a": 1}, {"a": 2}),
    ({"a": 1, "b": 2}, OrderedDict([("b", 1), ("a", 2)])),
    ({"a": 1}, {"b": 2}),
    (defaultdict(int, a=1), {"a": 2}),
    (Point(1, 2), Point(3, 4)),
    (Point(1, 2), Other(3, 4)),
    (Point(1, 2), (3, 4)),
    (deque([1]), [1]),
    (None, 1),
    ([None], [[1]]),
    (1, [1]),
    ([], []),
    ([], ()),
]


@pytest.mark.parametrize("pair", PAIRS, ids=repr)
@pytest.mark.parametrize(
    "function",
    [
        lambda t, a, b: t.assert_same_structure(a, b),
        lambda t, a, b: t.assert_same_paths(a, b),
        lambda t, a, b: t.map_structure(lambda x, y: (x, y), a, b),
    ],
    ids=["structure", "paths", "map"],
)
def test_pairs_agree_with_keras(oracle, function, pair) -> None:
    assert outcome(function, tree, *pair) == outcome(function, oracle, *pair)


@pytest.mark.parametrize(
    ("shallow", "structure"),
    [
        ([0, 0], [[1, 1], [2, 2]]),
        ([0, [0, 0]], [[1, 1], [2, 2]]),
        ([[0, 0], 0], [1, 2]),
        ([0], [1, 2]),
        (0, [1, {"a": 2}]),
        ({"a": 0}, {"a": (1, 2)}),
    ],
)
def test_map_up_to_agrees_with_keras(oracle, shallow, structure) -> None:
    def run(module, *arguments):
        return module.map_structure_up_to(shallow, str, structure)

    assert outcome(run, tree) == outcome(run, oracle)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="at least one structure"):
        tree.map_structure(str)
    with pytest.raises(ValueError, match=r"2 leaves. Received: 3"):
        tree.pack_sequence_as([0, 0], [1, 2, 3])
    with pytest.raises(ValueError, match=r"Expected one like .* Received"):
        tree.assert_same_structure([[1]], [[1, 2]])
    with pytest.raises(ValueError, match="missing in `b`"):
        tree.assert_same_paths([1, 2], [1])
    with pytest.warns(DeprecationWarning, match="check_types"):
        tree.assert_same_structure([1], [2], check_types=True)
