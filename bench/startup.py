"""From the start of a process to its first prediction: a model built anew, a file, an artifact.

    python bench/startup.py [--only resnet20,bilstm] [--repeats N] [--out FILE]

Each way starts a fresh process, in turns, without programs on disk (but with Python's bytecode).
"built" imports graphc, builds the model with first weights, and predicts, which compiles;
"loaded" reads it from a `.keras` file instead. The artifacts are served by copies of their loader
alone, with `direct.py` beside it. Wants an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tables import duration
from timing import machine, median
from workloads import WORKLOADS

from graphc import keras
from graphc.artifacts import loader

BENCH = Path(__file__).parent
WAYS = {
    "built": "import sys; sys.path.insert(0, {bench!r})\n"
    "from workloads import WORKLOADS\nfrom graphc import keras\n"
    "y = WORKLOADS[{name!r}].build(keras).predict(x, verbose=0)",
    "loaded": "from graphc import keras\n"
    "y = keras.saving.load_model('model.keras').predict(x, verbose=0)",
    "stablehlo": "import loader\ny = loader.load('model.stablehlo')(x)",
    "aot": "import loader\ny = loader.load('model.aot')(x)",
}


def prepare(name: str, folder: Path) -> None:
    """Write all that the ways need."""
    workload = WORKLOADS[name]
    x = workload.prepare(workload.load().head(1).arrays)["x"][:1]
    model = workload.build(keras)
    model.predict(x, verbose=0)
    np.save(folder / "x.npy", x)
    model.save(folder / "model.keras")
    model.export(folder / "model.stablehlo", platforms=["cpu"])
    model.export(folder / "model.aot", format="aot", platforms=["cpu"], rows=(1,))
    for beside in ("loader.py", "direct.py"):
        (folder / beside).write_bytes(Path(loader.__file__).with_name(beside).read_bytes())


def seconds_of(way: str, name: str, folder: Path) -> float:
    """Return how long a fresh process takes, its start included."""
    code = "import numpy as np\nx = np.load('x.npy')\n"
    code += WAYS[way].format(bench=str(BENCH), name=name)
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"GRAPHC_CACHE_DIR": cache, "JAX_PLATFORMS": "cpu"}
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True)
        return time.perf_counter() - begin


def row_of(name: str, repeats: int) -> dict[str, Any]:
    """One model, every way."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(name, Path(folder))
        samples: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(repeats):
            for way, found in samples.items():
                found.append(seconds_of(way, name, Path(folder)))
    return {"model": name, "samples": samples}


def line(row: dict[str, Any]) -> str:
    """One row as text."""
    medians = {way: median(samples) for way, samples in row["samples"].items()}
    parts = [f"{duration(medians[way]):>10}" for way in WAYS]
    ratios = [f"{medians['built'] / medians[way]:>10.1f}x" for way in ("stablehlo", "aot")]
    return f"{row['model']:<14}" + "".join(parts) + "".join(ratios)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and keep the samples."""
    parser = argparse.ArgumentParser(description="From start to first prediction.")
    parser.add_argument("--only", default="tutorial_1,convnet,resnet20,bilstm")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    ratios = "stablehlo/built", "aot/built"
    print(
        f"{'model':<14}" + "".join(f"{w:>10}" for w in WAYS) + "".join(f"{r:>17}" for r in ratios)
    )
    rows = []
    for name in given.only.split(","):
        rows.append(row_of(name, given.repeats))
        print(line(rows[-1]), flush=True)
    if given.out is not None:
        given.out.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
