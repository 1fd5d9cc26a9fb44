"""`.keras` files: a ZIP archive of configuration, variables and assets, or a folder of the same."""

from __future__ import annotations

import json
import shutil
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

import h5py

from graphc.keras.engine.allowance import allowing
from graphc.keras.release import __version__
from graphc.keras.saving.hdf5 import EXPANSION, SMALL, FileFormatError, opened
from graphc.keras.saving.seal import SEAL, folder_digest
from graphc.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from graphc.keras.saving.state import load_state, save_state
from graphc.keras.saving.stores import Reader, Writer

CONFIG, METADATA, VARIABLES, ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets"
IN_MEMORY = 1 << 28  # bytes of variables above which a temporary file holds them
LARGEST_TEXT = 1 << 28  # bytes of configuration
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, OSError)
# What wrong values of a configuration raise deep inside a layer.
UNFIT = (TypeError, KeyError, IndexError, AttributeError, ArithmeticError, AssertionError)
LIBRARIES = ("graphc", "jax", "jaxlib", "ml_dtypes", "numpy", "optax")
LARGEST_ASSET = 1 << 28  # bytes up to which an asset may be compressed by any factor


def write_archive(model: Any, file: Path | IO[bytes]) -> None:
    """Write a model as a ZIP archive, in Keras's layout."""
    texts = {METADATA: _metadata(), CONFIG: json.dumps(serialize_keras_object(model))}
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.SpooledTemporaryFile(IN_MEMORY) as spool,
        zipfile.ZipFile(file, "w") as archive,
    ):
        assets = Path(folder)
        with h5py.File(spool, "w") as variables:
            save_state(model, Writer(variables), assets)
        for name, text in texts.items():
            archive.writestr(name, text)
        spool.seek(0)
        with archive.open(VARIABLES, "w", force_zip64=True) as member:
            shutil.copyfileobj(spool, member)
        for path in sorted(assets.rglob("*")):
            if path.is_file():
                archive.write(path, f"{ASSETS}/{path.relative_to(assets).as_posix()}")


def write_folder(model: Any, folder: Path) -> None:
    """Write a model into a folder, in the layout of the archive."""
    text = json.dumps(serialize_keras_object(model))
    (folder / ASSETS).mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(text, encoding="utf-8")
    with h5py.File(folder / VARIABLES, "w") as variables:
        save_state(model, Writer(variables), folder / ASSETS)
    digest = {SEAL: folder_digest(folder, METADATA)}
    (folder / METADATA).write_text(_metadata(**digest), encoding="utf-8")


def check_folder(folder: Path) -> None:
    """Compare a folder with the digest in it, where there is one.

    Raises:
        FileFormatError: they differ.
    """
    path = folder / METADATA
    metadata = config_of(path.read_bytes(), path) if path.is_file() else {}
    if SEAL in metadata and metadata[SEAL] != folder_digest(folder, METADATA):
        raise FileFormatError(
            f"{folder} is damaged, or was changed by hand: it does not match the digest that was "
            f"saved with it. To read it all the same, delete '{SEAL}' from its {METADATA}."
        )


def _metadata(**more: str) -> str:
    saved = datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    about = {"keras_version": __version__, "date_saved": saved, "written_by": "graphc"}
    return json.dumps(about | more)


def config_of(text: bytes | str, what: Any) -> dict[str, Any]:
    """Return a configuration from its JSON.

    Raises:
        FileFormatError: it is no JSON of a dictionary; `what` names the file.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"Expected a configuration as JSON in {what}. {error}") from error
    if not isinstance(found, dict):
        raise FileFormatError(
            f"Expected the configuration in {what} to be a dictionary. Received: {type(found)}"
        )
    return found


def model_of(
    config: dict[str, Any],
    what: Any,
    custom_objects: dict[str, Any] | None,
    compiled: bool,
    safe_mode: bool,
    size: int,
) -> Any:
    """Return the model of a configuration.

    Args:
        config: as `config_of` returns it.
        what: the file, for errors.
        custom_objects: classes and functions by name, before the registered ones.
        compiled: whether to compile the model as it was.
        safe_mode: refuse functions that are stored as bytecode.
        size: bytes of the file, which bound those of the variables.

    Raises:
        ValueError: it describes no model, goes too deep, or wants far larger variables than the
            file could hold.
    """
    if not compiled:
        config = {**config, "compile_config": None}
    with describing(what), allowing(max(SMALL, EXPANSION * size), what):
        model = deserialize_keras_object(config, custom_objects, safe_mode=safe_mode)
    if not hasattr(model, "compile_from_config"):
        raise ValueError(
            f"Expected the configuration of a model in {what}. Received: {type(model).__name__}"
        )
    return model


@contextmanager
def describing(what: Any) -> Iterator[None]:
    """Say of a configuration of which nothing can be made that it is one; `what` names the file.

    What a user's own class raises stays as it is.
    """
    try:
        yield
    except RecursionError as error:
        raise ValueError(f"The configuration in {what} goes too deep.") from error
    except UNFIT as error:
        if _in_users_code(error):
            raise
        raise ValueError(
            f"The configuration in {what} describes no model: {type(error).__name__}: {error}"
        ) from error


def _in_users_code(error: Exception) -> bool:
    """Return whether an error passed through code that belongs to no library."""
    trace = error.__traceback__
    while trace is not None:
        root = trace.tb_frame.f_globals.get("__name__", "").split(".")[0]
        if root not in LIBRARIES and root not in sys.stdlib_module_names:
            return True
        trace = trace.tb_next
    return False


@contextmanager
def opened_archive(file: Path | IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """Open an archive for reading, its table of contents checked.

    Raises:
        FileFormatError: it is damaged, or a member would lie outside a folder or is named twice.
    """
    with reading_archive(file):
        archive = zipfile.ZipFile(file)
    with archive:
        _check_names(archive.namelist(), file)
        yield archive


@contextmanager
def reading_archive(what: Any) -> Iterator[None]:
    """Say of what ZIP cannot read inside that the file is damaged; `what` names it."""
    try:
        yield
    except DAMAGE as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise FileFormatError(
            f"Expected a whole `.keras` file. Received: {what}: {error}"
        ) from error


def _check_names(names: list[str], file: Any) -> None:
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise FileFormatError(
                f"{file}: expected names of members inside a folder. Received: {name!r}"
            )
    if len(set(names)) != len(names):
        raise FileFormatError(f"{file}: expected each member once. Received: {sorted(names)}")


def read_text(archive: zipfile.ZipFile, name: str, what: Any) -> bytes:
    """Return the bytes of a small member.

    Raises:
        FileFormatError: there is none, or it is too large to be what it should be.
    """
    if name not in archive.namelist():
        raise FileFormatError(
            f"Expected a member '{name}' in {what}. Received: {archive.namelist()}"
        )
    _check_size(archive.getinfo(name), LARGEST_TEXT, what)
    with reading_archive(what):
        return archive.read(name)


def _check_size(info: zipfile.ZipInfo, largest: int, what: Any) -> None:
    size, stored = info.file_size, info.compress_size
    if size > largest and size > EXPANSION // 10 * stored:
        raise FileFormatError(
            f"{what}: member '{info.filename}' declares {size} bytes, of which {stored} are stored."
        )


def load_archived(
    model: Any,
    archive: zipfile.ZipFile,
    what: Any,
    *,
    skip_mismatch: bool = False,
    assets: bool = True,
) -> None:
    """Load the variables of an archive into a model and, unless unwanted, its assets.

    Raises:
        ValueError: they do not fit, or the file is damaged.
    """
    with tempfile.TemporaryDirectory() as folder:
        extracted = _extracted(archive, Path(folder), what) if assets else None
        with opened_variables(archive, what) as variables:
            load_state(model, Reader(variables), extracted, skip_mismatch)


@contextmanager
def opened_variables(archive: zipfile.ZipFile, what: Any) -> Iterator[h5py.File]:
    """Open the variables of an archive, which are copied out of it first.

    Raises:
        FileFormatError: there are none, or they are damaged or declare far more than is stored.
    """
    names = archive.namelist()
    if VARIABLES not in names:
        raise FileFormatError(f"Expected a member '{VARIABLES}' in {what}. Received: {names}")
    _check_size(archive.getinfo(VARIABLES), IN_MEMORY, what)
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as spool:
        with reading_archive(what), archive.open(VARIABLES) as member:
            shutil.copyfileobj(member, spool)
        with opened(spool, f"{VARIABLES} in {what}") as variables:
            yield variables


def _extracted(archive: zipfile.ZipFile, folder: Path, what: Any) -> Path | None:
    """Write the assets below a folder, and return where; None where there are none."""
    members = [m for m in archive.infolist() if m.filename.startswith(f"{ASSETS}/")]
    for info in members:
        _check_size(info, LARGEST_ASSET, what)
        with reading_archive(what):
            archive.extract(info, folder)
    return folder / ASSETS if members else None
