"""The layer that replaces integers by their indices in a vocabulary."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from graphc.keras import ops
from graphc.keras.engine.settings import floatx
from graphc.keras.engine.tensor import Symbol
from graphc.keras.layers.preprocessing.index_lookup import DROPPED, IndexLookup

INT32 = np.iinfo("int32")


class IntegerLookup(IndexLookup):
    """Maps integers to indices (or, inverted, back) by a vocabulary, given or learnt by `adapt`.

    The arguments are those of `StringLookup`, but for integers, and `oov_method`: whether several
    OOV indices are shared by remainder ("floormod") or by hash ("farmhash", with or without
    `salt`). In a compiled step an integer outside the vocabulary raises no error even with
    `num_oov_indices=0`: its index is -1, and a vector gets no mark.

    Raises:
        ValueError: arguments that contradict each other, or a vocabulary that is none.
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(
                "Only `vocabulary_dtype='int64'` is supported at this time. "
                f"Received: vocabulary_dtype={vocabulary_dtype}"
            )
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary_dtype, vocabulary,
            idf_weights, invert, output_mode, sparse, pad_to_max_tokens, oov_method, name, salt,
            **kwargs,
        )  # fmt: skip

    @property
    def runs_on_host(self) -> bool:
        """Whether hashes or integers beyond 32 bits keep the lookup out of a compiled step."""
        hashed = self.num_oov_indices > 1 and self.oov_method == "farmhash" and not self.invert
        known = [token for token in self.get_vocabulary() if token is not None]
        wide = known and (min(known) < INT32.min or max(known) > INT32.max)
        return bool(hashed or wide)

    def _as_tokens(self, inputs: Any) -> np.ndarray:
        if hasattr(inputs, "to_numpy"):
            inputs = inputs.to_numpy()
        array = np.asarray(inputs)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"Expected integers. Received: an array of dtype {array.dtype}")
        return array.astype("int64")

    def _as_outputs(self, tokens: list[Any], shape: tuple[int, ...]) -> Any:
        return ops.convert_to_tensor(np.array(tokens, "int64").reshape(shape))

    def call(self, inputs: Any) -> Any:
        """Return the indices of integers in the output mode; with `invert` the integers."""
        if not isinstance(inputs, (Symbol, jax.core.Tracer)):
            return super().call(inputs)
        inputs = ops.cast(inputs, "int32")
        return self._traced_tokens(inputs) if self.invert else self._traced(inputs)

    def _traced_tokens(self, indices: Any) -> Any:
        known = np.array([*self.get_vocabulary(), self.oov_token], "int32")
        last = len(known) - 1
        inside = ops.logical_and(indices >= 0, indices < last)
        return ops.take(known, ops.where(inside, indices, last), axis=0)

    def _traced(self, tokens: Any) -> Any:
        """The lookup as ops: a search among the sorted tokens."""
        order = np.argsort(np.array(self._table.tokens, "int64"), kind="stable")
        known = np.array(self._table.tokens, "int32")[order]
        found = self._traced_oov(tokens)
        if len(known):
            places = ops.minimum(ops.searchsorted(known, tokens), len(known) - 1)
            indices = ops.take((order + self._token_start).astype("int32"), places, axis=0)
            found = ops.where(ops.equal(ops.take(known, places, axis=0), tokens), indices, found)
        if self.mask_token is not None:
            masked = 0 if self.output_mode == "int" else DROPPED
            found = ops.where(ops.equal(tokens, self.mask_token), masked, found)
        encoded = self._encoded(found)
        return encoded if self.output_mode == "int" else ops.cast(encoded, floatx())

    def _traced_oov(self, tokens: Any) -> Any:
        if self.num_oov_indices > 1:
            return ops.mod(tokens, self.num_oov_indices) + self._oov_start
        oov = self._oov_start if self.num_oov_indices else DROPPED
        return ops.full_like(tokens, oov)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, the integers as Python's."""
        config = super().get_config()
        for name in ("oov_token", "mask_token"):
            config[name] = None if config[name] is None else int(config[name])
        if config["vocabulary"] is not None:
            config["vocabulary"] = [int(token) for token in config["vocabulary"]]
        return config
