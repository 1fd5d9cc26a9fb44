"""`save_weights` and `load_weights`: the weights of a built model, apart from what makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphc.keras.saving import checkpoints, legacy
from graphc.keras.saving.archive import load_archived, opened_archive
from graphc.keras.saving.overwriting import may_write
from graphc.keras.saving.seal import read, written
from graphc.keras.saving.shards import ShardReader, write_shards
from graphc.keras.saving.state import load_state, save_state
from graphc.keras.saving.stores import Reader, Writer

PLAIN, SHARDED, WHOLE, LEGACY = ".weights.h5", ".weights.json", ".keras", (".h5", ".hdf5")


def save_weights(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    max_shard_size: float | None = None,
    objects_to_skip: Any = None,
) -> None:
    """Write the weights of a built model, and its optimizer's state.

    Args:
        model: a built model.
        filepath: a path that ends in `.weights.h5`, or in `.weights.json` for several files.
        overwrite: whether to replace a file; with False it is asked on the terminal.
        max_shard_size: gigabytes of one file at most; one file where it is not given.
        objects_to_skip: layers (or others) to leave out.

    Raises:
        ValueError: another ending, or the model is not built.
        FileExistsError: the file exists, `overwrite` is False, and there is no terminal.
    """
    path = Path(filepath)
    ending = PLAIN if max_shard_size is None else SHARDED
    if not path.name.endswith((PLAIN,) if max_shard_size is None else (PLAIN, SHARDED)):
        raise ValueError(f"The filename must end in `{ending}`. Received: filepath={filepath}")
    _check_built(model, "saved")
    if not may_write(path, overwrite):
        return
    if max_shard_size is not None:
        write_shards(model, path, max_shard_size, objects_to_skip or ())
        return
    with written(path) as file:
        save_state(model, Writer(file), None, objects_to_skip or ())


def load_weights(
    model: Any,
    filepath: Any,
    skip_mismatch: bool = False,
    by_name: bool | None = None,
    objects_to_skip: Any = None,
) -> None:
    """Read weights into a built model; nothing is changed unless everything fits.

    Args:
        model: a built model.
        filepath: a `.weights.h5` or `.weights.json` file, a `.keras` file, an `.h5` or `.hdf5`
            file of older Keras, or a folder of Orbax checkpoints (the last one) or one of them.
        skip_mismatch: warn of layers that do not fit, and load the others.
        by_name: of an older file, load into the layers that are named as in the file.
        objects_to_skip: layers (or others) that keep their weights.

    Raises:
        ValueError: the file is none of these or is damaged, or does not fit the model.
        FileNotFoundError: no such file.
    """
    path = Path(filepath)
    name = path.name
    steps = checkpoints.is_checkpoint(path)
    old = not steps and name.endswith(LEGACY) and not name.endswith(PLAIN)
    if not steps and not old and not name.endswith((PLAIN, SHARDED, WHOLE)):
        raise ValueError(
            f"Expected a file that ends in `{PLAIN}`, `{SHARDED}`, `{WHOLE}`, or `.h5` or `.hdf5` "
            f"of older Keras, or a folder of Orbax checkpoints. Received: filepath={filepath}"
        )
    if by_name is not None and not old:
        raise ValueError(f"`by_name` is for `.h5` files of older Keras. Received: {filepath}")
    if objects_to_skip is not None and (steps or not name.endswith((PLAIN, SHARDED))):
        raise ValueError(f"`objects_to_skip` is for `{PLAIN}` files. Received: {filepath}")
    if not path.exists():
        raise FileNotFoundError(f"There is no weights file {path}.")
    if old:
        legacy.load_weights(model, path, bool(by_name), skip_mismatch)
        return
    _check_built(model, "loaded")
    skip = tuple(objects_to_skip or ())
    if steps:
        checkpoints.load_weights(model, path, skip_mismatch)
    elif name.endswith(WHOLE):
        with opened_archive(path) as archive:
            load_archived(model, archive, path, skip_mismatch=skip_mismatch, assets=False)
    elif name.endswith(SHARDED):
        with ShardReader(path) as shards:
            load_state(model, shards, None, skip_mismatch, skip)
    else:
        with read(path) as file:
            load_state(model, Reader(file), None, skip_mismatch, skip)


def _check_built(model: Any, what: str) -> None:
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' has no weights yet. Build it, or call it on data, before its "
            f"weights are {what}."
        )
