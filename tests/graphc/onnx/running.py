"""ONNX Runtime beside the model or the op that was exported: what both give, and how far apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnx
import onnxruntime

from graphc import keras
from graphc.artifacts.onnx import DEFAULT_OPSET
from graphc.artifacts.onnx.build import message
from graphc.artifacts.onnx.export import finished
from graphc.artifacts.onnx.sizes import COUNTS, ROWS_ALONE, Size, shape_of
from graphc.artifacts.onnx.translate import Twins, write_graph
from graphc.artifacts.onnx.writer import Tensor, Writer
from graphc.builder import Builder
from graphc.ir import Graph
from graphc.kernels.cases import Case
from graphc.kernels.registry import OPS
from graphc.spec import spec_of

ROWS = (1, 5)
KINDS = {"tensor(float)": "float32", "tensor(bfloat16)": "float32"}


def session(model: bytes) -> Any:
    """Return a session on the CPU that is silent."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def inputs_of(model: Any, rows: int, high: int = 5) -> list[np.ndarray]:
    """Return made-up inputs of a model, in order."""
    rng = np.random.default_rng(rows)
    return [
        rng.normal(size=(rows, *(size or 7 for size in tensor.shape[1:]))).astype("float32")
        if tensor.dtype.startswith(("float", "bfloat"))
        else rng.integers(0, high, (rows, *(size or 7 for size in tensor.shape[1:]))).astype(
            tensor.dtype
        )
        for tensor in model.inputs
    ]


def error_of(model: Any, path: Path, rows: tuple[int, ...] = ROWS, **options: Any) -> float:
    """Export a model, check the file, and return how far ONNX Runtime is from `predict`.

    The largest difference, relative to the largest output where that is above 1.
    """
    model.export(path, format="onnx", **options)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    running = session(path.read_bytes())
    worst = 0.0
    for count in rows:
        arrays = inputs_of(model, count)
        kinds = [KINDS.get(one.type, one.type[7:-1]) for one in running.get_inputs()]
        names = [one.name for one in running.get_inputs()]
        feed = {n: a.astype(k) for n, a, k in zip(names, arrays, kinds, strict=True)}
        found = running.run(None, feed)
        packed = keras.tree.pack_sequence_as(model.input, arrays)
        expected = jax.tree.leaves(model.predict(packed, batch_size=count, verbose=0))
        worst = max(worst, distance(found, expected))
    return worst


def distance(found: Any, expected: Any) -> float:
    """Return the largest difference, relative to the largest number where that is above 1.

    Infinity where one has a NaN, an infinity, a shape or a dtype that the other has not.
    """
    worst = 0.0
    for one, other in zip(found, expected, strict=True):
        a, b = one.astype("float64"), np.asarray(other).astype("float64")
        wide = str(other.dtype) == "bfloat16" and one.dtype == np.float32
        if a.shape != b.shape or not (wide or str(one.dtype) == str(other.dtype)):
            return np.inf
        finite = np.isfinite(b)
        if not np.array_equal(np.isfinite(a), finite):
            return np.inf
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
            return np.inf
        scale = max(1.0, np.max(np.abs(b[finite]), initial=0.0))
        worst = max(worst, np.max(np.abs(a[finite] - b[finite]), initial=0.0) / scale)
    return float(worst)


def _weights(case: Case) -> list[bool]:
    """Return which operands of a case are known when it is exported: as a layer's weights are."""
    return [
        i is not None and (
            i.array is not None
            or (place > 0 and not i.batched and case.op.startswith("nn.") and i.dtype == "float32")
        )
        for place, i in enumerate(case.inputs)
    ]  # fmt: skip


def operands_of(case: Case, rows: int) -> list[Any]:
    """Return the operands of a case; its weights are the same for any number of rows."""
    weights, fixed = _weights(case), case.operands(1)
    pairs = zip(weights, fixed, case.operands(rows), strict=True)
    return [known if weight else drawn for weight, known, drawn in pairs]


def _graph(case: Case, rows: int, known: bool) -> Graph:
    builder = Builder()
    given: list[Any] = []
    weights = _weights(case) if known else [False] * len(case.inputs)
    for weight, array in zip(weights, operands_of(case, rows), strict=True):
        if array is None:
            given.append(None)
        else:
            given.append(builder.constant(array) if weight else builder.input(spec_of(array)))
    result = builder.emit(case.op, *given, **case.attrs)
    return builder.finish(result if isinstance(result, tuple) else (result,))


def op_nodes(case: Case, opset: int = DEFAULT_OPSET, known: bool = True) -> tuple[Any, bytes]:
    """Return an op on operands of a case as nodes, and as a model.

    With `known` its weights are known when it is exported; else they are inputs.
    """
    first, second = (_graph(case, rows, known) for rows in COUNTS)
    writer = Writer(opset)
    infos = [
        (
            writer.names.fresh(f"x{i}"),
            a.spec.dtype,
            shape_of(a.spec.shape, b.spec.shape, ROWS_ALONE),
        )
        for i, (a, b) in enumerate(zip(first.inputs, second.inputs, strict=True))
    ]
    names = [writer.names.fresh(f"y{i}") for i in range(len(first.outputs))]
    lengths = [name for name, _, shape in infos if shape and shape[0] == Size(1)]
    writer.axes = {"rows": (lengths[0], 0)} if lengths else {}
    pairs = zip(first.inputs, infos, strict=True)
    env = {value: Tensor(shape, dtype, name) for value, (name, dtype, shape) in pairs}
    found = write_graph(Twins(first, second), writer, env)
    main = finished(writer, infos, names, found, [v.spec.dtype for v in first.outputs])
    return main.nodes, message(main, opset, {}).SerializeToString()


def op_error(case: Case, rows: tuple[int, ...] = (1, 3, 5), opset: int = DEFAULT_OPSET) -> float:
    """Return how far ONNX Runtime is from the reference of an op on operands of a case."""
    running = session(op_nodes(case, opset)[1])
    wanted = {one.name for one in running.get_inputs()}
    worst = 0.0
    for count in rows:
        operands = operands_of(case, count)
        pairs = zip(_weights(case), operands, strict=True)
        fed = [array for weight, array in pairs if array is not None and not weight]
        feed = {f"x{i}": array for i, array in enumerate(fed) if f"x{i}" in wanted}
        expected = jax.tree.leaves(OPS[case.op].reference(*operands, **case.attrs))
        worst = max(worst, distance(running.run(None, feed), expected))
    return worst
