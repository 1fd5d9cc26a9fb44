"""`training` passed to a layer whose `call` does not take it, as in real Keras."""

import keras as real
import numpy as np
import pytest

from graphc import keras as ours

X = np.ones((2, 4), "float32")
pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("library", [real, ours])
def test_it_reaches_the_layers_inside(library):
    class Outer(library.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = library.layers.Dropout(0.5, seed=1)

        def call(self, x):
            return self.inner(x)

    layer = Outer()
    assert np.asarray(layer(X)).sum() == 8
    assert np.asarray(layer(X, training=False)).sum() == 8
    assert set(np.unique(np.asarray(layer(X, training=True)))) == {0.0, 2.0}


@pytest.mark.parametrize("library", [real, ours])
@pytest.mark.parametrize("training", [True, False, None])
def test_it_is_dropped_where_nothing_asks_for_it(library, training):
    assert library.layers.Dense(3)(X, training=training).shape == (2, 3)
    assert library.layers.ReLU()(library.Input((3,)), training=training).shape == (None, 3)


@pytest.mark.parametrize("library", [real, ours])
def test_a_model_that_does_not_take_it_trains_its_layers(library):
    class Plain(library.Model):
        def __init__(self):
            super().__init__()
            self.norm = library.layers.BatchNormalization(momentum=0.0)

        def call(self, x):
            return self.norm(x)

    model = Plain()
    model(3 * X)
    np.testing.assert_array_equal(np.asarray(model.norm.moving_mean), np.zeros(4))
    model(3 * X, training=True)
    np.testing.assert_allclose(np.asarray(model.norm.moving_mean), 3 * np.ones(4), rtol=1e-6)


@pytest.mark.parametrize("library", [real, ours])
def test_other_arguments_are_refused(library):
    with pytest.raises(TypeError, match="foo"):
        library.layers.Dense(3)(X, foo=1)
