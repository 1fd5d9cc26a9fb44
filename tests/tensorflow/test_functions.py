"""`tf.function`, `tf.Variable` and `tf.GradientTape` as loops of one's own use them."""

import numpy as np
import pytest

import graphc.tensorflow as tf
from graphc import keras
from graphc.programs import cache_info


def rows(count=64):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 4)).astype("float32")
    return tf.data.Dataset.from_tensor_slices((x, (x[:, 0] > 0).astype("int64"))).batch(16)


def trained(decorate):
    """The loop of TensorFlow's quickstart for experts: losses, metrics and weights."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(8, "relu"), keras.layers.Dense(2)])
    loss_object = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(0.01)
    train_loss, accuracy = keras.metrics.Mean(), keras.metrics.SparseCategoricalAccuracy()

    @decorate
    def train_step(images, labels):
        with tf.GradientTape() as tape:
            predictions = model(images, training=True)
            loss = loss_object(labels, predictions)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        train_loss(loss)
        accuracy(labels, predictions)
        return loss

    losses = [float(train_step(x, y)) for _ in range(3) for x, y in rows()]
    found = train_loss.result().numpy(), accuracy.result().numpy()
    return losses, found, [weight.numpy() for weight in model.weights]


def test_a_training_loop() -> None:
    losses, (mean, accuracy), weights = trained(tf.function)
    assert losses[-1] < losses[0] and mean == pytest.approx(np.mean(losses), rel=1e-5)
    assert 0 < accuracy <= 1
    plain_losses, _, plain_weights = trained(lambda step: step)
    assert losses == pytest.approx(plain_losses, rel=1e-4)
    for one, other in zip(weights, plain_weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_loop_compiles_once() -> None:
    trained(tf.function)
    before = cache_info().misses
    trained(tf.function)
    assert cache_info().misses == before


def test_eager_functions() -> None:
    tf.config.run_functions_eagerly(True)
    try:
        assert tf.config.functions_run_eagerly()
        losses, _, _ = trained(tf.function)
    finally:
        tf.config.run_functions_eagerly(False)
    assert losses == pytest.approx(trained(tf.function)[0], rel=1e-4)


@pytest.mark.parametrize(
    "decorate",
    [
        tf.function,
        tf.function(),
        tf.function(jit_compile=True, reduce_retracing=True),
        tf.function(input_signature=[tf.TensorSpec([None], tf.float32)]),
    ],
)
def test_decorators(decorate) -> None:
    @decorate
    def doubled(x):
        """Doc."""
        return {"y": x * 2}, x

    found, same = doubled(tf.constant([1.0, 2.0]))
    assert found["y"].numpy().tolist() == [2, 4] and same.numpy().tolist() == [1, 2]
    assert doubled.__name__ == "doubled" and doubled.__doc__ == "Doc."
    assert doubled.python_function(3)[0]["y"] == 6


def test_methods_variables_and_branches() -> None:
    class Counter:
        def __init__(self):
            self.total = tf.Variable(0.0)

        @tf.function
        def add(self, x, times=1):
            for _ in range(times):
                self.total.assign_add(x)
            if self.total > 10:
                return "many"
            return self.total

    counter = Counter()
    assert float(counter.add(tf.constant(2.0), times=3)) == 6
    assert counter.add(np.float32(5.0)) == "many"
    assert counter.total.numpy() == 11


def test_a_function_inside_a_tape() -> None:
    scale = tf.Variable(3.0)

    @tf.function
    def line(x):
        return scale * x

    with tf.GradientTape(persistent=True) as tape:
        x = tf.constant(2.0)
        tape.watch(x)
        y = line(x) + x**2
    assert float(tape.gradient(y, x)) == 7
    assert float(tape.gradient(y, scale)) == 2


def test_texts_go_through() -> None:
    @tf.function
    def first(texts, x):
        return texts.numpy()[0], x + 1

    text, number = first(tf.constant(["a", "b"]), tf.constant(1))
    assert text == b"a" and int(number) == 2


# (what is computed of x, its derivative at 3)
DERIVATIVES = [
    (lambda x: x * x, 6.0),
    (lambda x: 2 * x + x, 3.0),
    (lambda x: 1 / x, -1 / 9),
    (lambda x: x**3, 27.0),
    (lambda x: tf.sqrt(x * 3), 0.5),
    (lambda x: -x, -1.0),
]


@pytest.mark.parametrize(("compute", "expected"), DERIVATIVES)
def test_derivatives_by_constants(compute, expected) -> None:
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = compute(x)
    assert tape.gradient(y, x).numpy() == pytest.approx(expected)


def test_variables() -> None:
    variable = tf.Variable([1, 2], name="v", dtype=tf.float32, trainable=False)
    assert variable.dtype == tf.float32 and variable.name == "v" and not variable.trainable
    assert variable.assign([3, 4]).numpy().tolist() == [3, 4]
    assert variable.assign_sub([1.0, 1.0], read_value=False).numpy().tolist() == [2, 3]
    assert (variable + 1).numpy().tolist() == [3, 4]
    assert tf.Variable(1).dtype == "int32" and tf.Variable(lambda: 1.5).dtype == "float32"
    assert isinstance(variable, keras.Variable) and tf.is_tensor(variable)
    assert variable.read_value().numpy().tolist() == [2, 3]
    with pytest.raises(ValueError, match="initial_value"):
        tf.Variable()


def test_layers_own_variables() -> None:
    class Scale(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.factor = tf.Variable(2.0, name="factor")

        def call(self, x):
            return self.factor * x

    layer = Scale()
    assert layer(tf.ones((2,))).numpy().tolist() == [2, 2]
    assert [one.name for one in layer.trainable_weights] == ["factor"]


def test_tensors() -> None:
    tensors = [tf.constant(1), keras.ops.ones(2), next(iter(rows()))[0]]
    assert all(isinstance(one, tf.Tensor) and tf.is_tensor(one) for one in tensors)
    assert not isinstance(np.ones(2), tf.Tensor) and not tf.is_tensor([1])
    assert keras.layers.Dense(2)(np.ones((1, 3))).numpy().shape == (1, 2)
    assert tf.constant("text").numpy() == b"text"
    assert f"{tf.constant(1.25):.1f}" == "1.2"
    with pytest.raises(TypeError, match=r"tf\.constant"):
        tf.Tensor(1)


def test_devices() -> None:
    assert tf.config.list_physical_devices("CPU")[0].device_type == "CPU"
    assert tf.config.experimental.list_physical_devices("NPU") == []
    for device in tf.config.list_physical_devices():
        tf.config.experimental.set_memory_growth(device, True)
