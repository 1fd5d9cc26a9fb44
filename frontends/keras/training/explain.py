"""`model.explain()`: the compiler's report for the step that a model runs."""

from __future__ import annotations

from typing import Any

import jax

from graphc.keras.training.runs import Bound
from graphc.kernels.registry import TIERS
from graphc.programs import cache_info
from graphc.report import Report, costs_of, limits_of
from graphc.runtime.step import Program

FORMS = {
    "scan": "many steps in one compiled call (a loop with a runtime trip count)",
    "step": "one compiled call a step",
}


def report_of(bound: Bound, *, measure: bool = False) -> Report:
    """Return the report of a traced step and its program.

    Args:
        bound: the step.
        measure: whether to time every op alone, which takes a while.
    """
    traced, program = bound.traced, bound.program
    step, target = traced.step, program.target
    training = step.mode == "train" and not step.reports
    return Report(
        f"graphc: {bound.model.name}, {step.mode} step",
        traced.traced,
        step.graph,
        target,
        traced.record.rows,
        _facts(bound),
        costs_of(step.graph, target, training=training, measured=measure),
        _stages(bound),
        bound.clock.seconds_per_step,
        program.run.memory(),
        limits_of(target),
    )


def _facts(bound: Bound) -> tuple[tuple[str, str], ...]:
    """Return lines about the program, in order."""
    traced, program = bound.traced, bound.program
    step, target = traced.step, program.target
    padding = (
        "padded and masked: the step is separable by sample"
        if traced.mixing is None
        else f"its own program: {traced.mixing.op} in '{traced.mixing.scope}' mixes samples"
    )
    overrides = [f"{op}:{kernel}" for op, kernel in target.overrides]
    options = ", ".join(f"{name}={v}" for name, v in sorted(program.options.values.items()))
    tiers = [tier for tier in TIERS if tier in target.tiers]
    return (
        ("mode", step.mode),
        ("device", f"{target.platform} ({jax.devices()[0].device_kind})"),
        ("rows in a step", str(step.batch)),
        ("loop", f"{FORMS[program.form]}: {program.why}"),
        ("last batch", padding),
        ("kernel tiers", ", ".join([*tiers, *overrides])),
        ("XLA options", f"{program.options.name} ({program.options.why}): {options or 'none'}"),
        ("runtime scalars", f"{len(traced.scalars)} (changing one never recompiles)"),
        ("recompiles", "; ".join(bound.model._programs.recompiles) or "none"),
        ("this program", _origin(bound)),
        ("program cache", _cache()),
    )


def _cache() -> str:
    info = cache_info()
    return f"{info.size} held, {info.hits} hits, {info.misses} misses"


def _origin(bound: Bound) -> str:
    """Return where the program came from: memory, the disk, or XLA."""
    took = bound.program.run.compilations
    found = "found in memory, made for an equal step; " if bound.shared else ""
    if not took.count:
        return f"{found}not compiled yet"
    disk = f", {took.from_disk} of these read from the disk" if took.from_disk else ""
    return f"{found}compiled {took.count} time{'s' if took.count > 1 else ''}{disk}"


def _stages(bound: Bound) -> tuple[tuple[str, float], ...]:
    """Return the seconds of every stage from the model to the program, in order."""
    rows: Any = bound.traced.record.rows
    passes = [(f"pass {row['pass']}", float(row["seconds"])) for row in rows]
    return (("tracing the model", bound.traced.seconds), *passes, *_jax_stages(bound.program))


def _jax_stages(program: Program) -> tuple[tuple[str, float], ...]:
    took = program.run.compilations
    return (
        ("tracing the kernels", took.tracing),
        ("lowering", took.lowering),
        ("XLA", took.compiling),
    )
