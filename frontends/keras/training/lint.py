"""Likely mistakes, looked for in the traced step before training; each is a named warning.

They are silenced by name: `GRAPHC_LINT=-unscaled_images`, all by `GRAPHC_LINT=off`; or by Python's
`warnings.filterwarnings("ignore", ".unscaled_images")`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphc import config
from graphc.body import every_node
from graphc.errors import located
from graphc.ir import Graph, Node, Value
from graphc.keras.engine.structure import flatten
from graphc.keras.training.arrays import Rows

VIEWS = (
    "core.cast", "core.identity", "core.stop_gradient", "shape.reshape", "shape.squeeze",
    "shape.expand_dims",
)  # fmt: skip
PROBABILITIES = ("nn.softmax", "nn.sigmoid")
# What makes numbers of any size: none of these can be the last step to probabilities.
UNBOUNDED = ("nn.dense", "nn.conv", "linalg.matmul", "linalg.einsum", "math.add", "nn.relu")
ENTROPIES = (
    "nn.categorical_crossentropy", "nn.sparse_categorical_crossentropy", "nn.binary_crossentropy",
)  # fmt: skip
BROADCASTING = ("math.subtract", "math.multiply", "math.squared_difference", "math.divide")
WEIGHTED = ("nn.dense", "nn.conv", "nn.depthwise_conv", "nn.separable_conv")

Finding = tuple[str, Node | None]


class LintWarning(UserWarning):
    """A likely mistake in a model, its loss or its data."""


def lint(model: Any, traced: Any, rows: Rows) -> None:
    """Warn of what is probably not meant in a training step.

    Args:
        model: what is to be trained.
        traced: its step.
        rows: the data.
    """
    off = config.LINT.value
    if "off" in off:
        return
    for name, check in CHECKS.items():
        if f"-{name}" in off:
            continue
        for message, node in check(model, traced.traced, rows):
            where = ("", "") if node is None else (node.scope, node.source)
            warnings.warn(f"[{name}] {located(message, *where)}", LintWarning, stacklevel=2)


def _entropies(graph: Graph) -> Iterator[tuple[Node, Node]]:
    """Yield each cross-entropy with the node that made its predictions."""
    for node in every_node(graph):
        if node.op in ENTROPIES and node.inputs[1] is not None:
            yield node, _origin(node.inputs[1]).node


def _origin(value: Value) -> Value:
    while value.node.op in VIEWS and value.node.inputs[0] is not None:
        value = value.node.inputs[0]
    return value


def _softmax_as_logits(model: Any, graph: Graph, rows: Rows) -> Iterator[Finding]:
    for loss, made in _entropies(graph):
        if loss.attrs.get("from_logits") and made.op in PROBABILITIES:
            message = (
                f"The model ends in {made.op.removeprefix('nn.')}, and its loss has "
                "from_logits=True, which applies it once more. Drop one of the two."
            )
            yield message, made


def _logits_as_probabilities(model: Any, graph: Graph, rows: Rows) -> Iterator[Finding]:
    for loss, made in _entropies(graph):
        if not loss.attrs.get("from_logits") and made.op in UNBOUNDED:
            message = (
                f"The loss {loss.op.removeprefix('nn.')} takes the output for probabilities, but "
                f"{made.op.removeprefix('nn.')} gives numbers of any size. "
                "Set from_logits=True, or end the model in a softmax or sigmoid."
            )
            yield message, made


def _labels_not_binary(model: Any, graph: Graph, rows: Rows) -> Iterator[Finding]:
    leaves = dict(zip(graph.inputs, rows.leaves, strict=False))
    for loss, made in _entropies(graph):
        labels = leaves.get(_origin(loss.inputs[0])) if loss.inputs[0] is not None else None
        if loss.op != "nn.binary_crossentropy" or labels is None or not labels.size:
            continue
        low, high = np.min(labels), np.max(labels)
        if low < 0 or high > 1:
            message = (
                f"The loss binary_crossentropy wants targets from 0 to 1, and there are some from "
                f"{low:g} to {high:g}. Map them to 0 and 1, or use sparse_categorical_crossentropy "
                "for more than two classes."
            )
            yield message, made


def _broadcast_loss(model: Any, graph: Graph, rows: Rows) -> Iterator[Finding]:
    count = len([leaf for leaf in flatten(rows.x) if leaf is not None])
    targets = set(graph.inputs[count : len(rows.leaves)])
    for node in graph.nodes:
        operands = [value for value in node.inputs if value is not None and value.spec.ndim]
        if node.op not in BROADCASTING or len(operands) != 2 or "loss" not in node.scope:
            continue
        result = node.specs[0].shape
        stretched = [v for v in operands if _origin(v) in targets and v.spec.shape != result]
        if stretched:
            one, other = (value.spec.shape for value in operands)
            message = (
                f"Targets and predictions of the shapes {one} and {other} are broadcast to "
                f"{result} in the loss. Give them one shape."
            )
            yield message, node


def _unused_input(model: Any, graph: Graph, rows: Rows) -> Iterator[Finding]:
    used = {value for node in graph.nodes for value in node.inputs} | set(graph.roots())
    leaves = [leaf for leaf in flatten(rows.x) if leaf is not None]
    for index, _ in enumerate(leaves):
        if graph.inputs[index] not in used:
            what = f"Input {index} of {len(leaves)}" if len(leaves) > 1 else "The input"
            yield f"{what} of model '{model.name}' is used by no layer.", None


def _nothing_trainable(model: Any, graph: Graph, rows: Rows) -> Iterator[Finding]:
    if graph.params or any(node.op == "core.update" for node in graph.nodes):
        return
    if any(node.op == "core.call" for node in graph.nodes) and model.trainable_variables:
        return  # a step in Keras's form for JAX
    yield (
        (
            f"Model '{model.name}' has no trainable weight: training changes nothing. Set "
            "`trainable = True` on what is to learn."
        ),
        None,
    )


def _unscaled_images(model: Any, graph: Graph, rows: Rows) -> Iterator[Finding]:
    for index, leaf in enumerate(one for one in flatten(rows.x) if one is not None):
        if leaf.dtype != np.uint8 or leaf.ndim < 3:
            continue
        for node in graph.nodes:
            first = node.inputs[0] if node.inputs else None
            if node.op in WEIGHTED and first and _origin(first) == graph.inputs[index]:
                message = (
                    "Images of bytes (0 to 255) go into the first weights as they are, and learn "
                    "badly. Divide them by 255, or begin with a Rescaling(1 / 255) layer."
                )
                yield message, node
                break


def _training_overruled(model: Any, graph: Graph, rows: Rows) -> Iterator[Finding]:
    record = getattr(model, "_record", None)
    for node in () if record is None else record.nodes:
        layer = node.operation
        if node.arguments.kwargs.get("training") is not False or not layer.trainable_variables:
            continue
        inside = [one for one in layer._flatten_layers() if not one._sublayers()]
        if any(one._call_arguments.training for one in inside):
            message = (
                f"Layer '{layer.name}' was called with training=False, which `fit` overrules, as "
                "in Keras 3: it trains like the others. Set `trainable = False` on the "
                "BatchNormalization layers inside that are to stay as they are."
            )
            yield message, None


CHECKS: dict[str, Callable[[Any, Graph, Rows], Iterator[Finding]]] = {
    "softmax_as_logits": _softmax_as_logits,
    "logits_as_probabilities": _logits_as_probabilities,
    "labels_not_binary": _labels_not_binary,
    "broadcast_loss": _broadcast_loss,
    "unused_input": _unused_input,
    "nothing_trainable": _nothing_trainable,
    "unscaled_images": _unscaled_images,
    "training_overruled": _training_overruled,
}
