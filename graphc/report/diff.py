"""Two graphs as lines side by side: which line of one stands beside which of the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from graphc.ir import Graph

NUMBERED = re.compile(r"%\d+")  # names of nodes, which count on after any change
LAYER = re.compile(r"  # (?!param |state |input )(\S.*)$")


@dataclass(frozen=True)
class Line:
    """A line of a printed graph; `changed` where the other graph has no such line."""

    text: str
    layer: str
    changed: bool


Pair = tuple[Line | None, Line | None]


def side_by_side(before: Graph, after: Graph) -> list[Pair]:
    """Return the lines of two graphs in pairs; None where one of them has nothing."""
    one, other = str(before).splitlines(), str(after).splitlines()
    matcher = SequenceMatcher(None, _plain(one), _plain(other), autojunk=False)
    pairs: list[Pair] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        pairs += _zipped(one[a:b], other[c:d], changed=kind != "equal")
    return pairs


def _plain(lines: Sequence[str]) -> list[str]:
    """Return lines as they are compared: without the numbers of nodes."""
    return [NUMBERED.sub("%", line) for line in lines]


def _zipped(one: Sequence[str], other: Sequence[str], *, changed: bool) -> Iterator[Pair]:
    for place in range(max(len(one), len(other))):
        yield (
            _line(one[place], changed) if place < len(one) else None,
            _line(other[place], changed) if place < len(other) else None,
        )


def _line(text: str, changed: bool) -> Line:
    found = LAYER.search(text)
    return Line(text, found[1] if found else "", changed)
