"""Export to ONNX: the optimised inference graph, node by node, for any number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphc.artifacts.onnx.build import Info, Main, library, message, needed, read_by, renamed
from graphc.artifacts.onnx.sizes import (
    COUNTS,
    LENGTHS,
    ROWS,
    Shape,
    Size,
    Symbols,
    UnequalError,
    disagreeing,
    shape_of,
    symbols_of,
)
from graphc.artifacts.onnx.translate import Twins, UnexpressedError, write_graph
from graphc.artifacts.onnx.writer import Tensor, Writer
from graphc.artifacts.stablehlo import Exported
from graphc.errors import GraphError
from graphc.ir import Graph, Value
from graphc.separable import mixing_node

OPSETS = range(18, 25)
DEFAULT_OPSET = 23
FEW_LENGTHS = (11, 13, 7, 19)
# Rows of a trace that must agree with those of many, where rows depend on one another.
FEW = (3, 2, 5)


def export_onnx(given: Exported, path: Path, opset: int = DEFAULT_OPSET) -> None:
    """Write a model of ONNX, which `onnx.checker` finds valid.

    Args:
        given: a model.
        path: the file to write.
        opset: the version of ONNX's operators to use, 18 to 24.

    Raises:
        ValueError: an unknown opset; a node that ONNX cannot express, with its layer; or weights
            that are too large for one file.
        ImportError: the package `onnx` is not installed.
    """
    if type(opset) is not int or opset not in OPSETS:
        raise ValueError(
            f"Expected an opset from {OPSETS.start} to {OPSETS[-1]}. Received: opset={opset!r}"
        )
    library()
    try:
        model = _model(given, opset)
    except (UnexpressedError, UnequalError) as error:
        raise ValueError(
            f"Cannot express the model in ONNX, opset {opset}: {error}. Formats that take every "
            "model: 'stablehlo', 'aot'"
        ) from None
    path.write_bytes(model.SerializeToString(deterministic=True))


def _model(given: Exported, opset: int) -> Any:
    if given.trace is None:
        raise UnexpressedError("layers that work on text run before the graph, and are not in it")
    count = len(given.open_axes)
    if count > len(LENGTHS):
        raise UnexpressedError(f"{count} axes of inputs are of open length, over {len(LENGTHS)}")
    try:
        return _sized(given, opset, tuple(range(count)))
    except (UnexpressedError, UnequalError, GraphError, ValueError):
        if count < 2:
            raise
    return _sized(given, opset, (0,) * count)  # lengths that must be equal


def _sized(given: Exported, opset: int, places: tuple[int, ...]) -> Any:
    """Return the model; `places` are those of the lengths of open axes in `LENGTHS`."""
    assert given.trace is not None
    first, second = (
        given.trace(rows, [LENGTHS[place][turn] for place in places])
        for turn, rows in enumerate(COUNTS)
    )
    symbols = symbols_of(places)
    count = len(first.traced.inputs) - len(given.constants)
    batch = frozenset(first.traced.inputs[:count])
    if places or mixing_node(first.traced, batch, None, numbered=False):
        _check_few(given, (first.traced, second.traced), symbols, places)
    try:
        main = _written(given, Twins(first.graph, second.graph), opset, symbols, places)
    except UnequalError:  # a pass went by the number of rows
        main = _written(given, Twins(first.traced, second.traced), opset, symbols, places)
    return message(main, opset, {"opset": str(opset)})


def _check_few(
    given: Exported, traces: tuple[Graph, Graph], symbols: Symbols, places: Sequence[int]
) -> None:
    """Refuse what goes by the number of rows, or another open length, otherwise than growing."""
    assert given.trace is not None
    for last, rows in enumerate(FEW, start=1):
        few = given.trace(rows, [FEW_LENGTHS[place] for place in places]).traced
        lengths = {ROWS: rows, **{f"length_{place + 1}": FEW_LENGTHS[place] for place in places}}
        try:
            node = disagreeing((*traces, few), symbols, lengths)
        except UnequalError:  # by chance, perhaps: nodes that are one for so many rows
            if last == len(FEW):
                raise
            continue
        if node is not None:
            raise UnexpressedError(
                f"'{node.op}' in layer '{node.scope}' has lengths that go by those of the inputs"
            )
        return


def _written(
    given: Exported, twins: Twins, opset: int, symbols: Symbols, places: Sequence[int]
) -> Main:
    """Return the graph with the names of the model's signature."""
    writer = Writer(opset)
    writer.symbols = symbols
    graph, other = twins.first, twins.second
    count = len(given.inputs)
    shapes = [
        shape_of(one.spec.shape, two.spec.shape, symbols)
        for one, two in zip(graph.inputs[:count], other.inputs[:count], strict=True)
    ]
    inputs: list[Info] = [
        (writer.names.fresh(name), declared(value.spec.dtype), shape)
        for name, value, shape in zip(given.inputs, graph.inputs[:count], shapes, strict=True)
    ]
    names = [writer.names.fresh(name) for name in given.outputs]
    writer.axes[ROWS] = next(
        (name, 0) for name, _, shape in inputs if shape and shape[0] == Size(1)
    )
    for (number, axis), place in zip(given.open_axes, places, strict=True):
        writer.axes.setdefault(f"length_{place + 1}", (inputs[number][0], axis))
    env = _known_values(given, graph)
    for value, info in zip(graph.inputs[:count], inputs, strict=True):
        env[value] = _input(writer, info, value.spec.dtype)
    found = write_graph(twins, writer, env)
    _check_state(graph)
    writer.label = "outputs"
    dtypes = [declared(value.spec.dtype) for value in graph.outputs]
    return finished(writer, inputs, names, found, dtypes)


def _known_values(given: Exported, graph: Graph) -> dict[Value, Tensor]:
    """Return weights and numbers that are no tensors of the user's."""
    values = (*graph.params, *graph.state, *graph.inputs[len(given.inputs) :])
    arrays = (*given.params, *given.state, *given.constants)
    known: dict[Value, Tensor] = {}
    for value, one in zip(values, arrays, strict=True):
        array = np.asarray(one)
        scope, name = value.node.scope, value.node.attrs.get("name", "") or value.node.op
        label = f"{scope}/{name}" if scope and not name.startswith(scope) else name
        known[value] = Tensor(array.shape, str(array.dtype), label, array)
    return known


def declared(dtype: str) -> str:
    """Return the dtype of an input or output in the file; NumPy has no bfloat16 to give or take."""
    return "float32" if dtype == "bfloat16" else dtype


def _input(writer: Writer, info: Info, dtype: str) -> Tensor:
    name, given, shape = info
    tensor = Tensor(shape, dtype, name)
    if tensor.held == given:
        return tensor
    writer.label = f"{name}/cast"
    return Tensor(shape, dtype, writer.emit("Cast", name, to=tensor.held))


def _check_state(graph: Graph) -> None:
    """Refuse what outputs depend on and every call changes."""
    if not graph.updates:
        return
    changed = {s for s, u in zip(graph.state, graph.updates, strict=True) if s is not u and s != u}
    reached: set[Any] = set()
    stack = [value.node for value in graph.outputs]
    while stack:
        node = stack.pop()
        if node not in reached:
            reached.add(node)
            stack += [value.node for value in node.inputs if value is not None]
    for value in changed:
        if value.node in reached:
            name = value.node.attrs.get("name", "")
            raise UnexpressedError(
                f"'core.state' in layer '{value.node.scope}' keeps '{name}' from call to call"
            )


def finished(
    writer: Writer, inputs: Sequence[Info], names: Sequence[str], found: Sequence[Tensor],
    dtypes: Sequence[str],
) -> Main:  # fmt: skip
    """Return the graph whose results have the names of the outputs."""
    made = {name for node in writer.nodes for name in node.outputs}
    chosen: dict[str, str] = {}
    shapes: list[Shape] = []
    for name, tensor, dtype in zip(names, found, dtypes, strict=True):
        if dtype.startswith("complex"):
            raise UnexpressedError(f"the output '{name}' is of complex numbers")
        own = writer.name_of(tensor)
        if tensor.held != dtype:
            own = writer.emit("Cast", own, to=dtype)
        elif own in chosen or (own not in made and own == tensor.name) or tensor.known:
            own = writer.emit("Identity", own)
        chosen[own] = name
        shapes.append(tensor.shape)
    nodes = needed(writer.nodes, chosen)
    used = {name for node in nodes for name in read_by(node)}
    weights = {name: array for name, array in writer.initializers.items() if name in used}
    outputs = tuple(zip(names, dtypes, shapes, strict=True))
    written = tuple(renamed(node, chosen) for node in nodes)
    return Main("model", tuple(inputs), outputs, written, weights)
