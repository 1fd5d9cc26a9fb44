"""The functions of `keras.ops` between real and complex tensors."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.ops.arrangement import stack
from graphc.keras.ops.core import cast, convert_to_tensor
from graphc.keras.ops.elementwise import cos, imag, real, sin


def polar(abs_: Any, angle: Any) -> Any:
    """Return the complex numbers of these absolute values and angles, in radians."""
    abs_, angle = convert_to_tensor(abs_), convert_to_tensor(angle)
    return apply("math.complex", abs_ * cos(angle), abs_ * sin(angle))


def view_as_complex(x: Any) -> Any:
    """Return (real, imaginary) pairs [..., 2] as complex numbers [...].

    Raises:
        ValueError: the last axis is not of size 2.
    """
    x = convert_to_tensor(x)
    if not x.shape or x.shape[-1] != 2:
        raise ValueError(
            "Last dimension of input must be size 2 (real and imaginary). "
            f"Received shape: {tuple(x.shape)}"
        )
    parts = cast(x, "float32")
    return apply("math.complex", parts[..., 0], parts[..., 1])


def view_as_real(x: Any) -> Any:
    """Return complex numbers [...] as (real, imaginary) pairs [..., 2]."""
    x = convert_to_tensor(x)
    return stack((real(x), imag(x)), axis=-1)
