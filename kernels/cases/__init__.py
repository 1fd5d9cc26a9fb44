"""Named cases for every op: the one table behind `tests/kernels` and `bench/kernels.py`."""

from graphc.kernels.cases.case import BATCH, Case, Input
from graphc.kernels.cases.table import CASES, cases_of

__all__ = ["BATCH", "CASES", "Case", "Input", "cases_of"]
