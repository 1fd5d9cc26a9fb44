"""The parser of the command line: one entry a command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from graphc.cli.bisect import bisect_script
from graphc.cli.run import run_script
from graphc.cli.serve import serve_model


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; each command leaves its function in `handler`."""
    parser = argparse.ArgumentParser(prog="graphc", description="A compiler for Keras models.")
    parser.add_argument("--version", action="version", version=version("graphc-compiler"))
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")
    run = commands.add_parser(
        "run",
        help="run a Keras or tf.keras script, unmodified, through graphc",
        description="Run a script in which `import keras`, `import tensorflow as tf` and the like "
        "mean graphc. Everything after the script's name is passed on to it.",
    )
    run.add_argument("script", type=Path, help="the Python file to run")
    run.add_argument("args", nargs=argparse.REMAINDER, help="arguments of the script")
    run.set_defaults(handler=lambda options: run_script(options.script, options.args))
    bisect = commands.add_parser(
        "bisect",
        help="name the pass that breaks a script",
        description="Run a script that fails, as `graphc run` does, with fewer and fewer passes. "
        "Exit status: 3 when a pass is found, 0 when the script does not fail, 1 when it fails "
        "without passes, too, 2 when it cannot be opened.",
    )
    bisect.add_argument("--timeout", type=float, metavar="SECONDS", help="a longer run fails")
    bisect.add_argument("script", type=Path, help="a Python file that asserts what is right")
    bisect.add_argument("args", nargs=argparse.REMAINDER, help="arguments of the script")
    bisect.set_defaults(
        handler=lambda options: bisect_script(options.script, options.args, options.timeout)
    )
    _add_serve(commands)
    return parser


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser(
        "serve",
        help="serve a model over HTTP",
        description="Serve an exported model (or a .keras file) at /predict, with /signature, "
        "/health and /metrics. Requests that come close together are computed together.",
    )
    serve.add_argument("model", type=Path, help="what `model.export` wrote, or a .keras file")
    serve.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    serve.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    serve.add_argument("--max-batch", type=int, default=32, metavar="ROWS", help="default: 32")
    serve.add_argument(
        "--latency-ms", type=float, default=5.0, metavar="MS",
        help="how long a request waits for others to join it; default: 5",
    )  # fmt: skip
    serve.add_argument(
        "--queue", type=int, default=256, metavar="N",
        help="requests that may wait before more are refused with 503; default: 256",
    )  # fmt: skip
    serve.set_defaults(
        handler=lambda given: serve_model(
            given.model, given.host, given.port, given.max_batch, given.latency_ms, given.queue
        )
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (`sys.argv[1:]` by default) and return its exit status."""
    options = build_parser().parse_args(argv)
    return options.handler(options)
