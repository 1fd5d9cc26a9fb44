"""The command line of `run.py`."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ablate import SWITCHES
from measures import FAST, QUICK, Effort
from peers import GROUPS, OURS, PEERS, missing
from targets import COUNTED
from workloads import WORKLOADS

NAMES = (*WORKLOADS, "import")
RIVALS = tuple(name for name in (*PEERS, *GROUPS) if name != OURS)
EVERYTHING = ",".join(SWITCHES)


def parser() -> argparse.ArgumentParser:
    """What may be given."""
    made = argparse.ArgumentParser(description="Compares graphc with its peers, side by side.")
    made.add_argument("--peers", default="keras", help=f"comma-separated, of {RIVALS}")
    made.add_argument("--only", help=f"comma-separated, of {NAMES}")
    made.add_argument("--repeats", type=int, help="samples of each measure")
    preset = made.add_mutually_exclusive_group()
    preset.add_argument("--quick", action="store_true", help="a few rows: shows that it works")
    preset.add_argument("--fast", action="store_true", help="epoch and predict, fewer samples")
    made.add_argument(
        "--ablate", nargs="?", const=EVERYTHING, metavar="PARTS",
        help=f"time ours without each of these parts instead, all by default: {EVERYTHING}",
    )  # fmt: skip
    made.add_argument("--json", type=Path, help="file to write; default: in bench/results")
    made.add_argument("--chart", type=Path, help="also draw the epochs there, as SVG or PNG")
    return made


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line, its names split and checked, its groups of peers opened."""
    made = parser()
    given = made.parse_args(arguments)
    given.only = (given.only or ",".join(NAMES if given.ablate is None else COUNTED)).split(",")
    given.peers = given.peers.split(",")
    given.ablate = None if given.ablate is None else given.ablate.split(",")
    for option, received, known in (
        ("peers", given.peers, RIVALS),
        ("only", given.only, NAMES if given.ablate is None else tuple(WORKLOADS)),
        ("ablate", given.ablate or (), tuple(SWITCHES)),
    ):
        if set(received) - set(known):
            made.error(f"--{option}: expected names of {known}. Received: {','.join(received)}")
    if given.repeats is not None and given.repeats < 1:
        made.error(f"--repeats: expected at least 1. Received: {given.repeats}")
    if given.chart is not None and given.ablate is not None:
        made.error("--chart: draws a comparison with peers, and --ablate makes none")
    given.peers = [peer for name in given.peers for peer in GROUPS.get(name, (name,))]
    absent = what_is_missing(given)
    if absent:
        made.error(
            f"not installed: {', '.join(absent)}. `pip install 'graphc-compiler[bench]'` brings "
            "every peer and what draws the chart"
        )
    return given


def what_is_missing(given: argparse.Namespace) -> list[str]:
    """The packages that the run needs and that are not there."""
    absent = missing(given.peers) if given.ablate is None else []
    if given.chart is not None and importlib.util.find_spec("matplotlib") is None:
        absent.append("matplotlib")
    return absent


def effort_of(given: argparse.Namespace) -> Effort:
    """How much to measure."""
    effort = QUICK if given.quick else FAST if given.fast else Effort()
    return effort if given.repeats is None else replace(effort, repeats=given.repeats)
