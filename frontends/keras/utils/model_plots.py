"""Models as pictures. Needs pydot; writing files needs Graphviz, too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from graphc.keras.config.messages import print_message
from graphc.keras.engine.optional import find
from graphc.keras.engine.structure import map_structure

PYDOT = "You must install pydot (`pip install pydot`) for {} to work."
GRAPHVIZ = (
    "You must install graphviz (see instructions at https://graphviz.gitlab.io/download/) for "
    "`plot_model` to work."
)
CELL = '<td bgcolor="{color}"><font point-size="14"{font}>{text}</font></td>'
TITLE = '<tr><td colspan="{span}" bgcolor="black"><font point-size="16" color="white">{text}'
ACTIVATION = (
    '<tr><td bgcolor="white" colspan="{span}"><font point-size="14">Activation: <b>{name}</b>'
    "</font></td></tr>"
)


@dataclass(frozen=True)
class Shown:
    """What the box of a layer says."""

    show_shapes: bool = False
    show_dtype: bool = False
    show_layer_names: bool = True
    show_layer_activations: bool = False
    show_trainable: bool = False

    def label(self, layer: Any) -> str:
        """Return the box as Graphviz's HTML-like table."""
        kind = type(layer).__name__
        if kind == "Model" and _has_graph(layer):  # Keras's class of functional models
            kind = "Functional"
        span = max(1, self.show_dtype + self.show_trainable + 2 * self.show_shapes)
        title = f"<b>{layer.name}</b> ({kind})" if self.show_layer_names else f"<b>{kind}</b>"
        rows = [TITLE.format(span=span, text=title) + "</font></td></tr>"]
        activation = getattr(layer, "activation", None)
        if self.show_layer_activations and activation is not None:
            name = getattr(activation, "name", None) or getattr(activation, "__name__", activation)
            rows.append(ACTIVATION.format(span=span, name=name))
        if cells := "".join(self._cells(layer, kind)):
            rows.append(f"<tr>{cells}</tr>")
        table = '<table border="0" cellborder="1" bgcolor="black" cellpadding="10">'
        return f"<{table}{''.join(rows)}</table>>"

    def _cells(self, layer: Any, kind: str) -> Iterator[str]:
        if self.show_shapes:
            sides = ("Output",) if kind == "InputLayer" else ("Input", "Output")
            for side in sides:
                shape = _shape_text(_facts(layer, side.lower(), "shape"))
                yield _plain_cell(f"{side} shape", shape)
        if self.show_dtype:
            yield _plain_cell("Output dtype", _facts(layer, "output", "dtype") or "?")
        if self.show_trainable and hasattr(layer, "trainable") and layer.weights:
            color, text = (
                ("forestgreen", "Trainable") if layer.trainable else ("firebrick", "Non-trainable")
            )
            yield CELL.format(color=color, font=' color="white"', text=f"<b>{text}</b>")


def _plain_cell(title: str, value: Any) -> str:
    return CELL.format(color="white", font="", text=f"{title}: <b>{value}</b>")


def _facts(layer: Any, side: str, fact: str) -> Any:
    """The shapes or dtypes of a layer's input or output; None where it was never called."""
    try:
        return map_structure(lambda tensor: getattr(tensor, fact), getattr(layer, side))
    except (AttributeError, ValueError):
        return None


def _shape_text(shape: Any) -> str:
    if shape is None:
        return "?"
    if isinstance(shape, dict):
        return ", ".join(f"{name}: {each}" for name, each in shape.items())
    return str(shape).replace("{", "").replace("}", "")


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """A model as a `pydot.Dot`.

    Args:
        model: a built model.
        show_shapes: whether boxes tell the shapes of inputs and outputs.
        show_dtype: whether they tell the dtypes of outputs.
        show_layer_names: whether they tell the layers' names.
        rankdir: "TB" for a vertical picture, "LR" for a horizontal one.
        expand_nested: whether the layers of models inside are drawn.
        dpi: dots per inch.
        subgraph: whether to return a `pydot.Cluster`, to be put into another picture.
        show_layer_activations: whether boxes tell the activations.
        show_trainable: whether they tell if the layers are trainable.
        splines: Graphviz's style of edges.

    Raises:
        ValueError: the model is not built, or an unknown argument.
        ImportError: pydot is not installed.
    """
    _check_built(model)
    pydot = find("pydot")
    if pydot is None:
        raise ImportError(PYDOT.format("model_to_dot"))
    _check_no_rest(kwargs)
    shown = Shown(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    dot = _cluster(pydot, model) if subgraph else _canvas(pydot, rankdir, dpi, splines)
    if not _has_graph(model):
        dot.add_node(_box(pydot, model, shown))
        return dot
    for layer in model.layers if _is_sequence(model) else model._operations:
        if expand_nested and _has_graph(layer):
            inside = model_to_dot(
                layer, rankdir=rankdir, expand_nested=True, subgraph=True, **asdict(shown)
            )
            dot.add_subgraph(inside)
        else:
            dot.add_node(_box(pydot, layer, shown))
    for source, destination in dict.fromkeys(_edges(model, expand_nested)):
        edge = pydot.Edge(source, destination)
        edge.set("penwidth", "2")
        dot.add_edge(edge)
    return dot


def _check_built(model: Any) -> None:
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by "
            f"calling the model on a batch of data. Received: {model}"
        )


def _check_no_rest(kwargs: dict[str, Any]) -> None:
    rest = {key: value for key, value in kwargs.items() if key != "layer_range" or value}
    if "layer_range" in rest:
        raise ValueError(
            "Argument `layer_range` is no longer supported. "
            f"Received: layer_range={rest['layer_range']}"
        )
    if rest:
        raise ValueError(f"Unrecognized keyword arguments. Received: {rest}")


def _has_graph(layer: Any) -> bool:
    return getattr(layer, "_record", None) is not None


def _is_sequence(model: Any) -> bool:
    """Whether a model is a `Sequential`, which this module cannot import: models use `utils`."""
    return hasattr(model, "_chain")


def _canvas(pydot: Any, rankdir: str, dpi: int, splines: str) -> Any:
    dot = pydot.Dot()
    options = {"rankdir": rankdir, "concentrate": True, "dpi": dpi, "splines": splines}
    for name, value in options.items():
        dot.set(name, value)
    dot.set_node_defaults(shape="record")
    return dot


def _cluster(pydot: Any, model: Any) -> Any:
    dot = pydot.Cluster(style="dashed", graph_name=model.name)
    dot.set("label", model.name)
    dot.set("labeljust", "l")
    return dot


def _box(pydot: Any, layer: Any, shown: Shown) -> Any:
    node = pydot.Node(str(id(layer)), label=shown.label(layer))
    for name, value in (("fontname", "Helvetica"), ("border", "0"), ("margin", "0")):
        node.set(name, value)
    return node


def _edges(model: Any, expand_nested: bool) -> Iterator[tuple[str, str]]:
    """Yield pairs of box names; those inside nested models are drawn with these."""
    if _is_sequence(model):
        pairs = zip(model.layers, model.layers[1:], strict=False)
        ends = [(source, 0, layer, 0) for source, layer in pairs]
    else:
        ends = [
            (tensor._keras_history.operation, tensor._keras_history.tensor_index, node.operation, i)
            for node in model._nodes
            for i, tensor in enumerate(node.input_tensors)
        ]
    for source, output, layer, index in ends:
        if expand_nested:
            source, layer = _last(source, output), _first(layer, index)  # noqa: PLW2901
        yield str(id(source)), str(id(layer))


def _last(layer: Any, output: int) -> Any:
    """The layer inside nested models that makes an output."""
    while _has_graph(layer):
        layer, _, output = layer.outputs[output]._keras_history
    return layer


def _first(layer: Any, index: int) -> Any:
    """The layer inside nested models that takes an input."""
    while _has_graph(layer):
        if _is_sequence(layer):
            layer = layer.layers[0]
        else:
            layer = layer.inputs[index]._keras_history.operation
    return layer


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Writes a picture of a model to a file; see `model_to_dot` for what it shows.

    Args:
        model: a built model.
        to_file: the file; its ending says the format.

    Returns:
        In a notebook, the picture to display; else None.

    Raises:
        ValueError: the model is not built, or an unknown argument.
        ImportError: pydot or Graphviz is not installed (in a notebook, that is only printed).
    """
    _check_built(model)
    missing = _what_is_missing()
    if missing and "IPython.core.magics.namespace" in sys.modules:
        print_message(missing)
        return None
    if missing:
        raise ImportError(missing)
    _check_no_rest(kwargs)
    dot = model_to_dot(
        model, show_shapes=show_shapes, show_dtype=show_dtype, show_layer_names=show_layer_names,
        rankdir=rankdir, expand_nested=expand_nested, dpi=dpi,
        show_layer_activations=show_layer_activations, show_trainable=show_trainable,
        splines=splines,
    )  # fmt: skip
    file_format = Path(to_file).suffix[1:] or "png"
    dot.write(str(to_file), format=file_format)
    return None if file_format == "pdf" else _displayed(str(to_file))


def _what_is_missing() -> str | None:
    pydot = find("pydot")
    if pydot is None:
        return PYDOT.format("`plot_model`")
    try:
        pydot.Dot.create(pydot.Dot())
    except (OSError, pydot.PydotException):
        return GRAPHVIZ
    return None


def _displayed(path: str) -> Any:
    try:
        from IPython import display  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return display.Image(filename=path)
