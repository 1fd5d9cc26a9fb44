"""Where a number that is none came from: a step replayed node by node, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from graphc.ir import INPUT_OPS, Graph, Node, Value
from graphc.kernels.registry import select
from graphc.lower import Arrays, signature
from graphc.spec import Target

Env = dict[Value, Any]
GRADIENT = "core.gradient"
UPDATE = "core.update"


@dataclass(frozen=True)
class Culprit:
    """The first place of a step where finite numbers became others.

    Attributes:
        direction: "data", "forward", "backward" or "update".
        scope: the layer path.
        op: the op's name; of data the name of the input.
        source: the user's line.
        kind: "nan" or "inf".
        rows: the places in the batch that are concerned; empty where that cannot be told.
    """

    direction: str
    scope: str = ""
    op: str = ""
    source: str = ""
    kind: str = "nan"
    rows: tuple[int, ...] = ()


def find_culprit(
    graph: Graph, target: Target, params: Arrays, state: Arrays, inputs: Arrays, batch: int
) -> Culprit | None:
    """Replay a step; return where the first non-finite number arose, or None.

    Where the forward pass is finite, the derivative of the first output by the parameters is
    looked at.

    Args:
        graph: of the step.
        target: what kernels are chosen for.
        params: the values of the graph's parameters before the step.
        state: the values of its state.
        inputs: the values of its inputs, the arrays of the batch first.
        batch: the rows of the batch.
    """
    env: Env = {}
    for values, arrays in ((graph.params, params), (graph.state, state), (graph.inputs, inputs)):
        env.update(zip(values, arrays, strict=True))
    for value in graph.inputs:
        if not _finite(env[value]):
            name = value.node.attrs.get("name", "")
            return Culprit("data", op=name, **_facts(env[value], batch))
    found = _forward(graph, target, env, batch)
    if found is None and graph.params:
        found = _backward(graph, target, env, batch, graph.outputs[0])
    return found


def _forward(graph: Graph, target: Target, env: Env, batch: int) -> Culprit | None:
    """Compute every node; return the first that makes non-finite numbers of finite ones."""
    for node in graph.nodes:
        if node.op in INPUT_OPS:
            continue
        results = _computed(node, target, env)
        env.update({Value(node, index): array for index, array in enumerate(results)})
        wrong = next((array for array in results if not _finite(array)), None)
        operands = [env[value] for value in node.inputs if value is not None]
        if wrong is None or not all(map(_finite, operands)):
            continue
        if node.op == GRADIENT:
            return _inside(node, target, operands, batch)
        direction = "update" if node.op == UPDATE else "forward"
        return _culprit(direction, node, wrong, batch)
    return None


def _inside(node: Node, target: Target, operands: Sequence[Any], batch: int) -> Culprit | None:
    """Look into a gradient node: its forward pass, then its way back."""
    body: Graph = node.attrs["body"].graph
    env: Env = dict(zip(body.inputs, operands, strict=True))
    found = _forward(body, target, env, batch)
    return found or _backward(body, target, env, batch, body.outputs[0])


def _backward(graph: Graph, target: Target, env: Env, batch: int, loss: Value) -> Culprit | None:
    """Walk back from the loss; return the first node whose derivative is not finite."""
    slopes: Env = {loss: jnp.ones_like(env[loss])}
    for node in reversed(graph.nodes):
        given = {i: slopes.get(Value(node, i)) for i in range(len(node.specs))}
        if node.op in INPUT_OPS or all(slope is None for slope in given.values()):
            continue
        for value, slope in _slopes(node, target, env, given):
            if not _finite(slope):
                return _culprit("backward", node, slope, batch)
            slopes[value] = slope if value not in slopes else slopes[value] + slope
    return None


def _slopes(
    node: Node, target: Target, env: Env, given: dict[int, Any]
) -> Iterator[tuple[Value, Any]]:
    """Yield the derivatives by the float operands of a node, from those by its results."""
    operands = [None if value is None else env[value] for value in node.inputs]
    smooth = [i for i, one in enumerate(operands) if one is not None and _is_float(one)]
    if not smooth:
        return
    wanted = [i for i, spec in enumerate(node.specs) if jnp.issubdtype(spec.dtype, jnp.inexact)]

    def of(*floats: Any) -> list[Any]:
        whole = list(operands)
        for place, one in zip(smooth, floats, strict=True):
            whole[place] = one
        results = _run(node, target, whole)
        return [results[i] for i in wanted]

    results, back = jax.vjp(of, *(jnp.asarray(operands[i]) for i in smooth))
    cotangents = [
        jnp.zeros_like(result) if given[i] is None else given[i].astype(result.dtype)
        for i, result in zip(wanted, results, strict=True)
    ]
    for place, slope in zip(smooth, back(cotangents), strict=True):
        value = node.inputs[place]
        assert value is not None
        yield value, slope


def _computed(node: Node, target: Target, env: Env) -> Sequence[Any]:
    if node.op == "core.constant":
        value = node.attrs["value"]
        return (value if node.literal is not None else value.array,)
    return _run(node, target, [None if value is None else env[value] for value in node.inputs])


def _run(node: Node, target: Target, operands: Sequence[Any]) -> Sequence[Any]:
    kernel = select(node.op, signature(node), target).kernel
    result: Any = kernel.function(*operands, **node.attrs)
    return result if isinstance(result, (tuple, list)) else (result,)


def _culprit(direction: str, node: Node, array: Any, batch: int) -> Culprit:
    return Culprit(direction, node.scope, node.op, node.source, **_facts(array, batch))


def _facts(array: Any, batch: int) -> dict[str, Any]:
    numbers = np.asarray(array, dtype="float32")
    bad = ~np.isfinite(numbers)
    rows: tuple[int, ...] = ()
    if numbers.ndim and numbers.shape[0] == batch:
        rows = tuple(int(row) for row in np.flatnonzero(bad.reshape(batch, -1).any(axis=1)))
    return {"kind": "nan" if np.isnan(numbers).any() else "inf", "rows": rows}


def _is_float(array: Any) -> bool:
    return isinstance(array, float) or (
        hasattr(array, "dtype") and bool(jnp.issubdtype(array.dtype, jnp.inexact))
    )


def _finite(array: Any) -> bool:
    return not _is_float(array) or bool(jnp.all(jnp.isfinite(jnp.asarray(array))))
