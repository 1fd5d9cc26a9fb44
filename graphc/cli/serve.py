"""`graphc serve`: an exported model as an HTTP service."""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

NEEDED = ("starlette", "uvicorn")
SLOWEST_END = 30  # seconds that answers may take at the end


def serve_model(path: Path, host: str, port: int, largest: int, patience: float, room: int) -> int:
    """Serve a model until interrupted; return the exit status.

    Args:
        path: an artifact, or a `.keras` or `.h5` file, which is exported first.
        host, port: where to listen; port 0 is any that is free. The address is printed.
        largest: rows of a batch at most.
        patience: milliseconds that a request waits for others at most.
        room: requests that may wait.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"graphc serve needs {' and '.join(missing)}: pip install 'graphc-compiler[serve]'",
            file=sys.stderr,
        )
        return 2
    import uvicorn  # noqa: PLC0415 - optional

    from graphc.artifacts.loader import load  # noqa: PLC0415 - after the check
    from graphc.serving.app import make_app  # noqa: PLC0415 - optional

    with tempfile.TemporaryDirectory() as folder:
        try:
            model = load(_artifact(path, Path(folder)))
        except (OSError, ValueError) as error:
            print(f"graphc serve: {error}", file=sys.stderr)
            return 2
        app = make_app(model, largest=largest, patience=patience / 1000, room=room)
        config = uvicorn.Config(
            app, host=host, port=port, log_level="warning", access_log=False,
            timeout_graceful_shutdown=SLOWEST_END,
        )  # fmt: skip
        listening = config.bind_socket()  # ends the process where it cannot
        print(f"Serving {path} on http://{host}:{listening.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run(sockets=[listening])
    return 0


def _artifact(path: Path, folder: Path) -> Path:
    if path.suffix not in (".keras", ".h5", ".hdf5"):
        return path
    from graphc.keras.saving import load_model  # noqa: PLC0415 - an artifact needs no frontend

    exported = folder / "model.graphc"
    load_model(path, compile=False).export(exported, platforms=["cpu", "cuda", "tpu"])
    return exported
