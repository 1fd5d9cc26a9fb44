"""Layers in which each position of a sequence reads from the positions of another."""

from graphc.keras.layers.attention.grouped_query import GroupedQueryAttention
from graphc.keras.layers.attention.multi_head import MultiHeadAttention
from graphc.keras.layers.attention.scored import AdditiveAttention, Attention

GroupQueryAttention = GroupedQueryAttention  # Keras's public name

__all__ = [
    "AdditiveAttention",
    "Attention",
    "GroupQueryAttention",
    "GroupedQueryAttention",
    "MultiHeadAttention",
]
