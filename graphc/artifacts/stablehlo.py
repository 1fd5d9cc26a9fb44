"""Export to StableHLO: the optimised inference program, for any number of rows and several devices.

The program is that of one row, mapped over the rows. So it holds for any number of them, and it is
exact where no row depends on another one, which is checked. Each platform gets the kernels that are
best there.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jaxlib
import numpy as np
from jax import export

from graphc.artifacts.direct import PROGRAM
from graphc.artifacts.direct import ROWS as DIRECT_ROWS
from graphc.artifacts.loader import FORMAT, VERSION
from graphc.executable import Executable
from graphc.ir import Graph, Value
from graphc.lower import lower, plan
from graphc.prepare import split
from graphc.separable import mixing_node
from graphc.spec import Target, TensorSpec
from graphc.xla_options import compiler_options

PLATFORMS = {"cpu": "cpu", "cuda": "gpu", "tpu": "tpu"}  # by their names in `jax.export`
TIERS = ("reference", "fused")  # Pallas kernels are left to where the device is at hand
ROWS = "rows"


@dataclass(frozen=True)
class Exported:
    """What a frontend gives of a model.

    Attributes:
        executable: of inference, traced with one row.
        params, state: the arrays to run with.
        inputs, outputs: names, in the graph's order.
        named_outputs: whether outputs are a dictionary.
        constants: of the inputs of the graph that are no tensors of the user's, the last ones.
        many: the same inference of several rows, as traced.
        front: what is done to the user's inputs before the graph, as `strings.Front` takes it; None
            where they are the graph's.
        front_inputs: the user's inputs then: name, shape and dtype of each.
        trace: makes the same inference of another number of rows, and of other lengths of open
            axes; None where there is a front.
        open_axes: the inputs, by place, and their axes beside the first whose length is open.
    """

    executable: Executable
    params: Sequence[Any]
    state: Sequence[Any]
    inputs: Sequence[str]
    outputs: Sequence[str]
    named_outputs: bool
    constants: Sequence[Any]
    many: Graph
    front: Mapping[str, Any] | None = None
    front_inputs: Sequence[Mapping[str, Any]] = ()
    trace: Callable[[int, Sequence[int]], Executable] | None = None
    open_axes: Sequence[tuple[int, int]] = ()


def export_stablehlo(
    given: Exported, path: Path, platforms: Sequence[str] = tuple(PLATFORMS)
) -> None:
    """Write an artifact.

    Args:
        given: a model.
        path: the file to write.
        platforms: of "cpu", "cuda" and "tpu".

    Raises:
        ValueError: rows depend on one another (the node is named), or an unknown platform.
    """
    unknown = sorted(set(platforms) - set(PLATFORMS))
    if unknown:
        raise ValueError(f"Expected platforms among {list(PLATFORMS)}. Received: {unknown}")
    graph, found = served(given)
    kept = [place for place, array in enumerate(found) if array is not None]
    weights = [array for array in found if array is not None]
    count = len(graph.inputs) - len(given.constants)
    names = [f"feed_{place}" for place in range(count)] if given.front else given.inputs
    feeds = _tensors(names, _specs(graph.inputs[:count]))
    _check_rows(given.many, count)
    targets = {name: Target(PLATFORMS[name], TIERS) for name in platforms}
    programs = {
        name: _program(graph, weights, kept, given.constants, target)
        for name, target in targets.items()
    }
    direct = _direct(programs["cpu"]) if "cpu" in programs else None
    signature = {
        "format": FORMAT, "version": VERSION, "jax": jax.__version__,
        "jaxlib": jaxlib.__version__,
        "inputs": given.front_inputs or feeds, "feeds": feeds,
        "outputs": _tensors(given.outputs, _specs(graph.outputs)),
        "named_outputs": given.named_outputs, "platforms": list(platforms),
        "weights": [str(weight.dtype) for weight in weights],
        "options": {name: compiler_options(target) for name, target in targets.items()},
    }  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member("signature.json"), json.dumps(signature, indent=1))
        if given.front is not None:
            archive.writestr(member("front.json"), json.dumps(given.front))
        for number, weight in enumerate(weights):
            buffer = io.BytesIO()
            np.save(buffer, _plain(weight), allow_pickle=False)
            archive.writestr(member(f"weights/{number}.npy"), buffer.getvalue())
        if direct is not None:
            archive.writestr(member(PROGRAM), direct)
        for platform, program in programs.items():
            archive.writestr(member(f"program-{platform}.bin"), bytes(program.serialize()))


def _plain(array: np.ndarray) -> np.ndarray:
    """Return an array of a dtype that is not NumPy's own as whole numbers of its size."""
    own = array.dtype.kind in "biufc"
    return array if own else array.view(f"uint{8 * array.dtype.itemsize}")


def member(name: str) -> zipfile.ZipInfo:
    """Return a member without the time of day: equal models give equal bytes."""
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))


def served(given: Exported) -> tuple[Graph, list[np.ndarray | None]]:
    """Return the graph of what every call does, and the arrays of its parameters and its state.

    What depends on the weights alone is computed here; None stands for weights that are not needed
    any more then.
    """
    prepare, serve = split(given.executable.graph)
    arrays = list(given.params)
    if prepare.outputs:
        run = jax.jit(lower(prepare, plan(prepare, given.executable.target)))
        arrays += run(tuple(given.params), tuple(given.state), ())[0]
    used = {value for node in serve.nodes for value in node.inputs} | set(serve.roots())
    pairs = zip((*serve.params, *serve.state), (*arrays, *given.state), strict=True)
    return serve, [np.asarray(array) if value in used else None for value, array in pairs]


def _check_rows(graph: Graph, count: int) -> None:
    node = mixing_node(graph, frozenset(graph.inputs[:count]), None, numbered=False)
    if node is not None:
        raise ValueError(
            f"Cannot export for any number of rows: '{node.op}' in layer '{node.scope}' lets rows "
            "depend on one another, or has no rule that says it does not"
        )


def _program(
    graph: Graph,
    weights: Sequence[np.ndarray],
    kept: Sequence[int],
    constants: Sequence[Any],
    target: Target,
) -> Any:
    (rows,) = export.symbolic_shape(ROWS)
    given = tuple(jax.ShapeDtypeStruct(w.shape, w.dtype) for w in weights)
    inputs = [
        jax.ShapeDtypeStruct((rows, *value.spec.shape[1:]), value.spec.dtype)
        for value in graph.inputs[: len(graph.inputs) - len(constants)]
    ]
    name = next(name for name, ours in PLATFORMS.items() if ours == target.platform)
    return export.export(jax.jit(_by_row(graph, kept, constants, target)), platforms=[name])(
        given, *inputs
    )


def _direct(program: Any) -> str | None:
    """Return a program as text with `ROWS` for the number of rows; None where jaxlib needs jax.

    It does for functions that jax registers, and for dtypes that NumPy does not know.
    """
    rows = int(DIRECT_ROWS)
    plain = [
        jax.ShapeDtypeStruct([s if isinstance(s, int) else rows for s in aval.shape], aval.dtype)
        for aval in program.in_avals
    ]
    args, kwargs = jax.tree.unflatten(program.in_tree, plain)
    traced = jax.jit(program.call, keep_unused=True).trace(*args, **kwargs)
    text = traced.lower(lowering_platforms=("cpu",)).as_text()
    foreign = set(re.findall(r"custom_call @(\w+)", text)) - {"shape_assertion"}
    given = [*program.in_avals, *program.out_avals]
    known = all(np.dtype(aval.dtype).kind in "biufc" for aval in given)
    return None if foreign or not known or DIRECT_ROWS in str(program.mlir_module()) else text


def _by_row(
    graph: Graph, kept: Sequence[int], constants: Sequence[Any], target: Target
) -> Callable[..., Any]:
    """Return the graph, of one row, as a function of the weights kept and any number of rows."""
    forward, count = lower(graph, plan(graph, target)), len(graph.params)

    def run(given: tuple[Any, ...], *inputs: Any) -> tuple[Any, ...]:
        weights: list[Any] = [None] * (count + len(graph.state))
        for place, weight in zip(kept, given, strict=True):
            weights[place] = weight

        def one(*rows: Any) -> tuple[Any, ...]:
            batches = (*(row[None] for row in rows), *constants)
            outputs, _ = forward(tuple(weights[:count]), tuple(weights[count:]), batches)
            return tuple(output[0] for output in outputs)

        return jax.vmap(one)(*inputs)

    return run


def _specs(values: Sequence[Value]) -> list[TensorSpec]:
    return [value.spec for value in values]


def _tensors(names: Sequence[str], specs: Sequence[TensorSpec]) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": [None, *spec.shape[1:]], "dtype": spec.dtype}
        for name, spec in zip(names, specs, strict=True)
    ]
