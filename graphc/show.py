"""`graphc.graph`: the graph of a model in any mode, to print and look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from graphc.ir import Graph
from graphc.passes.base import Mode
from graphc.pipeline import Pipeline

ShownMode = Literal["train", "infer", "test"]
PASS_MODES: dict[str, Mode] = {"train": "train", "infer": "infer", "test": "infer"}


@dataclass(frozen=True)
class Trace:
    """A graph before any pass, and arrays to run it on, in its order."""

    graph: Graph
    params: tuple[Any, ...] = ()
    state: tuple[Any, ...] = ()
    inputs: tuple[Any, ...] = ()


def graph(
    model: Any,
    mode: ShownMode = "train",
    inputs: Any = None,
    passes: bool = True,
    *,
    targets: Any = None,
) -> Graph:
    """Return the graph of a model: `print` it for one line a node.

    Args:
        model: a model, or a graph built by hand.
        mode: "train" or "test", the whole step with loss and metrics where the model is compiled,
            else the forward pass; or "infer", the forward pass alone.
        inputs: what the model is called on: arrays, `TensorSpec`s or shapes (floats). By default
            those of the last step run in this mode, else the model's own with a batch of one.
        passes: whether to run the passes; without them it is the graph as traced.
        targets: like `inputs`; by default of the shapes that the losses ask for.

    Raises:
        ValueError: an unknown mode.
        AttributeError: no inputs are given, and the model does not know its own.
        TypeError: neither a model nor a graph.
    """
    traced = trace_of(model, mode, inputs, targets).graph
    return Pipeline()(traced, PASS_MODES[mode]) if passes else traced


def trace_of(model: Any, mode: str, inputs: Any, targets: Any) -> Trace:
    """Return a model traced in a mode, and arrays to run it on.

    Raises:
        ValueError: an unknown mode.
        TypeError: not a model, a graph or a trace.
    """
    if mode not in PASS_MODES:
        expected = tuple(PASS_MODES)
        raise ValueError(f"Unknown mode. Expected one of {expected}. Received: {mode!r}")
    if isinstance(model, Trace):
        return model
    if isinstance(model, Graph):
        return Trace(model, inputs=cast("tuple[Any, ...]", tuple(inputs or ())))
    trace = getattr(model, "__graphc_trace__", None)
    if trace is None:
        raise TypeError(f"Expected a model or a Graph. Received: {model!r} (of type {type(model)})")
    return trace(mode, inputs, targets)
