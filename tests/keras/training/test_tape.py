"""`GradientTape` outside of any step: loops that people write themselves."""

import gc
import weakref

import numpy as np
import pytest

from graphc import keras
from graphc.keras import layers, ops
from graphc.programs import cache_info


def data(rows=96):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 6)).astype("float32")
    return x, (x[:, 0] > 0).astype("int32") + (x[:, 1] > 0)


def model_of(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((6,)), layers.Dense(16, "relu"), layers.BatchNormalization(),
            layers.Dropout(0.1, seed=3), layers.Dense(3),
        ]
    )  # fmt: skip


def loop(model, epochs=2, *, inside=False):
    """The loop of Keras's guide `writing_a_training_loop_in_tensorflow`."""
    x, y = data()
    optimizer = keras.optimizers.Adam(0.01)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metric, losses = keras.metrics.SparseCategoricalAccuracy(), []
    for _ in range(epochs):
        for at in range(0, len(x), 32):
            rows = slice(at, at + 32)
            with keras.GradientTape() as tape:
                logits = model(x[rows], training=True)
                loss = loss_fn(y[rows], logits)
                if inside:
                    optimizer.apply(
                        tape.gradient(loss, model.trainable_weights), model.trainable_weights
                    )
            if not inside:
                grads = tape.gradient(loss, model.trainable_weights)
                pairs = zip(grads, model.trainable_weights, strict=True)
                optimizer.apply_gradients(pairs)
            metric.update_state(y[rows], logits)
            losses.append(float(loss))
    return losses, float(metric.result())


def test_a_loop_of_ones_own_is_what_fit_does():
    model = model_of()
    losses, accuracy = loop(model)
    fitted = model_of()
    fitted.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"],
    )  # fmt: skip
    history = fitted.fit(*data(), batch_size=32, epochs=2, shuffle=False, verbose=0).history
    np.testing.assert_allclose(np.mean(losses[:3]), history["loss"][0], rtol=1e-5)
    np.testing.assert_allclose(np.mean(losses[3:]), history["loss"][1], rtol=1e-4)
    for weight, wanted in zip(model.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=1e-3, atol=1e-5)
    assert accuracy > 0.3


def test_the_rounds_of_a_loop_share_one_program():
    loop(model := model_of(), epochs=1)
    before = cache_info().misses
    loop(model, epochs=2)
    assert cache_info().misses == before


def test_gradients_may_be_applied_inside_the_tape():
    one, other = model_of(), model_of()
    assert loop(one)[0] == pytest.approx(loop(other, inside=True)[0], rel=1e-4)
    for weight, wanted in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=1e-3, atol=1e-5)


def test_what_is_written_inside_is_seen_everywhere():
    model = model_of()
    norm = model.layers[1]
    before = norm.moving_mean.numpy()
    with keras.GradientTape():
        model(data()[0], training=True)
    assert not np.array_equal(norm.moving_mean.numpy(), before)
    with keras.GradientTape():
        model(data()[0], training=True)
    model.save_weights  # noqa: B018 (only looked up)
    total = sum(np.abs(w).sum() for w in model.get_weights())
    norm.moving_mean.assign(np.zeros(16))
    assert np.isfinite(total) and not norm.moving_mean.numpy().any()


def test_numbers_of_a_tape():
    v = keras.Variable(2.0)
    with keras.GradientTape(persistent=True) as tape:
        cube = v * v * v
        twice = cube * 2
        if cube > 7:  # Python may ask for numbers in between
            twice = twice + v
    assert float(tape.gradient(cube, v)) == 12.0
    assert float(tape.gradient(twice, v)) == 25.0
    assert f"{cube:.1f}" == "8.0" and int(cube) == 8 and cube.item() == 8.0
    assert "value=8.0" in repr(cube)
    np.testing.assert_array_equal(cube.numpy(), 8.0)


def test_tensors_count_when_they_are_watched():
    x = ops.convert_to_tensor([1.0, 2.0, 3.0])
    with keras.GradientTape() as outer:
        outer.watch(x)
        with keras.GradientTape() as inner:
            inner.watch(x)
            y = ops.sum(ops.power(x, 3))
        slope = inner.gradient(y, x)
    np.testing.assert_allclose(slope, [3.0, 12.0, 27.0], rtol=1e-6)
    np.testing.assert_allclose(outer.gradient(slope, x), [6.0, 12.0, 18.0], rtol=1e-6)
    with keras.GradientTape() as tape:
        y = ops.sum(ops.square(x))
    assert tape.gradient(y, x) is None


def test_results_of_one_tape_go_into_another_and_into_a_model():
    v, w = keras.Variable(3.0), keras.Variable(1.0)
    with keras.GradientTape() as tape:
        first = v * 2
    slope = tape.gradient(first, v)
    with keras.GradientTape() as tape:
        second = w * first * slope
    assert float(tape.gradient(second, w)) == 12.0
    v.assign(first)
    assert float(v.value) == 6.0
    model = model_of()
    with keras.GradientTape() as tape:
        rows = ops.ones((2, 6)) * w
    assert np.asarray(model(rows)).shape == (2, 3)


def test_a_long_loop_keeps_nothing():
    v = keras.Variable(np.ones(1000, "float32"))
    optimizer = keras.optimizers.SGD(0.01)

    def alive():
        gc.collect()
        return len(gc.get_objects())

    for round_ in range(60):
        with keras.GradientTape() as tape:
            loss = ops.sum(v * v)
        optimizer.apply_gradients([(tape.gradient(loss, v), v)])
        if round_ == 20:
            before = alive()
    assert alive() < before + 200


def test_a_result_that_is_kept_keeps_nothing_else():
    v = keras.Variable(np.ones(10, "float32"))
    batch = np.ones((1000, 10), "float32")
    alive = weakref.ref(batch)
    with keras.GradientTape() as tape:
        loss = ops.sum(ops.multiply(batch, v))
    assert float(loss) == 10000
    del tape, batch
    gc.collect()
    assert alive() is None and float(loss) == 10000


def test_a_watched_numpy_array_is_known_to_layers():
    x = np.ones((2, 6), "float32")
    layer = layers.Dense(1, kernel_initializer="ones")
    layer.build((None, 6))
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(ops.square(layer(x)))
    np.testing.assert_allclose(tape.gradient(y, x), np.full((2, 6), 12.0))
