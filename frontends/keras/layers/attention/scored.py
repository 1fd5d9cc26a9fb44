"""`Attention` and `AdditiveAttention`: one head, no projections, a choice of scores."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.runtime_scalar import runtime_scalar
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.random import SeedGenerator

SCORE_MODES = ("dot", "concat")


class Attention(BuiltinLayer):
    """Reads values by the products of queries and keys.

    Args:
        use_scale: whether a trainable scalar multiplies the scores.
        score_mode: "dot", or "concat" for a sum of tanh(query + key) times a trainable scalar.
        dropout: the fraction of shares dropped in training.
        seed: of the dropout.

    Inputs: a list `[query, value]` or `[query, value, key]` of `[B, T, D]` and `[B, S, D]`; masks:
    a list for the first two. Output: `[B, T, D]`, zero where the query's mask is False.

    Raises:
        ValueError: another score mode, or inputs or masks that are no such list.

    Source: Luong et al., arXiv 1508.04025.
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in SCORE_MODES:
            raise ValueError(
                f"Expected `score_mode` to be one of {SCORE_MODES}. "
                f"Received: score_mode={score_mode!r}"
            )
        self.configure(use_scale=use_scale, score_mode=score_mode, dropout=dropout, seed=seed)
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed=seed)
        self.scale: Any = None
        self.concat_score_weight: Any = None

    def build(self, input_shape: Any) -> None:
        """Create the scalars."""
        self._check_inputs(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                name="concat_score_weight", shape=(), initializer="ones"
            )

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return what the queries read, and the shares `[B, T, S]` if asked for."""
        self._check_inputs(inputs, mask)
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = mask[:2] if mask else (None, None)
        if self._needs_shares(query, training, return_attention_scores):
            scores = self._calculate_scores(query, key)
            visible = self._calculate_score_mask(scores, value_mask, use_causal_mask)
            output, shares = self._apply_scores(scores, value, visible, training)
        else:
            output, shares = self._read(query, key, value, value_mask, use_causal_mask), None
        if query_mask is not None:
            output = ops.where(ops.expand_dims(query_mask, -1), output, 0)
        return (output, shares) if return_attention_scores else output

    def _needs_shares(self, query: Any, training: Any, return_attention_scores: bool) -> bool:
        """Whether the shares must exist, or the scores are no plain products."""
        own = type(self)._calculate_scores is Attention._calculate_scores
        plain = own and self.score_mode == "dot" and len(query.shape) == 3
        return return_attention_scores or not plain or bool(training and self.dropout > 0)

    def _read(self, query: Any, key: Any, value: Any, mask: Any, use_causal_mask: bool) -> Any:
        """The output without the shares, by the kernel for heads, of which there is one."""
        query = query if self.scale is None else ops.multiply(query, self.scale)
        heads = [ops.expand_dims(x, 2) for x in (query, key, value)]
        visible = None if mask is None else ops.cast(mask, "bool")[:, None, None, :]
        attrs = {"scale": 1.0, "is_causal": bool(use_causal_mask)}
        return ops.squeeze(apply("nn.attention", *heads, None, visible, **attrs), 2)

    def _calculate_scores(self, query: Any, key: Any) -> Any:
        """Return the scores [B, T, S]."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else ops.multiply(scores, self.scale)
        total = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        total = total if self.scale is None else self.scale * total
        return self.concat_score_weight * ops.sum(ops.tanh(total), axis=-1)

    def _calculate_score_mask(self, scores: Any, v_mask: Any, use_causal_mask: bool) -> Any:
        """Return where keys are visible, [B or 1, T or 1, S], or None for everywhere."""
        visible = None if v_mask is None else ops.expand_dims(v_mask, -2)
        if not use_causal_mask:
            return visible
        rows, columns = (ops.arange(size, dtype="int32") for size in scores.shape[-2:])
        causal = ops.greater_equal(ops.expand_dims(rows, -1), columns)[None]
        return causal if visible is None else ops.logical_and(visible, causal)

    def _apply_scores(
        self, scores: Any, value: Any, scores_mask: Any = None, training: bool = False
    ) -> tuple[Any, Any]:
        """Return what the queries read and the shares."""
        if scores_mask is not None:
            least = 65504.0 if ops.dtype(scores) == "float16" else 1.0e9
            scores = ops.where(scores_mask, scores, scores - least)
        shares = kept = ops.softmax(scores, axis=-1)
        if training and self.dropout > 0:
            rate = runtime_scalar(self, "dropout")
            kept = apply("nn.dropout", shares, self.seed_generator.next(), rate)
        return ops.matmul(kept, value), kept

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the query's mask."""
        self._check_inputs(inputs, mask)
        return None if mask is None else mask[0]

    def _check_inputs(self, inputs: Any, mask: Any = None) -> None:
        name = type(self).__name__
        if not isinstance(inputs, list) or not 2 <= len(inputs) <= 3:
            raise ValueError(
                f"Layer {name} expects a list [query, value] or [query, value, key]. "
                f"Received: inputs={inputs}"
            )
        if mask is not None and (not isinstance(mask, list) or not 2 <= len(mask) <= 3):
            raise ValueError(
                f"Layer {name} expects `mask` to be a list [query_mask, value_mask]. "
                f"Received: mask={mask}"
            )


class AdditiveAttention(Attention):
    """Reads values by `sum(scale * tanh(query + key))`, `scale` a trainable vector or one.

    The arguments, inputs and output are those of `Attention`, without `score_mode`.
    Source: Bahdanau et al., arXiv 1409.0473.
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Create the scale, a vector of the query's features."""
        self._check_inputs(input_shape)
        if self.use_scale:
            features = input_shape[0][-1]
            self.scale = self.add_weight(
                name="scale", shape=(features,), initializer="glorot_uniform"
            )

    def _calculate_scores(self, query: Any, key: Any) -> Any:
        terms = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        return ops.sum(terms if self.scale is None else self.scale * terms, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["score_mode"]
        return config
