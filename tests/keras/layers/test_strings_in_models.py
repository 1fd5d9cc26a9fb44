"""Models that are given strings: their host layers compute first, the rest is compiled as ever."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from graphc import keras
from graphc.keras import layers

WORDS = ("good", "bad", "film", "movie", "plot", "dull", "fine")
RNG = np.random.default_rng(0)
TEXTS = np.array([" ".join(RNG.choice(WORDS, 3 + row % 4)) for row in range(40)])
LABELS = np.array(["good" in text or "fine" in text for text in TEXTS], "float32")
NUMBERS = RNG.normal(size=(40, 2)).astype("float32")


def vectorizer(**arguments):
    layer = layers.TextVectorization(**arguments)
    layer.adapt(TEXTS)
    return layer


def tail(mask_zero=True):
    return [
        layers.Embedding(12, 4, mask_zero=mask_zero), layers.GlobalAveragePooling1D(),
        layers.Dense(1, activation="sigmoid"),
    ]  # fmt: skip


def chained(tensor, several):
    for layer in several:
        tensor = layer(tensor)
    return tensor


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.words = vectorizer(output_sequence_length=6)
        self.rest = tail()

    def call(self, inputs):
        return chained(self.words(inputs), self.rest)


def sequential():
    words = vectorizer(output_sequence_length=6)
    return keras.Sequential([keras.Input((1,), dtype="string"), words, *tail()])


def deferred():
    return keras.Sequential([vectorizer(), *tail()])


def functional():
    inputs = keras.Input((1,), dtype="string")
    return keras.Model(inputs, chained(inputs, [vectorizer(), *tail()]))


def scalars():
    inputs = keras.Input((), dtype="string")
    return keras.Model(inputs, chained(inputs, [vectorizer(output_mode="multi_hot"), tail()[-1]]))


def nested():
    inner = keras.Sequential([keras.Input((1,), dtype="string"), vectorizer(), *tail()[:-1]])
    inputs = keras.Input((1,), dtype="string")
    return keras.Model(inputs, tail()[-1](inner(inputs)))


MODELS = {
    "sequential": sequential, "deferred": deferred, "functional": functional, "scalars": scalars,
    "subclass": Subclass, "nested": nested,
}  # fmt: skip


def compiled(model, **arguments):
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"],
                  **arguments)  # fmt: skip
    return model


@pytest.mark.parametrize("kind", MODELS)
def test_fit_predict_evaluate(kind):
    keras.utils.set_random_seed(0)
    model = compiled(MODELS[kind]())
    history = model.fit(TEXTS, LABELS, batch_size=16, epochs=12, verbose=0,
                        validation_data=(TEXTS[:7], LABELS[:7])).history  # fmt: skip
    assert history["loss"][-1] < history["loss"][0] / 2
    assert "val_accuracy" in history
    found = model.predict(TEXTS, batch_size=16, verbose=0)
    assert found.shape == (40, 1)
    few = model.predict(TEXTS[:3], verbose=0)
    np.testing.assert_allclose(few, found[:3], rtol=1e-4)
    np.testing.assert_allclose(model(TEXTS[:3]), found[:3], rtol=1e-4)
    np.testing.assert_allclose(model.predict(TEXTS[:3].tolist(), verbose=0), few, rtol=1e-5)
    objects = np.array(TEXTS[:3], object)
    np.testing.assert_allclose(model.predict_on_batch(objects), few, rtol=1e-5)
    loss, accuracy = model.evaluate(TEXTS, LABELS, verbose=0)
    assert accuracy == pytest.approx(((found[:, 0] > 0.5) == LABELS).mean())
    assert loss < history["loss"][0]


def test_columns_of_texts():
    model = compiled(functional())
    column = TEXTS[:, None]
    np.testing.assert_array_equal(model.predict(column, verbose=0), model.predict(TEXTS, verbose=0))
    logs = model.train_on_batch(column[:8], LABELS[:8], return_dict=True)
    assert set(logs) == {"loss", "accuracy"}
    assert set(model.test_on_batch(column[:8], LABELS[:8], return_dict=True)) == set(logs)


def test_the_same_numbers_eagerly():
    histories, outputs = [], []
    for eager in (False, True):
        keras.utils.set_random_seed(1)
        layer = vectorizer(output_sequence_length=6)
        chain = [keras.Input((1,), dtype="string"), layer, *tail(mask_zero=False)]
        model = compiled(keras.Sequential(chain), run_eagerly=eager)
        fitted = model.fit(TEXTS, LABELS, batch_size=20, epochs=2, verbose=0, shuffle=False)
        histories.append(fitted.history["loss"])
        outputs.append(model.predict(TEXTS, verbose=0))
    np.testing.assert_allclose(*histories, rtol=1e-4)
    np.testing.assert_allclose(*outputs, rtol=1e-3)


@pytest.mark.parametrize("kind", ["sequential", "functional", "nested"])
def test_copies(kind):
    model = compiled(MODELS[kind]())
    expected = model.predict(TEXTS[:5], verbose=0)
    for other in (
        keras.models.clone_model(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model)),
    ):  # fmt: skip
        other.set_weights(model.get_weights())
        np.testing.assert_allclose(other.predict(TEXTS[:5], verbose=0), expected, rtol=1e-5)


def test_strings_beside_numbers():
    words, numbers = keras.Input((1,), dtype="string", name="words"), keras.Input((2,), name="n")
    ids = layers.StringLookup(vocabulary=list(TEXTS[:20]))(words)
    hashed = layers.Hashing(8, output_mode="one_hot")(words)
    found = layers.Flatten()(layers.Embedding(21, 3)(ids))
    joined = layers.Concatenate()([found, hashed, layers.Dense(2)(numbers)])
    model = compiled(keras.Model([words, numbers], layers.Dense(1, activation="sigmoid")(joined)))
    forms = [[TEXTS, NUMBERS], {"words": TEXTS, "n": NUMBERS}, (TEXTS[:, None], NUMBERS)]
    expected = model.predict(forms[0], verbose=0)
    for form in forms[1:]:
        np.testing.assert_array_equal(model.predict(form, verbose=0), expected)
    before = model.evaluate(forms[0], LABELS, verbose=0)[0]
    model.fit(forms[0], LABELS, epochs=5, verbose=0, validation_split=0.2)
    assert model.evaluate(forms[1], LABELS, verbose=0)[0] < before


def test_hashes_of_integers_and_crosses():
    """Host layers need no strings; what comes before them is computed before the step, too."""
    number, word = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="string")
    kept = layers.IntegerLookup(vocabulary=[3, 5, 7])(number)  # traced, then computed
    lookup = layers.StringLookup(vocabulary=["a", "b"])
    crossed = layers.HashedCrossing(16, output_mode="one_hot")([lookup(word), kept])
    hashed = layers.Hashing(4, output_mode="one_hot")(number)
    model = keras.Model([number, word], [crossed, hashed])
    numbers, words = np.array([3, 5, 9, 7]), np.array(["a", "b", "c", "a"])
    found = model.predict([numbers, words], verbose=0)
    ids = layers.IntegerLookup(vocabulary=[3, 5, 7])(numbers)
    expected = layers.HashedCrossing(16, output_mode="one_hot")([lookup(words), ids])
    np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(found[1], layers.Hashing(4, output_mode="one_hot")(numbers))
    np.testing.assert_array_equal(model([numbers, words])[0], expected)


def test_strings_through_two_layers():
    upper = layers.StringLookup(vocabulary=["x", "y"], invert=True)
    ids = keras.Input((2,), dtype="int32")
    model = keras.Model(ids, layers.StringLookup(vocabulary=["y", "x"])(upper(ids)))
    assert model.predict(np.array([[1, 2], [0, 1]]), verbose=0).tolist() == [[2, 1], [0, 2]]


def test_end_to_end_export():
    """A model trained on integers, put behind the layer that made them."""
    words = vectorizer(output_sequence_length=6)
    inner = keras.Sequential([keras.Input((6,), dtype="int32"), *tail()])
    ids = np.asarray(words(TEXTS))
    expected = inner.predict(ids, verbose=0)
    whole = keras.Sequential([keras.Input((1,), dtype="string"), words, inner])
    np.testing.assert_allclose(whole.predict(TEXTS, verbose=0), expected, rtol=1e-5)


def test_adapting_anew_is_seen():
    layer = layers.StringLookup()
    layer.adapt(["a", "b"])
    model = keras.Sequential([keras.Input((1,), dtype="string"), layer])
    assert model.predict(np.array(["a", "b", "c"]), verbose=0).ravel().tolist() == [2, 1, 0]
    layer.adapt(["b", "c", "c"])
    assert model.predict(np.array(["a", "b", "c"]), verbose=0).ravel().tolist() == [0, 2, 1]
    numbers = layers.IntegerLookup(vocabulary=[1, 2])
    model = keras.Sequential([keras.Input((1,), dtype="int32"), numbers])
    assert model.predict(np.array([1, 2, 3]), verbose=0).ravel().tolist() == [1, 2, 0]
    numbers.set_vocabulary([3, 2])  # a constant of the compiled graph
    assert model.predict(np.array([1, 2, 3]), verbose=0).ravel().tolist() == [0, 2, 1]


def test_what_cannot_be():
    plain = compiled(keras.Sequential([keras.Input((1,)), layers.Dense(1)]))
    with pytest.raises(ValueError, match=r"Received.*strings"):
        plain.fit(TEXTS, LABELS, verbose=0)
    inputs = keras.Input((2,))
    trained = layers.Hashing(4, output_mode="one_hot")(layers.Dense(3)(inputs))
    with pytest.raises(ValueError, match=r"Received: one that needs dense.*kernel"):
        keras.Model(inputs, trained).predict(NUMBERS, verbose=0)
    text = keras.Sequential([keras.Input((1,), dtype="string"), layers.Hashing(4)])
    with pytest.raises(ValueError, match="Received"):
        compiled(sequential()).fit(TEXTS, LABELS[:3], verbose=0)
    assert text.predict(np.array([["a"], ["b"]]), verbose=0).shape == (2, 1)
