"""Public names: which `keras.*` module something of ours belongs to, and what a name stands for."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

from graphc.keras.engine.settings import to_snake_case
from graphc.keras.saving.registration import get_registered_object

ROOT = "graphc.keras"
FAMILIES = (
    "layers", "models", "losses", "metrics", "optimizers", "optimizers.schedules", "initializers",
    "regularizers", "constraints", "activations", "random", "ops", "dtype_policies", "quantizers",
    "utils",
)  # fmt: skip
FUNCTIONS = (
    "losses",
    "metrics",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "ops",
)
PLACES = {"InputLayer": "keras.layers", "SeedGenerator": "keras.random"}
RENAMED = {"Functional": "Model"}
LOOKUPS_BY_NAME = ("get", "serialize", "deserialize")  # of every family: no part of a model
EXPORTED = {"GroupedQueryAttention": "GroupQueryAttention"}  # the class's name: its public one


def is_ours(item: Any) -> bool:
    """Return whether a class, function or method was defined by graphc itself."""
    return (getattr(item, "__module__", None) or "").startswith(ROOT)


def public_name(item: Any) -> str:
    """Return the name under which Keras's API has a class or function of ours."""
    return EXPORTED.get(item.__name__, item.__name__)


def public_place(item: Any) -> str:
    """Return the module of Keras's API that has a class or function of ours."""
    name = item.__name__
    if name in PLACES:
        return PLACES[name]
    parts = item.__module__.removeprefix(ROOT + ".").split(".")
    family = "optimizers.schedules" if parts[1:2] == ["schedules"] else parts[0]
    if family in ("engine", "models"):
        return "keras"
    return f"keras.{family}"


def find_object(name: str, module: str | None, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return a class or function: a custom one first, else the built-in one of that public module.

    Only graphc's own namespaces are searched: a configuration can never import other modules.

    Raises:
        ValueError: there is none; the message lists the nearest names.
    """
    found = get_registered_object(name, custom_objects)
    if found is not None:
        return found
    if module is None or module == "builtins" or module.split(".")[0] == "keras":
        found = built_in(name.rsplit(">", maxsplit=1)[-1], module or "keras")
    if found is not None:
        return found
    near = difflib.get_close_matches(name.rsplit(">", maxsplit=1)[-1], _known(), 3)
    raise ValueError(
        f"Could not find '{name}'. If it is your own, decorate it with "
        "`@keras.saving.register_keras_serializable()` or pass it in `custom_objects`. "
        f"Received: module={module}. Nearest names: {near}"
    )


def built_in(name: str, module: str) -> Any:
    """Return the class or function of a public module, or of any where it says none; or None."""
    if name in LOOKUPS_BY_NAME:
        return None
    name = RENAMED.get(name) or EXPORTED.get(name, name)
    family = module.removeprefix("keras").removeprefix(".")
    searched = [family] if family in FAMILIES else ["", *FAMILIES]
    for folder in searched:
        namespace = _namespace(folder)
        # the second name is for functions that were stored under a class-like alias, and back
        for known in dict.fromkeys((name, to_snake_case(name))):
            found = getattr(namespace, known, None)
            if isinstance(found, type) or (callable(found) and folder in FUNCTIONS):
                return found
    return None


def _namespace(folder: str) -> Any:
    return importlib.import_module(f"{ROOT}.{folder}" if folder else ROOT)


def _known() -> list[str]:
    return [name for folder in FAMILIES for name in getattr(_namespace(folder), "__all__", ())]
