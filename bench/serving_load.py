"""Clients of the HTTP service, in a process of their own: each sends a request, waits, and goes on.

    python bench/serving_load.py PORT CLIENTS SECONDS REQUEST

`REQUEST` is a file with the bytes of one HTTP request, made beforehand: the clients should cost
little. What they saw is printed as JSON: the seconds of each answer, and how many were refused.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

LENGTH = b"content-length: "


async def answered(reader: asyncio.StreamReader) -> int:
    """Read an answer; return its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    start = head.index(LENGTH) + len(LENGTH)
    await reader.readexactly(int(head[start : head.index(b"\r", start)]))
    return int(head[9:12])


async def client(port: int, request: bytes, end: float, taken: list[float]) -> list[int]:
    """Send requests until the end; return the statuses other than 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    others: list[int] = []
    while (begin := time.perf_counter()) < end:
        writer.write(request)
        status = await answered(reader)
        if status == 200:
            taken.append(time.perf_counter() - begin)
            continue
        others.append(status)
        await asyncio.sleep(0.01)
    writer.close()
    return others


async def load(port: int, clients: int, seconds: float, request: bytes) -> dict[str, object]:
    """Return what several clients saw."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    several = [client(port, request, end, taken) for _ in range(clients)]
    others = [status for statuses in await asyncio.gather(*several) for status in statuses]
    return {"seconds": taken, "others": others}


def main() -> int:
    """Load the service, and print."""
    port, clients, seconds, path = sys.argv[1:]
    request = Path(path).read_bytes()
    print(json.dumps(asyncio.run(load(int(port), int(clients), float(seconds), request))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
