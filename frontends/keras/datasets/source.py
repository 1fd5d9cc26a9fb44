"""Where a data set's file lies in the cache, where it comes from, and what to say without it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from graphc.keras.utils.download import cache_folder, get_file

KERAS_FOLDER = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


@dataclass(frozen=True)
class Source:
    """One published file.

    Attributes:
        loader: the data set it belongs to, as a user names it.
        file: its name in Keras's cache folder.
        url: where Keras gets it.
        digest: the sha256 or md5 of the published file, in hex; None where Keras knows none.
        subdir: the folder below Keras's own.
        aliases: other names under which it, or a file that serves as well, may lie there.
    """

    loader: str
    file: str
    url: str
    digest: str | None = None
    subdir: str = "datasets"
    aliases: tuple[str, ...] = ()

    def is_published(self, sha256: str) -> bool:
        """Whether a file with this sha256 is the published one, byte for byte."""
        return self.digest is not None and sha256 == self.digest


def find(source: Source) -> Path | None:
    """The file's path in the cache, whatever its hash; the published name comes first."""
    names = (source.file, *source.aliases)
    paths = (cache_folder(name, source.subdir) / name for name in names)
    return next((path for path in paths if path.exists()), None)


def locate(source: Source) -> Path:
    """The file's path in the cache, whatever its hash; downloaded if it is not there.

    Raises:
        FileNotFoundError: it is neither there nor to be downloaded; the text says what to put
            where.
    """
    found = find(source)
    if found is not None:
        return found
    absent = cache_folder(source.file, source.subdir) / source.file
    return download(source, f"{absent} is not there")


def download(source: Source, problem: str) -> Path:
    """Fetches the published file, because of a problem with what is in the cache.

    Raises:
        FileNotFoundError: the download failed; the text says what to put where.
    """
    path = cache_folder(source.file, source.subdir) / source.file
    try:
        fetched = get_file(
            source.file,
            source.url,
            file_hash=source.digest,
            cache_subdir=source.subdir,
            force_download=True,
        )
    except (OSError, ValueError) as error:
        checked = f" (its hash is {source.digest})" if source.digest else ""
        raise FileNotFoundError(
            f"{source.loader} has no file to read: {problem}, and a download failed ({error}). "
            f"On a machine with a network, get {source.url}{checked} and put it at {path}; or set "
            f"KERAS_HOME to a folder that holds it as {source.subdir}/{source.file}."
        ) from error
    return Path(fetched)


def sha256(content: bytes) -> str:
    """The content's sha256 in hex."""
    return hashlib.sha256(content).hexdigest()
