"""Bodies of requests and answers: JSON, or NumPy's own formats."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.artifacts.loader import Artifact, Tensor

JSON, NPY, NPZ = "application/json", "application/x-npy", "application/x-npz"


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
    given = _parsed(body, kind.partition(";")[0].strip() or JSON)
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
    try:
        if kind == NPY:
            return np.load(io.BytesIO(body), allow_pickle=False)
        if kind == NPZ:
            with np.load(io.BytesIO(body), allow_pickle=False) as found:
                return {name: found[name] for name in found.files}
        if kind == JSON:
            found = json.loads(body)
            if not isinstance(found, dict) or "inputs" not in found:
                raise BodyError('Expected a JSON object {"inputs": ...}')
            return found["inputs"]
    except BodyError:
        raise
    except (ValueError, OSError, EOFError, KeyError, RecursionError) as error:
        raise BodyError(f"Expected a body of the type {kind}. {error}") from error
    raise BodyError(f"Expected a body of a type among {(JSON, NPY, NPZ)}. Received: {kind!r}")


def _array(value: Any, tensor: Tensor) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype == object or array.dtype.kind in "US":
        raise BodyError(f"Expected {tensor!r}. Received: values that are no rows of numbers")
    whole = array.dtype.kind == "f" and tensor.dtype.startswith(("int", "uint"))
    if array.dtype.kind in "iu" or (whole and np.all(array == np.trunc(array))):
        return array.astype(tensor.dtype)  # JSON does not tell whole numbers from others
    return array


def body_of(outputs: Sequence[np.ndarray], kind: str, model: Artifact) -> tuple[bytes, str]:
    """Return the body of an answer, and its content type.

    Args:
        outputs: the model's outputs.
        kind: what the client accepts.
        model: what is served.
    """
    names = [tensor.name for tensor in model.outputs]
    buffer = io.BytesIO()
    if kind == NPY and len(outputs) == 1:
        np.save(buffer, outputs[0], allow_pickle=False)
        return buffer.getvalue(), NPY
    if kind in (NPY, NPZ):
        np.savez(buffer, **dict(zip(names, outputs, strict=True)))
        return buffer.getvalue(), NPZ
    lists = [np.asarray(o, "float32" if o.dtype.kind == "V" else o.dtype).tolist() for o in outputs]
    found = lists[0] if len(lists) == 1 else dict(zip(names, lists, strict=True))
    return json.dumps({"outputs": found}).encode(), JSON
