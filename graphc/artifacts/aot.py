"""Export ahead of time: the StableHLO artifact, and what XLA makes of it on this machine.

What is added are XLA's executables for the numbers of rows that are asked for: as entries of JAX's
own cache of compiled programs, which finds them by program, versions, options and machine; and for
a start without jax, by processor, in an artifact that is for one version of jaxlib. On another
machine, and for other numbers of rows, the program is compiled as without them. Nothing is
unpickled; but machine code is code: load such files only from where you would take a program.
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
BY_JAX = """
import sys, jax
sys.path.insert(0, sys.argv[1])
import loader
model = loader.load(sys.argv[2])
for rows in map(int, sys.argv[4:]):
    model.run([tensor.zeros(rows) for tensor in model.feeds])
print(model.platform)
"""
# What is missing is compiled when it is needed.
DIRECTLY = """
import contextlib, pathlib, sys
sys.path.insert(0, sys.argv[1])
import direct, loader
model = loader.load(sys.argv[2], "cpu")
with contextlib.suppress(Exception):
    for rows in map(int, sys.argv[4:]) if isinstance(model.run, direct.Direct) else ():
        pathlib.Path(sys.argv[3], f"{rows}.bin").write_bytes(model.run.compiled(rows))
print(direct.processor())
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
        platform = _compile(BY_JAX, path, Path(folder), rows)
        compiled = {f"cache/{platform}/{one.name}": one for one in Path(folder).glob("*-cache")}
        processor = _compile(DIRECTLY, path, Path(folder), rows)
        compiled |= {f"compiled/{processor}/{one.name}": one for one in Path(folder).glob("*.bin")}
        with zipfile.ZipFile(path, "a") as archive:
            for name in sorted(compiled):
                archive.writestr(member(name), compiled[name].read_bytes())


def _compile(code: str, path: Path, folder: Path, rows: Sequence[int]) -> str:
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES": "none",
    }
    beside = str(Path(loader.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", code, beside, str(path), str(folder), *map(str, rows)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"The exported program does not compile here:\n{done.stderr}")
    return done.stdout.split()[-1]
