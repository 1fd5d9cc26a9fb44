"""Objects as plain data and back: Keras 3's configuration format."""

from __future__ import annotations

import difflib
import importlib
import inspect
from typing import Any

import jax
import numpy as np

from graphc.keras.engine.lookups import LOOKUPS
from graphc.keras.saving.registration import (
    get_registered_name,
    get_registered_object,
)

PLAIN = (str, int, float, bool, type(None))
FAMILIES = (
    "layers", "models", "losses", "metrics", "optimizers", "optimizers.schedules", "initializers",
    "regularizers", "constraints", "activations", "random", "dtype_policies",
)  # fmt: skip
ROOT = "graphc.keras"


def serialize_keras_object(obj: Any) -> Any:
    """Return an object as plain data that `json` can write.

    Raises:
        ValueError: the object has no `get_config`.
    """
    if isinstance(obj, PLAIN):
        return obj
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(item) for item in obj]
        return items if isinstance(obj, list) else {"class_name": "__tuple__", "items": items}
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, (np.ndarray, jax.Array)):
        config = {"value": np.asarray(obj).tolist(), "dtype": str(obj.dtype)}
        return {"class_name": "__numpy__", "config": config}
    if inspect.isfunction(obj) or inspect.isclass(obj) or inspect.isbuiltin(obj):
        kind = "class" if inspect.isclass(obj) else "function"
        return _entry(obj, kind, obj.__name__)
    if not hasattr(obj, "get_config"):
        raise ValueError(f"Cannot serialize object {obj} of type {type(obj)}: no `get_config()`.")
    entry = _entry(type(obj), type(obj).__name__, serialize_keras_object(obj.get_config()))
    if hasattr(obj, "get_build_config"):
        build = obj.get_build_config()
        if build is not None:
            entry["build_config"] = serialize_keras_object(build)
    return entry


def _entry(item: Any, class_name: str, config: Any) -> dict[str, Any]:
    registered = get_registered_name(item)
    module = item.__module__ or "builtins"
    ours = module.startswith(ROOT)
    return {
        "module": _public_module(module) if ours else (None if registered != item.__name__ else module),
        "class_name": class_name,
        "config": config,
        "registered_name": None if ours else registered,
    }


def _public_module(module: str) -> str:
    family = module.removeprefix(ROOT + ".").split(".")
    if family[0] == "engine":
        return "keras"
    return "keras." + (".".join(family[:2]) if family[1:2] == ["schedules"] else family[0])


def deserialize_keras_object(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """Return the object that `serialize_keras_object` described.

    Raises:
        ValueError: the class is neither built in nor registered nor given; nearest names listed.
    """
    if isinstance(config, (list, tuple)):
        return [deserialize_keras_object(item, custom_objects, safe_mode) for item in config]
    if not isinstance(config, dict):
        return config
    name = config.get("class_name")
    if name == "__tuple__":
        return tuple(deserialize_keras_object(i, custom_objects, safe_mode) for i in config["items"])
    if name == "__numpy__":
        return np.array(config["config"]["value"], dtype=config["config"]["dtype"])
    if name is None or "config" not in config:
        return {k: deserialize_keras_object(v, custom_objects, safe_mode) for k, v in config.items()}
    if name in ("function", "class"):
        key = config["config"]
        return find_object(config.get("registered_name") or key, config.get("module"), custom_objects)
    return _instance(config, name, custom_objects, safe_mode)


def _instance(
    config: dict[str, Any], name: str, custom_objects: dict[str, Any] | None, safe_mode: bool
) -> Any:
    registered = config.get("registered_name")
    cls = get_registered_object(registered, custom_objects) if registered else None
    cls = cls or find_object(name, config.get("module"), custom_objects)
    inner = config["config"]
    if not hasattr(cls, "from_config"):
        raise ValueError(f"{cls} cannot be made from a configuration. Received: {config}")
    nested = getattr(cls, "from_config_is_raw", False)
    arguments = inner if nested else deserialize_keras_object(inner, custom_objects, safe_mode)
    made = cls.from_config(arguments)
    build = config.get("build_config")
    if build and not getattr(made, "built", True):
        made.build_from_config(deserialize_keras_object(build, custom_objects, safe_mode))
    return made


def find_object(name: str, module: str | None, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return a class or function: a custom one first, else the built-in one of that public module.

    Only graphc's own namespaces are searched: a configuration can never import other modules.

    Raises:
        ValueError: there is none; the message lists the nearest names.
    """
    found = get_registered_object(name, custom_objects)
    if found is not None:
        return found
    plain = name.split(">")[-1]
    family = (module or "").removeprefix("keras").removeprefix(".")
    searched = [family] if family in FAMILIES else list(FAMILIES)
    known: list[str] = []
    for folder in searched:
        namespace = importlib.import_module(f"{ROOT}.{folder}")
        if plain in getattr(namespace, "__all__", dir(namespace)):
            return getattr(namespace, plain)
        known += getattr(namespace, "__all__", [])
    near = difflib.get_close_matches(plain, known, 3)
    raise ValueError(
        f"Could not find '{name}' ({module}). If it is your own, decorate it with "
        "`@keras.saving.register_keras_serializable()` or pass it in `custom_objects`. "
        f"Nearest names: {near}"
    )


LOOKUPS["serialize"] = serialize_keras_object
LOOKUPS["deserialize"] = deserialize_keras_object
