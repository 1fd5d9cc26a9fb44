"""Layers that merge a list of tensors into one, and the functions that call them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_lowercase
from typing import Any

from graphc.keras import ops
from graphc.keras.layers.builtin import BuiltinLayer

Shape = tuple[int | None, ...]


class Merge(BuiltinLayer):
    """Combines its inputs elementwise, after giving all of them the highest rank among them.

    A new axis is put after the batch. Masks: a position is kept if any input keeps it.

    Raises:
        ValueError: at build, the input is not a list of tensors, or their shapes do not broadcast.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def combine(self, inputs: list[Any], masks: list[Any]) -> Any:
        """Return the inputs, all of one rank, merged; a mask is None or a tensor."""
        raise NotImplementedError(f"{type(self).__name__} does not implement `combine()`.")

    def build(self, input_shape: Any) -> None:
        """Check that the input is a list of shapes that broadcast."""
        shapes = check_list(self, input_shape)
        merged: Shape = ()
        for shape in shapes:
            merged = _broadcast(self, merged, shape[1:], shapes)
        batches = {shape[0] for shape in shapes if shape} - {None}
        if len(batches) > 1:
            raise ValueError(
                f"Layer '{self.name}' cannot merge tensors with different batch sizes. "
                f"Received: input_shape={shapes}"
            )

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the merged inputs."""
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"Layer '{self.name}' should be called on a list of inputs. "
                f"Received: inputs={inputs} (not a list of tensors)"
            )
        rank = max(len(x.shape) for x in inputs)
        masks = [None] * len(inputs) if mask is None else list(mask)
        return self.combine([_to_rank(x, rank) for x in inputs], masks)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return where any input is kept; None if one of the inputs has no mask."""
        masks = _mask_list(inputs, previous_mask)
        if not masks or any(one is None for one in masks):
            return None
        merged = masks[0]
        for one in masks[1:]:
            merged = ops.logical_or(merged, one)
        return merged


class _Folded(Merge):
    """A merge that applies an op of two tensors from left to right."""

    operation: Callable[[Any, Any], Any]

    def combine(self, inputs: list[Any], masks: list[Any]) -> Any:
        """Return the op folded over the inputs."""
        del masks
        merged = inputs[0]
        for x in inputs[1:]:
            merged = type(self).operation(merged, x)
        return merged


class Add(_Folded):
    """The sum of the inputs."""

    operation = ops.add


class Subtract(_Folded):
    """The first of two inputs minus the second.

    Raises:
        ValueError: at build, there are not exactly two inputs.
    """

    operation = ops.subtract

    def build(self, input_shape: Any) -> None:
        """Check that there are two shapes that broadcast."""
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(
                f"Layer '{self.name}' should be called on exactly 2 inputs. "
                f"Received: input_shape={input_shape}"
            )


class Average(_Folded):
    """The mean of the inputs."""

    operation = ops.add

    def combine(self, inputs: list[Any], masks: list[Any]) -> Any:
        """Return the sum of the inputs divided by their number."""
        return super().combine(inputs, masks) / len(inputs)


class Multiply(Merge):
    """The product of the inputs; where an input is masked it counts as 1."""

    def combine(self, inputs: list[Any], masks: list[Any]) -> Any:
        """Return the product, 0 where every input is masked."""
        kept = [_like(mask, x) for mask, x in zip(masks, inputs, strict=True)]
        factors = [
            x if mask is None else ops.where(mask, x, ops.ones_like(x))
            for mask, x in zip(kept, inputs, strict=True)
        ]
        product = factors[0]
        for factor in factors[1:]:
            product = ops.multiply(product, factor)
        if any(mask is None for mask in kept):
            return product
        anywhere = kept[0]
        for mask in kept[1:]:
            anywhere = ops.logical_or(anywhere, mask)
        return ops.where(anywhere, product, ops.zeros_like(product))


class _MaskedFold(Merge):
    """A fold in which a masked input leaves the merged value as it was."""

    operation: Callable[[Any, Any], Any]

    def combine(self, inputs: list[Any], masks: list[Any]) -> Any:
        """Return the op folded over the inputs, masked elements passed over."""
        masks = [_like(mask, x) for mask, x in zip(masks, inputs, strict=True)]
        merged, kept = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:], strict=True):
            right = x if mask is None else ops.where(mask, x, merged)
            left = merged if kept is None else ops.where(kept, merged, right)
            both = mask is not None and kept is not None
            kept = ops.logical_or(kept, mask) if both else None
            merged = type(self).operation(left, right)
        return merged


class Maximum(_MaskedFold):
    """The elementwise maximum of the inputs."""

    operation = ops.maximum


class Minimum(_MaskedFold):
    """The elementwise minimum of the inputs."""

    operation = ops.minimum


class Concatenate(Merge):
    """The inputs joined along `axis`.

    Raises:
        ValueError: at build, the shapes differ along another axis, or in rank.
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configure(axis=axis)

    def build(self, input_shape: Any) -> None:
        """Check that the shapes are equal but for the axis to join along."""
        shapes = check_list(self, input_shape)
        ranks = {len(shape) for shape in shapes}
        fits = len(ranks) == 1 and -min(ranks) <= self.axis < min(ranks)
        for axis in range(min(ranks)):
            sizes = {shape[axis] for shape in shapes} - {None} if fits else set()
            fits = fits and (len(sizes) < 2 or axis == self.axis % min(ranks))
        if not fits:
            raise ValueError(
                f"Layer '{self.name}' requires inputs with matching shapes except for the "
                f"concatenation axis. Received: input_shape={shapes}, axis={self.axis}"
            )

    def combine(self, inputs: list[Any], masks: list[Any]) -> Any:
        """Return the inputs joined."""
        del masks
        return ops.concatenate(inputs, axis=self.axis)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the masks joined as the inputs are; an input without one is kept everywhere."""
        masks = _mask_list(inputs, previous_mask)
        if all(one is None for one in masks):
            return None
        full = [
            ops.ones_like(x, dtype="bool") if one is None else _like(one, x)
            for one, x in zip(masks, inputs, strict=True)
        ]
        return ops.any(ops.concatenate(full, axis=self.axis), axis=-1)


class Dot(Merge):
    """The batchwise dot product of two tensors along one axis of each.

    Args:
        axes: the axis of both, or a pair of axes.
        normalize: whether to scale both to norm one along these axes first (cosine proximity).

    Raises:
        TypeError: `axes` is neither an integer nor a pair.
        ValueError: the pair does not hold two integers; at build, there are not two inputs, or
            their sizes along the axes differ.
    """

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, (int, list, tuple)):
            raise TypeError(
                f"Expected `axes` to be an integer or a pair of integers. Received: axes={axes!r}"
            )
        pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
        if len(pair) != 2 or not all(isinstance(axis, int) for axis in pair):
            raise ValueError(f"Expected `axes` to hold two integers. Received: axes={axes!r}")
        self.configure(axes=axes, normalize=normalize)

    def build(self, input_shape: Any) -> None:
        """Check that there are two shapes with equal sizes along the axes."""
        shapes = check_list(self, input_shape)
        if len(shapes) != 2:
            raise ValueError(
                f"Layer '{self.name}' should be called on a list of 2 inputs. "
                f"Received: input_shape={shapes}"
            )
        first, second = self._axes(*map(len, shapes))
        sizes = {shapes[0][first], shapes[1][second]} - {None}
        if len(sizes) > 1 or 0 in (first, second):
            raise ValueError(
                f"Layer '{self.name}' needs equal sizes along axes other than the batch. Received: "
                f"{shapes[0]} along axis {first} and {shapes[1]} along axis {second}"
            )

    def combine(self, inputs: list[Any], masks: list[Any]) -> Any:
        """Return `[B, rest of the first, rest of the second]`, or `[B, 1]` for two vectors."""
        del masks
        return self._dot(*inputs)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the dot product; the ranks stay as they are."""
        del mask
        return self._dot(*inputs)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return None: the axes that masks speak of are gone."""
        del inputs, previous_mask

    def _dot(self, x: Any, y: Any) -> Any:
        first, second = self._axes(len(x.shape), len(y.shape))
        if self.normalize:
            x, y = ops.normalize(x, axis=first), ops.normalize(y, axis=second)
        letters = iter(ascii_lowercase)
        batch, summed = next(letters), next(letters)
        left = [batch, *(next(letters) for _ in x.shape[1:])]
        right = [batch, *(next(letters) for _ in y.shape[1:])]
        left[first] = right[second] = summed
        kept = [letter for letter in (*left, *right[1:]) if letter != summed]
        product = ops.einsum(f"{''.join(left)},{''.join(right)}->{''.join(kept)}", x, y)
        return ops.expand_dims(product, -1) if len(kept) == 1 else product

    def _axes(self, *ranks: int) -> tuple[int, int]:
        pair = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        first, second = (axis % rank for axis, rank in zip(pair, ranks, strict=True))
        return first, second


def check_list(layer: Merge, input_shape: Any) -> list[Shape]:
    """Return the shapes of a merge layer's inputs.

    Raises:
        ValueError: the layer was called on one tensor, or on an empty list.
    """
    shapes = list(input_shape)
    if shapes and all(isinstance(shape, (list, tuple)) for shape in shapes):
        return [tuple(shape) for shape in shapes]
    raise ValueError(
        f"Layer '{layer.name}' should be called on a list of at least 1 input. "
        f"Received: input_shape={input_shape} (not a list of shapes)"
    )


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return `Add(**kwargs)(inputs)`."""
    return Add(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return `Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Return `Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """Return `Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes=axes, **kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return `Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return `Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return `Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return `Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def _broadcast(layer: Merge, first: Shape, second: Shape, shapes: list[Shape]) -> Shape:
    rank = max(len(first), len(second))
    merged: list[int | None] = []
    padded = ((1,) * (rank - len(shape)) + shape for shape in (first, second))
    for a, b in zip(*padded, strict=True):
        if None not in (a, b) and a != b and 1 not in (a, b):
            raise ValueError(
                f"Layer '{layer.name}' got inputs with incompatible shapes. "
                f"Received: input_shape={shapes}"
            )
        merged.append(None if None in (a, b) else b if a == 1 else a)
    return tuple(merged)


def _to_rank(x: Any, rank: int) -> Any:
    for _ in range(rank - len(x.shape)):
        x = ops.expand_dims(x, 1)
    return x


def _like(mask: Any, x: Any) -> Any:
    """Return a mask `[B, ...]` broadcast to the shape of its tensor; None stays None."""
    if mask is None or len(mask.shape) == len(x.shape):
        return mask
    return ops.broadcast_to(ops.expand_dims(mask, -1), x.shape)


def _mask_list(inputs: Any, mask: Any) -> list[Any]:
    return [None] * len(inputs) if mask is None else list(mask)
