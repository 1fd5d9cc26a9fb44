"""Every kernel of every benchmarked case, forward and backward, beside Keras's own: JSON.

    python bench/kernels.py [--op nn.conv] [--case mnist] [--scan] [--repeats 15] [--out FILE]

With `--scan` the step runs in the body of a `lax.scan`, where XLA lowers some ops differently.
Speed-ups are over Keras where it is installed and has the op, else over the reference kernel.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from kernel_peers import installed, peer
from timing import REPEATS, describe, machine, measure

from graphc.kernels import OPS, Signature, Target, TensorSpec
from graphc.kernels.cases import CASES, Case
from graphc.kernels.registry import Kernel

SCAN_LENGTH = 4
KERAS = "keras"  # the peer's name among those of the kernels
AGREED = 2e-3  # the largest difference to Keras, relative to the largest output


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--op", default="", help="only ops whose name contains this")
    parser.add_argument("--case", default="", help="only cases whose name contains this")
    parser.add_argument("--scan", action="store_true", help="measure inside a lax.scan")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--out", type=Path, help="write the JSON here as well")
    return parser.parse_args(arguments)


def candidates(case: Case, operands: Sequence[Any], platform: str) -> Iterator[Kernel]:
    """The kernels that support the case, the reference first."""
    specs = tuple(None if x is None else TensorSpec(x.shape, str(x.dtype)) for x in operands)
    signature, target = Signature(specs, case.attrs), Target(platform)
    for kernel in OPS[case.op].kernels:
        if kernel.supports(signature, target) is None:
            yield kernel


def contenders(case: Case, operands: Sequence[Any]) -> dict[str, Callable[..., Any]]:
    """What computes the case, by name: the kernels, the reference first, then Keras."""
    functions: dict[str, Callable[..., Any]] = {
        kernel.name: partial(kernel.function, **case.attrs)
        for kernel in candidates(case, operands, jax.default_backend())
    }
    theirs = peer(case, operands)
    if theirs is not None:
        functions[KERAS] = theirs
    return functions


def check(case: Case, functions: Mapping[str, Callable[..., Any]], operands: Sequence[Any]) -> None:
    """Refuse to compare functions that do not compute the same.

    Raises:
        ValueError: Keras's outputs are not the reference's.
    """
    if KERAS not in functions or case.op == "nn.dropout":  # random: other numbers, the same work
        return
    ours, theirs = (
        jax.tree.leaves(jax.jit(functions[name])(*operands))
        for name in (next(iter(functions)), KERAS)
    )
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape or jnp.max(jnp.abs(a - b)) > AGREED * jnp.max(jnp.abs(a)):
            raise ValueError(f"{case}: Keras computes something else")


def step(function: Callable[..., Any], operands: Sequence[Any], scan: bool) -> Callable[[], Any]:
    """A compiled call of the function and of its gradient for all float operands."""
    places = [
        i for i, x in enumerate(operands) if x is not None and np.issubdtype(x.dtype, np.floating)
    ]

    def total(floats: list[jax.Array]) -> jax.Array:
        values = list(operands)
        for place, value in zip(places, floats, strict=True):
            values[place] = value
        out = jax.tree.leaves(function(*values))
        # Squaring gives a cotangent that is not constant, which XLA could simplify away.
        return sum((jnp.sum(o * o) for o in out if jnp.issubdtype(o.dtype, jnp.inexact)), 0.0)

    gradient = jax.value_and_grad(total)

    def scanned(floats: list[jax.Array]) -> Any:
        def body(carry: list[jax.Array], _: None) -> tuple[list[jax.Array], jax.Array]:
            loss, slopes = gradient(carry)
            moved = [x - 1e-6 * slope for x, slope in zip(carry, slopes, strict=True)]
            return moved, loss

        return jax.lax.scan(body, floats, None, length=SCAN_LENGTH)

    compiled = jax.jit(scanned if scan else gradient)
    start = [jnp.asarray(operands[i]) for i in places]
    return lambda: compiled(start)


def measure_case(case: Case, scan: bool, repeats: int) -> dict[str, Any]:
    """The row of one case: each kernel's median and its speed-up."""
    operands = case.operands()
    functions = contenders(case, operands)
    check(case, functions, operands)
    steps = {name: step(function, operands, scan) for name, function in functions.items()}
    samples = measure(steps, repeats)
    if scan:
        samples = {name: tuple(s / SCAN_LENGTH for s in values) for name, values in samples.items()}
    baseline = KERAS if KERAS in functions else next(iter(functions))
    return {"op": case.op, "case": case.name, "kernels": describe(samples, baseline)}


def line(row: dict[str, Any]) -> str:
    """One row as text."""
    cells = [
        f"{name} {found['median_s'] * 1e3:.3g} ms ±{found['spread_s'] * 1e3:.2g}"
        + (f" ({found['times_faster']:.2f}x)" if found["times_faster"] else "")
        for name, found in row["kernels"].items()
    ]
    return f"{row['op']:24} {row['case']:16} {'   '.join(cells)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the options select; print lines to stderr and the JSON to stdout."""
    given = options(arguments)
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = installed()
    rows: list[dict[str, Any]] = []
    for case in CASES:
        if not case.bench or given.op not in case.op or given.case not in case.name:
            continue
        rows.append(measure_case(case, given.scan, given.repeats))
        print(line(rows[-1]), file=sys.stderr, flush=True)
    found = {
        "machine": machine() | {KERAS: keras and keras.__version__},
        "scan": given.scan,
        "rows": rows,
    }
    text = json.dumps(found, indent=1)
    print(text)
    if given.out is not None:
        given.out.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
