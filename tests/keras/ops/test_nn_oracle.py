"""The functions of `keras.ops.nn`, and those of functions, against Keras's."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.keras import KerasTensor, layers, models, ops
from tests.keras.ops.comparison import (
    FLOATS,
    Case,
    Tensor,
    assert_same,
    c,
    check_eager,
    check_symbolic,
    check_traced,
    chosen,
    eager_cases,
    fixed,
    ids,
    t,
)

pytestmark = pytest.mark.oracle

LINE, IMAGES, VOLUME = t(2, 9, 4), t(2, 6, 7, 4), t(1, 4, 5, 4, 2)
FIRST = {"data_format": "channels_first"}


def chances(*shape):
    return t(*shape, low=0.1, high=1.0)


LENGTHS = t(2, dtype="int32", make=lambda x: [5, 7])

CASES = [
    *(c(f"{kind}_pool", IMAGES, 2, strides=2) for kind in ("max", "average")),
    *(c(f"{kind}_pool", IMAGES, (3, 2), strides=(2, 1), padding="same")
      for kind in ("max", "average")),
    *(c(f"{kind}_pool", LINE, 3, strides=2) for kind in ("max", "average")),
    *(c(f"{kind}_pool", VOLUME, 2, strides=1) for kind in ("max", "average")),
    *(c(f"{kind}_pool", t(2, 4, 6, 7), 2, strides=2, **FIRST) for kind in ("max", "average")),
    *(c(f"adaptive_{kind}_pool", IMAGES, (3, 2)) for kind in ("max", "average")),
    *(c(f"adaptive_{kind}_pool", LINE, 4) for kind in ("max", "average")),
    *(c(f"adaptive_{kind}_pool", t(2, 4, 6, 7), 2, **FIRST) for kind in ("max", "average")),
    c("conv", IMAGES, fixed(3, 3, 4, 5)),
    c("conv", IMAGES, fixed(3, 2, 2, 6), strides=(2, 1), padding="same"),
    c("conv", LINE, fixed(3, 4, 5), dilation_rate=2),
    c("conv", VOLUME, fixed(2, 2, 2, 2, 3)),
    c("conv", t(2, 4, 6, 7), fixed(3, 3, 4, 5), **FIRST),
    c("depthwise_conv", IMAGES, fixed(3, 3, 4, 2), padding="same"),
    c("depthwise_conv", LINE, fixed(3, 4, 2), strides=2),
    c("separable_conv", IMAGES, fixed(3, 3, 4, 2), fixed(1, 1, 8, 3)),
    c("separable_conv", LINE, fixed(3, 4, 2), fixed(1, 8, 3), padding="same"),
    c("conv_transpose", IMAGES, fixed(3, 3, 5, 4), strides=2, padding="same"),
    c("conv_transpose", LINE, fixed(3, 5, 4), strides=2),
    c("conv_transpose", IMAGES, fixed(3, 3, 5, 4), strides=2, output_padding=1),
    c("batch_normalization", IMAGES, fixed(4), fixed(4, low=0.5), -1),
    c("batch_normalization", IMAGES, fixed(6), fixed(6, low=0.5), 1, offset=fixed(6),
      scale=fixed(6), epsilon=0.1),
    c("layer_normalization", t(3, 4)),
    c("layer_normalization", t(3, 4), gamma=fixed(4), beta=fixed(4)),
    c("layer_normalization", IMAGES, gamma=fixed(7, 4), axis=(2, 3), epsilon=0.1),
    c("rms_normalization", t(3, 4)),
    c("rms_normalization", t(3, 4), scale=fixed(4), epsilon=0.1),
    c("rms_normalization", IMAGES, axis=(1, 2)),
    c("binary_crossentropy", chances(3, 4), chances(3, 4)),
    c("binary_crossentropy", chances(3, 4), t(3, 4), from_logits=True),
    c("categorical_crossentropy", chances(3, 4), chances(3, 4)),
    c("categorical_crossentropy", chances(3, 4), t(3, 4), from_logits=True),
    c("sparse_categorical_crossentropy", ids(3, high=3), chances(3, 4)),
    c("sparse_categorical_crossentropy", ids(3, 1, high=3), t(3, 4), from_logits=True),
    c("psnr", t(2, 3, 4), t(2, 3, 4), 2.0),
    c("ctc_loss", ids(2, 3, high=3, low=1), t(2, 8, 5), ids(2, high=3), LENGTHS),
    c("ctc_loss", ids(2, 3, high=3), t(2, 8, 5), ids(2, high=3), LENGTHS, mask_index=4),
    c("ctc_decode", t(2, 8, 5), LENGTHS),
    c("ctc_decode", t(2, 8, 5), LENGTHS, merge_repeated=False, mask_index=4),
    Case("ctc_decode", (t(2, 8, 5), LENGTHS, "beam_search"), {"beam_width": 4, "top_paths": 2},
         FLOATS[:1]),
]  # fmt: skip


@pytest.mark.parametrize(("case", "dtype"), eager_cases(CASES))
def test_values(keras, case, dtype):
    check_eager(keras, case, dtype)


@pytest.mark.parametrize(("case", "dtype"), chosen(CASES, "symbolic"))
def test_keras_tensors(keras, case, dtype):
    check_symbolic(keras, case, dtype)


@pytest.mark.parametrize(("case", "dtype"), chosen(CASES, "traced"))
def test_traced(case, dtype):
    check_traced(case, dtype)


def both(keras, use):
    assert_same(use(ops), use(keras.ops))


X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


def test_jvp(keras):
    def double(k):
        return lambda x, y: (k.sin(x) * y, k.sum(x))

    both(keras, lambda k: k.jvp(double(k), (X, X), (X * 2, X * 0)))
    both(keras, lambda k: k.linalg.jvp(double(k), [X, X], [X, X], has_aux=True))
    x = KerasTensor((None, 4))
    outputs, slopes = ops.jvp(ops.sin, (x,), (x,))
    assert outputs.shape == slopes.shape == (None, 4)


def test_vectorize(keras):
    both(keras, lambda k: k.vectorize(lambda a, b: k.maximum(a, b) + 1)(X, X[0]))
    both(keras, lambda k: k.vectorize(lambda a, b: a * b, excluded={1})([1, 2, 3], 2))
    both(keras, lambda k: k.vectorize(k.matmul, signature="(m,n),(n)->(m)")(X, X[:2]))
    with pytest.raises(ValueError, match="to be a callable"):
        ops.vectorize(3)


def log1pexp(k):
    @k.custom_gradient
    def function(x):
        e = k.exp(x)

        def grad(*args, upstream=None):
            (upstream,) = args if upstream is None else (upstream,)
            return k.multiply(upstream, 100.0 - 1.0 / k.add(1, e))

        return k.log(1 + e), grad

    return function


def test_custom_gradient(keras):
    import jax

    both(keras, lambda k: log1pexp(k)(X))
    both(keras, lambda k: jax.grad(lambda x: log1pexp(k)(x).sum())(X))


class Bent(layers.Layer):
    """A layer that needs arrays: its call is opaque, and trains with the gradient it gives."""

    def build(self, shape):
        self.w = self.add_weight((shape[-1],), "ones")

    def call(self, x):
        value, slope = ops.jvp(ops.tanh, (x,), (ops.ones_like(x),))
        return log1pexp(ops)(x * self.w) + ops.vectorize(ops.maximum)(value, slope)


def test_functions_of_functions_in_a_layer():
    inputs = layers.Input((4,))
    model = models.Model(inputs, Bent()(inputs))
    np.testing.assert_allclose(model.predict(X, verbose=0), model(X), rtol=1e-5)
    model.compile("sgd", "mse")
    before = model.layers[-1].w.numpy()
    model.fit(X, X, verbose=0)
    assert np.abs(model.layers[-1].w.numpy() - before).max() > 0.1


BAD = [
    (lambda k: k.ctc_decode(np.ones((1, 2, 3)), [2], "best"), "greedy"),
    (lambda k: k.fold(np.ones((1, 4)), 2, 2), "3D"),
    (lambda k: k.unfold(np.ones((1, 4)), 2), "4D"),
    (lambda k: k.view_as_complex(np.ones((2, 3))), "size 2"),
    (lambda k: k.psnr(np.ones(3), np.ones(4), 1.0), "shape"),
    (lambda k: k.normalize(np.ones(3), order=0), "order"),
    (lambda k: k.normalize(np.ones(3), order=1.5), "order"),
    (lambda k: k.categorical_crossentropy(np.ones((2, 3)), np.ones((2, 4))), "shape"),
    (lambda k: k.sparse_categorical_crossentropy(np.ones(3), np.ones((2, 4))), "shape"),
    (lambda k: k.multi_hot(np.ones(3)), "num_classes"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=range(len(BAD)))
def test_refused_as_by_keras(keras, call, message):
    with pytest.raises(ValueError, match=message):
        call(keras.ops)
    with pytest.raises(ValueError, match=f"(?s){message}.*Received|Received.*{message}"):
        call(ops)


def test_tensor_settings():
    assert Tensor((2,), 0, 3, "uint8").draw("float32", 0).dtype == "uint8"
