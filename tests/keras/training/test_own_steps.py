"""Steps that models define themselves: what they compute, and that they are compiled."""

import jax
import numpy as np
import pytest

from graphc import keras
from graphc.keras import layers, ops


def data(rows=50, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 6)).astype("float32")
    return x, (x @ rng.normal(size=(6, 1))).astype("float32")


class Stateful(keras.Model):
    def train_step(self, data):
        x, y = data
        with keras.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=float(x.shape[0]))
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics[:1]}


class Calling(keras.Model):
    def train_step(self, data):
        return super().train_step(data)

    def test_step(self, data):
        return super().test_step(data)

    def predict_step(self, data):
        return super().predict_step(data)


class CallingForJax(keras.Model):
    def train_step(self, state, data):
        return super().train_step(state, data)

    def test_step(self, state, data):
        return super().test_step(state, data)

    def predict_step(self, state, data):
        return super().predict_step(state, data)


class WithJax(keras.Model):
    """The example of Keras's guide to `train_step` with JAX."""

    def compute_loss_and_updates(
        self, trainable_variables, non_trainable_variables, x, y, training=False
    ):
        y_pred, non_trainable_variables = self.stateless_call(
            trainable_variables, non_trainable_variables, x, training=training
        )
        return self.compute_loss(x, y, y_pred), (y_pred, non_trainable_variables)

    def train_step(self, state, data):
        trainable, fixed, optimizer, metrics = state
        x, y = data
        grad_fn = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, (y_pred, fixed)), grads = grad_fn(trainable, fixed, x, y, training=True)
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, grads, trainable)
        new, logs = [], {}
        for metric in self.metrics:
            this = metrics[len(new) : len(new) + len(metric.variables)]
            if metric.name == "loss":
                this = metric.stateless_update_state(this, loss)
            else:
                this = metric.stateless_update_state(this, y, y_pred)
            logs[metric.name] = metric.stateless_result(this)
            new += this
        return logs, (trainable, fixed, optimizer, new)


def built(cls, **kwargs):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6,))
    hidden = layers.Dense(8, activation="relu", kernel_regularizer="l2")(inputs)
    hidden = layers.BatchNormalization()(hidden)
    model = cls(inputs, layers.Dense(1)(hidden))
    model.compile("adam", "mse", metrics=["mae"], **kwargs)
    return model


def trained(cls, **kwargs):
    model = built(cls, **kwargs)
    history = model.fit(*data(), epochs=3, batch_size=16, verbose=0).history
    return model, history


@pytest.mark.parametrize("cls", [Stateful, Calling, CallingForJax])
def test_a_step_of_ones_own_trains_as_the_built_in_one(cls):
    expected, known = trained(keras.Model)
    model, history = trained(cls)
    for name in history:
        np.testing.assert_allclose(history[name], known[name], rtol=2e-5)
    for weight, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("cls", [Stateful, CallingForJax])
def test_run_eagerly_computes_the_same(cls):
    model, history = trained(cls)
    eager, told = trained(cls, run_eagerly=True)
    np.testing.assert_allclose(told["loss"], history["loss"], rtol=1e-4)
    for weight, wanted in zip(eager.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("cls", [Calling, CallingForJax])
def test_own_test_and_predict_steps(cls):
    model, wanted = built(cls), built(keras.Model)
    x, y = data()
    ours = model.evaluate(x, y, verbose=0, batch_size=16, return_dict=True)
    theirs = wanted.evaluate(x, y, verbose=0, batch_size=16, return_dict=True)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert value == pytest.approx(theirs[name], rel=1e-5)
    for rows in (1, 7, 50):
        np.testing.assert_allclose(
            model.predict(x[:rows], batch_size=8, verbose=0),
            wanted.predict(x[:rows], batch_size=8, verbose=0),
            rtol=1e-5, atol=1e-6,
        )  # fmt: skip


def test_the_jax_form_of_keras_guide_learns():
    inputs = keras.Input((6,))
    model = WithJax(inputs, layers.Dense(1)(layers.Dense(8, activation="relu")(inputs)))
    model.compile(keras.optimizers.Adam(0.05), "mse", metrics=["mae"])
    history = model.fit(*data(), epochs=20, verbose=0).history
    assert set(history) == {"loss", "mae"}
    assert history["loss"][-1] < history["loss"][0] / 2


def test_steps_run_in_one_compiled_call_and_the_report_looks_inside():
    model, _ = trained(Stateful)
    report = model.explain("train")
    assert report.as_dict()["facts"]["loop"].startswith("many steps")
    scopes = [row.scope for row in report.layers()]
    assert any("dense" in scope for scope in scopes)
    assert not any("core.gradient" in row.ops for row in report.layers())


class Distiller(keras.Model):
    """An override of `compute_loss` that does without `training`, and a second model inside."""

    def __init__(self, student, teacher):
        super().__init__()
        self.student, self.teacher, self.asked = student, teacher, []

    def call(self, x):
        return self.student(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return ops.mean(ops.square(self.teacher(x, training=False) - y_pred))


class Asking(keras.Model):
    asked: tuple = ()

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.asked = (*self.asked, training)
        return super().compute_loss(x, y, y_pred, sample_weight, training)


def test_compute_loss_may_be_overridden_with_and_without_training():
    x, y = data()
    teacher = keras.Sequential([keras.Input((6,)), layers.Dense(1)])
    student = keras.Sequential([keras.Input((6,)), layers.Dense(1)])
    model = Distiller(student, teacher)
    model.compile(keras.optimizers.Adam(0.05))
    before = teacher.get_weights()
    history = model.fit(x, y, epochs=60, verbose=0).history["loss"]
    assert history[-1] < history[0] / 10
    np.testing.assert_allclose(student.predict(x, verbose=0), teacher.predict(x, verbose=0), atol=1)
    assert model.evaluate(x, y, verbose=0) < history[0]
    assert len(before) == 2
    asking = built(Asking)
    asking.evaluate(x, y, verbose=0)
    assert set(asking.asked) == {False}
    asking.fit(x, y, verbose=0)
    assert set(asking.asked) == {False, True}


class Gan(keras.Model):
    """Two optimizers, two sub-models, no `call`."""

    def __init__(self, generator, discriminator, latent=4):
        super().__init__()
        self.generator, self.discriminator, self.latent = generator, discriminator, latent
        self.seed = keras.random.SeedGenerator(1)
        self.d_loss = keras.metrics.Mean(name="d_loss")
        self.g_loss = keras.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    @property
    def metrics(self):
        return [self.d_loss, self.g_loss]

    def train_step(self, real):
        if isinstance(real, tuple):
            real = real[0]
        rows = ops.shape(real)[0]
        fake = self.generator(keras.random.normal((rows, self.latent), seed=self.seed))
        both = ops.concatenate([fake, real], axis=0)
        labels = ops.concatenate([ops.ones((rows, 1)), ops.zeros((rows, 1))], axis=0)
        with keras.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(both))
        grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        pairs = zip(grads, self.discriminator.trainable_weights, strict=True)
        self.d_optimizer.apply_gradients(pairs)
        noise = keras.random.normal((rows, self.latent), seed=self.seed)
        with keras.GradientTape() as tape:
            predictions = self.discriminator(self.generator(noise))
            g_loss = self.loss_fn(ops.zeros((rows, 1)), predictions)
        grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights, strict=True))
        self.d_loss.update_state(d_loss)
        self.g_loss.update_state(g_loss)
        return {"d_loss": self.d_loss.result(), "g_loss": self.g_loss.result()}


def gan():
    keras.utils.set_random_seed(0)
    generator = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(6)])
    discriminator = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, "relu"), layers.Dropout(0.2), layers.Dense(1)]
    )
    model = Gan(generator, discriminator)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), keras.optimizers.Adam(1e-2), loss)
    return model


def test_a_gan_trains_both_of_its_models():
    model = gan()
    before = [w.copy() for w in model.get_weights()]
    history = model.fit(data()[0], epochs=2, batch_size=20, verbose=0).history
    assert set(history) == {"d_loss", "g_loss"}
    assert all(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert int(model.d_optimizer.iterations.value) == int(model.g_optimizer.iterations.value) == 6
    again = gan()
    again.fit(data()[0], epochs=2, batch_size=20, verbose=0)
    for first, second in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


class Penalised(keras.Model):
    """A gradient inside a gradient, as the penalty of WGAN-GP."""

    def train_step(self, data):
        x, y = data
        with keras.GradientTape() as tape:
            with keras.GradientTape() as inner:
                inner.watch(x)
                y_pred = self(x, training=True)
            slopes = inner.gradient(y_pred, [x])[0]
            norm = ops.sqrt(ops.sum(ops.square(slopes), axis=1))
            loss = ops.mean(ops.square(y_pred - y)) + ops.mean(ops.square(norm - 1.0))
        grads = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply(grads, self.trainable_weights)
        return {"loss": loss, "first": grads[0]}


def test_a_gradient_of_a_gradient_is_jaxs():
    inputs = keras.Input((6,))
    hidden = layers.Dense(5, activation="tanh")(inputs)
    model = Penalised(inputs, layers.Dense(1)(hidden))
    model.compile("sgd")
    x, y = data(16)
    values = [v.numpy() for v in model.trainable_weights]

    def loss_of(weights):
        w1, b1, w2, b2 = weights

        def out(rows):
            return jax.numpy.tanh(rows @ w1 + b1) @ w2 + b2

        slopes = jax.grad(lambda rows: out(rows).sum())(x)
        norm = jax.numpy.sqrt((slopes**2).sum(axis=1))
        return ((out(x) - y) ** 2).mean() + ((norm - 1.0) ** 2).mean()

    loss, grads = jax.value_and_grad(loss_of)(values)
    logs = model.train_on_batch(x, y, return_dict=True)
    assert logs["loss"] == pytest.approx(float(loss), rel=1e-5)
    np.testing.assert_allclose(logs["first"], grads[0], rtol=1e-4, atol=1e-6)


def test_a_tape_says_none_for_what_it_does_not_depend_on():
    found = {}

    class Odd(keras.Model):
        def train_step(self, data):
            x, _ = data
            used, unused = self.trainable_weights[0], self.trainable_weights[1]
            with keras.GradientTape() as tape:
                loss = ops.sum(x @ used)
                cut = ops.sum(ops.stop_gradient(x @ used))
            found["none"] = tape.gradient(loss, {"a": used, "b": unused})
            found["cut"] = tape.gradient(cut, used)
            zero = tape.gradient(loss, [unused], unconnected_gradients="zero")
            twice = tape.gradient(loss, used, output_gradients=2.0)
            return {"zero": zero[0], "a": found["none"]["a"], "twice": twice}

    model = Odd(inputs := keras.Input((6,)), layers.Dense(2)(inputs))
    model.compile("sgd")
    x, y = data(5)
    logs = model.train_on_batch(x, y, return_dict=True)
    assert found["none"]["b"] is None and found["cut"] is None
    np.testing.assert_array_equal(logs["zero"], np.zeros(2))
    np.testing.assert_allclose(logs["a"], np.repeat(x.sum(0)[:, None], 2, 1), rtol=1e-5)
    np.testing.assert_allclose(logs["twice"], 2 * logs["a"], rtol=1e-6)


def test_what_is_wrong_with_a_step_is_said():
    class Nothing(keras.Model):
        def train_step(self, data):
            return 3.0

    model = Nothing(inputs := keras.Input((6,)), layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="must return a dictionary"):
        model.fit(*data(), verbose=0)
    with pytest.raises(RuntimeError, match="entered"):
        keras.GradientTape().gradient(1.0, [])
    with pytest.raises(ValueError, match="unconnected_gradients"):
        keras.GradientTape().gradient(1.0, [], unconnected_gradients="nan")


def test_stateless_call_is_pure_and_differentiable():
    model = built(keras.Model)
    x, _ = data(9)
    trainable = [v.value for v in model.trainable_variables]
    fixed = [v.value for v in model.non_trainable_variables]
    outputs, after = model.stateless_call(trainable, fixed, x, training=True)
    np.testing.assert_array_equal(fixed[0], model.non_trainable_variables[0].value)
    assert any(not np.array_equal(a, b) for a, b in zip(fixed, after, strict=True))
    jitted = jax.jit(lambda t, f, x: model.stateless_call(t, f, x, training=True))
    np.testing.assert_allclose(jitted(trainable, fixed, x)[0], outputs, rtol=1e-5, atol=1e-6)
    _, _, losses = model.stateless_call(trainable, fixed, x, return_losses=True)
    assert len(losses) == 1
    slopes = jax.grad(lambda t: model.stateless_call(t, fixed, x)[0].sum())(trainable)
    assert all(np.isfinite(s).all() for s in slopes) and np.abs(slopes[0]).sum() > 0
    with pytest.raises(ValueError, match="1:1"):
        model.stateless_call(trainable[:-1], fixed, x)
    with pytest.raises(ValueError, match="must be built"):
        layers.Dense(2).stateless_call([], [], x)
