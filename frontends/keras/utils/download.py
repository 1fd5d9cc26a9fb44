"""Files fetched once and kept in Keras's cache folder."""

import hashlib
import http.client
import os
import secrets
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from graphc.keras.config.messages import is_interactive_logging_enabled, print_message
from graphc.keras.utils.archives import extract_archive

_BLOCK = 1 << 20  # bytes
_STALL = 30.0  # seconds without a byte before a download is given up
_REDRAW = 0.2  # seconds between two drawings of the progress line


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Sequence[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file in the cache, downloaded from `origin` unless it is there already.

    A download goes to a temporary name and is renamed only when it is whole and its hash is right,
    so that the cache never holds half a file, and a file that was there survives a failure.

    Args:
        fname: the file's name in the cache; None takes it from `origin`. With `extract`, a name
            without a dot is the folder to extract to, else the folder is `<stem>_extracted`.
        origin: the URL.
        untar: the older spelling of `extract=True, archive_format="tar"`.
        md5_hash: the older spelling of `file_hash`, for md5.
        file_hash: the expected hash in hex; a cached file that has another is downloaded again.
        cache_subdir: the folder below `cache_dir`, or an absolute path.
        hash_algorithm: "sha256", "md5", or "auto": by the hash's length.
        extract: extract the archive; see `extract_archive` for what is refused.
        archive_format: "tar", "zip", a list of these, "auto" for both, or None for none.
        cache_dir: default `$KERAS_HOME`, else `~/.keras`.
        force_download: download even if the file is there.

    Returns:
        The file's path, or with `extract` or `untar` the folder's.

    Raises:
        ConnectionError: the download failed.
        ValueError: no `origin`, a name with folders in it, an unknown algorithm, a download whose
            hash is wrong, or an archive with members outside its folder.
    """
    if origin is None:
        raise ValueError("`origin`, the URL of the file, is needed. Received: origin=None")
    name = _file_name(fname, origin)
    algorithm = _algorithm("md5" if md5_hash and not file_hash else hash_algorithm, file_hash)
    file_hash = file_hash or md5_hash
    extract = extract or untar
    file_name, folder_name = _archive_names(name, bool(fname)) if extract else (name, "")
    folder = cache_folder(file_name, cache_subdir, cache_dir)
    target = folder / file_name
    stale = force_download or not _is_valid(target, file_hash, algorithm)
    if stale:
        _download(origin, target, file_hash, algorithm)
    if not extract:
        return str(target)
    extracted = folder / folder_name
    if not stale and extracted.exists():
        return str(extracted)
    if not extract_archive(target, extracted, "tar" if untar else archive_format):
        warnings.warn(f"{target} is not an archive of format {archive_format!r}.", stacklevel=2)
    return str(extracted)


def keras_home() -> Path:
    """Keras's own folder: `$KERAS_HOME`, else `.keras` in the home folder."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()


def cache_folder(
    file_name: str, cache_subdir: str, cache_dir: str | os.PathLike[str] | None = None
) -> Path:
    """The folder that holds the file, or is to hold it.

    Where nothing can be written there and the file is absent, it is a folder of the same name
    below the system's temporary one, as in Keras.
    """
    base = Path(cache_dir).expanduser() if cache_dir is not None else keras_home()
    folder = base / cache_subdir
    if (folder / file_name).exists() or _is_writable(folder):
        return folder
    fallback = Path(tempfile.gettempdir()) / ".keras" / cache_subdir
    fallback.mkdir(parents=True, exist_ok=True)
    return fallback


def _is_writable(folder: Path) -> bool:
    """Whether files can be made in the folder, or in the nearest one above it that exists."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _file_name(fname: str | os.PathLike[str] | None, origin: str) -> str:
    name = os.fspath(fname) if fname else Path(urllib.parse.urlsplit(origin).path).name
    if not name:
        raise ValueError(f"`fname` is needed: the URL names no file. Received: origin={origin!r}")
    if name in (".", "..") or Path(name).name != name:
        raise ValueError(
            "`fname` must be a plain file name; the folder is given by `cache_dir` and "
            f"`cache_subdir`. Received: fname={name!r}"
        )
    return name


def _archive_names(name: str, is_given: bool) -> tuple[str, str]:
    """Keras's names for an archive and for the folder that it is extracted to."""
    stem, dot, _ = name.partition(".")
    return (name, f"{stem}_extracted") if is_given and dot else (f"{name}_archive", name)


def _algorithm(algorithm: str, file_hash: str | None) -> str:
    if algorithm not in ("auto", "md5", "sha256"):
        raise ValueError(
            "`hash_algorithm` must be 'auto', 'sha256' or 'md5'. "
            f"Received: hash_algorithm={algorithm!r}"
        )
    if algorithm != "auto":
        return algorithm
    return "sha256" if file_hash and len(file_hash) == 64 else "md5"


def _is_valid(path: Path, file_hash: str | None, algorithm: str) -> bool:
    """Whether the file is there and has the hash, if one is given."""
    if not path.exists():
        return False
    if file_hash is None:
        return True
    received = _digest(path, algorithm)
    if received == file_hash.lower():
        return True
    print_message(
        f"{path} has the {algorithm} {received} instead of {file_hash}: downloading it again."
    )
    return False


def _digest(path: Path, algorithm: str) -> str:
    """The file's hash in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _download(origin: str, target: Path, file_hash: str | None, algorithm: str) -> None:
    """Puts the URL's content in place, all of it or none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    print_message(f"Downloading data from {origin}")
    try:
        with partial.open("xb") as file:
            _receive(origin, file)
        received = _digest(partial, algorithm)
        if file_hash is not None and received != file_hash.lower():
            raise ValueError(
                f"The file from {origin} is incomplete or was changed: expected the {algorithm} "
                f"{file_hash}. Received: {received}"
            )
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _receive(origin: str, file: BinaryIO) -> None:
    """Copies the URL's content to the file."""
    failures = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)
    try:
        with urllib.request.urlopen(origin, timeout=_STALL) as response:
            total = int(response.headers.get("Content-Length") or 0)
            done, shown = 0, time.monotonic()
            while block := response.read(_BLOCK):
                file.write(block)
                done += len(block)
                shown = _show_progress(done, total, shown)
    except failures as error:
        raise ConnectionError(f"URL fetch failure on {origin}: {_reason(error)}") from error
    if total and done != total:
        raise ConnectionError(f"URL fetch failure on {origin}: {done} of {total} bytes came")
    if _is_live():
        print(f"\r{done / 1e6:.1f} MB" + " " * 20)


def _reason(error: Exception) -> str:
    """What went wrong, as short as the error can say it."""
    if isinstance(error, urllib.error.HTTPError):
        return f"{error.code} -- {error.msg}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return f"{type(error).__name__}: {error}"


def _is_live() -> bool:
    return is_interactive_logging_enabled() and sys.stdout.isatty()


def _show_progress(done: int, total: int, shown: float) -> float:
    """Redraws the progress line at a terminal, rarely; returns when it was last drawn."""
    now = time.monotonic()
    if now - shown < _REDRAW or not _is_live():
        return shown
    of_total = f" of {total / 1e6:.1f}" if total else ""
    columns = shutil.get_terminal_size().columns
    print(f"\r{done / 1e6:.1f}{of_total} MB"[:columns], end="", flush=True)
    return now
