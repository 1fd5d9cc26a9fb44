"""A graph of the IR, as two traces of it, written node by node; bodies of nodes likewise.

What depends on known arrays alone is computed while exporting. Every other node goes by the table
of its op, and where that has nothing for it, by the primitives of JAX that its reference function
consists of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var

from graphc.artifacts.onnx.sizes import (
    Dim,
    Linked,
    Pair,
    Shape,
    Size,
    UnequalError,
    has_size,
    is_static,
    linked,
    merged,
    reference,
    shape_of,
    size_of,
)
from graphc.artifacts.onnx.table import OPS, PRIMITIVES
from graphc.artifacts.onnx.task import Result, Task, Translator
from graphc.artifacts.onnx.writer import Tensor, Writer, physical
from graphc.body import Body
from graphc.ir import INPUT_OPS, ConstantArray, Graph, Node, Value
from graphc.spec import LITERAL_DTYPES, TensorSpec

# Primitives that only call what is inside, by the name of the parameter that holds it.
CALLS = {
    "jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr", "remat": "jaxpr",
    "checkpoint": "jaxpr", "remat2": "jaxpr", "custom_vjp_call_jaxpr": "fun_jaxpr",
}  # fmt: skip
DRAWS = ("random.", "nn.dropout")


class UnexpressedError(ValueError):
    """ONNX has nothing for a node."""


@dataclass(frozen=True)
class Twins:
    """The same graph traced at two numbers of rows."""

    first: Graph
    second: Graph


def write_graph(twins: Twins, writer: Writer, env: dict[Value, Tensor]) -> list[Tensor]:
    """Write the nodes that the outputs need; return the outputs.

    Args:
        twins: the graph.
        writer: takes the nodes.
        env: the parameters, state and inputs of the first trace.

    Raises:
        UnexpressedError: a node cannot be expressed; names the op and the layer.
    """
    for link in linked(twins.first, twins.second, writer.symbols):
        node = link.node
        if node.op in INPUT_OPS:
            continue
        writer.label = f"{node.scope}/{node.op}" if node.scope else node.op
        operands = [None if value is None else env[value] for value in node.inputs]
        for place, tensor in enumerate(_results(link, operands, writer)):
            env[Value(node, place)] = tensor
    return [env[value] for value in twins.first.outputs]


def _results(link: Linked, operands: list[Tensor | None], writer: Writer) -> list[Tensor]:
    node = link.node
    try:
        return _node(link, operands, writer)
    except (UnexpressedError, UnequalError) as error:
        where = f"'{node.op}' in layer '{node.scope}'"
        known = str(error).startswith("'")
        raise type(error)(str(error) if known else f"{where}: {error}") from None


def _node(link: Linked, operands: list[Tensor | None], writer: Writer) -> list[Tensor]:
    node = link.node
    if node.op == "core.constant":
        return [_constant(link, writer)]
    if node.op.startswith(DRAWS):
        _check_seed(node)
    if _settled(operands, link.attrs, link.shapes):
        arrays = _evaluated(node, operands)
        return [_known(array) for array in arrays]
    if _empty(link.shapes):
        return [_known(np.zeros(spec.shape, spec.dtype)) for spec in node.specs]
    task = _task(node.op, operands, link.attrs, link.shapes, node.specs, writer)
    translator = OPS.get(node.op)
    result = None if translator is None else translator(task)
    if result is not None:
        return _tensors(task, result)
    return _by_primitives(link, operands, writer)


def _check_seed(node: Node) -> None:
    seeds = [value.node for value in node.inputs if value is not None]
    while seeds:
        seed = seeds.pop()
        if seed.op == "core.state":
            raise UnexpressedError("a draw from a seed that changes with every call")
        seeds += [value.node for value in seed.inputs if value is not None]


def _settled(
    operands: Sequence[Tensor | None], attrs: Mapping[str, Any], shapes: Sequence[Shape]
) -> bool:
    """Return whether all is known that the results depend on."""
    known = all(one is None or one.known for one in operands)
    return known and not any(map(has_size, attrs.values())) and all(map(is_static, shapes))


def _empty(shapes: Sequence[Shape]) -> bool:
    """Return whether results have no elements; runtimes differ in how they compute such."""
    return bool(shapes) and all(is_static(shape) and 0 in shape for shape in shapes)


def _known(array: Any) -> Tensor:
    found = np.asarray(array)
    return Tensor(found.shape, str(found.dtype), array=found)


def _evaluated(node: Node, operands: Sequence[Tensor | None]) -> list[Any]:
    given = [None if one is None else one.array for one in operands]
    result = reference(node.op)(*given, **node.attrs)
    many = isinstance(result, (tuple, list))
    return list(cast("Sequence[Any]", result)) if many else [result]


def _constant(link: Linked, writer: Writer) -> Tensor:
    value = link.attrs["value"]
    if isinstance(value, Pair):
        return _growing(link, value, writer)
    if isinstance(value, ConstantArray):
        return _known(value.array)
    if isinstance(value, Size):
        return _number_of_rows(value, writer, "int32")
    return Tensor((), LITERAL_DTYPES[type(value)], array=value)


def _number_of_rows(size: Dim, writer: Writer, dtype: str) -> Tensor:
    whole = writer.emit("Squeeze", writer.length(size), np.asarray([0], "int64"))
    return Tensor((), dtype, writer.emit("Cast", whole, to=physical(dtype)))


def _growing(link: Linked, pair: Pair, writer: Writer) -> Tensor:
    """Return a constant that has rows, all of them equal."""
    first, second = pair.first.array, pair.second.array
    (shape,) = link.shapes
    grows = tuple(slice(1 if isinstance(size, Size) else None) for size in shape)
    row = first[grows]
    if not (np.all(first == row) and np.all(second == row)):
        raise UnequalError("values that depend on the number of rows")
    dtype = str(first.dtype)
    known = Tensor(row.shape, dtype, array=row)
    return Tensor(shape, dtype, writer.emit("Expand", known, writer.shape(shape)))


def _task(
    name: str, operands: Sequence[Tensor | None], attrs: dict[str, Any],
    shapes: Sequence[Shape], specs: Sequence[Any], writer: Writer,
) -> Task:  # fmt: skip
    dtypes = [str(spec.dtype) for spec in specs]
    if any(dtype.startswith("complex") for dtype in dtypes):
        raise UnexpressedError("complex numbers")
    return Task(name, operands, attrs, shapes, dtypes, writer, write_body)


def _tensors(task: Task, result: Result) -> list[Tensor]:
    """Return what a translator gave as tensors of the shapes and dtypes that were promised."""
    several = isinstance(result, (tuple, list))
    results = cast("Sequence[str | Tensor]", result) if several else (cast("Any", result),)
    return [
        one if isinstance(one, Tensor) else task.result(one, place=place)
        for place, one in enumerate(results)
    ]


def write_body(body: Any, writer: Writer, operands: Sequence[Tensor]) -> list[Tensor]:
    """Write what a body consists of: a `Pair` of bodies of the IR, or of functions of JAX."""
    if isinstance(body.first, Body):
        twins = Twins(body.first.graph, body.second.graph)
        env = dict(zip(body.first.graph.inputs, operands, strict=True))
        label = writer.label
        found = write_graph(twins, writer, env)
        writer.label = label
        return found
    return _run(_closed(body.first), _closed(body.second), writer, operands)


def _closed(jaxpr: Any) -> ClosedJaxpr:
    return ClosedJaxpr(jaxpr, ()) if isinstance(jaxpr, Jaxpr) else jaxpr


def _by_primitives(link: Linked, operands: Sequence[Tensor | None], writer: Writer) -> list[Tensor]:
    function = reference(link.node.op)
    traced = [
        jax.make_jaxpr(_call(function, operands, node.attrs))(*_abstract(node, operands))
        for node in (link.node, link.twin)
    ]
    given = [one for one in operands if one is not None and not one.literal]
    return _run(traced[0], traced[1], writer, given)


def _abstract(node: Node, operands: Sequence[Tensor | None]) -> list[Any]:
    pairs = zip(node.inputs, operands, strict=True)
    specs: list[TensorSpec] = [
        value.spec for value, one in pairs if value is not None and one and not one.literal
    ]
    return [jax.ShapeDtypeStruct(spec.shape, spec.dtype) for spec in specs]


def _call(
    function: Callable[..., Any], operands: Sequence[Tensor | None], attrs: Mapping[str, Any]
) -> Callable[..., Any]:
    """Return the function of the operands that are there and are no Python numbers."""

    def call(*arrays: Any) -> Any:
        remaining = iter(arrays)
        full = [
            None if one is None else one.array if one.literal else next(remaining)
            for one in operands
        ]
        return function(*full, **attrs)

    return call


def _run(
    first: ClosedJaxpr, second: ClosedJaxpr, writer: Writer, operands: Sequence[Tensor]
) -> list[Tensor]:
    """Write the primitives of a function of JAX traced at two numbers of rows."""
    body = first.jaxpr
    env: dict[Var, Tensor] = dict(zip(body.invars, operands, strict=True))
    for var, one, other in zip(body.constvars, first.consts, second.consts, strict=True):
        if not np.array_equal(one, other):
            raise UnequalError("values that depend on the number of rows")
        env[var] = _known(one)
    needed = _needed(body)
    if len(body.eqns) != len(second.jaxpr.eqns):
        raise UnequalError("other primitives for another number of rows")
    for equation, twin in zip(body.eqns, second.jaxpr.eqns, strict=True):
        if id(equation) in needed:
            operands = [
                _read(one, other, env, writer)
                for one, other in zip(equation.invars, twin.invars, strict=True)
            ]
            found = _equation(equation, twin, operands, writer)
            env.update(zip(equation.outvars, found, strict=True))
    return [
        _read(one, other, env, writer)
        for one, other in zip(body.outvars, second.jaxpr.outvars, strict=True)
    ]


def _needed(body: Jaxpr) -> set[int]:
    """Return the equations, by identity, that the results depend on."""
    wanted = {var for var in body.outvars if isinstance(var, Var)}
    found: set[int] = set()
    for equation in reversed(body.eqns):
        if wanted.intersection(equation.outvars):
            found.add(id(equation))
            wanted.update(var for var in equation.invars if isinstance(var, Var))
    return found


def _read(var: Any, twin: Any, env: Mapping[Var, Tensor], writer: Writer) -> Tensor:
    if isinstance(var, Literal) != isinstance(twin, Literal):
        raise UnequalError("a number for one number of rows alone")
    if not isinstance(var, Literal):
        return env[var]
    first, second = (np.asarray(one.val, one.aval.dtype) for one in (var, twin))
    if np.array_equal(first, second, equal_nan=first.dtype.kind == "f"):
        return _known(first)
    if float(first) % 1 or float(second) % 1:
        raise UnequalError(f"{first} for one number of rows, {second} for another")
    size = size_of(int(first), int(second), writer.symbols)
    return _number_of_rows(size, writer, str(first.dtype))


def _equation(
    equation: JaxprEqn, twin: JaxprEqn, operands: list[Tensor], writer: Writer
) -> list[Tensor]:
    name = equation.primitive.name
    if name != twin.primitive.name:
        raise UnequalError("other primitives for another number of rows")
    if name.startswith("random_"):
        raise UnexpressedError("random numbers")
    if name in CALLS:
        return write_body(_inside(equation, twin), writer, operands)
    attrs = {
        key: _parameter(value, twin.params[key], writer) for key, value in equation.params.items()
    }
    shapes = [
        shape_of(one.aval.shape, other.aval.shape, writer.symbols)
        for one, other in zip(equation.outvars, twin.outvars, strict=True)
    ]
    if _settled(operands, attrs, shapes):
        result = equation.primitive.bind(*(one.array for one in operands), **equation.params)
        return [
            _known(one) for one in (result if equation.primitive.multiple_results else [result])
        ]
    specs = [var.aval for var in equation.outvars]
    if _empty(shapes):
        return [_known(np.zeros(spec.shape, spec.dtype)) for spec in specs]
    translator: Translator | None = PRIMITIVES.get(name)
    task = _task(name, operands, attrs, shapes, specs, writer)
    found = None if translator is None else translator(task)
    if found is None:
        raise UnexpressedError(f"it consists of '{name}', among others")
    return _tensors(task, found)


def _inside(equation: JaxprEqn, twin: JaxprEqn) -> Pair:
    key = CALLS[equation.primitive.name]
    return Pair(equation.params[key], twin.params[key])


def _parameter(first: Any, second: Any, writer: Writer) -> Any:
    holds = isinstance(first, (tuple, list)) and any(
        isinstance(item, (Jaxpr, ClosedJaxpr)) for item in cast("Sequence[Any]", first)
    )
    if holds:
        return tuple(Pair(a, b) for a, b in zip(first, second, strict=True))
    if isinstance(first, (Jaxpr, ClosedJaxpr)):
        return Pair(first, second)
    return merged(first, second, writer.symbols)
