"""`CASES`: all of them."""

from __future__ import annotations

from graphc.kernels.cases.case import Case
from graphc.kernels.cases.control import control_cases
from graphc.kernels.cases.models import model_cases
from graphc.kernels.cases.simple import small_cases

CASES: tuple[Case, ...] = (*small_cases(), *control_cases(), *model_cases())


def cases_of(op: str) -> tuple[Case, ...]:
    """The cases of one op."""
    return tuple(case for case in CASES if case.op == op)
