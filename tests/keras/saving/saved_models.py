"""Small models of every public layer, by family: what files are tried on.

A builder takes the library (`graphc.keras` or real Keras) and returns a model that is not compiled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.keras.saving.building import Build
from tests.keras.saving.saved_graphs import CUSTOM, GRAPHS, LOW_RANK, POLICIES, SUBCLASSED
from tests.keras.saving.saved_layers import LAYERS
from tests.keras.saving.saved_plain_layers import PLAIN_LAYERS

MODELS: dict[str, dict[str, Build]] = {
    **LAYERS,
    **PLAIN_LAYERS,
    "graphs": GRAPHS,
    "subclassed": SUBCLASSED,
    "custom objects": CUSTOM,
    "low rank": LOW_RANK,
    "policies": POLICIES,
}


def inputs_of(model: Any, rows: int = 3) -> Any:
    """Return made-up inputs of a model, in its structure."""
    rng = np.random.default_rng(5)
    tensors = getattr(model, "inputs", None)
    if not tensors:  # a subclassed model
        return rng.normal(size=(rows, 4)).astype("float32")
    found = {
        tensor.name: rng.integers(0, 5, (rows, *tensor.shape[1:])).astype(tensor.dtype)
        if "int" in tensor.dtype
        else rng.normal(size=(rows, *tensor.shape[1:])).astype("float32")
        for tensor in tensors
    }
    if "x" in found:  # the model of dictionaries
        return found
    values = list(found.values())
    return values[0] if len(values) == 1 else values
