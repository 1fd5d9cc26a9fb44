"""The exceptions of graphc; each message names the layer, the user's line, what was expected."""

from __future__ import annotations


class GraphcError(Exception):
    """The base of every error that graphc itself raises."""


class GraphError(GraphcError, ValueError):
    """An op was given operands that it cannot take; also a `ValueError`, as in Keras."""


class VerifyError(GraphcError):
    """A graph breaks an invariant of the IR: always a fault of graphc, never of the user."""


class RewriteLimitError(GraphcError):
    """A rule kept firing past its limit: two rules undo each other, or one feeds itself."""


class SymbolConversionError(GraphcError, TypeError):
    """A symbol was given to code that wants numbers (raw `jax.numpy`, NumPy, `float()`)."""


def located(message: str, scope: str, source: str) -> str:
    """Return `message` with the layer path and the user's line in front, where known."""
    where = f"Layer '{scope}'" if scope else ""
    line = f"(created at {source})" if source else ""
    prefix = " ".join(part for part in (where, line) if part)
    return f"{prefix}: {message}" if prefix else message
