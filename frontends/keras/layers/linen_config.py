"""A `flax.linen` module as plain data and back: its fields are all there is to it."""

from __future__ import annotations

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from graphc.keras.saving import deserialize_keras_object, serialize_keras_object
from graphc.keras.saving.contexts import carried_name, is_carrying
from graphc.keras.saving.registration import (
    REGISTERED,
    get_registered_name,
    get_registered_object,
)

# What a file may name of Linen itself: nothing but pure functions, and its classes of modules.
FUNCTIONS = (
    "avg_pool", "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_swish",
    "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax", "max_pool", "min_pool", "normalize",
    "relu", "relu6", "selu", "sigmoid", "silu", "soft_sign", "softmax", "softplus", "standardize",
    "swish", "tanh",
)  # fmt: skip
LINEN, FIELDS, TUPLE = "__linen__", "__linen_module__", "__tuple__"
PLAIN = (str, int, float, bool, type(None))


def serialize_module(module: Any) -> Any:
    """Return a module as plain data: by its own `get_config`, else by its fields.

    Raises:
        ValueError: a field holds what no file can name.
    """
    if hasattr(module, "get_config") or not isinstance(module, nn.Module):
        return serialize_keras_object(module)
    return _module(module)


def _module(module: Any) -> dict[str, Any]:
    cls = type(module)
    fields = {
        field.name: _encoded(getattr(module, field.name), module, field.name)
        for field in dataclasses.fields(module)
        if field.init and field.name != "parent" and not _is_default(module, field)
    }
    name = _linen_name(cls)
    found = {"class_name": LINEN, "config": name} if name else carried_name(cls)
    found = found or get_registered_name(cls)
    return {"class_name": FIELDS, "config": {"class": found, "fields": fields}}


def _is_default(module: Any, field: Any) -> bool:
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    value = getattr(module, field.name)
    if value is default:
        return True
    return isinstance(value, (*PLAIN, tuple)) and type(value) is type(default) and value == default


def _linen_name(item: Any) -> str | None:
    """The name under which Linen itself has a function or a class that files may name."""
    name = getattr(item, "__name__", "")
    return name if _of_linen(name) is item else None


def _of_linen(name: str) -> Any:
    found = getattr(nn, name, None)
    is_module = isinstance(found, type) and issubclass(found, nn.Module)
    return found if is_module or name in FUNCTIONS else None


def _encoded(value: Any, module: Any, field: str) -> Any:
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, nn.Module):
        return serialize_module(value)
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return {"class_name": TUPLE, "config": [_encoded(v, module, field) for v in value]}
    if isinstance(value, list):
        return [_encoded(item, module, field) for item in value]
    if hasattr(value, "items"):
        return {key: _encoded(item, module, field) for key, item in value.items()}
    if _is_dtype(value):
        return jnp.dtype(value).name
    if isinstance(value, jax.Array | np.ndarray):
        return serialize_keras_object(value)
    name = _linen_name(value)
    if name is not None:
        return {"class_name": LINEN, "config": name}
    if is_carrying() or (callable(value) and get_registered_name(value) in REGISTERED):
        return serialize_keras_object(value)
    raise ValueError(
        f"The field '{field}' of {type(module).__name__} cannot be written. Expected numbers, "
        "strings, dtypes, modules, activations of flax.linen, or a function decorated with "
        "`@keras.saving.register_keras_serializable()`; or else give the class methods "
        f"`get_config` and `from_config`. Received: {value!r}"
    )


def _is_dtype(value: Any) -> bool:
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return True
    return callable(value) and isinstance(getattr(value, "dtype", None), np.dtype)  # jnp.float32


def deserialize_module(entry: Any) -> Any:
    """Return the module that `serialize_module` (or Keras) described.

    Raises:
        ValueError: its class is not registered, nor given, nor Linen's own.
    """
    return _decoded(entry) if _kind(entry) == FIELDS else deserialize_keras_object(entry)


def _kind(entry: Any) -> Any:
    return entry.get("class_name") if isinstance(entry, dict) else None


def _decoded(entry: Any) -> Any:
    if isinstance(entry, list):
        return [_decoded(item) for item in entry]
    if not isinstance(entry, dict):
        return entry
    kind = _kind(entry)
    if kind is None:
        return {key: _decoded(item) for key, item in entry.items()}
    if kind == TUPLE:
        return tuple(_decoded(item) for item in entry["config"])
    if kind == LINEN:
        return _found_in_linen(entry["config"])
    if kind != FIELDS:
        return deserialize_keras_object(entry)
    named = entry["config"]["class"]
    cls = _found_in_linen(named["config"]) if _kind(named) == LINEN else _custom(named)
    return cls(**{key: _decoded(item) for key, item in entry["config"]["fields"].items()})


def _found_in_linen(name: str) -> Any:
    found = _of_linen(name)
    if found is None:
        raise ValueError(
            "Expected a class of modules of flax.linen, or one of its functions "
            f"{', '.join(FUNCTIONS)}. Received: {name!r}"
        )
    return found


def _custom(name: str) -> Any:
    found = get_registered_object(name) or get_registered_object(name.rsplit(">", 1)[-1])
    if isinstance(found, type) and issubclass(found, nn.Module):
        return found
    raise ValueError(
        f"Could not find the Linen module '{name}'. Decorate its class with "
        "`@keras.saving.register_keras_serializable()` or pass it in `custom_objects`. "
        f"Received: {found!r} of that name"
    )
