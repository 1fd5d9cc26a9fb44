"""Bodies of requests and answers: JSON, or NumPy's own formats."""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.artifacts.loader import Artifact, Tensor

JSON, NPY, NPZ = "application/json", "application/x-npy", "application/x-npz"
KINDS = (JSON, NPY, NPZ)
LARGEST_BODY = 1 << 26  # bytes, also of what a compressed one holds
DAMAGED = (
    ValueError, OSError, EOFError, KeyError, RecursionError, NotImplementedError, RuntimeError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class BodyError(ValueError):
    """A request that the model cannot take."""


def inputs_of(body: bytes, kind: str, model: Artifact) -> tuple[np.ndarray, ...]:
    """Return the arrays of a request, checked against the model's signature.

    Args:
        body: JSON `{"inputs": rows, or {name: rows}}`, one array as `.npy`, or several as `.npz`.
        kind: its content type.
        model: what is served.

    Raises:
        BodyError: it is not understood, or does not fit; names the input.
    """
    given = _parsed(body, kind.partition(";")[0].strip().lower() or JSON)
    names = [tensor.name for tensor in model.inputs]
    if not isinstance(given, dict):
        if len(names) > 1:
            raise BodyError(f"Expected the inputs {names} by name. Received: one array")
        given = {names[0]: given}
    if set(given) != set(names):
        raise BodyError(f"Expected the inputs {names}. Received: {sorted(given)}")
    try:
        arrays = tuple(t.checked(_array(given[t.name], t)) for t in model.inputs)
    except (ValueError, TypeError, OverflowError) as error:
        raise BodyError(str(error)) from error
    rows = {len(array) for array in arrays}
    if len(rows) != 1 or 0 in rows:
        raise BodyError(
            f"Expected as many rows in all inputs, at least 1. Received: {sorted(rows)}"
        )
    return arrays


def _parsed(body: bytes, kind: str) -> Any:
    if kind not in KINDS:
        raise BodyError(f"Expected a body of a type among {KINDS}. Received: {kind!r}")
    try:
        if kind == NPY:
            return _npy(body)
        return _npz(body) if kind == NPZ else _json(body)
    except BodyError:
        raise
    except DAMAGED as error:
        raise BodyError(f"Expected a body of the type {kind}. {error}") from error


def _json(body: bytes) -> Any:
    found = json.loads(body, parse_constant=_refused)
    if not isinstance(found, dict) or "inputs" not in found:
        raise BodyError('Expected a JSON object {"inputs": ...}')
    return found["inputs"]


def _refused(name: str) -> None:
    raise BodyError(f"Expected numbers that JSON has; a NumPy body holds others. Received: {name}")


def _npy(data: bytes) -> np.ndarray:
    """Return an array; what it says of itself is compared with what there is, before."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    shape, fortran, dtype = (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(
        stream
    )
    count, start = math.prod(shape), stream.tell()
    if dtype.hasobject:
        raise BodyError("Expected an array of numbers or strings. Received: objects")
    if count * dtype.itemsize > len(data) - start:
        raise BodyError(
            f"Expected {count * dtype.itemsize} bytes of {dtype}{list(shape)}. "
            f"Received: {len(data) - start}"
        )
    array = np.frombuffer(data, dtype, count, start) if count else np.empty(0, dtype)
    return array.reshape(shape, order="F" if fortran else "C")


def _npz(data: bytes) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = sum(info.file_size for info in archive.infolist())
        if size > LARGEST_BODY:
            raise BodyError(f"Expected at most {LARGEST_BODY} bytes of arrays. Received: {size}")
        names = archive.namelist()
        return {name.removesuffix(".npy"): _npy(archive.read(name)) for name in names}


def _array(value: Any, tensor: Tensor) -> np.ndarray:
    if tensor.dtype == "string":
        return np.asarray(value, None if isinstance(value, np.ndarray) else object)
    array = np.asarray(value)
    if array.dtype.kind not in "biufcV":
        raise BodyError(f"Expected {tensor!r}. Received: values that are no rows of numbers")
    if not tensor.dtype.startswith(("int", "uint")):
        return array.astype(tensor.dtype) if array.dtype.kind in "iu" else array
    if array.dtype.kind == "f" and not np.all(array == np.trunc(array)):
        raise BodyError(f"Expected {tensor!r}. Received: numbers that are not whole")
    limits = np.iinfo(tensor.dtype)
    if array.size and not (limits.min <= array.min() and array.max() <= limits.max):
        raise BodyError(
            f"Expected {tensor!r}, {limits.min} to {limits.max}. "
            f"Received: {array.min()} to {array.max()}"
        )
    return array.astype(tensor.dtype)  # JSON does not tell whole numbers from others


def accepted(wanted: str, kind: str) -> str:
    """Return the type of the answer to a body of a type: the first that the client wants."""
    types = [part.partition(";")[0].strip().lower() for part in wanted.split(",")]
    return next((one for one in types if one in KINDS), kind.partition(";")[0].strip().lower())


def body_of(outputs: Sequence[np.ndarray], kind: str, model: Artifact) -> tuple[bytes, str]:
    """Return the body of an answer, and its content type.

    Args:
        outputs: the model's outputs; JSON gets null for what is not finite, and NumPy float32 for
            a dtype that is not its own.
        kind: what the client accepts.
        model: what is served.
    """
    plain = [np.asarray(o, "float32" if o.dtype.kind == "V" else o.dtype) for o in outputs]
    names = [tensor.name for tensor in model.outputs]
    if kind == NPY and len(plain) == 1:
        return _bytes_of(plain[0]), NPY
    if kind in (NPY, NPZ):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, array in zip(names, plain, strict=True):
                archive.writestr(f"{name}.npy", _bytes_of(array))
        return buffer.getvalue(), NPZ
    lists = [_listed(array) for array in plain]
    found = lists[0] if len(lists) == 1 else dict(zip(names, lists, strict=True))
    return json.dumps({"outputs": found}, allow_nan=False).encode(), JSON


def _bytes_of(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _listed(array: np.ndarray) -> Any:
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return array.tolist()
    return np.where(np.isfinite(array), array.astype(object), None).tolist()
