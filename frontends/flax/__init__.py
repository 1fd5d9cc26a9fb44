"""Flax modules in Keras models, and Keras models as Flax modules."""

from graphc.flax.keras_module import KerasModule, to_nnx
from graphc.flax.linked import BatchStat, Frozen, Param, SeedState
from graphc.flax.nnx_layer import NnxLayer, from_nnx
from graphc.keras.layers import FlaxLayer, JaxLayer

__all__ = [
    "BatchStat", "FlaxLayer", "Frozen", "JaxLayer", "KerasModule", "NnxLayer", "Param", "SeedState",
    "from_nnx", "to_nnx",
]  # fmt: skip
