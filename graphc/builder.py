"""`Builder`: the only maker of nodes. It infers specs, numbers values and prunes."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, cast

import jax
import numpy as np

from graphc.errors import GraphError, located
from graphc.ir import ConstantArray, Graph, Node, Value, attrs_key, exact
from graphc.kernels.registry import OPS
from graphc.spec import LITERAL_DTYPES, TensorSpec, spec_of

Operand = Value | None | bool | int | float | Any


class Builder:
    """Builds one graph. Mutable until `finish`, and the owner of scope and source meanwhile."""

    def __init__(self) -> None:
        self.scope = ""
        self.source = ""
        self._nodes: dict[Node, int] = {}  # in order, each with its number
        self._numbered: dict[Any, Node] = {}
        self._roles: dict[str, list[Value]] = {"param": [], "state": [], "input": []}

    def param(self, spec: TensorSpec, name: str = "") -> Value:
        """Declare the next parameter (what the loss is differentiated by)."""
        return self._declare("param", spec, name)

    def state(self, spec: TensorSpec, name: str = "") -> Value:
        """Declare the next state tensor (read here, updated by `finish(updates=...)`)."""
        return self._declare("state", spec, name)

    def input(self, spec: TensorSpec, name: str = "") -> Value:
        """Declare the next input."""
        return self._declare("input", spec, name)

    def begin_afresh(self) -> int:
        """Let no later node be one that exists by now; return the number of the next.

        What a gradient takes for a constant, because it was computed before, and what it
        differentiates, because it is computed again, must be two nodes, however equal.
        """
        self._numbered.clear()
        return len(self._nodes)

    def number_of(self, node: Node) -> int:
        """Return the place of a node of this builder in the order of making."""
        return self._nodes[node]

    def owns(self, value: Value) -> bool:
        """Return whether the value was made here, and not by the builder of another graph."""
        return value.node in self._nodes

    def constant(self, value: Any) -> Value:
        """Return a constant: a Python scalar stays weakly typed, anything else is an array."""
        if type(value) in LITERAL_DTYPES:
            spec = TensorSpec((), LITERAL_DTYPES[type(value)])
            return Value(self._number("core.constant", (), {"value": value}, (spec,)))
        array = np.asarray(value)
        dtype = jax.dtypes.canonicalize_dtype(array.dtype)
        attr = ConstantArray(array.astype(dtype, copy=False))
        return self._constant_array(attr)

    def copy_constant(self, node: Node) -> Value:
        """Return the constant of another graph's node in this one."""
        value = node.attrs["value"]
        return self._constant_array(value) if node.literal is None else self.constant(value)

    def _constant_array(self, attr: ConstantArray) -> Value:
        return Value(self._number("core.constant", (), {"value": attr}, (spec_of(attr.array),)))

    def emit(self, op: str, *operands: Operand, **attrs: Any) -> Any:
        """Apply `op` and return its result, a `Value`, or a tuple of them.

        Attributes that the reference function has a default for may be left out.

        Raises:
            GraphError: the op does not exist or cannot take these operands; names the layer and the
                user's line.
        """
        if op not in OPS:
            nearest = difflib.get_close_matches(op, OPS)
            reason = f"Unknown op. Expected a registered one, such as {nearest}. Received: {op!r}"
            raise GraphError(located(reason, self.scope, self.source))
        attrs = {**_defaults(op), **attrs}
        inputs = tuple(self._operand(operand) for operand in operands)
        specs, many = self._infer(op, inputs, attrs)
        node = self._number(op, inputs, attrs, specs)
        values = tuple(Value(node, index) for index in range(len(specs)))
        return values if many else values[0]

    def finish(self, outputs: Sequence[Value], updates: Sequence[Value] = ()) -> Graph:
        """Return the graph of what `outputs` and `updates` need; the rest is dropped."""
        needed: set[Node] = set()
        stack = [value.node for value in (*outputs, *updates)]
        while stack:
            node = stack.pop()
            if node in needed:
                continue
            needed.add(node)
            stack.extend(value.node for value in node.inputs if value is not None)
        nodes = tuple(node for node in self._nodes if node in needed)
        roles = (tuple(self._roles[role]) for role in ("param", "state", "input"))
        params, state, inputs = roles
        return Graph(params, state, inputs, nodes, tuple(outputs), tuple(updates))

    def _declare(self, role: str, spec: TensorSpec, name: str) -> Value:
        node = Node(f"core.{role}", (), {"name": name}, (spec,), self.scope, self.source)
        self._nodes[node] = len(self._nodes)
        self._roles[role].append(Value(node))
        return self._roles[role][-1]

    def _operand(self, operand: Operand) -> Value | None:
        if operand is None or isinstance(operand, Value):
            return operand
        return self.constant(operand)

    def _number(
        self,
        op: str,
        inputs: tuple[Value | None, ...],
        attrs: dict[str, Any],
        specs: tuple[TensorSpec, ...],
    ) -> Node:
        wiring = tuple(None if v is None else (v.node, v.index) for v in inputs)
        key = (op, wiring, exact(attrs_key(attrs)))
        node = self._numbered.get(key)
        if node is None:
            node = Node(op, inputs, attrs, specs, self.scope, self.source)
            self._numbered[key] = node
            self._nodes[node] = len(self._nodes)
        return node

    def _infer(
        self, op: str, inputs: tuple[Value | None, ...], attrs: dict[str, Any]
    ) -> tuple[tuple[TensorSpec, ...], bool]:
        described = tuple(describe(value) for value in inputs)
        try:
            return infer(op, described, attrs_key(attrs))
        except GraphError:
            raise
        except (TypeError, ValueError, IndexError, AssertionError, ArithmeticError) as error:
            received = ", ".join(_shown(i) for i in described)
            reason = f"{op} cannot take its operands. Received: ({received}), attributes {attrs}. "
            raise GraphError(located(reason + str(error), self.scope, self.source)) from None


def describe(value: Value | None) -> Any:
    """Return what `infer` wants to know of an operand."""
    if value is None:
        return None
    literal = value.node.literal
    return value.spec if literal is None else (type(literal), literal)


def _shown(described: Any) -> str:
    literal = isinstance(described, tuple)
    return str(cast("tuple[Any, ...]", described)[1] if literal else described)


@cache
def _defaults(op: str) -> dict[str, Any]:
    parameters = inspect.signature(OPS[op].reference).parameters.values()
    return {
        p.name: p.default
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
    }


def infer(
    op: str, inputs: tuple[Any, ...], attrs: tuple[tuple[str, Any], ...]
) -> tuple[tuple[TensorSpec, ...], bool]:
    """Return the result specs of an op, and whether it returns a tuple, from its reference.

    Each input is None, a `TensorSpec`, or a (type, Python scalar) pair.
    """
    return _infer(op, inputs, attrs, exact(attrs))


@lru_cache(maxsize=4096)
def _infer(
    op: str, inputs: tuple[Any, ...], attrs: tuple[tuple[str, Any], ...], typed: Any
) -> tuple[tuple[TensorSpec, ...], bool]:
    del typed  # only a part of the cache's key
    abstract = [
        jax.ShapeDtypeStruct(item.shape, item.dtype)
        for item in inputs
        if isinstance(item, TensorSpec)
    ]

    def call(*arrays: Any) -> Any:
        remaining = iter(arrays)
        operands = [
            next(remaining) if isinstance(item, TensorSpec) else (item and item[1])
            for item in inputs
        ]
        return OPS[op].reference(*operands, **dict(attrs))

    result: Any = jax.eval_shape(call, *abstract)  # pyright: ignore[reportUnknownMemberType]
    many = isinstance(result, (tuple, list))
    results: list[Any] = [*result] if many else [result]
    return tuple(spec_of(item) for item in results), many
