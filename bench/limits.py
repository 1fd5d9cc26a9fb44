"""What graphc promises about itself: two ways to the same result, and how far apart they may be.

    python bench/limits.py [--only predict,generator] [--repeats N] [--out FILE]

Wants an idle machine. Samples are taken in turns, in one process.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tables import duration
from timing import differs, machine, measure, median, spread
from workloads import WORKLOADS

from graphc import keras

REPEATS = 25
Call = Callable[[], Any]


@dataclass(frozen=True)
class Limit:
    """`ours` may take at most `most` times what `base` takes."""

    title: str
    most: float
    make: Callable[[], tuple[Call, Call]]  # ours, base


def predict() -> tuple[Call, Call]:
    """One row through `predict`, and through the same jitted by hand."""
    model, row, raw = _by_hand()
    return lambda: model.predict(row, verbose=0), raw


def _by_hand() -> tuple[Any, np.ndarray, Call]:
    """A model, a row for it, and what computes its output without it."""
    model = WORKLOADS["tutorial_1"].build(keras)
    row = np.random.default_rng(0).random((1, 28, 28), "float32")
    weights = [jnp.asarray(weight) for weight in model.get_weights()]

    @jax.jit
    def raw(weights: Sequence[jax.Array], x: jax.Array) -> jax.Array:
        kernel, bias, last_kernel, last_bias = weights
        hidden = jax.nn.relu(x.reshape(1, -1) @ kernel + bias)
        return jax.nn.softmax(hidden @ last_kernel + last_bias)

    assert np.allclose(raw(weights, row), model.predict(row, verbose=0), atol=1e-6)
    return model, row, lambda: np.asarray(raw(weights, row))


def call() -> tuple[Call, Call]:
    """One row through `model(x)`, and through the same jitted by hand."""
    model, row, raw = _by_hand()
    return lambda: np.asarray(model(row)), raw


def generator(name: str) -> Callable[[], tuple[Call, Call]]:
    """An epoch fed by a Python generator of slices, and by the arrays."""

    def make() -> tuple[Call, Call]:
        model, batch, x, y = _trained(name)
        steps = len(x) // batch

        def endless() -> Iterator[tuple[Any, Any]]:
            while True:
                for start in range(0, steps * batch, batch):
                    yield x[start : start + batch], y[start : start + batch]

        batches = endless()
        return (
            lambda: model.fit(batches, steps_per_epoch=steps, verbose=0),
            lambda: model.fit(x, y, batch_size=batch, verbose=0),
        )

    return make


def watched(name: str) -> Callable[[], tuple[Call, Call]]:
    """An epoch that looks for losses that are not finite, and one that does not."""

    def make() -> tuple[Call, Call]:
        model, batch, x, y = _trained(name)

        def fit(on_nan: str) -> Any:
            return model.fit(x, y, batch_size=batch, verbose=0, on_nan=on_nan)

        return lambda: fit("raise"), lambda: fit("ignore")

    return make


def _trained(name: str) -> tuple[Any, int, Any, Any]:
    """A workload's model, batch size and data: float32, and whole batches, for both ways alike."""
    workload = WORKLOADS[name]
    data = workload.prepare(workload.load().arrays)
    count = len(data["x"]) // workload.batch * workload.batch
    x, y = data["x"][:count].astype("float32"), data["y"][:count]
    return workload.build(keras), workload.batch, x, y


LIMITS = {
    "predict": Limit("predict one row / raw jitted call", 2.5, predict),
    "call": Limit("model(x) of one row / raw jitted call", 2.5, call),
    "generator": Limit("MLP epoch, generator / arrays", 1.3, generator("tutorial_1")),
    "generator_convnet": Limit("convnet epoch, generator / arrays", 1.3, generator("convnet")),
    "on_nan": Limit("MLP epoch, on_nan='raise' / 'ignore'", 1.02, watched("tutorial_1")),
    "on_nan_convnet": Limit("convnet epoch, on_nan='raise' / 'ignore'", 1.02, watched("convnet")),
}


def row_of(limit: Limit, repeats: int) -> dict[str, Any]:
    """One limit, measured."""
    ours, base = limit.make()
    samples = measure({"ours": ours, "base": base}, repeats)
    ratio = median(samples["ours"]) / median(samples["base"])
    clear = differs(samples["ours"], samples["base"])
    return {
        "title": limit.title, "most": limit.most, "ratio": ratio, "clear": clear,
        "met": ratio <= limit.most or not clear, "samples": samples,
    }  # fmt: skip


def line(row: dict[str, Any]) -> str:
    """One row as text."""
    ours, base = (
        f"{duration(median(values))} ±{spread(values) / median(values):.0%}"
        for values in row["samples"].values()
    )
    note = "" if row["clear"] else " (no difference beyond the noise)"
    verdict = "met" if row["met"] else "not met"
    return (
        f"{row['title']:42} {ours:>14} {base:>14}  {row['ratio']:.3f} of at most "
        f"{row['most']:.2f}  {verdict}{note}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(LIMITS), help=f"comma-separated, of {[*LIMITS]}")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--out", type=Path, help="write the JSON here")
    given = parser.parse_args(arguments)
    names = given.only.split(",")
    if set(names) - set(LIMITS):
        parser.error(f"--only: expected names of {[*LIMITS]}. Received: {given.only}")
    found = {"machine": machine(), "rows": {}}
    for name in names:
        found["rows"][name] = row = row_of(LIMITS[name], given.repeats)
        print(line(row), flush=True)
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
