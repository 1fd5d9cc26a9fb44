"""The verifier: every check has a graph that breaks it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphc.builder import Builder
from graphc.errors import VerifyError
from graphc.ir import Graph, Node, Value
from graphc.verify import CHECKS, verify
from tests.graphc.graphs import chain, spec


def _good() -> Graph:
    b = Builder()
    p, s, x = b.param(spec(2), "p"), b.state(spec(2), "s"), b.input(spec(2), "x")
    b.scope = "layer"
    y = b.emit("math.exp", b.emit("math.add", x, p))
    return b.finish([y], [b.emit("math.add", s, y)])


def _with_node(graph: Graph, position: int, **changes: object) -> Graph:
    """Replace one node, and its uses, by a changed copy."""
    old = graph.nodes[position]
    new = replace(old, **changes)  # type: ignore[arg-type]

    def moved(value: Value | None) -> Value | None:
        return Value(new, value.index) if value is not None and value.node is old else value

    nodes = [new if node is old else node for node in graph.nodes]
    for index, node in enumerate(nodes):
        if any(v is not None and v.node is old for v in node.inputs):
            assert index == len(nodes) - 1, "this helper moves the uses by the last node only"
            nodes[index] = replace(node, inputs=tuple(map(moved, node.inputs)))
    last = nodes[-1]
    outputs = tuple(Value(last) if v.node is graph.nodes[-1] else v for v in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs)


def test_a_good_graph_comes_back_as_it_is() -> None:
    graph = _good()
    assert verify(graph) is graph


def _reversed() -> Graph:
    graph = _good()
    return replace(graph, nodes=graph.nodes[::-1])


def _missing_node() -> Graph:
    graph = chain("math.exp", "math.log")
    return replace(graph, nodes=(*graph.nodes[:1], *graph.nodes[2:]))


def _unmade_output() -> Graph:
    return replace(chain("math.exp"), outputs=chain("math.log").outputs)


def _unmade_update() -> Graph:
    return replace(_good(), updates=chain("math.exp", shape=(2,)).outputs)


def _unknown_op() -> Graph:
    return _with_node(chain("math.exp"), -1, op="math.expp")


def _wrong_spec() -> Graph:
    return _with_node(chain("math.exp"), -1, specs=(spec(2, 4),))


def _wrong_dtype() -> Graph:
    return _with_node(chain("math.exp"), -1, specs=(spec(2, 3, dtype="float16"),))


def _impossible_operands() -> Graph:
    graph = chain("math.exp")
    return _with_node(graph, -1, op="nn.dense")


def _param_among_inputs() -> Graph:
    graph = _good()
    return replace(graph, params=(), inputs=(*graph.inputs, *graph.params))


def _input_outside_interface() -> Graph:
    return replace(chain("math.exp"), inputs=())


def _one_update_short() -> Graph:
    b = Builder()
    s, t = b.state(spec(2)), b.state(spec(2))
    return b.finish([s], [b.emit("math.add", s, t)])


def _update_of_other_shape() -> Graph:
    b = Builder()
    s, x = b.state(spec(2), "total"), b.input(spec(3, 2))
    return b.finish([x], [b.emit("math.add", s, x)])


BROKEN = {
    "_interface": [
        (_param_among_inputs, "the input list holds something else"),
        (_input_outside_interface, "not in the interface"),
    ],
    "_known_ops": [(_unknown_op, r"no op 'math\.expp'")],
    "_defined_before_use": [
        (_reversed, r"math\.exp in 'layer' uses a value that no earlier node makes"),
        (_missing_node, "no earlier node makes"),
        (_unmade_output, r"a result of math\.log is returned and never made"),
        (_unmade_update, "returned and never made"),
    ],
    "_specs_as_inferred": [
        (_wrong_spec, r"says .*2, 4.* its reference makes .*2, 3"),
        (_wrong_dtype, "float16"),
        (_impossible_operands, r"nn\.dense in '' cannot take its operands"),
    ],
    "_updates_match_state": [
        (_one_update_short, "1 updates for 2 state tensors"),
        (_update_of_other_shape, r"state 'total' is float32\[2\], its update float32\[3,2\]"),
    ],
}
CASES = [(check, make, words) for check, rows in BROKEN.items() for make, words in rows]


@pytest.mark.parametrize(
    ("check", "make", "words"), CASES, ids=lambda case: getattr(case, "__name__", None)
)
def test_a_broken_graph_is_refused(check: str, make: object, words: str) -> None:
    graph = make()  # type: ignore[operator]
    with pytest.raises(VerifyError, match=words):
        verify(graph)
    (function,) = [c for c in CHECKS if c.__name__ == check]
    assert list(function(graph)), "another check than the one under test refused it"


def test_every_check_is_broken_by_some_graph() -> None:
    assert {check.__name__ for check in CHECKS} == set(BROKEN)


def test_the_message_lists_every_breach_and_the_graph() -> None:
    graph = _with_node(_wrong_spec(), -1, op="math.expp")
    graph = replace(graph, inputs=())
    with pytest.raises(VerifyError, match=r"(?s)interface.*; .*expp.*graph \{"):
        verify(graph)


def test_no_updates_at_all_are_fine() -> None:
    b = Builder()
    s = b.state(spec(2))
    verify(b.finish([b.emit("math.exp", s)]))


def test_a_constant_needs_no_reference() -> None:
    b = Builder()
    graph = verify(b.finish([b.constant(1.0)]))
    assert isinstance(graph.nodes[0], Node)
