"""Lowering: a graph becomes a Python function of arrays, each node by its chosen kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, cast

import jax
import jax.numpy as jnp

from graphc import config
from graphc.ir import INPUT_OPS, Graph, Node, Value
from graphc.kernels.registry import TIERS, Choice, Signature, select, unknown_in
from graphc.measured import measured_choices
from graphc.spec import Target

Arrays = tuple[Any, ...]
Lowered = Callable[[Arrays, Arrays, Arrays], tuple[Arrays, Arrays]]
Plan = dict[Node, Choice]


def default_target() -> Target:
    """Return the target of JAX's default backend, with the tiers and kernels that knobs name."""
    return _target(jax.default_backend(), tuple(config.KERNELS.value), measured_choices())


@cache
def _target(platform: str, names: tuple[str, ...], measured: str) -> Target:
    pairs = [name.partition(":") for name in names if ":" in name]
    overrides = tuple((op.strip(), kernel.strip()) for op, _, kernel in pairs)
    tiers = tuple(name for name in names if ":" not in name)
    unknown = sorted(set(tiers) - set(TIERS))
    if unknown:
        raise ValueError(f"GRAPHC_KERNELS: expected tiers among {TIERS}. Received: {unknown}")
    wrong = unknown_in(overrides)
    if wrong is not None:
        raise ValueError(f"GRAPHC_KERNELS: {wrong}")
    return Target(platform, tiers or TIERS, overrides, measured)


def plan(graph: Graph, target: Target) -> Plan:
    """Choose a kernel for every node."""
    return {
        node: select(node.op, signature(node), target)
        for node in graph.nodes
        if node.op not in INPUT_OPS and node.op != "core.constant"
    }


def signature(node: Node) -> Signature:
    """Return what the kernel choice may look at."""
    specs = tuple(None if value is None else value.spec for value in node.inputs)
    return Signature(specs, node.attrs)


def lower(graph: Graph, choices: Plan) -> Lowered:
    """Return the graph as a pure function (params, state, inputs) -> (outputs, updates).

    Every node runs under `jax.named_scope` of its layer path, so profilers show Keras's names.
    """

    def run(params: Arrays, state: Arrays, inputs: Arrays) -> tuple[Arrays, Arrays]:
        env: dict[Value, Any] = {}
        for values, arrays in (
            (graph.params, params),
            (graph.state, state),
            (graph.inputs, inputs),
        ):
            env.update(zip(values, arrays, strict=True))
        for node in graph.nodes:
            if node.op not in INPUT_OPS:
                _run_node(node, choices, env)
        return _arrays(graph.outputs, env), _arrays(graph.updates, env)

    return run


def _arrays(values: Arrays, env: dict[Value, Any]) -> Arrays:
    return tuple(jnp.asarray(env[value]) for value in values)  # pyright: ignore[reportUnknownMemberType]


def _run_node(node: Node, choices: Plan, env: dict[Value, Any]) -> None:
    if node.op == "core.constant":
        value = node.attrs["value"]
        env[Value(node)] = value if node.literal is not None else value.array
        return
    operands = [None if value is None else env[value] for value in node.inputs]
    with jax.named_scope(node.scope or "graph"):
        result = choices[node].kernel.function(*operands, **node.attrs)
    many = isinstance(result, (tuple, list))
    results = cast("Sequence[Any]", result) if many else (result,)
    env.update({Value(node, index): array for index, array in enumerate(results)})
