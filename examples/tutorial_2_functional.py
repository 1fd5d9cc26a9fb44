"""A functional model on made-up data, judged with scikit-learn.

Run it with `python -m graphc run examples/tutorial_2_functional.py`.
"""

import os

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix, roc_auc_score
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Model

EPOCHS = int(os.environ.get("EPOCHS", "10"))

inputs = Input(shape=(20,))
print(inputs)

x = Dense(64, activation="relu")(inputs)
x = Dense(64, activation="relu")(x)
outputs = Dense(1, activation="sigmoid")(x)

model = Model(inputs=inputs, outputs=outputs)
model.summary()

model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])

data = np.random.rand(1000, 20)
labels = np.random.randint(2, size=(1000, 1))
model.fit(data, labels, epochs=EPOCHS, batch_size=32)

test_data = np.random.rand(200, 20)
test_labels = np.random.randint(2, size=(200, 1))
loss, accuracy = model.evaluate(test_data, test_labels)
print(f"Test loss: {loss:.4f}, test accuracy: {accuracy:.4f}")

probabilities = model.predict(test_data)
predictions = (probabilities > 0.5).astype(int)
print(classification_report(test_labels, predictions, zero_division=0))
print(confusion_matrix(test_labels, predictions))
print("ROC AUC:", roc_auc_score(test_labels, probabilities))
