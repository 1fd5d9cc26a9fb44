"""What a `FeatureSpace` is made of: features and crosses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


class Cross:
    """Features to be hashed together into `crossing_dim` bins.

    Raises:
        ValueError: `output_mode` is neither "int" nor "one_hot".
    """

    def __init__(
        self, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"
    ) -> None:
        _check_mode(output_mode, ("int", "one_hot"))
        self.feature_names = tuple(feature_names)
        self.crossing_dim, self.output_mode = crossing_dim, output_mode

    @property
    def name(self) -> str:
        """The features' names, joined."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("feature_names", "crossing_dim", "output_mode")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build from `get_config()`."""
        return cls(**config)


class Feature:
    """How one feature is read (`dtype`), preprocessed (by a layer) and encoded (`output_mode`).

    Raises:
        ValueError: `output_mode` is not "int", "one_hot" or "float".
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        _check_mode(output_mode, ("int", "one_hot", "float"))
        self.dtype, self.output_mode = dtype, output_mode
        self.preprocessor = deserialize_keras_object(preprocessor)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        layer = serialize_keras_object(self.preprocessor)
        return {"dtype": self.dtype, "preprocessor": layer, "output_mode": self.output_mode}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build from `get_config()`."""
        return cls(**config)


def _check_mode(output_mode: Any, modes: tuple[str, ...]) -> None:
    if output_mode not in modes:
        raise ValueError(
            f"Invalid value for argument `output_mode`. Expected one of {modes}. "
            f"Received: output_mode={output_mode}"
        )
