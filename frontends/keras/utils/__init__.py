"""`keras.utils`: array, text and file utilities with Keras's names and arguments."""

from graphc.keras.backend.names import is_keras_tensor
from graphc.keras.config.messages import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from graphc.keras.engine.settings import standardize_dtype
from graphc.keras.saving import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from graphc.keras.utils import bounding_boxes
from graphc.keras.utils.batch_dataset import BatchDataset
from graphc.keras.utils.config import Config
from graphc.keras.utils.directory_datasets import (
    audio_dataset_from_directory,
    image_dataset_from_directory,
    text_dataset_from_directory,
)
from graphc.keras.utils.download import get_file
from graphc.keras.utils.feature_space import FeatureSpace
from graphc.keras.utils.images import array_to_img, img_to_array, load_img, save_img
from graphc.keras.utils.model_plots import model_to_dot, plot_model
from graphc.keras.utils.numerical import normalize, to_categorical
from graphc.keras.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight
from graphc.keras.utils.progbar import Progbar
from graphc.keras.utils.py_dataset import PyDataset
from graphc.keras.utils.seeds import set_random_seed
from graphc.keras.utils.sequences import pad_sequences
from graphc.keras.utils.session import clear_session
from graphc.keras.utils.sources import get_source_inputs
from graphc.keras.utils.splitting import split_dataset
from graphc.keras.utils.timeseries import timeseries_dataset_from_array

Sequence = PyDataset

__all__ = [
    "BatchDataset",
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]  # fmt: skip
