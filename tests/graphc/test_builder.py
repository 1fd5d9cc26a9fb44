"""The builder: value numbering, pruning, inference, constants, stamps, errors."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.builder import Builder
from graphc.errors import GraphcError, GraphError
from graphc.verify import verify
from tests.graphc.graphs import ops_of, spec


def test_equal_emits_give_one_node() -> None:
    b = Builder()
    x, y = b.input(spec(2)), b.input(spec(2))
    assert b.emit("math.add", x, y) == b.emit("math.add", x, y)
    assert b.emit("math.add", x, y) != b.emit("math.add", y, x)
    assert b.emit("nn.softmax", x, axis=0) == b.emit("nn.softmax", x, axis=0)
    assert b.emit("nn.softmax", x, axis=0) != b.emit("nn.softmax", x, axis=-1)


def test_inputs_are_never_merged() -> None:
    b = Builder()
    assert b.input(spec(2), "x") != b.input(spec(2), "x")
    assert b.param(spec(2)) != b.param(spec(2))


def test_an_attribute_left_out_is_its_default() -> None:
    b = Builder()
    x = b.input(spec(2))
    left_out, given = b.emit("nn.relu", x), b.emit("nn.relu", x, threshold=0.0)
    assert left_out == given
    assert left_out.node.attrs == {"negative_slope": 0.0, "max_value": None, "threshold": 0.0}


@pytest.mark.parametrize("values", [(1, 1.0), (1, True), (1.0, True), (0.0, -0.0)], ids=str)
def test_numbers_that_python_calls_equal_are_different_constants(
    values: tuple[float, float],
) -> None:
    one, other = (Builder().constant(value) for value in values)
    b = Builder()
    assert b.constant(values[0]) != b.constant(values[1])
    assert repr(one.node.literal) != repr(other.node.literal)


def test_constants_of_python_have_jaxs_weak_dtypes() -> None:
    b = Builder()
    found = {type(v): b.constant(v).spec for v in (True, 1, 1.0)}
    assert found == {
        bool: spec(dtype="bool"), int: spec(dtype="int32"), float: spec(dtype="float32"),
    }  # fmt: skip
    half = b.input(spec(2, dtype="float16"))
    assert b.emit("math.multiply", half, 2.0).spec.dtype == "float16"
    assert b.emit("math.multiply", half, np.float32(2.0)).spec.dtype == "float32"


def test_attributes_that_python_calls_equal_give_different_nodes_and_dtypes() -> None:
    b = Builder()
    x = b.input(spec(3, dtype="int32"))
    whole = b.emit("nn.threshold", x, threshold=1, default_value=1)
    real = b.emit("nn.threshold", x, threshold=1, default_value=1.0)
    assert (whole.spec.dtype, real.spec.dtype) == ("int32", "float32")
    verify(b.finish([whole, real]))


def test_array_constants_are_merged_by_content_and_canonical() -> None:
    b = Builder()
    table = b.constant(np.arange(3.0))
    assert table == b.constant([0.0, 1.0, 2.0]) == b.constant(np.arange(3.0, dtype="float32"))
    assert table.spec == spec(3)
    assert b.constant(np.arange(3)).spec == spec(3, dtype="int32")
    assert table.node.literal is None


def test_copy_constant_keeps_the_kind_of_constant() -> None:
    source, target = Builder(), Builder()
    for value in (1, 1.0, True, np.ones(2, "float32")):
        original = source.constant(value)
        assert target.copy_constant(original.node) == target.constant(value)
        assert target.copy_constant(original.node).spec == original.spec


def test_finish_drops_what_nothing_needs_and_keeps_the_interface() -> None:
    b = Builder()
    x, unused = b.input(spec(2), "x"), b.input(spec(2), "unused")
    b.emit("math.exp", unused)
    kept = b.emit("math.log", x)
    graph = b.finish([kept])
    assert ops_of(graph) == ["math.log"]
    assert graph.inputs == (x, unused)
    assert unused.node not in graph.nodes


def test_finish_keeps_what_updates_need() -> None:
    b = Builder()
    old, x = b.state(spec(2)), b.input(spec(2))
    new = b.emit("math.add", old, x)
    graph = b.finish([x], [new])
    assert ops_of(graph) == ["math.add"] and graph.updates == (new,)


def test_finish_can_be_called_again() -> None:
    b = Builder()
    x = b.input(spec(2))
    one = b.finish([b.emit("math.exp", x)])
    two = b.finish([b.emit("math.log", x)])
    assert (ops_of(one), ops_of(two)) == (["math.exp"], ["math.log"])


def test_specs_are_inferred_from_the_reference() -> None:
    b = Builder()
    x, kernel = b.input(spec(5, 3)), b.param(spec(3, 4))
    assert b.emit("nn.dense", x, kernel, None).spec == spec(5, 4)
    parts = b.emit("shape.split", x, sections=(1, 3), axis=0)
    assert [part.spec for part in parts] == [spec(1, 3), spec(2, 3), spec(2, 3)]
    assert len({part.node for part in parts}) == 1
    assert b.emit("math.less", x, 0.0).spec == spec(5, 3, dtype="bool")


def test_a_tuple_of_one_stays_a_tuple() -> None:
    b = Builder()
    assert isinstance(b.emit("shape.unstack", b.input(spec(1, 3))), tuple)


def test_nodes_carry_the_scope_and_the_line_they_were_made_under() -> None:
    b = Builder()
    b.scope, b.source = "encoder/dense", "model.py:7"
    x = b.input(spec(2))
    y = b.emit("math.exp", x)
    b.scope, b.source = "decoder", "model.py:9"
    assert (y.node.scope, y.node.source) == ("encoder/dense", "model.py:7")
    assert b.emit("math.exp", x).node.scope == "encoder/dense", "an equal node keeps its first"
    assert b.emit("math.log", x).node.source == "model.py:9"


def test_a_wrong_operand_is_told_with_op_operands_layer_and_line() -> None:
    b = Builder()
    b.scope, b.source = "mlp/dense_1", "train.py:12"
    x, kernel = b.input(spec(5, 3)), b.param(spec(4, 2))
    with pytest.raises(GraphError) as caught:
        b.emit("nn.dense", x, kernel, 1.0)
    message = str(caught.value)
    for part in ("mlp/dense_1", "train.py:12", "nn.dense", "float32[5,3]", "float32[4,2]", "1.0"):
        assert part in message
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, GraphcError)


def test_a_refused_emit_leaves_the_builder_usable() -> None:
    b = Builder()
    x = b.input(spec(5, 3))
    with pytest.raises(GraphError):
        b.emit("shape.reshape", x, newshape=(4, 4))
    assert ops_of(b.finish([b.emit("math.exp", x)])) == ["math.exp"]


@pytest.mark.parametrize(
    ("op", "attrs", "part"),
    [
        ("nn.softmax", {"axs": 1}, "axs"),
        ("nn.softmax", {"axis": 7}, "axis"),
        ("shape.reshape", {"newshape": [15]}, "list"),
        ("shape.split", {"sections": 2}, "sections"),
        ("reduce.sum", {"axis": 2}, "axis"),
    ],
)
def test_wrong_attributes_are_told(op: str, attrs: dict[str, object], part: str) -> None:
    b = Builder()
    with pytest.raises(GraphError, match=part):
        b.emit(op, b.input(spec(5, 3)), **attrs)


def test_an_unknown_op_is_told_with_the_nearest() -> None:
    b = Builder()
    b.scope = "head"
    with pytest.raises(GraphError, match=r"(?s)head.*nn\.softmax.*Received: 'nn\.softmx'"):
        b.emit("nn.softmx", b.input(spec(2)))


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")  # by JAX
def test_a_number_too_large_for_its_dtype_is_told() -> None:
    b = Builder()
    with pytest.raises(GraphError, match="1099511627776"):
        b.emit("math.add", b.input(spec(2, dtype="int32")), 2**40)
