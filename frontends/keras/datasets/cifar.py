"""The batches of CIFAR-10 and CIFAR-100 (Krizhevsky, Learning Multiple Layers of Features, 2009).

They are pickles inside a tar archive. They are read straight from the archive, never extracted,
and only from the published one, of which every byte is known.
"""

import io
import pickle
import tarfile
import warnings

import numpy as np

from graphc.keras.config import image_data_format
from graphc.keras.datasets.source import Source, download, locate, sha256

CIFAR_FOLDER = "https://www.cs.toronto.edu/~kriz/"


def read_batches(
    source: Source, members: tuple[str, ...], label_key: str
) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of some of the archive's members, one after the other.

    Args:
        source: the archive.
        members: paths inside it.
        label_key: which of the members' label lists.

    Returns:
        Images uint8 [N, 32, 32, 3] (or [N, 3, 32, 32] if that is the image data format) and labels
        int64 [N, 1].

    Raises:
        FileNotFoundError: the published archive is neither there nor to be downloaded.
    """
    content = _published_archive(source)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        batches = [_unpickle(archive, member) for member in members]
    rows = np.concatenate([batch[b"data"] for batch in batches])  # [N, 3072], planes of a colour
    labels = np.concatenate([batch[label_key.encode()] for batch in batches])  # [N]
    images = rows.reshape(-1, 3, 32, 32)
    if image_data_format() == "channels_last":
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    return images, labels.astype(np.int64)[:, None]


def _published_archive(source: Source) -> bytes:
    """The archive's bytes, known to be the published ones."""
    path = locate(source)
    content = path.read_bytes()
    received = sha256(content)
    if source.is_published(received):
        return content
    problem = f"{path} is not the published archive (its sha256 is {received})"
    return download(source, problem).read_bytes()  # its hash is checked before it gets its name


def _unpickle(archive: tarfile.TarFile, member: str) -> dict[bytes, np.ndarray]:
    file = archive.extractfile(member)
    if file is None:
        raise ValueError(f"Expected the archive's member {member} to be a file")
    with warnings.catch_warnings():
        # These pickles spell a dtype's flags as 0 and 1: NumPy 2.4.0 to 2.4.4 warn of it.
        warnings.filterwarnings("ignore", message=".*align should be passed")
        return pickle.load(file, encoding="bytes")  # noqa: S301 - the archive's sha256 is known
