"""The HTTP service under load, on loopback: batched, one row at a time, and the bare loop.

    python bench/serving.py [--models tutorial_1,resnet20] [--seconds 3] [--rounds 3] [--out FILE]

Servers are processes (`python -m graphc serve`), and so are the clients of each measure; all share
the machine. Each client sends one row, waits for the answer, and sends the next. Ways take turns,
round by round. "loop" is the model called with one row after another, without HTTP. Wants an idle
machine.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
from timing import machine
from workloads import WORKLOADS

from graphc import keras
from graphc.artifacts.loader import load

BENCH = Path(__file__).parent
CLIENTS = (1, 8, 64)
KINDS = {"json": "application/json", "npy": "application/x-npy"}
WAYS = {
    "one by one": ("--max-batch", "1", "--latency-ms", "0"),
    "batched": ("--max-batch", "32", "--latency-ms", "2"),
}
COUNTERS = ("rows_total", "batches_total", "refused_total", "busy_seconds_total")
SHARES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


@contextmanager
def server(path: Path, options: Sequence[str]) -> Iterator[int]:
    """Serve an artifact meanwhile; yields the port."""
    command = [sys.executable, "-m", "graphc", "serve", str(path), "--port", "0", *options]
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+)$", process.stdout.readline())
        assert found, "the server did not start"
        try:
            while not _ready(int(found[1])):
                time.sleep(0.1)
            yield int(found[1])
        finally:
            process.terminate()


def _ready(port: int) -> bool:
    try:
        return b"true" in _get(port, "health").encode()
    except OSError:
        return False


def _get(port: int, name: str) -> str:
    with urlopen(f"http://127.0.0.1:{port}/{name}", timeout=30) as answer:
        return answer.read().decode()


def counters(port: int) -> dict[str, float]:
    """Return what the server counted so far."""
    text = _get(port, "metrics")
    pairs = re.findall(r"^graphc_(\w+) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in pairs if name in COUNTERS}


def request_of(x: np.ndarray, kind: str) -> bytes:
    """Return the bytes of one request."""
    buffer = io.BytesIO()
    np.save(buffer, x)
    body = json.dumps({"inputs": x.tolist()}).encode() if kind == "json" else buffer.getvalue()
    head = f"POST /predict HTTP/1.1\r\nhost: bench\r\ncontent-type: {KINDS[kind]}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def loaded(port: int, clients: int, seconds: float, request: Path) -> dict[str, Any]:
    """Return what clients and server saw in some seconds."""
    before = counters(port)
    arguments = map(str, (port, clients, seconds, request))
    command = [sys.executable, str(BENCH / "serving_load.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = counters(port)
    seen = json.loads(done.stdout)
    return {**seen, **{name: after[name] - before[name] for name in COUNTERS}}


def row_of(key: Mapping[str, Any], samples: Sequence[Mapping[str, Any]], seconds: float) -> Any:
    """Return a line of the table: of all rounds together."""
    taken = [one for sample in samples for one in sample["seconds"]]
    total = {name: sum(sample.get(name, 0.0) for sample in samples) for name in COUNTERS}
    return {
        **key,
        "requests_per_second": len(taken) / seconds / len(samples),
        "by_round": [len(sample["seconds"]) / seconds for sample in samples],
        **{name: 1000 * float(np.quantile(taken, share)) for name, share in SHARES.items()},
        "mean_batch": total["rows_total"] / max(total["batches_total"], 1.0),
        "refused": total["refused_total"],
        "busy_share": total["busy_seconds_total"] / seconds / len(samples),
        "other_statuses": sorted({one for sample in samples for one in sample.get("others", ())}),
    }


def line(row: Mapping[str, Any]) -> str:
    """Return a row as text."""
    numbers = "".join(f"{row[name]:>9.2f}" for name in (*SHARES, "mean_batch"))
    return (
        f"{row['model']:<12}{row['body']:<6}{row['way']:<12}{row['clients']:>8}"
        f"{row['requests_per_second']:>12.0f}{numbers}{row['refused']:>9.0f}"
    )


def bare(path: Path, x: np.ndarray, seconds: float) -> dict[str, Any]:
    """Return the seconds that calls of the model with one row take, one after another."""
    model, taken = load(path), list[float]()
    model(x)
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        model(x)
        taken.append(time.perf_counter() - begin)
    return {"seconds": taken, "rows_total": float(len(taken)), "batches_total": float(len(taken))}


def rows_of(name: str, given: Any) -> Iterator[dict[str, Any]]:
    """Yield the lines of one model."""
    workload = WORKLOADS[name]
    x = workload.prepare(workload.load().head(1).arrays)["x"][:1]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / "model.graphc"
        workload.build(keras).export(path, platforms=["cpu"])
        key = {"model": name, "body": "-", "way": "loop", "clients": 1}
        yield row_of(key, [bare(path, x, given.seconds)], given.seconds)
        ports = {way: stack.enter_context(server(path, options)) for way, options in WAYS.items()}
        for kind in given.bodies.split(","):
            request = Path(folder) / f"{kind}.request"
            request.write_bytes(request_of(x, kind))
            for clients in CLIENTS:
                samples: dict[str, list[Any]] = {way: [] for way in WAYS}
                for port in ports.values():  # warm-up
                    loaded(port, clients, 0.3, request)
                for turn in range(given.rounds):
                    for way in list(WAYS)[:: -1 if turn % 2 else 1]:
                        found = loaded(ports[way], clients, given.seconds, request)
                        samples[way].append(found)
                for way, found in samples.items():
                    key = {"model": name, "body": kind, "way": way, "clients": clients}
                    yield row_of(key, found, given.seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and keep it."""
    parser = argparse.ArgumentParser(description="The HTTP service under load.")
    parser.add_argument("--models", default="tutorial_1,resnet20")
    parser.add_argument("--bodies", default="json,npy")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    names = ("requests/s", "p50 ms", "p95 ms", "p99 ms", "batch", "refused")
    widths = (12, 9, 9, 9, 9, 9)
    head = "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))
    print(f"{'model':<12}{'body':<6}{'way':<12}{'clients':>8}{head}")
    rows = []
    for name in given.models.split(","):
        for row in rows_of(name, given):
            rows.append(row)
            print(line(row), flush=True)
    if given.out is not None:
        given.out.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
