"""Which axis of written-out attention is which: batch, head, query, key, feature.

Letters name axes as in an Einstein summation: those of the op are b (batch), n (head), t (query),
s (key), h (feature of queries and keys) and e (feature of values); without heads there is no n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphc.builder import Builder
from graphc.ir import Node, Value
from graphc.match import Match, number_of
from graphc.passes.product_letters import Letters, letters_of

QUERY, KEY, VALUE, RESULT, SCORES = "btnh", "bsnh", "bsne", "btne", "bnts"
PRODUCTS = ("linalg.matmul", "linalg.einsum")


@dataclass(frozen=True)
class Layout:
    """The letters of each tensor as it was written, and the shape of the scores."""

    first: str  # the left operand of the scores
    second: str
    value: str
    table: str
    result: str
    shape: tuple[int, ...]

    @property
    def query_is_first(self) -> bool:
        """Whether the left operand of the scores holds the queries."""
        return "t" in self.first


def layout_of(m: Match) -> Layout | str:
    """Return the layout of a match of two products around a softmax, or why it has none."""
    softmax = m.node("nn.softmax")
    scores = next(n for n in m.nodes.values() if n is not m.root and n.op in PRODUCTS)
    shares_first = m.root.inputs[0] is not None and m.root.inputs[0].node in m.nodes.values()
    one, two = letters_of(scores), letters_of(m.root)
    if isinstance(one, str) or isinstance(two, str):
        return one if isinstance(one, str) else str(two)
    axis = _single(softmax.attrs["axis"], len(one.result))
    if axis is None:
        return f"the softmax is over the axes {softmax.attrs['axis']}"
    if not shares_first:
        two = Letters(two.right, two.left, two.result)
    names = _names(one, axis)
    if isinstance(names, str):
        return names
    written = one.left, one.right, one.result
    first, second, table = ("".join(names[letter] for letter in term) for term in written)
    later = dict(zip(two.left, table, strict=True))
    for letter in two.right:
        later.setdefault(letter, "e")
    value, result = ("".join(later.get(i, "?") for i in term) for term in (two.right, two.result))
    wanted = sorted(_kept(VALUE, table)), sorted(_kept(RESULT, table))
    if (sorted(value), sorted(result)) != wanted:
        return f"the second product is no sum over keys: {table},{value}->{result}"
    return Layout(first, second, value, table, result, scores.specs[0].shape)


def _single(axis: Any, rank: int) -> int | None:
    axes = (axis,) if isinstance(axis, int) else tuple(axis or ())
    return axes[0] % rank if len(axes) == 1 else None


def _names(scores: Letters, axis: int) -> dict[str, str] | str:
    """Return the op's letters by those of the product that makes the scores."""
    key = scores.result[axis]
    both = set(scores.left) & set(scores.right)
    shared = [letter for letter in scores.result if letter in both]
    own = [letter for letter in scores.result if letter not in both]
    summed = [letter for letter in scores.left if letter not in scores.result]
    total = len(set(scores.left) | set(scores.right))
    if len(own) != 2 or len(summed) != 1 or total != len(shared) + 3 or key not in own:
        return "the scores are not of each query with each key"
    if len(shared) not in (1, 2):
        return f"the scores have {len(shared)} axes beside those of queries and keys"
    query = own[0] if own[1] == key else own[1]
    return {query: "t", key: "s", summed[0]: "h", **dict(zip(shared, "bn", strict=False))}


def _kept(letters: str, table: str) -> str:
    """Return the letters of the op that a tensor without heads has, too."""
    return letters if "n" in table else letters.replace("n", "")


def as_operand(b: Builder, value: Value, have: str, want: str) -> Value:
    """Return a tensor of the axes `have` with the axes `want`, transposed once at the most."""
    while True:
        before, letters = _untransposed(value, have)
        if before is None:
            return _arranged(b, value, have, want)
        value, have = before, letters


def as_unscaled(b: Builder, value: Value, have: str, want: str) -> tuple[Value, float]:
    """Return what a tensor is a constant multiple of, with the axes `want`, and the constant."""
    factor = 1.0
    while True:
        before, scale = _scaled(value)
        if before is None:
            before, have = _untransposed(value, have)
        if before is None:
            break
        value, factor = before, factor * scale
    return _arranged(b, value, have, want), factor


def _scaled(value: Value) -> tuple[Value | None, float]:
    """Return what a value is a constant multiple of, and the constant."""
    node = value.node
    if node.op not in ("math.multiply", "math.divide"):
        return None, 1.0
    left, right = node.inputs
    number, other = number_of(right), left
    if number is None and node.op == "math.multiply":
        number, other = number_of(left), right
    if not number or other is None or other.spec != value.spec:
        return None, 1.0
    return other, number if node.op == "math.multiply" else 1.0 / number


def _untransposed(value: Value, have: str) -> tuple[Value | None, str]:
    """Return what a value is the transpose of, and the letters of that."""
    order = _order(value.node)
    if order is None:
        return None, have
    letters = dict(zip(order, have, strict=True))
    return value.node.inputs[0], "".join(letters[axis] for axis in range(len(have)))


def _order(node: Node) -> list[int] | None:
    """Return the axes of the operand in the order in which a transposing node has them."""
    rank, attrs = node.specs[0].ndim, node.attrs
    if node.op == "shape.transpose":
        axes = attrs["axes"]
        return [*reversed(range(rank))] if axes is None else [axis % rank for axis in axes]
    if node.op != "shape.swapaxes":
        return None
    order, one, two = [*range(rank)], attrs["axis1"] % rank, attrs["axis2"] % rank
    order[one], order[two] = two, one
    return order


def _arranged(b: Builder, value: Value, have: str, want: str) -> Value:
    """Return a value with its axes in the order `want`; those it lacks have the size one."""
    kept = [letter for letter in want if letter in have]
    axes = tuple(have.index(letter) for letter in kept)
    if axes != tuple(range(len(axes))):
        value = b.emit("shape.transpose", value, axes=axes)
    if len(kept) == len(want):
        return value
    sizes = dict(zip(kept, value.spec.shape, strict=True))
    return b.emit("shape.reshape", value, newshape=tuple(sizes.get(letter, 1) for letter in want))


def as_table(b: Builder, value: Value | None, layout: Layout) -> Value | None:
    """Return a bias or mask that broadcasts to the scores as written, with the op's four axes."""
    if value is None:
        return None
    missing, shape = len(layout.table) - value.spec.ndim, value.spec.shape
    whole = b.emit("shape.reshape", value, newshape=(*[1] * missing, *shape)) if missing else value
    return _arranged(b, whole, layout.table, SCORES)


def as_written(b: Builder, value: Value, layout: Layout) -> Value:
    """Return the op's result [B, T, N, E] with the axes of the written-out one."""
    have = _kept(RESULT, layout.table)
    if have != RESULT:
        batch, rows, _, features = value.spec.shape
        value = b.emit("shape.reshape", value, newshape=(batch, rows, features))
    return _arranged(b, value, have, layout.result)
