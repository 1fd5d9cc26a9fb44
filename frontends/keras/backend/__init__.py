"""`keras.backend`: what older code asks the backend for."""

from graphc.keras.backend.dtypes import result_type
from graphc.keras.backend.names import get_uid, is_keras_tensor
from graphc.keras.config.computing import backend
from graphc.keras.engine.settings import (
    epsilon,
    floatx,
    image_data_format,
    is_float_dtype,
    is_int_dtype,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    standardize_dtype,
)
from graphc.keras.utils.session import clear_session

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]
