"""Compares graphc with Keras on JAX, PyTorch and Flax, side by side in one run.

    python bench/run.py [--peers keras,torch,flax] [--only tutorial_1,import] [--repeats N]
                        [--quick | --fast] [--json PATH] [--chart PATH]
    python bench/run.py --ablate [fuse_softmax_xent,kernels] [--only convnet] ...

Wants an idle machine. README.md in this folder says what is measured, and how.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ablate import Ablation, ablate_workload, matrix
from chart import draw_chart
from measures import Effort, Result, measure_imports, measure_workload, taking_part
from options import effort_of, options
from peers import FOLDER, PeerError
from tables import Row, summary, table
from targets import findings
from workloads import WORKLOADS

SWITCHES = ("XLA_FLAGS", "JAX_PLATFORMS", "OMP_NUM_THREADS")  # which may change what is measured

Results = dict[str, Result | PeerError]


def measure(given: Namespace, effort: Effort) -> Iterator[tuple[str, Result | PeerError]]:
    """Each workload's result, or what went wrong, as soon as it is known."""
    for name in given.only:
        try:
            if name == "import":
                yield name, measure_imports(given.peers, effort)
            elif len(taking_part(WORKLOADS[name], given.peers)) > 1:
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


def circumstances(given: Namespace) -> dict[str, Any]:
    """When and on what it was measured."""
    return {
        "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "preset": "quick" if given.quick else "fast" if given.fast else "full",
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform(), "load": load()},
        "python": platform.python_version(),
        "environment": {name: os.environ[name] for name in SWITCHES if name in os.environ},
    }


def record(given: Namespace, results: Results) -> dict[str, Any]:
    """All that was measured, and on what."""
    good = {name: found for name, found in results.items() if isinstance(found, Result)}
    facts = [found.facts for found in good.values() if found.facts]
    rows = rows_of(results)
    return circumstances(given) | {
        "peers": {name: fact for known in facts for name, fact in known.items()},
        "data": {name: found.data for name, found in good.items() if found.data},
        "losses": {name: found.losses for name, found in good.items() if found.losses},
        "rows": [row.as_dict() for row in rows],
        "claims": [finding.as_dict() for finding in findings(rows)],
        "failures": failures(results),
    }


def rows_of(results: Results) -> list[Row]:
    """The rows of all that went well."""
    return [row for one in results.values() if isinstance(one, Result) for row in one.rows]


def failures(results: Mapping[str, Any]) -> dict[str, str]:
    """What went wrong, by workload."""
    return {name: str(e) for name, e in results.items() if isinstance(e, PeerError)}


def load() -> list[float]:
    """The machine's load averages: a busy machine spoils everything here."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else []


def compare(given: Namespace) -> dict[str, Any]:
    """Measure ours against the peers and print what is found, as it is found."""
    print(f"graphc against {', '.join(given.peers)}; load averages at the start {load()}")
    results: Results = {}
    for name, result in measure(given, effort_of(given)):
        results[name] = result
        show(name, result)
    rows = rows_of(results)
    print(f"\n{summary(rows)}")
    for finding in findings(rows):
        print(finding)
    if given.chart is not None:
        draw_chart(rows, given.chart)
        print(f"chart in {given.chart}")
    return record(given, results)


def ablate(given: Namespace) -> dict[str, Any]:
    """Measure ours without each part in turn and print what each buys."""
    print(f"graphc without {', '.join(given.ablate)}; load averages at the start {load()}")
    results: dict[str, Ablation | PeerError] = {}
    for name in given.only:
        try:
            results[name] = ablate_workload(WORKLOADS[name], given.ablate, effort_of(given))
        except PeerError as error:
            results[name] = error
        print(f"{name}: {'failed' if isinstance(results[name], PeerError) else 'done'}", flush=True)
    good = [found for found in results.values() if isinstance(found, Ablation)]
    print(matrix(good, given.ablate))
    return circumstances(given) | {
        "ablations": [found.as_dict() for found in good],
        "failures": failures(results),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; 1 when a peer failed."""
    given = options(arguments)
    found = compare(given) if given.ablate is None else ablate(given)
    kind = "run" if given.ablate is None else "ablate"
    path = given.json or FOLDER / "results" / f"{kind}-{found['when'].replace(':', '')}.json"
    write(path, found)
    if given.quick:
        print("A quick run shows that everything works, and says nothing about speed.")
    for name, error in found["failures"].items():
        print(f"{name} failed: {error}")
    print(f"raw samples in {path}")
    return 1 if found["failures"] else 0


def write(path: Path, found: Mapping[str, Any]) -> None:
    """Write the findings as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    sys.exit(main())
