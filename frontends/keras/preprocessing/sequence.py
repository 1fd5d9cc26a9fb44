"""`keras.preprocessing.sequence`."""

from graphc.keras.utils import pad_sequences

__all__ = ["pad_sequences"]
