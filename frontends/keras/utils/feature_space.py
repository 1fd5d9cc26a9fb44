"""`FeatureSpace`: columns of a table, each preprocessed and encoded as its kind asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from graphc.keras import ops
from graphc.keras.engine.layer import Layer
from graphc.keras.engine.settings import auto_name, is_int_dtype, standardize_dtype
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.layers.masking import Identity
from graphc.keras.layers.preprocessing.category_encoding import CategoryEncoding
from graphc.keras.layers.preprocessing.discretization import Discretization
from graphc.keras.layers.preprocessing.hashed_crossing import HashedCrossing
from graphc.keras.layers.preprocessing.hashing import Hashing
from graphc.keras.layers.preprocessing.index_lookup import IndexLookup
from graphc.keras.layers.preprocessing.integer_lookup import IntegerLookup
from graphc.keras.layers.preprocessing.normalization import Normalization
from graphc.keras.layers.preprocessing.string_lookup import StringLookup
from graphc.keras.layers.rescaling import Rescaling
from graphc.keras.models.input_layer import Input
from graphc.keras.saving import serialize_keras_object
from graphc.keras.utils.feature_space_columns import as_column, batches_of_columns, is_symbolic
from graphc.keras.utils.feature_space_parts import Cross, Feature


class FeatureSpace(Layer):
    """Encodes a dictionary of features as one vector ("concat") or one tensor each ("dict").

    Args:
        features: for each name its kind ("float", "float_normalized", "float_rescaled",
            "float_discretized", "integer_categorical", "string_categorical", "integer_hashed",
            "string_hashed"), or what the method of that name returns.
        output_mode: "concat" or "dict".
        crosses: tuples of names of features to be hashed together, or what `cross` returns.
        crossing_dim, hashing_dim, num_discretization_bins: how many bins crosses, hashed and
            discretized features get unless they say otherwise.

    Raises:
        ValueError: no features, an unknown kind or mode, or a cross of unknown features.
    """

    from_config_is_raw = True  # features are no objects of a public module

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Sequence[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not features:
            raise ValueError(
                f"The `features` argument cannot be None or empty. Received: features={features}"
            )
        if output_mode not in ("dict", "concat"):
            raise ValueError(
                "Invalid value for argument `output_mode`. Expected one of ('dict', 'concat'). "
                f"Received: output_mode={output_mode}"
            )
        self.output_mode, self.crossing_dim = output_mode, crossing_dim
        self.hashing_dim, self.num_discretization_bins = hashing_dim, num_discretization_bins
        self.features = {key: self._as_feature(key, value) for key, value in features.items()}
        self.crosses = [self._as_cross(cross) for cross in crosses or ()]
        self.inputs = {
            key: Input(shape=(1,), dtype=feature.dtype, name=key)
            for key, feature in self.features.items()
        }
        self.preprocessors = {key: value.preprocessor for key, value in self.features.items()}
        self.crossers = {
            cross.name: HashedCrossing(cross.crossing_dim, name=cross.name)
            for cross in self.crosses
        }
        self.one_hot_encoders: dict[str, CategoryEncoding] = {}
        self.encoded_features: Any = None
        self._is_adapted = False

    # The kinds of features

    @classmethod
    def cross(
        cls, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"
    ) -> Cross:
        """Return a cross of features."""
        return Cross(feature_names, crossing_dim, output_mode=output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """Return a feature with a preprocessing layer of one's own."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Return plain numbers."""
        layer = Identity(dtype="float32", name=_named(name, "float"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_rescaled(
        cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None
    ) -> Feature:
        """Return numbers times `scale` plus `offset`."""
        layer = Rescaling(scale=scale, offset=offset, name=_named(name, "float_rescaled"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Return numbers of mean 0 and variance 1."""
        layer = Normalization(axis=-1, name=_named(name, "float_normalized"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int | None,
        bin_boundaries: Any = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return numbers by the range that they are in."""
        layer = Discretization(
            num_bins=num_bins, bin_boundaries=bin_boundaries,
            name=_named(name, "float_discretized"),
        )  # fmt: skip
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return integers by their index in a vocabulary."""
        layer = IntegerLookup(max_tokens, num_oov_indices, name=_named(name, "integer_categorical"))
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return strings by their index in a vocabulary."""
        layer = StringLookup(max_tokens, num_oov_indices, name=_named(name, "string_categorical"))
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return strings by their hash."""
        return Feature("string", Hashing(num_bins, name=_named(name, "string_hashed")), output_mode)

    @classmethod
    def integer_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return integers by their hash."""
        return Feature("int32", Hashing(num_bins, name=_named(name, "integer_hashed")), output_mode)

    def _as_feature(self, name: str, given: Any) -> Feature:
        if isinstance(given, Feature):
            return given
        if isinstance(given, dict):
            return Feature.from_config(given["config"])
        sizes = {
            "float_discretized": self.num_discretization_bins,
            "integer_hashed": self.hashing_dim, "string_hashed": self.hashing_dim,
        }  # fmt: skip
        if given not in KINDS:
            raise ValueError(
                f"Invalid feature type. Expected one of {KINDS}, or a feature made by a method of "
                f"FeatureSpace. Received: {given!r} for feature {name!r}"
            )
        make = getattr(self, given)
        return make(sizes[given], name=name) if given in sizes else make(name=name)

    def _as_cross(self, given: Any) -> Cross:
        if isinstance(given, dict):
            return Cross.from_config(given["config"])
        cross = given if isinstance(given, Cross) else Cross(given, self.crossing_dim)
        unknown = [name for name in cross.feature_names if name not in self.features]
        if unknown or not cross.crossing_dim:
            raise ValueError(
                "Expected `crosses` to name features of the `features` dict, with a "
                f"`crossing_dim`. Received: unknown features {unknown}, "
                f"crossing_dim={cross.crossing_dim}"
            )
        return cross

    # Learning

    def adapt(self, dataset: Any) -> None:
        """Let the preprocessors learn: vocabularies, means, quantiles.

        Args:
            dataset: a dictionary of columns, or an iterable of dictionaries (batches, or rows).

        Raises:
            ValueError: something else.
        """
        batches = list(batches_of_columns(dataset))
        for name in self._adaptable():
            self.preprocessors[name].adapt(as_column(batch[name]) for batch in batches)
        self._is_adapted = True
        self.get_encoded_features()
        self.built = True

    def _adaptable(self) -> list[str]:
        """The names of the features whose preprocessors can learn, and were not told already."""
        layers = self.preprocessors.items()
        return [name for name, layer in layers if hasattr(layer, "adapt") and not _told(layer)]

    def _check_adapted(self) -> None:
        if not self._is_adapted and self._adaptable():
            raise ValueError(
                "You need to call `.adapt(dataset)` on the FeatureSpace before you can start using "
                f"it. Received: features {self._adaptable()} that have learnt nothing yet"
            )
        self._is_adapted = True

    # Encoding

    def get_inputs(self) -> dict[str, KerasTensor]:
        """Return the inputs of a functional model, by feature."""
        self.get_encoded_features()
        return self.inputs

    def get_encoded_features(self) -> Any:
        """Return the encoded features of `get_inputs()`, to continue a functional model."""
        self._check_adapted()
        if self.encoded_features is None:
            self.encoded_features = self._encoded(self.inputs)
        return self.encoded_features

    def __call__(self, data: Any) -> Any:
        """Encode a dictionary of columns, or of the values of one row.

        Raises:
            ValueError: not a dictionary, or not adapted.
        """
        self.get_encoded_features()
        if not isinstance(data, dict):
            raise ValueError(
                "A FeatureSpace can only be called with a dict. "
                f"Received: data={data} (of type {type(data)})"
            )
        columns = {name: as_column(value) for name, value in data.items()}
        encoded = self._encoded(columns)
        if not any(np.ndim(value) == 0 for value in data.values() if not is_symbolic(value)):
            return encoded
        if self.output_mode == "concat":
            return encoded[0]
        return {name: value[0] for name, value in encoded.items()}

    def _encoded(self, columns: dict[str, Any]) -> Any:
        found = {name: self.preprocessors[name](columns[name]) for name in columns}
        crossed = {
            cross.name: self.crossers[cross.name]([found[name] for name in cross.feature_names])
            for cross in self.crosses
        }
        specs = {**self.features, **{cross.name: cross for cross in self.crosses}}
        names = [*sorted(found), *sorted(crossed)]
        everything = {**found, **crossed}
        encoded = {name: self._one_hot(name, everything[name], specs[name]) for name in names}
        if self.output_mode == "dict":
            return encoded
        for name, value in encoded.items():
            if standardize_dtype(value.dtype) == "string" or is_int_dtype(value.dtype):
                raise ValueError(
                    f"Cannot concatenate features because feature '{name}' has not been encoded. "
                    "Consider using `output_mode='dict'`. "
                    f"Received: a feature of dtype {value.dtype}"
                )
        return ops.concatenate(list(encoded.values()), axis=-1)

    def _one_hot(self, name: str, value: Any, spec: Any) -> Any:
        if spec.output_mode != "one_hot":
            return value
        if name not in self.one_hot_encoders:
            if not is_int_dtype(value.dtype):
                raise ValueError(
                    f"Feature '{name}' has `output_mode='one_hot'`, so its preprocessor should "
                    f"return an integer dtype. Received: {value.dtype}"
                )
            layer = self.preprocessors.get(name) or self.crossers.get(name)
            self.one_hot_encoders[name] = CategoryEncoding(_cardinality(name, layer))
        return self.one_hot_encoders[name](value)

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("output_mode", "crossing_dim", "hashing_dim", "num_discretization_bins")
        return {
            "features": serialize_keras_object(self.features),
            "crosses": serialize_keras_object(self.crosses),
            **{name: getattr(self, name) for name in names},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build from `get_config()`."""
        return cls(**config)

    def get_build_config(self) -> dict[str, Any]:
        """Return the shapes that the preprocessors were built with."""
        return {name: layer.get_build_config() for name, layer in self.preprocessors.items()}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the preprocessors as `get_build_config()` says; they count as adapted."""
        for name, shapes in config.items():
            layer = self.preprocessors[name]
            if shapes and not layer.built:
                layer.build_from_config(shapes)
        self._is_adapted = True


KINDS = (
    "float", "float_normalized", "float_rescaled", "float_discretized", "integer_categorical",
    "string_categorical", "integer_hashed", "string_hashed",
)  # fmt: skip


def _named(name: str | None, kind: str) -> str:
    return f"{name or auto_name(kind)}_preprocessor"


def _told(layer: Any) -> bool:
    """Whether a layer was given what it would learn."""
    if isinstance(layer, Discretization):
        return layer.num_bins is None
    given = getattr(layer, "input_mean", None) is not None
    return given or getattr(layer, "_has_input_vocabulary", False)


def _cardinality(name: str, layer: Any) -> int:
    """The number of classes that a preprocessor gives."""
    if isinstance(layer, IndexLookup):
        return layer.vocabulary_size()
    if isinstance(layer, CategoryEncoding):
        return layer.num_tokens
    if isinstance(layer, Discretization):
        return layer.num_bins or len(layer.bin_boundaries) + 1
    if isinstance(layer, (HashedCrossing, Hashing)):
        return layer.num_bins
    raise ValueError(
        f"Feature '{name}' has `output_mode='one_hot'`, but the number of its classes is not "
        "known. Try using `output_mode='int'`. "
        f"Received: a preprocessor of type {type(layer).__name__}"
    )
