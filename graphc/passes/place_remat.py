"""Parts of the forward pass are computed again in the backward pass, until training fits a budget.

    y = f(x)   becomes   y = remat(f, x)

The gradient is the same function of the same numbers; what `f` would have kept for it is freed.
The graph is cut where little crosses, and the parts that free the most for each operation done
twice are taken first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from graphc.body import Body
from graphc.builder import Builder
from graphc.cost import node_cost
from graphc.cost.kept import bytes_of, inside_bytes, kept_bytes, kept_values
from graphc.gradient import closed, results_of
from graphc.ir import INPUT_OPS, Graph, Node, Value
from graphc.passes.base import Mode, Numerics
from graphc.passes.roll_blocks import RolledBody
from graphc.rewrite import Event, remake, start_replay

PARTS = (4, 8, 16, 32, 64)  # how finely the graph is cut, tried in turn
WORKING = 2.0  # bytes held for each byte kept: derivatives, and what kernels lay out anew
UNITS = ("B", "KB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Part:
    """A stretch of nodes, and what it means to compute it twice."""

    nodes: tuple[Node, ...]
    inputs: tuple[Value, ...]
    kept: int
    flops: int

    @property
    def is_loop(self) -> bool:
        """Whether it is a loop of rolled blocks, where each turn is computed again."""
        return isinstance(self.nodes[0].attrs.get("body"), RolledBody)


@dataclass(frozen=True)
class Plan:
    """The parts to compute twice; `peak` bytes are then the most that is held."""

    parts: tuple[Part, ...]
    peak: int

    @property
    def flops(self) -> int:
        """The operations done twice."""
        return sum(part.flops for part in self.parts)


@dataclass(frozen=True)
class PlaceRemat:
    """The pass: `budget` bytes for a step, of which `held` are parameters, slots and data."""

    budget: int
    held: int
    name: str = "place_remat"
    numerics: Numerics = "reassociate"
    modes: tuple[Mode, ...] = ("train",)

    def __call__(self, graph: Graph) -> tuple[Graph, tuple[Event, ...]]:
        """Return the graph with parts to be computed twice, and the plan."""
        nodes = _weighted(graph)
        peak = self.held + working(kept_bytes(nodes))
        if not nodes or any(node.op == "core.remat" for node in graph.nodes):
            return graph, ()
        if peak <= self.budget:
            reason = f"about {size(peak)} are needed, the budget is {size(self.budget)}"
            return graph, (Event("computed_twice", nodes[0].scope, nodes[0].op, reason),)
        plan = choose(graph, nodes, self.budget, self.held)
        events = [self._event(plan, peak, part) for part in plan.parts]
        return wrap(graph, plan.parts), tuple(events)

    def _event(self, plan: Plan, peak: int, part: Part) -> Event:
        fits = "" if plan.peak <= self.budget else f"; the budget of {size(self.budget)} is missed"
        told = f"{size(peak)} to {size(plan.peak)}{fits}"
        first, last = part.nodes[0].scope, part.nodes[-1].scope
        layers = first if first == last else f"{first} to {last}"
        return Event(f"computed_twice ({told})", layers, part.nodes[0].op, None)


def working(kept: int) -> int:
    """Return the bytes that a step needs which keeps so many for its backward pass."""
    return int(WORKING * kept)


def size(count: float) -> str:
    """Return bytes with a unit."""
    power = 0
    while count >= 1000 and power < len(UNITS) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.3g} {UNITS[power]}"


def _weighted(graph: Graph) -> tuple[Node, ...]:
    """Return the nodes that a derivative by the parameters goes through, in order."""
    found = {value.node for value in graph.params}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.op not in INPUT_OPS and any(v is not None and v.node in found for v in node.inputs):
            found.add(node)
            nodes.append(node)
    return tuple(nodes)


def choose(graph: Graph, nodes: Sequence[Node], budget: int, held: int) -> Plan:
    """Return the plan that fits with the least arithmetic; else the one that needs the least."""
    plans = [_greedy(nodes, cut(graph, nodes, count), budget, held) for count in PARTS]
    fitting = [plan for plan in plans if plan.peak <= budget]
    if fitting:
        return min(fitting, key=lambda plan: plan.flops)
    return min(plans, key=lambda plan: plan.peak)


def _greedy(nodes: Sequence[Node], parts: Sequence[Part], budget: int, held: int) -> Plan:
    taken: list[Part] = []
    best = Plan((), held + working(kept_bytes(nodes)))
    for part in sorted(parts, key=lambda part: part.flops / max(part.kept, 1)):
        taken.append(part)
        plan = Plan(tuple(taken), held + working(_peak(nodes, taken)))
        best = min(best, plan, key=lambda one: one.peak)
        if best.peak <= budget:
            break
    return best


def _peak(nodes: Sequence[Node], twice: Sequence[Part]) -> int:
    """Return what is kept: all of other parts, the inputs of these, and one of these at a time."""
    inside = {node for part in twice for node in part.nodes}
    others = [node for node in nodes if node not in inside]
    values = kept_values(others) | {v for part in twice for v in part.inputs if not part.is_loop}
    held = bytes_of(values) + sum(map(inside_bytes, others))
    loops = sum(_turns_kept(part.nodes[0]) for part in twice if part.is_loop)
    return held + loops + max(_once(part) for part in twice)


def _turns_kept(node: Node) -> int:
    """Return what a loop keeps when each turn is computed again: what goes from turn to turn."""
    body: Body = node.attrs["body"]
    return node.attrs["length"] * bytes_of(body.graph.inputs[: node.attrs["carries"]])


def _once(part: Part) -> int:
    """Return what is held while a part is computed again: a loop does so turn by turn."""
    return part.kept // part.nodes[0].attrs["length"] if part.is_loop else part.kept


def cut(graph: Graph, nodes: Sequence[Node], count: int) -> list[Part]:
    """Return about `count` parts that keep alike much, cut where the least crosses."""
    crossing = _crossing(graph, nodes)
    share = kept_bytes(nodes) / count
    parts: list[Part] = []
    begin, kept, narrow = 0, 0.0, 0
    for place, node in enumerate(nodes):
        if isinstance(node.attrs.get("body"), RolledBody):
            parts += [_part(nodes[begin:place]), _part((node,))]
            begin, kept, narrow = place + 1, 0.0, place + 1
            continue
        kept += kept_bytes((node,))
        if kept < share / 2 or crossing[place] < crossing[narrow] or narrow < begin:
            narrow = place
        if kept >= share:
            parts.append(_part(nodes[begin : narrow + 1]))
            kept = float(kept_bytes(nodes[narrow + 1 : place + 1]))
            begin, narrow = narrow + 1, place
    parts.append(_part(nodes[begin:]))
    return [part for part in parts if part.kept > bytes_of(part.inputs)]


def _part(nodes: Sequence[Node]) -> Part:
    inside = set(nodes)
    inputs = dict.fromkeys(
        value
        for node in nodes
        for value in node.inputs
        if value is not None and value.node not in inside and value.node.op not in INPUT_OPS
    )
    flops = sum(node_cost(node).flops for node in nodes)
    return Part(tuple(nodes), tuple(inputs), kept_bytes(nodes), flops)


def _crossing(graph: Graph, nodes: Sequence[Node]) -> list[int]:
    """Return for each place the bytes made up to it and used after it."""
    places = {node: place for place, node in enumerate(nodes)}
    last: dict[Value, int] = {}
    for node in graph.nodes:
        for value in node.inputs:
            if value is not None and value.node in places:
                last[value] = max(last.get(value, 0), places.get(node, len(nodes)))
    change = [0] * (len(nodes) + 1)
    for value, end in last.items():
        change[places[value.node]] += bytes_of((value,))
        change[min(end, len(nodes))] -= bytes_of((value,))
    total, crossing = 0, list[int]()
    for step in change[:-1]:
        total += step
        crossing.append(total)
    return crossing


def wrap(graph: Graph, parts: Iterable[Part]) -> Graph:
    """Return the graph in which these parts are computed again in the backward pass."""
    starts = {part.nodes[0]: part for part in parts}
    inside = {node for part in starts.values() for node in part.nodes}
    used = {v for n in graph.nodes if n not in inside for v in n.inputs if v is not None}
    used.update(graph.roots())
    for part in starts.values():
        mine = set(part.nodes)
        for other in starts.values():
            used.update(v for n in other.nodes if n not in mine for v in n.inputs if v is not None)
    builder, new = start_replay(graph)
    for node in _ordered(graph, starts, inside):
        builder.scope, builder.source = node.scope, node.source
        if node in starts:
            _emit_part(builder, starts[node], used, new)
        else:
            new.update(zip(results_of(node), remake(builder, node, new), strict=True))
    return builder.finish([new[v] for v in graph.outputs], [new[v] for v in graph.updates])


def _ordered(graph: Graph, starts: dict[Node, Part], inside: set[Node]) -> Iterator[Node]:
    """Yield nodes in an order in which every part comes whole: after all that it needs."""
    done: set[Node] = set()
    owner = {node: part.nodes[0] for part in starts.values() for node in part.nodes}

    def needed(node: Node) -> Iterator[Node]:
        members = starts[node].nodes if node in starts else (node,)
        for member in members:
            for value in member.inputs:
                if value is not None:
                    one = owner.get(value.node, value.node)
                    if one is not node and one not in done and one.op not in INPUT_OPS:
                        yield one

    for node in graph.nodes:
        stack = [] if node.op in INPUT_OPS else [owner.get(node, node)]
        while stack:
            waiting = [] if stack[-1] in done else list(needed(stack[-1]))
            if waiting:
                stack += waiting
                continue
            ready = stack.pop()
            if ready not in done:
                done.add(ready)
                yield ready


def _emit_part(builder: Builder, part: Part, used: set[Value], new: dict[Value, Value]) -> None:
    if part.is_loop:
        node = part.nodes[0]
        attrs = {**node.attrs, "body": _turn_by_turn(node.attrs["body"])}
        new.update(zip(results_of(node), remake(builder, node, new, attrs), strict=True))
        return
    outputs = [v for node in part.nodes for v in results_of(node) if v in used]
    body, captured = closed(part.nodes, [], outputs)
    made = builder.emit("core.remat", *(new[value] for value in captured), body=body)
    results = made if isinstance(made, tuple) else (made,)
    new.update(zip(outputs, results, strict=True))


def _turn_by_turn(body: RolledBody) -> RolledBody:
    """Return the body of a loop whose every turn is computed again."""
    builder, new = start_replay(body.graph)
    operands = [new[value] for value in body.graph.inputs]
    made = builder.emit("core.remat", *operands, body=Body(body.graph))
    outputs = made if isinstance(made, tuple) else (made,)
    return RolledBody(builder.finish(outputs), body.layers)
