"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.ops.uniform import operand, uniform

STRATEGIES = ("greedy", "beam_search")

ctc_loss = uniform(
    "nn.ctc_loss", "target, output, target_length, output_length; mask_index=0", "ctc_loss"
)


def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int | None = 0,
) -> tuple[Any, Any]:
    """Return label sequences [P, B, T], filled up with -1, and their scores [B, P].

    Args:
        inputs: logits [B, T, C].
        sequence_lengths: how many frames of each sample count [B].
        strategy: "greedy" takes the best class of every frame, and `P` is 1; its score is minus
            the sum of those logits. "beam_search" gives `top_paths` sequences and the logarithms
            of their chances.
        beam_width: how many sequences the beam search keeps.
        top_paths: how many of them it returns.
        merge_repeated: whether the greedy strategy merges equal labels of neighbouring frames.
        mask_index: the class that stands for the blank.

    Raises:
        ValueError: an unknown strategy.
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f"Invalid strategy. Expected one of {STRATEGIES}. Received: strategy={strategy!r}"
        )
    operands = operand(inputs), operand(sequence_lengths)
    if strategy == "greedy":
        attrs = {"merge_repeated": bool(merge_repeated), "mask_index": mask_index}
        return apply("nn.ctc_greedy_decode", *operands, **attrs)
    attrs = {"beam_width": beam_width, "top_paths": top_paths, "mask_index": mask_index}
    return apply("nn.ctc_beam_decode", *operands, **attrs)
