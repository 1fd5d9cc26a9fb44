"""`keras.saving`: configurations and weights files."""

from graphc.keras.saving import copying
from graphc.keras.saving.file_editor import KerasFileEditor
from graphc.keras.saving.registration import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from graphc.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from graphc.keras.saving.weights import load_weights, save_weights
from graphc.keras.saving.whole import load_model, save_model

CustomObjectScope = custom_object_scope

__all__ = [
    "CustomObjectScope", "KerasFileEditor", "copying", "custom_object_scope",
    "deserialize_keras_object", "get_custom_objects", "get_registered_name",
    "get_registered_object", "load_model", "load_weights", "register_keras_serializable",
    "save_model", "save_weights", "serialize_keras_object",
]  # fmt: skip
