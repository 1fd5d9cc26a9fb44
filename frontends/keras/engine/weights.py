"""The variables of a layer: adding, listing, freezing, getting and setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import numpy as np

from graphc.keras.engine import tracking
from graphc.keras.engine.lookups import LOOKUPS
from graphc.keras.engine.name_scope import name_scope
from graphc.keras.engine.scope import current_scope
from graphc.keras.engine.variable import Variable
from graphc.keras.engine.version import Version, structural_change


def per_version(listing: Callable[[Any], list[Any]]) -> property:
    """Return a property that lists anew only after a structural change of some layer."""

    def listed(self: Any) -> list[Any]:
        kept = self.__dict__.get("_listed")
        if kept is None or kept[0] != Version.number:
            kept = (Version.number, {})
            object.__setattr__(self, "_listed", kept)
        if listing not in kept[1]:
            kept[1][listing] = listing(self)
        return list(kept[1][listing])

    return property(listed, doc=listing.__doc__)


class LayerWeights:
    """The half of `Layer` that owns variables."""

    _shapes_open = False  # whether it was built without a call, which will tell its input's shape

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Create a variable of this layer.

        Args:
            shape: its shape; () when not given.
            initializer: glorot_uniform for floats and zeros otherwise, when not given.
            dtype: the layer's variable dtype, when not given.
        """
        dtype = dtype or self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if "float" in str(dtype) else "zeros"
        shape = () if shape is None else tuple(shape)
        with name_scope(self.name, caller=self):
            variable = Variable(
                LOOKUPS["initializer"](initializer), shape, dtype, trainable, autocast,
                aggregation, name=name,
            )  # fmt: skip
        variable.regularizer = LOOKUPS["regularizer"](regularizer)
        variable.constraint = LOOKUPS["constraint"](constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        if trainable:
            variable.trainable = self._trainable
        self.__dict__.setdefault("_added", []).append(variable)
        structural_change()
        return variable

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Any]:
        found = [self] if include_self else []
        for layer in self._sublayers():
            found += layer._flatten_layers() if recursive else [layer]
        return tracking.unique(found)

    def _sublayers(self) -> list[Any]:
        return tracking.unique(i for i in tracking.attributes(self) if isinstance(i, LayerWeights))

    @property
    def _all_built(self) -> bool:
        """Whether this layer and all inside it have their variables."""
        return self.built and not self._unbuilt

    @per_version
    def _unbuilt(self) -> list[Any]:
        return [layer for layer in self._flatten_layers() if not layer.built]

    @per_version
    def variables(self) -> list[Variable]:
        """All variables, seed states included: own ones first, then sub-layers'."""
        found = tracking.own_variables(self) + tracking.seed_states(self)
        for layer in self._sublayers():
            found += layer.variables
        return tracking.unique(found)

    @per_version
    def weights(self) -> list[Variable]:
        """The variables that are saved: without seed states."""
        found = tracking.own_variables(self)
        for layer in self._sublayers():
            found += layer.weights
        return tracking.unique(found)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the variables of this layer itself in a store, by their place."""
        for place, variable in enumerate(tracking.own_variables(self)):
            store[str(place)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Set the variables of this layer itself from a store; all, or none.

        Raises:
            ValueError: their number differs, or a shape.
        """
        self._load_variables(tracking.own_variables(self), store)

    def _load_variables(self, variables: list[Variable], store: Mapping[str, Any]) -> None:
        if len(store) != len(variables):
            never = "" if self.built else " It was never built, so it has no variables yet."
            raise ValueError(
                f"Layer '{self.name}' expected {len(variables)} variables, but received "
                f"{len(store)} variables during loading.{never} "
                f"Expected: {[variable.name for variable in variables]}"
            )
        values = [store[str(place)] for place in range(len(variables))]
        for variable, value in zip(variables, values, strict=True):
            if tuple(value.shape) != tuple(variable.shape):
                raise ValueError(
                    f"Variable '{variable.path}' expected shape {tuple(variable.shape)}. "
                    f"Received: shape {tuple(value.shape)} in the file."
                )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    @per_version
    def trainable_variables(self) -> list[Variable]:
        """The variables that `fit` updates; none when the layer is frozen."""
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @per_version
    def non_trainable_variables(self) -> list[Variable]:
        """All other variables."""
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trainable]

    @per_version
    def trainable_weights(self) -> list[Variable]:
        """The weights that `fit` updates."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @per_version
    def non_trainable_weights(self) -> list[Variable]:
        """All other weights."""
        trainable = {id(v) for v in self.trainable_weights}
        return [v for v in self.weights if id(v) not in trainable]

    @property
    def trainable(self) -> bool:
        """Whether `fit` updates this layer. Setting it reaches sub-layers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for variable in tracking.own_variables(self):
            if variable.born_trainable:
                variable.trainable = self._trainable
        for layer in self._sublayers():
            layer.trainable = value
        structural_change()

    @property
    def losses(self) -> list[Any]:
        """Losses added by `add_loss` in the last call, and penalties on weights."""
        scope = current_scope()
        layers = self._flatten_layers()
        added = (
            scope.losses_of(layers)
            if scope is not None
            else [loss for layer in layers for loss in layer._losses]
        )
        penalties = [
            variable.regularizer(variable)
            for variable in self.trainable_weights
            if variable.regularizer is not None
        ]
        return [*added, *penalties]

    @per_version
    def _metric_attributes(self) -> list[Any]:
        """The metrics that are attributes of the layer or of those inside."""
        return tracking.unique(
            item
            for layer in self._flatten_layers()
            for item in tracking.attributes(layer)
            if tracking.is_metric(item)
        )

    @property
    def metrics(self) -> list[Any]:
        """The metrics that are attributes of the layer or of those inside."""
        return self._metric_attributes

    @property
    def metrics_variables(self) -> list[Variable]:
        """The state of all metrics."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def _clear_losses(self) -> None:
        scope = current_scope()
        if scope is not None:
            scope.drop_losses_of(self._flatten_layers())
            return
        for layer in self._flatten_layers():
            layer._losses.clear()

    def get_weights(self) -> list[np.ndarray]:
        """Return the weights as NumPy arrays."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Set the weights.

        Raises:
            ValueError: another number of arrays, or another shape, than `weights` has.
        """
        variables = self.weights
        if len(variables) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of "
                f"length {len(weights)}, but the layer was expecting {len(variables)} weights."
            )
        for variable, value in zip(variables, weights, strict=True):
            if tuple(np.shape(value)) != variable.shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with "
                    f"provided weight shape {tuple(np.shape(value))} ({variable.path})."
                )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        """Return the number of scalars in the weights.

        Raises:
            ValueError: the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't "
                "built. You can build it manually via: `layer.build(input_shape)`."
            )
        return int(sum(np.prod(variable.shape) for variable in self.weights))
