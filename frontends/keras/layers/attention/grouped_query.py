"""`GroupedQueryAttention`, which Keras exports as `GroupQueryAttention`."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.layers.attention.projected import ProjectedAttention, Shape


class GroupedQueryAttention(ProjectedAttention):
    """Attention in which groups of query heads share a head of keys and values.

    Args:
        head_dim: the size of a head.
        num_query_heads: how many heads of queries, a multiple of `num_key_value_heads`.
        num_key_value_heads: how many heads of keys and values.

    The other arguments are those of `MultiHeadAttention`.

    Raises:
        ValueError: the heads of queries are not a multiple of those of keys.

    Source: Ainslie et al., arXiv 2305.13245.
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
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
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "Expected `num_query_heads` to be a multiple of `num_key_value_heads`. Received: "
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
        self.configure(
            head_dim=head_dim,
            num_query_heads=num_query_heads,
            num_key_value_heads=num_key_value_heads,
            use_bias=use_bias,
            use_gate=use_gate,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            seed=seed,
        )
        self.num_repeats = num_query_heads // num_key_value_heads
        self.configure_attention(head_dim, dropout, sliding_window, flash_attention)

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        """Make the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        self.feature_dim = query_shape[-1]
        queries = (None, self.num_query_heads, self.head_dim)
        keys = (None, self.num_key_value_heads, self.head_dim)
        to_heads = "abc,cde->abde"
        self._query_dense = self._projection("query", to_heads, queries, "de", query_shape)
        self._key_dense = self._projection("key", to_heads, keys, "de", key_shape)
        if self.use_gate:
            self._gate_dense = self._projection(
                "gate", to_heads, queries, "de", query_shape, "sigmoid"
            )
        self._value_dense = self._projection("value", to_heads, keys, "de", value_shape)
        self._build_shares((-1,), "btnh,bsnh->bnts", "bnts,bsnh->btnh")
        self._output_dense = self._projection(
            "attention_output",
            "abcd,cde->abe",
            (None, self.feature_dim),
            "e",
            (None, None, self.num_query_heads, self.head_dim),
        )

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
        """Return the attended values `[B, T, D]`, and the shares `[B, N, T, S]` if asked for.

        Shapes: query `[B, T, D]`, value and key `[B, S, D]`; masks `[B, T]` and `[B, S]`;
        attention_mask broadcasts to `[B, T, S]` or, with heads, to `[B, N, T, S]`.
        """
        masks = {
            "query_mask": query_mask,
            "value_mask": value_mask,
            "key_mask": key_mask,
            "attention_mask": attention_mask,
        }
        tensors = (query, value, value if key is None else key)
        options = (use_causal_mask, training)
        return self._run_attention(tensors, masks, return_attention_scores, options)

    def _for_each_query_head(self, x: Any) -> Any:
        return ops.repeat(x, self.num_repeats, axis=2)

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        """Return the shape of the attended values, that of the query.

        Raises:
            ValueError: features or lengths differ.
        """
        key_shape = value_shape if key_shape is None else key_shape
        lengths = tuple(value_shape[1:-1]) == tuple(key_shape[1:-1])
        if lengths and query_shape[-1] == value_shape[-1]:
            return tuple(query_shape)
        raise ValueError(
            "Expected `query` and `value` to have the same last axis, and `value` and `key` the "
            f"same other axes. Received: query_shape={query_shape}, value_shape={value_shape}, "
            f"key_shape={key_shape}"
        )
