"""Export ahead of time: the StableHLO artifact, and what XLA makes of it on this machine.

What is added are entries of JAX's own cache of compiled programs, for the numbers of rows that are
asked for. JAX finds an entry by program, versions, options and processor; on another machine, and
for other numbers of rows, the program is compiled as without them. Nothing is unpickled.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphc.artifacts import loader
from graphc.artifacts.stablehlo import Exported, export_stablehlo, member

# The loader by itself, as it will run: so are program and options the same.
COMPILE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("loader", sys.argv[1])
loader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loader)
model = loader.load(sys.argv[2])
for rows in map(int, sys.argv[3:]):
    model.arrays([tensor.zeros(rows) for tensor in model.inputs])
print(model.platform)
"""


def export_aot(given: Exported, path: Path, rows: Sequence[int] = (1, 32), **options: Any) -> None:
    """Write an artifact with compiled programs for some numbers of rows.

    Args:
        given: a model.
        path: the file to write.
        rows: the numbers of rows to compile for.
        options: as of `export_stablehlo`.

    Raises:
        RuntimeError: the program does not compile here.
    """
    export_stablehlo(given, path, **options)
    with tempfile.TemporaryDirectory() as folder:
        platform = _compile(path, Path(folder), rows)
        with zipfile.ZipFile(path, "a") as archive:
            for entry in sorted(Path(folder).glob("*-cache")):
                archive.writestr(member(f"cache/{platform}/{entry.name}"), entry.read_bytes())


def _compile(path: Path, folder: Path, rows: Sequence[int]) -> str:
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES": "none",
    }
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, loader.__file__, str(path), *map(str, rows)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"The exported program does not compile here:\n{done.stderr}")
    return done.stdout.split()[-1]
