"""The frontend's global settings: floatx, epsilon, image data format, and names given so far."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

FLOAT_TYPES = ("bfloat16", "float16", "float32", "float64")
DATA_FORMATS = ("channels_last", "channels_first")


@dataclass
class Settings:
    """The mutable settings of this process; one instance, `SETTINGS`."""

    floatx: str = "float32"
    epsilon: float = 1e-7
    image_data_format: str = "channels_last"
    dtype_policy: Any = None
    name_counts: Counter[str] = field(default_factory=Counter)


SETTINGS = Settings()


def floatx() -> str:
    """Return the default float dtype, "float32" unless changed."""
    return SETTINGS.floatx


def set_floatx(value: str) -> None:
    """Set the default float dtype.

    Raises:
        ValueError: not one of bfloat16, float16, float32, float64.
    """
    if value not in FLOAT_TYPES:
        raise ValueError(
            f"Unknown `floatx` value. Expected one of {FLOAT_TYPES}. Received: {value}"
        )
    SETTINGS.floatx = value


def epsilon() -> float:
    """Return the small number that guards divisions, 1e-7 unless changed."""
    return SETTINGS.epsilon


def set_epsilon(value: float) -> None:
    """Set the small number that guards divisions."""
    SETTINGS.epsilon = value


def image_data_format() -> str:
    """Return the default image layout, "channels_last" unless changed."""
    return SETTINGS.image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set the default image layout.

    Raises:
        ValueError: neither "channels_last" nor "channels_first".
    """
    SETTINGS.image_data_format = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """Return the layout asked for, or the default one for None.

    Raises:
        ValueError: neither "channels_last" nor "channels_first".
    """
    if data_format is None:
        return SETTINGS.image_data_format
    found = str(data_format).lower()
    if found not in DATA_FORMATS:
        raise ValueError(
            f"Expected `data_format` to be one of {DATA_FORMATS}. Received: {data_format}"
        )
    return found


PYTHON_DTYPES = {
    float: "float32", int: "int32", "int": "int32", bool: "bool", str: "string",
    complex: "complex64",
}  # fmt: skip


def standardize_dtype(dtype: Any) -> str:
    """Return a dtype's name; None gives floatx.

    Raises:
        ValueError: not a dtype.
    """
    if dtype is None:
        return SETTINGS.floatx
    name = PYTHON_DTYPES.get(dtype, dtype)
    name = getattr(name, "name", None) or getattr(name, "__name__", None) or str(name)
    name = name.removeprefix("jnp.").removeprefix("torch.")
    if name not in KNOWN_DTYPES:
        raise ValueError(
            f"Invalid dtype. Expected one of {sorted(KNOWN_DTYPES)}. Received: {dtype}"
        )
    return name


KNOWN_DTYPES = {
    *FLOAT_TYPES,
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (4, 8, 16, 32, 64)),
    "bool", "string", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2",
}  # fmt: skip


def is_float_dtype(dtype: Any) -> bool:
    """Return whether a dtype is a floating-point one."""
    return standardize_dtype(dtype).startswith(("float", "bfloat"))


def is_int_dtype(dtype: Any) -> bool:
    """Return whether a dtype is an integer one."""
    return standardize_dtype(dtype).startswith(("int", "uint"))


def to_snake_case(name: str) -> str:
    """Return `name` in snake_case: Conv2D -> conv2d, MaxPooling2D -> max_pooling2d."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix: str) -> str:
    """Return a name not given before: dense, dense_1, dense_2 ..."""
    prefix = to_snake_case(prefix)
    count = SETTINGS.name_counts[prefix]
    SETTINGS.name_counts[prefix] += 1
    return prefix if count == 0 else f"{prefix}_{count}"
