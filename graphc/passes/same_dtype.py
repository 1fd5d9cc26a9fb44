"""The check of rules whose op has the dtype of its operand, while the mathematics promoted."""

from __future__ import annotations

from graphc.match import Match

FLOATS = ("float16", "bfloat16", "float32", "float64")


def reason_against_dtype(m: Match, name: str) -> str | None:
    """Return None when the variable `name` and the root have one floating dtype, else the reason.

    A constant that is no Python number may have promoted what was written out.
    """
    given, made = m.value(name).spec.dtype, m.root.specs[0].dtype
    if given not in FLOATS:
        return f"{given} is not a float"
    if given != made:
        return f"{given} has become {made}, the op would keep it"
    return None
