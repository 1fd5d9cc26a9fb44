"""The functions of `keras.ops.image` that change height and width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.operation import OpOperation, record_call
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.ops.image.checks import check_choice, check_rank
from graphc.keras.ops.uniform import attribute, operand

INTERPOLATIONS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")


def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Return images of `size` (height, width), in their own dtype.

    They are stretched, unless one of the flags asks to cut out their middle or to put
    `fill_value` around them first, which keeps the aspect ratio.

    Raises:
        ValueError: a size that is not two positive integers, a rank that is not 3 or 4, both
            flags at once, or an unknown interpolation or fill mode.
    """
    images = operand(images)
    _check_size(size)
    check_rank(images)
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio` and `crop_to_aspect_ratio` can be `True`. "
            "Received: both"
        )
    check_choice(interpolation, INTERPOLATIONS, "interpolation")
    check_choice(fill_mode, ("constant",), "fill_mode")
    return apply(
        "image.resize",
        images,
        size=attribute("", tuple(size)),
        interpolation=interpolation,
        antialias=bool(antialias),
        crop_to_aspect_ratio=bool(crop_to_aspect_ratio),
        pad_to_aspect_ratio=bool(pad_to_aspect_ratio),
        fill_value=fill_value,
        data_format=standardize_data_format(data_format),
    )


def _check_size(size: Sequence[int]) -> None:
    if len(size) != 2 or size[0] <= 0 or size[1] <= 0:
        raise ValueError(
            f"Expected `size` to be a tuple of 2 positive integers. Received: size={size}"
        )


def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Return images with zeros around them.

    Of top, bottom and target height exactly two are given, and of left, right and target width.

    Raises:
        ValueError: not two of three, or one of the three is negative.
    """
    names = {
        "top_padding": top_padding, "bottom_padding": bottom_padding,
        "target_height": target_height, "left_padding": left_padding,
        "right_padding": right_padding, "target_width": target_width,
    }  # fmt: skip
    return _reframed("image.pad_images", images, names, data_format)


def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Return a rectangle of the images.

    Of top, bottom and target height exactly two are given, and of left, right and target width.

    Raises:
        ValueError: not two of three, one of the three is negative, or an unknown height or width
            without a target.
    """
    names = {
        "top_cropping": top_cropping, "bottom_cropping": bottom_cropping,
        "target_height": target_height, "left_cropping": left_cropping,
        "right_cropping": right_cropping, "target_width": target_width,
    }  # fmt: skip
    return _reframed("image.crop_images", images, names, data_format)


def _reframed(op: str, images: Any, names: dict[str, int | None], data_format: str | None) -> Any:
    images, data_format = operand(images), standardize_data_format(data_format)
    check_rank(images)
    triples = list(names.items())[:3], list(names.items())[3:]
    axis = len(images.shape) - (3 if data_format == "channels_last" else 2)
    shape = list(images.shape)
    for offset, triple in enumerate(triples):
        _check_two_of_three(triple)
        shape[axis + offset] = _new_length(op, shape[axis + offset], triple)
    rows, columns = (tuple(value for _, value in triple) for triple in triples)
    attrs = {"rows": attribute("", rows), "columns": attribute("", columns)}
    attrs["data_format"] = data_format
    if isinstance(images, KerasTensor) and None in images.shape[axis : axis + 2]:
        # Borders that follow from a target and an unknown length cannot be inferred by trying.
        made = KerasTensor(tuple(shape), images.dtype)
        return record_call(OpOperation(op, attrs, apply), (images,), {}, made)
    return apply(op, images, **attrs)


def _check_two_of_three(triple: list[tuple[str, int | None]]) -> None:
    if [value for _, value in triple].count(None) != 1:
        names = ", ".join(name for name, _ in triple)
        received = ", ".join(f"{name}={value}" for name, value in triple)
        raise ValueError(f"Must specify exactly two of {names}. Received: {received}")
    for name, value in triple:
        if value is not None and value < 0:
            raise ValueError(f"{name} must be >= 0. Received: {name}={value}")


def _new_length(op: str, length: int | None, triple: list[tuple[str, int | None]]) -> int | None:
    """The length asked for, if it can be known; the missing one of the three must not be < 0."""
    (before_name, before), (after_name, after), (target_name, target) = triple
    crops = op == "image.crop_images"
    if length is None and target is None and crops:
        raise ValueError(
            f"When the size of the images is unknown, `{target_name}` must be specified. "
            f"Received: {target_name}=None"
        )
    if length is None:
        return target
    if target is None:
        missing, name = length + (-1 if crops else 1) * (before + after), target_name
    else:
        space = length - target if crops else target - length
        missing = space - (after if before is None else before)
        name = before_name if before is None else after_name
    if missing < 0:
        raise ValueError(f"{name} must be >= 0. Received: {name}={missing}")
    return missing if target is None else target
