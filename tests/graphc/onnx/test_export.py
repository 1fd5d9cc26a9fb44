"""The file itself: its names, its opset, its nodes; and what is refused, by name."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest

from graphc import keras
from graphc.artifacts.onnx import DEFAULT_OPSET, build
from tests.graphc.onnx.families import function
from tests.graphc.onnx.running import error_of, session
from tests.graphc.onnx.whole_models import MODELS

L, ops = keras.layers, keras.ops


def written(model: Any, path: Path, **options: Any) -> Any:
    """Return the model of ONNX that an export writes."""
    model.export(path, format="onnx", **options)
    return onnx.load(path)


def small() -> Any:
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    return keras.Sequential([
        keras.Input((4,), name="x"), L.Dense(8, "relu"), L.BatchNormalization(),
        L.Dense(2, name="end"),
    ])  # fmt: skip


def test_the_file_states_what_it_is(tmp_path: Path) -> None:
    made = written(small(), tmp_path / "m.onnx")
    assert made.producer_name == "graphc"
    assert [(one.domain, one.version) for one in made.opset_import] == [("", DEFAULT_OPSET)]
    (x,), (y,) = made.graph.input, made.graph.output
    dims = [
        [dim.dim_param or dim.dim_value for dim in one.type.tensor_type.shape.dim] for one in (x, y)
    ]
    assert (x.name, y.name, dims) == ("x", "end", [["rows", 4], ["rows", 2]])
    assert all(node.name for node in made.graph.node)
    assert len({node.name for node in made.graph.node}) == len(made.graph.node)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        small().export(tmp_path / name, format="onnx")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_node_becomes_a_node(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    counts = Counter(n.op_type for n in written(MODELS["resnet"](), tmp_path / "r").graph.node)
    # Five convolutions of three blocks, with batch normalisation folded into them.
    assert counts == {
        "Transpose": 1, "Conv": 6, "Relu": 5, "MaxPool": 1, "Add": 2, "ReduceMean": 1, "Gemm": 1,
        "Softmax": 1,
    }  # fmt: skip
    counts = Counter(n.op_type for n in written(MODELS["gpt"](), tmp_path / "g").graph.node)
    assert (counts["Attention"], counts["Gelu"], counts["LayerNormalization"]) == (2, 2, 5)


@pytest.mark.parametrize("opset", [18, 24])
def test_the_opset_is_a_choice(tmp_path: Path, opset: int) -> None:
    made = written(small(), tmp_path / "m", opset=opset)
    assert made.opset_import[0].version == opset


@pytest.mark.parametrize("opset", [17, 25, "23", True])
def test_an_unknown_opset_is_refused(tmp_path: Path, opset: Any) -> None:
    with pytest.raises(ValueError, match=r"Expected an opset from 18 to 24. Received: opset="):
        small().export(tmp_path / "m", format="onnx", opset=opset)
    assert not list(tmp_path.iterdir())


class Raw(L.Layer):
    """A layer that calls JAX on what a symbol hides."""

    def call(self, x: Any) -> Any:
        return jnp.linalg.inv(jnp.einsum("bi,bj->bij", x, x) + jnp.eye(x.shape[-1]))


class Plain(L.Layer):
    """A layer that calls JAX on what a symbol hides, where ONNX has all that it calls."""

    def call(self, x: Any) -> Any:
        return jax.nn.softplus(jnp.sort(x, axis=-1)) @ jnp.ones((4, 2)) + jnp.max(x, 1)[:, None]


def test_a_layer_of_jax_is_its_primitives(tmp_path: Path) -> None:
    assert error_of(function((4,), Plain())(), tmp_path / "m") <= 1e-5


class Rowwise(L.Layer):
    """A layer that computes with the number of rows as no length does."""

    def call(self, x: Any) -> Any:
        return x * (1.0 / x.shape[0]) if x.shape[0] else x


class Noisy(L.Layer):
    """A layer that draws in inference too."""

    def __init__(self) -> None:
        super().__init__()
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x: Any) -> Any:
        return x + keras.random.normal((4,), seed=self.seeds)


REFUSED = {
    "solver": (function((4, 4), ops.inv), r"'linalg\.inv' in layer"),
    "special": (function((4,), ops.erfinv), r"'math\.erfinv' in layer"),
    "raw": (function((4,), Raw(name="mine")), r"'core\.call' in layer '.*mine"),
    "rows_as_number": (function((4,), Rowwise(name="mine")), r"layer '.*mine"),
    "draws": (function((4,), Noisy()), r"seed that changes with every call"),
    "first_rows": (function((4,), lambda x: ops.sort(x[:50], axis=0)), r"layer '"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_onnx_cannot_express_is_refused_by_name(tmp_path: Path, name: str) -> None:
    make, pattern = REFUSED[name]
    with pytest.raises(ValueError, match=rf"(?s)in ONNX, opset 23: .*{pattern}.*'stablehlo'"):
        make().export(tmp_path / "m", format="onnx")
    assert not list(tmp_path.iterdir())


def test_weights_that_fill_no_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "LARGEST", 100)
    with pytest.raises(ValueError, match=r"the weights take \d+ bytes; a file of ONNX holds 100"):
        small().export(tmp_path / "m", format="onnx")


def test_the_package_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'graphc-compiler\[onnx\]'"):
        small().export(tmp_path / "m", format="onnx")


def _texts(call: Any) -> Any:
    ids = keras.Input((None,), dtype="int32")
    return keras.Model(ids, call(L.Embedding(9, 8, mask_zero=call is _masked)(ids)))


def _masked(x: Any) -> Any:
    return L.Bidirectional(L.LSTM(3))(x)


OPEN = {
    "lstm": L.Bidirectional(L.LSTM(3, return_sequences=True)),
    "pooled": lambda x: L.Dense(2)(L.GlobalMaxPooling1D()(L.Conv1D(4, 3, padding="same")(x))),
    "attention": lambda x: L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True),
    "masked": _masked,
}


@pytest.mark.parametrize("name", OPEN)
def test_an_open_length_stays_open(tmp_path: Path, name: str) -> None:
    keras.utils.set_random_seed(0)
    model = _texts(OPEN[name])
    running = session(written(model, tmp_path / "m").SerializeToString())
    for rows, length in ((1, 1), (2, 3), (3, 12)):
        ids = np.random.default_rng(length).integers(0, 9, (rows, length)).astype("int32")
        (found,) = running.run(None, {running.get_inputs()[0].name: ids})
        expected = model.predict(ids, verbose=0)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_model_is_served_by_name(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model = MODELS["inputs_and_outputs"]()
    running = session(written(model, tmp_path / "m").SerializeToString())
    assert {one.name for one in running.get_inputs()} == {"image", "text"}
    image = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    text = np.ones((2, 5), "int32")
    found = dict(zip([one.name for one in running.get_outputs()], running.run(
        None, {"image": image, "text": text}), strict=True))  # fmt: skip
    expected = model.predict({"image": image, "text": text}, verbose=0)
    assert found.keys() == expected.keys()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found, expected)
