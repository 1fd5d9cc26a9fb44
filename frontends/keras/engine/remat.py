"""Rematerialisation: results inside are computed again in the backward pass instead of being kept.

Source: Chen et al., "Training deep nets with sublinear memory cost" (2016).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from functools import wraps
from types import TracebackType
from typing import Any, Self

import jax

from graphc.keras.engine.bodies import TracedBody, fill
from graphc.keras.engine.scope import TraceScope, current_scope, current_trace
from graphc.keras.engine.structure import flatten, pack_as
from graphc.keras.engine.tensor import Symbol
from graphc.spec import TensorSpec

MODES = ("full", "activations", "larger_than", "list_of_layers", None)
_MODE: ContextVar[RematScope | None] = ContextVar("graphc_remat", default=None)


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return `f` so that its intermediate results are not kept for the backward pass."""
    return _remat(f, larger_than=-1)


def _remat(f: Callable[..., Any], larger_than: int) -> Callable[..., Any]:
    """The same, where the outputs have more elements than `larger_than`."""

    @wraps(f)
    def rematerialised(*args: Any, **kwargs: Any) -> Any:
        trace = current_trace()
        if trace is not None:
            return _emit(trace, f, args, kwargs, larger_than)
        under_jax = any(isinstance(leaf, jax.core.Tracer) for leaf in flatten((args, kwargs)))
        if current_scope() is not None or not under_jax:  # nothing is differentiated here
            return f(*args, **kwargs)
        return jax.checkpoint(lambda a, k: f(*a, **k))(args, kwargs)

    return rematerialised


def _emit(
    trace: TraceScope, f: Callable[..., Any], args: Any, kwargs: Any, larger_than: int
) -> Any:
    leaves = flatten((args, kwargs))
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Symbol)]
    symbols = [leaves[place] for place in places]

    def call(*inner: Any) -> Any:
        given = list(leaves)
        for place, symbol, outer in zip(places, inner, symbols, strict=True):
            symbol._keras_mask = outer._keras_mask
            given[place] = symbol
        inner_args, inner_kwargs = pack_as((args, kwargs), given)
        return f(*inner_args, **inner_kwargs)

    specs = [TensorSpec(symbol.shape, symbol.dtype) for symbol in symbols]
    found = TracedBody(trace, call, specs, may_add_losses=True)
    variables, count = found.written, len(found.specs) - len(found.losses)
    if sum(math.prod(spec.shape) for spec in found.specs[:count]) <= larger_than:
        return f(*args, **kwargs)
    body = found.body(variables)
    operands = [*symbols, *found.scope.captures]  # reading the variables may have captured more
    results = trace.emit("core.remat", operands, {"body": body})
    results = results if isinstance(results, tuple) else (results,)
    trace.losses.extend(results[count : len(found.specs)])
    for variable, value in zip(variables, results[len(found.specs) :], strict=True):
        trace.write(variable, value)
    return fill(found.outputs, results[:count])


class RematScope:
    """Layers made inside rematerialise their calls, as `mode` says.

    Args:
        mode: "full" (every layer), "activations" (the activation functions), "larger_than" (layers
            whose outputs have more elements than `output_size_threshold`), "list_of_layers" (those
            named in `layer_names`), or None (none).

    Raises:
        ValueError: another mode.
    """

    def __init__(
        self,
        mode: str | None = "full",
        output_size_threshold: int = 1024,
        layer_names: Sequence[str] | None = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"Invalid mode. Expected one of {MODES}. Received: mode={mode!r}")
        self.mode, self.output_size_threshold = mode, output_size_threshold
        self.layer_names = list(layer_names or [])
        self._token: Token[RematScope | None] | None = None

    def __enter__(self) -> Self:
        self._token = _MODE.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._token is not None:
            _MODE.reset(self._token)

    def wrap(self, layer: Any) -> Callable[..., Any]:
        """Return the layer's `call`, rematerialised as this scope says."""
        if self.mode == "full" or (
            self.mode == "list_of_layers" and layer.name in self.layer_names
        ):
            return remat(layer.call)
        if self.mode == "larger_than":
            return _remat(layer.call, self.output_size_threshold)
        if self.mode == "activations" and callable(getattr(layer, "activation", None)):
            return _call_with_remat_activation(layer)
        return layer.call


def _call_with_remat_activation(layer: Any) -> Callable[..., Any]:
    """Return the layer's `call` with its activation rematerialised."""

    def call(*args: Any, **kwargs: Any) -> Any:
        activation = layer.activation
        object.__setattr__(layer, "activation", remat(activation))
        try:
            return layer.call(*args, **kwargs)
        finally:
            object.__setattr__(layer, "activation", activation)

    return call


def current_remat_scope() -> RematScope | None:
    """Return the innermost scope that a layer is made in."""
    return _MODE.get()
