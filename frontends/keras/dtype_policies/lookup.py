"""Policies from names and configurations."""

from __future__ import annotations

from typing import Any

from graphc.keras.dtype_policies.policy_map import DTypePolicyMap
from graphc.keras.dtype_policies.quantized import (
    AWQDTypePolicy,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
)
from graphc.keras.engine.dtype_policy import DTypePolicy, FloatDTypePolicy, find_policy
from graphc.keras.engine.lookups import LOOKUPS
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object

POLICIES = {
    cls.__name__: cls
    for cls in (
        AWQDTypePolicy, DTypePolicy, DTypePolicyMap, FloatDTypePolicy, GPTQDTypePolicy,
        Int4DTypePolicy, QuantizedDTypePolicy, QuantizedFloat8DTypePolicy,
    )
}  # fmt: skip


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """Return a policy as plain data."""
    return serialize_keras_object(dtype_policy)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the policy that `serialize` described."""
    return deserialize_keras_object(config, {**POLICIES, **(custom_objects or {})})


def get(identifier: Any) -> DTypePolicy:
    """Return a policy for a policy, its name, a dtype, its configuration, or None (the global one).

    Raises:
        ValueError: it stands for none.
    """
    return find_policy(identifier)


LOOKUPS["policy_of_config"] = deserialize
