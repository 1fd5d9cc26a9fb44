"""Small graphs as code: specs, equality of structure, and numbers to run them on."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.builder import Builder
from graphc.ir import Graph, fingerprint
from graphc.kernels.registry import Target
from graphc.lower import lower, plan
from graphc.spec import TensorSpec
from graphc.verify import verify


def spec(*shape: int, dtype: str = "float32") -> TensorSpec:
    """Return the spec of a tensor, float32 when nothing else is said."""
    return TensorSpec(shape, dtype)


def chain(*ops: str, shape: tuple[int, ...] = (2, 3)) -> Graph:
    """Return a graph of unary ops, each applied to the one before."""
    builder = Builder()
    value = builder.input(spec(*shape), "x")
    for op in ops:
        value = builder.emit(op, value)
    return builder.finish([value])


def ops_of(graph: Graph) -> list[str]:
    """Return the op names of a graph in execution order, its interface left out."""
    return [node.op for node in graph.nodes if not node.op.startswith("core.")]


def assert_same_structure(actual: Graph, expected: Graph) -> None:
    """Fail with both graphs as text unless they have the same ops, wiring, attributes and specs."""
    verify(actual)
    assert fingerprint(actual) == fingerprint(expected), f"got\n{actual}\nexpected\n{expected}"


def numbers(graph: Graph, seed: int = 0, low: float = -2.0, high: float = 2.0) -> Any:
    """Return uniform random (params, state, inputs) for a graph; integers are drawn from 0 to 2."""
    rng = np.random.default_rng(seed)

    def draw(value: Any) -> np.ndarray:
        shape, dtype = value.spec.shape, value.spec.dtype
        if dtype.startswith(("int", "uint", "bool")):
            return rng.integers(0, 3 if dtype != "bool" else 2, size=shape).astype(dtype)
        return rng.uniform(low, high, size=shape).astype(dtype)

    roles = (graph.params, graph.state, graph.inputs)
    return tuple(tuple(draw(value) for value in role) for role in roles)


def run(graph: Graph, arguments: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Run a graph with its reference kernels, uncompiled; return outputs and updates."""
    lowered = lower(graph, plan(graph, Target("cpu", ("reference",))))
    outputs, updates = lowered(*arguments)
    return [np.asarray(v) for v in outputs], [np.asarray(v) for v in updates]
