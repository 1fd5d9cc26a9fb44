"""Compares graphc with Keras on JAX, side by side in one run.

    python bench/run.py [--peers keras] [--only tutorial_1,import] [--repeats N] [--quick]
                        [--json PATH]

Wants an idle machine. README.md in this folder says what is measured, and how.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from measures import QUICK, Effort, Result, measure_imports, measure_workload
from peers import FOLDER, IMPORTS, OURS, PeerError
from tables import summary, table
from workloads import WORKLOADS

NAMES = (*WORKLOADS, "import")
SWITCHES = ("XLA_FLAGS", "JAX_PLATFORMS", "OMP_NUM_THREADS")  # which may change what is measured


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    choices = tuple(name for name in IMPORTS if name != OURS)
    parser.add_argument("--peers", default="keras", help=f"comma-separated, of {choices}")
    parser.add_argument("--only", default=",".join(NAMES), help=f"comma-separated, of {NAMES}")
    parser.add_argument("--repeats", type=int, help="samples of each measure")
    parser.add_argument("--quick", action="store_true", help="a few rows: shows that it works")
    parser.add_argument("--json", type=Path, help="file to write; default: in bench/results")
    given = parser.parse_args(arguments)
    given.peers, given.only = given.peers.split(","), given.only.split(",")
    for name, received, known in (("peers", given.peers, choices), ("only", given.only, NAMES)):
        if set(received) - set(known):
            parser.error(f"--{name}: expected names of {known}. Received: {','.join(received)}")
    if given.repeats is not None and given.repeats < 1:
        parser.error(f"--repeats: expected at least 1. Received: {given.repeats}")
    return given


def effort_of(given: argparse.Namespace) -> Effort:
    """How much to measure."""
    effort = QUICK if given.quick else Effort()
    return effort if given.repeats is None else replace(effort, repeats=given.repeats)


def measure(given: argparse.Namespace, effort: Effort) -> Iterator[tuple[str, Result | PeerError]]:
    """Each workload's result, or what went wrong, as soon as it is known."""
    for name in given.only:
        try:
            if name == "import":
                yield name, measure_imports(given.peers, effort)
            else:
                yield name, measure_workload(WORKLOADS[name], given.peers, effort)
        except PeerError as error:
            yield name, error


def show(name: str, result: Result | PeerError) -> None:
    """Print one workload's result."""
    title = WORKLOADS[name].title if name in WORKLOADS else "a fresh process"
    if isinstance(result, PeerError):
        print(f"\n{name}: {title}\nfailed: {result}", flush=True)
        return
    print(f"\n{name}: {title}{f'; {result.data}' if result.data else ''}")
    print(table(result.rows))
    if result.losses is not None:
        losses = (f"{peer} {loss:.4f}" for peer, loss in result.losses.items())
        print(f"training loss after as many epochs: {', '.join(losses)}")
    sys.stdout.flush()


def record(given: argparse.Namespace, results: dict[str, Result | PeerError]) -> dict[str, Any]:
    """All that was measured, and on what."""
    good = {name: found for name, found in results.items() if isinstance(found, Result)}
    facts = next((found.facts for found in good.values() if found.facts), {})
    return {
        "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "quick": given.quick,
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform(), "load": load()},
        "python": platform.python_version(),
        "environment": {name: os.environ[name] for name in SWITCHES if name in os.environ},
        "peers": facts,
        "data": {name: found.data for name, found in good.items() if found.data},
        "losses": {name: found.losses for name, found in good.items() if found.losses},
        "rows": [row.as_dict() for found in good.values() for row in found.rows],
        "failures": {n: str(e) for n, e in results.items() if isinstance(e, PeerError)},
    }


def load() -> list[float]:
    """The machine's load averages: a busy machine spoils everything here."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else []


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; 1 when a peer failed."""
    given = options(arguments)
    print(f"graphc against {', '.join(given.peers)}; load averages at the start {load()}")
    results: dict[str, Result | PeerError] = {}
    for name, result in measure(given, effort_of(given)):
        results[name] = result
        show(name, result)
    found = record(given, results)
    rows = [row for one in results.values() if isinstance(one, Result) for row in one.rows]
    path = given.json or FOLDER / "results" / f"run-{found['when'].replace(':', '')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1))
    if given.quick:
        print("\nA quick run shows that everything works, and says nothing about speed.")
    print(f"\n{summary(rows)}\nraw samples in {path}")
    return 1 if found["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
