"""The layer that turns texts into sequences of integers or into vectors of word counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from graphc.artifacts.strings import SPLIT, STANDARDIZE, with_ngrams
from graphc.keras import ops
from graphc.keras.engine.settings import floatx
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.layers.preprocessing.host_layer import HostLayer
from graphc.keras.layers.preprocessing.index_lookup import FORMER_MODES, batches_of
from graphc.keras.layers.preprocessing.saved_lookup import plain_list
from graphc.keras.layers.preprocessing.string_lookup import StringLookup
from graphc.keras.layers.preprocessing.tokenizing import split_texts, standardized
from graphc.keras.saving import deserialize_keras_object
from graphc.keras.saving.contexts import is_carrying


class Tokens(NamedTuple):
    """The tokens of texts, and the shape of the array that held the texts."""

    rows: list[list[str]]
    shape: tuple[int, ...]


class TextVectorization(HostLayer):
    """Standardizes, splits and indexes texts.

    Args:
        max_tokens: the largest vocabulary, special tokens included.
        standardize: None, "lower", "strip_punctuation", "lower_and_strip_punctuation", or a
            function from a NumPy array of unicode strings to another of the same shape.
        split: None, "whitespace", "character", or a function from a NumPy array of texts [N] to N
            lists of tokens.
        ngrams: None, the largest width, or a tuple of widths.
        output_mode: "int": indices [N, T], 0 for padding; "multi_hot", "count", "tf_idf": a vector
            for each text.
        output_sequence_length: T; otherwise that of the longest text of a call.
        pad_to_max_tokens: make vectors `max_tokens` long.
        vocabulary: tokens, or the path of a file with one a line.
        idf_weights: a weight for each, which "tf_idf" needs with a vocabulary.
        sparse, ragged: only False is supported.
        encoding: of byte strings.

    Raises:
        ValueError: an unknown mode, arguments that contradict each other, or a vocabulary that is
            none.
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: int | tuple[int, ...] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        names = ("has_input_vocabulary", "vocabulary_size", "learnt")
        hidden = {key: kwargs.pop(key) for key in names if key in kwargs}
        super().__init__(name=name, **kwargs)
        self._output_mode = FORMER_MODES.get(output_mode, output_mode)
        self._standardize, self._split = standardize, split
        self._ngrams_arg, self._ragged = ngrams, ragged
        self._output_sequence_length, self._encoding = output_sequence_length, encoding
        self._check()
        self._ngrams = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens, vocabulary=vocabulary, idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens, mask_token="", output_mode=output_mode,
            sparse=sparse, encoding=encoding, **hidden,
        )  # fmt: skip

    def _check(self) -> None:
        length, ngrams = self._output_sequence_length, self._ngrams_arg
        widths = ngrams if isinstance(ngrams, tuple) else (ngrams or 1,)
        whole = length is None or isinstance(length, int)
        refused = (
            (not _known(self._standardize, STANDARDIZE),
             f"`standardize` must be None, a function or one of {tuple(STANDARDIZE)}",
             {"standardize": self._standardize}),
            (not _known(self._split, SPLIT),
             f"`split` must be None, a function or one of {tuple(SPLIT)}", {"split": self._split}),
            (not all(isinstance(width, int) for width in widths),
             "`ngrams` must be None, an integer or a tuple of integers", {"ngrams": ngrams}),
            (not whole, "`output_sequence_length` must be None or an integer",
             {"output_sequence_length": length}),
            (length is not None and self._output_mode != "int",
             "`output_sequence_length` must not be set if `output_mode` is not 'int'",
             {"output_sequence_length": length, "output_mode": self._output_mode}),
            (self._ragged, "`ragged` must be False: tensors are dense", {"ragged": self._ragged}),
        )  # fmt: skip
        for wrong, expected, received in refused:
            if wrong:
                shown = ", ".join(f"{name}={value!r}" for name, value in received.items())
                raise ValueError(f"{expected}. Received: {shown}")

    # The vocabulary

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent tokens first.

        Args:
            data: texts as a list or an array, or an iterable of batches of them.
            batch_size: not needed.
            steps: at most so many batches of an iterable.

        Raises:
            ValueError: the vocabulary was given.
        """
        del batch_size
        self.reset_state()
        for batch in batches_of(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch of texts."""
        tokens = self._preprocess(data)
        if isinstance(tokens, Tokens):
            self._lookup_layer.count_documents(tokens.rows)
        else:
            self._lookup_layer.update_state(tokens)

    def finalize_state(self) -> None:
        """Make the vocabulary from the tokens counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forget the tokens counted."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Return the tokens by index; that of padding and "[UNK]" first, if wanted."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Return the number of tokens, special ones included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary (and the idf weights): see `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights=idf_weights)

    @property
    def _has_input_vocabulary(self) -> bool:
        return self._lookup_layer._has_input_vocabulary

    # The call

    def _preprocess(self, inputs: Any) -> Tokens | np.ndarray:
        texts = standardized(inputs, self._standardize, self._encoding)
        if self._split is None:
            if self._ngrams is None:
                return texts
            rows = texts.reshape(-1, texts.shape[-1]).tolist()
            return Tokens([with_ngrams(row, self._ngrams) for row in rows], texts.shape[:-1])
        if texts.ndim > 1 and texts.shape[-1] != 1:
            raise ValueError(
                "When using `TextVectorization` to tokenize strings, the input rank must be 1 or "
                f"the last shape dimension must be 1. Received: inputs.shape={texts.shape}"
            )
        texts = texts[..., 0] if texts.ndim > 1 else texts
        rows = split_texts(texts, self._split, self._encoding)
        return Tokens([with_ngrams(row, self._ngrams) for row in rows], texts.shape)

    def call(self, inputs: Any) -> Any:
        """Return the indices or vectors of texts [N], [N, 1] or one text []."""
        tokens = self._preprocess(inputs)
        if not isinstance(tokens, Tokens):
            found = self._lookup_layer.call(tokens)
            return self._cut(found) if self._output_mode == "int" else found
        if self._output_mode in ("multi_hot", "count", "tf_idf"):
            return self._counted(tokens)
        indices = self._padded(tokens)
        if self._output_mode == "int":
            return ops.convert_to_tensor(indices)
        return ops.one_hot(indices, self._lookup_layer.depth, dtype="int32")

    def _cut(self, indices: Any) -> Any:
        length = self._output_sequence_length
        if length is None:
            return indices
        kept = indices[..., :length]
        return ops.pad(kept, ((0, 0),) * (kept.ndim - 1) + ((0, length - kept.shape[-1]),))

    def _padded(self, tokens: Tokens) -> np.ndarray:
        """The indices, rows filled up with what the lookup gives for padding: int32 [..., T]."""
        length = self._output_sequence_length
        rows = [row[:length] for row in tokens.rows]
        sizes = np.array([len(row) for row in rows], "int64")
        width = max(sizes, default=0) if length is None else length
        empty = 0 if self._output_mode == "int" else -1
        found = np.full((len(rows), width), empty, "int32")
        found[np.arange(width) < sizes[:, None]] = self._flat_indices(rows)
        return found.reshape((*tokens.shape, width))

    def _flat_indices(self, rows: list[list[str]]) -> np.ndarray:
        flat = [token for row in rows for token in row]
        array = np.empty(len(flat), object)
        array[:] = flat
        return self._lookup_layer.indices_of(array)

    def _counted(self, tokens: Tokens) -> Any:
        """The counts of each text's tokens, as the output mode wants them: [..., depth]."""
        depth, rows = self._lookup_layer.depth, tokens.rows
        indices = self._flat_indices(rows)
        places = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        kept = indices >= 0
        flat = np.bincount(places[kept] * depth + indices[kept], minlength=len(rows) * depth)
        counts = flat.reshape((*tokens.shape, depth))
        if self._output_mode == "multi_hot":
            counts = np.minimum(counts, 1)
        if self._output_mode != "tf_idf":
            return ops.convert_to_tensor(counts.astype("int32"))
        return ops.convert_to_tensor(counts.astype(floatx()) * self._lookup_layer.weights_of_tokens)

    def as_front(self) -> dict[str, Any]:
        """Return what the layer does, for an artifact.

        Raises:
            ValueError: it calls a function of the user's, which data cannot describe.
        """
        for argument, value in (("standardize", self._standardize), ("split", self._split)):
            if callable(value):
                raise ValueError(
                    f"Layer '{self.name}' cannot be exported: expected `{argument}` to be None or "
                    f"a name, for an artifact holds no code. Received: {argument}={value!r}"
                )
        return {
            "op": "vectorize", "standardize": self._standardize, "split": self._split,
            "ngrams": self._ngrams, "length": self._output_sequence_length,
            "lookup": self._lookup_layer.as_front(),
        }  # fmt: skip

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the output; an unknown number of tokens is None."""
        sizes = tuple(input_shape)
        if self._split is not None:
            texts = sizes[:-1] if len(sizes) > 1 else sizes
            sizes = (*texts, self._output_sequence_length)
        elif self._output_mode == "int":
            return (*sizes[:-1], self._output_sequence_length)
        elif len(sizes) < 2:
            sizes = (*sizes, 1)
        return self._lookup_layer.compute_output_shape(sizes)

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        """Return the KerasTensor of the output: int64 indices, or vectors of floats."""
        dtype = "int64" if self._output_mode == "int" else floatx()
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype)

    # Configuration and files

    @property
    def compute_dtype(self) -> str:
        """The dtype of texts."""
        return "string"

    @property
    def variable_dtype(self) -> str:
        """The dtype of texts."""
        return "string"

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; a copy in memory carries what was learnt, too."""
        lookup = self._lookup_layer
        config = {
            **super().get_config(),
            "max_tokens": lookup.max_tokens,
            "standardize": self._standardize,
            "split": self._split,
            "ngrams": self._ngrams_arg,
            "output_mode": self._output_mode,
            "output_sequence_length": self._output_sequence_length,
            "pad_to_max_tokens": lookup.pad_to_max_tokens,
            "sparse": lookup.sparse,
            "ragged": self._ragged,
            "vocabulary": plain_list(lookup.input_vocabulary),
            "idf_weights": plain_list(lookup.input_idf_weights),
            "encoding": self._encoding,
            "vocabulary_size": self.vocabulary_size(),
        }
        if not is_carrying():
            return config
        return {**config, "learnt": lookup.learnt(), "has_input_vocabulary": lookup.was_given}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Build from `get_config()`."""
        config = dict(config)
        for key in ("standardize", "split"):
            if isinstance(config.get(key), dict):
                config[key] = deserialize_keras_object(config[key], custom_objects=custom_objects)
        if isinstance(config.get("ngrams"), list):
            config["ngrams"] = tuple(config["ngrams"])
        return super().from_config(config)

    def save_own_variables(self, store: Any) -> None:
        """Put the idf weights into `store`."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Take the idf weights from `store`."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary into a folder, unless the configuration holds it."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: Any) -> None:
        """Read the vocabulary that `save_assets` wrote."""
        self._lookup_layer.load_assets(dir_path)


def _known(choice: Any, names: Any) -> bool:
    return choice is None or callable(choice) or (isinstance(choice, str) and choice in names)
