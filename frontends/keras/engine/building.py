"""Building: which shapes a layer's `build` is given, and how they are noted."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from graphc.keras.engine.call import is_tensor_like
from graphc.keras.engine.name_scope import current_path, scope_of

INPUT_ARGUMENTS = ("input_shape", "batch_input_shape", "input_dim", "batch_shape", "batch_size")


def marking_built(build: Any) -> Any:
    """Return a `build` that also notes that the layer is built and with which shapes."""
    signature = inspect.signature(build)

    @functools.wraps(build)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        with scope_of(self):
            self._path = current_path()
            result = build(self, *args, **kwargs)
        shapes = dict(list(signature.bind(self, *args, **kwargs).arguments.items())[1:])
        self._build_shapes_dict = shapes
        self._build_shapes = next(iter(shapes.values()), None)
        self.built = True
        return result

    return wrapper


def map_shapes(function: Any, shapes: Any) -> Any:
    """Apply a function to every shape (a tuple of sizes) in a structure of shapes."""
    if isinstance(shapes, dict):
        return {key: map_shapes(function, value) for key, value in shapes.items()}
    if all(size is None or isinstance(size, (int, np.integer)) for size in shapes):
        return function(tuple(shapes))
    return [map_shapes(function, shape) for shape in shapes]


def shape_of(leaf: Any) -> Any:
    """Return a tensor's shape, None for anything else."""
    return tuple(leaf.shape) if is_tensor_like(leaf) else None


def build_arguments(build: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    """Return the shapes that `build` asks for: one, or one a parameter (`query_shape`, ...)."""
    parameters = inspect.signature(build).parameters
    needed = [name for name, p in parameters.items() if p.default is p.empty]
    by_name = {f"{name}_shape": shape for name, shape in shapes.items()}
    if len(parameters) > 1 and needed and all(name in by_name for name in needed):
        return {name: by_name[name] for name in parameters if name in by_name}
    return {"input_shape": next(iter(shapes.values()), None)}


def take_input_shape(kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """Take the arguments that state an input's shape out of `kwargs`; return it with its batch."""
    given = {key: kwargs.pop(key) for key in INPUT_ARGUMENTS if key in kwargs}
    whole = given.get("batch_input_shape", given.get("batch_shape"))
    if whole is not None:
        return tuple(whole)
    shape = given.get("input_shape")
    if shape is None and given.get("input_dim") is not None:
        shape = (given["input_dim"],)
    if shape is None:
        return None
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return (given.get("batch_size"), *shape)
