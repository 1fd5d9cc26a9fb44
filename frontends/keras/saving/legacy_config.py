"""Configurations that Keras 2 wrote, as Keras 3 would write them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from graphc.keras.saving.legacy_graph import graph

OPTIMIZERS = ("SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam", "Ftrl")
RENAMED = {name: {"lr": "learning_rate"} for name in OPTIMIZERS}
CLASSES = {"Policy": "DTypePolicy", "PolicyV1": "DTypePolicy"}
CONVOLUTIONS = ("DepthwiseConv1D", "DepthwiseConv2D", "Conv1DTranspose", "Conv2DTranspose",
                "Conv3DTranspose")  # fmt: skip
SEPARABLE = ("SeparableConv1D", "SeparableConv2D")
KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
INITIALIZERS = (
    "Zeros", "Ones", "Constant", "RandomNormal", "RandomUniform", "TruncatedNormal", "Orthogonal",
    "VarianceScaling", "GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform",
    "LecunNormal", "Identity",
)  # fmt: skip
# Arguments that are not there any more, by class.
DROPPED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(OPTIMIZERS, ("is_legacy_optimizer", "jit_compile", "decay")),
    "InputLayer": ("ragged",),
    "Lambda": ("module", "function_type", "output_shape_type", "output_shape_module"),
    **dict.fromkeys(CONVOLUTIONS, ("groups",)),
    **dict.fromkeys(SEPARABLE, ("groups", *KERNEL)),
    **dict.fromkeys(INITIALIZERS, ("dtype",)),
    "Embedding": ("input_length",),
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape"),
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
    name, inner = _name(name), config["config"]
    if isinstance(inner, dict) and name in CONVERTED:
        inner = CONVERTED[name](inner)
    if isinstance(inner, dict) and "input_layers" in inner:
        inner = graph(inner)
    rest = {key: modern(value) for key, value in config.items() if key != "config"}
    if _is_package(rest.get("module")):
        rest["module"] = "keras"
    return rest | {"class_name": name, "config": _arguments(name, inner)}


def _name(name: str) -> str:
    """Return the name of a class without the package that it lay in."""
    package, _, last = name.rpartition(">")
    if last in OPTIMIZERS and package == "Custom":  # Keras 2.11 registered its own so
        return last
    if package:
        return last if _is_package(package) or package.split(".")[0] == "keras" else name
    package, _, last = name.rpartition(".")
    name = last if _is_package(package) or package.split(".")[0] == "keras" else name
    return CLASSES.get(name, name)


def _is_package(module: Any) -> bool:
    """Return whether a module is one of Keras 2 inside TensorFlow, or of the package `tf_keras`."""
    parts = module.split(".") if isinstance(module, str) else []
    return parts[:1] == ["tf_keras"] or (parts[:1] in (["tensorflow"], ["tf"]) and "keras" in parts)


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


def _distribution(inner: dict[str, Any]) -> dict[str, Any]:
    """Keras 2 called the truncated normal distribution the normal one, too."""
    normal = inner.get("distribution") == "normal"
    return {**inner, "distribution": "truncated_normal"} if normal else inner


CONVERTED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "BatchNormalization": _axis,
    "LayerNormalization": _axis,
    "Lambda": _function,
    "VarianceScaling": _distribution,
    "MeanMetricWrapper": _wrapped,
    "LossFunctionWrapper": _wrapped,
}


def compile_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `compile`, as configurations, from a file's `training_config`."""
    names = ("loss", "loss_weights", "metrics", "weighted_metrics")
    found = {name: _named(modern(config.get(name))) for name in names}
    decay = ((config.get("optimizer_config") or {}).get("config") or {}).get("decay")
    if decay:
        warnings.warn(
            f"The optimizer's 'decay' of {decay} is ignored: compile with "
            "`InverseTimeDecay(learning_rate, 1, decay)` as learning rate for the same.",
            stacklevel=7,
        )
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
