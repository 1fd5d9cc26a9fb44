"""A search as a picture, and as one page that needs nothing else."""

from __future__ import annotations

import html
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from graphc.atomic import replacing
from graphc.keras_tuner.errors import need
from graphc.keras_tuner.seeing.importance import importance
from graphc.keras_tuner.seeing.records import (
    INACTIVE,
    Record,
    SearchRecord,
    numbers_of,
    read_search,
)
from graphc.report.live import shown, span

SIZE = (13, 9)  # inches
CURVES = 12  # trials whose learning is drawn
LABEL = 30  # characters of a value beside an axis
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em }}
svg {{ max-width: 100%; height: auto }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th, td {{ padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd }}
th {{ position: sticky; top: 0; background: #fff }}
tr.failed {{ color: #999 }}
</style></head><body><h1>{title}</h1><p>{summary}</p>
{picture}
<h2>Trials, the best first</h2><table><thead><tr>{head}</tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""


def plot_search(results: Any, path: str | Path | None = None) -> Any:
    """Return a figure of a search: best so far, values against score, importance, learning.

    Args:
        results: a tuner, a study of Optuna, or a fitted search of scikit-learn.
        path: where to write it, too: a page if it ends in ".html", else a picture.

    Returns:
        a `matplotlib.figure.Figure`.

    Raises:
        ImportError: matplotlib is missing.
    """
    figures = need("matplotlib.figure", "A plot of a search")
    search = read_search(results)
    figure = figures.Figure(figsize=SIZE, layout="constrained")
    panels = (_history, _parallel, _importance, _curves)
    for axes, draw in zip(figure.subplots(2, 2).flat, panels, strict=True):
        draw(axes, search)
    if path is not None and Path(path).suffix == ".html":
        _write(Path(path), lambda file: file.write_text(_page(search, figure), encoding="utf-8"))
    elif path is not None:
        figure.savefig(path)
    return figure


def to_html(results: Any, path: str | Path) -> None:
    """Write a search as one page with its picture and its trials; it needs no network.

    Args:
        results: see `plot_search`.
        path: the file.
    """
    search = read_search(results)
    text = _page(search, plot_search(search))
    _write(Path(path), lambda file: file.write_text(text, encoding="utf-8"))


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    with replacing(path) as unfinished:
        write(unfinished)


def _history(axes: Any, search: SearchRecord) -> None:
    axes.set(title="Score by trial, and the best so far", xlabel="trial", ylabel=search.objective)
    places = [n for n, one in enumerate(search.trials) if math.isfinite(one.score)]
    scores = [one.score for one in search.scored]
    if not scores:
        return
    best = np.maximum.accumulate if search.direction == "max" else np.minimum.accumulate
    axes.plot(places, scores, "o", alpha=0.5)
    axes.step(places, best(scores), where="post")


def _parallel(axes: Any, search: SearchRecord) -> None:
    """Draw each trial as a line over the hyperparameters, of the colour of its score's rank."""
    axes.set(title="Values: the darker, the better", yticks=[])
    best, names = search.best_first, search.names
    if not best or not names:
        return
    places = {name: _places([one.values.get(name, INACTIVE) for one in best]) for name in names}
    colours = need("matplotlib", "A plot of a search").colormaps["viridis"]
    for number in range(len(best))[::-1]:  # the best on top
        line = [places[name][0][number] for name in names]
        axes.plot(range(len(names)), line, color=colours(number / len(best)), alpha=0.7)
    for x, name in enumerate(names):
        for y, text in places[name][1]:
            axes.annotate(text, (x, y), fontsize=7, color="#555", clip_on=False)
        axes.axvline(x, color="#ccc", zorder=0)
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right")


def _places(values: list[Any]) -> tuple[list[float], list[tuple[float, str]]]:
    """Return where from 0 to 1 each value is drawn (NaN: nowhere), and labels with their places."""
    known = numbers_of(values)
    if known is None:
        kinds = sorted({str(value) for value in values if value is not INACTIVE})
        at = {kind: (n + 0.5) / len(kinds) for n, kind in enumerate(kinds)}
        labels = [(y, kind if len(kind) <= LABEL else f"{kind[:LABEL]}…") for kind, y in at.items()]
        return [at.get(str(v), math.nan) for v in values], labels
    low, high = min(known), max(known)
    wide = low > 0 and high / low > 50  # more than a decade or so: as a logarithm
    scale = math.log if wide else float
    width = scale(high) - scale(low) or 1.0
    found = [math.nan if v is INACTIVE else (scale(v) - scale(low)) / width for v in values]
    return found, [(0.0, shown(low)), (1.0, shown(high))]


def _importance(axes: Any, search: SearchRecord) -> None:
    axes.set(title="Share of the score's variance that each explains alone", xlim=(0, 1))
    found = sorted(importance(search).items(), key=lambda pair: pair[1])
    axes.barh([name for name, _ in found], [share for _, share in found])


def _curves(axes: Any, search: SearchRecord) -> None:
    """Draw the objective by epoch of the best trials; the loss if it was not logged."""
    with_curves = [one for one in search.best_first if any(map(len, one.curves.values()))]
    name = _logged(with_curves, search.objective)
    axes.set(title=f"Learning of the best {CURVES}", xlabel="epoch", ylabel=name or "")
    for one in with_curves[:CURVES]:
        axes.plot(one.curves.get(name, []), label=one.name, alpha=0.8)
    if with_curves:
        axes.legend(title="trial", fontsize=7, ncols=2)


def _logged(trials: list[Record], objective: str) -> str | None:
    names = list(dict.fromkeys(name for one in trials for name in one.curves))
    wanted = [name for name in (objective, "val_loss", "loss") if name in names]
    return next(iter([*wanted, *names]), None)


def _page(search: SearchRecord, figure: Any) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    picture = buffer.getvalue()
    best = search.best_first
    rest = [one for one in search.trials if not math.isfinite(one.score)]
    summary = f"{len(search.trials)} trials, {len(rest)} without a score."
    if best:
        summary += f" The best: trial {best[0].name}, {search.objective} {shown(best[0].score)}."
    head = ("trial", "state", search.objective, "time", *search.names)
    return PAGE.format(
        title=f"Search for {'large' if search.direction == 'max' else 'small'} "
        f"{html.escape(search.objective)}",
        summary=html.escape(summary),
        picture=picture[picture.index("<svg") :],
        head="".join(f"<th>{html.escape(name)}</th>" for name in head),
        rows="\n".join(_row(one, search.names) for one in [*best, *rest]),
    )


def _row(one: Record, names: list[str]) -> str:
    seconds = span(one.seconds) if math.isfinite(one.seconds) else ""
    score = shown(one.score) if math.isfinite(one.score) else ""
    cells = [one.name, one.state, score, seconds, *(_cell(one.values, name) for name in names)]
    kind = "" if score else ' class="failed"'
    return f"<tr{kind}>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"


def _cell(values: Any, name: str) -> str:
    """Return a value as text: nothing for one that was inactive, which None may not be."""
    value = values.get(name, INACTIVE)
    return repr(value) if value is None else shown(value)
