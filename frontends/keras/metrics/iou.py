"""Intersection over union of predicted and true regions, class by class."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.keras import ops
from graphc.keras.engine.settings import epsilon, is_float_dtype, is_int_dtype
from graphc.keras.losses.reduction import align_leading
from graphc.keras.metrics.metric import Metric


class IoU(Metric):
    """The mean intersection over union of some classes.

    Args:
        num_classes: how many classes there are.
        target_class_ids: the classes that are averaged.
        dtype: the dtype of the counts, "int32" by default.
        ignore_class: targets of this class count for nothing.
        sparse_y_true: whether targets are class indices rather than scores along `axis`.
        sparse_y_pred: whether predictions are class indices rather than scores along `axis`.
        axis: the axis of classes in scores.

    Raises:
        ValueError: a class to average is not one of the classes.
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name=name, dtype=dtype or "int")
        if max(target_class_ids) >= num_classes:
            raise ValueError(
                f"Expected target class ids in the range [0, {num_classes}). "
                f"Received: target_class_ids={list(target_class_ids)}"
            )
        self.num_classes, self.ignore_class, self.axis = num_classes, ignore_class, axis
        self.target_class_ids = list(target_class_ids)
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_variable(
            (num_classes, num_classes), dtype=self.dtype, name="total_confusion_matrix"
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add one batch of class indices (or scores) [B, ...], weighted by [B] or by entry.

        Indices outside the classes count for nothing.
        """
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        y_true = y_true if self.sparse_y_true else ops.argmax(y_true, axis=self.axis)
        y_pred = y_pred if self.sparse_y_pred else ops.argmax(y_pred, axis=self.axis)
        weight = self._weight(sample_weight, y_true)
        truth = ops.reshape(ops.cast(y_true, self.dtype), (-1,))
        guess = ops.reshape(ops.cast(y_pred, self.dtype), (-1,))
        counted = ops.logical_and(self._known(truth), self._known(guess))
        if self.ignore_class is not None:
            counted = ops.logical_and(counted, ops.not_equal(truth, self.ignore_class))
        weight = weight * ops.cast(counted, self.dtype)
        cell = ops.cast(truth * self.num_classes + guess, "int32")
        cell = ops.where(counted, cell, 0)
        shape = (self.num_classes, self.num_classes)
        sums = ops.segment_sum(weight, cell, num_segments=self.num_classes**2)
        self.total_cm.assign_add(ops.reshape(sums, shape))

    def _weight(self, sample_weight: Any, y_true: Any) -> Any:
        if sample_weight is None:
            sample_weight = np.ones((), self.dtype)
        weight = ops.convert_to_tensor(sample_weight)
        if is_float_dtype(weight.dtype) and is_int_dtype(self.dtype):
            warnings.warn(
                f"{self.name} counts in {self.dtype}: float weights are cut to integers. Give "
                "integer weights, or a float `dtype` to the metric.",
                stacklevel=3,
            )
        weight = ops.cast(weight, self.dtype)
        if len(weight.shape) > len(y_true.shape):
            weight = ops.reshape(weight, y_true.shape)
        weight = ops.broadcast_to(align_leading(weight, y_true), y_true.shape)
        return ops.reshape(weight, (-1,))

    def _known(self, classes: Any) -> Any:
        return ops.logical_and(classes >= 0, classes < self.num_classes)

    def result(self) -> Any:
        """Return the mean over those target classes that occur, a scalar."""
        counts = ops.cast(self.total_cm, "float32")
        overlap = ops.diagonal(counts)
        union = ops.sum(counts, axis=0) + ops.sum(counts, axis=1) - overlap
        chosen = np.asarray(self.target_class_ids, "int32")
        overlap, union = ops.take(overlap, chosen, axis=0), ops.take(union, chosen, axis=0)
        occurs = ops.cast(union > 1e-9, "float32")
        shares = occurs * overlap / (union + epsilon())
        return ops.sum(shares) / (ops.sum(occurs) + epsilon())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        return super().get_config() | {
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }

    def _config_without(self, *names: str) -> dict[str, Any]:
        return {key: value for key, value in IoU.get_config(self).items() if key not in names}


class BinaryIoU(IoU):
    """The mean intersection over union of negatives and positives at a threshold."""

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add one batch of 0/1 targets and scores [B, ...], weighted by [B] or by entry."""
        y_pred = ops.cast(ops.convert_to_tensor(y_pred), "float32")
        super().update_state(y_true, y_pred >= self.threshold, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        unused = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return self._config_without(*unused) | {"threshold": self.threshold}


class MeanIoU(IoU):
    """The mean intersection over union of all classes."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes,
            range(num_classes),
            name,
            dtype,
            ignore_class,
            sparse_y_true,
            sparse_y_pred,
            axis,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        return self._config_without("target_class_ids")


class OneHotIoU(IoU):
    """The mean intersection over union of some classes, for one-hot targets."""

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        return self._config_without("sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """The mean intersection over union of all classes, for one-hot targets."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        return self._config_without("target_class_ids", "sparse_y_true")
