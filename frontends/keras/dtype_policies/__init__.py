"""`keras.dtype_policies`: the dtypes that layers compute in and store."""

from graphc.keras.dtype_policies.lookup import deserialize, get, serialize
from graphc.keras.dtype_policies.policy_map import DTypePolicyMap
from graphc.keras.dtype_policies.quantized import (
    AWQDTypePolicy,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
)
from graphc.keras.engine.dtype_policy import DTypePolicy, FloatDTypePolicy

__all__ = [
    "AWQDTypePolicy", "DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "GPTQDTypePolicy",
    "Int4DTypePolicy", "QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy", "deserialize", "get",
    "serialize",
]  # fmt: skip
