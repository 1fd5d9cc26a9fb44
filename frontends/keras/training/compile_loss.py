"""`CompileLoss`: the `loss` and `loss_weights` of `compile` as one scalar loss of all outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphc.keras import losses, ops
from graphc.keras.engine.settings import to_snake_case
from graphc.keras.engine.structure import flatten, pack_as, structure_of
from graphc.keras.engine.variable import Variable
from graphc.keras.losses import Loss, LossFunctionWrapper
from graphc.keras.metrics import Mean
from graphc.keras.training.by_shape import CROSSENTROPY_NAMES, asks_for, kind_of_classes
from graphc.keras.training.targets import (
    in_order_of,
    is_flat,
    is_nested,
    like_outputs,
    outline,
)

CROSSENTROPIES = {
    "binary": losses.binary_crossentropy,
    "sparse": losses.sparse_categorical_crossentropy,
    "categorical": losses.categorical_crossentropy,
}


def object_name(item: Any) -> str:
    """Return the name that Keras reports an object or a function by."""
    return getattr(item, "name", None) or to_snake_case(
        getattr(item, "__name__", type(item).__name__)
    )


def resolve_loss(identifier: Any, y_true: Any, y_pred: Any) -> Loss | None:
    """Return the loss object for a name, function or object; shapes decide "crossentropy".

    Raises:
        ValueError: an unknown name.
    """
    if identifier is None:
        return None
    if asks_for(identifier, CROSSENTROPY_NAMES):
        found: Any = CROSSENTROPIES[kind_of_classes(y_true, y_pred)]
    else:
        found = losses.get(identifier)
    if isinstance(found, Loss):
        return found
    name = identifier if isinstance(identifier, str) else object_name(found)
    return LossFunctionWrapper(found, name=name)


@dataclass(frozen=True)
class _Weighted:
    """What the user gave for one output; a leaf of the structures here."""

    loss: Any
    weight: Any


class _Placed(NamedTuple):
    """A loss at the output that `path` leads to."""

    path: tuple[Any, ...]
    loss: Loss
    weight: Any
    name: str


class CompileLoss:
    """The weighted sum of the losses of all outputs.

    Args:
        loss: a name, function or `Loss` for all outputs, or a list or dict (by output name) of
            them, or a structure like that of the outputs. None leaves an output out.
        loss_weights: a number, or a list or dict of them, as `loss`.
        output_names: the model's names of its outputs, in their order.

    The losses are resolved by the first call, which sees the shapes.
    """

    def __init__(
        self, loss: Any, loss_weights: Any = None, output_names: Sequence[str] | None = None
    ) -> None:
        if isinstance(loss_weights, str) or (
            loss_weights is not None
            and not is_nested(loss_weights)
            and not isinstance(loss_weights, (int, float))
        ):
            raise ValueError(
                "Expected `loss_weights` to be a number (one output) or a list, tuple or dict "
                f"(several outputs). Received: loss_weights={loss_weights!r} of type "
                f"{type(loss_weights)}"
            )
        self.name = "compile_loss"
        self.built = False
        self.output_names = list(output_names) if output_names else None
        self._loss, self._loss_weights = loss, loss_weights
        self._placed: list[_Placed] = []
        self._metrics: list[Mean] = []

    @property
    def metrics(self) -> list[Mean]:
        """The mean loss of each output, unweighted; empty when there is but one loss."""
        return self._metrics

    @property
    def variables(self) -> list[Variable]:
        """The state of the metrics."""
        return [variable for metric in self._metrics for variable in metric.variables]

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> Any:
        """Return the total loss, a scalar, or None where no output has a loss.

        Args:
            y_true: targets, one for each output that has a loss.
            y_pred: the outputs, a tensor or a nested structure of them.
            sample_weight: None, weights for all outputs, or a list or dict of them.
            mask: None, or one row of [B] each for real (1) and padding (0).

        Raises:
            ValueError: targets, weights or losses do not match the outputs.
        """
        if y_true is None:
            raise ValueError(
                f"The loss needs targets: expected `y`, one for each output{self._for_outputs()}. "
                f"Received: y=None with loss={self._loss}"
            )
        y_true = self._arranged_targets(y_true, y_pred)
        if not self.built:
            self.build(y_true, y_pred)
        if is_nested(sample_weight):
            sample_weight = self._arranged_weights(sample_weight, y_pred)
        values = [
            self._value(index, y_true, y_pred, sample_weight, mask)
            for index in range(len(self._placed))
        ]
        return sum(values[1:], values[0]) if values else None

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Resolve names by the shapes of targets and outputs, and make the metrics.

        Raises:
            ValueError: the losses or weights do not match the outputs, or a name is unknown.
        """
        self._placed = []
        names = self._names_like(y_pred)
        self._place(self._losses_like(y_pred), y_true, y_pred, names, ())
        if len(self._placed) > 1:
            self._metrics = [Mean(name=f"{placed.name}_loss") for placed in self._placed]
        self.built = True

    def _value(self, index: int, y_true: Any, y_pred: Any, sample_weight: Any, mask: Any) -> Any:
        placed = self._placed[index]
        target, output = _follow(placed.path, y_true), _follow(placed.path, y_pred)
        if is_nested(sample_weight):
            sample_weight = _follow(placed.path, sample_weight)
        padding = {} if mask is None else {"mask": mask}
        value = ops.cast(placed.loss(target, output, sample_weight, **padding), "float32")
        if self._metrics:
            rows = float(flatten(output)[0].shape[0]) if mask is None else ops.sum(mask)
            self._metrics[index].update_state(value, sample_weight=rows)
        return value if placed.weight is None else ops.multiply(value, placed.weight)

    def _arranged_targets(self, y_true: Any, y_pred: Any) -> Any:
        """Return targets in the structure of the outputs; None where an output has no loss."""
        given, wanted = flatten(y_true), flatten(y_pred)
        if isinstance(y_true, dict) or len(given) == len(wanted):
            return like_outputs(y_true, y_pred, self.output_names, "y_true", partial=True)
        losses_given = flatten(self._loss)
        kept = [index for index, loss in enumerate(losses_given) if loss is not None]
        if len(losses_given) == len(wanted) and len(kept) == len(given):
            by_output = dict(zip(kept, given, strict=True))
            return pack_as(y_pred, [by_output.get(index) for index in range(len(wanted))])
        return like_outputs(y_true, y_pred, self.output_names, "y_true")

    def _arranged_weights(self, sample_weight: Any, y_pred: Any) -> Any:
        leaves = flatten(sample_weight)
        if len(leaves) == 1 and not isinstance(sample_weight, dict):
            return leaves[0]
        return like_outputs(sample_weight, y_pred, self.output_names, "sample_weight", partial=True)

    def _names_like(self, y_pred: Any) -> Any:
        """Return the structure of the outputs with their names as leaves (None: unknown)."""
        count = len(flatten(y_pred))
        if isinstance(y_pred, dict) and is_flat(y_pred):
            return {name: name for name in y_pred}
        names = self.output_names
        return pack_as(y_pred, names if names and len(names) == count else [None] * count)

    def _losses_like(self, y_pred: Any) -> Any:
        """Return losses with their weights, in the structure of the outputs (or part of it)."""
        count, loss, weights = len(flatten(y_pred)), self._loss, self._loss_weights
        if not is_nested(loss):
            loss = in_order_of(y_pred, pack_as(y_pred, [loss] * count))
        elif isinstance(loss, dict) and not isinstance(y_pred, dict):
            loss = self._in_output_order(loss, "loss", strict=True)
        elif isinstance(loss, (list, tuple)) and not any(map(is_nested, loss)):
            self._check_count(len(loss), y_pred, "loss", loss)
            loss = in_order_of(y_pred, pack_as(y_pred, list(loss)))
        loss = pack_as(y_pred, flatten(loss)) if not is_nested(y_pred) else loss
        if weights is None:
            return _with_weights(loss, None)
        if isinstance(weights, dict) and isinstance(loss, (list, tuple)):
            weights = self._in_output_order(weights, "loss_weights", strict=False)
        if structure_of(weights) != structure_of(loss):
            weights = self._packed_weights(weights, loss)
        return _with_weights(loss, weights)

    def _packed_weights(self, weights: Any, loss: Any) -> Any:
        leaves, wanted = flatten(weights), flatten(loss)
        if isinstance(weights, dict) and isinstance(loss, dict):
            unknown = [name for name in weights if name not in loss]
            if not unknown:
                return {name: weights.get(name) for name in loss}
            raise ValueError(
                f"Expected the keys of `loss_weights` among the outputs {list(loss)}. "
                f"Received: loss_weights={weights}"
            )
        if len(leaves) == len(wanted):
            return pack_as(loss, leaves)
        raise ValueError(
            f"`loss_weights` must match the number of losses: expected {len(wanted)} weights"
            f"{self._for_outputs()}. Received: {len(leaves)}, loss_weights={weights}"
        )

    def _in_output_order(self, by_name: dict[str, Any], argument: str, strict: bool) -> list[Any]:
        names = self.output_names or []
        unknown = [name for name in by_name if name not in names]
        missing = [name for name in names if name not in by_name]
        if unknown or (strict and missing):
            raise ValueError(
                f"Expected the output names {names} as the keys of `{argument}`. "
                f"Received: {list(by_name)}"
            )
        return [by_name.get(name) for name in names]

    def _check_count(self, count: int, y_pred: Any, argument: str, received: Any) -> None:
        wanted = len(flatten(y_pred))
        if count != wanted:
            raise ValueError(
                f"Expected `{argument}` to have one entry for each of the model's {wanted} "
                f"outputs{self._for_outputs()}. Received: {count} entries, {argument}={received}"
            )

    def _for_outputs(self) -> str:
        return f" for the outputs {self.output_names}" if self.output_names else ""

    def _place(
        self, loss: Any, y_true: Any, y_pred: Any, names: Any, path: tuple[Any, ...]
    ) -> None:
        """Note the losses in `loss` with the paths to their outputs."""
        if loss is None:
            return
        if isinstance(loss, _Weighted):
            self._note(loss, y_true, y_pred, names, path)
            return
        if isinstance(loss, (list, tuple)) and not any(map(is_nested, loss)):
            self._check_count(len(loss), y_pred, "loss", self._loss)
            loss = pack_as(y_pred, list(loss))
        for key, inner in loss.items() if isinstance(loss, dict) else enumerate(loss):
            if inner is None:
                continue
            if not (_has(y_pred, key) and _has(y_true, key)):
                where = "/".join(map(str, (*path, key)))
                raise ValueError(
                    f"The `loss` for {where!r} has no matching output or target. Expected the "
                    f"structure of the outputs, {outline(y_pred)}{self._for_outputs()}. "
                    f"Received: loss={self._loss}"
                )
            self._place(inner, y_true[key], y_pred[key], names[key], (*path, key))

    def _note(
        self, given: _Weighted, y_true: Any, y_pred: Any, names: Any, path: tuple[Any, ...]
    ) -> None:
        loss = resolve_loss(given.loss, y_true, y_pred)
        parts = path
        if not is_nested(names) and (not path or isinstance(path[-1], int)):
            parts = (*path[:-1], names if names is not None else object_name(loss))
        name = "/".join(map(str, parts))
        if y_true is None:
            raise ValueError(f"The output {name!r} has a loss but no target. Received: y_true=None")
        self._placed.append(_Placed(path, loss, given.weight, name))


def _with_weights(loss: Any, weights: Any) -> Any:
    """Return losses paired with their weights, dict keys in the order that the losses have."""
    if isinstance(loss, dict):
        return {key: _with_weights(loss[key], weights and weights[key]) for key in loss}
    if isinstance(loss, (list, tuple)):
        return [_with_weights(item, weights and weights[index]) for index, item in enumerate(loss)]
    return None if loss is None else _Weighted(loss, weights)


def _has(container: Any, key: Any) -> bool:
    if isinstance(container, dict):
        return key in container
    return isinstance(container, (list, tuple)) and isinstance(key, int) and key < len(container)


def _follow(path: tuple[Any, ...], structure: Any) -> Any:
    for key in path:
        structure = structure[key]
    return structure
