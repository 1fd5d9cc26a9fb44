"""The HTTP service over an artifact: `/predict`, `/signature`, `/health`, `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from graphc.artifacts.loader import Artifact
from graphc.serving.batching import Batcher, QueueFullError, padded_size, quantile
from graphc.serving.bodies import JSON, LARGEST_BODY, BodyError, accepted, body_of, inputs_of

CLOSED = {"Connection": "close"}  # else the rest of the body would still be waited for
QUANTILES = (0.5, 0.9, 0.99)


def make_app(
    model: Artifact,
    *,
    largest: int = 32,
    patience: float = 0.005,
    room: int = 256,
    slowest: float = 30,
) -> Starlette:
    """Return the service.

    Args:
        model: what is served.
        largest: rows of a batch at most; of a request, too.
        patience: seconds that a request waits for others at most.
        room: requests that may wait; more are refused with 503.
        slowest: seconds that a body may take to come; then the answer is 408, and the connection
            is closed.
    """
    service = _Service(model, largest, patience, room, slowest)
    return Starlette(
        lifespan=service.lifespan,
        routes=[
            Route("/predict", service.predict, methods=["POST"]),
            Route("/signature", service.signature),
            Route("/health", service.health),
            Route("/metrics", service.metrics),
        ],
    )


class TooLargeError(BodyError):
    """A body of too many bytes."""

    status = 413


class TooSlowError(BodyError):
    """A body that does not end."""

    status = 408


class _Service:
    def __init__(
        self, model: Artifact, largest: int, patience: float, room: int, slowest: float
    ) -> None:
        self.model, self.largest, self.slowest = model, padded_size(largest), slowest
        self.batcher = Batcher(self._run, self.largest, patience, room)
        self.ready = False

    def _run(self, inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        return tuple(self.model.run(inputs))

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Compile for every size of a batch, serve, and answer what waits at the end."""
        size = 1
        while size <= self.largest:
            self._run(tuple(feed.zeros(size) for feed in self.model.feeds))
            size *= 2
        await self.batcher.start()
        self.ready = True
        yield
        self.ready = False
        await self.batcher.stop()

    async def predict(self, request: Request) -> Response:
        """Answer rows with the model's outputs for them."""
        kind = request.headers.get("content-type", JSON)
        try:
            body = await _read(request, self.slowest)
            inputs = inputs_of(body, kind, self.model)
            feeds = tuple(self.model.fed(inputs))
        except ClientDisconnect:
            return _error(400, "The client is gone")  # nobody reads it
        except (TooLargeError, TooSlowError) as error:
            return _error(error.status, str(error), CLOSED)
        except ValueError as error:
            return _error(400, str(error))
        rows = len(inputs[0])
        if rows > self.largest:
            return _error(413, f"Expected at most {self.largest} rows. Received: {rows}")
        try:
            outputs = await self.batcher.submit(feeds)
        except QueueFullError as error:
            return _error(503, str(error), {"Retry-After": "1"})
        except Exception as error:  # noqa: BLE001 - the client is told, and the others served
            return _error(500, f"The model failed: {error}")
        body, found = body_of(
            outputs, accepted(request.headers.get("accept", ""), kind), self.model
        )
        return Response(body, media_type=found)

    async def signature(self, request: Request) -> Response:
        """Tell what the model takes and gives."""
        return JSONResponse({
            "inputs": [_described(t) for t in self.model.inputs],
            "outputs": [_described(t) for t in self.model.outputs],
            "largest_batch": self.largest,
        })  # fmt: skip

    async def health(self, request: Request) -> Response:
        """Tell whether requests are taken."""
        return JSONResponse({"ready": self.ready}, 200 if self.ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Tell what happened so far, in the text form of Prometheus."""
        counts, lines = self.batcher.counts, list[str]()
        for name, kind, help_text, value in (
            ("requests_total", "counter", "Requests answered", counts.requests),
            ("refused_total", "counter", "Requests refused for a full queue", counts.refused),
            ("failed_total", "counter", "Requests that failed", counts.failed),
            ("rows_total", "counter", "Rows computed for requests", counts.rows),
            ("padded_rows_total", "counter", "Rows computed to fill batches", counts.padded),
            ("batches_total", "counter", "Batches computed", counts.batches),
            ("busy_seconds_total", "counter", "Seconds of computing", counts.busy),
            ("queue_length", "gauge", "Requests that wait", self.batcher.waiting),
        ):
            lines += [f"# HELP graphc_{name} {help_text}", f"# TYPE graphc_{name} {kind}",
                      f"graphc_{name} {value}"]  # fmt: skip
        lines += ["# HELP graphc_latency_seconds From request to answer, of the last ones",
                  "# TYPE graphc_latency_seconds summary"]  # fmt: skip
        lines += [
            f'graphc_latency_seconds{{quantile="{q}"}} {quantile(counts.latencies, q):.6f}'
            for q in QUANTILES
        ]
        lines.append(f"graphc_latency_seconds_sum {counts.waited:.6f}")
        lines.append(f"graphc_latency_seconds_count {counts.requests}")
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


async def _read(request: Request, seconds: float) -> bytes:
    """Return the body of a request.

    Raises:
        TooLargeError, TooSlowError: there is more of it than is taken, or it takes too long.
    """
    parts, size = list[bytes](), 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > LARGEST_BODY:
                    raise TooLargeError(f"Expected at most {LARGEST_BODY} bytes")
                parts.append(part)
    except TimeoutError:
        raise TooSlowError(f"Expected the body within {seconds:g} seconds") from None
    return b"".join(parts)


def _described(tensor: Any) -> dict[str, Any]:
    return {"name": tensor.name, "shape": tensor.shape, "dtype": tensor.dtype}


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": message}, status, headers)
