"""Classify handwritten digits: the shortest Keras tutorial.

Run it with `python -m graphc run examples/tutorial_1_mnist.py`.
The script says TensorFlow, and none is needed: `graphc run` gives it graphc's Keras instead. To
start it with plain `python`, write `graphc` for `tensorflow` in the import.
"""

import os

from tensorflow import keras

EPOCHS = int(os.environ.get("EPOCHS", "5"))

mnist = keras.datasets.mnist
(x_train, y_train), (x_test, y_test) = mnist.load_data()
x_train, x_test = x_train / 255.0, x_test / 255.0

model = keras.models.Sequential()
model.add(keras.layers.Flatten(input_shape=(28, 28)))
model.add(keras.layers.Dense(128, activation="relu"))
model.add(keras.layers.Dense(10, activation="softmax"))

model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=EPOCHS, batch_size=32)

test_loss, test_acc = model.evaluate(x_test, y_test)
print("Test accuracy:", test_acc)
