"""Artifacts of models that take strings: what is done to them is data, and gives the same."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from graphc import keras
from graphc.artifacts import loader
from graphc.keras import layers

FILES = Path(loader.__file__).parent
WORDS = ["good", "bad", "film", "movie", "plot", "dull", "fine"]
RNG = np.random.default_rng(0)
TEXTS = np.array([
    "A good, good FILM!", "bad plot - dull", "", "Fine? fine. ÄÖ unknown words", "movie\tmovie\n",
    "good film good film good film good film", "a much longer word: " + "x" * 70, "é",
])  # fmt: skip
SALTED = {"num_oov_indices": 4, "salt": [3, 5]}

VECTORIZERS: dict[str, dict[str, Any]] = {
    "as it comes": {}, "one word": {"output_sequence_length": 1},
    "lower": {"standardize": "lower"}, "no punctuation": {"standardize": "strip_punctuation"},
    "as written": {"standardize": None}, "characters": {"split": "character"},
    "pairs": {"ngrams": 2}, "some widths": {"ngrams": (1, 3)},
    "multi-hot": {"output_mode": "multi_hot"}, "counts": {"output_mode": "count"},
    "weighted": {"output_mode": "tf_idf", "idf_weights": list(np.linspace(0.1, 2, 7))},
    "padded": {"output_mode": "count", "max_tokens": 20, "pad_to_max_tokens": True},
    "whole texts": {"split": None, "standardize": "lower"},
    "pairs counted": {"ngrams": 2, "output_mode": "count"},
}  # fmt: skip

LOOKUPS: dict[str, dict[str, Any]] = {
    "plain": {}, "masked": {"mask_token": ""}, "several outside": {"num_oov_indices": 3},
    "salted": SALTED, "one-hot": {"output_mode": "one_hot"},
    "counts": {"output_mode": "count", "mask_token": "other"},
    "weighted": {"output_mode": "tf_idf", "idf_weights": [0.5] * 6 + [2.0]},
    "padded": {"output_mode": "multi_hot", "max_tokens": 12, "pad_to_max_tokens": True},
}  # fmt: skip


def exported(model: Any, folder: Path) -> Any:
    """Return the artifact of a model, loaded."""
    model.export(folder / "m", platforms=["cpu"])
    return loader.load(folder / "m")


def same(model: Any, served: Any, *inputs: Any) -> None:
    """Check that the artifact gives what the model predicts, for any number of rows."""
    for rows in (len(inputs[0]), 1):
        given = [one[:rows] for one in inputs]
        expected = model.predict(given if len(given) > 1 else given[0], verbose=0)
        found, wanted = (jax.tree.leaves_with_path(all_) for all_ in (served(*given), expected))
        for (path, one), (_, other) in zip(found, wanted, strict=True):
            assert (one.shape, one.dtype) == (other.shape, other.dtype), path
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6, err_msg=str(path))


def texts_model(kinds: dict[str, dict[str, Any]]) -> Any:
    """Return a model of several vectorizers, and of one text."""
    x = keras.Input((1,), dtype="string", name="texts")
    given = {"vocabulary": WORDS}
    return keras.Model(
        x, {kind: layers.TextVectorization(**given, **more)(x) for kind, more in kinds.items()}
    )


def test_texts(tmp_path: Path) -> None:
    sequences = [kind for kind, more in VECTORIZERS.items() if "output_mode" not in more]
    kinds = VECTORIZERS | {
        kind: {"output_sequence_length": 6} | VECTORIZERS[kind] for kind in sequences
    }
    model = texts_model(kinds)
    served = exported(model, tmp_path)
    assert str(served.inputs) == "[texts: string[rows, 1]]"
    same(model, served, TEXTS)
    expected = served(TEXTS[:, None])
    same(model, served, TEXTS[:, None])
    for form in (np.char.encode(TEXTS, "utf-8"), TEXTS.tolist(), TEXTS.astype(object)):
        for kind, found in served(form).items():
            np.testing.assert_array_equal(found, expected[kind], err_msg=kind)


def test_lookups(tmp_path: Path) -> None:
    x = keras.Input((2,), dtype="string")
    model = keras.Model(
        x,
        {kind: layers.StringLookup(vocabulary=WORDS, **more)(x) for kind, more in LOOKUPS.items()},
    )
    tokens = np.array([["good", "bad"], ["", "other"], ["dull", "dull"], ["é" * 40, "fine"]])
    same(model, exported(model, tmp_path), tokens)


def classifier() -> Any:
    """Return a model whose mask comes from a padded text."""
    keras.utils.set_random_seed(0)
    words = layers.TextVectorization(output_sequence_length=6)
    words.adapt(TEXTS)
    return keras.Sequential([
        keras.Input((1,), dtype="string"), words, layers.Embedding(20, 4, mask_zero=True),
        layers.LSTM(3), layers.Dense(2, "softmax"),
    ])  # fmt: skip


def scalars() -> Any:
    """Return a model of texts without a last axis."""
    x = keras.Input((), dtype="string")
    layer = layers.TextVectorization(vocabulary=WORDS, output_mode="count")
    return keras.Model(x, layers.Dense(2)(layer(x)))


def nested() -> Any:
    """Return a model with the strings dealt with in one inside, twice, by a shared layer."""
    lookup = layers.StringLookup(vocabulary=WORDS)
    x = keras.Input((1,), dtype="string")
    inner = keras.Model(x, layers.Embedding(9, 3)(lookup(x)))
    y = keras.Input((1,), dtype="string")
    return keras.Model(y, layers.Concatenate()([inner(y), layers.Embedding(9, 2)(lookup(y))]))


def inverted() -> Any:
    """Return a model with strings between two layers."""
    ids = keras.Input((1,), dtype="int32")
    names = layers.StringLookup(vocabulary=["x", "y"], invert=True)(ids)
    return keras.Model(ids, layers.StringLookup(vocabulary=["y", "x"])(names))


def hashed_integers() -> Any:
    """Return a model whose integers are wider than the program's."""
    ids = keras.Input((1,), dtype="int64")
    wide = layers.IntegerLookup(vocabulary=[5, 2**40, -7])(ids)
    bins = layers.Hashing(16, output_mode="one_hot")(ids)
    masked = layers.Hashing(5, mask_value=5, salt=7)(ids)
    return keras.Model(ids, {"wide": wide, "bins": bins, "masked": masked})


IDS = np.array([[1], [2], [0], [7]])
WHOLE: dict[str, tuple[Callable[[], Any], np.ndarray]] = {
    "masked": (classifier, TEXTS), "scalars": (scalars, TEXTS), "nested": (nested, TEXTS),
    "inverted": (inverted, IDS),
    "hashed integers": (hashed_integers, np.array([[5], [2**30], [-7], [3]])),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_whole_models(tmp_path: Path, name: str) -> None:
    build, x = WHOLE[name]
    model = build()
    same(model, exported(model, tmp_path), x)


COLUMNS = {
    "age": np.array([[30.5], [61.0], [18.0], [44.0]], "float32"),
    "job": np.array([["clerk"], ["smith"], ["clerk"], ["other"]]),
    "rooms": np.array([[1], [2], [3], [2]], "int32"),
    "zip": np.array([["8001"], ["9000"], ["8001"], ["1"]]),
}


def space() -> Any:
    """Return a model behind features of all kinds, crossed."""
    keras.utils.set_random_seed(0)
    features = keras.utils.FeatureSpace(
        {
            "age": "float_discretized", "job": "string_categorical",
            "rooms": "integer_categorical", "zip": "string_hashed",
        },
        crosses=[("job", "age"), ("rooms", "zip")], crossing_dim=16, num_discretization_bins=3,
    )  # fmt: skip
    features.adapt(COLUMNS)
    encoded = features.get_encoded_features()
    return keras.Model(features.get_inputs(), layers.Dense(2)(encoded))


def test_a_feature_space(tmp_path: Path) -> None:
    model = space()
    served = exported(model, tmp_path)
    rows = COLUMNS | {"rooms": np.array([[1], [9], [3], [2]]), "age": COLUMNS["age"] * 0.9}
    for given in (COLUMNS, rows):
        np.testing.assert_allclose(served(given), model.predict(given, verbose=0), atol=1e-6)
        np.testing.assert_array_equal(served(**given), served(given))


def test_strings_beside_numbers(tmp_path: Path) -> None:
    words, numbers = keras.Input((1,), dtype="string", name="w"), keras.Input((2,), name="n")
    ids = layers.StringLookup(vocabulary=WORDS, output_mode="one_hot")(words)
    model = keras.Model([words, numbers], layers.Concatenate()([ids, layers.Dense(2)(numbers)]))
    served = exported(model, tmp_path)
    n = RNG.normal(size=(8, 2)).astype("float32")
    same(model, served, TEXTS, n)
    with pytest.raises(ValueError, match=r"Expected w: string\[rows, 1\]. Received: 3"):
        served([[3]], n[:1])
    with pytest.raises(ValueError, match=r"Expected w: string\[rows, 1\]. Received: shape"):
        served([["a", "b"]], n[:1])


def tokens(texts: Any) -> Any:
    """Split at bars: a function of the user's."""
    return np.char.split(texts, "|")


class Own(layers.StringLookup):
    """A layer of the user's."""


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a function": (lambda: layers.TextVectorization(vocabulary=WORDS, split=tokens, name="mine",
                                                    output_mode="count"),
                   r"'mine' cannot be exported: expected `split`"),
    "open length": (lambda: layers.TextVectorization(vocabulary=WORDS, name="mine"),
                    r"'mine' cannot be exported.*`output_sequence_length`"),
    "a class": (lambda: Own(vocabulary=WORDS, name="mine"),
                r"'mine' cannot be exported.*Keras's own layers"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_data_cannot_say_is_refused(tmp_path: Path, kind: str) -> None:
    make, message = REFUSED[kind]
    x = keras.Input((1,), dtype="string")
    with pytest.raises(ValueError, match=message):
        exported(keras.Model(x, make()(x)), tmp_path)
    assert not (tmp_path / "m").exists()


def test_what_is_computed_first_is_refused(tmp_path: Path) -> None:
    x, word = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="string")
    ids = layers.StringLookup(vocabulary=WORDS)(word)
    model = keras.Model([x, word], layers.HashedCrossing(4, name="mine")([ids, x + 1]))
    with pytest.raises(ValueError, match="'mine' cannot be exported"):
        exported(model, tmp_path)


def test_onnx_has_no_front(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="takes strings"):
        texts_model({"counts": {"output_mode": "count"}}).export(tmp_path / "m", format="onnx")


def test_a_token_without_an_index(tmp_path: Path) -> None:
    x = keras.Input((1,), dtype="string")
    model = keras.Model(x, layers.StringLookup(vocabulary=WORDS, num_oov_indices=0)(x))
    served = exported(model, tmp_path)
    same(model, served, np.array([["good"], ["bad"], ["fine"]]))
    with pytest.raises(ValueError, match="Expected tokens of the vocabulary"):
        served([["else"]])


def test_the_loader_needs_no_more_for_strings(tmp_path: Path) -> None:
    model = classifier()
    model.export(tmp_path / "m", format="aot", platforms=["cpu"], rows=(8,))
    for name in ("loader", "direct", "strings", "fingerprint"):
        (tmp_path / f"{name}.py").write_bytes((FILES / f"{name}.py").read_bytes())
    np.save(tmp_path / "x.npy", TEXTS)
    script = (
        "import sys, numpy as np, loader\n"
        "np.save('y.npy', loader.load('m')(np.load('x.npy')))\n"
        "assert not {'graphc', 'jax', 'keras', 'flax'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "y.npy")
    np.testing.assert_allclose(found, model.predict(TEXTS, verbose=0), atol=1e-6)


WRONG = [
    {}, [], {"layers": [{"op": "eval"}], "calls": [], "feeds": []},
    {"layers": [], "calls": [{"layer": 3, "inputs": [0]}], "feeds": []},
    {"layers": 3, "calls": [], "feeds": []}, {"layers": [], "calls": [], "feeds": [{"from": 0}]},
]  # fmt: skip


def test_damaged_descriptions_are_refused(tmp_path: Path) -> None:
    texts_model({"counts": {"output_mode": "count"}}).export(tmp_path / "m", platforms=["cpu"])
    with zipfile.ZipFile(tmp_path / "m") as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    for front in WRONG:
        with zipfile.ZipFile(tmp_path / "n", "w") as damaged:
            for name, data in (whole | {"front.json": json.dumps(front).encode()}).items():
                damaged.writestr(name, data)
        with pytest.raises(loader.ArtifactError):
            loader.load(tmp_path / "n")
