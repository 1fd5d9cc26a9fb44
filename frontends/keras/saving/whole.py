"""`save_model` and `load_model`: whole models in one file."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

from graphc.atomic import replacing
from graphc.keras.saving import checkpoints, legacy
from graphc.keras.saving.archive import (
    ASSETS,
    CONFIG,
    VARIABLES,
    check_folder,
    config_of,
    load_archived,
    model_of,
    opened_archive,
    read_text,
    write_archive,
    write_folder,
)
from graphc.keras.saving.hdf5 import FileFormatError, opened
from graphc.keras.saving.overwriting import may_write
from graphc.keras.saving.state import load_state
from graphc.keras.saving.stores import Reader

LEGACY = (".h5", ".hdf5")


def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    zipped: bool | None = None,
    include_optimizer: bool = True,
    save_format: str | None = None,
) -> None:
    """Write a model: what makes it, its weights, its optimizer's state and its assets.

    The file is written beside its place and renamed, so that whatever goes wrong leaves the file
    that was there.

    Args:
        model: a model.
        filepath: a path that ends in `.keras`, or in `.h5` or `.hdf5` for Keras's older format;
            or a binary file object.
        overwrite: whether to replace a file; with False it is asked on the terminal.
        zipped: False writes a folder, with the members of a `.keras` file.
        include_optimizer: whether an `.h5` file holds how it was compiled.
        save_format: of no use; the path says it.

    Raises:
        ValueError: another ending, or something in the model cannot be described.
    """
    if not model.built:
        warnings.warn(
            f"Model '{model.name}' is saved before it is built: its file will hold no weights. "
            "Build it, or call it on data, first.",
            stacklevel=3,
        )
    if isinstance(filepath, io.IOBase):
        write_archive(model, filepath)  # type: ignore[arg-type]
        return
    path = Path(filepath)
    _check_path(path, zipped, save_format)
    if not may_write(path, overwrite):
        return
    if zipped is False:
        write_folder(model, path)
    elif path.suffix in LEGACY:
        legacy.save_model(model, path, include_optimizer)
    else:
        with replacing(path) as unfinished:
            write_archive(model, unfinished)


def _check_path(path: Path, zipped: bool | None, save_format: str | None) -> None:
    known = path.suffix in (".keras", *LEGACY)
    if save_format and not known:
        raise ValueError(
            "Expected a path that ends in `.keras` or `.h5`; `save_format` is not needed then. "
            f"Received: filepath={path}, save_format={save_format}"
        )
    if zipped is False and path.suffix == ".keras":
        raise ValueError(
            "With `zipped=False` a folder is written, which should not end in `.keras`. "
            f"Received: filepath={path}"
        )
    if zipped is not False and not known:
        raise ValueError(
            "Invalid filepath extension for saving: expected `.keras`, or `.h5` for the older "
            "format. To deploy a model without Keras, use `model.export(filepath)`. "
            f"Received: filepath={path}."
        )


def load_model(
    filepath: Any,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Return the model that `save_model`, ours or Keras's, wrote.

    Nothing in the file is run as code, and no name in it is looked up outside Keras's API, what
    was registered, and `custom_objects`.

    Args:
        filepath: a `.keras` file or folder, an `.h5` or `.hdf5` file, a folder of Orbax
            checkpoints (the last one is read) or one of them, or a binary file object.
        custom_objects: classes and functions by name, before the registered ones.
        compile: whether to compile it as it was, the optimizer's state included.
        safe_mode: refuse functions that are stored as bytecode.

    Raises:
        ValueError: it is no such file, is damaged, or names what is not known.
    """
    if isinstance(filepath, io.IOBase):
        return _from_archive(filepath, custom_objects, compile, safe_mode)
    path = Path(filepath)
    if path.is_dir() and (path / CONFIG).exists():
        return _from_folder(path, custom_objects, compile, safe_mode)
    if checkpoints.is_checkpoint(path):
        return checkpoints.load_model(path, custom_objects, compile, safe_mode)
    if path.suffix not in (".keras", *LEGACY):
        raise ValueError(
            "File format not supported: expected a `.keras` file or folder, an `.h5` file of older "
            f"Keras, or a folder of Orbax checkpoints. Received: filepath={filepath}"
        )
    if not path.is_file():
        raise ValueError(f"File not found: filepath={filepath}.")
    if path.suffix in LEGACY:
        return legacy.load_model(path, custom_objects, compile, safe_mode)
    return _from_archive(path, custom_objects, compile, safe_mode)


def _from_archive(file: Any, custom_objects: Any, compiled: bool, safe_mode: bool) -> Any:
    with opened_archive(file) as archive:
        text = read_text(archive, CONFIG, file)
        config = config_of(text, file)
        size = sum(member.compress_size for member in archive.infolist())
        model = model_of(config, file, custom_objects, compiled, safe_mode, size)
        load_archived(model, archive, file)
    return model


def _from_folder(folder: Path, custom_objects: Any, compiled: bool, safe_mode: bool) -> Any:
    _check_inside(folder)
    check_folder(folder)
    text = (folder / CONFIG).read_bytes()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    config = config_of(text, folder)
    model = model_of(config, folder, custom_objects, compiled, safe_mode, size)
    assets = folder / ASSETS
    with opened(folder / VARIABLES, folder / VARIABLES) as variables:
        load_state(model, Reader(variables), assets if assets.is_dir() else None)
    return model


def _check_inside(folder: Path) -> None:
    root = folder.resolve()
    for path in folder.rglob("*"):
        if not path.resolve().is_relative_to(root):
            raise FileFormatError(f"Expected files inside {folder}. Received: the link {path}")
