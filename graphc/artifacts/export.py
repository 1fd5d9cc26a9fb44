"""`graphc.export`: a model as a file that is served without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from graphc.artifacts.aot import export_aot
from graphc.artifacts.onnx import export_onnx
from graphc.artifacts.stablehlo import Exported, export_stablehlo
from graphc.atomic import replacing

FORMATS: Mapping[str, Callable[..., None]] = {
    "stablehlo": export_stablehlo,
    "aot": export_aot,
    "onnx": export_onnx,
}


def export(
    model: Any,
    path: str | Path,
    format: str = "stablehlo",
    **options: Any,
) -> None:
    """Write a model as a file that is served without it.

    Args:
        model: a built model.
        path: the file to write; what was there stays until the new one is whole.
        format: "stablehlo": the optimised inference program for any number of rows, which
            `graphc.artifacts.loader.load` serves with jax and numpy alone; "aot": the same, and
            the program compiled for this machine; "onnx": the graph in ONNX, for other runtimes.
        options: `platforms`, of "cpu", "cuda" and "tpu"; with "aot" also `rows`, the numbers of
            rows to compile for; with "onnx" none of these but `opset`.

    Raises:
        ValueError: an unknown format, or the model cannot be expressed in it.
        TypeError: not a model.
    """
    if format not in FORMATS:
        raise ValueError(
            f"Unknown export format. Expected one of {list(FORMATS)}. Received: format={format!r}"
        )
    describe = getattr(model, "__graphc_export__", None)
    if describe is None:
        raise TypeError(f"graphc.export expects a model. Received: {model!r} of {type(model)}")
    given = Exported(**describe())
    if given.open_axes and format != "onnx":
        raise ValueError(
            f"The model leaves more than its batch open. Expected inputs with all other sizes "
            f"given, or format='onnx'. Received: format={format!r}, and the inputs "
            f"{sorted({given.inputs[place] for place, _ in given.open_axes})}"
        )
    if given.front is not None and format == "onnx":
        raise ValueError(
            "The model takes strings, or hashes integers, before its graph. Expected format="
            f"'stablehlo' or 'aot', whose loader does that. Received: format={format!r}"
        )
    with replacing(Path(path)) as unfinished:
        FORMATS[format](given, unfinished, **options)
