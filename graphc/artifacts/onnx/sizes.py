"""Lengths that are not known while exporting, found by tracing the same model at two of them.

What is equal in both traces is a number; a length that grows with the rows is `factor * rows +
offset`, and likewise with the other axes of inputs whose length is open. All numbers are primes
that no other length is likely to be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Any, cast

from graphc.body import Body
from graphc.ir import ConstantArray, Graph, Node, Value
from graphc.kernels.registry import OPS

COUNTS = (97, 101)  # rows of the two traces
# Of the other open axes: these shrink, so that what grows with the rows is told apart.
LENGTHS = ((89, 83), (53, 43), (131, 109), (71, 41))
ROWS = "rows"


@dataclass(frozen=True)
class Symbol:
    """A length that is open: its name, and what it is in the two traces."""

    name: str
    first: int
    second: int


Symbols = tuple[Symbol, ...]
ROWS_ALONE: Symbols = (Symbol(ROWS, *COUNTS),)


def symbols_of(lengths: Sequence[int]) -> Symbols:
    """Return the symbols of the rows, of other open axes, and of all products of several.

    Args:
        lengths: for each open axis which of `LENGTHS` it has.
    """
    own = [Symbol(f"length_{place + 1}", *LENGTHS[place]) for place in sorted(set(lengths))]
    plain = (*ROWS_ALONE, *own)
    products = [
        Symbol(
            "*".join(one.name for one in several), prod(one.first for one in several),
            prod(one.second for one in several),
        )
        for count in range(2, len(plain) + 1) for several in combinations(plain, count)
    ]  # fmt: skip
    return (*plain, *products)


@dataclass(frozen=True)
class Size:
    """A length of `factor` times an open one, plus `offset`."""

    factor: int
    offset: int = 0
    symbol: str = ROWS


Dim = int | Size
Shape = tuple[Dim, ...]


@dataclass(frozen=True)
class Pair:
    """What is of two traces and is not compared: bodies, functions, arrays that grow."""

    first: Any
    second: Any


class UnequalError(ValueError):
    """The two traces differ in more than lengths."""


def is_static(shape: Sequence[Dim]) -> bool:
    """Return whether no length depends on the rows."""
    return all(isinstance(size, int) for size in shape)


def size_of(first: int, second: int, symbols: Symbols) -> Dim:
    """Return the length that was `first` in one trace and `second` in the other.

    Raises:
        UnequalError: it grows by no whole number of elements a row.
    """
    if first == second:
        return first
    found: list[Size] = []
    for symbol in symbols:
        factor, rest = divmod(second - first, symbol.second - symbol.first)
        if not rest:
            found.append(Size(factor, first - factor * symbol.first, symbol.name))
    if not found:
        raise UnequalError(f"a length of {first} in one trace and {second} in another")
    return min(found, key=lambda size: (size.factor < 0, abs(size.offset), size.factor))


def shape_of(first: Sequence[int], second: Sequence[int], symbols: Symbols) -> Shape:
    """Return a shape as it is for any number of rows."""
    if len(first) != len(second):
        raise UnequalError(f"the shapes {tuple(first)} and {tuple(second)}")
    return tuple(size_of(int(a), int(b), symbols) for a, b in zip(first, second, strict=True))


def merged(first: Any, second: Any, symbols: Symbols) -> Any:
    """Return an attribute as it is for any number of rows: lengths that differ become sizes.

    Raises:
        UnequalError: the two differ otherwise.
    """
    if isinstance(first, Body) or (callable(first) and not isinstance(first, type)):
        return Pair(first, second)
    if isinstance(first, ConstantArray):
        return first if first == second else Pair(first, second)
    if isinstance(first, (tuple, list)) and type(first) is type(second):
        items, others = cast("Sequence[Any]", first), cast("Sequence[Any]", second)
        if len(items) == len(others) and not hasattr(items, "_fields"):
            return tuple(merged(a, b, symbols) for a, b in zip(items, others, strict=True))
    if type(first) is int and type(second) is int:
        return size_of(first, second, symbols)
    if first is second or first == second:
        return first
    raise UnequalError(f"{first!r} in one trace and {second!r} in another")


def has_size(value: Any) -> bool:
    """Return whether an attribute depends on the rows, or may."""
    if isinstance(value, tuple):
        return any(has_size(item) for item in cast("tuple[Any, ...]", value))
    return isinstance(value, (Size, Pair))


@dataclass(frozen=True, eq=False)
class Linked:
    """A node as it is in both traces."""

    node: Node
    twin: Node
    attrs: dict[str, Any]
    shapes: tuple[Shape, ...]


def linked(first: Graph, second: Graph, symbols: Symbols) -> list[Linked]:
    """Return the nodes that the outputs of two traces need, each with its twin, in order.

    Raises:
        UnequalError: the traces differ in more than lengths; names the layer.
    """
    twins = paired(first, second)
    return [_link(node, twins[node], symbols) for node in first.nodes if node in twins]


def paired(first: Graph, second: Graph) -> dict[Node, Node]:
    """Return for every node that the outputs of a trace need the one of another trace.

    Raises:
        UnequalError: the traces are of other nodes; names the layer.
    """
    twins: dict[Node, Node] = {}
    for role in ("params", "state", "inputs"):
        pairs = zip(getattr(first, role), getattr(second, role), strict=True)
        twins.update({one.node: other.node for one, other in pairs})
    known = set(twins)
    stack = list(zip(first.outputs, second.outputs, strict=True))
    while stack:
        one, other = stack.pop()
        _same(one, other, twins)
        if one.node in known:
            continue
        known.add(one.node)
        twins[one.node] = other.node
        _push(one.node, other.node, stack)
    return twins


def _same(one: Value, other: Value, twins: dict[Node, Node]) -> None:
    paired = twins.get(one.node, other.node) is other.node
    if paired and one.index == other.index and one.node.op == other.node.op:
        return
    raise UnequalError(f"'{one.node.op}' in layer '{one.node.scope}' is another node")


def _push(node: Node, twin: Node, stack: list[tuple[Value, Value]]) -> None:
    if len(node.inputs) != len(twin.inputs):
        raise UnequalError(f"'{node.op}' in layer '{node.scope}' has other operands")
    for one, other in zip(node.inputs, twin.inputs, strict=True):
        if (one is None) != (other is None):
            raise UnequalError(f"'{node.op}' in layer '{node.scope}' has other operands")
        if one is not None and other is not None:
            stack.append((one, other))


def _link(node: Node, twin: Node, symbols: Symbols) -> Linked:
    try:
        attrs = {
            name: merged(value, twin.attrs[name], symbols) for name, value in node.attrs.items()
        }
        shapes = tuple(
            shape_of(a.shape, b.shape, symbols) for a, b in zip(node.specs, twin.specs, strict=True)
        )
    except (UnequalError, KeyError) as error:
        raise UnequalError(f"'{node.op}' in layer '{node.scope}' has {error}") from None
    return Linked(node, twin, attrs, shapes)


def disagreeing(
    graphs: tuple[Graph, Graph, Graph], symbols: Symbols, lengths: Mapping[str, int]
) -> Node | None:
    """Return the first node of which a third trace has other lengths than it should; else None.

    What is cut off at a length, say, grows with the rows only as long as there are few.

    Args:
        graphs: the three traces.
        symbols: of the first two.
        lengths: of the third, by the name of the symbol.

    Raises:
        UnequalError: the traces are of other nodes; names the layer.
    """
    first, second, third = graphs
    others = paired(first, third)
    for link in linked(first, second, symbols):
        other = others[link.node]
        shapes = tuple(spec.shape for spec in other.specs)
        attrs = tuple(other.attrs[name] for name in link.attrs)
        pairs = ((link.shapes, shapes), (tuple(link.attrs.values()), attrs))
        if not all(_agree(one, same, symbols, lengths) for one, same in pairs):
            return link.node
    return None


def _agree(found: Any, other: Any, symbols: Symbols, lengths: Mapping[str, int]) -> bool:
    if isinstance(found, Size):
        length = prod(lengths[name] for name in found.symbol.split("*"))
        return found.factor * length + found.offset == other
    if isinstance(found, tuple):
        items = cast("tuple[Any, ...]", found)
        return len(items) == len(other) and all(
            _agree(a, b, symbols, lengths) for a, b in zip(items, other, strict=True)
        )
    if not isinstance(found, Pair):
        return bool(found == other)
    if not isinstance(found.first, Body):
        return True
    graphs = (found.first.graph, found.second.graph, other.graph)
    return disagreeing(graphs, symbols, lengths) is None


def reference(op: str) -> Callable[..., Any]:
    """Return the function that defines an op."""
    return OPS[op].reference
