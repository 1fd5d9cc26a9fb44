"""Makes the table of measured choices that comes with the package for this kind of device.

    python bench/tune.py [--only convnet,gpt] [--repeats N] [--path FILE]

Runs `graphc.tune` over the training steps of the workloads: each op's kernels on its real shapes,
then the whole step under each set of XLA's options and with the loop in both forms. Choices that
the file holds already, and that no workload has, stay. Wants an idle machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from targets import COUNTED
from timing import machine
from workloads import WORKLOADS

import graphc
from graphc import keras
from graphc.measured import tables
from graphc.tune import Tuning
from graphc.tune_program import MOST_STEPS


def tune_workload(name: str, path: Path, repeats: int) -> Tuning:
    """Measure the training step of a workload, and add the choices to a table."""
    recipe = WORKLOADS[name]
    data = recipe.prepare(recipe.load().head(recipe.batch * MOST_STEPS).arrays)
    model = recipe.build(keras)
    return graphc.tune(
        model, data["x"], data["y"], batch_size=recipe.batch, path=path, repeats=repeats,
        progress=True,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Tune the workloads, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(COUNTED), help="comma-separated workloads")
    parser.add_argument("--repeats", type=int, default=15, help="samples of each alternative")
    parser.add_argument("--path", type=Path, default=tables()[0], help="the table to write")
    given = parser.parse_args(arguments)
    names = given.only.split(",")
    if unknown := [name for name in names if name not in COUNTED]:
        parser.error(f"--only: expected names of {COUNTED}. Received: {','.join(unknown)}")
    print(f"on {machine()}")
    for name in names:
        print(f"\n{name}", flush=True)
        done = tune_workload(name, given.path, given.repeats)
        changed = sum(row.entry.best != row.usual for row in done.rows)
        print(f"{name}: {len(done.rows)} choices measured, {changed} changed", flush=True)
    print(f"\nkept in {given.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
