"""Serves an exported model: this file, jax and numpy are all it takes, and nothing is traced.

    model = load("model.graphc")
    outputs = model(inputs)              # arrays with any number of rows

It stands alone, so that it can be copied to where graphc is not installed. An artifact is a ZIP
archive: `signature.json`, `weights/<n>.npy`, `program-<platform>.bin` (StableHLO by `jax.export`);
`cache/<platform>/` may hold what XLA made of the program on the machine that exported it, which is
taken where machine and versions are the same.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import jax
import numpy as np
from jax import export
from jax.experimental.compilation_cache import compilation_cache

FORMAT, VERSION = "graphc artifact", 1
LARGEST_TEXT = 1 << 24  # bytes of the signature
EXPANSION = 100  # bytes of a member for each that is stored, at most
NAMES = {"gpu": "cuda"}  # what a platform is called by `jax.export`


class ArtifactError(ValueError):
    """A file that is no artifact, is damaged, or cannot run here."""


class Tensor:
    """One input or output: its name, its shape (None for the number of rows) and its dtype."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.name = str(entry["name"])
        self.shape = tuple(entry["shape"])
        self.dtype = str(entry["dtype"])

    def __repr__(self) -> str:
        sizes = ", ".join("rows" if size is None else str(size) for size in self.shape)
        return f"{self.name}: {self.dtype}[{sizes}]"

    def zeros(self, rows: int) -> np.ndarray:
        """Return rows of zeros."""
        return np.zeros([rows if size is None else size for size in self.shape], self.dtype)

    def checked(self, value: Any) -> np.ndarray:
        """Return an array for this input.

        Raises:
            ValueError: its shape or its dtype does not fit; names the input.
        """
        array = np.asarray(value)
        fits = array.ndim == len(self.shape) and all(
            size in (None, given) for size, given in zip(self.shape, array.shape, strict=True)
        )
        if not fits:
            raise ValueError(f"Expected {self!r}. Received: shape {array.shape}")
        if not np.can_cast(array.dtype, self.dtype, "same_kind"):
            raise ValueError(f"Expected {self!r}. Received: dtype {array.dtype}")
        return array.astype(self.dtype, copy=False)


class Artifact:
    """A loaded model: call it on arrays.

    Attributes:
        inputs, outputs: what it takes and gives, in order.
        platform: where it runs.
    """

    def __init__(
        self,
        program: Any,
        weights: Sequence[Any],
        signature: dict[str, Any],
        platform: str,
        compiled: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        self.inputs = [Tensor(entry) for entry in signature["inputs"]]
        self.outputs = [Tensor(entry) for entry in signature["outputs"]]
        self.platform = platform
        self._named_outputs = bool(signature.get("named_outputs"))
        self._weights = tuple(jax.device_put(weight) for weight in weights)
        options = signature.get("options", {}).get(platform) or None
        self._run = jax.jit(program.call, compiler_options=options)
        self._compiled, self._known = compiled, set[int]()  # a folder; numbers of rows run so far

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Return the outputs for inputs in order, as a list, or by name (also as one dictionary).

        Args:
            inputs: arrays [rows, ...]; all with the same number of rows.
            named: the same by name.

        Returns:
            One array, or a list, or a dictionary of arrays, as the model gave.

        Raises:
            ValueError: an input is missing, is not known, or does not fit.
        """
        arrays = [
            tensor.checked(value)
            for tensor, value in zip(self.inputs, self._ordered(inputs, named), strict=True)
        ]
        rows = {array.shape[0] for array in arrays}
        if len(rows) > 1:
            raise ValueError(f"Expected as many rows in all inputs. Received: {sorted(rows)}")
        found = self.arrays(arrays)
        if self._named_outputs:
            return {tensor.name: array for tensor, array in zip(self.outputs, found, strict=True)}
        return found[0] if len(found) == 1 else found

    def arrays(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs in order for inputs in order, which are not checked."""
        rows = len(inputs[0])
        if self._compiled is None or rows in self._known:
            return [np.asarray(array) for array in self._run(self._weights, *inputs)]
        with _looking_in(self._compiled.name):
            outputs = self._run(self._weights, *inputs)
        self._known.add(rows)
        return [np.asarray(array) for array in outputs]

    def _ordered(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
        if len(inputs) == 1 and isinstance(inputs[0], dict):
            inputs, named = (), {**inputs[0], **named}
        if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) and len(self.inputs) > 1:
            inputs = tuple(inputs[0])
        names = [tensor.name for tensor in self.inputs]
        if named:
            wrong = sorted(set(named) ^ set(names)) if not inputs else sorted(named)
            if wrong:
                raise ValueError(f"Expected the inputs {names}. Received: {sorted(named)}")
            return [named[name] for name in names]
        if len(inputs) != len(names):
            raise ValueError(f"Expected {len(names)} inputs: {names}. Received: {len(inputs)}")
        return list(inputs)


def load(path: str | Path, platform: str | None = None) -> Artifact:
    """Load an artifact.

    Args:
        path: the file.
        platform: "cpu", "cuda" or "tpu"; JAX's default backend where not given.

    Raises:
        ArtifactError: it is none, is damaged, or has no program for the platform.
    """
    platform = platform or NAMES.get(jax.default_backend(), jax.default_backend())
    try:
        with zipfile.ZipFile(path) as archive:
            signature = _signature(archive, path)
            if platform not in signature["platforms"]:
                raise ArtifactError(
                    f"{path} has programs for {signature['platforms']}. Received: {platform!r}"
                )
            folder = _compiled(archive, platform)
            program = export.deserialize(bytearray(_read(archive, f"program-{platform}.bin", path)))
            weights = [
                _weight(_read(archive, f"weights/{number}.npy", path), dtype)
                for number, dtype in enumerate(signature["weights"])
            ]
    except (zipfile.BadZipFile, EOFError, KeyError, TypeError) as error:
        raise ArtifactError(f"Expected a whole artifact. Received: {path}: {error!r}") from error
    return Artifact(program, weights, signature, platform, folder)


def _weight(data: bytes, dtype: str) -> np.ndarray:
    """Return an array; one of a dtype that NumPy does not know is stored as whole numbers."""
    array = np.load(io.BytesIO(data), allow_pickle=False)
    return array if str(array.dtype) == dtype else array.view(jax.numpy.dtype(dtype))


def _read(archive: zipfile.ZipFile, name: str, path: Any) -> bytes:
    info = archive.getinfo(name)
    if info.file_size > EXPANSION * max(info.compress_size, 1 << 16):
        raise ArtifactError(f"{path}: '{name}' declares {info.file_size} bytes, and holds fewer")
    return archive.read(name)


def _signature(archive: zipfile.ZipFile, path: Any) -> dict[str, Any]:
    if archive.getinfo("signature.json").file_size > LARGEST_TEXT:
        raise ArtifactError(f"{path}: its signature is too large")
    try:
        found = json.loads(archive.read("signature.json"))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path}: its signature is no JSON: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ArtifactError(f"Expected a file of the format '{FORMAT}'. Received: {path}")
    if found.get("version") != VERSION:
        raise ArtifactError(
            f"Expected version {VERSION} of the format. Received: {found.get('version')} in {path}"
        )
    return found


def _compiled(archive: zipfile.ZipFile, platform: str) -> tempfile.TemporaryDirectory[str] | None:
    """Copy what XLA made of the program to a folder; None where the artifact has nothing of it."""
    members = [i for i in archive.infolist() if i.filename.startswith(f"cache/{platform}/")]
    if not members:
        return None
    folder = tempfile.TemporaryDirectory(prefix="graphc-artifact-")
    for info in members:
        data = _read(archive, info.filename, info.filename)
        Path(folder.name, PurePosixPath(info.filename).name).write_bytes(data)
    return folder


@contextmanager
def _looking_in(folder: str) -> Generator[None]:
    """Let JAX look for compiled programs in a folder, meanwhile.

    One is found by program, versions, options and machine: where one of them differs, the program
    is compiled.
    """
    flags = {
        "jax_compilation_cache_dir": folder,
        "jax_persistent_cache_min_entry_size_bytes": -1,
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_enable_xla_caches": "none",  # whose folder would be an option
    }
    before = {name: getattr(jax.config, name) for name in flags}
    _set(flags)
    try:
        yield
    finally:
        _set(before)


def _set(flags: dict[str, Any]) -> None:
    for name, value in flags.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()  # it remembers its folder
