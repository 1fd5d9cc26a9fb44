"""The layer that replaces strings by their indices in a vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras.layers.preprocessing.host_layer import as_texts
from graphc.keras.layers.preprocessing.index_lookup import IndexLookup


class StringLookup(IndexLookup):
    """Maps strings to integers (or, inverted, back) by a vocabulary, given or learnt by `adapt`.

    Args:
        max_tokens: the largest vocabulary, special tokens included.
        num_oov_indices: how many indices strings outside the vocabulary share, by their hash.
        mask_token: the string that means "nothing": index 0, or no mark in a vector.
        oov_token: what indices outside the vocabulary become when inverted.
        vocabulary: strings, or the path of a file with one a line.
        idf_weights: a weight for each, which "tf_idf" needs with a vocabulary.
        invert: map indices to strings (as bytes in an object array).
        output_mode: "int": an index each; "one_hot": a vector each; "multi_hot", "count",
            "tf_idf": one for each sample [..., N].
        pad_to_max_tokens: make vectors `max_tokens` long.
        sparse: only False is supported.
        encoding: of byte strings.
        salt: the key of the hash, for several OOV indices.

    Raises:
        ValueError: arguments that contradict each other, or a vocabulary that is none.
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, "string", vocabulary, idf_weights,
            invert, output_mode, sparse, pad_to_max_tokens, name=name, salt=salt, **kwargs,
        )  # fmt: skip

    def _as_tokens(self, inputs: Any) -> np.ndarray:
        return as_texts(inputs, self.encoding)

    def _as_outputs(self, tokens: list[Any], shape: tuple[int, ...]) -> np.ndarray:
        found = np.empty(len(tokens), object)
        found[:] = [token.encode(self.encoding) for token in tokens]
        return found.reshape(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["vocabulary_dtype"]
        return {**config, "encoding": self.encoding}
