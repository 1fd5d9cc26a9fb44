"""`keras.utils`: array, text and file utilities with Keras's names and arguments."""

from graphc.keras.utils.download import get_file
from graphc.keras.utils.numerical import normalize, to_categorical
from graphc.keras.utils.progbar import Progbar
from graphc.keras.utils.seeds import set_random_seed
from graphc.keras.utils.sequences import pad_sequences
from graphc.keras.utils.session import clear_session

__all__ = [
    "Progbar",
    "clear_session",
    "get_file",
    "normalize",
    "pad_sequences",
    "set_random_seed",
    "to_categorical",
]
