"""The base of the layers that replace tokens by their indices in a vocabulary, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from graphc.artifacts.fingerprint import hash_buckets
from graphc.keras import ops
from graphc.keras.engine.settings import floatx
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.engine.version import structural_change
from graphc.keras.layers.preprocessing.encoding import check_output_mode, encode
from graphc.keras.layers.preprocessing.salts import check_salt
from graphc.keras.layers.preprocessing.saved_lookup import SavedLookup
from graphc.keras.layers.preprocessing.vocabulary import Table, TokenCounts, listed, without_special

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
FORMER_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}
DROPPED = -1  # an index that leaves no mark in an encoding


class IndexLookup(SavedLookup):
    """Maps tokens to indices: [mask, out-of-vocabulary ..., tokens by frequency ...].

    `StringLookup` and `IntegerLookup` document the arguments; `vocabulary_dtype` is "string" or
    "int64". A vocabulary is given, or learnt by `adapt`.
    """

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary_dtype: str,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        size = kwargs.pop("vocabulary_size", None)
        given = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        learnt = kwargs.pop("learnt", None)
        for ignored in ("trainable", "dtype"):
            kwargs.pop(ignored, None)
        if kwargs:
            raise ValueError(f"Unrecognized keyword argument(s): {kwargs}")
        super().__init__(name=name)
        self.vocabulary_dtype = vocabulary_dtype
        self.invert, self.sparse = invert, sparse
        self.output_mode = FORMER_MODES.get(output_mode, output_mode)
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.pad_to_max_tokens, self.oov_method = pad_to_max_tokens, oov_method
        self.salt = check_salt(self, salt)
        self._check(idf_weights)
        self.input_vocabulary = None if isinstance(vocabulary, (str, Path)) else vocabulary
        self.input_idf_weights = idf_weights
        self.idf_weights: np.ndarray | None = None
        self._has_input_vocabulary = given
        # A size without any token of the vocabulary's own is that of none.
        self._frozen_vocab_size = size if size and size > self._token_start else None
        self._counts = TokenCounts()
        self._set_tokens([])
        if learnt is not None:
            self.set_vocabulary(**learnt)
        elif vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    def _check(self, idf_weights: Any) -> None:
        check_output_mode(self, self.output_mode, self.sparse, MODES)
        integers = self.vocabulary_dtype != "string"
        farmhash = self.oov_method == "farmhash"
        refused = (
            (self.max_tokens is not None and self.max_tokens <= 1,
             "`max_tokens` greater than 1", {"max_tokens": self.max_tokens}),
            (self.pad_to_max_tokens and self.max_tokens is None,
             "`max_tokens` with `pad_to_max_tokens`", {"max_tokens": self.max_tokens}),
            (self.num_oov_indices < 0,
             "`num_oov_indices` of at least 0", {"num_oov_indices": self.num_oov_indices}),
            (self.oov_method not in ("floormod", "farmhash"),
             "`oov_method` 'floormod' or 'farmhash'", {"oov_method": self.oov_method}),
            (self.salt is not None and integers and not farmhash,
             "`salt` only with `oov_method='farmhash'`", {"oov_method": self.oov_method}),
            (self.invert and self.output_mode != "int",
             "`output_mode='int'` with `invert`", {"output_mode": self.output_mode}),
            (idf_weights is not None and self.output_mode != "tf_idf",
             "`idf_weights` only with `output_mode='tf_idf'`", {"output_mode": self.output_mode}),
        )  # fmt: skip
        for wrong, expected, received in refused:
            if wrong:
                shown = ", ".join(f"{name}={value!r}" for name, value in received.items())
                raise ValueError(f"{type(self).__name__}: expected {expected}. Received: {shown}")

    # The vocabulary

    @property
    def _oov_start(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _token_start(self) -> int:
        return self._oov_start + self.num_oov_indices

    @property
    def _encoding(self) -> str:
        return getattr(self, "encoding", "utf-8")

    def _set_tokens(self, tokens: list[Any]) -> None:
        self._table = Table.of(tokens, self._token_start)
        structural_change()  # a traced lookup holds the vocabulary as constants

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the tokens by index; the mask's and out-of-vocabulary ones first, if wanted."""
        if not include_special_tokens:
            return list(self._table.tokens)
        return [*self._special_tokens(), *self._table.tokens]

    def _special_tokens(self) -> list[Any]:
        return [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices

    def vocabulary_size(self) -> int:
        """Return the number of tokens, special ones included."""
        return self._token_start + len(self._table.tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary (and the idf weights, which "tf_idf" needs).

        Args:
            vocabulary: tokens, or the path of a file with one a line.
            idf_weights: one for each token.

        Raises:
            ValueError: not a vocabulary, or weights missing, needless or of another length.
            RuntimeError: it would change the size of a vector output.
        """
        weighted = self.output_mode == "tf_idf"
        if weighted != (idf_weights is not None):
            needed = "must be given" if weighted else "should not be given"
            raise ValueError(
                f"`idf_weights` {needed} with output_mode={self.output_mode!r}. "
                f"Received: idf_weights={idf_weights}"
            )
        if weighted and isinstance(vocabulary, (str, Path)):
            raise ValueError(
                "output_mode 'tf_idf' does not support loading a vocabulary from file. "
                f"Received: vocabulary={vocabulary!r}"
            )
        terms = listed(vocabulary, self.vocabulary_dtype != "string", self._encoding)
        special = [] if isinstance(vocabulary, (str, Path)) else self._special_tokens()
        reserved = [self.mask_token, *([self.oov_token] if self.invert else [])]
        tokens = without_special(terms, special, self.mask_token, reserved)
        size = self._token_start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                "Attempted to set a vocabulary larger than the maximum vocab size. "
                f"Received: vocabulary size {size}, max_tokens={self.max_tokens}."
            )
        self._set_tokens(tokens)
        self._record_size()
        if weighted:
            self.idf_weights = self._padded_weights(idf_weights, len(terms), tokens)

    def _padded_weights(self, weights: Any, count: int, tokens: list[Any]) -> np.ndarray:
        given = np.asarray(weights, floatx())
        if given.shape != (count,):
            raise ValueError(
                f"`idf_weights` must be the same length as vocabulary, {count}. "
                f"Received: idf_weights of shape {given.shape}"
            )
        front = self._token_start if count == len(tokens) else 0
        return self._widened(given, front)

    def _widened(self, weights: np.ndarray, front: int) -> np.ndarray:
        """Weights with their average for special tokens, and zeros up to `max_tokens`."""
        found = np.concatenate([np.full(front, np.mean(weights), weights.dtype), weights])
        missing = self.max_tokens - len(found) if self.pad_to_max_tokens else 0
        return np.pad(found, (0, missing)).astype(floatx())

    def _record_size(self) -> None:
        size, known = self.vocabulary_size(), self._frozen_vocab_size
        fixed = self.output_mode != "int" and not self.pad_to_max_tokens and known is not None
        if fixed and size != known:
            raise RuntimeError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, the "
                f"vocabulary size cannot be changed: it was {known}. Received: {size} tokens"
            )
        self._frozen_vocab_size = size

    # Learning it

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent tokens first.

        Args:
            data: an array or list of tokens [N] or samples [B, N], or an iterable of batches.
            steps: at most so many batches of an iterable.

        Raises:
            ValueError: the vocabulary was given.
        """
        self.reset_state()
        for batch in batches_of(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch [B, N], or of one document [N]."""
        tokens = np.atleast_2d(self._as_tokens(data))
        self.count_documents(tokens.reshape(len(tokens), -1).tolist())

    def count_documents(self, documents: Iterable[Sequence[Any]]) -> None:
        """Count the tokens of documents, which may be of different lengths."""
        if self._has_input_vocabulary:
            raise ValueError(
                f"Cannot adapt layer '{self.name}' after setting a static vocabulary via "
                "`vocabulary` argument or `set_vocabulary()` method. "
                f"Received: a vocabulary of {len(self._table.tokens)} tokens"
            )
        self._counts.add(documents)

    def finalize_state(self) -> None:
        """Make the vocabulary from the tokens counted."""
        if self._has_input_vocabulary or not self._counts.tokens:
            self._record_size()
            return
        limit = None if self.max_tokens is None else self.max_tokens - self._token_start
        tokens = self._counts.vocabulary((self.mask_token, self.oov_token), limit)
        self._set_tokens(tokens)
        if self.output_mode == "tf_idf":
            weights = self._counts.idf_weights(tokens).astype(floatx())
            self.idf_weights = self._widened(weights, self._token_start)
        self.reset_state()
        self._record_size()

    def reset_state(self) -> None:
        """Forget the tokens counted."""
        self._counts = TokenCounts()

    # The call

    def _as_tokens(self, inputs: Any) -> np.ndarray:
        """Return inputs as an array of the vocabulary's kind; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} does not implement `_as_tokens()`.")

    def call(self, inputs: Any) -> Any:
        """Return the indices of tokens in the output mode; with `invert` the tokens of indices.

        Raises:
            ValueError: a token is not in the vocabulary, and there is no index for such.
            RuntimeError: the output's size is not known yet.
        """
        if self.invert:
            return self._tokens_of(np.asarray(inputs))
        indices = self.indices_of(self._as_tokens(inputs))
        return self._encoded(ops.convert_to_tensor(indices.astype("int32")))

    def indices_of(self, tokens: np.ndarray) -> np.ndarray:
        """Return the indices of tokens: int64, of the same shape."""
        flat = tokens.ravel().tolist()
        found = np.array([self._table.index.get(token, -1) for token in flat], "int64")
        found = found.reshape(tokens.shape)
        unknown = found < 0
        if self.mask_token is not None:
            masked = tokens == self.mask_token
            unknown &= ~masked
            found[masked] = 0 if self.output_mode == "int" else DROPPED
        if unknown.any():
            found[unknown] = self._oov_indices(tokens[unknown])
        return found

    def _oov_indices(self, tokens: np.ndarray) -> Any:
        if self.num_oov_indices == 0:
            raise ValueError(
                "When `num_oov_indices=0` all inputs should be in vocabulary, consider setting "
                f"`num_oov_indices=1`. Received: {sorted(set(tokens.tolist()))[:10]}"
            )
        if self.num_oov_indices == 1:
            return self._oov_start
        if self.vocabulary_dtype != "string" and self.oov_method == "floormod":
            return tokens % self.num_oov_indices + self._oov_start
        return hash_buckets(tokens, self.num_oov_indices, self.salt) + self._oov_start

    @property
    def depth(self) -> int:
        """The size of a vector output.

        Raises:
            RuntimeError: there is no vocabulary yet.
        """
        found = self.max_tokens if self.pad_to_max_tokens else self._frozen_vocab_size
        if found is None:
            raise RuntimeError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, the "
                "vocabulary must be set before calling the layer. Expected a `vocabulary` argument "
                "or a call of `adapt`. Received: no vocabulary"
            )
        return found

    @property
    def weights_of_tokens(self) -> np.ndarray:
        """The idf weight of each index.

        Raises:
            ValueError: there are none yet.
        """
        if self.idf_weights is None:
            raise ValueError(
                "When `output_mode` is 'tf_idf', idf weights must be set or learnt first. "
                "Received: none"
            )
        return self.idf_weights

    def _encoded(self, indices: Any) -> Any:
        if self.output_mode == "tf_idf":
            return encode(indices, "count", self.depth, floatx()) * self.weights_of_tokens
        depth = 0 if self.output_mode == "int" else self.depth
        return encode(indices, self.output_mode, depth, "int32")

    def _tokens_of(self, indices: np.ndarray) -> Any:
        """Return the tokens of indices; the OOV token for an index that no token has."""
        known = dict(enumerate(self.get_vocabulary()))
        found = [known.get(index, self.oov_token) for index in indices.ravel().tolist()]
        return self._as_outputs(found, indices.shape)

    def _as_outputs(self, tokens: list[Any], shape: tuple[int, ...]) -> Any:
        """Return tokens as what the layer gives with `invert`; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} does not implement `_as_outputs()`.")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the output; its last size is None before there is a vocabulary."""
        sizes = tuple(input_shape)
        if self.output_mode == "int":
            return sizes
        depth = self.max_tokens if self.pad_to_max_tokens else self._frozen_vocab_size
        if self.output_mode == "one_hot" and (len(sizes) < 2 or sizes[-1] != 1):
            return (*sizes, depth)
        return (*sizes[:-1], depth)

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        """Return the KerasTensor of the output: int64 indices, or vectors of floats."""
        dtype = "int64" if self.output_mode == "int" else floatx()
        kind = self.vocabulary_dtype if self.invert else dtype
        return KerasTensor(self.compute_output_shape(inputs.shape), kind)


def batches_of(data: Any, steps: int | None) -> Iterable[Any]:
    """Yield the batches of `adapt`'s data: an array is one, its rows [N] samples of one token."""
    if hasattr(data, "to_numpy"):
        data = data.to_numpy()
    whole = isinstance(data, (list, tuple, np.ndarray, jax.Array, str))
    if whole or not hasattr(data, "__iter__"):
        array = np.asarray(data)
        yield array[:, None] if array.ndim == 1 else array
        return
    for step, batch in enumerate(data):
        if steps is not None and step >= steps:
            return
        yield batch
