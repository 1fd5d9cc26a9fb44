"""`CASES`: all of them."""

from __future__ import annotations

from graphc.kernels.cases.attention import attention_cases
from graphc.kernels.cases.case import Case
from graphc.kernels.cases.control import control_cases
from graphc.kernels.cases.convolution import convolution_cases
from graphc.kernels.cases.image import image_cases
from graphc.kernels.cases.models import model_cases
from graphc.kernels.cases.recurrent import recurrent_cases
from graphc.kernels.cases.sequences import sequence_cases
from graphc.kernels.cases.simple import small_cases

CASES: tuple[Case, ...] = (
    *small_cases(),
    *control_cases(),
    *convolution_cases(),
    *model_cases(),
    *recurrent_cases(),
    *attention_cases(),
    *image_cases(),
    *sequence_cases(),
)


def cases_of(op: str) -> tuple[Case, ...]:
    """The cases of one op."""
    return tuple(case for case in CASES if case.op == op)
