"""Python lambdas as bytecode in text, Keras's format, and back."""

from __future__ import annotations

import base64
import builtins
import importlib
import marshal
import types
from collections.abc import Callable
from typing import Any

# What a loaded lambda can name: its own module is not there any more.
KNOWN_MODULES = {
    "np": "numpy", "numpy": "numpy", "jax": "jax", "jnp": "jax.numpy", "keras": "graphc.keras",
    "ops": "graphc.keras.ops", "layers": "graphc.keras.layers",
}  # fmt: skip


def dump_lambda(function: Callable[..., Any]) -> dict[str, Any]:
    """Return code, defaults and closure of a lambda; they hold plain values only."""
    cells = getattr(function, "__closure__", None) or ()
    closure = tuple(cell.cell_contents for cell in cells) or None
    code = base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii")  # type: ignore[attr-defined]
    return {"code": code, "defaults": function.__defaults__, "closure": closure}  # type: ignore[attr-defined]


def load_lambda(stored: Any) -> Callable[..., Any]:
    """Return the function that `dump_lambda` described. Calling it runs the stored code.

    Args:
        stored: the dictionary above, or Keras's list [code, defaults, closure].
    """
    if not isinstance(stored, dict):
        stored = dict(zip(("code", "defaults", "closure"), stored, strict=True))
    code = marshal.loads(base64.decodebytes(stored["code"].encode("ascii")))
    defaults = stored.get("defaults")
    closure = tuple(types.CellType(item) for item in stored.get("closure") or ())
    names: dict[str, Any] = {"__builtins__": builtins, "__name__": "graphc.keras.lambdas"}
    names |= {name: importlib.import_module(module) for name, module in KNOWN_MODULES.items()}
    defaults = None if defaults is None else tuple(defaults)
    return types.FunctionType(code, names, "<lambda>", defaults, closure or None)
