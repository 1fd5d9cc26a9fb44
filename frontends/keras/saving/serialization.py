"""Objects as plain data and back: Keras 3's configuration format."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import numpy as np

from graphc.keras.engine.lookups import LOOKUPS
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.saving.bytecode import dump_lambda, load_lambda
from graphc.keras.saving.contexts import (
    carried_name,
    in_safe_mode,
    safe_mode_scope,
    sharing,
)
from graphc.keras.saving.names import find_object, is_ours, public_name, public_place
from graphc.keras.saving.registration import (
    custom_object_scope,
    get_registered_name,
    get_registered_object,
)

PLAIN = (str, int, float, bool, type(None))


def serialize_keras_object(obj: Any) -> Any:
    """Return an object as plain data that `json` can write (tuples become its lists).

    Raises:
        ValueError: the object has no `get_config`.
    """
    with sharing():
        return _serialize(obj)


def _serialize(obj: Any) -> Any:
    if isinstance(obj, np.generic) or (isinstance(obj, np.ndarray) and obj.ndim == 0):
        return obj.item()
    if isinstance(obj, PLAIN):
        return obj
    if isinstance(obj, (list, tuple)) and not hasattr(obj, "_fields"):
        return type(obj)(_serialize(item) for item in obj)
    if isinstance(obj, dict):
        if "class_name" in obj and "config" in obj:
            return obj  # serialized already, and known to `sharing` as this very dictionary
        return {key: _serialize(value) for key, value in obj.items()}
    for kind, (name, config) in SPECIAL.items():
        if isinstance(obj, kind):
            return {"class_name": name, "config": config(obj)}
    if inspect.isclass(obj) or (callable(obj) and not hasattr(obj, "get_config")):
        return _serialize_function(obj)
    if not hasattr(obj, "get_config"):
        return _serialize_unknown(obj)
    return _serialize_instance(obj)


def _tensor_config(tensor: KerasTensor) -> dict[str, Any]:
    history = tensor._keras_history
    history = history and [history.operation.name, history.node_index, history.tensor_index]
    return {"shape": tensor.shape, "dtype": tensor.dtype, "keras_history": history}


def _array_config(array: Any) -> dict[str, Any]:
    return {"value": np.asarray(array).tolist(), "dtype": str(array.dtype)}


SPECIAL: dict[type, tuple[str, Any]] = {
    KerasTensor: ("__keras_tensor__", _tensor_config),
    jax.Array: ("__tensor__", _array_config),
    np.ndarray: ("__numpy__", _array_config),
    bytes: ("__bytes__", lambda value: {"value": value.decode("utf-8")}),
    slice: (
        "__slice__",
        lambda s: {k: _serialize(getattr(s, k)) for k in ("start", "stop", "step")},
    ),
    type(Ellipsis): ("__ellipsis__", lambda _: {}),
}


def _serialize_function(obj: Any) -> dict[str, Any]:
    """Return the entry of a function or a class, found again by name."""
    kind = "class" if inspect.isclass(obj) else "function"
    if is_ours(obj):
        place, name = public_place(obj), public_name(obj)
        return {"module": place, "class_name": kind, "config": name, "registered_name": kind}
    name = carried_name(obj)
    if name is None and getattr(obj, "__name__", "") == "<lambda>":
        return {"class_name": "__lambda__", "config": {"value": list(dump_lambda(obj).values())}}
    name = name or get_registered_name(obj)
    return {"module": "builtins", "class_name": kind, "config": name, "registered_name": kind}


def _serialize_unknown(obj: Any) -> dict[str, Any]:
    name = carried_name(obj)
    if name is None:
        raise ValueError(
            f"Cannot serialize an object of type {type(obj)}. Expected one with `get_config()`. "
            f"Received: {obj}"
        )
    return {
        "module": "builtins", "class_name": "function", "config": name, "registered_name": name,
    }  # fmt: skip


def _serialize_instance(obj: Any) -> dict[str, Any]:
    entry = instance_entry(type(obj), _serialize(obj.get_config()))
    build = obj.get_build_config() if hasattr(obj, "get_build_config") else None
    if build is not None:
        entry["build_config"] = _serialize(build)
    if hasattr(obj, "get_compile_config"):
        entry["compile_config"] = _serialize(obj.get_compile_config())
    if hasattr(obj, "_inbound_nodes"):
        with sharing() as scope:
            scope.note(obj, entry)
    return entry


def instance_entry(cls: type, config: Any) -> dict[str, Any]:
    """Return the entry of an instance of `cls` that `config` describes."""
    if is_ours(cls):
        module, name, registered = public_place(cls), public_name(cls), None
        if name == "Model":  # Keras's class of functional models has no public name
            module, name, registered = FUNCTIONAL, "Functional", "Functional"
    else:
        module, name = None, cls.__name__
        registered = carried_name(cls) or get_registered_name(cls)
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


FUNCTIONAL = "keras.src.models.functional"


def deserialize_keras_object(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """Return the object that `serialize_keras_object` (ours or Keras's) described.

    Args:
        config: plain data; what is no configuration of an object is returned as it is.
        custom_objects: classes and functions by name, before the registered ones.
        safe_mode: refuse functions stored as bytecode.

    Raises:
        ValueError: the class is neither built in nor registered nor given (nearest names listed),
            or there is bytecode and `safe_mode` is on.
    """
    mode = in_safe_mode(safe_mode)
    with sharing(), custom_object_scope(custom_objects or {}), safe_mode_scope(mode):
        return _deserialize(config)


def _deserialize(config: Any) -> Any:
    if isinstance(config, (list, tuple)):
        return [_deserialize(item) for item in config]
    if not isinstance(config, dict):
        return config
    name = config.get("class_name")
    if name is None or "config" not in config:
        return {key: _deserialize(value) for key, value in config.items()}
    if name in PLAIN_FORMS:
        return PLAIN_FORMS[name](config["config"])
    if name in ("function", "class"):
        key = config["config"]
        return find_object(key, config.get("module"))
    return _instance(config, name)


def _lambda(stored: dict[str, Any]) -> Any:
    if in_safe_mode(True):
        raise ValueError(
            "This configuration holds a Python lambda stored as bytecode, and loading it would run "
            "code from the file. If you trust it, pass `safe_mode=False`; otherwise build the "
            "model from code, with a named function. Received: a function of kind '__lambda__'"
        )
    return load_lambda(stored.get("value", stored))


def _array(stored: dict[str, Any]) -> np.ndarray:
    return np.array(stored["value"], dtype=stored["dtype"])


def _tensor(stored: dict[str, Any]) -> KerasTensor:
    tensor = KerasTensor(stored["shape"], stored["dtype"], name="serialized")
    tensor._serialized_history = stored["keras_history"]  # type: ignore[attr-defined]
    return tensor


PLAIN_FORMS: dict[str, Any] = {
    "__tuple__": lambda stored: tuple(_deserialize(stored)),
    "__numpy__": _array,
    "__tensor__": lambda stored: jax.numpy.asarray(_array(stored)),
    "__bytes__": lambda stored: stored["value"].encode("utf-8"),
    "__slice__": lambda stored: slice(*(stored[key] for key in ("start", "stop", "step"))),
    "__ellipsis__": lambda _: Ellipsis,
    "__keras_tensor__": _tensor,
    "__lambda__": _lambda,
}


def _instance(config: dict[str, Any], name: str) -> Any:
    number = config.get("shared_object_id")
    with sharing() as scope:
        if number in scope.objects:
            return scope.objects[number]
        made = _made(config, name)
        if number is not None:
            scope.objects[number] = made
    build, compiled = config.get("build_config"), config.get("compile_config")
    if build and not getattr(made, "built", True):
        made.build_from_config({key: _shapes(value) for key, value in build.items()})
        made.built = True
    if compiled and hasattr(made, "compile_from_config"):
        made.compile_from_config(compiled)
    return made


def _shapes(value: Any) -> Any:
    """Return a structure of shapes with each shape as a tuple: JSON knows only lists."""
    if isinstance(value, dict):
        return {key: _shapes(item) for key, item in value.items()}
    if not isinstance(value, (list, tuple)):
        return value
    sizes = all(size is None or isinstance(size, int) for size in value)
    return tuple(value) if sizes else [_shapes(item) for item in value]


def _made(config: dict[str, Any], name: str) -> Any:
    registered = config.get("registered_name")
    cls = get_registered_object(registered) if registered else None
    if name in OF_TENSORFLOW and cls is None and get_registered_object(name) is None:
        raise ValueError(_wrapping(name, config["config"]))
    cls = cls or find_object(name, config.get("module"))
    make = getattr(cls, "from_config", None)
    if make is None:
        raise ValueError(
            f"Expected a class with a `from_config()` method. Received: {cls} for the "
            f"configuration {config}"
        )
    inner = dict(config["config"] or {})
    if is_ours(make) and not getattr(cls, "from_config_is_raw", False):
        inner = {key: _deserialize(value) for key, value in inner.items()}
    takes_mode = "safe_mode" in inspect.signature(make).parameters
    return make(inner, safe_mode=in_safe_mode(True)) if takes_mode else make(inner)


# What Keras 2 made of functions of TensorFlow that were called on the tensors of a model.
OF_TENSORFLOW = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod",
                 "InstanceMethod", "InstanceProperty")  # fmt: skip


def _wrapping(name: str, inner: Any) -> str:
    """Return why a layer is refused that stands for a function of TensorFlow."""
    given = inner if isinstance(inner, dict) else {}
    function = next((given[key] for key in FUNCTION_KEYS if given.get(key)), "indexing")
    return (
        "Expected layers of Keras, or a class of this name in `custom_objects`. Received: the "
        f"layer '{given.get('name')}' ({name}), which calls TensorFlow's own {function!r}: build "
        "the model from code with `keras.ops` in its place, and load the weights"
    )


FUNCTION_KEYS = ("function", "method_name", "attr_name", "cls_ref", "cls_symbol")
LOOKUPS["serialize"] = serialize_keras_object
LOOKUPS["deserialize"] = deserialize_keras_object
