"""Layers of strings and vocabularies against the results that Keras documents.

Keras computes them with TensorFlow, which is not installed: the expected values come from its
documentation and tests, and from the published test vectors of the hashes.
"""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from graphc import keras
from graphc.artifacts.fingerprint import farmhash64, fingerprint_cat64, siphash64
from graphc.keras import layers
from tests.keras.layers.checking import run_traced

MASK = (1 << 64) - 1
LETTERS = [["A"], ["B"], ["C"], ["D"], ["E"]]
NAMES = [["omar"], ["stringer"], ["marlo"], ["wire"], ["skywalker"]]
WORDS = ["a", "b", "c", "d"]
NUMBERS = [12, 36, 1138, 42]


# Hashes


def test_farmhash_of_known_strings():
    assert farmhash64(b"test") == 8581389452482819506
    assert farmhash64(b"test" * 8) == -4196240717365766262 & MASK
    assert farmhash64(b"test" * 64) == 3500507768004279527


def test_farmhash_of_every_length_up_to_3200():
    """The published chain of hashes over a buffer that grows by its own hashes."""
    buffer, found = bytearray(), 0

    def grow(length: int) -> None:
        nonlocal found
        found ^= farmhash64(bytes(buffer[:length]) + bytes(max(0, length - len(buffer))))
        found = (found ^ found >> 41) * 949921979 & MASK
        buffer.append(ord("a") + (found & 0xFFFFF) % 26)

    for i in range(800):
        grow(i)
        grow(i * i % len(buffer))
        grow(i**3 % len(buffer))
        grow(len(buffer))
        x = [buffer[-1], buffer[-2], buffer[-3], buffer[len(buffer) // 2]]
        buffer[((x[0] << 16) + (x[1] << 8) + x[2]) % len(buffer)] ^= x[3]
        buffer[((x[1] << 16) + (x[2] << 8) + x[3]) % len(buffer)] ^= i % 256
    assert found == 0x7A1D67C50EC7E167


def test_siphash_of_the_papers_vectors():
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    assert siphash64(bytes(range(15)), key) == 0xA129CA6149BE45E5
    assert siphash64(b"", key) == 0x726FDB47DD0E0E31
    assert siphash64(bytes(range(8)), key) == 0x93F5F5799A932462


def test_fingerprints_of_two():
    hello, world = farmhash64(b"Hello"), farmhash64(b"World")
    assert (hello, world) == (15404698994557526151, 18308117990299812472)
    assert fingerprint_cat64(hello, world) == 16877292868973613377
    assert fingerprint_cat64(world, hello) == 7158413233176775252


HASHED = [
    ({"num_bins": 3}, LETTERS, [1, 0, 1, 1, 2]),
    ({"num_bins": 3, "mask_value": ""}, [["A"], ["B"], [""], ["C"], ["D"]], [1, 1, 0, 2, 2]),
    ({"num_bins": 3, "salt": [133, 137]}, LETTERS, [1, 2, 1, 0, 2]),
    ({"num_bins": 3, "salt": 133}, LETTERS, [0, 0, 2, 1, 0]),
    ({"num_bins": 1}, LETTERS, [0, 0, 0, 0, 0]),
    ({"num_bins": 2}, NAMES, [0, 0, 1, 0, 0]),
    ({"num_bins": 3, "mask_value": "omar"}, NAMES, [0, 1, 2, 1, 1]),
    ({"num_bins": 2, "salt": [133, 137]}, NAMES, [0, 1, 0, 1, 0]),
    ({"num_bins": 2, "salt": (211, 137)}, NAMES, [1, 0, 1, 0, 1]),
    ({"num_bins": 3}, [[0], [1], [2], [3], [4]], [1, 0, 1, 0, 2]),
    ({"num_bins": 3, "salt": [133, 137]}, [[0], [1], [2], [3], [4]], [1, 1, 2, 0, 1]),
    ({"num_bins": 2}, [[1, 2], [2, 3], [3, 4]], [1, 1, 1, 1, 1, 1]),
]


@pytest.mark.parametrize("form", ["list", "tuple", "array", "object", "bytes", "float"])
@pytest.mark.parametrize(("arguments", "inputs", "expected"), HASHED)
def test_hashing(form, arguments, inputs, expected):
    array = np.array(inputs)
    text = array.dtype.kind == "U"
    if (form in ("object", "bytes") and not text) or (form == "float" and text):
        pytest.skip("not for this kind of value")
    forms = {"list": inputs, "tuple": tuple(inputs), "array": array}
    kinds = {"object": object, "bytes": "S", "float": "float32"}
    given = forms[form] if form in forms else array.astype(kinds[form])
    layer = layers.Hashing(**arguments)
    found = layer(given)
    assert found.dtype == "int32"
    assert found.shape == array.shape
    assert np.ravel(found).tolist() == expected
    symbolic = layer(keras.KerasTensor((None, *array.shape[1:]), "string"))
    assert (symbolic.shape, symbolic.dtype) == ((None, *array.shape[1:]), "int64")


def test_hashing_modes():
    one_hot = layers.Hashing(3, output_mode="one_hot")
    expected = [[0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert one_hot(np.arange(5)).tolist() == expected
    assert one_hot(np.arange(5)[:, None]).tolist() == expected
    assert layers.Hashing(3, output_mode="multi_hot")([[0, 1, 2, 3, 4]]).tolist() == [[1, 1, 1]]
    count = layers.Hashing(3, output_mode="count")
    assert count([[0, 1, 2, 3, 4]]).tolist() == [[2, 2, 1]]
    assert count([0, 1, 2, 3, 4]).tolist() == [2, 2, 1]
    assert one_hot(keras.Input((1,), dtype="string")).shape == (None, 3)
    half = layers.Hashing(3, output_mode="count", dtype="float16")
    assert half([[1, 2]]).dtype == "float16"


def test_hashed_crossing():
    features = np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])
    layer = layers.HashedCrossing(num_bins=5)
    assert layer(features).tolist() == [1, 4, 1, 1, 3]
    columns = [feature[:, None] for feature in features]
    assert layer(columns).tolist() == [[1], [4], [1], [1], [3]]
    assert int(layer(["A", 101])) == 1
    one_hot = layers.HashedCrossing(num_bins=5, output_mode="one_hot")
    assert np.argmax(one_hot(features), -1).tolist() == [1, 4, 1, 1, 3]
    assert one_hot(columns).shape == (5, 5)
    inputs = [keras.Input((1,), dtype="string"), keras.Input((1,), dtype="int32")]
    assert (one_hot(inputs).shape, one_hot(inputs).dtype) == ((None, 5), "float32")
    three = layers.HashedCrossing(num_bins=1000)
    assert int(three(["a", "b", "c"])) != int(three(["c", "b", "a"]))


# Vocabularies: class, arguments, inputs, expected outputs


LOOKUPS = [
    ("StringLookup", {"vocabulary": WORDS}, [["a", "c", "d"], ["d", "z", "b"]],
     [[1, 3, 4], [4, 0, 2]]),
    ("StringLookup", {"vocabulary": WORDS, "num_oov_indices": 2},
     [["a", "c", "d"], ["m", "z", "b"]], [[2, 4, 5], [0, 1, 3]]),
    ("StringLookup", {"vocabulary": WORDS, "mask_token": ""}, [["a", "", "z"]], [[2, 0, 1]]),
    ("StringLookup", {"vocabulary": ["", "[UNK]", *WORDS], "mask_token": ""}, [["a", "", "z"]],
     [[2, 0, 1]]),
    ("StringLookup", {"vocabulary": WORDS, "num_oov_indices": 0}, [["a", "d"]], [[0, 3]]),
    ("StringLookup", {"vocabulary": WORDS, "output_mode": "one_hot"}, ["a", "b", "c", "d", "z"],
     np.eye(5)[[1, 2, 3, 4, 0]].tolist()),
    ("StringLookup", {"vocabulary": WORDS, "output_mode": "multi_hot"},
     [["a", "c", "d", "d"], ["d", "z", "b", "z"]], [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
    ("StringLookup", {"vocabulary": WORDS, "output_mode": "count"},
     [["a", "c", "d", "d"], ["d", "z", "b", "z"]], [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]]),
    ("StringLookup", {"vocabulary": WORDS, "output_mode": "count", "mask_token": ""},
     [["a", "", "", "d"]], [[0, 1, 0, 0, 1]]),
    ("StringLookup", {"vocabulary": WORDS, "output_mode": "multi_hot", "max_tokens": 7,
                      "pad_to_max_tokens": True}, [["a", "z"]], [[1, 1, 0, 0, 0, 0, 0]]),
    ("StringLookup", {"vocabulary": WORDS, "idf_weights": [0.25, 0.75, 0.6, 0.4],
                      "output_mode": "tf_idf"},
     [["a", "c", "d", "d"], ["d", "z", "b", "z"]], [[0, 0.25, 0, 0.6, 0.8], [1, 0, 0.75, 0, 0.4]]),
    ("StringLookup", {"vocabulary": ["[UNK]", *WORDS], "idf_weights": [0.9, 0.25, 0.75, 0.6, 0.4],
                      "output_mode": "tf-idf"},
     [["a", "c", "d", "d"], ["d", "z", "b", "z"]],
     [[0, 0.25, 0, 0.6, 0.8], [1.8, 0, 0.75, 0, 0.4]]),
    ("StringLookup", {"vocabulary": WORDS, "invert": True}, [[1, 3, 4], [4, 0, 2]],
     [[b"a", b"c", b"d"], [b"d", b"[UNK]", b"b"]]),
    ("StringLookup", {"vocabulary": WORDS, "invert": True, "mask_token": ""}, [[0, 1, 2, 9]],
     [[b"", b"[UNK]", b"a", b"[UNK]"]]),
    ("IntegerLookup", {"vocabulary": NUMBERS}, [[12, 1138, 42], [42, 1000, 36]],
     [[1, 3, 4], [4, 0, 2]]),
    ("IntegerLookup", {"vocabulary": NUMBERS, "num_oov_indices": 2},
     [[12, 1138, 42], [37, 1000, 36]], [[2, 4, 5], [1, 0, 3]]),
    ("IntegerLookup", {"vocabulary": [10, 20, 30], "num_oov_indices": 4},
     [100, 300, 700, 1100, 1700, 2000], [0, 0, 0, 0, 0, 0]),
    ("IntegerLookup", {"vocabulary": [10, 20, 30], "num_oov_indices": 4, "oov_method": "farmhash"},
     [100, 300, 700, 1100, 1700, 2000], [3, 3, 2, 2, 0, 1]),
    ("IntegerLookup", {"vocabulary": NUMBERS, "mask_token": 0}, [[12, 0, 5]], [[2, 0, 1]]),
    ("IntegerLookup", {"vocabulary": NUMBERS, "num_oov_indices": 0}, [[12, 42]], [[0, 3]]),
    ("IntegerLookup", {"vocabulary": NUMBERS, "output_mode": "one_hot"}, [12, 36, 1138, 42, 7],
     np.eye(5)[[1, 2, 3, 4, 0]].tolist()),
    ("IntegerLookup", {"vocabulary": NUMBERS, "output_mode": "multi_hot"},
     [[12, 1138, 42, 42], [42, 7, 36, 7]], [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
    ("IntegerLookup", {"vocabulary": NUMBERS, "output_mode": "count"},
     [[12, 1138, 42, 42], [42, 7, 36, 7]], [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]]),
    ("IntegerLookup", {"vocabulary": NUMBERS, "output_mode": "count", "mask_token": 7},
     [[42, 7, 36, 7]], [[0, 0, 1, 0, 1]]),
    ("IntegerLookup", {"vocabulary": NUMBERS, "idf_weights": [0.25, 0.75, 0.6, 0.4],
                       "output_mode": "tf_idf"},
     [[12, 1138, 42, 42], [42, 7, 36, 7]], [[0, 0.25, 0, 0.6, 0.8], [1, 0, 0.75, 0, 0.4]]),
    ("IntegerLookup", {"vocabulary": [-1, *NUMBERS], "idf_weights": [0.9, 0.25, 0.75, 0.6, 0.4],
                       "output_mode": "tf_idf"},
     [[42, 7, 36, 7]], [[1.8, 0, 0.75, 0, 0.4]]),
    ("IntegerLookup", {"vocabulary": NUMBERS, "invert": True}, [[1, 3, 4], [4, 0, 2]],
     [[12, 1138, 42], [42, -1, 36]]),
    ("IntegerLookup", {"vocabulary": NUMBERS, "invert": True, "mask_token": 0}, [[0, 1, 2, 17]],
     [[0, -1, 12, -1]]),
    ("IntegerLookup", {"vocabulary": [5, 2**40, -7]}, [[2**40, -7, 3]], [[2, 3, 0]]),
]  # fmt: skip


def close(found, expected):
    found = np.asarray(found)
    if found.dtype == object:
        assert found.tolist() == expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("form", [list, np.array, lambda x: np.array(x, object)])
@pytest.mark.parametrize("case", LOOKUPS)
def test_lookup(case, form):
    name, arguments, inputs, expected = case
    layer = getattr(layers, name)(**arguments)
    objects = form is not list and form is not np.array
    if objects and (name != "StringLookup" or arguments.get("invert")):
        pytest.skip("integers come in arrays of integers")
    found = layer(form(inputs))
    close(found, expected)
    copies = [
        type(layer).from_config(json.loads(json.dumps(layer.get_config()))),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer)),
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
    ]
    for other in copies:
        close(other(form(inputs)), expected)
        assert other.get_config() == layer.get_config()
    dtype = "int64" if name == "IntegerLookup" or layer.invert else "string"
    symbolic = layer(keras.KerasTensor((None, *np.shape(inputs)[1:]), dtype))
    assert symbolic.shape == (None, *np.shape(expected)[1:])


@pytest.mark.parametrize("case", [c for c in LOOKUPS if c[0] == "IntegerLookup"])
def test_integers_are_looked_up_in_the_graph(case):
    _, arguments, inputs, expected = case
    layer = layers.IntegerLookup(**arguments)
    if layer.runs_on_host:
        return
    found, _ = run_traced(layer, np.array(inputs, "int32"))
    close(found[0], expected)


ADAPTED = [
    ("StringLookup", {}, [["a", "c", "d"], ["d", "z", "b"]], ["[UNK]", "d", "z", "c", "b", "a"]),
    ("StringLookup", {"mask_token": ""}, ["b", "", "a", "b"], ["", "[UNK]", "b", "a"]),
    ("StringLookup", {"mask_token": "", "output_mode": "count"}, ["b", "", "a", "b"],
     ["[UNK]", "b", "a"]),
    ("StringLookup", {"max_tokens": 3}, [["a", "c", "d"], ["d", "z", "z"]], ["[UNK]", "z", "d"]),
    ("StringLookup", {"num_oov_indices": 2}, ["a"], ["[UNK]", "[UNK]", "a"]),
    ("StringLookup", {}, ["[UNK]", "a"], ["[UNK]", "a"]),
    ("IntegerLookup", {}, np.array([[12, 1138, 42], [42, 1000, 36]]),
     [-1, 42, 1138, 1000, 36, 12]),
    ("IntegerLookup", {"mask_token": 0}, [3, 0, 3, 2], [0, -1, 3, 2]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "data", "expected"), ADAPTED)
def test_lookup_adapts(name, arguments, data, expected):
    def fresh():
        return getattr(layers, name)(**arguments)

    forms = [data, np.array(data), iter([np.array(data)[:1], np.array(data)[1:]])]
    for form in forms:
        layer = fresh()
        layer.adapt(form)
        assert layer.get_vocabulary() == expected
        assert layer.vocabulary_size() == len(expected)
        special = layer.num_oov_indices + (
            "mask_token" in arguments and "output_mode" not in arguments
        )
        assert layer.get_vocabulary(include_special_tokens=False) == expected[special:]
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other.get_vocabulary() == expected
        np.testing.assert_array_equal(other(data), layer(data))
        other.adapt(data)  # what was learnt can be learnt anew
    assert layer.get_config()["vocabulary"] is None
    assert layer.get_config()["vocabulary_size"] == len(expected)


def test_lookup_adapts_to_some_steps():
    layer = layers.StringLookup()
    layer.adapt(iter([np.array([["a"]]), np.array([["b"]]), np.array([["c"]])]), steps=2)
    assert layer.get_vocabulary() == ["[UNK]", "b", "a"]


def test_lookup_learns_idf_weights():
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt([["a", "b", "b"], ["a", "c", "c"]])
    assert layer.get_vocabulary() == ["[UNK]", "c", "b", "a"]
    weights = np.log(1 + 2 / (1 + np.array([1.0, 1.0, 2.0])))
    expected = [np.mean(weights), *weights]
    np.testing.assert_allclose(layer(["a", "b", "c", "z"]), np.array(expected), rtol=1e-6)
    padded = layers.StringLookup(output_mode="tf_idf", max_tokens=6, pad_to_max_tokens=True)
    padded.adapt([["a", "b", "b"], ["a", "c", "c"]])
    np.testing.assert_allclose(padded(["z", "c"])[:2], expected[:2], rtol=1e-6)
    assert padded(["z", "c"]).shape == (6,)
    for one in (layer, padded):
        other = copy.deepcopy(one)
        np.testing.assert_allclose(other(["a", "b", "z"]), one(["a", "b", "z"]))


def test_vocabulary_files(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nb\nc\n")
    for given in (str(path), path):
        layer = layers.StringLookup(vocabulary=given)
        assert layer(["c", "x"]).tolist() == [3, 0]
    path.write_text("7\n5\n")
    assert layers.IntegerLookup(vocabulary=str(path))([5, 6]).tolist() == [2, 0]
    with pytest.raises(ValueError, match="Received: vocabulary"):
        layers.StringLookup(vocabulary=str(tmp_path / "none.txt"))


@pytest.mark.parametrize("mode", ["int", "tf_idf"])
def test_lookup_assets(tmp_path, mode):
    layer = layers.StringLookup(output_mode=mode, mask_token="")
    layer.adapt([["a b", "c"], ["c", ""]])
    layer.save_assets(tmp_path)
    store: dict = {}
    layer.save_own_variables(store)
    other = layers.StringLookup.from_config(layer.get_config())
    other.load_own_variables(store)
    other.load_assets(tmp_path)
    assert other.get_vocabulary() == layer.get_vocabulary()
    np.testing.assert_array_equal(other([["c", "x"]]), layer([["c", "x"]]))


BAD = [
    ("Hashing", {"num_bins": None}), ("Hashing", {"num_bins": -1}),
    ("Hashing", {"num_bins": 2, "salt": "string"}), ("Hashing", {"num_bins": 2, "salt": [1]}),
    ("Hashing", {"num_bins": 3, "output_mode": "x"}),
    ("Hashing", {"num_bins": 3, "dtype": "float32"}),
    ("Hashing", {"num_bins": 3, "output_mode": "one_hot", "sparse": True}),
    ("HashedCrossing", {"num_bins": 3, "output_mode": "count"}),
    ("StringLookup", {"max_tokens": 1}), ("StringLookup", {"num_oov_indices": -1}),
    ("StringLookup", {"pad_to_max_tokens": True}),
    ("StringLookup", {"output_mode": "hot"}),
    ("StringLookup", {"invert": True, "output_mode": "count"}),
    ("StringLookup", {"vocabulary": ["a", "a"]}), ("StringLookup", {"vocabulary": []}),
    ("StringLookup", {"vocabulary": ["a", ""], "mask_token": ""}),
    ("StringLookup", {"vocabulary": ["a", "[UNK]"], "invert": True}),
    ("StringLookup", {"vocabulary": WORDS, "max_tokens": 3}),
    ("StringLookup", {"vocabulary": WORDS, "idf_weights": [1.0] * 4}),
    ("StringLookup", {"vocabulary": WORDS, "output_mode": "tf_idf"}),
    ("StringLookup", {"vocabulary": WORDS, "output_mode": "tf_idf", "idf_weights": [1.0]}),
    ("StringLookup", {"salt": "x"}),
    ("IntegerLookup", {"vocabulary_dtype": "int32"}),
    ("IntegerLookup", {"oov_method": "x"}), ("IntegerLookup", {"salt": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), BAD)
def test_bad_arguments(name, arguments):
    with pytest.raises(ValueError, match="Received"):
        getattr(layers, name)(**arguments)


def test_bad_inputs():
    closed = layers.StringLookup(vocabulary=WORDS, num_oov_indices=0)
    with pytest.raises(ValueError, match=r"Received.*'x'"):
        closed(["a", "x"])
    with pytest.raises(ValueError, match=r"Received.*int"):
        closed([1, 2])
    with pytest.raises(ValueError, match="Received: None"):
        closed(np.array(["a", None], object))
    with pytest.raises(RuntimeError, match="Received: no vocabulary"):
        layers.StringLookup(output_mode="count")(["a"])
    with pytest.raises(ValueError, match="static vocabulary"):
        closed.adapt(["a"])
    counted = layers.StringLookup(output_mode="count")
    counted.adapt(["a"])
    with pytest.raises(RuntimeError, match="Received: 3 tokens"):
        counted.adapt(["a", "b"])
    crossing = layers.HashedCrossing(4)
    for inputs in (["a"], "a", [["a", "b"], ["a"]], [[[["a"]]], [[["b"]]]], [[1.5], [2.5]]):
        with pytest.raises(ValueError, match="Received"):
            crossing(inputs)
