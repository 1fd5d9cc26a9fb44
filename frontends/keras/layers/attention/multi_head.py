"""`MultiHeadAttention`."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase
from typing import Any

from graphc.keras import regularizers
from graphc.keras.engine.masks import get_mask
from graphc.keras.layers.attention.projected import ProjectedAttention, Shape
from graphc.keras.layers.einsum_dense import EinsumDense


class MultiHeadAttention(ProjectedAttention):
    """Attention of several heads side by side, over one axis or several.

    Args:
        num_heads: how many heads.
        key_dim: the size of a head's queries and keys.
        value_dim: the size of a head's values; `key_dim` when None.
        dropout: the fraction of shares dropped in training.
        use_bias: whether the projections have biases.
        output_shape: the output's axes after those of positions; the query's last when None.
        attention_axes: the axes attended over; all between batch and features when None.
        sliding_window: a query attends to keys less than so many positions away; all when None.
        flash_attention: whether never to hold all scores; None leaves it to
            `keras.config.enable_flash_attention` and the sizes.
        use_gate: whether a sigmoid of the projected query multiplies the heads' results
            (Qiu et al., arXiv 2505.06708).
        seed: of the dropout.

    Raises:
        ValueError: a size that is not a positive integer; at build, keys and values of different
            lengths.

    Source: Vaswani et al., arXiv 1706.03762.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.configure(
            num_heads=_size(num_heads, "num_heads"),
            key_dim=_size(key_dim, "key_dim"),
            value_dim=key_dim if value_dim is None else _size(value_dim, "value_dim"),
            use_bias=use_bias,
            use_gate=use_gate,
            attention_axes=_axes(attention_axes),
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            seed=seed,
        )
        self._output_shape = _checked_output_shape(output_shape)
        # of the projections, not of the layer's own output
        self._activity_regularizer = regularizers.get(activity_regularizer)
        self.configure_attention(key_dim, dropout, sliding_window, flash_attention)

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        """Make the projections.

        Raises:
            ValueError: keys and values of different lengths.
        """
        key_shape = value_shape if key_shape is None else key_shape
        _check_lengths(value_shape, key_shape)
        keys, values = (self.num_heads, self.key_dim), (self.num_heads, self.value_dim)
        self._query_dense = self._to_heads("query", query_shape, keys)
        self._key_dense = self._to_heads("key", key_shape, keys)
        if self.use_gate:
            self._gate_dense = self._to_heads("gate", query_shape, values, "sigmoid")
        self._value_dense = self._to_heads("value", value_shape, values)
        self._build_attention(len(value_shape) + 1)
        outputs = self._output_shape or (query_shape[-1],)
        equation, letters = _projection_equation(len(query_shape) - 1, 2, len(outputs))
        lengths = (None,) * (len(query_shape) - 2)
        self._output_dense = self._projection(
            "attention_output",
            equation,
            (*lengths, *outputs),
            letters,
            (*query_shape[:-1], *values),
        )

    def _to_heads(
        self, name: str, shape: Shape, heads: tuple[int, int], activation: Any = None
    ) -> EinsumDense:
        equation, letters = _projection_equation(len(shape) - 1, 1, 2)
        lengths = (None,) * (len(shape) - 2)
        return self._projection(name, equation, (*lengths, *heads), letters, shape, activation)

    def _projections_activity(self) -> Any:
        return self._activity_regularizer

    def _build_attention(self, rank: int) -> None:
        """Set the axes and equations for projected tensors of this rank."""
        axes = self.attention_axes
        axes = range(1, rank - 2) if axes is None else axes
        self.attention_axes = tuple(axis if axis >= 0 else rank - 1 + axis for axis in axes)
        dot_product, combine, count = attention_equations(rank, self.attention_axes)
        over = tuple(range(count - len(self.attention_axes), count))
        self._build_shares(over, dot_product, combine)

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the attended values, `[B, T, ..., query's features]`, and the shares if asked for.

        Shapes: query `[B, T, ..., D]`, value and key `[B, S, ..., D]`; masks `[B, T]` and `[B, S]`;
        attention_mask broadcasts to `[B, T, S]` or, with heads, to `[B, N, T, S]`.
        """
        masks = {
            "query_mask": get_mask(query),  # as Keras: never the argument
            "value_mask": value_mask,
            "key_mask": key_mask,
            "attention_mask": attention_mask,
        }
        tensors = (query, value, value if key is None else key)
        options = (use_causal_mask, training)
        return self._run_attention(tensors, masks, return_attention_scores, options)

    def _score(self, query: Any, key: Any) -> Any:
        return super()._score(key, query)  # the equation names the key first

    @property
    def query_dense(self) -> EinsumDense:
        """The projection of queries."""
        return self._query_dense

    @property
    def key_dense(self) -> EinsumDense:
        """The projection of keys."""
        return self._key_dense

    @property
    def value_dense(self) -> EinsumDense:
        """The projection of values."""
        return self._value_dense

    @property
    def output_dense(self) -> EinsumDense:
        """The projection of the heads' results."""
        return self._output_dense

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        """Return the shape of the attended values.

        Raises:
            ValueError: keys and values of different lengths.
        """
        _check_lengths(value_shape, value_shape if key_shape is None else key_shape)
        if self._output_shape:
            return (*query_shape[:-1], *self._output_shape)
        return tuple(query_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "output_shape": self._output_shape,
            "activity_regularizer": regularizers.serialize(self._activity_regularizer),
        }


def attention_equations(rank: int, axes: tuple[int, ...]) -> tuple[str, str, int]:
    """The equations of scores and of results, and the rank of scores.

    Projected tensors have the axes (batch, positions ..., head, features); scores have those that
    are not attended over, then the queries' `axes`, then the keys'.
    """
    target = ascii_lowercase[:rank]
    letters = iter(ascii_lowercase[rank:])
    source = "".join(next(letters) if axis in axes else target[axis] for axis in range(rank))
    kept = "".join(target[axis] for axis in range(rank - 1) if axis not in axes)
    scores = kept + "".join(target[a] for a in axes) + "".join(source[a] for a in axes)
    return f"{source},{target}->{scores}", f"{scores},{source}->{target}", len(scores)


def _projection_equation(free: int, bound: int, made: int) -> tuple[str, str]:
    """An equation that keeps `free` axes and maps `bound` to `made`, and the letters of these."""
    kept = ascii_lowercase[:free]
    taken = ascii_lowercase[free : free + bound]
    new = ascii_lowercase[free + bound : free + bound + made]
    return f"{kept}{taken},{taken}{new}->{kept}{new}", new


def _size(value: Any, name: str) -> int:
    if isinstance(value, int) and value > 0:
        return value
    raise ValueError(f"Expected `{name}` to be a positive integer. Received: {name}={value!r}")


def _axes(axes: Any) -> Any:
    if isinstance(axes, int):
        return (axes,)
    if axes is None or isinstance(axes, (list, tuple)):
        return axes
    raise ValueError(
        "Expected `attention_axes` to be an integer, a list or a tuple. "
        f"Received: attention_axes={axes!r}"
    )


def _checked_output_shape(shape: Any) -> tuple[int, ...] | None:
    if not shape:
        return shape
    if isinstance(shape, int):
        return (shape,)
    if isinstance(shape, (list, tuple)):
        return tuple(shape)
    raise ValueError(
        "Expected `output_shape` to be an integer, a list or a tuple. "
        f"Received: output_shape={shape!r}"
    )


def _check_lengths(value_shape: Shape, key_shape: Shape) -> None:
    if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
        raise ValueError(
            "Expected `value` and `key` to have the same axes but for the last. "
            f"Received: value_shape={value_shape} and key_shape={key_shape}"
        )
