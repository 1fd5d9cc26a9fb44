"""The verifier: the invariants of a graph, as a table of checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graphc.builder import describe, infer
from graphc.errors import VerifyError
from graphc.ir import INPUT_OPS, Graph, attrs_key
from graphc.kernels.registry import OPS


def _defined_before_use(graph: Graph) -> Iterator[str]:
    seen = {value.node for role in (graph.params, graph.state, graph.inputs) for value in role}
    for node in graph.nodes:
        missing = [v for v in node.inputs if v is not None and v.node not in seen]
        if missing:
            yield f"{node.op} in {node.scope!r} uses a value that no earlier node makes"
        seen.add(node)
    for value in graph.roots():
        if value.node not in seen:
            yield f"a result of {value.node.op} is returned and never made"


def _known_ops(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        if node.op not in OPS and node.op not in (*INPUT_OPS, "core.constant"):
            yield f"there is no op {node.op!r}"


def _specs_as_inferred(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        if node.op not in OPS:
            continue
        try:
            specs, _ = infer(node.op, tuple(map(describe, node.inputs)), attrs_key(node.attrs))
        except (TypeError, ValueError, IndexError, AssertionError, ArithmeticError) as error:
            yield f"{node.op} in {node.scope!r} cannot take its operands: {error}"
            continue
        if specs != node.specs:
            yield f"{node.op} in {node.scope!r} says {node.specs}, its reference makes {specs}"


def _interface(graph: Graph) -> Iterator[str]:
    roles = (("param", graph.params), ("state", graph.state), ("input", graph.inputs))
    for role, values in roles:
        if any(value.node.op != f"core.{role}" for value in values):
            yield f"the {role} list holds something else"
    declared = {value.node for _, values in roles for value in values}
    if any(node.op in INPUT_OPS and node not in declared for node in graph.nodes):
        yield "an input node is not in the interface"


def _updates_match_state(graph: Graph) -> Iterator[str]:
    if not graph.updates:
        return
    if len(graph.updates) != len(graph.state):
        yield f"{len(graph.updates)} updates for {len(graph.state)} state tensors"
        return
    for old, new in zip(graph.state, graph.updates, strict=True):
        if old.spec != new.spec:
            yield f"state {old.node.attrs.get('name')!r} is {old.spec}, its update {new.spec}"


CHECKS: tuple[Callable[[Graph], Iterator[str]], ...] = (
    _interface,
    _known_ops,
    _defined_before_use,
    _specs_as_inferred,
    _updates_match_state,
)


def verify(graph: Graph) -> Graph:
    """Return the graph unchanged.

    Raises:
        VerifyError: an invariant is broken; the message lists every breach and the graph.
    """
    breaches = [breach for check in CHECKS for breach in check(graph)]
    if breaches:
        raise VerifyError("; ".join(breaches) + f"\n{graph}")
    return graph
