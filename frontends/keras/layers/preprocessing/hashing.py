"""The layer that hashes strings or integers into a fixed number of bins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.artifacts.fingerprint import hash_buckets
from graphc.keras import ops
from graphc.keras.engine.settings import floatx
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.layers.preprocessing.encoding import check_output_mode, encode
from graphc.keras.layers.preprocessing.host_layer import HostLayer, as_texts
from graphc.keras.layers.preprocessing.salts import check_salt


class Hashing(HostLayer):
    """Replaces every string or integer by a bin from its hash, the same on every machine.

    Args:
        num_bins: the number of bins, that of the mask included.
        mask_value: what goes to bin 0, which nothing else then does.
        salt: an integer or two of them, the key of SipHash64; FarmHash64 without.
        output_mode: "int", "one_hot", "multi_hot" or "count".
        sparse: only False is supported.

    Raises:
        ValueError: no bins, an unknown mode, or a dtype that the mode cannot have.
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else floatx()
        super().__init__(**kwargs)
        if num_bins is None or num_bins <= 0:
            raise ValueError(
                "The `num_bins` for `Hashing` cannot be `None` or non-positive values. "
                f"Received: num_bins={num_bins}."
            )
        check_output_mode(self, output_mode, sparse)
        if output_mode == "int" and self.dtype_policy.name not in ("int32", "int64"):
            raise ValueError(
                'When `output_mode="int"`, `dtype` should be an integer type, "int32" or "int64". '
                f"Received: dtype={kwargs['dtype']}"
            )
        self.configure(
            num_bins=num_bins,
            salt=check_salt(self, salt),
            mask_value=mask_value,
            output_mode=output_mode,
            sparse=sparse,
        )

    def call(self, inputs: Any) -> Any:
        """Return the bins of strings or numbers (whose fractions are dropped), encoded."""
        values = _hashable(inputs)
        masked = self.mask_value is not None and self.num_bins > 1
        bins = hash_buckets(values, self.num_bins - masked, self.salt)
        if masked:
            bins = np.where(values == self.mask_value, 0, bins + 1)
        indices = ops.convert_to_tensor(bins.astype("int32"))
        return encode(indices, self.output_mode, self.num_bins, self.dtype)

    def as_front(self) -> dict[str, Any]:
        """Return what the layer does, for an artifact."""
        return {
            "op": "hash", "bins": self.num_bins, "mask": self.mask_value, "salt": self.salt,
            "mode": self.output_mode,
        }  # fmt: skip

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the encoding, as Keras announces it."""
        sizes = tuple(input_shape)
        return sizes if self.output_mode == "int" else (*sizes[:-1], self.num_bins)

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        """Return the KerasTensor of the encoding."""
        return KerasTensor(self.compute_output_shape(inputs.shape), self.dtype)


def _hashable(inputs: Any) -> np.ndarray:
    """Strings as `str` objects, numbers as int64."""
    if hasattr(inputs, "to_numpy"):
        inputs = inputs.to_numpy()
    array = np.asarray(inputs)
    return as_texts(array) if array.dtype.kind in "OSUT" else array.astype("int64")
