"""Every op of the registry in ONNX: it gives what its reference gives, or it is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphc.artifacts.onnx.sizes import UnequalError
from graphc.artifacts.onnx.table import OPS as TRANSLATED
from graphc.artifacts.onnx.translate import UnexpressedError
from graphc.kernels.cases import CASES
from graphc.kernels.cases.case import BATCH, Input
from graphc.kernels.registry import OPS
from tests.graphc.onnx.running import op_error, op_nodes

PAGE = Path(__file__).parents[3] / "docs" / "onnx.md"
LIMIT = 1e-5
# Of the largest number. A tone that lies between two levels goes to either.
LIMITS = {"image.equalize": 1 / 254}
SAMPLE = 41  # of the cases, one in so many is not slow
# Special functions, views of bytes, solvers and decompositions, complex and random numbers.
REFUSED = frozenset((
    "core.bitcast", "image.elastic_transform", "image.homography", "image.perspective_transform",
    "linalg.cholesky", "linalg.cholesky_inverse", "linalg.det", "linalg.eig", "linalg.eigh",
    "linalg.inv", "linalg.lstsq", "linalg.lu_factor", "linalg.matrix_rank", "linalg.pinv",
    "linalg.qr", "linalg.slogdet", "linalg.solve", "linalg.solve_triangular", "linalg.svd",
    "math.complex", "math.digamma", "math.erfinv", "math.i0", "math.lgamma", "math.nextafter",
    "math.polygamma", "nn.dropout", "random.bernoulli", "random.beta", "random.binomial",
    "random.categorical", "random.gamma", "random.normal", "random.randint", "random.shuffle",
    "random.truncated_normal", "random.uniform", "shape.kaiser", "shape.unique", "signal.istft",
))  # fmt: skip
# Cases that are for no number of rows: they need so many, are over the rows by an operator that
# ONNX has for a known length alone, or hold indices that are out of range.
ODD = {
    "reduce.cumprod-axis_None", "reduce.cumprod-axis_0", "reduce.nancumprod-axis_None",
    "reduce.nancumprod-axis_0", "shape.diagonal-24", "shape.split-32", "shape.unstack-35",
    "shape.slice-46", "shape.squeeze-all", "shape.slice_dynamic-part", "nn.embedding_bag-unknown",
    "nn.embedding_bag-unknown_batch", "nn.embedding_bag-masked_batch", "linalg.corrcoef-rows",
    "linalg.matmul-over_batch", "shape.broadcast_to-8",
}  # fmt: skip


def _cases() -> list[Any]:
    known = [case for case in CASES if case.op not in REFUSED and str(case) not in ODD]
    return [
        pytest.param(case, id=str(case), marks=[] if i % SAMPLE == 0 else pytest.mark.slow)
        for i, case in enumerate(known)
    ]


@pytest.mark.parametrize("case", _cases())
def test_an_op_gives_what_its_reference_gives(case: Any) -> None:
    assert op_error(case) <= LIMITS.get(case.op, LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("op", sorted(REFUSED & {case.op for case in CASES}))
def test_an_op_is_refused_by_name(op: str) -> None:
    case = of_any_rows(next(case for case in CASES if case.op == op))
    with pytest.raises((UnexpressedError, UnequalError), match=re.escape(f"'{op}' in layer")):
        op_nodes(case, known=False)


def of_any_rows(case: Any) -> Any:
    """Return a case with drawn operands for given ones that are of its number of rows alone."""
    if not any(one is not None and one.batched for one in case.inputs):
        return case
    inputs = [
        Input((BATCH, *one.array.shape[1:]))
        if one is not None and one.array is not None and one.array.shape[:1] == (case.batch,)
        else one
        for one in case.inputs
    ]
    return replace(case, inputs=tuple(inputs))


def test_the_page_lists_every_op() -> None:
    assert set(TRANSLATED) <= set(OPS)
    assert not REFUSED & set(TRANSLATED)
    assert PAGE.read_text().split("test_ops.py -->\n")[1].strip() == table().strip()


def table() -> str:
    """Return the table of the page: what is in ONNX, what is made of its parts, what is refused."""
    parts = set(OPS) - set(TRANSLATED) - REFUSED
    kinds = {"in ONNX": set(TRANSLATED), "by their parts": parts, "refused": REFUSED}
    rows = ["| ops | |", "| --- | --- |"]
    for kind, names in kinds.items():
        families = sorted({name.partition(".")[0] for name in names})
        for family in families:
            own = sorted(n.partition(".")[2] for n in names if n.startswith(f"{family}."))
            rows.append(f"| {kind}: `{family}.` | {', '.join(own)} |")
    return "\n".join(rows)
