"""A product of two tensors as the letters of their axes, whichever op it is written with."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_letters

from graphc.ir import Node
from graphc.spec import TensorSpec


@dataclass(frozen=True)
class Letters:
    """The axes of `left` and `right` and of their product, a letter each; equal ones are paired."""

    left: str
    right: str
    result: str


def letters_of(node: Node) -> Letters | str:
    """Return the letters of a product, or the reason why it has none."""
    specs = [value.spec for value in node.inputs if value is not None]
    if node.op == "linalg.einsum":
        return _of_einsum(node.attrs["subscripts"], specs)
    if node.op == "linalg.tensordot":
        return _of_tensordot(node.attrs["axes"], specs)
    return _of_matmul(specs)


def _of_einsum(subscripts: str, specs: list[TensorSpec]) -> Letters | str:
    operands, arrow, result = subscripts.replace(" ", "").partition("->")
    left, _, right = operands.partition(",")
    if not arrow or "," in right:
        return f"{subscripts!r} is not of the form 'x,y->z'"
    if "..." in subscripts:
        free = iter(letter for letter in ascii_letters if letter not in subscripts)
        hidden = [spec.ndim - len(t) + 3 for t, spec in zip((left, right), specs, strict=True)]
        if "..." in left and "..." in right and hidden[0] != hidden[1]:
            return f"the dots of {subscripts!r} stand for different numbers of axes"
        count = hidden[0] if "..." in left else hidden[1]
        dots = "".join(next(free) for _ in range(count))
        left, right, result = (term.replace("...", dots) for term in (left, right, result))
    if any(len(set(term)) < len(term) for term in (left, right, result)):
        return f"{subscripts!r} takes a diagonal"
    return _checked(Letters(left, right, result), specs)


def _of_tensordot(axes: object, specs: list[TensorSpec]) -> Letters | str:
    x, y = specs
    if isinstance(axes, int):
        axes = (tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes)))
    if not isinstance(axes, tuple):
        return f"the axes {axes} are no pair"
    pairs = [(a,) if isinstance(a, int) else tuple(a) for a in axes]
    left = ascii_letters[: x.ndim]
    right = [*ascii_letters[x.ndim : x.ndim + y.ndim]]
    for a, b in zip(*pairs, strict=True):
        right[b] = left[a]
    kept = [a for a in left if a not in right] + [b for b in right if b not in left]
    return _checked(Letters(left, "".join(right), "".join(kept)), specs)


def _of_matmul(specs: list[TensorSpec]) -> Letters | str:
    x, y = specs
    if x.ndim < 2 or y.ndim not in (2, x.ndim):
        return f"the ranks of the product are {x.ndim} and {y.ndim}"
    batch = ascii_letters[: x.ndim - 2]
    shared = batch if y.ndim == x.ndim else ""
    return _checked(Letters(f"{batch}XY", f"{shared}YZ", f"{batch}XZ"), specs)


def _checked(letters: Letters, specs: list[TensorSpec]) -> Letters | str:
    """Return the letters unless an axis of size one is stretched."""
    x, y = specs
    sizes = dict(zip(letters.left, x.shape, strict=True))
    for letter, size in zip(letters.right, y.shape, strict=True):
        if sizes.get(letter, size) != size:
            return f"an axis is broadcast: {x.shape} with {y.shape}"
    return letters
