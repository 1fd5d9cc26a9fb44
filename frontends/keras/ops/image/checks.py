"""Checks of images and of the arguments that say what is done to them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from graphc.keras.engine.settings import is_float_dtype


def check_rank(images: Any, ranks: tuple[int, ...] = (3, 4), name: str = "images") -> None:
    """Check that images are a single one (rank 3) or a batch (rank 4).

    Raises:
        ValueError: another rank.
    """
    if len(images.shape) in ranks:
        return
    meanings = {3: "rank 3 (single image)", 4: "rank 4 (batch of images)"}
    expected = " or ".join(meanings[rank] for rank in ranks)
    raise ValueError(
        f"Invalid {name} rank: expected {expected}. Received: {name}.shape={tuple(images.shape)}"
    )


def check_choice(value: Any, choices: Collection[Any], name: str) -> None:
    """Check that an argument is one of the choices.

    Raises:
        ValueError: it is not.
    """
    if value not in choices:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected one of {sorted(choices)}. "
            f"Received: {name}={value!r}"
        )


def check_channels(images: Any, data_format: str, counts: tuple[int, ...]) -> None:
    """Check how many channels images have; an unknown number passes.

    Raises:
        ValueError: none of `counts`.
    """
    channels = images.shape[-1 if data_format == "channels_last" else -3]
    if channels is None or channels in counts:
        return
    expected = " or ".join({3: "3 (RGB)", 1: "1 (Grayscale)"}[count] for count in counts)
    raise ValueError(
        f"Invalid channel size: expected {expected}. Received: images.shape={tuple(images.shape)}"
    )


def check_floats(images: Any) -> None:
    """Check that images are of a floating-point dtype.

    Raises:
        ValueError: they are not.
    """
    if not is_float_dtype(images.dtype):
        raise ValueError(
            f"Invalid images dtype: expected a float dtype. Received: images.dtype={images.dtype}"
        )
