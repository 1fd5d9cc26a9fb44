"""The HTTP service over an artifact, on loopback."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn

from graphc import keras
from graphc.artifacts.loader import Artifact, load
from graphc.serving.app import make_app
from graphc.serving.batching import Batcher, QueueFullError

X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


def network() -> Any:
    """Return a small model."""
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(2, name="y")])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, np.ndarray]:
    """Return an artifact, and what it must give for X."""
    path = tmp_path_factory.mktemp("served") / "m.graphc"
    model = network()
    model.export(path, platforms=["cpu"])
    return load(path), model.predict(X, verbose=0)


@contextmanager
def client_of(app: Any) -> Iterator[httpx.Client]:
    """Serve on loopback meanwhile, and return a client."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def npy(array: np.ndarray) -> bytes:
    """Return an array as a file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_all_kinds_of_bodies(served: tuple[Artifact, np.ndarray]) -> None:
    model, expected = served
    with client_of(make_app(model)) as client:
        assert client.get("/health").json() == {"ready": True}
        assert client.get("/signature").json()["inputs"] == [
            {"name": "x", "shape": [None, 4], "dtype": "float32"}
        ]
        for inputs in (X.tolist(), {"x": X.tolist()}):
            answer = client.post("/predict", json={"inputs": inputs})
            assert answer.status_code == 200
            np.testing.assert_allclose(answer.json()["outputs"], expected, atol=1e-5)
        answer = client.post(
            "/predict", content=npy(X), headers={"content-type": "application/x-npy"}
        )
        np.testing.assert_allclose(np.load(io.BytesIO(answer.content)), expected, atol=1e-5)
        buffer = io.BytesIO()
        np.savez(buffer, x=X)
        answer = client.post(
            "/predict", content=buffer.getvalue(),
            headers={"content-type": "application/x-npz", "accept": "application/json"},
        )  # fmt: skip
        np.testing.assert_allclose(answer.json()["outputs"], expected, atol=1e-5)
        text = client.get("/metrics").text
        assert "# TYPE graphc_requests_total counter\ngraphc_requests_total 4\n" in text
        assert 'graphc_latency_seconds{quantile="0.99"}' in text


WRONG: dict[str, tuple[dict[str, Any], int, str]] = {
    "no JSON": ({"content": b"{"}, 400, "application/json"),
    "no inputs": ({"json": {"x": 1}}, 400, "inputs"),
    "another name": ({"json": {"inputs": {"z": [[1, 2, 3, 4]]}}}, 400, "['x']"),
    "another shape": ({"json": {"inputs": [[1, 2, 3]]}}, 400, "Expected x: float32[rows, 4]"),
    "rows of different lengths": ({"json": {"inputs": [[1, 2], [3]]}}, 400, ""),
    "strings": ({"json": {"inputs": [["a", "b", "c", "d"]]}}, 400, "no rows of numbers"),
    "no rows": ({"content": npy(X[:0]), "headers": {"content-type": "application/x-npy"}}, 400,
                "at least 1"),
    "a pickle": ({"content": npy(np.array([{}], object)),
                  "headers": {"content-type": "application/x-npy"}}, 400, "allow_pickle"),
    "another type": ({"content": b"", "headers": {"content-type": "text/html"}}, 400, "text/html"),
    "too many rows": ({"json": {"inputs": [[0] * 4] * 99}}, 413, "at most 32 rows"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_requests_are_told_what_is_right(
    served: tuple[Artifact, np.ndarray], name: str
) -> None:
    request, status, message = WRONG[name]
    with client_of(make_app(served[0])) as client:
        answer = client.post("/predict", **request)
        assert (answer.status_code, message in answer.json()["error"]) == (status, True)
        assert client.post("/predict", json={"inputs": X.tolist()}).status_code == 200


def test_requests_that_come_together_are_computed_together() -> None:
    sizes: list[int] = []

    def run(inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        sizes.append(len(inputs[0]))
        time.sleep(0.02)
        return (inputs[0] * 2,)

    async def scenario() -> Batcher:
        batcher = Batcher(run, largest=8, patience=0.05, room=64)
        await batcher.start()
        rows = [np.full((1 + i % 3, 2), i, "float32") for i in range(12)]
        found = await asyncio.gather(*(batcher.submit((row,)) for row in rows))
        for row, (double,) in zip(rows, found, strict=True):
            np.testing.assert_array_equal(double, row * 2)
        await batcher.stop()
        return batcher

    counts = asyncio.run(scenario()).counts
    assert counts.requests == 12
    assert counts.rows == 24
    assert counts.batches == len(sizes) <= 5
    assert max(sizes) == 8


def test_past_the_queue_requests_are_refused_at_once() -> None:
    def run(inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        time.sleep(0.2)
        return inputs

    async def scenario() -> list[Any]:
        batcher = Batcher(run, largest=1, patience=0.0, room=2)
        await batcher.start()
        row = np.zeros((1, 1))
        tasks = [asyncio.create_task(batcher.submit((row,))) for _ in range(8)]
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await batcher.stop()
        return found

    found = asyncio.run(scenario())
    refused = [one for one in found if isinstance(one, QueueFullError)]
    assert 0 < len(refused) < 8
    assert len(refused) + sum(isinstance(one, tuple) for one in found) == 8


def test_what_waits_is_answered_before_the_end() -> None:
    def run(inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        time.sleep(0.05)
        return inputs

    async def scenario() -> list[Any]:
        batcher = Batcher(run, largest=1, patience=0.0, room=8)
        await batcher.start()
        tasks = [asyncio.create_task(batcher.submit((np.full((1, 1), i),))) for i in range(6)]
        await asyncio.sleep(0.01)
        await batcher.stop()
        return await asyncio.gather(*tasks)

    assert [int(found[0][0, 0]) for found in asyncio.run(scenario())] == list(range(6))


def test_a_failing_model_fails_its_requests_alone() -> None:
    def run(inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        if inputs[0].max() > 1:
            raise ValueError("too large")
        return inputs

    async def scenario() -> None:
        batcher = Batcher(run, largest=1, patience=0.0, room=8)
        await batcher.start()
        with pytest.raises(ValueError, match="too large"):
            await batcher.submit((np.full((1, 1), 2.0),))
        assert (await batcher.submit((np.ones((1, 1)),)))[0] == 1
        await batcher.stop()
        assert batcher.counts.failed == 1

    asyncio.run(scenario())


def test_the_command_serves_and_stops_gracefully(tmp_path: Path) -> None:
    model = network()
    model.save(tmp_path / "m.keras")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "graphc",
        "serve",
        str(tmp_path / "m.keras"),
        "--port",
        str(port),
    ]
    with subprocess.Popen(command, env=os.environ | {"JAX_PLATFORMS": "cpu"}) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                try:
                    if httpx.get(f"{address}/health", timeout=1).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.2)
            answer = httpx.post(f"{address}/predict", json={"inputs": X.tolist()}, timeout=10)
            np.testing.assert_allclose(
                answer.json()["outputs"], model.predict(X, verbose=0), atol=1e-5
            )
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) in (0, -signal.SIGTERM)


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "m.graphc").write_bytes(b"no artifact")
    done = subprocess.run(
        [sys.executable, "-m", "graphc", "serve", str(tmp_path / "m.graphc")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "whole artifact" in done.stderr
