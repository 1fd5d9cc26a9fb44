"""`model.explain()`: the compiler's report for the step that a model runs."""

from __future__ import annotations

from graphc.keras.training.runs import Bound
from graphc.kernels.registry import TIERS
from graphc.programs import cache_info
from graphc.report import Report

FORMS = {
    "scan": "many steps in one compiled call (a loop with a runtime trip count)",
    "step": "one compiled call a step (heavy steps gain nothing from a loop)",
}


def report_of(bound: Bound) -> Report:
    """Return the report of a traced step and its program."""
    traced, program = bound.traced, bound.program
    step = traced.step
    info = cache_info()
    padding = (
        "padded and masked: the step is separable by sample"
        if traced.mixing is None
        else f"its own program: {traced.mixing.op} in '{traced.mixing.scope}' mixes samples"
    )
    facts = (
        ("mode", step.mode),
        ("device", program.target.platform),
        ("rows in a step", str(step.batch)),
        ("loop", FORMS[program.form]),
        ("last batch", padding),
        ("kernel tiers", ", ".join(tier for tier in TIERS if tier in program.target.tiers)),
        ("runtime scalars", f"{len(traced.scalars)} (changing one never recompiles)"),
        ("recompiles", "; ".join(bound.model._programs.recompiles) or "none"),
        ("program cache", f"{info.size} held, {info.hits} hits, {info.misses} misses"),
    )
    title = f"graphc: {bound.model.name}, {step.mode} step"
    return Report(title, traced.traced, step.graph, program.target, traced.record.rows, facts)
