"""The report as one page of HTML that fetches nothing: styles and script are inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from graphc.report.diff import Line, side_by_side
from graphc.report.layers import LayerRow, told
from graphc.report.quantities import duration, percent, short, size
from graphc.report.text import grouped

if TYPE_CHECKING:
    from graphc.report.report import Report

NOTEBOOK_HEIGHT = 720  # pixels
PLACES = 12  # layers listed where a rule met many
# The columns of the table: heading, hint, and how it is sorted at first.
COLUMNS = (
    ("Layer", "the layer's path; click for what was decided there", "text"),
    ("FLOPs", "operations, forward", "number"),
    ("Moved", "bytes read and written, forward", "number"),
    ("Weights", "bytes of parameters and states", "number"),
    ("Results", "bytes of what it computes", "number"),
    ("Time", "of a step, the way back included; ~ is predicted", "number"),
    ("Share", "of the time of all layers", "number"),
    ("Limit", "what it would take longest by on this device", "text"),
    ("Ops", "after the passes", "text"),
    ("Kernels", "where it is not the reference", "text"),
)


def as_page(report: Report) -> str:
    """Return the page; every text of the user's is escaped."""
    return _template("page.html").substitute(
        style=_text("page.css"),
        script=_text("page.js"),
        title=escape(report.title),
        facts="\n".join(
            f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in report.all_facts()
        ),
        stages=_stages(report.stages),
        columns="\n".join(
            f'<th data-kind="{kind}" title="{escape(hint)}" tabindex="0">{name}</th>'
            for name, hint, kind in COLUMNS
        ),
        layers="\n".join(_layer(row) for row in report.layers()),
        passes="\n".join(_pass(report, row) for row in report.passes),
        lines="\n".join(
            f"<tr>{_cell(one)}{_cell(other)}</tr>"
            for one, other in side_by_side(report.before, report.after)
        ),
    )


def in_notebook(report: Report) -> str:
    """Return the page in a frame, so that its styles and those of a notebook stay apart."""
    return (
        f'<iframe srcdoc="{escape(as_page(report))}" title="{escape(report.title)}" '
        f'style="width:100%;height:{NOTEBOOK_HEIGHT}px;border:0"></iframe>'
    )


@cache
def _text(name: str) -> str:
    return files("graphc.report").joinpath(name).read_text(encoding="utf-8")


def _template(name: str) -> Template:
    return Template(_text(name))


def _stages(stages: Sequence[tuple[str, float]]) -> str:
    """Return a bar for each stage of compiling."""
    whole = sum(seconds for _, seconds in stages)
    if not whole:
        return "<p class=quiet>Nothing was compiled yet.</p>"
    rows = "\n".join(
        f"<tr><th>{escape(name)}</th><td>{duration(seconds)}</td>"
        f"<td class=wide>{_bar(seconds / whole)}</td></tr>"
        for name, seconds in stages
    )
    return f"<table class=stages>{rows}</table>"


def _bar(share: float | None) -> str:
    if share is None:
        return ""
    return f'<span class=bar style="--part:{share:.4f}"></span>'


def _layer(row: LayerRow) -> str:
    scope, name = escape(row.scope), escape(row.scope or "(model)")
    guessed = "~" if row.measured is None and row.predicted else ""
    ops = " ".join(dict.fromkeys(op.split(".")[-1] for op in row.ops)) or "nothing left"
    kernels = escape(" ".join(dict.fromkeys(label.split(":")[-1] for label in row.kernels)))
    opaque = " <b class=opaque title='no pass looks inside'>opaque</b>" if row.opaque else ""
    numbers = (
        (row.flops, short(row.flops)),
        (row.nbytes, size(row.nbytes)),
        (row.weights, size(row.weights)),
        (row.results, size(row.results)),
        (row.seconds or 0, guessed + duration(row.seconds)),
    )
    cells = "".join(f"<td data-sort={value!r}>{shown}</td>" for value, shown in numbers)
    return (
        f'<tr data-layer="{scope}"><td data-sort="{scope}"><details><summary>{name}</summary>'
        f"{_details(row)}</details></td>{cells}"
        f"<td data-sort={row.share or 0!r} class=share>{_bar(row.share)}{percent(row.share)}</td>"
        f'<td data-sort="{row.bound}">{row.bound}</td>'
        f'<td data-sort="{escape(ops)}" class=ops>{escape(ops)}{opaque}</td>'
        f'<td data-sort="{kernels}" class=ops>{kernels}</td></tr>'
    )


def _details(row: LayerRow) -> str:
    """Return what was decided for a layer."""
    parts: tuple[tuple[str, Iterable[str]], ...] = (
        ("traced as", [" ".join(row.ops_before)]),
        ("became", [" ".join(row.ops)] if row.ops != row.ops_before else []),
        ("kernels", dict.fromkeys(row.kernels)),
        ("kernels rejected", row.rejected),
        ("passes", row.rewrites),
        ("written at", [row.source]),
    )
    rows = "".join(
        f"<dt>{name}</dt>{''.join(f'<dd>{escape(text)}</dd>' for text in texts)}"
        for name, texts in ((name, [t for t in texts if t]) for name, texts in parts)
        if texts
    )
    return f'<dl>{rows}</dl><a class=jump href="#graph">its lines in the graph</a>'


def _pass(report: Report, row: dict[str, Any]) -> str:
    """Return a folded pass with all that it did and did not."""
    before, after = row["nodes"]
    applied, declined = len(row["fired"]), len(row["declined"])
    outcome = f"{applied} applied, {declined} not" if applied or declined else "nothing to do"
    events = grouped([(row["pass"], event) for event in row["fired"] + row["declined"]])
    items = "".join(
        f"<li class={'no' if event.reason else 'yes'}>{escape(told(name, event))}"
        f"<br><small>{_places(scopes)}</small></li>"
        for name, event, scopes in events
    )
    kind = "yes" if applied else "no" if declined else "idle"
    return (
        f"<details class='pass {kind}'><summary><b>{escape(row['pass'])}</b> <span>{outcome}; "
        f"{before} to {after} nodes in {duration(row['seconds'])}</span></summary>"
        f"<ul>{items or '<li>No rule met anything.</li>'}</ul></details>"
    )


def _places(scopes: Sequence[str]) -> str:
    """Return the layers as links to their rows."""
    links = ", ".join(
        f'<a data-to="{escape(scope)}" href="#layers">{escape(scope)}</a>'
        for scope in scopes[:PLACES]
    )
    more = len(scopes) - PLACES
    return links + (f" and {more} more" if more > 0 else "")


def _cell(line: Line | None) -> str:
    if line is None:
        return "<td class=none></td>"
    changed = " class=changed" if line.changed else ""
    return f'<td{changed} data-layer="{escape(line.layer)}">{escape(line.text)}</td>'
