"""The inputs of a model that is a class of its own: those that it was built with."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.building import map_shapes
from graphc.keras.models.input_layer import Input


def inputs_of(model: Any) -> Any:
    """Return symbolic inputs of the shapes that a built model was first called with.

    Raises:
        ValueError: it was called with several arguments, or never with any.
    """
    shapes = getattr(model, "_build_shapes_dict", None) or {}
    if len(shapes) != 1 or None in shapes.values():
        raise ValueError(
            f"Model '{model.name}' is a class of its own, which does not say what its inputs are. "
            f"Expected: a call with one argument. Received: {', '.join(shapes) or 'no shapes'}. "
            "Export `keras.Model(inputs, model(*inputs))` with inputs made by `keras.Input`: it "
            "has the same weights"
        )
    (shape,) = shapes.values()
    if isinstance(shape, dict):
        return {name: _input(one, model, name) for name, one in shape.items()}
    return map_shapes(lambda one: _input(one, model), shape)


def _input(shape: Any, model: Any, name: str | None = None) -> Any:
    return Input(batch_shape=(None, *shape[1:]), dtype=model.compute_dtype, name=name)
