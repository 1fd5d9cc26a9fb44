"""The text form of a graph: one line a node, like a jaxpr.

It only reads attributes, so that `print(graph)` works from the IR without a cycle of imports.
"""

from __future__ import annotations

from typing import Any

ROLE_PREFIX = {"core.param": "p", "core.state": "s", "core.input": "x"}


def format_graph(graph: Any) -> str:
    """Return the graph as text: its interface, one line a node with scope, then its results."""
    names = name_nodes(graph)
    lines = ["graph {"]
    for role in ("params", "state", "inputs"):
        for value in getattr(graph, role):
            label = value.node.attrs.get("name", "")
            lines.append(f"  {names[value.node]}: {value.spec}  # {role.rstrip('s')} {label}")
    for node in graph.nodes:
        if node.op in ROLE_PREFIX or node.literal is not None:
            continue
        lines.append(f"  {format_node(node, names)}")
    lines.append(f"  return {_operands(graph.outputs, names)}")
    if graph.updates:
        lines.append(f"  update {_operands(graph.updates, names)}")
    return "\n".join([*lines, "}"])


def format_node(node: Any, names: dict[Any, str]) -> str:
    """Return one node: result, spec, op, operands, attributes, and the layer it came from."""
    specs = ", ".join(map(str, node.specs))
    attrs = ", ".join(f"{key}={value!r}" for key, value in sorted(node.attrs.items()))
    body = f"{names[node]}: {specs} = {node.op}({_operands(node.inputs, names)})"
    body += f" [{attrs}]" if attrs else ""
    return f"{body}  # {node.scope}" if node.scope else body


def name_nodes(graph: Any) -> dict[Any, str]:
    """Return a short stable name for every node: p0, s0, x0 for the interface, %0 for the rest."""
    names: dict[Any, str] = {}
    for role in ("params", "state", "inputs"):
        for position, value in enumerate(getattr(graph, role)):
            names[value.node] = f"{ROLE_PREFIX.get(value.node.op, '?')}{position}"
    counter = 0
    for node in graph.nodes:
        if node in names:
            continue
        if node.literal is not None:
            names[node] = repr(node.literal)
            continue
        names[node] = f"%{counter}"
        counter += 1
    return names


def _operands(values: Any, names: dict[Any, str]) -> str:
    return ", ".join(_operand(value, names) for value in values)


def _operand(value: Any, names: dict[Any, str]) -> str:
    if value is None:
        return "None"
    suffix = f".{value.index}" if len(value.node.specs) > 1 else ""
    # A broken graph must print too: that is when one wants to see it.
    return names.get(value.node, f"<{value.node.op}, made nowhere>") + suffix
