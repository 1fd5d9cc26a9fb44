"""Checkpoints in Orbax's format: a folder of numbered steps, as `OrbaxCheckpoint` writes them.

A step holds `pytree`, the model's arrays by path, and unless only weights were wanted
`model_config`, its configuration as JSON, and `assets`, its files as bytes. Nothing in a folder is
trusted: an array is read only as the model's own variables are shaped, and the configuration
follows the rules of `.keras` files.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np

from graphc.keras.saving.archive import LARGEST_ASSET, config_of, model_of
from graphc.keras.saving.hdf5 import FileFormatError
from graphc.keras.saving.placing import plan_of
from graphc.keras.saving.state import load_state, save_state

STATE, CONFIG, ASSETS = "pytree", "model_config", "assets"
WEIGHTS = ("trainable_variables", "non_trainable_variables")
MARK, UNFINISHED = "_CHECKPOINT_METADATA", ".orbax-checkpoint-tmp"
LONGEST = 500  # characters of what Orbax says that an error repeats


def orbax() -> Any:
    """Return Orbax's module.

    Raises:
        ImportError: the package is not installed.
    """
    try:
        import orbax.checkpoint as package  # noqa: PLC0415 - takes seconds, and few need it
    except ImportError as error:
        raise ImportError(
            "Checkpoints need the `orbax-checkpoint` package: pip install orbax-checkpoint"
        ) from error
    return package.v1


def content_of(model: Any, weights_only: bool = False) -> dict[str, Any]:
    """Return what a checkpoint holds of a model, as it is now.

    The arrays are the model's own, on the devices where they lie. They are lent: a step that would
    overwrite them gets copies, so that they may be written while the training goes on.
    """
    tree = model.get_state_tree()
    if weights_only:
        return {STATE: {kind: tree[kind] for kind in WEIGHTS}}
    assets = _assets_of(model)
    return {
        STATE: tree,
        CONFIG: {"config": model.to_json()},
        **({ASSETS: assets} if assets else {}),
    }


def is_checkpoint(path: Path) -> bool:
    """Whether a path is a folder of checkpoints, or one of them."""
    if not path.is_dir():
        return False
    return any(
        item.name == MARK or UNFINISHED in item.name or (item.name.isdecimal() and item.is_dir())
        for item in path.iterdir()
    )


def load_model(
    folder: Path, custom_objects: dict[str, Any] | None, compiled: bool, safe_mode: bool
) -> Any:
    """Return the model of the last whole checkpoint in a folder, or of a checkpoint.

    Raises:
        ValueError: there is none, it is damaged, holds weights alone, or names what is not known.
    """
    step = _step_of(folder)
    held = _described(step)
    if CONFIG not in held:
        raise ValueError(
            f"Expected a checkpoint with the model's configuration in {step}. It was saved with "
            "`save_weights_only=True`: build the model and call its `load_weights(folder)`."
        )
    with reading(step):
        text = _loaded(step, {CONFIG: {"config": str}})[CONFIG]["config"]
    size = sum(path.stat().st_size for path in step.rglob("*") if path.is_file())
    model = model_of(config_of(text, step), step, custom_objects, compiled, safe_mode, size)
    _load_state(model, step, held, rebuilt=True)
    if ASSETS in held:
        _load_assets(model, step, held[ASSETS])
    return model


def load_weights(model: Any, folder: Path, skip_mismatch: bool = False) -> None:
    """Read the last whole checkpoint in a folder, or one checkpoint, into a built model.

    Arrays are put where the model's are now, on however many devices. The state of the optimizer
    and of the metrics comes along where the checkpoint and the model have it.

    Raises:
        ValueError: there is none, it is damaged, or does not fit; then nothing is changed.
    """
    step = _step_of(folder)
    _load_state(model, step, _described(step), skip_mismatch=skip_mismatch)


@contextmanager
def reading(step: Path) -> Iterator[None]:
    """Say of what Orbax cannot read inside that the checkpoint is damaged."""
    try:
        yield
    except Exception as error:
        raise FileFormatError(
            f"Expected a whole Orbax checkpoint. Received: {step}, of which Orbax says: "
            f"{str(error)[:LONGEST]}"
        ) from error


def _step_of(folder: Path) -> Path:
    """Return the last whole step in a folder, or the folder itself where it is a step."""
    if (folder / MARK).exists():
        return folder
    steps = [p for p in folder.iterdir() if p.name.isdecimal() and (p / MARK).is_file()]
    if not steps:
        found = sorted(path.name for path in folder.iterdir())
        raise ValueError(f"No whole checkpoint was found in {folder}. Received: {found}")
    return max(steps, key=lambda path: int(path.name))


def _described(step: Path) -> dict[str, Any]:
    """Return what a checkpoint says that it holds: trees of shapes and dtypes by name."""
    root = step.resolve()
    for path in step.rglob("*"):
        if not path.resolve().is_relative_to(root):
            raise FileFormatError(f"Expected files inside {step}. Received: the link {path}")
    with reading(step):
        held = dict(orbax().checkpointables_metadata(_absolute(step)).metadata)
    if not isinstance(held.get(STATE), dict):
        raise FileFormatError(
            f"Expected '{STATE}' in the checkpoint {step}. Received: {list(held)}"
        )
    return held


def _absolute(step: Path) -> str:
    return str(step.resolve())


def _loaded(step: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    return orbax().load_checkpointables(_absolute(step), wanted)


def _load_state(
    model: Any,
    step: Path,
    held: dict[str, Any],
    *,
    rebuilt: bool = False,
    skip_mismatch: bool = False,
) -> None:
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' has no weights yet. Build it, or call it on data, before "
            f"{step} is loaded."
        )
    plan = plan_of(model, held[STATE], rebuilt, skip_mismatch)
    message = "\n".join([f"The checkpoint {step} does not fit model '{model.name}':", *plan.wrong])
    if plan.wrong and not skip_mismatch:
        raise ValueError(message)
    for text in ([message] if plan.wrong else []) + plan.left:
        warnings.warn(text, stacklevel=4)
    with reading(step):
        arrays = _loaded(step, {STATE: plan.wanted()})[STATE]
    plan.assign(arrays)


def _assets_of(model: Any) -> dict[str, Any]:
    """Return the files that the model's layers write, as bytes, by the parts of their paths."""
    tree: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        save_state(model, None, Path(folder))
        for path in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
            *above, name = path.relative_to(folder).parts
            inner = tree
            for part in above:
                inner = inner.setdefault(part, {})
            inner[name] = np.frombuffer(path.read_bytes(), np.uint8)
    return tree


def _load_assets(model: Any, step: Path, described: Any) -> None:
    wanted = _bytes_wanted(described, step)
    with reading(step):
        found = _loaded(step, {ASSETS: wanted})[ASSETS]
    with tempfile.TemporaryDirectory() as folder:
        _write(found, Path(folder))
        load_state(model, None, Path(folder))


def _bytes_wanted(described: Any, step: Path) -> Any:
    """Return the files to read, each of a name that stays in its folder and of a bounded size."""
    place = jax.sharding.SingleDeviceSharding(jax.devices("cpu")[0])

    def wanted(name: str, leaf: Any) -> Any:
        if not name or name in (".", "..") or any(c in name for c in "/\\:\0"):
            raise FileFormatError(f"Expected names of files in {step}. Received: {name!r}")
        if isinstance(leaf, dict):
            return {key: wanted(key, inner) for key, inner in leaf.items()}
        shape, dtype = getattr(leaf, "shape", None), getattr(leaf, "dtype", None)
        if dtype != np.uint8 or shape is None or len(shape) != 1 or shape[0] > LARGEST_ASSET:
            raise FileFormatError(
                f"{step}: expected the asset '{name}' to be at most {LARGEST_ASSET} bytes. "
                f"Received: shape={shape}, dtype={dtype}"
            )
        return jax.ShapeDtypeStruct(shape, np.uint8, sharding=place)

    return wanted(ASSETS, described)


def _write(tree: dict[str, Any], folder: Path) -> None:
    for name, content in tree.items():
        if isinstance(content, dict):
            (folder / name).mkdir()
            _write(content, folder / name)
        else:
            (folder / name).write_bytes(np.asarray(content).tobytes())
