"""Mathematics written with Python's operators, as a graph; and the comparison of two graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from graphc.builder import Builder
from graphc.ir import Graph, Value
from graphc.kernels.registry import Target
from graphc.lower import lower, plan
from tests.graphc.graphs import numbers


class Term:
    """A value that emits into its builder what is done with it."""

    __array_ufunc__ = None  # arrays leave their operators to this class

    def __init__(self, builder: Builder, value: Value) -> None:
        self.builder, self.value = builder, value

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.value.spec.shape

    def op(self, name: str, *others: Any, **attrs: Any) -> Any:
        """Apply an op to this value and others."""
        operands = [other.value if isinstance(other, Term) else other for other in others]
        made = self.builder.emit(name, self.value, *operands, **attrs)
        if isinstance(made, tuple):
            return tuple(Term(self.builder, value) for value in made)
        return Term(self.builder, made)

    def constant(self, value: Any) -> Term:
        """Return a constant of the same graph."""
        return Term(self.builder, self.builder.constant(value))


def _operator(name: str, reflected: bool) -> Callable[[Term, Any], Term]:
    def method(self: Term, other: Any) -> Term:
        other = other if isinstance(other, Term) else self.constant(other)
        return other.op(name, self) if reflected else self.op(name, other)

    return method


for _python, _op in {
    "add": "math.add", "sub": "math.subtract", "mul": "math.multiply", "truediv": "math.divide",
    "pow": "math.power", "matmul": "linalg.matmul",
}.items():  # fmt: skip
    setattr(Term, f"__{_python}__", _operator(_op, reflected=False))
    setattr(Term, f"__r{_python}__", _operator(_op, reflected=True))
Term.__neg__ = lambda self: self.op("math.negative")  # type: ignore[attr-defined]


def written(function: Callable[..., Term], *specs: Any) -> Graph:
    """Return the graph of a function of parameters."""
    builder = Builder()
    terms = [Term(builder, builder.param(one, f"p{i}")) for i, one in enumerate(specs)]
    return builder.finish([function(*terms).value])


def assert_same_numbers(
    one: Graph, other: Graph, tolerance: float, seed: int = 0, draw: Any = numbers
) -> None:
    """Fail unless outputs and gradients by all parameters agree relative to their largest."""
    arguments = draw(one, seed)
    for ours, theirs in zip(_results(other, arguments), _results(one, arguments), strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        wanted = theirs.astype("float64")
        most = np.abs(wanted).max()
        assert np.isfinite(most) and most > 0, "a comparison of nothing"
        np.testing.assert_allclose(ours.astype("float64"), wanted, rtol=0, atol=tolerance * most)


def _results(graph: Graph, arguments: Any) -> list[np.ndarray]:
    """Return the outputs, and the gradients of a weighted sum of them by the parameters."""
    lowered = lower(graph, plan(graph, Target("cpu", ("reference",))))
    params, state, inputs = arguments

    def total(params: Any) -> Any:
        outputs, _ = lowered(params, state, inputs)
        rng = np.random.default_rng(1)
        weights = [rng.uniform(-1, 1, out.shape).astype("float32") for out in outputs]
        summed = sum((out * w).sum() for out, w in zip(outputs, weights, strict=True))
        return summed, outputs

    (_, outputs), gradients = jax.value_and_grad(total, has_aux=True)(params)
    return [np.asarray(array) for array in (*outputs, *gradients)]
