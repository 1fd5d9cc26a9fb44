"""Labels against classes: what a sparse cross-entropy can take, checked before training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from graphc.errors import located
from graphc.ir import Graph, Node, Value
from graphc.keras.training.arrays import Rows

VIEWS = ("core.cast", "shape.reshape", "shape.squeeze", "shape.expand_dims", "core.identity")


def check_labels(traced: Any, rows: Rows) -> None:
    """Check integer targets against the number of classes that the loss sees.

    Raises:
        ValueError: a label is negative or not below the number of classes.
    """
    for index, classes, node in _labelled(traced.traced, traced.step.leaves):
        labels = np.asarray(rows.leaves[index])
        low, high = labels.min(), labels.max()
        if low >= 0 and high < classes:
            continue
        wrong = low if low < 0 else high
        row = int(np.argwhere(labels.reshape(labels.shape[0], -1) == wrong)[0][0])
        message = (
            f"the labels do not fit the {classes} classes of the model's output: expected whole "
            f"numbers from 0 to {classes - 1}. "
            f"Received: labels from {low} to {high}; {wrong} is in row {row}"
        )
        raise ValueError(located(message, node.scope, node.source))


def _labelled(graph: Graph, leaves: int) -> Iterator[tuple[int, int, Node]]:
    """Yield (input index, classes, node of the output) of each sparse cross-entropy on an input."""
    position = {value: index for index, value in enumerate(graph.inputs[:leaves])}
    for node in graph.nodes:
        if node.op != "nn.sparse_categorical_crossentropy":
            continue
        target, output = node.inputs[0], node.inputs[1]
        assert target is not None
        assert output is not None
        source = _through_views(target)
        if source in position:
            axis = node.attrs.get("axis", -1)
            yield position[source], output.spec.shape[axis], output.node


def _through_views(value: Value) -> Value:
    while value.node.op in VIEWS and value.node.inputs[0] is not None:
        value = value.node.inputs[0]
    return value
