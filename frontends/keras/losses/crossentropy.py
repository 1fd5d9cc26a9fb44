"""The cross-entropies as functions; each is one op that a pass can fuse with softmax or sigmoid."""

from __future__ import annotations

import warnings
from typing import Any

import jax

from graphc.keras import ops
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.masks import set_mask
from graphc.keras.engine.settings import epsilon
from graphc.keras.losses.loss import as_array_if_numbers
from graphc.keras.losses.pairing import paired, same_dtype


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: Any = -1,
) -> Any:
    """Return the mean over `axis` of the cross-entropy of yes-or-no targets: [B, D] to [B].

    Raises:
        ValueError: targets and predictions differ in shape.
    """
    y_true, y_pred = paired(y_true, y_pred)
    _check_same_shape(y_true, y_pred, "binary_crossentropy")
    if not is_zero(label_smoothing):
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    losses = apply("nn.binary_crossentropy", y_true, y_pred, from_logits=bool(from_logits))
    return ops.mean(losses, axis=axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: Any = -1,
) -> Any:
    """Return the binary cross-entropy times (1 - p)^gamma for the right answer's probability p.

    With `apply_class_balancing` the ones weigh `alpha` and the zeros 1 - `alpha`.
    Source: Lin et al., "Focal Loss for Dense Object Detection", 2017.

    Raises:
        ValueError: targets and predictions differ in shape.
    """
    y_true, y_pred = paired(y_true, y_pred)
    _check_same_shape(y_true, y_pred, "binary_focal_crossentropy")
    if not is_zero(label_smoothing):
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    y_pred = ops.sigmoid(y_pred) if from_logits else y_pred
    losses = apply("nn.binary_crossentropy", y_true, y_pred, from_logits=False)
    right = y_true * y_pred + (1 - y_true) * (1 - y_pred)
    losses = ops.power(1.0 - right, gamma) * losses
    if apply_class_balancing:
        losses = (y_true * alpha + (1 - y_true) * (1 - alpha)) * losses
    return ops.mean(losses, axis=axis)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return the cross-entropy of one-hot (or soft) targets along `axis`: [B, ..., C] to [B, ...].

    Raises:
        ValueError: targets and predictions differ in shape, or `axis` is no integer.
    """
    y_true, y_pred = _class_pair(y_true, y_pred, label_smoothing, axis, "categorical_crossentropy")
    return apply(
        "nn.categorical_crossentropy", y_true, y_pred, from_logits=bool(from_logits), axis=axis
    )


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return the categorical cross-entropy times alpha (1 - p)^gamma: [B, ..., C] to [B, ...].

    Source: Lin et al., "Focal Loss for Dense Object Detection", 2017.

    Raises:
        ValueError: targets and predictions differ in shape, or `axis` is no integer.
    """
    y_true, y_pred = _class_pair(
        y_true, y_pred, label_smoothing, axis, "categorical_focal_crossentropy"
    )
    y_pred = ops.softmax(y_pred, axis=axis) if from_logits else y_pred
    chances = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    chances = ops.clip(chances, epsilon(), 1.0 - epsilon())
    focus = alpha * ops.power(1.0 - chances, gamma)
    return ops.sum(focus * (-y_true * ops.log(chances)), axis=axis)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """Return the cross-entropy of integer targets [B, ...] with scores [B, ..., C]: [B, ...].

    Targets may have a last axis of size 1. Those equal to `ignore_class` give zero, and a
    `_keras_mask` on the result leaves them out.

    Raises:
        ValueError: the shapes of targets and predictions do not fit.
    """
    y_true, y_pred = _index_pair(y_true, y_pred, axis)
    if ignore_class is None:
        return _sparse(y_true, y_pred, from_logits, axis)
    valid = kept_targets(y_true, y_pred, ignore_class, axis)
    y_true = ops.where(valid, y_true, 0)
    y_pred = ops.where(ops.expand_dims(valid, axis), y_pred, 0)
    losses = ops.where(valid, _sparse(y_true, y_pred, from_logits, axis), 0.0)
    if not isinstance(losses, jax.core.Tracer):  # JAX's own tracers take no attributes
        set_mask(losses, valid)
    return losses


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """Return (1 - p^q) / q for the chance p of the right class: [B, ...], [B, ..., C] to [B, ...].

    Near `q` = 0 it is the cross-entropy, near 1 the absolute error, which wrong labels hurt less.
    Source: Zhang and Sabuncu, "Generalized Cross Entropy Loss", 2018.
    """
    y_true, y_pred = _index_pair(y_true, y_pred, -1)
    right = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
    return (1 - ops.power(ops.sum(y_pred * right, axis=-1), q)) / q


def kept_targets(y_true: Any, y_pred: Any, ignore_class: int, axis: int = -1) -> Any:
    """Return where the integer targets differ from `ignore_class`: booleans [B, ...]."""
    y_true, y_pred = _index_pair(y_true, y_pred, axis)
    return ops.not_equal(y_true, ops.cast(ignore_class, y_true.dtype))


def _index_pair(y_true: Any, y_pred: Any, axis: int) -> tuple[Any, Any]:
    y_true = ops.convert_to_tensor(as_array_if_numbers(y_true))
    y_pred = ops.convert_to_tensor(as_array_if_numbers(y_pred))
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis=axis)
    return y_true, y_pred


def _sparse(y_true: Any, y_pred: Any, from_logits: bool, axis: int) -> Any:
    rank = len(y_pred.shape)
    wanted = tuple(size for i, size in enumerate(y_pred.shape) if i != axis % rank)
    if not _same_sizes(y_true.shape, wanted):
        raise ValueError(
            "sparse_categorical_crossentropy expects one integer target for each row of class "
            f"scores: for y_pred.shape={tuple(y_pred.shape)} and axis={axis} expected "
            f"y_true.shape={wanted}. Received: y_true.shape={tuple(y_true.shape)}. "
            "For one-hot targets use categorical_crossentropy."
        )
    return apply(
        "nn.sparse_categorical_crossentropy",
        ops.cast(y_true, "int32"),
        y_pred,
        from_logits=bool(from_logits),
        axis=axis,
    )


def is_zero(number: Any) -> bool:
    """Return whether it is nought; what is a number only at run time is not taken for that."""
    return isinstance(number, (int, float)) and not number


def _class_pair(
    y_true: Any, y_pred: Any, label_smoothing: float, axis: Any, name: str
) -> tuple[Any, Any]:
    if isinstance(axis, bool):
        raise ValueError(
            f"`axis` must be of type `int`. Received: axis={axis} of type {type(axis)}"
        )
    y_true, y_pred = same_dtype(y_true, y_pred)
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"{name} compares several classes: expected y_pred.shape=(batch_size, num_classes) "
            f"with num_classes > 1. Received: y_pred.shape={tuple(y_pred.shape)}. "
            "For two classes use 'binary_crossentropy'.",
            SyntaxWarning,
            stacklevel=3,
        )
    _check_same_shape(y_true, y_pred, name)
    if not is_zero(label_smoothing):
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]
    return y_true, y_pred


def _check_same_shape(y_true: Any, y_pred: Any, name: str) -> None:
    if _same_sizes(y_true.shape, y_pred.shape):
        return
    hint = ""
    if len(y_true.shape) < len(y_pred.shape) or y_true.shape[-1] == 1:
        hint = " For integer targets use sparse_categorical_crossentropy."
    raise ValueError(
        f"{name} expects targets and predictions of one shape. Received: "
        f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}.{hint}"
    )


def _same_sizes(shape1: Any, shape2: Any) -> bool:
    """Say whether two shapes agree, as far as they are known."""
    pairs = zip(shape1, shape2, strict=False)
    return len(shape1) == len(shape2) and all(a == b or None in (a, b) for a, b in pairs)
