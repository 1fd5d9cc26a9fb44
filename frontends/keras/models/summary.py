"""The table of layers and the parameter counts that `model.summary()` prints."""

import itertools
import math
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from graphc.keras.config.messages import is_interactive_logging_enabled, print_message

TITLES = ("Layer (type)", "Output Shape", "Param #", "Connected to")
Justify = Literal["left", "center", "right"]
JUSTIFY: tuple[Justify, ...] = ("left", "left", "right", "left")
CHAIN = (88, (0.45, 0.80, 1.0))  # (line length, where columns end)
GRAPH = (108, (0.3, 0.56, 0.74, 1.0))
MEMORY_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")

Rows = list[list[str]]


@dataclass(frozen=True)
class Graph:
    """The calls that make up a functional model.

    Attributes:
        nodes: identities of its nodes.
        makers: from the identity of a tensor to the text that says what makes it.
        is_chain: whether every layer is called once, on the output of the one before.
    """

    nodes: frozenset[int]
    makers: dict[int, str]
    is_chain: bool


@dataclass(frozen=True)
class View:
    """What the rows show: `graph` asks for the connections, `branch` starts a nested layer."""

    graph: Graph | None
    expand_nested: bool
    show_trainable: bool
    branch: str


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Prints a model's layers, output shapes and parameter counts.

    Args:
        model: the model.
        line_length: characters of a line; by default what the terminal allows.
        positions: where the columns end, as fractions of the line.
        print_fn: receives the whole text, uncoloured; by default it goes to the screen.
        expand_nested: lists the layers of nested models too.
        show_trainable: adds a column that says which layers are trainable.
        layer_range: first and last layer to list, as names or regular expressions.

    Raises:
        ValueError: if the line is too short, or `layer_range` names no layers.
    """
    functional = _is_functional(model)
    layers = list(model._operations if functional else model.layers)
    graph = _read_graph(model) if functional else None
    console = Console(highlight=False)
    if print_fn is not None:
        console = Console(highlight=False, force_terminal=False, color_system=None)
    view = View(
        graph=None if graph is None or graph.is_chain else graph,
        expand_nested=expand_nested,
        show_trainable=show_trainable,
        branch="+" if console.options.ascii_only else "└",
    )
    table = _empty_table(view, line_length, positions)
    for layer in layers[_layer_slice(layers, layer_range)]:
        for row in _rows(layer, view):
            table.add_row(*row)
    lines = [_bold(f'Model: "{escape(model.name)}"'), table, *_count_lines(model)]
    if print_fn is None and is_interactive_logging_enabled():
        console.print(*lines, sep="\n")
        return
    with console.capture() as capture:
        console.print(*lines, sep="\n")
    (print_fn or print_message)(capture.get())


def _is_functional(model: Any) -> bool:
    is_sequential = any(each.__name__ == "Sequential" for each in type(model).__mro__)
    return hasattr(model, "_operations") and not is_sequential


def _graph_nodes(model: Any) -> list[Any]:
    by_depth = getattr(model, "_nodes_by_depth", None)
    return list(model._nodes if by_depth is None else itertools.chain(*by_depth.values()))


def _read_graph(model: Any) -> Graph:
    nodes = _graph_nodes(model)
    ids = frozenset(id(node) for node in nodes)
    makers = {}
    parents = {}  # identity of a tensor -> identity of its node
    for node in nodes:
        calls = node.operation._inbound_nodes
        index = next(i for i, call in enumerate(calls) if call is node)
        for position, tensor in enumerate(node.outputs):
            makers[id(tensor)] = f"{node.operation.name}[{_number(index)}][{_number(position)}]"
            parents[id(tensor)] = id(node)
    inputs = [[parents.get(id(tensor)) for tensor in node.input_tensors] for node in nodes]
    is_chain = (
        all(len(each) <= 1 for each in inputs)
        and len({each[0] if each else None for each in inputs}) == len(nodes)
        and all(len(_calls_within(layer, ids)) <= 1 for layer in model.layers)
    )
    return Graph(ids, makers, is_chain)


def _calls_within(layer: Any, ids: frozenset[int]) -> list[Any]:
    return [node for node in layer._inbound_nodes if id(node) in ids]


def _empty_table(view: View, line_length: int | None, positions: Sequence[float] | None) -> Table:
    length, ends = CHAIN if view.graph is None else GRAPH
    ends = list(positions or ends)
    titles: list[tuple[str, Justify]] = [*zip(TITLES, JUSTIFY, strict=True)]
    titles = titles[: 3 if view.graph is None else 4]
    if view.show_trainable:
        length += 12
        ends = [each * 0.9 for each in ends] + [1.0]
        titles.append(("Trainable", "center"))
    length = line_length or min(length, shutil.get_terminal_size().columns - 4)
    stops = [0, *(int(end * length) for end in ends)]
    widths = [stop - start for start, stop in itertools.pairwise(stops)]
    if min(widths) < 4:
        raise ValueError(
            "Insufficient console width to print summary. Expected columns of 4 characters or "
            f"more. Received: {widths} for a line of {length}"
        )
    columns = [
        Column(title, justify=justify, width=width)
        for (title, justify), width in zip(titles, widths, strict=True)
    ]
    return Table(*columns, width=length, show_lines=True)


def _layer_slice(layers: Sequence[Any], layer_range: Sequence[str] | None) -> slice:
    if layer_range is None:
        return slice(None)
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(f"Expected `layer_range` to hold two layer names. Received: {layer_range}")
    first, last = (
        [i for i, layer in enumerate(layers) if re.match(pattern, layer.name)]
        for pattern in layer_range
    )
    if not first or not last:
        raise ValueError(
            "Expected both names of `layer_range` to match a layer of "
            f"{', '.join(layer.name for layer in layers)}. Received: {layer_range}"
        )
    if min(first) > max(last):  # given in the other order
        first, last = last, first
    return slice(min(first), max(last) + 1)


def _rows(layer: Any, view: View, level: int = 0) -> Rows:
    """The rows of a layer and, if asked, of the layers in it."""
    prefix = f"{'   ' * level}{view.branch} " if level else ""
    name = escape(f"{prefix}{layer.name}")
    kind = escape(type(layer).__name__)
    row = [f"{name} ([color(33)]{kind}[/])", _shape_text(layer), _parameters_text(layer)]
    if view.graph is not None:
        row.append(_connections(layer, view.graph))
    if view.show_trainable:
        row.append(_trainable_text(layer))
    nested = getattr(layer, "layers", None) if view.expand_nested else None
    inner = [_rows(each, view, level + 1) for each in nested or ()]
    return [row, *itertools.chain(*inner)]


def _parameters_text(layer: Any) -> str:
    if not hasattr(layer, "built"):
        return _number(0)
    if not layer.built:
        return f"{_number(0)} (unbuilt)"
    return _number(f"{layer.count_params():,}")


def _connections(layer: Any, graph: Graph) -> str:
    makers = [
        graph.makers[id(tensor)]
        for node in _calls_within(layer, graph.nodes)
        for tensor in node.input_tensors
        if id(tensor) in graph.makers
    ]
    return ", ".join(makers) or "-"


def _trainable_text(layer: Any) -> str:
    if not getattr(layer, "weights", None):
        return _bold("-")
    return _bold("[color(34)]Y[/]" if layer.trainable else "[color(9)]N[/]")


def _shape_text(layer: Any) -> str:
    """The output shape: of the last symbolic call, else worked out from the built shapes."""
    calls = layer._inbound_nodes
    if calls:
        shapes = [_one_shape(tensor.shape) for tensor in calls[-1].outputs]
        return shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"
    built_with = getattr(layer, "_build_shapes_dict", None)
    if not built_with:
        return "?"
    try:
        if hasattr(layer, "output_shape"):
            return _structure_text(layer.output_shape)
        return _structure_text(layer.compute_output_shape(**built_with))
    except NotImplementedError:
        return "?"


def _structure_text(shapes: Any) -> str:
    """Shapes in nested lists, tuples and dicts; a structure with one shape shows only that."""
    if isinstance(shapes, dict):
        texts = [_structure_text(each) for each in shapes.values()]
        named = [f"{name}: {text}" for name, text in zip(shapes, texts, strict=True)]
        return texts[0] if len(texts) == 1 else "{" + ", ".join(named) + "}"
    if all(each is None or isinstance(each, int) for each in shapes):
        return _one_shape(shapes)
    texts = [_structure_text(each) for each in shapes]
    if len(texts) == 1:
        return texts[0]
    joined = ", ".join(texts)
    return f"[{joined}]" if isinstance(shapes, list) else f"({joined})"


def _one_shape(shape: Iterable[int | None]) -> str:
    return f"({', '.join(_number(size) for size in shape)})"


def _count_lines(model: Any) -> list[str]:
    groups = {
        "Trainable": list(model.trainable_weights),
        "Non-trainable": list(model.non_trainable_weights),
    }
    optimizer: Any = getattr(model, "optimizer", None)
    if getattr(model, "compiled", False) and getattr(optimizer, "built", False):
        groups["Optimizer"] = list(optimizer.variables)
    counts = {name: sum(math.prod(each.shape) for each in held) for name, held in groups.items()}
    sizes = {name: _memory(held) for name, held in groups.items()}
    lines = [_count_line("Total", sum(counts.values()), sum(sizes.values()))]
    return lines + [_count_line(name, counts[name], sizes[name]) for name in groups]


def _count_line(name: str, count: int, size: float) -> str:
    return f"{_bold(f' {name} params: ')}{_number(f'{count:,}')} ({_memory_text(size)})"


def _memory(variables: Iterable[Any]) -> float:
    """Bytes held by variables, each counted once."""
    unique = {id(each): each for each in variables}.values()
    return sum(math.prod(each.shape) * jnp.dtype(each.dtype).itemsize for each in unique)


def _memory_text(size: float) -> str:
    scale = 0
    while size >= 1024 and scale < len(MEMORY_UNITS) - 1:
        size /= 1024
        scale += 1
    return f"{size:.2f} {MEMORY_UNITS[scale]}"


def _number(value: object) -> str:
    return f"[color({45 if value is None else 34})]{value}[/]"


def _bold(text: str) -> str:
    return f"[bold]{text}[/]"
