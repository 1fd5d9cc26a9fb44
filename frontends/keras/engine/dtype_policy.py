"""`DTypePolicy`: which dtype a layer computes in and which its variables have."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.settings import SETTINGS, standardize_dtype

MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy:
    """A pair of dtypes under one name: "float32", "mixed_bfloat16" ..."""

    def __init__(self, name: Any = None) -> None:
        self.name = name if name in MIXED else standardize_dtype(name)
        self.compute_dtype = MIXED.get(self.name, self.name)
        self.variable_dtype = "float32" if self.name in MIXED else self.name

    quantization_mode = None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal policy."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Make a policy from `get_config()`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


def dtype_policy() -> DTypePolicy:
    """Return the policy of layers that are given none."""
    return SETTINGS.dtype_policy or DTypePolicy(SETTINGS.floatx)


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers made from now on."""
    SETTINGS.dtype_policy = get_policy(policy)


def get_policy(identifier: Any) -> DTypePolicy:
    """Return a policy for a policy, its name, a dtype, its config, or None (the default one)."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy(identifier.get("config", identifier).get("name"))
    return DTypePolicy(identifier)
