"""`keras.models`: `Model` and `Sequential`."""

from graphc.keras.models.model import Model
from graphc.keras.models.sequential import Sequential

__all__ = ["Model", "Sequential"]
