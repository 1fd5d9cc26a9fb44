"""Optimizer constructors: the arguments they share, their checks, and Keras's positional order."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

P = ParamSpec("P")
Owner = TypeVar("Owner")
SHARED: dict[str, Any] = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
    "name": None,
}


def shared_arguments(
    init: Callable[Concatenate[Owner, P], None],
) -> Callable[Concatenate[Owner, P], None]:
    """Let a constructor that ends in `**shared` take the shared arguments by position too.

    Keras lists the shared arguments after an optimizer's own ones; the decorated constructor has
    that signature while its body only names what is its own. Keyword-only ones come after the
    shared ones, and may be given by position too.
    """
    signature = inspect.signature(init)
    *own, rest = signature.parameters.values()
    names = {parameter.name for parameter in own}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    last = [p.replace(kind=kind) for p in own if p.kind is inspect.Parameter.KEYWORD_ONLY]
    first = own[: len(own) - len(last)]
    added = [
        inspect.Parameter(name, kind, default=default)
        for name, default in SHARED.items()
        if name not in names
    ]
    whole = signature.replace(parameters=[*first, *added, *last, rest.replace(name="kwargs")])

    @functools.wraps(init)
    def wrapped(self: Owner, *args: P.args, **kwargs: P.kwargs) -> None:
        arguments = dict(whole.bind(self, *args, **kwargs).arguments)
        extra = arguments.pop("kwargs", {})
        cast(Any, init)(**arguments, **extra)

    wrapped.__signature__ = whole  # pyright: ignore[reportAttributeAccessIssue]
    return wrapped


def check_shared(values: dict[str, Any]) -> None:
    """Refuse shared arguments that contradict each other or are out of range.

    Raises:
        ValueError: more than one way of clipping, fewer than two accumulation steps, a moving
            average's momentum outside [0, 1], or an overwrite frequency below one.
    """
    steps = values["gradient_accumulation_steps"]
    if steps and steps < 2:
        raise ValueError(
            "Expected `gradient_accumulation_steps` to be an integer >= 2. "
            f"Received: gradient_accumulation_steps={steps}"
        )
    clips = {name: values[name] for name in ("clipnorm", "clipvalue", "global_clipnorm")}
    if sum(value is not None for value in clips.values()) > 1:
        received = ", ".join(f"{name}={value}" for name, value in clips.items())
        raise ValueError(
            "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
            f"Received: {received}"
        )
    if values["use_ema"]:
        _check_average(values["ema_momentum"], values["ema_overwrite_frequency"])


def _check_average(momentum: Any, frequency: Any) -> None:
    if not 0 <= momentum <= 1:
        raise ValueError(
            f"Expected `ema_momentum` to be in the range [0, 1]. Received: ema_momentum={momentum}"
        )
    if frequency and (not isinstance(frequency, int) or frequency < 1):
        raise ValueError(
            "Expected `ema_overwrite_frequency` to be an integer >= 1 or None. "
            f"Received: ema_overwrite_frequency={frequency}"
        )
