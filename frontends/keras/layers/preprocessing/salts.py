"""The salts of hashes."""

from __future__ import annotations

from typing import Any


def check_salt(layer: Any, salt: Any) -> list[int] | None:
    """Return a salt as two integers; None stays.

    Raises:
        ValueError: neither an integer nor two of them.
    """
    if salt is None:
        return None
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return list(salt)
    if isinstance(salt, int):
        return [salt, salt]
    raise ValueError(
        f"The `salt` argument for `{type(layer).__name__}` can only be a tuple of size 2 integers, "
        f"or a single integer. Received: salt={salt}."
    )
