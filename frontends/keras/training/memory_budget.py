"""`compile(memory_budget=)`: how much memory a step of training may take, and the passes for it."""

from __future__ import annotations

import re
from typing import Any

from graphc.keras.training.arrays import Rows
from graphc.passes import PASSES
from graphc.passes.base import AnyPass
from graphc.passes.place_remat import PlaceRemat
from graphc.runtime.step import Mode
from graphc.spec import TensorSpec, nbytes

UNITS = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip


def parse_bytes(budget: int | str | None) -> int | None:
    """Return a budget in bytes: a whole number, or text such as "4GB" or "512 MiB".

    Raises:
        ValueError: it is neither, or not positive.
    """
    if budget is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(budget))
    unit = UNITS.get(found[2].upper()) if found else None
    count = 0 if found is None or unit is None else int(float(found[1]) * unit)
    if isinstance(budget, bool) or count <= 0:
        raise ValueError(
            "compile(memory_budget=): expected a positive number of bytes, or text such as '4GB' "
            f"or '512MiB'. Received: {budget!r}"
        )
    return count


def passes_for(model: Any, mode: Mode, rows: Rows, batch: int) -> tuple[AnyPass, ...]:
    """Return the passes for a step of a model: with a budget, one more that keeps to it."""
    budget = getattr(model, "_memory_budget", None)
    if budget is None or mode != "train":
        return PASSES
    model.optimizer.build(model.trainable_variables)
    return (*PASSES, PlaceRemat(budget, _held(model, rows, batch)))


def _held(model: Any, rows: Rows, batch: int) -> int:
    """Return the bytes of all but activations: weights, gradients, the optimizer's, one batch."""
    weights = sum(map(_size, model.trainable_variables))
    others = [*model.non_trainable_variables, *model.optimizer.variables]
    data = sum(
        nbytes(TensorSpec((batch, *leaf.shape[1:]), str(leaf.dtype))) for leaf in rows.leaves
    )
    return 2 * weights + sum(map(_size, others)) + data


def _size(variable: Any) -> int:
    return nbytes(TensorSpec(tuple(variable.shape), str(variable.dtype)))
