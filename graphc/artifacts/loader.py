"""Serves an exported model: this file, jax and numpy are all it takes, and nothing is traced.

    model = load("model.graphc")
    outputs = model(inputs)              # arrays with any number of rows

It stands alone, to be copied to where graphc is not installed; with `direct.py` beside it a process
starts without importing jax, where jaxlib is that of the artifact; `strings.py`, `fingerprint.py`
are for models that take strings. An artifact is a ZIP archive: `signature.json`, `weights/<n>.npy`,
`program-<platform>.bin` (StableHLO), `direct-cpu.mlir` (for `direct.py`), `front.json` (strings),
XLA's code for like machines and versions: `cache/<platform>/`, `compiled/<processor>/<rows>.bin`.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

FORMAT, VERSION = "graphc artifact", 1
LARGEST_TEXT, EXPANSION = 1 << 24, 100  # bytes of the signature; of a member for each stored
CACHE = "jax.experimental.compilation_cache.compilation_cache"
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
        shape = [rows if size is None else size for size in self.shape]
        return np.full(shape, "", object) if self.dtype == "string" else np.zeros(shape, self.dtype)

    def checked(self, value: Any) -> np.ndarray:
        """Return an array for this input.

        Raises:
            ValueError: its shape or its dtype does not fit; names the input.
        """
        text = self.dtype == "string"
        array = self._column(np.asarray(value)) if text else np.asarray(value)
        fits = array.ndim == len(self.shape) and all(
            size in (None, given) for size, given in zip(self.shape, array.shape, strict=True)
        )
        if not fits:
            raise ValueError(f"Expected {self!r}. Received: shape {array.shape}")
        if not text and not np.can_cast(array.dtype, self.dtype, "same_kind"):
            raise ValueError(f"Expected {self!r}. Received: dtype {array.dtype}")
        return array if text else array.astype(self.dtype, copy=False)

    def _column(self, array: np.ndarray) -> np.ndarray:
        """Return strings, with a last axis of size 1 more or less if that fits."""
        wrong = [text for text in array.ravel().tolist() if not isinstance(text, (str, bytes))]
        if wrong:
            raise ValueError(f"Expected {self!r}. Received: {wrong[0]!r} among the strings")
        array = array.astype(object)
        if array.ndim == len(self.shape) - 1 and self.shape[-1] == 1:
            return array[..., None]
        return array[..., 0] if array.ndim > len(self.shape) and array.shape[-1] == 1 else array


class Artifact:
    """A loaded model with its `inputs`, its `outputs` and its `platform`: call it on arrays."""

    def __init__(self, run: Any, signature: Any, platform: str, front: Any = None) -> None:
        self.inputs = [Tensor(entry) for entry in signature["inputs"]]
        self.outputs = [Tensor(entry) for entry in signature["outputs"]]
        self.feeds = [Tensor(entry) for entry in signature["feeds"]]  # what `run` takes
        self.platform = platform
        self._named_outputs = bool(signature.get("named_outputs"))
        self.run, self._front = run, front

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Return the outputs as the model gave them: an array, a list or a dictionary.

        Args:
            inputs: arrays [rows, ...] with equally many rows, in order or as one list.
            named: the same by name; or `inputs` is one dictionary.

        Raises:
            ValueError: an input is missing, is not known, or does not fit.
        """
        pairs = zip(self.inputs, self._ordered(inputs, named), strict=True)
        arrays = [tensor.checked(value) for tensor, value in pairs]
        if len(rows := {len(array) for array in arrays}) > 1:
            raise ValueError(f"Expected as many rows in all inputs. Received: {sorted(rows)}")
        found = self.arrays(arrays)
        if self._named_outputs:
            return {tensor.name: array for tensor, array in zip(self.outputs, found, strict=True)}
        return found[0] if len(found) == 1 else found

    def arrays(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs in order for inputs in order, which are not checked."""
        return self.run(self.fed(inputs))

    def fed(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return what the program takes (`run`): strings are dealt with.

        Raises:
            ValueError: a token that is in no vocabulary, where there is no index for such.
        """
        return list(inputs) if self._front is None else self._front(inputs)

    def _ordered(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
        if len(inputs) == 1 and isinstance(inputs[0], dict):
            inputs, named = (), {**inputs[0], **named}
        elif len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) and len(self.inputs) > 1:
            inputs = tuple(inputs[0])
        names = [tensor.name for tensor in self.inputs]
        if named and (inputs or set(named) != set(names)):
            raise ValueError(f"Expected the inputs {names}. Received: {sorted(named)}")
        if not named and len(inputs) != len(names):
            raise ValueError(f"Expected {len(names)} inputs: {names}. Received: {len(inputs)}")
        return [named[name] for name in names] if named else list(inputs)


def load(path: str | Path, platform: str | None = None) -> Artifact:
    """Load an artifact.

    Args:
        path: the file.
        platform: "cpu", "cuda" or "tpu"; JAX's default backend where not given.

    Raises:
        ArtifactError: it is none, is damaged, or has no program for the platform.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            signature = _signature(archive, path)
            direct = _direct(archive, signature, platform)
            backend = "cpu" if direct else importlib.import_module("jax").default_backend()
            platform = platform or NAMES.get(backend, backend)
            if platform not in (known := signature["platforms"]):
                raise ArtifactError(f"{path} has programs for {known}. Received: {platform!r}")
            run = None
            with suppress(Exception):  # what it is made of is not public; jax does without
                run = direct and _made(_beside("direct").Direct, archive, signature, platform)
            run = run or _made(Program, archive, signature, platform)
            front = _front(archive, path)
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, OSError) as error:
        raise ArtifactError(f"Expected a whole artifact. Received: {path}: {error!r}") from error
    return Artifact(run, signature, platform, front)


def _made(way: Any, archive: zipfile.ZipFile, signature: dict[str, Any], platform: str) -> Any:
    names = (name for name in archive.namelist() if way.reads(name, platform))
    return way({name: _read(archive, name) for name in names}, signature, platform)


def _direct(archive: zipfile.ZipFile, signature: dict[str, Any], platform: str | None) -> bool:
    """Return whether the program can be run through jaxlib alone."""
    asked = platform or os.environ.get("JAX_PLATFORMS")
    others = any(importlib.util.find_spec(name) for name in ("jax_plugins", "libtpu"))
    here = asked == "cpu" or (not asked and not others)
    beside = Path(__file__).with_name("direct.py").exists()
    fits = "direct-cpu.mlir" in archive.namelist() and beside and here and "jax" not in sys.modules
    return fits and signature.get("jaxlib") == importlib.import_module("jaxlib").__version__


def _beside(name: str) -> Any:
    """Return a module beside this one, in a package or not."""
    return importlib.import_module(f"{__package__}.{name}".lstrip("."))


def _front(archive: zipfile.ZipFile, path: Any) -> Any:
    if "front.json" not in archive.namelist():
        return None
    try:
        return _beside("strings").Front(json.loads(_read(archive, "front.json")))
    except (ValueError, IndexError, AttributeError, RecursionError) as error:
        raise ArtifactError(f"{path}: expected layers in front.json: {error!r}") from error


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.file_size > EXPANSION * max(info.compress_size, 1 << 16):
        raise ArtifactError(f"{archive.filename}: '{name}' declares too many bytes")
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
    if (version := found.get("version")) != VERSION:
        raise ArtifactError(f"Expected the format's version {VERSION}. Received: {version}: {path}")
    return found


class Program:
    """Runs a program through jax: `members` of the archive are those that it `reads`."""

    def __init__(self, members: Any, signature: Any, platform: str, weights: Any = ()) -> None:
        import jax.export  # noqa: PLC0415 - `direct.py` does without, which saves most of a start

        program = jax.export.deserialize(bytearray(members[f"program-{platform}.bin"]))
        options = signature.get("options", {}).get(platform) or None
        self._device = _device(platform)
        arrays = tuple(weights or weights_of(members, signature))
        self._weights, self._put = jax.device_put(arrays, self._device), jax.device_put
        self._run = jax.jit(program.call, compiler_options=options)
        self._folder = _kept({n: data for n, data in members.items() if n.startswith("cache/")})
        self._known = set[int]()  # numbers of rows so far

    @staticmethod
    def reads(name: str, platform: str) -> bool:
        """Return whether a member is needed."""
        return name.startswith(("weights/", f"cache/{platform}/", f"program-{platform}.bin"))

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        known = self._folder is None or len(inputs[0]) in self._known
        with nullcontext() if known else _looking_in(self._folder):
            placed = self._put(tuple(inputs), self._device)  # a model may have no weights
            outputs = self._run(self._weights, *placed)
        self._known.add(len(inputs[0]))
        return [np.asarray(array) for array in outputs]


def _device(platform: str) -> Any:
    """Return JAX's default device if it is of the platform, else the platform's first one."""
    jax = importlib.import_module("jax")
    default = jax.config.jax_default_device  # a device, the name of a backend, or None
    if NAMES.get(kind := getattr(default, "platform", ""), kind) == platform:
        return default
    with suppress(RuntimeError):
        return jax.local_devices(backend=platform)[0]
    raise ArtifactError(f"Expected a device of the platform '{platform}'. JAX has none here")


def _kept(compiled: dict[str, bytes]) -> Any:
    """Return a folder of files, which lasts as long as it is referred to; None for none."""
    if not compiled:
        return None
    folder = tempfile.TemporaryDirectory(prefix="graphc-artifact-")
    for name, data in compiled.items():
        Path(folder.name, PurePosixPath(name).name).write_bytes(data)
    return folder


def weights_of(members: dict[str, bytes], signature: dict[str, Any]) -> list[np.ndarray]:
    """Return the weights; one of a dtype that NumPy does not know is stored as whole numbers."""
    dtypes = signature["weights"]
    stored = [io.BytesIO(members[f"weights/{number}.npy"]) for number in range(len(dtypes))]
    pairs = zip((np.load(one, allow_pickle=False) for one in stored), dtypes, strict=True)
    return [a if str(a.dtype) == dtype else a.view(np.dtype(dtype)) for a, dtype in pairs]


@contextmanager
def _looking_in(folder: Any) -> Generator[None]:
    """Let JAX look for compiled programs there; it finds by program, versions, options, machine."""
    config = importlib.import_module("jax").config
    flags = {
        "jax_compilation_cache_dir": folder.name,
        "jax_persistent_cache_min_entry_size_bytes": -1,
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_enable_xla_caches": "none",  # whose folder would be an option
    }
    before = {name: getattr(config, name) for name in flags}
    try:
        _set(config, flags)
        yield
    finally:
        _set(config, before)


def _set(config: Any, flags: dict[str, Any]) -> None:
    for name, value in flags.items():
        config.update(name, value)
    importlib.import_module(CACHE).reset_cache()  # it remembers its folder
