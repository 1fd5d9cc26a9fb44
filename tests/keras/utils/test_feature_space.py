"""`FeatureSpace`: every kind of feature, crosses, both outputs; eagerly, in models, copied."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from graphc import keras
from graphc.keras import layers
from graphc.keras.utils import FeatureSpace

ROWS = 10
DATA = {
    "plain": np.arange(ROWS) / 10,
    "normal": np.arange(ROWS) * 3.0 + 1,
    "scaled": np.arange(ROWS) * 1.0,
    "bins": np.arange(ROWS) * 1.0,
    "number": np.array([1, 2, 2, 3, 3, 3, 1, 2, 3, 3]),
    "word": np.array(["a", "b", "b", "c", "c", "c", "a", "b", "c", "c"]),
    "hashed_number": np.arange(ROWS),
    "hashed_word": [f"w{index}" for index in range(ROWS)],
}
KINDS = {
    "plain": "float",
    "normal": "float_normalized",
    "scaled": FeatureSpace.float_rescaled(scale=2.0, offset=1.0),
    "bins": FeatureSpace.float_discretized(num_bins=3),
    "number": "integer_categorical",
    "word": "string_categorical",
    "hashed_number": FeatureSpace.integer_hashed(num_bins=4),
    "hashed_word": "string_hashed",
}
WIDTHS = {
    "bins": 3, "hashed_number": 4, "hashed_word": 32, "normal": 1, "number": 4, "plain": 1,
    "scaled": 1, "word": 4, "number_X_word": 32, "word_X_number": 7,
}  # fmt: skip
CROSSES = [("number", "word"), FeatureSpace.cross(("word", "number"), crossing_dim=7)]


def adapted(**arguments):
    space = FeatureSpace(dict(KINDS), crosses=CROSSES, hashing_dim=32, **arguments)
    space.adapt(DATA)
    return space


@pytest.fixture(scope="module")
def joined():
    return adapted()


@pytest.fixture(scope="module")
def apart():
    return adapted(output_mode="dict")


def test_each_feature(apart):
    found = {name: np.asarray(value) for name, value in apart(DATA).items()}
    assert {name: value.shape for name, value in found.items()} == {
        name: (ROWS, width) for name, width in WIDTHS.items()
    }
    np.testing.assert_allclose(found["plain"][:, 0], DATA["plain"], rtol=1e-6)
    np.testing.assert_allclose(found["scaled"][:, 0], 2 * DATA["scaled"] + 1)
    standard = (DATA["normal"] - DATA["normal"].mean()) / DATA["normal"].std()
    np.testing.assert_allclose(found["normal"][:, 0], standard, rtol=1e-5)
    # Vocabularies are [oov, most frequent ...]: 3, 2, 1 and c, b, a.
    assert np.argmax(found["number"], -1).tolist() == (4 - DATA["number"]).tolist()
    assert np.argmax(found["word"], -1).tolist() == (4 - DATA["number"]).tolist()
    assert np.argmax(found["bins"], -1).tolist() == sorted(np.argmax(found["bins"], -1).tolist())
    hashing = layers.Hashing(32)
    np.testing.assert_array_equal(np.argmax(found["hashed_word"], -1), hashing(DATA["hashed_word"]))
    for value in found.values():
        assert value.dtype == "float32"
        assert value.shape[1] == 1 or (value.sum(-1) == 1).all()


def test_one_vector(joined, apart):
    expected = apart(DATA)
    order = [*sorted(KINDS), "number_X_word", "word_X_number"]
    np.testing.assert_allclose(
        joined(DATA), np.concatenate([expected[name] for name in order], -1), rtol=1e-6
    )


def test_one_row(joined, apart):
    row = {name: value[3] for name, value in DATA.items()}
    np.testing.assert_allclose(joined(row), joined(DATA)[3], rtol=1e-6)
    for name, value in apart(row).items():
        np.testing.assert_allclose(value, apart(DATA)[name][3], rtol=1e-6)


def test_iterables_of_batches_and_of_rows(joined):
    half = [{name: value[:4] for name, value in DATA.items()},
            {name: value[4:] for name, value in DATA.items()}]  # fmt: skip
    rows = [{name: value[row] for name, value in DATA.items()} for row in range(ROWS)]
    for dataset in (half, iter(half), rows):
        space = FeatureSpace({name: KINDS[name] for name in ("word", "number")})
        space.adapt(dataset)
        assert space.preprocessors["word"].get_vocabulary() == ["[UNK]", "c", "b", "a"]
        assert space.preprocessors["number"].get_vocabulary() == [-1, 3, 2, 1]


def test_a_model_on_encoded_features(joined):
    inputs, encoded = joined.get_inputs(), joined.get_encoded_features()
    assert encoded.shape == (None, sum(WIDTHS.values()))
    assert {name: (one.shape, one.dtype) for name, one in inputs.items()} == {
        name: ((None, 1), feature.dtype) for name, feature in joined.features.items()
    }
    encoder = keras.Model(inputs, encoded)
    np.testing.assert_allclose(encoder.predict(DATA, verbose=0), joined(DATA), rtol=1e-5)
    outputs = layers.Dense(1, activation="sigmoid")(encoded)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    labels = (DATA["number"] > 1).astype("float32")
    history = model.fit(DATA, labels, epochs=8, batch_size=4, verbose=0).history["loss"]
    assert history[-1] < history[0] / 2
    columns = {name: np.asarray(value)[:, None] for name, value in DATA.items()}
    np.testing.assert_allclose(
        model.predict(columns, verbose=0), model.predict(DATA, verbose=0), rtol=1e-5
    )


def test_integer_outputs():
    space = FeatureSpace(
        features={
            "word": FeatureSpace.string_categorical(output_mode="int"),
            "number": FeatureSpace.integer_categorical(output_mode="int"),
        },
        crosses=[FeatureSpace.cross(("word", "number"), crossing_dim=32, output_mode="int")],
        output_mode="dict",
    )
    space.adapt(DATA)
    found = space({"word": ["c", "z"], "number": [3, 7]})
    assert found["word"].tolist() == [[1], [0]]
    assert found["number"].tolist() == [[1], [0]]
    assert found["word_X_number"].shape == (2, 1)
    assert {name: value.dtype for name, value in space.get_encoded_features().items()} == {
        "word": "int64", "number": "int64", "word_X_number": "int64",
    }  # fmt: skip


def test_a_layer_of_ones_own():
    texts = {"text": ["1st string", "2nd string", "3rd string"]}
    own = layers.TextVectorization(output_mode="tf_idf")
    space = FeatureSpace(
        {"text": FeatureSpace.feature(preprocessor=own, dtype="string", output_mode="float")}
    )
    space.adapt(texts)
    np.testing.assert_allclose(space(texts), own(texts["text"]))
    assert space.preprocessors["text"] is own
    given = layers.StringLookup(vocabulary=["a", "b"])
    told = FeatureSpace({"word": FeatureSpace.feature("string", given, "one_hot")})
    assert told({"word": ["b", "x"]}).tolist() == [[0, 0, 1], [1, 0, 0]]  # nothing to adapt


def test_copies(joined):
    expected = joined(DATA)
    for other in (copy.deepcopy(joined), pickle.loads(pickle.dumps(joined))):
        np.testing.assert_allclose(other(DATA), expected, rtol=1e-6)
        assert other.get_config().keys() == joined.get_config().keys()
    entry = keras.saving.serialize_keras_object(joined)
    fresh = keras.saving.deserialize_keras_object(entry)
    assert {name: type(layer) for name, layer in fresh.preprocessors.items()} == {
        name: type(layer) for name, layer in joined.preprocessors.items()
    }
    fresh.adapt(DATA)
    np.testing.assert_allclose(fresh(DATA), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"features": {}}, "empty"),
        ({"features": {"a": "text"}}, "'text'"),
        ({"features": {"a": "float"}, "output_mode": "list"}, "list"),
        ({"features": {"a": "float"}, "crosses": [("a", "b")]}, r"\['b'\]"),
        ({"features": {"a": "float"}, "crosses": [("a", "a")], "crossing_dim": 0}, "crossing_dim"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=f"Received.*{words}|{words}.*Received"):
        FeatureSpace(**arguments)


def test_bad_use(joined):
    with pytest.raises(ValueError, match="Received"):
        FeatureSpace({"a": "string_categorical"})({"a": ["x"]})
    with pytest.raises(ValueError, match="Received"):
        joined([1, 2])
    for dataset in ([1, 2], "text", 3):
        with pytest.raises(ValueError, match="Received"):
            FeatureSpace({"a": "string_categorical"}).adapt(dataset)
    with pytest.raises(ValueError, match="Received"):
        FeatureSpace.float_discretized(num_bins=3, output_mode="hot")
    with pytest.raises(ValueError, match="Received"):
        FeatureSpace.cross(("a", "b"), 4, output_mode="float")
    whole = FeatureSpace({"a": FeatureSpace.string_hashed(4, output_mode="int")})
    with pytest.raises(ValueError, match="Received: a feature of dtype int"):
        whole({"a": ["x"]})
