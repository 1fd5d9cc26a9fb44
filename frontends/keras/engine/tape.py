"""`GradientTape`: derivatives of what was computed, by variables and tensors, inside a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from graphc.gradient import emit_gradient, is_smooth
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.lazy import LazyScope, lazily
from graphc.keras.engine.scope import TraceScope, current_trace, entered
from graphc.keras.engine.structure import flatten, pack_as
from graphc.keras.engine.tensor import Symbol
from graphc.keras.engine.variable import Variable

UNCONNECTED = ("none", "zero")


class GradientTape:
    """Gives gradients of what is computed inside, as TensorFlow's class of this name.

    In a step that is being traced everything is known anyway, so the tape only remembers what there
    was when it was entered: that is constant, but for variables and watched tensors. Outside of any
    step it begins a trace of its own, which is compiled and run when its results are looked at. A
    gradient may be asked for inside or after the `with`, more than once, and of tensors that
    another tape's gradient went into.

    Args:
        persistent: accepted; every tape may be asked more than once.
        watch_accessed_variables: whether variables count as sources that were not watched.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self.persistent = persistent
        self._watches_all = watch_accessed_variables
        self._watched: dict[int, Any] = {}
        self._trace: TraceScope | None = None
        self._entry: Any = None
        self._before: dict[int, Any] = {}
        self._since = 0  # what was computed before is constant

    def __enter__(self) -> Self:
        self._entry = lazily()
        self._trace = self._entry.__enter__()
        self._before = dict(self._trace.values)
        self._since = self._trace.builder.begin_afresh()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop; what was computed stays known."""
        self._entry.__exit__(*error)

    def watch(self, tensor: Any) -> None:
        """Count tensors among the sources."""
        for leaf in flatten(tensor):
            self._watched[id(leaf)] = leaf
            if isinstance(self._trace, LazyScope) and not isinstance(leaf, (Symbol, Variable)):
                self._trace.watch(leaf)

    def watched_variables(self) -> tuple[Any, ...]:
        """Return the variables that were watched by name."""
        return tuple(leaf for leaf in self._watched.values() if isinstance(leaf, Variable))

    def reset(self) -> None:
        """Forget what was watched."""
        self._watched.clear()

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """Return the derivative of a target (of the sum of several) by each source.

        Args:
            target: a tensor or a structure of tensors; each is summed over its elements.
            sources: a variable or tensor, or a structure of them.
            output_gradients: what each element of each target counts, one where not given.
            unconnected_gradients: "none" or "zero": what stands for a source that the target does
                not depend on.

        Returns:
            The structure of `sources`, with tensors of their shapes.

        Raises:
            ValueError: an unknown choice for `unconnected_gradients`.
            RuntimeError: the tape was never entered.
        """
        choice = getattr(unconnected_gradients, "value", unconnected_gradients)
        if choice not in UNCONNECTED:
            raise ValueError(
                f"Expected `unconnected_gradients` to be one of {UNCONNECTED}. "
                f"Received: unconnected_gradients={unconnected_gradients!r}"
            )
        if self._trace is None:
            raise RuntimeError("Expected the tape to be entered (`with tape:`) before `gradient`.")
        trace = _innermost(self._trace)
        with entered(trace), trace.layer("gradient", ""):
            total = _total(flatten(target), flatten(output_gradients))
            found = self._by_each(trace, total, flatten(sources))
            if choice == "zero":
                pairs = zip(found, flatten(sources), strict=True)
                found = [_zeros_like(s) if one is None else one for one, s in pairs]
        return pack_as(sources, found)

    def _by_each(self, trace: TraceScope, total: Any, sources: Sequence[Any]) -> list[Any]:
        symbols = [self._symbol(trace, source) for source in sources]
        if not isinstance(total, Symbol):
            return [None] * len(sources)
        values = [None if s is None else trace.as_value(s) for s in symbols]
        wanted = [value for value in values if value is not None and is_smooth(value)]
        since = self._since if trace is self._trace else 0
        slopes = emit_gradient(trace.builder, trace.as_value(total), wanted, since)
        by_value = dict(zip(wanted, slopes, strict=True))
        found = [None if value is None else by_value.get(value) for value in values]
        return [None if value is None else trace.symbol(value) for value in found]

    def _symbol(self, trace: TraceScope, source: Any) -> Any:
        """Return what stands for a source in the trace: of a variable, what it was at first."""
        if not isinstance(source, Variable):
            return trace.known(source)
        if not self._watches_all and id(source) not in self._watched:
            return None
        known = self._before.get(id(source))
        return trace.first(source) if known is None else known


def _innermost(trace: TraceScope) -> TraceScope:
    """Return the present trace where there is one: a loop's body may be one inside the tape's."""
    return current_trace() or trace


def _total(targets: Sequence[Any], weights: Sequence[Any]) -> Any:
    given = [weight for weight in weights if weight is not None]
    if given and len(given) != len(targets):
        raise ValueError(
            "Expected `output_gradients` in the structure of `target`. "
            f"Received: {len(given)} of them for {len(targets)} targets"
        )
    if given:
        targets = [apply("math.multiply", t, w) for t, w in zip(targets, given, strict=True)]
    total: Any = None
    for one in targets:
        term = apply("reduce.sum", one) if one.ndim else one
        total = term if total is None else apply("math.add", total, term)
    return total


def _zeros_like(source: Any) -> Any:
    value = source.value if isinstance(source, Variable) else source
    return apply("shape.full_like", value, 0)
