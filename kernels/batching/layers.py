"""Batch rules of layers and of random draws."""

from __future__ import annotations

from graphc.kernels.batching.kinds import (
    FREE,
    MIXED,
    ROWS,
    Attrs,
    Kinds,
    Outs,
    Rule,
    Specs,
    axes_of,
    first_operand,
    rule,
    same_rows,
)
from graphc.kernels.registry import TensorSpec

CONVOLUTIONS = ("nn.conv", "nn.depthwise_conv", "nn.separable_conv", "nn.conv_transpose")
POOLINGS = (
    "nn.max_pool",
    "nn.average_pool",
    "nn.adaptive_max_pool",
    "nn.adaptive_average_pool",
)
# Draws whose first rows are the same whatever the number of rows that follow, as long as JAX's
# option `jax_threefry_partitionable` keeps its default.
PREFIX_STABLE = (
    "random.uniform",
    "random.normal",
    "random.truncated_normal",
    "random.bernoulli",
    "random.randint",
    "random.gamma",
    "random.beta",
    "random.binomial",
)


def leading_batch(*operands: int) -> Rule:
    """A rule for layers: axis 0 of these operands and of every result is the batch.

    The other operands must be free. This is the rule of a layer such as attention or an LSTM.
    """

    def local(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
        carried = [kinds[i] for i in operands if i < len(kinds)]
        others = [kind for i, kind in enumerate(kinds) if i not in operands]
        sources = [spec for i, spec in enumerate(specs) if i in operands and kinds[i] != FREE]
        rows = {spec.shape[:1] for spec in sources if spec is not None}
        if any(kind != FREE for kind in others) or any(k not in (FREE, ROWS) for k in carried):
            return MIXED
        return ROWS if all({out.shape[:1]} == rows for out in outs) else MIXED

    return rule(local)


def _spatial(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return source.ndim > 2 and source.shape[0] == out.shape[0]


def _features(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return 0 not in axes_of(attrs, "axis", source.ndim, -1)


def _any_rank(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return True


def _draw(kinds: tuple[str | None, ...], specs: Specs, attrs: Attrs, outs: Outs) -> Kinds:
    """A draw counts as rows: its shape comes from attributes, and may be the batch's."""
    out = outs[0]
    if kinds[0] not in (FREE, None) or any(kind not in (FREE, ROWS, None) for kind in kinds[1:]):
        return (MIXED,)
    for kind, spec in zip(kinds[1:], specs[1:], strict=True):
        lines_up = spec is not None and same_rows(spec, out)
        if kind == ROWS and not lines_up:
            return (MIXED,)
    return (ROWS if out.ndim else FREE,)


def _per_row_draw(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    seed, logits = kinds
    return ROWS if seed == FREE and logits == ROWS else MIXED


RULES: dict[str, Rule] = {
    **dict.fromkeys(CONVOLUTIONS, first_operand(_spatial, zero=False)),
    **dict.fromkeys(POOLINGS, first_operand(_spatial, zero=True)),
    **dict.fromkeys(
        ("nn.layer_norm", "nn.rms_norm", "nn.group_norm"), first_operand(_features, zero=False)
    ),
    "nn.batch_norm": first_operand(_features, zero=False),
    "nn.embedding": first_operand(_any_rank, zero=False),
    "nn.embedding_bag": leading_batch(0, 2),
    "nn.linear_crossentropy": leading_batch(0, 3),
    **dict.fromkeys(PREFIX_STABLE, _draw),
    "random.categorical": rule(_per_row_draw),
}
