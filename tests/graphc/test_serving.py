"""The HTTP service over an artifact, on loopback."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn

from graphc import keras
from graphc.artifacts.loader import Artifact, Tensor, load
from graphc.serving.app import make_app
from graphc.serving.bodies import LARGEST_BODY

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
        for array in (X, np.asfortranarray(X), X.astype("float64"), X.astype(">f4")):
            answer = client.post(
                "/predict", content=npy(array), headers={"content-type": "application/x-npy"}
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
        assert "# TYPE graphc_requests_total counter\ngraphc_requests_total 7\n" in text
        assert 'graphc_latency_seconds{quantile="0.99"}' in text


def bomb() -> bytes:
    """Return a small archive of a large array."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(LARGEST_BODY + 1))
    return buffer.getvalue()


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
                  "headers": {"content-type": "application/x-npy"}}, 400, "objects"),
    "another type": ({"content": b"", "headers": {"content-type": "text/html"}}, 400, "text/html"),
    "NaN": ({"content": b'{"inputs": [[NaN, 1, 2, 3]]}'}, 400, "NaN"),
    "a huge array declared": ({"content": npy(X).replace(b"(3, 4)", b"(3, 9999999999)")[:-10],
                               "headers": {"content-type": "application/x-npy"}}, 400, "bytes"),
    "no archive": ({"content": b"PK\x03\x04", "headers": {"content-type": "application/x-npz"}},
                   400, "x-npz"),
    "a bomb": ({"content": bomb(), "headers": {"content-type": "application/x-npz"}}, 400,
               "at most"),
    "deep nesting": ({"content": b'{"inputs": ' + b"[" * 99999 + b"]" * 99999 + b"}"}, 400, ""),
    "a large number": ({"content": b'{"inputs": [[1' + b"0" * 400 + b", 1, 2, 3]]}"}, 400, ""),
    "a large body": ({"content": b"0" * (LARGEST_BODY + 1)}, 413, "at most"),
    "too many rows": ({"json": {"inputs": [[0] * 4] * 99}}, 413, "at most 32 rows"),
}  # fmt: skip


def test_wrong_requests_are_told_what_is_right(served: tuple[Artifact, np.ndarray]) -> None:
    with client_of(make_app(served[0])) as client:
        for name, (request, status, message) in WRONG.items():
            answer = client.post("/predict", **request)
            assert (answer.status_code, message in answer.json()["error"]) == (status, True), name
            assert client.post("/predict", json={"inputs": X.tolist()}).status_code == 200
        assert client.get("/nothing").status_code == 404
        assert client.get("/predict").status_code == 405
        assert client.head("/health").status_code == 200
        assert "graphc_refused_total 0" in client.get("/metrics").text


def test_bodies_without_a_length_are_bounded(served: tuple[Artifact, np.ndarray]) -> None:
    with client_of(make_app(served[0])) as client:
        parts = (b"0" * (1 << 20) for _ in range(65))  # chunked
        with suppress(httpx.TransportError):  # the server need not read on once it has answered
            assert client.post("/predict", content=parts).status_code == 413
        assert client.post("/predict", json={"inputs": X.tolist()}).status_code == 200


@pytest.mark.parametrize("manner", ["never", "slowly", "in chunks"])
def test_a_body_that_does_not_end_is_answered_and_let_go(manner: str) -> None:
    length = "transfer-encoding: chunked" if manner == "in chunks" else "content-length: 1000"
    part = {"never": b"", "slowly": b"0", "in chunks": b"1\r\n0\r\n"}[manner]
    with client_of(make_app(Model(lambda feeds: feeds), slowest=0.4)) as client:
        place = ("127.0.0.1", client.base_url.port or 0)
        started, received = time.monotonic(), b""
        with socket.create_connection(place, timeout=0.05) as connection:
            connection.sendall(f"POST /predict HTTP/1.1\r\nhost: x\r\n{length}\r\n\r\n".encode())
            assert client.post("/predict", json={"inputs": [[1]]}).status_code == 200
            while time.monotonic() < started + 3:
                with suppress(OSError):  # the connection may be closed already
                    connection.sendall(part)
                try:
                    new = connection.recv(4096)
                except TimeoutError:
                    continue
                except ConnectionResetError:
                    break
                received += new
                if not new:
                    break
            else:
                pytest.fail(f"the connection is open still; received: {received!r}")
        assert received.startswith(b"HTTP/1.1 408 ")
        assert b"Expected the body within 0.4 seconds" in received
        assert time.monotonic() > started + 0.35
        assert client.post("/predict", json={"inputs": [[1]]}).status_code == 200
        assert "graphc_queue_length 0" in client.get("/metrics").text


def test_clients_that_leave_do_no_harm(served: tuple[Artifact, np.ndarray]) -> None:
    with client_of(make_app(served[0])) as client:
        port = client.base_url.port
        head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n"
        body = b'{"inputs": [[1, 2, 3, 4]]}'.ljust(50)
        for sent in (head[:20], head, head + body[:9], head + body):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(sent)
        assert client.post("/predict", json={"inputs": X.tolist()}).status_code == 200


class Model:
    """A model of one input that does what it is told."""

    def __init__(self, run: Any, dtype: str = "float32") -> None:
        self.inputs = self.feeds = [Tensor({"name": "x", "shape": [None, 1], "dtype": dtype})]
        self.outputs = [Tensor({"name": "y", "shape": [None, 1], "dtype": dtype})]
        self.run, self.fed = run, list


def test_what_json_has_no_number_for_is_null() -> None:
    values = np.array([[np.nan], [np.inf], [1.5]], "float32")
    with client_of(make_app(Model(lambda feeds: [values[: len(feeds[0])]]))) as client:
        answer = client.post("/predict", json={"inputs": [[0], [0], [0]]})
        assert answer.json() == {"outputs": [[None], [None], [1.5]]}


@pytest.mark.parametrize("form", ["json", "npy"])
def test_integers_that_do_not_fit_are_refused(form: str) -> None:
    with client_of(make_app(Model(lambda feeds: feeds, "uint8"))) as client:
        for value, status in ((255, 200), (256, 400), (-1, 400), (1.5, 400), (2.0, 200)):
            array, kind = np.array([[value]]), {"content-type": "application/x-npy"}
            answer = (
                client.post("/predict", json={"inputs": [[value]]})
                if form == "json"
                else client.post("/predict", content=npy(array), headers=kind)
            )
            assert answer.status_code == status, value


def test_a_full_queue_and_a_failing_model_over_http() -> None:
    free = threading.Event()

    def run(feeds: list[np.ndarray]) -> list[np.ndarray]:
        if feeds[0].any():
            assert free.wait(20)
        if feeds[0].max() > 1:
            raise RuntimeError("too large")
        return feeds

    with client_of(make_app(Model(run), largest=1, patience=0.0, room=1)) as client:
        answers: list[httpx.Response] = []

        def ask(value: float) -> None:
            answers.append(client.post("/predict", json={"inputs": [[value]]}))

        threads = [threading.Thread(target=ask, args=(value,)) for value in (1.0, 1.0, 1.0, 2.0)]
        for thread in threads:
            thread.start()
        while len(answers) < 2:
            time.sleep(0.01)
        assert [answer.status_code for answer in answers] == [503, 503]
        assert answers[0].headers["retry-after"] == "1"
        free.set()
        for thread in threads:
            thread.join()
        answer = client.post("/predict", json={"inputs": [[3.0]]})
        assert (answer.status_code, answer.json()) == (
            500,
            {"error": "The model failed: too large"},
        )
        assert client.post("/predict", json={"inputs": [[1.0]]}).status_code == 200


def test_strings_are_served(tmp_path: Path) -> None:
    words = keras.Input((1,), dtype="string", name="w")
    lookup = keras.layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=0)
    model = keras.Model(words, lookup(words))
    model.export(tmp_path / "m", platforms=["cpu"])
    with client_of(make_app(load(tmp_path / "m"))) as client:
        assert client.get("/signature").json()["inputs"][0]["dtype"] == "string"
        for inputs in ([["a"], ["b"]], ["a", "b"], {"w": [["a"], ["b"]]}):
            answer = client.post("/predict", json={"inputs": inputs})
            assert (answer.status_code, answer.json()) == (200, {"outputs": [[0], [1]]})
        array = npy(np.array([["b"]]))
        answer = client.post(
            "/predict", content=array, headers={"content-type": "application/x-npy",
                                                "accept": "text/html, application/json, */*"},
        )  # fmt: skip
        assert answer.json() == {"outputs": [[1]]}
        for inputs, message in (([["c"]], "vocabulary"), ([[1]], "string"), ([["a"], []], "")):
            answer = client.post("/predict", json={"inputs": inputs})
            assert (answer.status_code, message in answer.json()["error"]) == (400, True)


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
