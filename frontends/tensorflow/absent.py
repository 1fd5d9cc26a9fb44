"""What a name that is not there says: that it is not there, and what is."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import NoReturn


def absent(module: str, namespace: Mapping[str, object]) -> Callable[[str], NoReturn]:
    """Return a `__getattr__` for a stand-in of TensorFlow's `module`, whose names are `namespace`.

    It raises `AttributeError`, so that `hasattr` and `getattr` with a default work as always.
    """

    def __getattr__(name: str) -> NoReturn:  # noqa: N807 (the module's own hook)
        if name.startswith("__"):  # questions of Python's own, asked of every module
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        present = _public(namespace)
        near = difflib.get_close_matches(name, present, n=3)
        hint = f" Nearest: {', '.join(near)}." if near else ""
        raise AttributeError(
            f"{module}.{name} is not there: graphc's stand-in for {module} holds what tf.keras "
            f"scripts use and no more (all of tf.keras, and a few names around it).{hint} "
            f"It has: {', '.join(present)}."
        )

    return __getattr__


def _public(namespace: Mapping[str, object]) -> list[str]:
    own = (  # what these modules import for themselves
        "Any", "Callable", "Iterable", "NamedTuple", "Sequence", "absent", "annotations", "binary",
        "draws", "np", "ops", "re", "reduction", "renamed", "stream", "tensor",
    )  # fmt: skip
    return sorted(name for name in namespace if not name.startswith("_") and name not in own)
