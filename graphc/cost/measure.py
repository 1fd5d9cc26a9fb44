"""Measured time of nodes: each alone in a compiled function, on made-up operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from graphc.body import bodies_of
from graphc.cost.ceilings import seconds_of
from graphc.cost.formulas import FREE
from graphc.ir import Graph, Node, attrs_key, exact
from graphc.kernels.registry import Kernel, select
from graphc.lower import signature
from graphc.memory import kept
from graphc.spec import Target, TensorSpec
from graphc.xla_options import compiler_options

TRANSPARENT = ("core.gradient", "core.remat")


def measure(graph: Graph, target: Target, *, training: bool, repeats: int = 7) -> dict[Node, float]:
    """Return the seconds of every node, forward, and backward too when training.

    Equal nodes (op, shapes, attributes) are measured once. Nodes inside a gradient count as nodes
    of the graph.
    """
    known: dict[Any, float] = {}
    found: dict[Node, float] = {}
    for node in _opened(graph):
        sign = signature(node)
        key = (node.op, sign.inputs, exact(attrs_key(node.attrs)))
        if key not in known:
            kernel = select(node.op, sign, target).kernel
            known[key] = node_seconds(node, kernel, target, training=training, repeats=repeats)
        found[node] = known[key]
    return found


def _opened(graph: Graph) -> Sequence[Node]:
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.op in TRANSPARENT:
            for body in bodies_of(node):
                nodes += _opened(body.graph)
        elif node.op not in FREE:
            nodes.append(node)
    return nodes


def node_seconds(
    node: Node, kernel: Kernel, target: Target, *, training: bool, repeats: int = 7
) -> float:
    """Return the median seconds of one node with a kernel, alone in a compiled function."""
    operands = [None if value is None else made_up(value.spec) for value in node.inputs]
    literals = {
        place: value.node.literal
        for place, value in enumerate(node.inputs)
        if value is not None and value.node.literal is not None
    }
    places = [p for p, a in enumerate(operands) if a is not None and p not in literals]
    arrays = [operands[place] for place in places]

    def run(*given: Any) -> tuple[Any, ...]:
        row: list[Any] = [literals.get(place) for place in range(len(operands))]
        for place, array in zip(places, given, strict=True):
            row[place] = array
        result = kernel.function(*row, **node.attrs)
        return (
            tuple(cast("Sequence[Any]", result)) if isinstance(result, (tuple, list)) else (result,)
        )

    given = [*arrays]
    if training:
        run, cotangents = _with_gradient(run, arrays)
        given += cotangents
    jitted = jax.jit(run, compiler_options=compiler_options(target) or None)
    with kept(target):  # as in a run: memory fresh from the system would be part of every sample
        return seconds_of(jitted, *given, repeats=repeats)


def _with_gradient(
    run: Callable[..., tuple[Any, ...]], arrays: Sequence[Any]
) -> tuple[Callable[..., Any], list[Any]]:
    """Return a function to the results and to derivatives by the smooth operands; its cotangents.

    These are operands, too: what is known to be one would be simplified away.
    """
    smooth = [place for place, array in enumerate(arrays) if _is_smooth(array)]
    results = jax.eval_shape(run, *arrays)
    wanted = [place for place, result in enumerate(results) if _is_smooth(result)]
    cotangents = [made_up(TensorSpec(results[p].shape, str(results[p].dtype))) for p in wanted]

    def both(*given: Any) -> tuple[Any, ...]:
        operands, slopes = list(given[: len(arrays)]), given[len(arrays) :]

        def moved(*floats: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
            for place, array in zip(smooth, floats, strict=True):
                operands[place] = array
            found = run(*operands)
            return tuple(found[place] for place in wanted), found

        _, pull, found = jax.vjp(moved, *(operands[place] for place in smooth), has_aux=True)
        return (*found, *pull(tuple(slopes)))

    return (both, cotangents) if smooth and wanted else (run, [])


def _is_smooth(array: Any) -> bool:
    return bool(jnp.issubdtype(array.dtype, jnp.floating))


def made_up(spec: TensorSpec) -> Any:
    """Return numbers of a shape and dtype: small, positive, not all equal."""
    size = int(np.prod(spec.shape, dtype=np.int64))
    numbers = (np.arange(size) % 7 + 1).reshape(spec.shape)
    scale = 1 if np.issubdtype(np.dtype(jnp.dtype(spec.dtype)), np.integer) else 8
    return jnp.asarray(numbers / scale if scale > 1 else numbers).astype(spec.dtype)
