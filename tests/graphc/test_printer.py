"""The text form of graphs."""

from __future__ import annotations

import numpy as np

from graphc.builder import Builder
from graphc.ir import Graph
from tests.graphc.graphs import spec


def _whole() -> Graph:
    b = Builder()
    kernel, count = b.param(spec(3, 4), "dense/kernel"), b.state(spec(), "metrics/count")
    x = b.input(spec(2, 3), "batch_0")
    b.scope = "dense"
    y = b.emit("nn.dense", x, kernel, None)
    low, high = b.emit("shape.split", y, sections=2, axis=1)
    b.scope = ""
    total = b.emit("math.add", count, 2.0)
    return b.finish([b.emit("math.maximum", low, high)], [total])


WHOLE = """\
graph {
  p0: float32[3,4]  # param dense/kernel
  s0: float32[]  # state metrics/count
  x0: float32[2,3]  # input batch_0
  %0: float32[2,4] = nn.dense(x0, p0, None)  # dense
  %1: float32[2,2], float32[2,2] = shape.split(%0) [axis=1, sections=2]  # dense
  %2: float32[] = math.add(s0, 2.0)
  %3: float32[2,2] = math.maximum(%1.0, %1.1)
  return %3
  update %2
}"""


def test_a_graph_prints_one_line_a_node() -> None:
    assert str(_whole()) == WHOLE


def test_printing_is_the_same_for_equal_graphs() -> None:
    assert str(_whole()) == str(_whole())


def test_constants_print_by_value_or_by_digest() -> None:
    b = Builder()
    x = b.input(spec(2))
    y = b.emit("math.add", b.emit("math.add", x, True), np.ones(2, "float32"))
    text = str(b.finish([y]))
    assert "math.add(x0, True)" in text
    assert "core.constant() [value=float32[2]#" in text


def test_a_graph_that_returns_its_input_prints() -> None:
    b = Builder()
    x = b.input(spec(2))
    assert "  return x0\n}" in str(b.finish([x]))
