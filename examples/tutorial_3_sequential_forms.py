"""Every documented way to build and compile a `Sequential`, and a model with two outputs.

Run it with `python -m graphc run examples/tutorial_3_sequential_forms.py`.
"""

import os

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

EPOCHS = int(os.environ.get("EPOCHS", "3"))

x = np.random.random((64, 16)).astype("float32")
y = np.random.random((64, 4)).astype("float32")

# The input shape on the first layer: the model has its weights at once.
model = keras.Sequential()
model.add(layers.Dense(8, input_shape=(16,)))
model.add(layers.Dense(4))
print("with input_shape:", len(model.weights))

# An Input object says the same.
model = keras.Sequential([keras.Input(shape=(16,)), layers.Dense(8), layers.Dense(4)])
print("with Input:", len(model.weights))

# Neither: the model has no weights yet.
model = keras.Sequential()
model.add(layers.Dense(8))
model.add(layers.Dense(4))
print("before the build:", model.built, len(model.weights))

# It gets them from build, given the shape of a batch ...
model.build((None, 16))
print("after build():", model.built, len(model.weights))

# ... or when the first fit shows it the data ...
model = keras.Sequential()
model.add(layers.Dense(8, activation=tf.nn.relu))
model.add(layers.Dense(4))
model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
print("after compile:", model.metrics_names)
model.fit(x, y, batch_size=32, epochs=EPOCHS)
print("after fit:", model.built, len(model.weights), model.metrics_names)

# ... or when it is called on an array.
model = keras.Sequential([layers.Dense(8), layers.Dense(4)])
print("called:", model(x[:3]).shape, len(model.weights))

# The last layer can be taken off again.
model.pop()
print("after pop():", len(model.layers), model(x[:3]).shape)

# One Dense shared by two outputs, each with its own loss, weight and metrics.
first, second = keras.Input(shape=(16,), name="first"), keras.Input(shape=(16,), name="second")
shared = layers.Dense(8, activation="relu", name="shared")
out_a = layers.Dense(4, name="a")(shared(first))
out_b = layers.Dense(1, activation="sigmoid", name="b")(shared(second))
two = keras.Model(inputs=[first, second], outputs=[out_a, out_b])
labels = np.random.randint(2, size=(64, 1))

two.compile(
    optimizer=keras.optimizers.Adam(0.01),
    loss=["mse", "binary_crossentropy"],
    loss_weights=[1.0, 0.5],
    metrics=[["mae"], ["accuracy"]],
)
two.fit([x, x], [y, labels], epochs=EPOCHS, batch_size=32)
print("as lists:", two.metrics_names)

# The same as dictionaries by output name, and with metrics that see the sample weights.
two = keras.Model(inputs=[first, second], outputs={"a": out_a, "b": out_b})
two.compile(
    optimizer="rmsprop",
    loss={"a": "mse", "b": "binary_crossentropy"},
    loss_weights={"a": 1.0, "b": 0.5},
    metrics={"a": ["mae"], "b": ["accuracy"]},
    weighted_metrics={"b": ["accuracy"]},
)
history = two.fit({"first": x, "second": x}, {"a": y, "b": labels}, epochs=EPOCHS, batch_size=32)
print("as dictionaries:", sorted(history.history))

# run_eagerly shows every value as it is computed, and changes no result.
eager = keras.Sequential([keras.Input(shape=(16,)), layers.Dense(4)])
eager.compile(optimizer="adam", loss="mse", run_eagerly=True)
print("eagerly:", eager.fit(x, y, epochs=1, batch_size=32, verbose=0).history)
