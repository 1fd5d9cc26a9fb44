"""How layers with a vocabulary are configured, copied and saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras.engine.settings import floatx
from graphc.keras.layers.preprocessing.host_layer import HostLayer
from graphc.keras.layers.preprocessing.vocabulary import listed
from graphc.keras.saving.contexts import is_carrying

ASSET = "vocabulary.txt"


class SavedLookup(HostLayer):
    """The half of `IndexLookup` that is about configurations and files."""

    @property
    def compute_dtype(self) -> str:
        """The dtype of the vocabulary."""
        return self.vocabulary_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the vocabulary."""
        return self.vocabulary_dtype

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; a copy in memory carries what was learnt, too."""
        names = (
            "invert", "max_tokens", "num_oov_indices", "oov_token", "mask_token", "output_mode",
            "sparse", "pad_to_max_tokens", "vocabulary_dtype", "oov_method", "salt",
        )  # fmt: skip
        config = {**super().get_config(), **{name: getattr(self, name) for name in names}}
        config["idf_weights"] = plain_list(self.input_idf_weights)
        config["vocabulary"] = plain_list(self.input_vocabulary)
        config["vocabulary_size"] = self._frozen_vocab_size
        if not is_carrying():
            return config
        return {**config, "learnt": self.learnt(), "has_input_vocabulary": self.was_given}

    def as_front(self) -> dict[str, Any]:
        """Return what the layer does, for an artifact."""
        weighted = self.output_mode == "tf_idf"
        return {
            "op": "lookup", "tokens": self.get_vocabulary(include_special_tokens=False),
            "oov": self.num_oov_indices, "oov_token": self.oov_token, "mask": self.mask_token,
            "mode": self.output_mode, "depth": 0 if self.output_mode == "int" else self.depth,
            "weights": self.weights_of_tokens.tolist() if weighted else None, "float": floatx(),
            "integers": self.vocabulary_dtype != "string", "invert": self.invert,
            "remainder": self.vocabulary_dtype != "string" and self.oov_method == "floormod",
            "salt": self.salt, "encoding": getattr(self, "encoding", "utf-8"),
        }  # fmt: skip

    @property
    def was_given(self) -> bool:
        """Whether the vocabulary was given to the constructor: then it is not to be learnt."""
        return self._has_input_vocabulary

    def learnt(self) -> dict[str, Any] | None:
        """Return the arguments of `set_vocabulary` that let another layer know what this does."""
        if not self._table.tokens:
            return None
        weights = None if self.idf_weights is None else self._own_weights().tolist()
        return {"vocabulary": self.get_vocabulary(), "idf_weights": weights}

    def _own_weights(self) -> np.ndarray:
        assert self.idf_weights is not None
        return self.idf_weights[: self.vocabulary_size()]

    def get_build_config(self) -> dict[str, Any]:
        """Return nothing: no shape influences the layer."""
        return {}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Mark the layer as built."""
        self.built = True

    def save_own_variables(self, store: Any) -> None:
        """Put the idf weights into `store`."""
        if self.output_mode == "tf_idf":
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store: Any) -> None:
        """Take the idf weights from `store`."""
        if self.output_mode == "tf_idf":
            self.idf_weights = np.asarray(store["idf_weights"])

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary into a folder, unless the configuration holds it."""
        if self.input_vocabulary is not None:
            return
        text = "\n".join(str(token) for token in self.get_vocabulary())
        (Path(dir_path) / ASSET).write_text(text, encoding="utf-8")

    def load_assets(self, dir_path: Any) -> None:
        """Read the vocabulary that `save_assets` wrote."""
        if self.input_vocabulary is not None:
            return
        path = Path(dir_path) / ASSET
        terms = listed(path, self.vocabulary_dtype != "string", "utf-8")
        if not terms:
            return
        weights = None if self.output_mode != "tf_idf" else self.idf_weights[: len(terms)]
        self.set_vocabulary(terms, idf_weights=weights)


def plain_list(value: Any) -> Any:
    """Return arrays as lists, anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value
