"""`TextVectorization` against the results that Keras documents, and those of its own tests."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from graphc import keras
from graphc.keras import layers

TEXTS = [["foo qux bar"], ["qux baz"]]
TERMS = {"vocabulary": ["baz", "bar", "foo"]}
FOUND = {"vocabulary": ["foo", "bar", "baz"]}
SENTENCE = ["Hello, World!. This is just a nice test!"]
NICE = ["hello", "world", "this", "is", "nice", "test"]


def by_bar(texts):
    return np.char.split(texts, "|")


@keras.saving.register_keras_serializable("tests")
def without_dashes(texts):
    assert isinstance(texts, np.ndarray)
    assert texts.dtype.kind == "U"
    return np.char.replace(texts, "-", " ")


CASES = [
    ({**TERMS, "max_tokens": 5000, "output_sequence_length": 4}, TEXTS,
     [[4, 1, 3, 0], [1, 2, 0, 0]]),
    (TERMS, TEXTS, [[4, 1, 3], [1, 2, 0]]),
    ({**TERMS, "output_sequence_length": 2}, TEXTS, [[4, 1], [1, 2]]),
    (TERMS, ["foo qux bar", "qux baz", ""], [[4, 1, 3], [1, 2, 0], [0, 0, 0]]),
    (TERMS, "baz  foo\t\n", [2, 4]),
    ({**TERMS, "output_sequence_length": 3}, "baz foo", [2, 4, 0]),
    (TERMS, [[["foo"], ["bar baz"]]], [[[4, 0], [3, 2]]]),
    (FOUND | {"output_mode": "multi_hot"}, [["foo bar"], ["baz foo foo"]],
     [[0, 1, 1, 0], [0, 1, 0, 1]]),
    (FOUND | {"output_mode": "binary"}, ["foo", ""], [[0, 1, 0, 0], [0, 0, 0, 0]]),
    (FOUND | {"output_mode": "count"}, ["foo bar", "baz foo foo"], [[0, 1, 1, 0], [0, 2, 0, 1]]),
    (FOUND | {"output_mode": "tf_idf", "idf_weights": [0.3, 0.5, 0.2]},
     ["foo bar", "baz foo foo"], [[0.0, 0.3, 0.5, 0.0], [0.0, 0.6, 0.0, 0.2]]),
    (FOUND | {"output_mode": "one_hot"}, ["foo bar", "baz"],
     [[[0, 1, 0, 0], [0, 0, 1, 0]], [[0, 0, 0, 1], [0, 0, 0, 0]]]),
    ({"vocabulary": NICE}, SENTENCE, [[2, 3, 4, 5, 1, 1, 6, 7]]),
    ({"vocabulary": ["hello,", *NICE], "standardize": "lower"}, SENTENCE,
     [[2, 1, 5, 6, 1, 1, 7, 1]]),
    ({"vocabulary": ["Hello", "World", "Test"], "standardize": "strip_punctuation"},
     ["Hello, World! Test."], [[2, 3, 4]]),
    ({"vocabulary": ["Hello", "world"], "standardize": None}, ["Hello hello"], [[2, 1]]),
    ({"vocabulary": ["foo", "bar"], "standardize": without_dashes}, ["foo-bar"], [[2, 3]]),
    ({"vocabulary": list("abcde"), "split": "character"}, ["abcf"], [[2, 3, 4, 1]]),
    ({"vocabulary": ["ä", "É"], "split": "character"}, ["äÉé!"], [[2, 3, 1]]),  # only ASCII lowers
    ({"vocabulary": ["foo", "bar", "foobar"], "split": by_bar, "standardize": None},
     ["foo|bar", "foobar"], [[2, 3], [4, 0]]),
    ({"vocabulary": ["foobar"], "split": by_bar}, ["foo|bar"], [[2]]),  # "|" is punctuation
    ({**FOUND, "split": None}, [["foo"], ["bar"], ["unknown"]], [[2], [3], [1]]),
    ({**FOUND, "split": None, "output_sequence_length": 3}, [["foo", "bar"]], [[2, 3, 0]]),
    ({**FOUND, "split": None, "output_mode": "count"}, [["foo", "bar", "foo"]], [[0, 2, 1, 0]]),
    ({"vocabulary": ["a", "b", "a b", "b a"], "ngrams": 2}, ["a b a", "b"],
     [[2, 3, 2, 4, 5], [3, 0, 0, 0, 0]]),
    ({"vocabulary": ["a", "a b c"], "ngrams": (3, 1)}, ["a b c"], [[3, 2, 1, 1]]),
    ({"vocabulary": ["a b"], "ngrams": (2,), "split": None}, [["a", "b", "a"]], [[2, 1]]),
    ({"vocabulary": ["foo", "bar"], "output_mode": "multi_hot", "max_tokens": 5,
      "pad_to_max_tokens": True}, ["foo zoo"], [[1, 1, 0, 0, 0]]),
]  # fmt: skip


@pytest.mark.parametrize("form", ["list", "array", "object", "bytes"])
@pytest.mark.parametrize("case", CASES)
def test_text_vectorization(case, form):
    arguments, texts, expected = case
    layer = layers.TextVectorization(**arguments)
    forms = {
        "list": lambda: texts,
        "array": lambda: np.array(texts),
        "object": lambda: np.array(texts, object),
        "bytes": lambda: np.char.encode(np.array(texts), "utf-8"),
    }
    given = forms[form]()
    found = np.asarray(layer(given))
    assert found.dtype == ("float32" if arguments.get("output_mode") == "tf_idf" else "int32")
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_allclose(other(given), expected, rtol=1e-6)
        assert other.get_config() == layer.get_config()
    shape = np.shape(texts)
    if not shape:
        return
    symbolic = layer(keras.KerasTensor((None, *shape[1:]), "string")).shape
    sizes = zip(symbolic, (None, *np.shape(expected)[1:]), strict=True)
    assert all(one in (other, None) for one, other in sizes)


@pytest.mark.parametrize("case", CASES)
def test_configurations(case):
    arguments, texts, expected = case
    layer = layers.TextVectorization(**arguments)
    if arguments.get("split") is by_bar:
        return
    entry = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    np.testing.assert_allclose(
        keras.saving.deserialize_keras_object(entry)(texts), expected, rtol=1e-6
    )
    assert list(entry["config"]) == [
        "name", "trainable", "dtype", "max_tokens", "standardize", "split", "ngrams", "output_mode",
        "output_sequence_length", "pad_to_max_tokens", "sparse", "ragged", "vocabulary",
        "idf_weights", "encoding", "vocabulary_size",
    ]  # fmt: skip


def batches():
    yield ["hello world", "foo bar"]
    yield np.array([["baz qux"], ["hello foo"]])


def test_adapt():
    layer = layers.TextVectorization(max_tokens=5000, output_sequence_length=4)
    layer.adapt(["foo bar", "bar baz", "baz bada boom"])
    assert layer(TEXTS).tolist() == [[4, 1, 3, 0], [1, 2, 0, 0]]
    assert layer.get_vocabulary() == ["", "[UNK]", "baz", "bar", "foo", "boom", "bada"]
    assert layer.get_vocabulary(include_special_tokens=False)[0] == "baz"
    assert layer.vocabulary_size() == 7
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other.get_vocabulary() == layer.get_vocabulary()
        other.adapt(["new"])
    layer = layers.TextVectorization()
    layer.adapt(batches())
    assert layer.get_vocabulary() == ["", "[UNK]", "hello", "foo", "world", "qux", "baz", "bar"]
    layer.adapt(batches(), steps=1)
    assert layer.get_vocabulary() == ["", "[UNK]", "world", "hello", "foo", "bar"]
    layer = layers.TextVectorization(max_tokens=5)
    layer.adapt(np.array(["a b c d e f g h i j"]))
    assert layer.get_vocabulary() == ["", "[UNK]", "j", "i", "h"]
    ngrams = layers.TextVectorization(ngrams=(1, 3))
    ngrams.adapt(["foo bar baz"])
    assert set(ngrams.get_vocabulary()[2:]) == {"foo", "bar", "baz", "foo bar baz"}


def test_adapt_learns_idf_weights():
    layer = layers.TextVectorization(output_mode="tf_idf")
    layer.adapt(["a b b", "a c c"])
    assert layer.get_vocabulary() == ["[UNK]", "c", "b", "a"]
    weights = np.log(1 + 2 / (1 + np.array([1.0, 1.0, 2.0])))
    expected = [weights.mean(), 2 * weights[0], 0, weights[2]]
    np.testing.assert_allclose(layer(["c c a z"])[0], expected, rtol=1e-6)
    np.testing.assert_allclose(copy.deepcopy(layer)(["c a z"]), layer(["c a z"]))


def test_set_vocabulary(tmp_path):
    layer = layers.TextVectorization(output_sequence_length=4)
    layer.set_vocabulary(["baz", "bar", "foo"])
    assert layer(TEXTS).tolist() == [[4, 1, 3, 0], [1, 2, 0, 0]]
    path = tmp_path / "words.txt"
    path.write_text("baz\nbar\nfoo\n")
    assert layers.TextVectorization(vocabulary=str(path))(TEXTS).tolist() == [[4, 1, 3], [1, 2, 0]]
    layer.save_assets(tmp_path)
    other = layers.TextVectorization.from_config(layer.get_config())
    other.load_assets(tmp_path)
    assert other.get_vocabulary() == layer.get_vocabulary()


BAD = [
    {"ngrams": "invalid"}, {"ngrams": (1, "2")}, {"output_mode": "x"}, {"split": "x"},
    {"standardize": "x"}, {"ragged": True}, {"sparse": True, "output_mode": "count"},
    {"output_mode": "multi_hot", "output_sequence_length": 5}, {"output_sequence_length": 2.5},
    {"vocabulary": ["a", "a"]}, {"vocabulary": ["a"], "output_mode": "tf_idf"},
    {"max_tokens": 1}, {"vocabulary": ["a", ""]},
]  # fmt: skip


@pytest.mark.parametrize("arguments", BAD)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="Received"):
        layers.TextVectorization(**arguments)


def test_bad_inputs():
    layer = layers.TextVectorization(**TERMS)
    with pytest.raises(ValueError, match=r"Received: inputs.shape=\(1, 2\)"):
        layer([["a", "b"]])
    with pytest.raises(ValueError, match="Received"):
        layer([1, 2])
    with pytest.raises(ValueError, match="static vocabulary"):
        layer.adapt(["a"])
    with pytest.raises(RuntimeError, match="Received: no vocabulary"):
        layers.TextVectorization(output_mode="count")(["a"])
