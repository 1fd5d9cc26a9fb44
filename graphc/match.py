"""Matching: does a pattern, traced once from ordinary emits, stand at a given node?

A pattern is matched in the order in which it is written, and the first way that fits is taken, so
the same graph always gives the same match. Operands of commutative ops fit in either order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from graphc.ir import ConstantArray, Graph, Node, Value

ANY = "any"  # an attribute of the pattern that matches whatever the graph has
COMMUTATIVE = frozenset({"math.add", "math.multiply", "math.maximum", "math.minimum"})
TOLERANCE = 1e-6  # relative: how far a constant may be from the number that is meant


@dataclass(frozen=True, eq=False)
class PatternNode:
    """One op of a pattern, or of its results the one at `result`."""

    op: str
    inputs: tuple[Operand, ...]
    attrs: dict[str, Any]
    result: int = 0


@dataclass(frozen=True, eq=False)
class Number:
    """A constant scalar of any value, bound as a number by its name."""

    name: str


@dataclass(frozen=True, eq=False)
class AnyOf:
    """Patterns of which one stands at the place: the first that fits."""

    choices: tuple[Operand, ...]


@dataclass(frozen=True, eq=False)
class Product:
    """Factors over divisors, multiplied and divided in any order and nesting.

    Constant scalars among them are gathered: `scale` names their product, which is 1 without any.
    A product without a name for it has none. A variable binds as much as it can: what it is scaled
    by is gathered only where all of it would not fit.
    """

    factors: tuple[Operand, ...]
    divisors: tuple[Operand, ...] = ()
    scale: str | None = None


# A variable by its name, a number that must be met, or None: an absent operand.
Operand = PatternNode | Number | AnyOf | Product | str | int | float | None


class PatternBuilder:
    """What a rule's `pattern` function emits into; it looks like a `Builder`."""

    def emit(self, op: str, *operands: Operand, **attrs: Any) -> PatternNode:
        """Record one op; attributes left out, or `ANY`, match anything."""
        return PatternNode(op, operands, attrs)

    def result(self, node: PatternNode, index: int) -> PatternNode:
        """Return another result of an op than its first."""
        return replace(node, result=index)

    def number(self, name: str) -> Number:
        """Return what binds a constant scalar: see `Match.numbers`."""
        return Number(name)

    def any(self, *choices: Operand) -> AnyOf:
        """Return the choice between patterns."""
        return AnyOf(choices)

    def product(
        self, *factors: Operand, over: tuple[Operand, ...] = (), scale: str | None = None
    ) -> Product:
        """Return a product in any order and nesting; what it is scaled by is bound to `scale`."""
        return Product(factors, over, scale)


Pattern = Callable[[PatternBuilder], Operand]


@dataclass(frozen=True)
class Match:
    """A place where a pattern stands: what each variable bound and which node each op met."""

    root: Node
    bound: dict[str, Value | None] = field(default_factory=dict[str, Value | None])
    nodes: dict[object, Node] = field(default_factory=dict[object, Node])
    numbers: dict[str, float] = field(default_factory=dict[str, float])

    def __getitem__(self, name: str) -> Value | None:
        return self.bound[name]

    def get(self, name: str) -> Value | None:
        """Return what a variable bound; None too if it belongs to a choice that was not taken."""
        return self.bound.get(name)

    def value(self, name: str) -> Value:
        """Return what a variable bound that the check found to be present."""
        value = self.bound[name]
        assert value is not None, f"{name} is absent"
        return value

    def node(self, op: str) -> Node:
        """Return the matched node of this op name (the first, from the root inwards)."""
        return next(node for node in self.nodes.values() if node.op == op)


def count_uses(graph: Graph) -> Counter[Value]:
    """Count how often each value is used, outputs and updates included."""
    uses = Counter(v for node in graph.nodes for v in node.inputs if v is not None)
    uses.update(graph.roots())
    return uses


def match(pattern: Operand, root: Node) -> Match | None:
    """Match `pattern` at `root`, whoever else uses the interior.

    A variable that appears twice must bind the same value; a variable may bind an absent operand
    (None).
    """
    return next(_matches(pattern, Value(root), Match(root)), None)


def reason_against_sharing(found: Match, uses: Counter[Value]) -> str | None:
    """Return None when the interior of a match is used by nothing else, else which node is."""
    matched = dict.fromkeys(found.nodes.values())
    inside = Counter(v for node in matched for v in node.inputs if v is not None)
    for node in matched:
        values = [Value(node, index) for index in range(len(node.specs))]
        if node is not found.root and any(uses[value] > inside[value] for value in values):
            return f"the result of {node.op} is used elsewhere too"
    return None


def reason_against_numbers(found: dict[str, float], wanted: dict[str, float]) -> str | None:
    """Return None when numbers are those wanted, else which one is not."""
    for name, number in wanted.items():
        if not _near(found[name], number):
            return f"{name} is {found[name]:.8g}, not {number:.8g}"
    return None


def number_of(value: Value | None) -> float | None:
    """Return the number that a constant scalar holds; None for anything else."""
    if value is None or value.node.op != "core.constant" or value.spec.shape:
        return None
    held = value.node.attrs["value"]
    number = held.array.item() if isinstance(held, ConstantArray) else held
    return float(number) if type(number) in (int, float) else None


def _near(number: float, wanted: float) -> bool:
    return abs(number - wanted) <= TOLERANCE * abs(wanted)


def _matches(wanted: Operand, value: Value | None, found: Match) -> Iterator[Match]:
    """Yield the ways in which a pattern stands at a value, each added to what was found so far."""
    if wanted is None or isinstance(wanted, str):
        return _bindings(wanted, value, found)
    if value is None:
        return iter(())
    if isinstance(wanted, PatternNode):
        return _nodes(wanted, value, found)
    if isinstance(wanted, AnyOf):
        return (one for choice in wanted.choices for one in _matches(choice, value, found))
    if isinstance(wanted, Product):
        return _products(wanted, value, found)
    return _numbers(wanted, value, found)


def _bindings(name: str | None, value: Value | None, found: Match) -> Iterator[Match]:
    if name is None:
        if value is None:
            yield found
    elif name not in found.bound:
        yield replace(found, bound={**found.bound, name: value})
    elif found.bound[name] == value:
        yield found


def _numbers(wanted: Number | float, value: Value, found: Match) -> Iterator[Match]:
    number = number_of(value)
    if number is None:
        return
    if not isinstance(wanted, Number):
        if _near(number, wanted):
            yield found
    elif found.numbers.get(wanted.name, number) == number:
        yield replace(found, numbers={**found.numbers, wanted.name: number})


def _nodes(wanted: PatternNode, value: Value, found: Match) -> Iterator[Match]:
    node = value.node
    if wanted in found.nodes:  # a part that the pattern has in two places is one node
        if found.nodes[wanted] is node:
            yield found
        return
    if (node.op, value.index, len(node.inputs)) != (wanted.op, wanted.result, len(wanted.inputs)):
        return
    if any(item is not ANY and node.attrs.get(k) != item for k, item in wanted.attrs.items()):
        return
    met = replace(found, nodes={**found.nodes, wanted: node})
    yield from _operands(wanted.inputs, node.inputs, met)
    if node.op in COMMUTATIVE:
        yield from _operands(wanted.inputs, node.inputs[::-1], met)


def _operands(
    wanted: tuple[Operand, ...], values: tuple[Value | None, ...], found: Match
) -> Iterator[Match]:
    if not wanted:
        yield found
        return
    for one in _matches(wanted[0], values[0], found):
        yield from _operands(wanted[1:], values[1:], one)


def _products(wanted: Product, value: Value, found: Match) -> Iterator[Match]:
    for one, scale in _factored(wanted.factors, wanted.divisors, value, found):
        if wanted.scale is not None:
            if one.numbers.get(wanted.scale, scale) == scale:
                yield replace(one, numbers={**one.numbers, wanted.scale: scale})
        elif scale == 1.0:
            yield one


Factors = tuple[Operand, ...]


def _factored(
    factors: Factors, divisors: Factors, value: Value, found: Match
) -> Iterator[tuple[Match, float]]:
    """Yield the ways in which a value is a scalar times `factors` over `divisors`."""
    if not factors and not divisors:
        number = number_of(value)
        if number is not None:
            yield found, number
        return
    if len(factors) == 1 and not divisors:
        for one in _matches(factors[0], value, found):
            yield one, 1.0
    node = value.node
    met = replace(found, nodes={**found.nodes, node: node})
    if node.op in ("math.multiply", "math.divide"):
        yield from _split(factors, divisors, node, met)
    elif node.op == "math.negative" and node.inputs[0] is not None:
        for one, scale in _factored(factors, divisors, node.inputs[0], met):
            yield one, -scale


def _split(
    factors: Factors, divisors: Factors, node: Node, found: Match
) -> Iterator[tuple[Match, float]]:
    """Yield the ways in which the operands of a product or quotient share the factors."""
    left, right = node.inputs
    if left is None or right is None:
        return
    divides = node.op == "math.divide"
    for (ups, more_ups), (downs, more_downs) in product(_parts(factors), _parts(divisors)):
        for one, scale in _factored(ups, downs, left, found):
            rest = (more_downs, more_ups) if divides else (more_ups, more_downs)
            for both, other in _factored(*rest, right, one):
                if not divides:
                    yield both, scale * other
                elif other:
                    yield both, scale / other


def _parts(items: Factors) -> Iterator[tuple[Factors, Factors]]:
    """Yield every way to give some of the items away."""
    for kept in product((True, False), repeat=len(items)):
        pairs = list(zip(items, kept, strict=True))
        yield tuple(i for i, k in pairs if k), tuple(i for i, k in pairs if not k)


__all__ = [
    "ANY", "Match", "Operand", "Pattern", "PatternBuilder", "PatternNode", "count_uses", "match",
    "number_of", "reason_against_numbers", "reason_against_sharing",
]  # fmt: skip
