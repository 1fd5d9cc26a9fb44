"""Models beyond a chain: graphs, subclasses, custom classes, adapted weights, dtype policies."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from tests.keras.saving.building import Build, Spec, chain, inner


def _attention(keras: Any) -> Any:
    words = keras.Input((6, 8))
    x = keras.layers.MultiHeadAttention(2, 4)(words, words)
    return keras.Model(words, keras.layers.MultiHeadAttention(2, 3, use_bias=False)(x, words))


def _grouped_attention(keras: Any) -> Any:
    words = keras.Input((6, 8))
    return keras.Model(words, keras.layers.GroupQueryAttention(4, 4, 2, dropout=0.1)(words, words))


def _scored_attention(keras: Any) -> Any:
    words = keras.Input((6, 8))
    x = keras.layers.Attention(use_scale=True, score_mode="concat", dropout=0.1)([words, words])
    return keras.Model(words, keras.layers.AdditiveAttention()([x, words]))


def _nested(keras: Any) -> Any:
    inside = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu")])
    x = keras.Input((4,))
    block = keras.Model(x, keras.layers.Dense(3)(inside(x)), name="block")
    y = keras.Input((4,))
    return keras.Model(y, keras.layers.Dense(2)(block(y)))


def _shared(keras: Any) -> Any:
    one, other = keras.Input((4,)), keras.Input((4,))
    dense = keras.layers.Dense(3)
    both = keras.layers.Concatenate()([dense(one), dense(other)])
    return keras.Model([one, other], keras.layers.Dense(2)(both))


def _shared_model(keras: Any) -> Any:
    tower = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.PReLU()])
    one, other = keras.Input((4,)), keras.Input((4,))
    return keras.Model([one, other], keras.layers.Subtract()([tower(one), tower(other)]))


def _two_outputs(keras: Any) -> Any:
    x = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(5, activation="tanh")(x)
    ends = {"a": keras.layers.Dense(2, name="a")(hidden), "b": keras.layers.Dense(1)(hidden)}
    return keras.Model({"x": x}, ends)


def _operations(keras: Any) -> Any:
    x = keras.Input((4,))
    hidden = keras.layers.Dense(4)(x) * 2.0 + x
    hidden = keras.ops.concatenate([hidden[:, :2], keras.ops.exp(-x)], axis=-1)
    return keras.Model(x, keras.ops.relu(keras.layers.Dense(3)(hidden)))


def _named_alike(keras: Any) -> Any:
    layers = [keras.layers.Dense(3, name=f"l{i}") for i in (10, 9, 2)]
    return keras.Sequential([keras.Input((4,)), *layers])


GRAPHS: dict[str, Build] = {
    "attention": _attention,
    "grouped_attention": _grouped_attention,
    "scored_attention": _scored_attention,
    "nested": _nested,
    "shared": _shared,
    "shared_model": _shared_model,
    "two_outputs": _two_outputs,
    "operations": _operations,
    "named_alike": _named_alike,
    "nested_in_wrapper": chain(
        (5, 4), ("TimeDistributed", {"layer": lambda keras: keras.Sequential(
            [keras.layers.Dense(3), keras.layers.BatchNormalization()])}),
    ),
    "wrapped_twice": chain(
        (3, 5, 2), ("TimeDistributed", {"layer": inner("Bidirectional",
                                                       layer=inner("LSTM", units=2))}),
    ),
}  # fmt: skip


# Classes of one's own, the same in both libraries


@cache
def own_classes(keras: Any) -> dict[str, Any]:  # noqa: C901 - it holds small classes
    """Return a layer, a cell, a model and a function, registered in a library."""
    registered = keras.saving.register_keras_serializable("tests.files")

    @registered
    class Scale(keras.layers.Layer):
        """Multiplies by a weight, and counts."""

        def __init__(self, start: float = 1.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.start = start

        def build(self, input_shape: Any) -> None:
            start = keras.initializers.Constant(self.start)
            self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="seen")
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer=start, name="f")
            self.inside = keras.layers.Dense(input_shape[-1])
            self.inside.build(input_shape)

        def call(self, x: Any) -> Any:
            return self.inside(x * self.factor) + self.seen

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "start": self.start}

    @registered
    class OwnCell(keras.layers.Layer):
        """A cell of an RNN."""

        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="k")
            self.recurrent = self.add_weight(shape=(self.units, self.units), name="r")

        def call(self, x: Any, states: Any) -> Any:
            ops = keras.ops
            new = ops.tanh(ops.matmul(x, self.kernel) + ops.matmul(states[0], self.recurrent))
            return new, [new]

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    @registered
    class Towers(keras.Model):
        """A model with layers in attributes, lists and dictionaries."""

        def __init__(self, units: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.towers = [keras.layers.Dense(units, activation="tanh") for _ in range(2)]
            self.ends = {"b": keras.layers.Dense(2), "a": keras.layers.Dense(2)}
            self._hidden = keras.layers.Dense(4)
            self.nested = [[keras.layers.Dense(4)], keras.layers.BatchNormalization()]
            self.alias = self.towers[1]

        def call(self, x: Any, training: bool = False) -> Any:
            x = self.nested[1](self.nested[0][0](self._hidden(x)), training=training)
            return self.ends["a"](self.towers[0](x)) + self.ends["b"](self.towers[1](x))

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    @registered
    def doubled(x: Any) -> Any:
        return x * 2.0

    return {"Scale": Scale, "OwnCell": OwnCell, "Towers": Towers, "doubled": doubled}


def _own(name: str, **arguments: Any) -> Callable[[Any], Any]:
    return lambda keras: own_classes(keras)[name](**arguments)


def _called(build: Callable[[Any], Any]) -> Build:
    def made(keras: Any) -> Any:
        model = build(keras)
        model(keras.ops.zeros((2, 4)))
        return model

    return made


def _holder(keras: Any) -> Any:
    x = keras.Input((4,))
    return keras.Model(x, keras.layers.Dense(2)(own_classes(keras)["Towers"]()(x)))


SUBCLASSED: dict[str, Build] = {"towers": _called(_own("Towers", units=4)), "inside": _holder}
CUSTOM: dict[str, Build] = {
    "layer": lambda keras: keras.Sequential(
        [keras.Input((4,)), own_classes(keras)["Scale"](2.0), keras.layers.Dense(2)]
    ),
    "cell": chain((5, 2), ("RNN", {"cell": _own("OwnCell", units=3)})),
    "function": lambda keras: keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(2, own_classes(keras)["doubled"])]
    ),
}


# Weights that are fine-tuned


def _adapted(
    shape: tuple[int, ...], *layers: Spec, dtype: str = "float32", alpha: float | None = None
) -> Build:
    build = chain(shape, *layers, dtype=dtype)

    def made(keras: Any) -> Any:
        model = build(keras)
        for layer in model.layers:
            layer.enable_lora(2, lora_alpha=alpha)
        return model

    return made


LOW_RANK: dict[str, Build] = {
    "dense": _adapted((4,), ("Dense", {"units": 3}), ("Dense", {"units": 2, "use_bias": False})),
    "dense_by_argument": chain((4,), ("Dense", {"units": 3, "lora_rank": 2})),
    "embedding": _adapted((6,), ("Embedding", {"input_dim": 9, "output_dim": 4}), dtype="int32"),
    "einsum_dense": _adapted(
        (4, 3), ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 5),
                                 "bias_axes": "d"}), alpha=3.0,
    ),
    "conv": _adapted((6, 6, 2), ("Conv2D", {"filters": 3, "kernel_size": 3}), alpha=3.0),
}  # fmt: skip


# Dtypes


def _policy_map(keras: Any) -> Any:
    policies = keras.dtype_policies.DTypePolicyMap(
        default_policy="float32",
        policy_map={".*second": keras.dtype_policies.DTypePolicy("float16")},
    )
    dense = keras.layers.Dense
    return keras.Sequential([
        keras.Input((4,)), dense(3, name="first", dtype=policies),
        dense(2, name="second", dtype=keras.dtype_policies.DTypePolicy("mixed_float16")),
    ])  # fmt: skip


POLICIES: dict[str, Build] = {
    **{
        policy: chain((4,), ("Dense", {"units": 3, "dtype": policy}),
                      ("BatchNormalization", {"dtype": policy}),
                      ("Dense", {"units": 2, "dtype": "float32"}))
        for policy in ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
    },
    "map": _policy_map,
    "recurrent": chain((5, 2), ("LSTM", {"units": 3, "dtype": "mixed_bfloat16"})),
}  # fmt: skip
