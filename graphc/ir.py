"""The IR: pure ops at the altitude of layers. Everything here is frozen and compared by identity.

Parameters, state, seeds and masks are explicit operands; `Graph.updates` pairs with `Graph.state`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from graphc.printer import format_graph
from graphc.spec import TensorSpec

INPUT_OPS = ("core.param", "core.state", "core.input")


class ConstantArray:
    """An array as an attribute: hashable, equal when dtype, shape and bytes are equal."""

    def __init__(self, array: Any) -> None:
        self.array = np.array(array)
        self.array.flags.writeable = False
        self.digest = hashlib.sha256(self.array.tobytes()).hexdigest()[:16]
        self._key = (str(self.array.dtype), self.array.shape, self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConstantArray) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"{self.array.dtype}{list(self.array.shape)}#{self.digest}"


@dataclass(frozen=True)
class Value:
    """The `index`-th result of a node (nodes compare by identity, so values do too)."""

    node: Node
    index: int = 0

    @property
    def spec(self) -> TensorSpec:
        """Shape and dtype."""
        return self.node.specs[self.index]


@dataclass(frozen=True, eq=False)
class Node:
    """One application of an op; `scope` is the layer path, `source` the user's file and line."""

    op: str
    inputs: tuple[Value | None, ...] = field(repr=False)  # else a repr repeats all before it
    attrs: dict[str, Any] = field(default_factory=dict[str, Any])
    specs: tuple[TensorSpec, ...] = ()
    scope: str = ""
    source: str = ""

    @property
    def literal(self) -> Any:
        """The Python scalar of a weakly typed constant; None for any other node."""
        value = self.attrs.get("value") if self.op == "core.constant" else None
        return None if isinstance(value, ConstantArray) else value


@dataclass(frozen=True, eq=False)
class Graph:
    """A pure function (params, state, inputs) -> (outputs, updates), nodes in execution order."""

    params: tuple[Value, ...]
    state: tuple[Value, ...]
    inputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]
    updates: tuple[Value, ...]

    def roots(self) -> Iterator[Value]:
        """Yield the values that the outside sees: outputs, then updates."""
        yield from self.outputs
        yield from self.updates

    def __str__(self) -> str:
        return format_graph(self)


def attrs_key(attrs: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return attributes as a hashable key."""
    return tuple(sorted(attrs.items()))


def exact(value: Any) -> Any:
    """Return a key of an attribute that tells 1, 1.0 and True apart (in Python they are equal)."""
    if isinstance(value, tuple):
        return tuple(exact(item) for item in cast("tuple[Any, ...]", value))
    return (type(value), repr(value)) if isinstance(value, (int, float)) else value


def fingerprint(graph: Graph) -> str:
    """Return a digest of the structure: ops, wiring, attributes and specs; no names, no lines.

    An attribute with a `digest` counts by that, a callable without one by identity: whoever keys a
    cache by this must keep the graph alive with it.
    """
    digest = hashlib.sha256()
    index: dict[Node, int] = {}
    for role in (graph.params, graph.state, graph.inputs):
        for value in role:
            index[value.node] = len(index)
            digest.update(f"{value.node.op}{value.spec};".encode())
        digest.update(b"|")
    for node in graph.nodes:
        index.setdefault(node, len(index))
        if node.op in INPUT_OPS:
            continue
        wiring = ",".join(
            "_" if value is None else f"{index[value.node]}.{value.index}" for value in node.inputs
        )
        attrs = ",".join(f"{name}={_stable(value)}" for name, value in attrs_key(node.attrs))
        digest.update(f"{node.op}({wiring}){{{attrs}}}{node.specs[0].dtype};".encode())
    for value in graph.roots():
        digest.update(f"{index[value.node]}.{value.index},".encode())
    digest.update(f"{len(graph.outputs)}".encode())
    return digest.hexdigest()


def _stable(value: Any) -> str:
    if isinstance(value, ConstantArray):
        return repr(value)
    named = getattr(value, "digest", "") or ("" if callable(value) else repr(value))
    return named or f"<{type(value).__name__} {id(value):x}>"
