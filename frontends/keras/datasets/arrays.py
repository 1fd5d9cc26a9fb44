"""Arrays and JSON from cached files, with no pickle read but from the published file itself."""

import io
import json
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from graphc.keras.datasets.source import Source, download, locate, sha256

Arrays = dict[str, np.ndarray]
Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def read_npz(source: Source, *layouts: tuple[str, ...]) -> Arrays:
    """The arrays of an `.npz` file that holds all the names of at least one layout.

    A file that is not the published one is welcome as long as it holds plain arrays. One that is
    damaged, or would need unpickling, is replaced by the published one if that can be had.

    Raises:
        FileNotFoundError: no usable file is there, and none could be downloaded.
    """
    found = _parse(locate(source), source, layouts)
    if isinstance(found, str):
        found = _parse(download(source, found), source, layouts)
    if isinstance(found, str):
        raise ValueError(f"{source.loader}: {found}, although it is the published one.")
    return found


def read_word_index(source: Source) -> dict[str, int]:
    """A JSON object of words and their ranks.

    Raises:
        FileNotFoundError: the file is neither there nor to be downloaded.
        ValueError: it holds something else.
    """
    path = locate(source)
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{source.loader}: {path} is damaged ({error}). Delete it, or replace it by "
            f"{source.url}."
        ) from error
    if not isinstance(index, dict) or not all(isinstance(rank, int) for rank in index.values()):
        raise ValueError(
            f"{source.loader}: expected {path} to hold a JSON object of words and integers. "
            f"Received: {type(index).__name__}"
        )
    return index


def shuffled_split(x: np.ndarray, y: np.ndarray, test_split: float, seed: int) -> Split:
    """Rows in Keras's random order, the last `test_split` of them for testing.

    Raises:
        ValueError: `test_split` is not in [0, 1).
    """
    if not 0 <= test_split < 1:
        raise ValueError(
            f"`test_split` must be at least 0 and less than 1. Received: test_split={test_split}"
        )
    order = np.random.RandomState(seed).permutation(len(x))
    x, y = x[order], y[order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut].copy(), y[:cut].copy()), (x[cut:].copy(), y[cut:].copy())


def _parse(path: Path, source: Source, layouts: tuple[tuple[str, ...], ...]) -> Arrays | str:
    """The file's arrays, or what is wrong with it."""
    content = path.read_bytes()
    received = sha256(content)
    is_published = source.is_published(received)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return f"{path} is not an .npz archive, or is damaged"
    try:
        arrays = _load(content, allow_pickle=is_published)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        return f"{path} is damaged ({error})"
    except ValueError as error:
        return (
            f"{path} holds pickled objects, which are only loaded from the published file, and its "
            f"sha256 is {received} ({error})"
        )
    if not any(set(names) <= set(arrays) for names in layouts):
        expected = " or ".join(", ".join(names) for names in layouts)
        return f"{path} holds the arrays {', '.join(arrays) or 'none'} instead of {expected}"
    return arrays


def _load(content: bytes, allow_pickle: bool) -> Arrays:
    with warnings.catch_warnings(), np.load(io.BytesIO(content), allow_pickle=allow_pickle) as npz:
        # The published pickles spell a dtype's flags as 0 and 1: NumPy 2.4.0 to 2.4.4 warn of it.
        warnings.filterwarnings("ignore", message=".*align should be passed")
        return {name: npz[name] for name in npz.files}
