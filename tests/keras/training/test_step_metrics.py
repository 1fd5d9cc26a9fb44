"""What steps report: metrics that a model adds to, or updates as older versions of Keras did."""

import numpy as np
import pytest

from graphc import keras
from graphc.keras import layers, ops


def data(rows=50):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 6)).astype("float32"), rng.normal(size=(rows, 1)).astype(
        "float32"
    )


class Reporting(keras.Model):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        results = super().compute_metrics(x, y, y_pred, sample_weight)
        return {**results, "largest": ops.max(ops.abs(y_pred)), "seven": 7.0}


@pytest.mark.parametrize("eagerly", [False, True])
def test_compute_metrics_may_add_results_of_the_batch(eagerly):
    x, y = data()
    inputs = keras.Input((6,))
    model = Reporting(inputs, layers.Dense(1)(inputs))
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mae"], run_eagerly=eagerly)
    plain = keras.Model(model.inputs, model.outputs)
    plain.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mae"])
    options = {"batch_size": 16, "verbose": 0, "shuffle": False}
    found = model.fit(x, y, validation_data=(x[:20], y[:20]), epochs=2, **options).history
    expected = plain.fit(x, y, epochs=2, **options).history
    assert set(found) == {p + n for p in ("", "val_") for n in ("loss", "mae", "largest", "seven")}
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)
    np.testing.assert_allclose(found["mae"], expected["mae"], rtol=1e-5)
    last = np.abs(model.predict(x[48:], verbose=0)).max()
    np.testing.assert_allclose(found["largest"], [last, last], rtol=1e-5)
    assert found["seven"] == [7.0, 7.0]
    assert "largest" in model.evaluate(x, y, verbose=0, return_dict=True)


class OlderKeras(keras.Model):
    def train_step(self, data):
        x, y = data
        _, gradients = self.gradients(lambda: self.compute_loss(x=x, y=y, y_pred=self(x)))
        with pytest.warns(UserWarning, match="compiled_metrics"):
            self.compiled_metrics.update_state(y, self(x, training=True))
        self.optimizer.apply(gradients, self.trainable_variables)
        return {name: value for name, value in self.get_metrics_result().items() if name != "loss"}


def test_compiled_metrics_of_older_versions():
    x, y = data(48)
    inputs = keras.Input((6,))
    model = OlderKeras(inputs, layers.Dense(1)(inputs))
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mae"])
    found = model.fit(x, y, batch_size=16, verbose=0).history["mae"][0]
    assert found == pytest.approx(np.abs(y - model.predict(x, verbose=0)).mean(), rel=1e-5)
