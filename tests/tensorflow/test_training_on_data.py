"""Datasets in `fit`, `adapt` and in loops of one's own, as tutorials use them."""

import numpy as np
import pytest

import graphc.tensorflow as tf
from graphc import keras

AUTOTUNE = tf.data.AUTOTUNE


def digits(rows=96):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, rows)
    images = rng.integers(0, 60, (rows, 6, 6)).astype("uint8")
    images[np.arange(rows), labels * 2] = 250  # a bright row says the class
    return images, labels


def classifier():
    model = keras.Sequential(
        [keras.Input((6, 6)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def scaled(image, label):
    return tf.cast(image, tf.float32) / 255.0, label


def test_fit_on_the_usual_pipeline(capsys) -> None:
    tf.random.set_seed(0)
    x, y = digits()
    train = tf.data.Dataset.from_tensor_slices((x, y)).map(scaled, num_parallel_calls=AUTOTUNE)
    train = train.cache().shuffle(96).batch(16).prefetch(AUTOTUNE)
    test = tf.data.Dataset.from_tensor_slices((x, y)).batch(32).map(scaled)
    model = classifier()
    history = model.fit(train, epochs=3, validation_data=test)
    assert "6/6" in capsys.readouterr().out
    assert history.history["loss"][-1] < history.history["loss"][0]
    loss, accuracy = model.evaluate(test, verbose=0)
    assert history.history["val_accuracy"][-1] == pytest.approx(accuracy)
    assert loss == pytest.approx(history.history["val_loss"][-1], rel=1e-5)
    predicted = model.predict(test.map(lambda image, _: image), verbose=0)
    np.testing.assert_allclose(predicted, model.predict(x / 255.0, verbose=0), atol=1e-6)


def test_fit_is_what_it_is_on_arrays() -> None:
    x, y = digits()
    x = x.astype("float32") / 255
    keras.utils.set_random_seed(1)
    model = classifier()
    expected = model.fit(x, y, shuffle=False, batch_size=32, epochs=2, verbose=0).history
    keras.utils.set_random_seed(1)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
    found = classifier().fit(dataset, epochs=2, verbose=0).history
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)


def test_a_seed_repeats_a_fit() -> None:
    def run():
        keras.utils.set_random_seed(5)
        dataset = tf.data.Dataset.from_tensor_slices(digits()).map(scaled).shuffle(32).batch(16)
        return classifier().fit(dataset, epochs=2, verbose=0).history["loss"]

    assert run() == run()


def test_fit_on_an_endless_dataset() -> None:
    dataset = tf.data.Dataset.from_tensor_slices(digits()).map(scaled).repeat().batch(10)
    seen = []
    counted = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda step, logs: seen.append(step)
    )
    classifier().fit(dataset, epochs=2, steps_per_epoch=7, verbose=0, callbacks=[counted])
    assert seen == [*range(7)] * 2


def test_every_epoch_is_a_pass_of_its_own() -> None:
    passes = []

    def rows():
        passes.append(1)
        yield from zip(*digits(32), strict=True)

    signature = (tf.TensorSpec((6, 6), tf.float32), tf.TensorSpec((), tf.int32))
    dataset = tf.data.Dataset.from_generator(rows, output_signature=signature).batch(8)
    classifier().fit(dataset, epochs=3, verbose=0)
    assert len(passes) == 3


def test_dictionaries_of_features() -> None:
    rng = np.random.default_rng(0)
    features = {"age": rng.normal(size=(64, 1)), "town": rng.choice(["x", "y"], (64, 1))}
    labels = (features["age"][:, 0] > 0).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices((features, labels)).batch(16)
    lookup = keras.layers.StringLookup(output_mode="one_hot")
    lookup.adapt(dataset.map(lambda x, _: x["town"]))
    scale = keras.layers.Normalization()
    scale.adapt(dataset.map(lambda x, _: x["age"]))
    np.testing.assert_allclose(np.ravel(scale.mean), features["age"].mean(), atol=1e-6)
    encoded = dataset.map(lambda x, y: ({"age": scale(x["age"]), "town": lookup(x["town"])}, y))
    inputs = {"age": keras.Input((1,), name="age"), "town": keras.Input((3,), name="town")}
    merged = keras.layers.Concatenate()([inputs["age"], inputs["town"]])
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(merged))
    model.compile("adam", "binary_crossentropy")
    assert len(model.fit(encoded, epochs=2, verbose=0).history["loss"]) == 2


def test_text() -> None:
    texts, labels = ["good film", "bad film", "good", "bad"] * 4, [1, 0, 1, 0] * 4
    raw = tf.data.Dataset.from_tensor_slices((texts, labels)).batch(4)
    vectorize = keras.layers.TextVectorization(output_sequence_length=2)
    vectorize.adapt(raw.map(lambda text, _: text))
    assert set(vectorize.get_vocabulary()) == {"", "[UNK]", "good", "bad", "film"}
    train = raw.map(lambda text, label: (vectorize(text), label))
    model = keras.Sequential(
        [
            keras.layers.Embedding(5, 4), keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )  # fmt: skip
    model.compile("adam", "binary_crossentropy")
    assert np.isfinite(model.fit(train, verbose=0).history["loss"][0])


def test_padded_sequences_of_different_lengths() -> None:
    def sequences():
        for length in (3, 5, 2, 4):
            yield np.arange(1, length + 1), length % 2

    signature = (tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.int32))
    dataset = tf.data.Dataset.from_generator(sequences, output_signature=signature)
    model = keras.Sequential(
        [keras.layers.Embedding(6, 4, mask_zero=True), keras.layers.LSTM(3), keras.layers.Dense(2)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(dataset.padded_batch(2, padded_shapes=([5], [])), verbose=0)
    assert model.predict(dataset.padded_batch(4).map(lambda x, _: x), verbose=0).shape == (4, 2)


def test_augmentation_draws_anew() -> None:
    tf.random.set_seed(2)
    augment = keras.Sequential([keras.layers.RandomFlip("horizontal", seed=1)])
    images = np.broadcast_to(np.arange(4.0, dtype="float32")[None, None, :, None], (12, 4, 4, 1))
    dataset = tf.data.Dataset.from_tensor_slices(images)
    dataset = dataset.map(lambda x: augment(x, training=True)).batch(12)
    first, second = (next(iter(dataset)).numpy()[:, 0, 0, 0] for _ in range(2))
    assert set(first) == {0.0, 3.0}
    assert first.tolist() != second.tolist()
    assert first.shape == (12,)


def test_other_iterables_are_datasets_too() -> None:
    series = keras.utils.timeseries_dataset_from_array(
        np.arange(10.0), None, sequence_length=2, batch_size=3
    )
    found = tf.data.Dataset.zip((series, tf.data.Dataset.range(2)))
    assert next(x.numpy().tolist() for x, _ in found) == [[0, 1], [1, 2], [2, 3]]
    assert len(found) == 2
