"""The layer that hashes combinations of features into a fixed number of bins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.artifacts.fingerprint import crossed, fingerprint
from graphc.keras import ops
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.layers.preprocessing.encoding import check_output_mode, encode
from graphc.keras.layers.preprocessing.host_layer import HostLayer, as_texts


class HashedCrossing(HostLayer):
    """Replaces the values of two or more features by one bin for their combination.

    Inputs: a list of tensors of strings or integers, each `()`, `(batch,)` or `(batch, 1)`.

    Args:
        num_bins: the number of bins.
        output_mode: "int" or "one_hot".
        sparse: only False is supported.

    Raises:
        ValueError: an unknown mode.
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        if output_mode == "int" and dtype is None:
            dtype = "int64"
        super().__init__(name=name, dtype=dtype)
        check_output_mode(self, output_mode, sparse, ("int", "one_hot"))
        self.num_bins, self.output_mode, self.sparse = num_bins, output_mode, sparse

    def call(self, inputs: Any) -> Any:
        """Return the bins of the combinations, encoded.

        Raises:
            ValueError: fewer than two inputs, shapes that differ, or floats.
        """
        self._check_several(inputs)
        features = [_feature(value) for value in inputs]
        shapes = {feature.shape for feature in features}
        shape = features[0].shape
        if len(shapes) > 1 or len(shape) > 2 or (len(shape) == 2 and shape[-1] != 1):
            raise ValueError(
                "All `HashedCrossing` inputs should have shape `()`, `(batch_size,)` or "
                f"`(batch_size, 1)`, the same for all. Received: shapes {sorted(shapes)}"
            )
        columns = [[fingerprint(item) for item in feature.ravel().tolist()] for feature in features]
        bins = [crossed(row) % self.num_bins for row in zip(*columns, strict=True)]
        indices = ops.convert_to_tensor(np.array(bins, "int32").reshape(shape))
        return encode(indices, self.output_mode, self.num_bins, self.compute_dtype)

    def as_front(self) -> dict[str, Any]:
        """Return what the layer does, for an artifact."""
        return {"op": "cross", "bins": self.num_bins, "mode": self.output_mode}

    def _check_several(self, inputs: Any) -> None:
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(
                "`HashedCrossing` should be called on a list or tuple of at least two inputs. "
                f"Received: inputs={inputs}"
            )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the encoding for the shapes of the inputs.

        Raises:
            ValueError: fewer than two shapes, or shapes that differ.
        """
        self._check_several(input_shape)
        first, *others = (tuple(shape) for shape in input_shape)
        if any(other[-1:] != first[-1:] for other in others):
            raise ValueError(
                "Expected the inputs of `HashedCrossing` to have identical shapes. "
                f"Received: input_shape={input_shape}"
            )
        if self.output_mode == "int":
            return first
        return (*(first[:-1] if first[-1:] == (1,) else first), self.num_bins)

    def compute_output_spec(self, inputs: Sequence[Any]) -> KerasTensor:
        """Return the KerasTensor of the encoding."""
        self._check_several(inputs)
        shape = self.compute_output_shape([tensor.shape for tensor in inputs])
        return KerasTensor(shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("num_bins", "output_mode", "sparse", "name", "dtype")
        return {name: getattr(self, name) for name in names}


def _feature(value: Any) -> np.ndarray:
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    array = np.asarray(value)
    if array.dtype.kind in "OSUT":
        return as_texts(array)
    if array.dtype.kind in "iu":
        return array.astype("int64")
    raise ValueError(
        "All `HashedCrossing` inputs should have an integer or string dtype. "
        f"Received: dtype {array.dtype}"
    )
