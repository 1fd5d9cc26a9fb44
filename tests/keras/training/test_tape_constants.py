"""What was computed before a tape was entered is constant for it, as in TensorFlow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc import keras
from graphc.keras import layers, ops

ROW = np.float32([[1, 2, 3]])


def reported(step, x=ROW, units=1):
    """Run a model whose train step is `step(model, x)` once; return what it reports."""

    class Stepping(keras.Model):
        def train_step(self, data):
            return step(self, data)

    inputs = keras.Input(x.shape[1:])
    model = Stepping(inputs, layers.Dense(units, kernel_initializer="ones")(inputs))
    model.compile(keras.optimizers.SGD(1.0))
    return model.train_on_batch(x, return_dict=True)


def test_an_earlier_update_is_not_differentiated():
    """The usual step of a GAN: the generator's loss after the discriminator's update."""

    def step(model, x):
        g, d = model.trainable_weights
        fake = ops.sum(x @ g)
        with keras.GradientTape() as tape:
            loss = fake * ops.sum(d)
        model.optimizer.apply([tape.gradient(loss, d)], [d])  # d becomes 0 - 6
        with keras.GradientTape() as tape:
            loss = ops.sum(x @ g) * ops.sum(d)
        return {"slope": tape.gradient(loss, g), "d": d.value}

    found = reported(step)
    np.testing.assert_allclose(found["d"], [-6.0])
    np.testing.assert_allclose(found["slope"], [[-6.0], [-12.0], [-18.0]])


def test_a_tensor_from_before_is_constant_even_where_it_is_computed_again():
    def step(model, x):
        before = 2 * x
        with keras.GradientTape() as tape:
            tape.watch(x)
            one = ops.sum(before * x)
            again = ops.sum(before * (2 * x))
        return {"one": tape.gradient(one, x), "again": tape.gradient(again, x)}

    found = reported(step)
    np.testing.assert_allclose(found["one"], 2 * ROW)
    np.testing.assert_allclose(found["again"], 4 * ROW)


def test_an_assigned_variable_is_where_the_way_ends():
    def step(model, x):
        w = model.trainable_weights[0]
        w.assign(w + ops.transpose(x))
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = ops.sum(x @ w)
        by_x, by_w = tape.gradient(y, [x, w])
        return {"by_x": by_x, "by_w": by_w}

    found = reported(step)
    np.testing.assert_allclose(found["by_x"], ROW + 1)
    np.testing.assert_allclose(found["by_w"], ROW.T)


def penalised(w, x):
    def out(rows):
        return jnp.tanh(rows @ w).sum()

    slopes = jax.grad(out)(x)
    return out(x) + ((jnp.sqrt((slopes**2).sum(axis=1)) - 1) ** 2).sum()


def test_two_steps_with_a_penalty_each():
    def step(model, x):
        w, losses = model.trainable_weights[0], {}
        for number in range(2):
            with keras.GradientTape() as tape:
                with keras.GradientTape() as inner:
                    inner.watch(x)
                    y = ops.sum(ops.tanh(x @ w))
                slopes = inner.gradient(y, x)
                norm = ops.sqrt(ops.sum(ops.square(slopes), axis=1))
                loss = y + ops.sum(ops.square(norm - 1))
            w.assign(w - 0.1 * tape.gradient(loss, w))
            losses[f"loss_{number}"] = loss
        return {"w": w.value, **losses}

    x = np.float32([[0.1, 0.2, 0.3], [0.3, -0.2, 0.1]])
    found = reported(step, x, units=2)
    w = np.ones((3, 2), "float32")
    for number in range(2):
        loss, slope = jax.value_and_grad(penalised)(w, x)
        assert found[f"loss_{number}"] == pytest.approx(float(loss), rel=1e-5)
        w = w - 0.1 * slope
    np.testing.assert_allclose(found["w"], w, rtol=1e-5)


def test_a_gradient_whose_forward_pass_another_gradient_uses():
    def step(model, x):
        a, b = keras.Variable(1.0), model.trainable_weights[1]
        with keras.GradientTape() as tape:
            z = x + 1
            with keras.GradientTape() as inner:
                inner.watch(z)
                y = ops.sum(ops.tanh(z * a))
            loss = ops.sum(ops.square(inner.gradient(y, z)))
        a.assign(a - tape.gradient(loss, a))
        with keras.GradientTape() as tape:
            g = ops.sum(ops.tanh(ops.exp(b) * a))
        return {"loss": loss, "a": a.value, "by_b": tape.gradient(g, b)}

    found = reported(step)

    def loss_of(a):
        return (jax.grad(lambda z: jnp.tanh(z * a).sum())(ROW + 1) ** 2).sum()

    loss, slope = jax.value_and_grad(loss_of)(1.0)
    assert found["loss"] == pytest.approx(float(loss), rel=1e-4)
    assert found["a"] == pytest.approx(1 - float(slope), rel=1e-4)
    by_b = jax.grad(lambda b: jnp.tanh(jnp.exp(b) * (1 - slope)).sum())(0.0)
    np.testing.assert_allclose(found["by_b"], [by_b], rtol=1e-4)


def test_the_same_outside_of_any_step():
    x, w = ops.convert_to_tensor(ROW), keras.Variable(np.ones((3, 1), "float32"))
    with keras.GradientTape() as tape:
        before = ops.sum(x @ w)
    slope = tape.gradient(before, w)
    with keras.GradientTape() as tape:
        after = before * ops.sum(x @ w)
    np.testing.assert_allclose(tape.gradient(after, w), 6 * np.asarray(slope))
