"""Batch rules of recurrent layers: inputs, states, masks and recurrent dropout have rows."""

from __future__ import annotations

from graphc.kernels.batching.kinds import Attrs, Kinds, Outs, Rule, Specs
from graphc.kernels.batching.layers import leading_batch

# Of the operands, those that have the batch as axis 0.
ONE_WAY = {"simple_rnn": (0, 4, 5, 6), "gru": (0, 4, 5, 6), "lstm": (0, 4, 5, 6, 7)}
BOTH_WAYS = {
    "simple_rnn": (0, 1, 5, 6, 10, 11),
    "gru": (0, 1, 5, 6, 10, 11),
    "lstm": (0, 1, 5, 6, 7, 11, 12, 13),
}


def _bidirectional(kinds: tuple[str | None, ...], specs: Specs, attrs: Attrs, outs: Outs) -> Kinds:
    return leading_batch(*BOTH_WAYS[attrs["layer"]])(kinds, specs, attrs, outs)


RULES: dict[str, Rule] = {
    **{f"nn.{layer}": leading_batch(*places) for layer, places in ONE_WAY.items()},
    "nn.bidirectional": _bidirectional,
}
