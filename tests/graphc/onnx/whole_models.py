"""Whole models as people build them, for export to ONNX."""

from __future__ import annotations

from typing import Any

from graphc import keras
from tests.graphc.onnx.families import Build, function

L, ops = keras.layers, keras.ops


def _residual(x: Any, filters: int, strides: int = 1) -> Any:
    short = x
    if strides > 1:
        short = L.BatchNormalization()(L.Conv2D(filters, 1, strides=strides)(x))
    y = L.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    y = L.ReLU()(L.BatchNormalization()(y))
    y = L.BatchNormalization()(L.Conv2D(filters, 3, padding="same", use_bias=False)(y))
    return L.ReLU()(L.Add()([short, y]))


def _resnet(x: Any) -> Any:
    y = L.MaxPooling2D(3, 2, "same")(L.ReLU()(L.Conv2D(8, 3, padding="same")(x)))
    y = _residual(_residual(y, 8), 16, 2)
    return L.Dense(10, "softmax")(L.GlobalAveragePooling2D()(y))


def _mobile_block(x: Any) -> Any:
    y = L.Conv2D(12, 1, use_bias=False)(x)
    y = L.Activation("hard_silu")(L.BatchNormalization()(y))
    y = L.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
    y = L.ReLU(6.0)(L.BatchNormalization()(y))
    gate = L.GlobalAveragePooling2D(keepdims=True)(y)
    gate = L.Conv2D(12, 1, activation="sigmoid")(L.Conv2D(4, 1, activation="relu")(gate))
    return L.Add()([x, L.Conv2D(4, 1)(L.Multiply()([y, gate]))])


def _block(x: Any, heads: int, causal: bool) -> Any:
    width = x.shape[-1]
    y = L.LayerNormalization(epsilon=1e-6)(x)
    x = x + L.MultiHeadAttention(heads, width // heads)(y, y, use_causal_mask=causal)
    y = L.LayerNormalization(epsilon=1e-6)(x)
    return x + L.Dense(width)(L.Dropout(0.1)(L.Dense(4 * width, "gelu")(y)))


def _gpt(ids: Any) -> Any:
    positions = ops.arange(ids.shape[1])
    x = L.Embedding(20, 16)(ids) + L.Embedding(8, 16)(positions)
    x = _block(_block(x, 2, True), 2, True)
    return L.Dense(20)(L.LayerNormalization()(x))


def _vit(x: Any) -> Any:
    y = L.Reshape((-1, 16))(L.Conv2D(16, 4, strides=4)(x))
    y = _block(y, 4, False)
    return L.Dense(5, "softmax")(L.Flatten()(L.LayerNormalization()(y)))


def _unet(x: Any) -> Any:
    one = L.Conv2D(4, 3, padding="same", activation="relu")(x)
    two = L.Conv2D(8, 3, padding="same", activation="relu")(L.MaxPooling2D()(one))
    up = L.Conv2DTranspose(4, 2, strides=2)(two)
    joined = L.Concatenate()([one, up])
    return L.Conv2D(1, 1, activation="sigmoid")(joined)


def _autoencoder(x: Any) -> Any:
    code = L.Dense(6)(L.Flatten()(L.Conv2D(4, 3, 2, "same", activation="relu")(x)))
    y = L.Reshape((4, 4, 4))(L.Dense(64, "relu")(code))
    y = L.Conv2DTranspose(8, 3, 2, "same", activation="relu")(y)
    return L.Conv2D(1, 3, padding="same", activation="sigmoid")(y)


def _several() -> Any:
    image = keras.Input((8, 8, 3), name="image")
    text = keras.Input((5,), dtype="int32", name="text")
    seen = L.GlobalMaxPooling2D()(L.Conv2D(4, 3, activation="relu")(image))
    read = L.Bidirectional(L.LSTM(3))(L.Embedding(9, 4)(text))
    both = L.Concatenate()([seen, read])
    ends = {"label": L.Dense(3, "softmax", name="label")(both), "score": L.Dense(1)(both)}
    return keras.Model({"image": image, "text": text}, ends)


def _nested() -> Any:
    inside = keras.Sequential([keras.Input((4,)), L.Dense(5, "relu"), L.BatchNormalization()])
    x = keras.Input((4,))
    block = keras.Model(x, L.Dense(3)(inside(x)), name="block")
    y, z = keras.Input((4,)), keras.Input((4,))
    return keras.Model([y, z], [L.Dense(2)(block(y)), block(z), y])


def _wide_and_deep() -> Any:
    numbers, codes = keras.Input((6,)), keras.Input((1,), dtype="int32")
    deep = L.Dense(8, "relu")(L.Concatenate()([numbers, L.Flatten()(L.Embedding(9, 3)(codes))]))
    wide = L.Concatenate()([numbers, deep])
    return keras.Model([numbers, codes], L.Dense(1)(wide))


def _written_out(x: Any) -> Any:
    """Attention as people write it with operations, and the odd ones among these."""
    q, k, v = ops.split(L.Dense(24, use_bias=False)(x), 3, axis=-1)
    scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / ops.sqrt(8.0)
    length = ops.shape(x)[1]
    mask = ops.tril(ops.ones((length, length)))
    y = ops.matmul(ops.softmax(ops.where(mask == 0, -1e9, scores)), v)
    y = ops.concatenate([y[:, ::2], ops.flip(y[:, -3:], axis=1)], axis=1)
    mean, variance = ops.moments(y, axes=[-1], keepdims=True)
    y = (y - mean) / ops.sqrt(variance + 1e-5)
    top, where = ops.top_k(ops.sum(ops.abs(y), axis=-1), 2)
    picked = ops.take_along_axis(y, ops.expand_dims(where, -1), axis=1)
    y = ops.einsum("btd,bsd->bts", y, picked) / 20 + ops.expand_dims(top, 1) / 50
    return ops.cumsum(ops.clip(ops.tanh(y), -0.5, 0.5), axis=1)


def _rotary(x: Any) -> Any:
    angles = ops.einsum("i,j->ij", ops.arange(6, dtype="float32"), 1 / 10 ** ops.arange(4.0))
    cos, sin = ops.cos(angles), ops.sin(angles)
    one, other = x[..., :4], x[..., 4:]
    return ops.concatenate([one * cos - other * sin, one * sin + other * cos], axis=-1)


def _fire_and_dense_blocks(x: Any) -> Any:
    for _ in range(3):
        y = L.Conv2D(4, 1, activation="relu")(L.BatchNormalization()(x))
        y = L.ZeroPadding2D(1)(y)
        x = L.Concatenate()([x, L.Conv2D(3, 3)(y)])
    return L.GlobalAveragePooling2D()(L.AveragePooling2D(2)(x))


def _over_rows(x: Any) -> Any:
    return x - ops.mean(x, axis=0, keepdims=True) + ops.std(x, axis=0)


MODELS: dict[str, Build] = {
    "resnet": function((12, 12, 3), _resnet),
    "mobile_block": function((6, 6, 4), _mobile_block),
    "gpt": function((8,), _gpt, "int32"),
    "vit": function((8, 8, 3), _vit),
    "unet": function((8, 8, 1), _unet),
    "autoencoder": function((8, 8, 1), _autoencoder),
    "inputs_and_outputs": _several,
    "nested": _nested,
    "wide_and_deep": _wide_and_deep,
    "written_out": function((6, 8), _written_out),
    "rotary": function((6, 8), _rotary),
    "dense_blocks": function((8, 8, 3), _fire_and_dense_blocks),
    "over_rows": function((4,), _over_rows),
}
