"""Products with a matrix of weights become dense layers.

    einsum("abc,cde->abde", x, w)     = reshape(dense(x, reshape(w, [c, d e])))
    tensordot(x, w, axes=2)           = dense(reshape(x, [a, b c]), reshape(w, [b c, d]))
    reshape(dense(x, w)) + bias       = reshape(dense(x, w, reshape(bias)))
    matmul(x, w) + bias               = dense(x, w, bias)

The first two hold where the last axes of x meet the first of w, in order, and the result has what
is left of x, then what is left of w. Then the passes and kernels for dense layers see the product.
Numerics are reassociated: nothing but the order of the sum may change.
"""

from __future__ import annotations

import math

from graphc.builder import Builder
from graphc.ir import Node, Value
from graphc.match import Match, Operand, Pattern, PatternBuilder
from graphc.passes.base import Pass
from graphc.passes.product_letters import letters_of
from graphc.passes.same_dtype import FLOATS
from graphc.rewrite import Rule


def _summed(node: Node) -> int | str:
    """Return how many last axes of x a product sums with the first of w, or why it is another."""
    letters = letters_of(node)
    if isinstance(letters, str):
        return letters
    left, right, result = letters.left, letters.right, letters.result
    count = sum(letter in right for letter in left)
    kept, met = left[: len(left) - count], left[len(left) - count :]
    if not 0 < count < min(len(left), len(right)):
        return f"{left},{right}->{result} has no axes to sum, or none to keep"
    if right[:count] != met or result != kept + right[count:]:
        return f"{left},{right}->{result} is no plain product: it permutes or pairs axes"
    return count


def _reason_against_operands(m: Match) -> str | None:
    for name in ("x", "w"):
        spec = m.value(name).spec
        if spec.dtype not in FLOATS:
            return f"{spec.dtype} is not a float"
        if 0 in spec.shape:
            return "a tensor is empty"
    return None


def _product(op: str) -> Rule:
    def pattern(p: PatternBuilder) -> Operand:
        return p.emit(op, "x", "w")

    def check(m: Match) -> str | None:
        summed = _summed(m.root)
        return summed if isinstance(summed, str) else _reason_against_operands(m)

    def rewrite(b: Builder, m: Match) -> Value:
        count = _summed(m.root)
        assert isinstance(count, int)
        x, w = m.value("x"), m.value("w")
        rows, columns = w.spec.shape[:count], w.spec.shape[count:]
        kept = x.spec.shape[: x.spec.ndim - count]
        x = _shaped(b, x, (*kept, math.prod(rows)))
        w = _shaped(b, w, (math.prod(rows), math.prod(columns)))
        return _shaped(b, b.emit("nn.dense", x, w, None), (*kept, *columns))

    return Rule(f"dense_of_{op.removeprefix('linalg.')}", pattern, check, rewrite)


def _shaped(b: Builder, value: Value, shape: tuple[int, ...]) -> Value:
    """Return a value in another shape; itself where it has it."""
    same = value.spec.shape == shape
    return value if same else b.emit("shape.reshape", value, newshape=shape)


def _biased(name: str, pattern: Pattern) -> Rule:
    """Return the rule by which a product takes in the bias that is added to it."""

    def check(m: Match) -> str | None:
        reason = _reason_against_operands(m)
        return reason or _reason_against_bias(m)

    def rewrite(b: Builder, m: Match) -> Value:
        x, w, bias = m.value("x"), m.value("w"), m.value("bias")
        dense = b.emit("nn.dense", x, w, _shaped(b, bias, w.spec.shape[1:]))
        return _shaped(b, dense, m.root.specs[0].shape)

    return Rule(name, pattern, check, rewrite)


def _reason_against_bias(m: Match) -> str | None:
    """Return None when the bias has one number for each column of the weights, else the reason."""
    x, w, bias = (m.value(name).spec for name in ("x", "w", "bias"))
    if w.ndim != 2 or x.ndim < 2:
        return f"the weights have {w.ndim} axes, and x {x.ndim}"
    made = m.root.specs[0].shape
    columns = made[x.ndim - 1 :]
    if made[: x.ndim - 1] != x.shape[:-1] or math.prod(columns) != w.shape[1]:
        return f"the columns of the product {made} are not apart from its rows"
    if bias.shape != columns:
        return f"the bias has the shape {bias.shape}, the columns {columns}"
    return None


def _dense_bias(p: PatternBuilder) -> Operand:
    dense = p.emit("nn.dense", "x", "w", None)
    return p.emit("math.add", p.any(dense, p.emit("shape.reshape", dense)), "bias")


def _matmul_bias(p: PatternBuilder) -> Operand:
    product = p.any(p.emit("linalg.matmul", "x", "w"), p.emit("linalg.dot", "x", "w"))
    return p.emit("math.add", product, "bias")


RAISE_PRODUCTS = Pass(
    name="raise_products",
    rules=(
        _product("linalg.einsum"),
        _product("linalg.tensordot"),
        _biased("dense_of_matmul", _matmul_bias),
        _biased("dense_of_bias", _dense_bias),
    ),
    numerics="reassociate",
)
