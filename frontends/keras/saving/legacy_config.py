"""Configurations that Keras 2 wrote, as Keras 3 would write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

OPTIMIZERS = ("SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam", "Ftrl")
RENAMED = {name: {"lr": "learning_rate"} for name in OPTIMIZERS}
# Arguments that are not there any more, by class.
DROPPED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(OPTIMIZERS, ("is_legacy_optimizer", "jit_compile", "decay")),
    "InputLayer": ("ragged",),
    "Lambda": ("module", "function_type", "output_shape_type", "output_shape_module"),
    "DepthwiseConv2D": ("groups",),
}
RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D",
             "StackedRNNCells", "Bidirectional")  # fmt: skip
DROPPED |= dict.fromkeys(RECURRENT, ("implementation", "time_major"))
# What `compile` understands by itself, for it depends on the shapes.
BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")


def modern(config: Any) -> Any:
    """Return a configuration with Keras 2's arguments renamed, dropped and converted.

    Configurations of Keras 3 stay as they are.
    """
    if isinstance(config, list):
        return [modern(item) for item in config]
    if not isinstance(config, dict):
        return config
    name = config.get("class_name")
    if not isinstance(name, str) or "config" not in config:
        return {key: modern(value) for key, value in config.items()}
    inner = config["config"]
    if isinstance(inner, dict) and name in CONVERTED:
        inner = CONVERTED[name](inner)
    rest = {key: modern(value) for key, value in config.items() if key != "config"}
    return rest | {"config": _arguments(name, inner)}


def _arguments(name: str, inner: Any) -> Any:
    if not isinstance(inner, dict):
        return modern(inner)
    if "keras_history" in inner or "build_config" in inner:
        return inner
    gone, renamed = DROPPED.get(name, ()), RENAMED.get(name, {})
    found = {renamed.get(k, k): modern(v) for k, v in inner.items() if k not in gone}
    shape = found.pop("batch_input_shape", None)
    if shape is not None:
        found.setdefault("batch_shape" if name == "InputLayer" else "batch_input_shape", shape)
    return found


def _axis(inner: dict[str, Any]) -> dict[str, Any]:
    """Keras 2 wrote the one axis of a BatchNormalization as a list."""
    axis = inner.get("axis")
    one = isinstance(axis, list) and len(axis) == 1
    return {**inner, "axis": axis[0]} if one and axis is not None else inner


def _function(inner: dict[str, Any]) -> dict[str, Any]:
    """Keras 2 wrote a lambda as [code, defaults, closure]."""
    function = inner.get("function")
    if not isinstance(function, list):
        return inner
    return {**inner, "function": {"class_name": "__lambda__", "config": {"value": function}}}


def _wrapped(inner: dict[str, Any]) -> dict[str, Any]:
    """Keras 2 wrote the function of a metric or a loss as its name."""
    function = inner.get("fn")
    if not isinstance(function, str):
        return inner
    return {**inner, "fn": {"class_name": "function", "config": function, "module": "builtins"}}


def _graph(inner: dict[str, Any]) -> dict[str, Any]:
    """Keras 2 wrote the one input or output of a model as a list, and took it for a tensor."""
    nodes = [node for entry in inner.get("layers", ()) for node in entry.get("inbound_nodes") or ()]
    if not nodes or not all(isinstance(node, list) for node in nodes):
        return inner
    ends = {key: inner[key] for key in ("input_layers", "output_layers") if key in inner}
    return {**inner, **{key: end[0] if len(end) == 1 else end for key, end in ends.items()}}


CONVERTED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "BatchNormalization": _axis,
    "LayerNormalization": _axis,
    "Lambda": _function,
    "MeanMetricWrapper": _wrapped,
    "LossFunctionWrapper": _wrapped,
    "Functional": _graph,
    "Model": _graph,
}


def compile_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `compile`, as configurations, from a file's `training_config`."""
    names = ("loss", "loss_weights", "metrics", "weighted_metrics")
    found = {name: _named(modern(config.get(name))) for name in names}
    return found | {"optimizer": modern(config.get("optimizer_config"))}


def _named(value: Any) -> Any:
    """Return what Keras 2 called a metric or a loss as what `compile` calls it."""
    if isinstance(value, list):
        return [_named(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {key: _named(item) for key, item in value.items()}
    name = value.get("config", {}).get("fn") if value["class_name"] == "MeanMetricWrapper" else None
    return name if name in BY_SHAPE else value
