"""What is exported to ONNX gives in ONNX Runtime what the model predicts, to 1e-5."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphc import keras
from tests.graphc.onnx.families import FAMILIES
from tests.graphc.onnx.running import error_of
from tests.graphc.onnx.whole_models import MODELS

LIMIT = 1e-5
SAMPLE = 19  # of the layers, one in so many is not slow
OPSETS = (18, 20, 22, 24)  # beside the default
QUICK = ("resnet", "gpt", "inputs_and_outputs", "autoencoder", "written_out", "over_rows")


def _layers() -> list[object]:
    cases = [(family, name) for family, models in FAMILIES.items() for name in models]
    return [
        pytest.param(*case, id="-".join(case), marks=[] if i % SAMPLE == 0 else pytest.mark.slow)
        for i, case in enumerate(cases)
    ]


@pytest.mark.parametrize(("family", "name"), _layers())
def test_a_layer_gives_what_it_predicts(tmp_path: Path, family: str, name: str) -> None:
    keras.utils.set_random_seed(0)
    assert error_of(FAMILIES[family][name](), tmp_path / "m.onnx") <= LIMIT


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in MODELS
])  # fmt: skip
def test_a_model_gives_what_it_predicts(tmp_path: Path, name: str) -> None:
    keras.utils.set_random_seed(0)
    assert error_of(MODELS[name](), tmp_path / "m.onnx") <= LIMIT


@pytest.mark.parametrize("opset", OPSETS)
def test_a_model_of_another_opset(tmp_path: Path, opset: int) -> None:
    keras.utils.set_random_seed(0)
    assert error_of(MODELS["gpt"](), tmp_path / "m.onnx", opset=opset) <= LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize(("family", "name"), _layers())
def test_a_layer_of_another_opset(tmp_path: Path, family: str, name: str, opset: int) -> None:
    keras.utils.set_random_seed(0)
    assert error_of(FAMILIES[family][name](), tmp_path / "m.onnx", opset=opset) <= LIMIT


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_narrow_floats_are_computed_in_wider_ones(tmp_path: Path, policy: str) -> None:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((8, 8, 3)), layers.Conv2D(4, 3, dtype=policy),
        layers.BatchNormalization(dtype=policy), layers.Flatten(dtype=policy),
        layers.Dense(3, "softmax", dtype=policy),
    ])  # fmt: skip
    assert 0 < error_of(model, tmp_path / "m.onnx") <= 2e-2
