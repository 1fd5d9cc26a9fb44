"""`Loss`, the base of all losses, and `LossFunctionWrapper`, a function as a loss."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np

from graphc.keras import ops
from graphc.keras.engine.masks import get_mask
from graphc.keras.engine.opaque import open_or_opaque
from graphc.keras.engine.scope import current_trace
from graphc.keras.engine.settings import auto_name, standardize_dtype
from graphc.keras.engine.structure import flatten, map_structure
from graphc.keras.losses.reduction import (
    check_reduction,
    combine_masks,
    squeeze_or_expand_to_same_rank,
    weighted_reduction,
)
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object

LossFunction = Callable[..., Any]


class Loss:
    """A scalar (or, unreduced, per-sample) loss of targets and predictions.

    Subclasses define `call(y_true, y_pred)`, which returns losses [B, ...]; calling the object
    weighs, masks and reduces them.

    Args:
        name: defaults to the class name in snake_case.
        reduction: "sum_over_batch_size" (or "mean"), "sum", "mean_with_sample_weight", "none" or
            None.
        dtype: what targets and predictions are cast to; defaults to `floatx()`. A dtype policy
            stands for its compute dtype.
    """

    saving_base: ClassVar[dict[str, Any]] = {"name": "base"}

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = name or auto_name(type(self).__name__)
        self.reduction = check_reduction(reduction)
        self._dtype = standardize_dtype(getattr(dtype, "compute_dtype", dtype))

    @property
    def dtype(self) -> str:
        """The dtype that the loss is computed in."""
        return self._dtype

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, *, mask: Any = None
    ) -> Any:
        """Return the weighted, reduced loss.

        Args:
            y_true: targets [B, ...], or a nested structure of them if `call` takes one.
            y_pred: predictions of the same structure. A `_keras_mask` on them leaves entries out.
            sample_weight: None, a scalar, [B], or weights that broadcast against the losses.
            mask: None, or one row of [B] each for real (1) and padding (0): the result is the
                loss over the real rows alone.
        """
        in_mask = get_mask(y_pred)
        y_true, y_pred = self._as_tensors(y_true), self._as_tensors(y_pred)
        losses = open_or_opaque(self.call, (y_true, y_pred), {}, (), self.name)
        mask = combine_masks(in_mask, self._loss_mask(y_true, y_pred, losses), mask)
        losses = ops.convert_to_tensor(losses, dtype=self.dtype)
        return weighted_reduction(losses, sample_weight, mask, self.reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the losses [B, ...]; for subclasses to define."""
        raise NotImplementedError(f"{type(self).__name__} must define `call(y_true, y_pred)`.")

    def _loss_mask(self, y_true: Any, y_pred: Any, losses: Any) -> Any:
        """Return the mask of the losses that count, or None for all of them."""
        del y_true, y_pred
        return get_mask(losses)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build the loss from `get_config()`."""
        return cls(**config)

    def _as_tensors(self, structure: Any) -> Any:
        structure = as_array_if_numbers(structure)
        return map_structure(lambda x: ops.convert_to_tensor(x, dtype=self.dtype), structure)


def as_array_if_numbers(structure: Any) -> Any:
    """Return nested Python lists of numbers as one NumPy array, anything else as it is."""
    if not isinstance(structure, (list, tuple)):
        return structure
    leaves = flatten(structure)
    if leaves and all(isinstance(leaf, (bool, int, float)) for leaf in leaves):
        return np.asarray(structure)
    return structure


class LossFunctionWrapper(Loss):
    """The loss that `fn(y_true, y_pred, **kwargs)` computes, with losses [B, ...] as its result."""

    def __init__(
        self,
        fn: LossFunction,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the function's losses, targets and predictions brought to one rank."""
        if hasattr(y_true, "shape") and hasattr(y_pred, "shape"):
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_arguments())

    def _fn_arguments(self) -> dict[str, Any]:
        return self._fn_kwargs

    def get_config(self) -> dict[str, Any]:
        """Return name, reduction, the function and its keyword arguments."""
        config = super().get_config() | {"fn": serialize_keras_object(self.fn)}
        return config | serialize_keras_object(self._fn_kwargs)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build from `get_config()`, whose function may be serialized."""
        return cls(**(deserialize_keras_object(config) if "fn" in config else config))

    def __repr__(self) -> str:
        return f"<LossFunctionWrapper({self.fn}, kwargs={self._fn_kwargs})>"


class NamedFunctionLoss(LossFunctionWrapper):
    """A built-in loss: its class stands for the function, so its config holds only arguments.

    Those of its arguments that are `tuned` may change without another program, but for zero.
    """

    tuned: ClassVar[tuple[str, ...]] = ("label_smoothing",)

    def _fn_arguments(self) -> dict[str, Any]:
        trace, given = current_trace(), self._fn_kwargs
        if trace is None:
            return given
        names = [name for name in self.tuned if isinstance(given.get(name), float) and given[name]]
        scalars = {name: trace.scalar(self, name, partial(given.get, name)) for name in names}
        return given | {name: ops.cast(one, self.dtype) for name, one in scalars.items()}

    def get_config(self) -> dict[str, Any]:
        """Return name, reduction and the arguments of the loss function."""
        return Loss.get_config(self) | self._fn_kwargs

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build the loss from `get_config()`."""
        return cls(**config)
