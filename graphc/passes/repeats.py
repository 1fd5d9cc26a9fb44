"""Finding what repeats: a stretch of nodes that comes again and again, each fed by the one before.

The nodes in order are a text, and a repeated block is a run of it that equals itself shifted by the
length of the block. Where several such runs or cuts are possible, the one that hands the least from
block to block is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.ir import INPUT_OPS, Graph, Node, Value, attrs_key, exact
from graphc.spec import nbytes

FEWEST_BLOCKS = 4  # fewer are not worth a loop
FEWEST_NODES = 5  # of a block

# A place in a block: the position of a node in it, and which of its results.
Place = tuple[int, int]
# An operand in a block: the position of a node in it, and which of its operands.
Slot = tuple[int, int]


@dataclass(frozen=True)
class Carried:
    """What the block before made at a place; `first` is what the first block uses instead."""

    place: Place
    first: Value


@dataclass(frozen=True)
class Shared:
    """A value from outside that all blocks use."""

    value: Value


@dataclass(frozen=True)
class Varying:
    """Values from outside, one for each block."""

    values: tuple[Value, ...]


Feed = Carried | Shared | Varying


@dataclass(frozen=True)
class Blocks:
    """Isomorphic blocks of nodes, and how they are fed.

    Attributes:
        blocks: the nodes of each block, in the same order.
        feeds: what operands are that are not made in the block itself.
        given: the places whose values the outside uses, those carried out of the last block aside.
    """

    blocks: tuple[tuple[Node, ...], ...]
    feeds: dict[Slot, Feed] = field(default_factory=dict[Slot, Feed])
    given: tuple[Place, ...] = ()

    @property
    def carried(self) -> tuple[Carried, ...]:
        """What goes from block to block."""
        return tuple(dict.fromkeys(f for f in self.feeds.values() if isinstance(f, Carried)))

    @property
    def shared(self) -> tuple[Shared, ...]:
        """What all blocks use."""
        return tuple(dict.fromkeys(f for f in self.feeds.values() if isinstance(f, Shared)))

    @property
    def varying(self) -> tuple[Varying, ...]:
        """What differs between blocks."""
        return tuple(dict.fromkeys(f for f in self.feeds.values() if isinstance(f, Varying)))

    @property
    def stacked(self) -> int:
        """Bytes of what differs between blocks."""
        return sum(nbytes(v.spec) for feed in self.varying for v in feed.values)

    @property
    def handed(self) -> int:
        """Bytes that go from block to block, and out of them."""
        first = self.blocks[0]
        places = [feed.place for feed in self.carried] + list(self.given)
        return sum(nbytes(first[node].specs[index]) for node, index in places)

    def outside(self) -> Iterator[Value]:
        """Yield the values that must be there before the first block."""
        for feed in dict.fromkeys(self.feeds.values()):
            if isinstance(feed, Varying):
                yield from feed.values
            else:
                yield feed.first if isinstance(feed, Carried) else feed.value


def find_blocks(graph: Graph) -> Blocks | None:
    """Return the repeated blocks that hold the most nodes of a graph, or None."""
    weighted = _weighted(graph)
    sequence = [n for n in graph.nodes if n in weighted and n.op not in INPUT_OPS]
    letters = _letters(sequence)
    for start, stop, period in _runs(letters):
        found = _best_cut(graph, sequence, start, stop, period)
        if found is not None:
            return found
    return None


def _weighted(graph: Graph) -> set[Node]:
    """Return the nodes that depend on parameters or state.

    The others (masks, positions) may be computed before all blocks, wherever they were traced.
    """
    found = {value.node for value in (*graph.params, *graph.state)}
    for node in graph.nodes:
        if any(value is not None and value.node in found for value in node.inputs):
            found.add(node)
    return found


def _letters(nodes: Sequence[Node]) -> np.ndarray[Any, Any]:
    """Return a number for each node, equal for nodes that may be counterparts."""
    known: dict[Any, int] = {}
    return np.array([known.setdefault(_look(node), len(known)) for node in nodes], dtype=np.int64)


def _look(node: Node) -> Any:
    operands = tuple(None if v is None else v.spec for v in node.inputs)
    return node.op, operands, node.specs, exact(attrs_key(node.attrs))


def _runs(letters: np.ndarray[Any, Any]) -> Iterator[tuple[int, int, int]]:
    """Yield (start, stop, period) of periodic stretches, those with most repeated nodes first."""
    found: list[tuple[int, int, int, int]] = []
    count = len(letters)
    for period in range(FEWEST_NODES, count // FEWEST_BLOCKS + 1):
        same = letters[period:] == letters[:-period]
        edges = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(np.int8), [0]))))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            blocks = (end - start + period) // period
            if blocks >= FEWEST_BLOCKS:
                found.append((-int(blocks - 1) * period, period, int(start), int(end) + period))
    # Of equal gain the shortest period: twice a block is a block, too.
    for _, period, start, stop in sorted(found):
        yield start, stop, period


def _best_cut(
    graph: Graph, sequence: Sequence[Node], start: int, stop: int, period: int
) -> Blocks | None:
    """Return the blocks of a run cut where the least crosses, or None where no cut works."""
    most = (stop - start) // period
    best: Blocks | None = None
    used = _users(graph)
    for shift in range(min(period, stop - start - (most - 1) * period)):
        count = (stop - start - shift) // period
        if count < max(FEWEST_BLOCKS, most - 1):
            continue
        begin = start + shift
        blocks = tuple(
            tuple(sequence[begin + i * period : begin + (i + 1) * period]) for i in range(count)
        )
        found = _wired(blocks, used)
        if found is not None and (best is None or _rank(found) < _rank(best)):
            best = found
    return best


def _rank(found: Blocks) -> tuple[int, int]:
    return -len(found.blocks), found.handed


def _users(graph: Graph) -> dict[Value, list[Node | None]]:
    """Return who uses each value; None stands for the outside of the graph."""
    users: dict[Value, list[Node | None]] = {}
    for node in graph.nodes:
        for value in node.inputs:
            if value is not None:
                users.setdefault(value, []).append(node)
    for value in graph.roots():
        users.setdefault(value, []).append(None)
    return users


def _wired(
    blocks: tuple[tuple[Node, ...], ...], users: dict[Value, list[Node | None]]
) -> Blocks | None:
    """Return how the blocks are fed, or None where they are not wired alike."""
    places = {n: (i, j) for i, block in enumerate(blocks) for j, n in enumerate(block)}
    found = Blocks(blocks)
    for position, node in enumerate(blocks[0]):
        for slot in range(len(node.inputs)):
            operands = tuple(block[position].inputs[slot] for block in blocks)
            if not _note_feed(operands, (position, slot), places, found):
                return None
    if not found.carried or any(node in places for node in ancestors_of(found.outside())):
        return None
    return Blocks(blocks, found.feeds, _given(found, users, places))


def _note_feed(
    operands: tuple[Value | None, ...],
    slot: Slot,
    places: dict[Node, tuple[int, int]],
    found: Blocks,
) -> bool:
    """Note where one operand of all blocks comes from; False where they differ in that."""
    if None in operands:
        return set(operands) == {None}
    values = tuple(value for value in operands if value is not None)
    sources = {_source(value, block, places) for block, value in enumerate(values) if block}
    if len(sources) != 1:
        return False
    (source,) = sources
    if source is not None and source[0] == 0:
        return _source(values[0], 0, places) == source
    feed = _feed(values, source, places, found.blocks[0])
    if feed is not None:
        found.feeds[slot] = feed
    return feed is not None


def _feed(
    values: tuple[Value, ...],
    source: tuple[int, Place] | None,
    places: dict[Node, tuple[int, int]],
    block: tuple[Node, ...],
) -> Feed | None:
    first = values[0]
    if first.node in places:
        return None
    if source is None:
        if len(set(values)) == 1:
            return Shared(first)
        # A stack of weak scalars would give them a dtype.
        return Varying(values) if all(v.node.literal is None for v in values) else None
    back, (position, index) = source
    same = first.spec == block[position].specs[index] and first.node.literal is None
    return Carried((position, index), first) if back == 1 and same else None


def _source(
    value: Value, block: int, places: dict[Node, tuple[int, int]]
) -> tuple[int, Place] | None:
    """Return how many blocks back a value was made, and at which place; None outside of them."""
    if value.node not in places:
        return None
    made, position = places[value.node]
    return block - made, (position, value.index)


def ancestors_of(values: Iterable[Value]) -> set[Node]:
    """Return the nodes of the values, and all that these depend on."""
    seen: set[Node] = set()
    stack = [value.node for value in values]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(value.node for value in node.inputs if value is not None)
    return seen


def _given(
    found: Blocks, users: dict[Value, list[Node | None]], places: dict[Node, tuple[int, int]]
) -> tuple[Place, ...]:
    """Return the places whose values are used outside of the blocks."""
    carried = {feed.place for feed in found.carried}
    wanted: dict[Place, None] = {}
    last = len(found.blocks) - 1
    for number, block in enumerate(found.blocks):
        for position, node in enumerate(block):
            for index in range(len(node.specs)):
                used_by = users.get(Value(node, index), ())
                outside = any(user is None or user not in places for user in used_by)
                is_last = number == last and (position, index) in carried
                if outside and not is_last:
                    wanted[position, index] = None
    return tuple(wanted)
