"""The report as text that is readable in 100 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from graphc.report.layers import LayerRow
from graphc.report.quantities import duration, percent, short, size
from graphc.rewrite import Event

if TYPE_CHECKING:
    from graphc.report.report import Report

WIDTH, NAME, LAYER = 100, 22, 32
TABLE = f"{{:<{LAYER}}} {{:>7}} {{:>8}} {{:>9}} {{:>6}}  {{}}"
ASIDE = " " * 6
PLACES = 3  # layers listed where a rule met many


def as_text(report: Report) -> str:
    """Return the whole report."""
    return "\n".join(line.rstrip() for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield from (report.title, "=" * len(report.title))
    for name, value in report.all_facts():
        yield from _fact(name, value)
    if report.stages:
        yield from ("", f"compiled in {duration(sum(s for _, s in report.stages)) or '0'}")
        for name, seconds in report.stages:
            yield f"  {name:<{NAME + 12}} {duration(seconds):>9}"
    yield ""
    yield TABLE.format("layer", "FLOPs", "bytes", "time", "share", "ops")
    for row in report.layers():
        yield from _layer(row)
    if any(row.seconds is not None for row in report.layers()):
        yield ""
        yield "time: of a whole step, the way back included; ~ is predicted, the rest was measured"
    yield from ("", "passes")
    yield from _passes(report)


def _fact(name: str, value: str) -> Iterator[str]:
    first, *rest = wrap(value, WIDTH - NAME - 1, break_on_hyphens=False) or [""]
    yield f"{name:<{NAME}} {first}"
    yield from (f"{'':<{NAME}} {line}" for line in rest)


def _layer(row: LayerRow) -> Iterator[str]:
    ops = [op.split(".")[-1] for op in dict.fromkeys(row.ops)]
    told = " ".join(ops) if row.ops else "(nothing left)"
    guessed = "~" if row.measured is None and row.predicted else ""
    cells = (
        _fitting(row.scope or "(model)"), short(row.flops), size(row.nbytes),
        guessed + duration(row.seconds), percent(row.share),
    )  # fmt: skip
    start = len(TABLE.format(*cells, ""))
    first, *rest = wrap(told, WIDTH - start, break_on_hyphens=False) or [""]
    yield TABLE.format(*cells, first)
    yield from (" " * start + line for line in rest)
    if row.opaque:
        yield from _aside("!", "opaque: no pass looks inside")
    for sign, notes in (("+", row.kernels), ("-", row.rejected)):
        for note in dict.fromkeys(notes):
            yield from _aside(sign, note)


def _aside(sign: str, text: str) -> list[str]:
    return wrap(
        text, WIDTH, initial_indent=f"{ASIDE}{sign} ", subsequent_indent=f"{ASIDE}  ",
        break_on_hyphens=False,
    )  # fmt: skip


def _fitting(scope: str) -> str:
    return scope if len(scope) <= LAYER else f"…{scope[1 - LAYER :]}"


def _passes(report: Report) -> Iterator[str]:
    for name, event, scopes in grouped(report.rewrites()):
        where = ", ".join(scopes[:PLACES])
        where += f" and {len(scopes) - PLACES} more" if len(scopes) > PLACES else ""
        line = f"{name}: {event.rule} at {where}"
        line += ": applied" if event.reason is None else ":"
        yield from wrap(
            line, WIDTH, initial_indent="  ", subsequent_indent=ASIDE, break_on_hyphens=False
        )
        if event.reason is not None:
            yield from _aside("-", f"not applied: {event.reason}")
    for row in report.passes:
        if not row["fired"] and not row["declined"]:
            yield f"  {row['pass']}: nothing to do"


def grouped(rewrites: Sequence[tuple[str, Event]]) -> list[tuple[str, Event, list[str]]]:
    """Return (pass, event, layers) with events that differ in the layer alone put together."""
    found: dict[tuple[str, str, str | None], tuple[Event, list[str]]] = {}
    for name, event in rewrites:
        _, scopes = found.setdefault((name, event.rule, event.reason), (event, []))
        scopes.append(event.scope or "the top")
    return [(name, event, scopes) for (name, _, _), (event, scopes) in found.items()]
