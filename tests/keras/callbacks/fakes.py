"""The least that a callback asks of a model, and streams of a kind."""

import io
from types import SimpleNamespace


class FakeModel:
    """Counts its own epochs as weights, and writes down what it is asked to save."""

    def __init__(self, learning_rate=0.1, metrics=()):
        self.optimizer = SimpleNamespace(learning_rate=learning_rate)
        self.metrics = list(metrics)
        self.stop_training = False
        self.weights = [0]
        self.saved = []

    def get_weights(self):
        return list(self.weights)

    def set_weights(self, weights):
        self.weights = list(weights)

    def save(self, filepath, overwrite=True):
        self.saved.append(("model", filepath))

    def save_weights(self, filepath, overwrite=True):
        self.saved.append(("weights", filepath))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


def run_epochs(callback, model, epochs):
    """Calls a callback as fit would; returns the index of the last epoch."""
    callback.set_model(model)
    callback.on_train_begin(None)
    last = -1
    for last, logs in enumerate(epochs):
        model.weights = [last]
        callback.on_epoch_begin(last)
        callback.on_epoch_end(last, dict(logs))
        if model.stop_training:
            break
    callback.on_train_end(None)
    return last
