"""Loops, conditionals and maps as `Scan`, `Loop` and `If`, their bodies written as graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.artifacts.onnx.sizes import Dim, Pair, Shape, Size
from graphc.artifacts.onnx.task import Result, Table, Task, Translator, scalar
from graphc.artifacts.onnx.writer import Subgraph, Tensor, Writer
from graphc.body import Body as GraphBody


class Body:
    """A body while it is written.

    Args:
        task: the node that it is of.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.writer = Writer(task.writer.opset, task.writer)
        self.writer.label = task.writer.label
        self._inputs: list[tuple[str, str, Shape]] = []

    def input(self, shape: Shape, dtype: str, held: str = "") -> Tensor:
        """Declare the next input."""
        name = self.writer.names.fresh(f"{self.writer.label}/input")
        tensor = Tensor(tuple(shape), dtype, name)
        self._inputs.append((name, held or tensor.held, tuple(shape)))
        return tensor

    def finish(self, results: Sequence[Tensor], dtypes: Sequence[str]) -> Subgraph:
        """Return the graph; every result is made by a node of its own, of the dtype promised."""
        outputs: list[tuple[str, str, Shape]] = []
        for tensor, dtype in zip(results, dtypes, strict=True):
            name = self.writer.name_of(tensor)
            op = ("Identity",) if tensor.held == dtype else ("Cast", dtype)
            attrs = {"to": dtype} if op[0] == "Cast" else {}
            name = self.writer.emit(op[0], name, **attrs)
            outputs.append((name, dtype, tuple(tensor.shape)))
        name = self.writer.names.fresh(f"{self.writer.label}/body")
        return Subgraph(name, tuple(self._inputs), tuple(outputs), tuple(self.writer.nodes))


def outside(task: Task, tensor: Tensor) -> Tensor:
    """Return a tensor as a body may use it: ready before the body runs."""
    if tensor.known:
        return tensor
    return Tensor(tensor.shape, tensor.dtype, task.writer.name_of(tensor))


def scan(
    task: Task, body: Any, captured: Sequence[Tensor], carries: Sequence[Tensor],
    sequences: Sequence[Tensor], captures_first: bool,
) -> list[Tensor]:  # fmt: skip
    """Write a loop along axis 0 of sequences.

    Args:
        task: its results are the last carries, then what each step gave, stacked.
        body: takes carries and a slice of each sequence; captures before them or after them.
    """
    made = Body(task)
    kept = [outside(task, one) for one in captured]
    count = len(carries)
    state = [
        made.input(shape, one.dtype)
        for one, shape in zip(carries, task.shapes[:count], strict=True)
    ]
    given = list(sequences) or [_counter(task)]
    slices = [made.input(one.shape[1:], one.dtype) for one in given]
    operands = [*state, *(slices if sequences else [])]
    operands = [*kept, *operands] if captures_first else [*operands, *kept]
    results = task.inline(body, made.writer, operands)
    held = [one.held for one in carries] + [one.held for one in results[count:]]
    direction = int(bool(task.attr("reverse", False)))
    names = task.writer.several(
        "Scan", *carries, *given, outputs=len(results), num_scan_inputs=len(given),
        scan_input_directions=[direction] * len(given),
        scan_output_directions=[direction] * (len(results) - count) or None,
        body=made.finish(results, held),
    )  # fmt: skip
    return [task.result(name, place=place) for place, name in enumerate(names)]


def _counter(task: Task) -> Tensor:
    """Return a sequence for a loop that has none, as long as the loop."""
    length: Dim = task.attr("length")
    if isinstance(length, Size):
        zeros = task.emit("Expand", np.zeros(1, "float32"), task.writer.length(length))
        return Tensor((length,), "float32", zeros)
    return Tensor((length,), "float32", array=np.zeros(length, "float32"))


def _of_graphs(translator: Translator) -> Translator:
    """Return a translator that leaves bodies which are no graphs to the primitives."""

    def translate(task: Task) -> Result:
        bodies = [one for one in task.attrs.values() if isinstance(one, Pair)]
        several = task.attr("branches", ())
        known = all(isinstance(body.first, GraphBody) for body in (*bodies, *several))
        return translator(task) if known else None

    return translate


def _scan_op(task: Task) -> Result:
    carries, stop = task.attr("carries"), task.attr("carries") + task.attr("sequences")
    given = task.given
    return scan(
        task, task.attr("body"), given[stop:], given[:carries], given[carries:stop],
        captures_first=False,
    )  # fmt: skip


def _scan_primitive(task: Task) -> Result:
    consts = task.attr("num_consts")
    stop = consts + task.attr("num_carry")
    given = task.given
    return scan(
        task, task.attr("jaxpr"), given[:consts], given[consts:stop], given[stop:],
        captures_first=True,
    )  # fmt: skip


def _vectorized_map(task: Task) -> Result:
    mapped = task.attr("mapped")
    given = task.given
    return scan(task, task.attr("body"), given[mapped:], [], given[:mapped], captures_first=False)


def _loop(
    task: Task, condition: Any, body: Any, carries: Sequence[Tensor],
    asked: Sequence[Tensor], captured: Sequence[Tensor], captures_first: bool,
) -> list[Tensor]:  # fmt: skip
    """Write a loop that goes on while a condition on the carries holds."""
    asked, captured = ([outside(task, one) for one in many] for many in (asked, captured))

    def ordered(state: Sequence[Tensor], extra: Sequence[Tensor]) -> list[Tensor]:
        return [*extra, *state] if captures_first else [*state, *extra]

    (holds,) = task.inline(condition, task.writer, ordered(carries, asked))
    made = Body(task)
    made.input((), "int64")
    made.input((), "bool")
    state = [made.input(shape, one.dtype) for one, shape in zip(carries, task.shapes, strict=True)]
    results = task.inline(body, made.writer, ordered(state, captured))
    after = [Tensor(r.shape, r.dtype, made.writer.name_of(r)) for r in results]
    (again,) = task.inline(condition, made.writer, ordered(after, asked))
    again = Tensor((), "bool", made.writer.reshaped(again, ()))
    graph = made.finish([again, *after], ["bool", *(one.held for one in carries)])
    limit = task.attr("maximum_iterations")
    most = None if limit is None else scalar(limit, "int64")
    start = task.writer.reshaped(holds, ())
    names = task.writer.several("Loop", most, start, *carries, outputs=len(carries), body=graph)
    return [task.result(name, place=place) for place, name in enumerate(names)]


def _while_op(task: Task) -> Result:
    carries = task.attr("carries")
    stop = carries + task.attr("condition_captures")
    given = task.given
    return _loop(
        task, task.attr("condition"), task.attr("body"), given[:carries], given[carries:stop],
        given[stop:], captures_first=False,
    )  # fmt: skip


def _while_primitive(task: Task) -> Result:
    first = task.attr("cond_nconsts")
    stop = first + task.attr("body_nconsts")
    given = task.given
    return _loop(
        task, task.attr("cond_jaxpr"), task.attr("body_jaxpr"), given[stop:], given[:first],
        given[first:stop], captures_first=True,
    )  # fmt: skip


def _branches(task: Task, index: str, bodies: Sequence[tuple[Any, Sequence[Tensor]]]) -> list[str]:
    """Write the choice between bodies by a whole number, int32 and clamped, as nested `If`s."""
    graphs = [_branch(task, body, operands) for body, operands in bodies]
    return _choice(task.writer, index, graphs, 0, len(task.shapes))


def _branch(task: Task, body: Any, operands: Sequence[Tensor]) -> Subgraph:
    made = Body(task)
    results = task.inline(body, made.writer, operands)
    shown = [
        Tensor(shape, one.dtype, made.writer.name_of(one))
        for one, shape in zip(results, task.shapes, strict=True)
    ]
    return made.finish(shown, [task.result("", place=p).held for p in range(len(results))])


def _choice(
    writer: Writer, index: str, graphs: Sequence[Subgraph], place: int, count: int
) -> list[str]:
    first, *rest = graphs
    if len(rest) == 1:
        other = rest[0]
    else:
        inner = Writer(writer.opset, writer)
        inner.label = writer.label
        names = _choice(inner, index, rest, place + 1, count)
        shown = zip(names, first.outputs, strict=True)
        outputs = tuple((name, dtype, shape) for name, (_, dtype, shape) in shown)
        name = writer.names.fresh(f"{writer.label}/body")
        other = Subgraph(name, (), outputs, tuple(inner.nodes))
    chosen = writer.emit("LessOrEqual", index, scalar(place, "int32"))
    return writer.several("If", chosen, outputs=count, then_branch=first, else_branch=other)


def _switch(task: Task) -> Result:
    index, operands = task.x(), [outside(task, one) for one in task.given[1:]]
    chosen = task.writer.reshaped(task.cast(index, "int32"), ())
    uses = task.attr("uses")
    bodies = [
        (body, [operands[place] for place in taken])
        for body, taken in zip(task.attr("branches"), uses, strict=True)
    ]
    return _all(task, chosen, bodies)


def _cond(task: Task) -> Result:
    index, operands = task.x(), [outside(task, one) for one in task.given[1:]]
    branches = task.attr("branches")
    if index.known:
        body = branches[int(np.clip(index.numpy(), 0, len(branches) - 1))]
        return task.inline(body, task.writer, operands)
    bodies = [(body, operands) for body in branches]
    return _all(task, task.writer.name_of(task.cast(index, "int32")), bodies)


def _all(task: Task, index: str, bodies: Sequence[tuple[Any, Sequence[Tensor]]]) -> Result:
    if len(bodies) == 1:
        return task.inline(bodies[0][0], task.writer, bodies[0][1])
    return _branches(task, index, bodies)


def _inline(task: Task) -> Result:
    return task.inline(task.attr("body"), task.writer, task.given)


def _platform(task: Task) -> Result:
    """Return which of several ways is for the CPU, or for all."""
    platforms = task.attr("platforms")
    place = next((i for i, names in enumerate(platforms) if not names or "cpu" in names), 0)
    return Tensor((), task.dtypes[0], array=np.asarray(place, task.held))


OPS: Table = {
    f"core.{name}": _of_graphs(translator)
    for name, translator in {
        "scan": _scan_op,
        "while_loop": _while_op,
        "switch": _switch,
        "vectorized_map": _vectorized_map,
        "remat": _inline,
    }.items()
}

PRIMITIVES: Table = {
    "scan": _scan_primitive, "while": _while_primitive, "cond": _cond,
    "platform_index": _platform,
}  # fmt: skip
