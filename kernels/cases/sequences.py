"""Cases of connectionist temporal classification, and of regrouped axes."""

from __future__ import annotations

from graphc.kernels.cases.case import BATCH, Case, floats, given, ints


def sequence_cases() -> tuple[Case, ...]:
    """Cases for `nn.ctc_*`, `nn.fold`, `nn.unfold`, `shape.rearrange` and `reduce.trapezoid`."""
    labels, logits = ints(BATCH, 3, low=1), floats(BATCH, 9, 5)
    ends = ints(BATCH, low=1, high=4), ints(BATCH, low=7, high=10)
    speech = (ints(BATCH, 24, low=1, high=28), floats(BATCH, 100, 28),
              ints(BATCH, low=12, high=25), ints(BATCH, low=60, high=101))  # fmt: skip
    images = floats(BATCH, 2, 6, 5)
    window = {"kernel_size": (3, 2), "dilation": (1, 2), "padding": 1, "stride": (2, 1)}
    rows = floats(BATCH, 6, 5)
    return (
        Case("nn.ctc_loss", "words", (labels, logits, *ends)),
        Case("nn.ctc_loss", "last_blank", (labels, logits, *ends), {"mask_index": 4}),
        Case("nn.ctc_loss", "speech", speech, {}, 32, bench=True),
        Case("nn.ctc_greedy_decode", "words", (logits, ends[1])),
        Case("nn.ctc_beam_decode", "words", (logits, ends[1]), {"beam_width": 6, "top_paths": 2}),
        Case("nn.unfold", "windows", (images,), window),
        Case("nn.fold", "windows", (floats(BATCH, 12, 15),), {**window, "output_size": (6, 5)}),
        Case("shape.rearrange", "split", (rows,),
             {"pattern": "b (h s) c -> b s (c h)", "lengths": (("s", 2),)}),
        Case("shape.rearrange", "over_batch", (rows,), {"pattern": "b h c -> (b h) c"}),
        Case("reduce.trapezoid", "even", (rows, None), {"dx": 0.5}),
        Case("reduce.trapezoid", "points", (rows, given([0.0, 1.0, 3.0, 4.0, 7.0, 7.5])),
             {"axis": 1}),
    )  # fmt: skip
