"""`DTypePolicy`: which dtype a layer computes in and which its variables have."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from graphc.keras.engine.call import convert_argument
from graphc.keras.engine.lookups import LOOKUPS
from graphc.keras.engine.settings import SETTINGS, standardize_dtype

MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy:
    """A pair of dtypes under one name: "float32", "mixed_bfloat16" ...

    Args:
        name: a dtype, "mixed_float16" or "mixed_bfloat16"; None for that of the global policy.

    Raises:
        ValueError: not the name of a policy.
        TypeError: not a string.
    """

    quantization_mode: str | None = None

    def __init__(self, name: Any = None) -> None:
        self._name = dtype_policy().name if name is None else name
        self._compute_dtype, self._variable_dtype = dtypes_of(self._name)

    @property
    def name(self) -> str:
        """The name that makes an equal policy."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The dtype that layers compute in."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of layers' variables."""
        return self._variable_dtype

    def convert_input(self, x: Any, autocast: bool, dtype: Any) -> Any:
        """Return an array as a tensor, of `dtype` where it is floating and `autocast` is on."""
        return convert_argument(
            x, SimpleNamespace(compute_dtype=standardize_dtype(dtype)), autocast
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal policy."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Make a policy from `get_config()`."""
        return cls(**config)

    def _identity(self) -> Any:
        """What is equal for equal policies."""
        plain = type(self) in (DTypePolicy, FloatDTypePolicy)
        return DTypePolicy if plain else type(self), self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f'<{"DTypePolicy" if name == "FloatDTypePolicy" else name} "{self.name}">'


class FloatDTypePolicy(DTypePolicy):
    """The older name of `DTypePolicy`."""


def dtypes_of(name: Any) -> tuple[str, str]:
    """Return the compute dtype and the variables' dtype of the policy of a name.

    Raises:
        ValueError: there is none.
        TypeError: not a string.
    """
    if not isinstance(name, str):
        raise TypeError(
            "Expected `name` to be a string such as 'mixed_float16'. "
            f"Received: name={name} (of type {type(name)})"
        )
    if name in MIXED:
        return MIXED[name], "float32"
    try:
        dtype = standardize_dtype(name)
    except ValueError as error:
        raise ValueError(
            "Expected 'mixed_float16', 'mixed_bfloat16' or a dtype such as 'float32' as the name "
            f"of a DTypePolicy. Received: {name!r}"
        ) from error
    return dtype, dtype


def dtype_policy() -> DTypePolicy:
    """Return the policy of layers that are given none."""
    return SETTINGS.dtype_policy or DTypePolicy(SETTINGS.floatx)


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers made from now on.

    Raises:
        ValueError: neither a policy nor the name of one.
    """
    if not isinstance(policy, (str, DTypePolicy)):
        raise ValueError(
            "Expected `policy` to be a `DTypePolicy` or the name of one (such as 'mixed_float16'). "
            f"Received: policy={policy} (of type {type(policy)})"
        )
    SETTINGS.dtype_policy = find_policy(policy)


def find_policy(identifier: Any) -> DTypePolicy:
    """Return a policy for a policy, its name, a dtype, its config, or None (the default one).

    Raises:
        ValueError: it stands for none.
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return LOOKUPS["policy_of_config"](identifier)
    if isinstance(identifier, str) and "_from_" in identifier:
        return LOOKUPS["quantized_policy"](identifier)
    return DTypePolicy(identifier if identifier in MIXED else standardize_dtype(identifier))


def get_policy(identifier: Any) -> DTypePolicy:
    """Return the policy of a layer: see `find_policy`.

    Raises:
        ValueError: it stands for none, or for a quantized one.
    """
    policy = find_policy(identifier)
    if policy.quantization_mode is not None:
        raise ValueError(
            "Quantized layers are not supported: expected a policy of floating dtypes. "
            f"Received: dtype={policy}"
        )
    return policy
