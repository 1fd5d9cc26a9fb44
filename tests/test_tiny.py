"""The smoke test of every commit: one model trains through the whole compiler."""

from __future__ import annotations

import numpy as np

import graphc
from graphc import keras


def test_a_model_trains_evaluates_and_predicts() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(70, 8))
    y = (x[:, :1] > 0).astype("int64")
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=4, batch_size=32, verbose=0).history
    assert list(history) == ["accuracy", "loss"]
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert loss < 0.5 and accuracy > 0.8
    predicted = model.predict(x[:5], verbose=0)
    assert predicted.shape == (5, 1)
    np.testing.assert_allclose(predicted, model(x[:5]), rtol=1e-6)
    report = model.explain("train")
    assert any(event.reason is None for name, event in report.rewrites())
    assert "fuse_softmax_xent" in str(report)


def test_a_hand_built_graph_compiles() -> None:
    builder = graphc.Builder()
    x = builder.input(graphc.TensorSpec((2, 3), "float32"), "x")
    doubled = builder.emit("math.multiply", x, 2.0)
    executable = graphc.compile(builder.finish([doubled]))
    (result,) = executable(np.ones((2, 3), "float32"))
    np.testing.assert_array_equal(result, np.full((2, 3), 2.0))
    assert "math.multiply" in executable.show("graph")
