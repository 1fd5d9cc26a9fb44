"""`BATCH_RULES`: every op that is not simply mixed, by name."""

from __future__ import annotations

from graphc.kernels.batching import (
    attention,
    contraction,
    elementwise,
    image,
    layers,
    recurrent,
    reduction,
    sequences,
    structure,
)
from graphc.kernels.batching.kinds import Rule

# A rule maps the kinds of the operands (None: absent), their specs, the attributes and the specs
# of the results to the kinds of the results. An op without one mixes whatever depends on the batch.
BATCH_RULES: dict[str, Rule] = {
    **elementwise.RULES,
    **reduction.RULES,
    **contraction.RULES,
    **structure.RULES,
    **sequences.RULES,
    **layers.RULES,
    **recurrent.RULES,
    **attention.RULES,
    **image.RULES,
}

# Ops whose result takes its shape from attributes: with free operands they are free only if that
# shape was not copied from the batch, which no rule can see. A caller who knows the batch size
# must take a result of theirs with as many rows for "rows".
SHAPED_BY_ATTRS = frozenset(
    f"shape.{name}"
    for name in (
        "full",
        "full_like",
        "arange",
        "eye",
        "tri",
        "linspace",
        "logspace",
        "geomspace",
        "broadcast_to",
        "tile",
        "repeat",
        "reshape",
        "pad",
    )
)
