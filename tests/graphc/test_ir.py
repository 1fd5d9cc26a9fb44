"""The IR: identity of values, constants as attributes, the fingerprint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from graphc.builder import Builder
from graphc.ir import ConstantArray, Graph, Value, exact, fingerprint
from tests.graphc.graphs import chain, spec


def test_values_are_equal_when_node_and_index_are() -> None:
    builder = Builder()
    low, high = builder.emit("shape.split", builder.input(spec(4)), sections=2)
    assert low == Value(low.node, 0) and high == Value(low.node, 1)
    assert low != high and len({low, high, Value(low.node, 1)}) == 2
    assert low.spec == spec(2)


def test_nodes_of_equal_content_are_not_equal() -> None:
    one, two = chain("math.exp"), chain("math.exp")
    assert one.nodes[-1] != two.nodes[-1]
    assert fingerprint(one) == fingerprint(two)


def test_everything_is_frozen() -> None:
    graph = chain("math.exp")
    for frozen, field in ((graph, "nodes"), (graph.nodes[0], "op"), (graph.outputs[0], "index")):
        with pytest.raises(FrozenInstanceError):
            setattr(frozen, field, ())


def test_roots_are_outputs_then_updates() -> None:
    builder = Builder()
    old, x = builder.state(spec()), builder.input(spec())
    new = builder.emit("math.add", old, x)
    graph = builder.finish([x], [new])
    assert list(graph.roots()) == [x, new]


def test_constants_compare_by_dtype_shape_and_bytes() -> None:
    ones = np.ones(3, "float32")
    assert ConstantArray(ones) == ConstantArray(ones.copy())
    assert hash(ConstantArray(ones)) == hash(ConstantArray(ones.copy()))
    others = (np.ones(3, "int32"), np.ones((3, 1), "float32"), np.zeros(3, "float32"))
    assert all(ConstantArray(ones) != ConstantArray(other) for other in others)
    assert ConstantArray(ones) != 1


def test_a_constant_cannot_change_under_its_digest() -> None:
    constant = ConstantArray(np.ones(3, "float32"))
    with pytest.raises(ValueError, match="read-only"):
        constant.array[0] = 2.0


def test_a_constant_leaves_the_array_of_the_caller_writable() -> None:
    mine = np.ones(3, "float32")
    constant = ConstantArray(mine)
    mine[0] = 2.0
    np.testing.assert_array_equal(constant.array, np.ones(3))


def test_exact_tells_numbers_apart_that_python_calls_equal() -> None:
    assert len({exact(1), exact(1.0), exact(True)}) == 3
    assert exact(0.0) != exact(-0.0)
    assert exact((1, (2,))) != exact((1, (2.0,)))
    assert exact(float("nan")) == exact(float("nan"))
    assert exact("axis") == "axis" and exact(None) is None


def _graph(
    shape: tuple[int, ...] = (2, 3),
    op: str = "nn.softmax",
    axis: float = 1,
    name: str = "",
    scope: str = "",
    source: str = "",
) -> Graph:
    builder = Builder()
    builder.scope, builder.source = scope, source
    x = builder.input(spec(*shape), name)
    return builder.finish([builder.emit(op, x, axis=axis)])


BASE = fingerprint(_graph())


@pytest.mark.parametrize(
    "change",
    [{"shape": (2, 4)}, {"op": "nn.log_softmax"}, {"axis": 0}, {"axis": -1}],
    ids=lambda change: next(iter(change)),
)
def test_fingerprint_sees_structure(change: dict[str, object]) -> None:
    assert fingerprint(_graph(**change)) != BASE  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["name", "scope", "source"])
def test_fingerprint_does_not_see_names_and_lines(field: str) -> None:
    assert fingerprint(_graph(**{field: "anything"})) == BASE  # type: ignore[arg-type]


def test_fingerprint_sees_roles_wiring_and_results() -> None:
    def of(build: Callable[[Builder], Graph]) -> str:
        return fingerprint(build(Builder()))

    def wired(b: Builder, *, param: bool = False, swap: bool = False) -> Graph:
        x = b.param(spec(2)) if param else b.input(spec(2))
        y = b.input(spec(2))
        return b.finish([b.emit("math.subtract", *((y, x) if swap else (x, y)))])

    def twice(b: Builder, update: bool) -> Graph:
        old, x = b.state(spec(2)), b.input(spec(2))
        new = b.emit("math.add", old, x)
        return b.finish([x, new], [old]) if not update else b.finish([x], [new, old][:1])

    graphs = [
        of(wired),
        of(lambda b: wired(b, param=True)),
        of(lambda b: wired(b, swap=True)),
        of(lambda b: twice(b, update=False)),
        of(lambda b: twice(b, update=True)),
    ]
    assert len(set(graphs)) == len(graphs)


def test_fingerprint_sees_which_result_and_absent_operands() -> None:
    def split(index: int) -> Graph:
        b = Builder()
        return b.finish([b.emit("shape.split", b.input(spec(4)), sections=2)[index]])

    assert fingerprint(split(0)) != fingerprint(split(1))

    def clip(low: float | None, high: float | None) -> Graph:
        b = Builder()
        return b.finish([b.emit("math.clip", b.input(spec(4)), low, high)])

    assert len({fingerprint(clip(*ends)) for ends in ((0.0, None), (None, 0.0), (0.0, 0.0))}) == 3


def test_fingerprint_sees_constants_and_their_types() -> None:
    def add(value: object) -> str:
        b = Builder()
        return fingerprint(b.finish([b.emit("math.add", b.input(spec(2)), value)]))

    values = (1, 1.0, True, 2.0, np.float32(1.0), np.ones(2, "float32"), np.zeros(2, "float32"))
    assert len({add(value) for value in values}) == len(values)


def test_fingerprint_counts_functions_by_identity() -> None:
    def call(function: object) -> str:
        b = Builder()
        return fingerprint(b.finish(list(b.emit("core.call", b.input(spec(2)), fn=function))))

    def one(x: object) -> tuple[object]:
        return (x,)

    def two(x: object) -> tuple[object]:
        return (x,)

    assert call(one) == call(one) != call(two)


def test_an_input_that_nothing_uses_counts() -> None:
    builder = Builder()
    x = builder.input(spec(2))
    alone = builder.finish([x])
    builder = Builder()
    x = builder.input(spec(2))
    builder.input(spec(3))
    assert fingerprint(builder.finish([x])) != fingerprint(alone)


def test_a_graph_can_be_changed_only_by_copying() -> None:
    graph = chain("math.exp")
    assert replace(graph, outputs=()).outputs == () != graph.outputs
