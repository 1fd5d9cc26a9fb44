"""What Keras itself computes in a case's place: its own layer or op, on the same operands.

A layer is called through `stateless_call`, so that its weights are arguments, as in a
training step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from graphc.kernels.cases import Case

Function = Callable[..., Any]
Maker = Callable[[Any, Case, Sequence[Any]], Function]


@cache
def installed() -> Any:
    """Real Keras, on JAX (the caller sets `KERAS_BACKEND`); None where it is not installed."""
    try:
        return import_module("keras")
    except ImportError:
        return None


def peer(case: Case, operands: Sequence[Any]) -> Function | None:
    """Keras's own function of the case's operands; None where it has none, or is not installed."""
    keras, make = installed(), PEERS.get(case.op)
    return None if keras is None or make is None else make(keras, case, operands)


def _call(layer: Any, operands: Sequence[Any]) -> Function:
    """The layer as a function of its input and weights; operands that are None are left out."""
    layer.build(operands[0].shape)

    def function(x: Any, *weights: Any) -> Any:
        given = [w for w in weights if w is not None][: len(layer.trainable_variables)]
        states = [variable.value for variable in layer.non_trainable_variables]
        return layer.stateless_call(given, states, x)[0]

    return function


def _windowed(
    name: str, *, filters: int | None = None, multiplier: bool = False, weights: bool = True
) -> Maker:
    """A convolution or pooling; `filters` is the axis of the last kernel that counts them."""

    def make(keras: Any, case: Case, operands: Sequence[Any]) -> Function:
        config: dict[str, Any] = dict(case.attrs)
        if weights:
            config["kernel_size"] = operands[1].shape[:-2]
        if filters is not None:
            config["filters"] = operands[-2].shape[filters]
        if multiplier:
            config["depth_multiplier"] = operands[1].shape[-1]
        layer = getattr(keras.layers, name.format(f"{operands[0].ndim - 2}D"))
        return _call(layer(**config), operands)

    return make


def _layer(name: str) -> Maker:
    """A layer that takes the case's attributes as they are."""

    def make(keras: Any, case: Case, operands: Sequence[Any]) -> Function:
        return _call(getattr(keras.layers, name)(**case.attrs), operands)

    return make


def _dense(keras: Any, case: Case, operands: Sequence[Any]) -> Function:
    return _call(keras.layers.Dense(operands[1].shape[-1]), operands)


def _recurrent(name: str) -> Maker:
    """A recurrent layer: the sequence of outputs and the last states."""

    def make(keras: Any, case: Case, operands: Sequence[Any]) -> Function:
        units = operands[2].shape[0]
        layer = getattr(keras.layers, name)(units, return_sequences=True, return_state=True)
        layer.build(operands[0].shape)

        def function(x: Any, kernel: Any, recurrent: Any, bias: Any, *rest: Any) -> Any:
            mask = None if rest[-2] is None else rest[-2].astype(bool)
            states = [variable.value for variable in layer.non_trainable_variables]
            return layer.stateless_call([kernel, recurrent, bias], states, x, mask=mask)[0]

        return function

    return make


NAMES = {"simple_rnn": "SimpleRNN", "gru": "GRU", "lstm": "LSTM"}


def _bidirectional(keras: Any, case: Case, operands: Sequence[Any]) -> Function:
    name = NAMES[case.attrs["layer"]]
    units = operands[3].shape[0]
    one = getattr(keras.layers, name)(units, return_sequences=True, return_state=True)
    layer = keras.layers.Bidirectional(one, merge_mode=None)
    layer.build(operands[0].shape)

    def function(x: Any, mask: Any, *rest: Any) -> Any:
        half = len(rest) // 2
        weights = [*rest[:3], *rest[half : half + 3]]
        states = [variable.value for variable in layer.non_trainable_variables]
        before, after, *last = layer.stateless_call(weights, states, x)[0]
        count = len(last) // 2
        return before, *last[:count], after, *last[count:]

    return function


def _attention(keras: Any, case: Case, operands: Sequence[Any]) -> Function:
    def function(query: Any, key: Any, value: Any, bias: Any, mask: Any) -> Any:
        seen = None if mask is None else mask.astype(bool)
        return keras.ops.dot_product_attention(query, key, value, bias, seen, **case.attrs)

    return function


def _op(path: str, *order: int, **fixed: Any) -> Maker:
    """An op of `keras.ops` on the operands in this order (all as they stand, without one)."""

    def make(keras: Any, case: Case, operands: Sequence[Any]) -> Function:
        function = keras.ops
        for part in path.split("."):
            function = getattr(function, part)
        attrs = {**case.attrs, **fixed}
        return lambda *xs: function(*([xs[i] for i in order] if order else xs), **attrs)

    return make


def _affine(keras: Any, case: Case, operands: Sequence[Any]) -> Function:
    def function(images: Any, transforms: Any) -> Any:
        whole = keras.ops.pad(transforms, ((0, 0), (0, 2)))  # the last two are 0 where not given
        return keras.ops.image.affine_transform(images, whole, **case.attrs)

    return function


def _dropout(keras: Any, case: Case, operands: Sequence[Any]) -> Function:
    layer = keras.layers.Dropout(float(operands[2]))
    return lambda x, seed, _: layer.stateless_call([], [seed], x, training=True)[0]


# Op: how Keras computes it.
PEERS: dict[str, Maker] = {
    "nn.conv": _windowed("Conv{}", filters=-1),
    "nn.depthwise_conv": _windowed("DepthwiseConv{}", multiplier=True),
    "nn.separable_conv": _windowed("SeparableConv{}", filters=-1, multiplier=True),
    "nn.conv_transpose": _windowed("Conv{}Transpose", filters=-2),
    "nn.max_pool": _windowed("MaxPooling{}", weights=False),
    "nn.average_pool": _windowed("AveragePooling{}", weights=False),
    "nn.dense": _dense,
    "nn.layer_norm": _layer("LayerNormalization"),
    "nn.rms_norm": _layer("RMSNormalization"),
    "nn.softmax": _op("softmax"),
    "nn.sparse_categorical_crossentropy": _op("sparse_categorical_crossentropy"),
    "nn.ctc_loss": _op("ctc_loss"),
    "nn.embedding": _op("take", 1, 0, axis=0),
    "nn.dropout": _dropout,
    "nn.attention": _attention,
    "nn.bidirectional": _bidirectional,
    **{f"nn.{op}": _recurrent(name) for op, name in NAMES.items()},
    "image.resize": _op("image.resize"),
    "image.extract_patches": _op("image.extract_patches"),
    "image.affine_transform": _affine,
}
