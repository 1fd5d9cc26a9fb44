"""`ProjectedAttention`: what multi-head and grouped-query attention have in common."""

from __future__ import annotations

import math
from typing import Any

from graphc.keras import ops
from graphc.keras.config.computing import is_flash_attention_enabled
from graphc.keras.engine.building import shape_of
from graphc.keras.engine.call import mask_of, set_masks
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.masks import get_mask, set_mask
from graphc.keras.layers.activation import Softmax
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.layers.dropout import Dropout
from graphc.keras.layers.einsum_dense import EinsumDense
from graphc.keras.layers.wrapper import build_inside

Shape = tuple[int | None, ...]


class ProjectedAttention(BuiltinLayer):
    """Projects queries, keys and values to heads, attends, and projects back.

    Subclasses make the projections in `build`, and set `dot_product` and `combine`, the equations
    of the explicit way, which is taken where scores are asked for or dropped at random.
    """

    def configure_attention(
        self, size: int, dropout: float, sliding_window: Any, flash_attention: bool | None
    ) -> None:
        """Store and check what does not concern the projections; `size` is that of a head's keys.

        Raises:
            ValueError: the window is not a positive integer, or flash attention with dropout.
        """
        if sliding_window is not None and not _is_positive(sliding_window):
            raise ValueError(
                "Expected `sliding_window` to be a positive integer or None. "
                f"Received: sliding_window={sliding_window!r}"
            )
        self.configure(dropout=dropout, sliding_window=sliding_window)
        self._flash_attention = flash_attention or is_flash_attention_enabled()
        if self._flash_attention and dropout > 0.0:
            raise ValueError(
                "Flash attention has no dropout: expected `dropout` to be 0. "
                f"Received: dropout={dropout}"
            )
        self._scale = 1.0 / math.sqrt(float(size))
        self.supports_masking = True

    def _maybe_build(self, named: dict[str, Any]) -> None:
        """Build with the shapes of those of query, value and key that were given."""
        if self.built:
            return
        given = [name for name in ("query", "value", "key") if named.get(name) is not None]
        self.build(**{f"{name}_shape": shape_of(named[name]) for name in given})

    def _projection(
        self,
        name: str,
        equation: str,
        output_shape: Any,
        bias_axes: str,
        input_shape: Shape,
        activation: Any = None,
    ) -> EinsumDense:
        """Make and build one projection, with initializers of its own."""
        made = EinsumDense(
            equation,
            output_shape,
            activation,
            bias_axes if self.use_bias else None,
            kernel_initializer=_fresh(self.kernel_initializer),
            bias_initializer=_fresh(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            activity_regularizer=self._projections_activity(),
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            name=name,
        )
        build_inside(self, made, input_shape)
        return made

    def _projections_activity(self) -> Any:
        return self.activity_regularizer

    def _build_shares(self, axes: tuple[int, ...], dot_product: str, combine: str) -> None:
        """Make what turns scores into shares, which are normalised over `axes`."""
        self._dot_product_equation, self._combine_equation = dot_product, combine
        self._softmax = Softmax(axis=axes, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self.dropout, dtype=self.dtype_policy, seed=self.seed)

    def _run_attention(
        self, tensors: tuple[Any, Any, Any], masks: dict[str, Any], scored: bool, options: Any
    ) -> Any:
        """Project, attend and project back; `scored` asks for the scores, too."""
        carried = [mask_of(tensor) for tensor in tensors]
        for tensor in tensors:
            _replace_mask(tensor, None)  # the projections do not hand masks on
        use_causal_mask, training = options
        own = type(self)._compute_attention is ProjectedAttention._compute_attention
        near: dict[str, Any] = {}
        if own:  # an override sees one mask that says all, as in Keras
            near = {"use_causal_mask": use_causal_mask, "sliding_window": self.sliding_window}
        visible = self._compute_attention_mask(
            *tensors[:2], **masks, use_causal_mask=use_causal_mask and not own
        )
        gate = self._gate_dense(tensors[0]) if self.use_gate else None
        layers = (self._query_dense, self._key_dense, self._value_dense)
        query, value, key = tensors
        projected = [layer(x) for layer, x in zip(layers, (query, key, value), strict=True)]
        output, scores = self._compute_attention(*projected, visible, training, scored, **near)
        output = self._output_dense(output if gate is None else ops.multiply(output, gate))
        set_masks(output, carried[0])
        for tensor, mask in zip(tensors, carried, strict=True):
            _replace_mask(tensor, mask)  # others read these tensors, too
        return (output, scores) if scored else output

    def _compute_attention_mask(
        self,
        query: Any,
        value: Any,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return where queries may attend to keys, [B or 1, T or 1, S], or None for everywhere."""
        parts = [
            None if mask is None else ops.expand_dims(ops.cast(mask, "bool"), axis)
            for mask, axis in ((query_mask, -1), (value_mask, -2), (key_mask, -2))
        ]
        own = type(self)._compute_attention is ProjectedAttention._compute_attention
        window = None if own else self.sliding_window
        parts.append(_reach(query, value, use_causal_mask, window))
        parts.append(None if attention_mask is None else ops.cast(attention_mask, "bool"))
        return _all_of(parts)

    def _compute_attention(
        self,
        query: Any,
        key: Any,
        value: Any,
        attention_mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
        sliding_window: int | None = None,
    ) -> tuple[Any, Any]:
        """Return the heads' results [B, T, N, V] and, if asked for, their shares [B, N, T, S].

        Raises:
            ValueError: scores are asked for with flash attention.
        """
        if self._flash_attention and return_attention_scores:
            raise ValueError(
                "Flash attention never holds the scores: expected `return_attention_scores` to be "
                f"False. Received: return_attention_scores={return_attention_scores}"
            )
        dropping = self.dropout > 0.0 and training
        if return_attention_scores or dropping or len(query.shape) != 4:
            near = _reach(query, key, use_causal_mask, sliding_window)
            visible = _all_of([attention_mask, near])
            return self._attend_explicitly(query, key, value, visible, training)
        result = apply(
            "nn.attention",
            *(query, key, value, None),
            self._with_heads(attention_mask, 4),
            scale=self._scale,
            is_causal=bool(use_causal_mask),
            window=sliding_window,
            zero_empty_rows=self.dropout > 0.0,  # as the explicit way, which trained the weights
            flash=self._flash_attention,
        )
        return result, None

    def _attend_explicitly(
        self, query: Any, key: Any, value: Any, mask: Any, training: bool | None
    ) -> tuple[Any, Any]:
        key, value = self._for_each_query_head(key), self._for_each_query_head(value)
        query = ops.multiply(query, ops.cast(self._scale, query.dtype))
        scores = self._masked_softmax(self._score(query, key), mask)
        kept = self._dropout_layer(scores, training=training) if self.dropout > 0.0 else scores
        return ops.einsum(self._combine_equation, kept, value), scores

    def _score(self, query: Any, key: Any) -> Any:
        return ops.einsum(self._dot_product_equation, query, key)

    def _for_each_query_head(self, x: Any) -> Any:
        return x

    def _masked_softmax(self, scores: Any, attention_mask: Any = None) -> Any:
        """Return the shares; those of a query that sees no key are 0."""
        return self._softmax(scores, mask=self._with_heads(attention_mask, len(scores.shape)))

    def _with_heads(self, mask: Any, rank: int) -> Any:
        """The mask with axes inserted before those of queries and keys, up to `rank` of them."""
        if mask is None or len(mask.shape) >= rank:
            return mask
        axis = -1 - 2 * len(self._softmax_axes())
        for _ in range(rank - len(mask.shape)):
            mask = ops.expand_dims(mask, axis)
        return mask

    def _softmax_axes(self) -> tuple[int, ...]:
        axis = self._softmax.axis
        return (axis,) if isinstance(axis, int) else tuple(axis)


def _is_positive(value: Any) -> bool:
    return isinstance(value, int) and value > 0


def _fresh(initializer: Any) -> Any:
    """A copy that draws a seed of its own, if it was given none."""
    return type(initializer).from_config(initializer.get_config())


def _replace_mask(tensor: Any, mask: Any) -> None:
    if mask is not None or get_mask(tensor) is not None:
        set_mask(tensor, mask)


def _all_of(masks: list[Any]) -> Any:
    """The conjunction of the masks that are given; None if none is."""
    found = None
    for mask in masks:
        if mask is not None:
            found = mask if found is None else ops.logical_and(found, mask)
    return found


def _reach(query: Any, key: Any, use_causal_mask: bool, window: int | None) -> Any:
    """Where keys are near enough by their positions on axis 1, [1, T, S]; None for everywhere."""
    if not use_causal_mask and window is None:
        return None
    rows = ops.reshape(ops.arange(query.shape[1], dtype="int32"), (1, -1, 1))
    columns = ops.reshape(ops.arange(key.shape[1], dtype="int32"), (1, 1, -1))
    causal = ops.greater_equal(rows, columns) if use_causal_mask else None
    near = None if window is None else ops.less(ops.abs(rows - columns), window)
    return _all_of([causal, near])
