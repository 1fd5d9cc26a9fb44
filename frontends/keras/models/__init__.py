"""`keras.models`: `Model` and `Sequential`, their copies and their configurations."""

from graphc.keras.models.cloning import clone_model
from graphc.keras.models.configuration import model_from_json
from graphc.keras.models.model import Model
from graphc.keras.models.sequential import Sequential
from graphc.keras.saving.whole import load_model, save_model

__all__ = [
    "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model",
]  # fmt: skip
