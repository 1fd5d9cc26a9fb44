"""`DTypePolicyMap`: policies by the paths of layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from graphc.keras.engine.dtype_policy import DTypePolicy, find_policy
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


class DTypePolicyMap(DTypePolicy, MutableMapping):  # type: ignore[type-arg]
    """Policies by layer path, or by a regular expression that matches whole paths.

    Looking a path up gives the policy of that very path, else of the one expression that matches,
    else the default.

    Args:
        default_policy: the policy of paths that nothing matches; None for the global one.
        policy_map: policies by path or expression.

    Raises:
        ValueError: the default is a map itself.
        TypeError: `policy_map` is not a dictionary.
    """

    def __init__(
        self, default_policy: Any = None, policy_map: dict[str, Any] | None = None
    ) -> None:
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError(
                "Expected `default_policy` to be a single policy, not a `DTypePolicyMap`. "
                f"Received: default_policy={default_policy}"
            )
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                "Expected `policy_map` to be a dict. "
                f"Received: policy_map={policy_map} (of type {type(policy_map)})"
            )
        self._given = default_policy
        self.default_policy = find_policy(default_policy)
        self._policies: dict[str, Any] = policy_map or {}

    @property
    def name(self) -> str:
        return f"map_{self.default_policy.name}"

    @property
    def compute_dtype(self) -> str:
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self.default_policy.variable_dtype

    @property
    def quantization_mode(self) -> str | None:  # type: ignore[override]
        """The default policy's mode."""
        return self.default_policy.quantization_mode

    def __getitem__(self, key: str) -> Any:
        if key in self._policies:
            return self._policies[key]
        found = [pattern for pattern in self._policies if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ValueError(
                "Expected a path to match one key of the DTypePolicyMap. "
                f"Received: path {key!r}, which matches {found}"
            )
        return self._policies[found[0]] if found else self.default_policy

    def __setitem__(self, key: str, policy: Any) -> None:
        if key in self._policies:
            raise ValueError(
                "Expected a key that is not in the DTypePolicyMap yet. "
                f"Received: {key!r}, which stands for {self._policies[key]}"
            )
        try:
            self._policies[key] = find_policy(policy)
        except (TypeError, ValueError) as error:
            raise ValueError(
                "Expected something that `keras.dtype_policies.get` takes. "
                f"Received: {policy} (of type {type(policy)})"
            ) from error

    def __delitem__(self, key: str) -> None:
        del self._policies[key]

    def __contains__(self, key: object) -> bool:
        return key in self._policies

    def __len__(self) -> int:
        return len(self._policies)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def _identity(self) -> Any:
        return DTypePolicyMap, self.default_policy, tuple(self._policies.items())

    def __eq__(self, other: object) -> bool:
        return DTypePolicy.__eq__(self, other)

    __hash__ = DTypePolicy.__hash__

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal map.

        Where the default policy is the global one, the sources of quantized policies are left out,
        so that they are the global one's too wherever the map is loaded.
        """
        policies = serialize_keras_object(self._policies)
        if self._given is None:
            policies = {key: _without_source(policy) for key, policy in policies.items()}
        return {"default_policy": self._given, "policy_map": policies}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> DTypePolicyMap:
        """Make a map from `get_config()`."""
        policies = deserialize_keras_object(config["policy_map"], custom_objects)
        return cls(**{**config, "policy_map": policies})

    def __repr__(self) -> str:
        names = [(key, policy.name) for key, policy in self._policies.items()]
        return (
            f"<DTypePolicyMap at {hex(id(self))} default_policy={self.default_policy.name}, "
            f"mapping={names}>"
        )


def _without_source(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a policy's configuration without the name of the floating policy."""
    dropped = "source_name" if "source_name" in entry["config"] else "name"
    return {**entry, "config": {**entry["config"], dropped: None}}
