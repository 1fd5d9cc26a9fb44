"""Random small Keras models: a table of layers by the rank of what they take, and a strategy.

Every tensor has WIDTH features, so that any layer may follow any other of its rank. All sizes are
equal: the fewer shapes there are, the less there is to compile, and wrong axes give wrong numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np

from graphc import keras
from graphc.keras import layers, ops

BATCH = LENGTH = SIDE = WIDTH = TOKENS = CLASSES = 4
HEADS = 2
SLOPE = math.sqrt(2.0 / math.pi)
Layer = Callable[[Any], Any]


GELUS = (
    lambda x: 0.5 * x * (1.0 + ops.erf(x / math.sqrt(2.0))),
    lambda x: x * (ops.erf(x / ops.sqrt(2.0)) + 1.0) / 2.0,
    lambda x: 0.5 * x * (1.0 + ops.tanh(SLOPE * (x + 0.044715 * x**3))),
    lambda x: x * 0.5 * (1.0 + ops.tanh(x * SLOPE * (1.0 + 0.044715 * x * x))),
    lambda x: x * ops.sigmoid(x),
    lambda x: x * ops.tanh(ops.softplus(x)),
)


class WrittenNorm(layers.Layer):
    """A normalisation with parameters, written out in one of three ways."""

    def __init__(self, kind: int) -> None:
        super().__init__()
        self.kind = kind

    def build(self, shape: Any) -> None:
        """Create the scale and the shift."""
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta")

    def call(self, x: Any) -> Any:
        """Return the normalised tensor."""
        if self.kind == 0:
            return self.gamma * x * ops.rsqrt(ops.mean(x * x, -1, keepdims=True) + 1e-2)
        centred = x - ops.mean(x, axis=-1, keepdims=True)
        if self.kind == 1:
            variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
        else:
            variance = ops.var(x, axis=-1, keepdims=True)
        return centred / ops.sqrt(variance + 1e-2) * self.gamma + self.beta


def _one_head(x: Any) -> Any:
    scores = ops.matmul(x, ops.transpose(x, (0, 2, 1))) / math.sqrt(WIDTH)
    return ops.matmul(ops.softmax(scores, axis=-1), x)


def _causal(x: Any) -> Any:
    scores = ops.einsum("btd,bsd->bts", x * WIDTH**-0.5, x)
    kept = ops.where(ops.tril(ops.ones((LENGTH, LENGTH))), scores, -1e9)
    return ops.einsum("bts,bsd->btd", ops.softmax(kept), x)


def _heads(x: Any) -> Any:
    split = ops.reshape(x, (-1, LENGTH, HEADS, WIDTH // HEADS))
    q = ops.transpose(split, (0, 2, 1, 3))
    shares = ops.softmax(0.5 * ops.matmul(q, ops.swapaxes(q, -1, -2)))
    return ops.reshape(ops.transpose(ops.matmul(shares, q), (0, 2, 1, 3)), (-1, LENGTH, WIDTH))


ACTIVATIONS = ("linear", "relu", "tanh", "gelu", "sigmoid")
ATTENTIONS = (_one_head, _causal, _heads)


def _dense(number: int) -> Layer:
    return layers.Dense(WIDTH, activation=ACTIVATIONS[number % len(ACTIVATIONS)])


def _normalized_dense(_: int) -> Layer:
    dense, norm = layers.Dense(WIDTH), layers.BatchNormalization(epsilon=1e-1)
    return lambda x: norm(dense(x))


def _normalized_conv(number: int) -> Layer:
    conv = layers.Conv2D(WIDTH, 1 + number % 2, padding="same", use_bias=bool(number % 2))
    norm = layers.BatchNormalization(epsilon=1e-1)
    return lambda x: norm(conv(x))


def _two_convs(number: int) -> Layer:
    first, second = layers.Conv2D(WIDTH, 1 + number % 3, padding="same"), layers.Conv2D(WIDTH, 1)
    return lambda x: second(first(x))


def _pooled_relu(number: int) -> Layer:
    conv, pool = layers.Conv2D(WIDTH, 1), layers.MaxPooling2D(2, strides=1, padding="same")
    relu = layers.ReLU(6.0 if number % 2 else None)
    return lambda x: pool(relu(conv(x)))


def _attend(number: int) -> Layer:
    inner = layers.MultiHeadAttention(HEADS, 2)
    return lambda x: inner(x, x, use_causal_mask=bool(number % 2))


ANY_RANK: dict[str, Callable[[int], Layer]] = {
    "dense": _dense,
    "normalized dense": _normalized_dense,
    "linear": lambda _: layers.Dense(WIDTH, use_bias=False),
    "gelu": lambda number: layers.Lambda(GELUS[number % len(GELUS)]),
    "written norm": lambda number: WrittenNorm(number % 3),
    "layer norm": lambda _: layers.LayerNormalization(epsilon=1e-2),
    "batch norm": lambda _: layers.BatchNormalization(epsilon=1e-1),
    "relu": lambda _: layers.ReLU(),
    "dropout": lambda _: layers.Dropout(0.0),
}
BY_RANK: dict[int, dict[str, Callable[[int], Layer]]] = {
    2: ANY_RANK,
    3: {
        **ANY_RANK,
        "written attention": lambda number: layers.Lambda(ATTENTIONS[number % len(ATTENTIONS)]),
        "attention": _attend,
        "einsum": lambda _: layers.EinsumDense("abc,cd->abd", (LENGTH, WIDTH), bias_axes="d"),
        "conv": lambda _: layers.Conv1D(WIDTH, 3, padding="same"),
    },
    4: {
        **ANY_RANK,
        "conv": lambda number: layers.Conv2D(
            WIDTH, 1 + number % 3, padding="same", activation=ACTIVATIONS[number % 2]
        ),
        "normalized conv": _normalized_conv,
        "two convs": _two_convs,
        "pooled relu": _pooled_relu,
        "max pool": lambda _: layers.MaxPooling2D(2, strides=1, padding="same"),
        "mean pool": lambda _: layers.AveragePooling2D(2, strides=1, padding="same"),
    },
}
POOLS: dict[int, tuple[Callable[[], Layer], ...]] = {
    2: (lambda: lambda x: x,),
    3: (layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D, layers.Flatten),
    4: (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.Flatten),
}
INPUTS: dict[str, tuple[int, ...]] = {
    "rows": (WIDTH,), "steps": (LENGTH, WIDTH), "images": (SIDE, SIDE, WIDTH),
    "tokens": (LENGTH,),  # looked up, one by one
    "bags": (LENGTH,),  # looked up and added up, which leaves rows
}  # fmt: skip
INTEGERS = ("tokens", "bags")
HEADS_AND_LOSSES: dict[str, tuple[int, str, str]] = {
    "classes": (CLASSES, "softmax", "sparse_categorical_crossentropy"),
    "yes or no": (1, "sigmoid", "binary_crossentropy"),
    "numbers": (CLASSES, "linear", "mse"),
}
# How a layer stands in the model.
PLACES = ("alone", "alone", "residual", "shared", "branches", "repeated")
BLOCKS = 4  # of a layer that is repeated

Step = tuple[str, str, int, int]
Recipe = tuple[str, int, tuple[Step, ...], int, str]


@st.composite
def recipes(draw: Any, kind: str) -> Recipe:
    """Draw what is done first to an input, layers with their places, a pooling and a head."""
    rank = {"tokens": 3, "bags": 2}.get(kind, len(INPUTS[kind]) + 1)
    step = st.tuples(
        st.sampled_from(sorted(BY_RANK[rank])), st.sampled_from(PLACES),
        st.integers(0, 5), st.integers(0, 5),
    )  # fmt: skip
    steps = tuple(draw(st.lists(step, min_size=1, max_size=4)))
    first, pool = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    return kind, first, steps, pool, draw(st.sampled_from(sorted(HEADS_AND_LOSSES)))


def build(recipe: Recipe) -> Any:
    """Return the compiled model of a recipe."""
    kind, first, steps, pool, head = recipe
    inputs = keras.Input(INPUTS[kind], dtype="int32" if kind in INTEGERS else "float32")
    x = _begun(kind, inputs, first)
    rank = len(x.shape)
    for step in steps:
        x = _placed(x, BY_RANK[rank], *step)
    x = POOLS[rank][pool % len(POOLS[rank])]()(x)
    x = layers.Activation("softsign")(x)  # the loss of a large logit is a saturated one's
    units, activation, loss = HEADS_AND_LOSSES[head]
    model = keras.Model(inputs, layers.Dense(units, activation=activation)(x))
    model.compile("sgd", loss)
    return model


def _begun(kind: str, inputs: Any, number: int) -> Any:
    if kind == "bags":
        embedding = layers.Embedding(TOKENS, WIDTH, mask_zero=bool(number % 2))
        summed = layers.Lambda(lambda x: ops.sum(x, axis=1))
        pool = summed if number == 2 else layers.GlobalAveragePooling1D()
        return pool(embedding(inputs))
    if kind == "tokens":
        return layers.Embedding(TOKENS, WIDTH)(inputs)
    return layers.Lambda(_cast)(inputs) if number == 0 else inputs


def _cast(x: Any) -> Any:
    """Round what every pass leaves as it is, and cast it to and fro while its axes move."""
    narrow = ops.cast(x, "bfloat16")
    flipped = ops.flip(ops.cast(narrow, "float32"), axis=-1)
    return ops.cast(ops.cast(flipped, "bfloat16"), "float32")


def _placed(
    x: Any, table: dict[str, Callable[[int], Layer]], name: str, place: str, one: int, other: int
) -> Any:
    layer = table[name](one)
    if place == "alone":
        return layer(x)
    if place == "residual":
        return layers.add([x, layer(x)])
    if place == "repeated":
        for block in (layer, *(table[name](one) for _ in range(BLOCKS - 1))):
            x = layers.average([x, block(x)])  # a sum would grow with every block
        return x
    if place == "shared":
        return layer(layer(x))
    return layers.add([layer(x), table[name](other)(x), layers.Dense(WIDTH)(x)])


def data(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch of features and targets."""
    kind, _, _, _, head = recipe
    rng = np.random.default_rng(0)
    shape = (BATCH, *INPUTS[kind])
    x = rng.uniform(-1, 1, shape).astype("float32")
    if kind in INTEGERS:
        x = rng.integers(0, TOKENS, shape).astype("int32")
        x[:, 0] = 1  # a row that is masked as a whole has no mean
    if head == "numbers":
        return x, rng.uniform(-1, 1, (BATCH, CLASSES)).astype("float32")
    most = CLASSES if head == "classes" else 2
    y = rng.integers(0, most, (BATCH,) if head == "classes" else (BATCH, 1))
    return x, y.astype("int32")
