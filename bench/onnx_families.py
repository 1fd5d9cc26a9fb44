"""Prints how far ONNX Runtime is from `predict` for every layer family that goes to ONNX.

`python -m bench.onnx_families [opset]`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from graphc import keras
from graphc.artifacts.onnx import DEFAULT_OPSET
from tests.graphc.onnx.families import FAMILIES
from tests.graphc.onnx.running import error_of
from tests.graphc.onnx.whole_models import MODELS


def main() -> None:
    """Print a row a family: how many models, the largest error, and whose it is."""
    opset = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OPSET
    print(f"{'family':<16}{'models':>8}{'largest error':>16}  of")
    with tempfile.TemporaryDirectory() as folder:
        for family, models in {**FAMILIES, "whole models": MODELS}.items():
            errors: dict[str, float] = {}
            for name, make in models.items():
                keras.utils.set_random_seed(0)
                errors[name] = error_of(make(), Path(folder) / "m.onnx", opset=opset)
            worst = max(errors, key=errors.__getitem__)
            print(f"{family:<16}{len(errors):>8}{errors[worst]:>16.1e}  {worst}", flush=True)


if __name__ == "__main__":
    main()
