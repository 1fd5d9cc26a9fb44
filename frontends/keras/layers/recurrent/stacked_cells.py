"""Several cells as one: the output of each is the input of the next."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.layer import Layer
from graphc.keras.layers.wrapper import build_inside
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


class StackedRNNCells(Layer):
    """A stack of cells, whose states are a list with those of each.

    Raises:
        ValueError: a cell has no `call` or no `state_size`.
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            for name in ("call", "state_size"):
                if name not in dir(cell):
                    raise ValueError(f"Expected cells with a `{name}`. Received: cell={cell}")
        self.cells = cells

    @property
    def state_size(self) -> list[Any]:
        """The state sizes of all cells."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The output size of the last cell."""
        return _output_size(self.cells[-1])

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Return the states of all cells before the first step."""
        return [self._first_of(cell, batch_size) for cell in self.cells]

    def _first_of(self, cell: Any, batch_size: Any) -> Any:
        if getattr(cell, "get_initial_state", None) is not None:
            return cell.get_initial_state(batch_size=batch_size)
        if isinstance(cell.state_size, int):
            return ops.zeros((batch_size, cell.state_size), dtype=self.compute_dtype)
        return [ops.zeros((batch_size, n), dtype=self.compute_dtype) for n in cell.state_size]

    def call(self, inputs: Any, states: Any, training: bool = False, **kwargs: Any) -> Any:
        """Return the last cell's output, and the new states of all."""
        after = []
        for cell, before in zip(self.cells, states, strict=True):
            nested = isinstance(before, (list, tuple))
            takes_training = isinstance(cell, Layer) and cell._call_arguments.training
            more = {"training": training} if takes_training else {}
            run = cell if callable(cell) else cell.call
            inputs, new = run(inputs, list(before) if nested else [before], **kwargs, **more)
            after.append(new[0] if not nested and len(new) == 1 else new)
        return inputs, after[0] if len(after) == 1 else after

    def build(self, input_shape: Any) -> None:
        """Build each cell for the output of the one before."""
        for cell in self.cells:
            if isinstance(cell, Layer):
                build_inside(self, cell, input_shape)
            input_shape = (input_shape[0], _output_size(cell))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments: the configurations of the cells."""
        cells = [serialize_keras_object(cell) for cell in self.cells]
        return {**super().get_config(), "cells": cells}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a stack from `get_config()`."""
        config = dict(config)
        cells = config.pop("cells")
        made = [deserialize_keras_object(cell, custom_objects=custom_objects) for cell in cells]
        return cls(made, **config)


def _output_size(cell: Any) -> Any:
    size = getattr(cell, "output_size", None)
    if size is not None:
        return size
    sizes = cell.state_size
    return sizes[0] if isinstance(sizes, (list, tuple)) else sizes
