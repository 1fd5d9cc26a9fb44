"""A bar chart of how many times faster ours trains, by workload and peer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tables import Row

COLOURS = {
    "keras": "#4c78a8", "torch_eager": "#f58518", "torch_compiled": "#e45756", "flax": "#54a24b",
}  # fmt: skip
HEIGHT = 0.8  # of a workload's bars together


def draw_chart(rows: Sequence[Row], path: Path, measure: str = "epoch") -> None:
    """Write the rows of one measure as bars on a logarithmic axis, with a line at 1x.

    The file's ending decides its format; an SVG of the same rows has the same bytes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is no row of the measure.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    shown = [row for row in rows if row.measure == measure]
    if not shown:
        raise ValueError(f"Expected rows of {measure!r} to draw. Received: none")
    workloads = list(dict.fromkeys(row.workload for row in shown))
    peers = list(dict.fromkeys(row.peer for row in shown))
    with mpl.rc_context({"svg.hashsalt": "graphc", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 1.2 + len(workloads) * (0.15 + 0.18 * len(peers))))
        axes = figure.subplots()
        axes.set_xscale("log")
        for place, peer in enumerate(peers):
            of_peer = {row.workload: row.times for row in shown if row.peer == peer}
            shift = HEIGHT * ((place + 0.5) / len(peers) - 0.5)
            heights = [workloads.index(name) + shift for name in of_peer]
            draw_bars(axes, peer, list(of_peer.values()), heights, HEIGHT / len(peers))
        axes.axvline(1.0, color="black", linewidth=1)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_yticks(range(len(workloads)), workloads)
        axes.set_ylim(len(workloads) - 0.5, -0.5)
        axes.set_xlabel(f"times faster than the peer ({measure}); right of the line graphc wins")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(peers), frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.12)
        figure.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def draw_bars(
    axes: Any, peer: str, times: Sequence[float], heights: Sequence[float], thickness: float
) -> None:
    """One peer's bars from 1x on, to the right where ours is faster, each with its figure."""
    widths = [value - 1.0 for value in times]
    bars = axes.barh(
        heights, widths, 0.9 * thickness, left=1.0, label=peer, color=COLOURS.get(peer)
    )
    axes.bar_label(bars, [f"{value:.2g}x" for value in times], padding=3, fontsize=7)
