"""A dataset without end needs to be told where an epoch ends."""

import numpy as np
import pytest

from graphc import keras
from graphc import tensorflow as tf


def test_it_is_said_before_anything_runs():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    endless = tf.data.Dataset.from_tensor_slices((x, y)).batch(4).repeat()
    with pytest.raises(ValueError, match="steps_per_epoch"):
        model.fit(endless, verbose=0)
    with pytest.raises(ValueError, match="`steps`"):
        model.evaluate(endless, verbose=0)
    assert len(model.fit(endless, steps_per_epoch=3, verbose=0).history["loss"]) == 1
