"""Which path of a checkpoint means which variable of a model.

Paths are not stable. Keras numbers the names that it makes up (`dense`, `dense_1`) and goes on
counting in a process; and a model that is made from its configuration has its layers built one by
one, outside the model, so that the first parts of their paths are lost. What stays: a path is the
end of the chain of names that leads from the model to the variable, and the order of the numbers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from graphc.keras.engine.tracking import attributes
from graphc.keras.engine.variable import Variable

NUMBER = re.compile(r"_\d+(?=[_/]|$)")


def chains_of(model: Any) -> dict[int, list[str]]:
    """Return the chains of names that lead to each variable of a model, by its id."""
    found: dict[int, list[str]] = defaultdict(list)
    _walk(model, model.name, found, frozenset())
    return found


def _walk(layer: Any, place: str, found: dict[int, list[str]], above: frozenset[int]) -> None:
    for item in attributes(layer):
        if isinstance(item, Variable):
            found[id(item)].append(f"{place}/{item.name}")
    for inner in layer._flatten_layers(include_self=False, recursive=False):
        if id(inner) not in above and inner is not layer:
            _walk(inner, f"{place}/{inner.name}", found, above | {id(layer)})


def matched(
    paths: Sequence[str], chains: Sequence[Collection[str]], held: Collection[str]
) -> list[str | None]:
    """Return the path held for each variable, None where there is none.

    Args:
        paths: of the variables.
        chains: of names that lead to each of them.
        held: the paths in the checkpoint.
    """
    if len(set(paths)) == len(paths) and all(path in held for path in paths):
        return list(paths)
    groups: dict[str, list[str]] = defaultdict(list)
    for path in in_order(held):
        groups[without_numbers(path)].append(path)
    ends = [
        _longest_end([path, *several], groups) for path, several in zip(paths, chains, strict=True)
    ]
    found: list[str | None] = [None] * len(paths)
    for name, others in groups.items():
        wanted = [i for i, end in enumerate(ends) if end and without_numbers(end) == name]
        wanted.sort(key=lambda i: _number_order(ends[i] or ""))
        if len(wanted) == len(others):
            for index, path in zip(wanted, others, strict=True):
                found[index] = path
            continue
        for index in wanted:
            if ends[index] in others and ends[index] not in found:
                found[index] = ends[index]
    return found


def _longest_end(chains: Collection[str], names: Collection[str]) -> str | None:
    """Return the longest end of a chain that is, but for numbers, one of the names."""
    ends = [
        chain.split("/", start)[start] for chain in chains for start in range(chain.count("/") + 1)
    ]
    fitting = [end for end in ends if without_numbers(end) in names]
    return max(fitting, key=lambda end: end.count("/"), default=None)


def without_numbers(path: str) -> str:
    """Return a path without the numbers that tell names apart."""
    return NUMBER.sub("", path)


def in_order(paths: Iterable[str]) -> list[str]:
    """Return paths sorted, `dense` before `dense_2` and that before `dense_10`."""
    return sorted(paths, key=_number_order)


def _number_order(path: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"[_/]", path)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]
