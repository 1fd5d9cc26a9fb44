"""The HTTP service under load: batched, and one request at a time.

    python bench/serving.py [--model convnet] [--seconds 5] [--out FILE]

Server and clients share the machine, on loopback. Each client sends one row, waits for the answer,
and sends the next.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from timing import machine
from workloads import WORKLOADS

from graphc import keras
from graphc.artifacts.loader import load
from graphc.serving.app import make_app

CLIENTS = (1, 4, 16, 64)
WAYS = {
    "one by one": {"largest": 1, "patience": 0.0},
    "batched": {"largest": 32, "patience": 0.002},
}


def started(app: Any) -> tuple[uvicorn.Server, threading.Thread, int]:
    """Start a server in a thread; return it, the thread and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    return server, thread, port


async def load_on(port: int, body: bytes, clients: int, seconds: float) -> list[float]:
    """Return the seconds that each request took."""
    end = time.perf_counter() + seconds
    found: list[float] = []

    async def client() -> None:
        kind = {"content-type": "application/x-npy"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as session:
            while (begin := time.perf_counter()) < end:
                answer = await session.post("/predict", content=body, headers=kind, timeout=60)
                answer.raise_for_status()
                found.append(time.perf_counter() - begin)

    await asyncio.gather(*(client() for _ in range(clients)))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and keep it."""
    parser = argparse.ArgumentParser(description="The HTTP service under load.")
    parser.add_argument("--model", default="convnet")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    workload = WORKLOADS[given.model]
    buffer = io.BytesIO()
    np.save(buffer, workload.prepare(workload.load().head(1).arrays)["x"][:1])
    rows = []
    print(f"{given.model:<12}{'clients':>8}{'requests/s':>12}{'median':>10}{'p99':>10}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.graphc"
        workload.build(keras).export(path, platforms=["cpu"])
        for way, options in WAYS.items():
            server, thread, port = started(make_app(load(path), **options))
            for clients in CLIENTS:
                asyncio.run(load_on(port, buffer.getvalue(), clients, 0.5))
                times = asyncio.run(load_on(port, buffer.getvalue(), clients, given.seconds))
                rate = len(times) / given.seconds
                middle, late = (1000 * float(np.quantile(times, q)) for q in (0.5, 0.99))
                print(f"{way:<12}{clients:>8}{rate:>12.0f}{middle:>7.1f} ms{late:>7.1f} ms")
                rows.append({"way": way, "clients": clients, "rate": rate, "median_ms": middle,
                             "p99_ms": late})  # fmt: skip
            server.should_exit = True
            thread.join()
    if given.out is not None:
        given.out.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
