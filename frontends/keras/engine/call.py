"""The call of a layer: arguments made tensors, context resolved, masks handed on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from graphc.keras.engine.host import HostTensor
from graphc.keras.engine.masks import get_mask, set_mask
from graphc.keras.engine.scope import current_trace
from graphc.keras.engine.settings import is_float_dtype
from graphc.keras.engine.structure import flatten, map_structure
from graphc.keras.engine.tensor import KerasTensor, Symbol
from graphc.keras.engine.variable import Variable

_TRAINING: ContextVar[bool | None] = ContextVar("graphc_training", default=None)
_ENTERED: ContextVar[bool] = ContextVar("graphc_entered", default=False)
TENSORS = (KerasTensor, Symbol, HostTensor, Variable, jax.Array, np.ndarray)


@contextmanager
def training_phase(training: bool | None) -> Iterator[None]:
    """Let layers called inside inherit `training`."""
    token = _TRAINING.set(training)
    try:
        yield
    finally:
        _TRAINING.reset(token)


@contextmanager
def outermost_call(begin: Callable[[], None]) -> Iterator[None]:
    """Call `begin` first, unless this call of a layer is made inside that of another."""
    if _ENTERED.get():
        yield
        return
    token = _ENTERED.set(True)
    try:
        begin()
        yield
    finally:
        _ENTERED.reset(token)


class CallArguments:
    """The signature of a layer's `call`, read once."""

    def __init__(self, call: Any) -> None:
        self.signature = inspect.signature(call)
        parameters = self.signature.parameters.values()
        self.names = tuple(p.name for p in parameters)
        self.takes_rest = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.training = "training" in self.names
        self.takes_training = self.training or self.takes_rest
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}

    def named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments by name, in order.

        Raises:
            TypeError: they do not fit the signature.
        """
        return dict(self.signature.bind(*args, **kwargs).arguments)


def is_tensor_like(value: Any) -> bool:
    """Return whether a value is an array or a symbolic tensor of any kind."""
    return isinstance(value, TENSORS)


def convert_argument(value: Any, policy: Any, autocast: bool) -> Any:
    """Make an array argument a tensor; floats take the layer's compute dtype."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "OSU":
            return value
        trace = current_trace()
        known = None if trace is None else trace.known(value)  # one that a tape watches
        value = jnp.asarray(value) if known is None else known
    if not is_tensor_like(value):
        return value
    dtype = policy.compute_dtype
    known = isinstance(value.dtype, str) or value.dtype != jax.dtypes.float0
    if autocast and known and is_float_dtype(value.dtype) and str(value.dtype) != dtype:
        return _cast(value, dtype)
    return value


def _cast(value: Any, dtype: str) -> Any:
    if isinstance(value, (jax.Array, np.ndarray)):
        return value.astype(dtype)
    if isinstance(value, Symbol):
        return _with_mask(value.astype(dtype), value)
    if isinstance(value, Variable):
        return value.value.astype(dtype)
    cast = KerasTensor(value.shape, dtype, name=value.name)
    cast._keras_history = value._keras_history
    return _with_mask(cast, value)


def _with_mask(new: Any, old: Any) -> Any:
    set_mask(new, get_mask(old))
    return new


def convert_arguments(args: Any, policy: Any, autocast: bool) -> Any:
    """Convert every array among the arguments; a bare list of numbers becomes one tensor."""
    return map_structure(lambda leaf: convert_argument(leaf, policy, autocast), args)


def resolve_training(arguments: CallArguments, given: Any) -> bool | None:
    """Return the phase: what the caller passed, else the outer layer's, else `call`'s default."""
    if given is not None:
        return given
    inherited = _TRAINING.get()
    return inherited if inherited is not None else arguments.defaults.get("training")


def mask_of(value: Any) -> Any:
    """Return the masks of a structure of tensors; None where there is none."""
    return map_structure(get_mask, value)


def any_mask(masks: Any) -> bool:
    """Return whether a structure of masks holds one."""
    return any(mask is not None for mask in flatten(masks))


def fill_masks(arguments: CallArguments, named: dict[str, Any], kwargs: dict[str, Any]) -> None:
    """Give `call` the masks that its tensors carry, where it asks for them and got none."""
    tensors = {
        name: value
        for name, value in named.items()
        if name not in ("training", "kwargs") and any(is_tensor_like(i) for i in flatten(value))
    }
    single = len(tensors) == 1
    for name, value in tensors.items():
        wanted = "mask" if single else f"{name}_mask"
        if wanted not in arguments.names or named.get(wanted) is not None:
            continue
        masks = mask_of(value)
        kwargs[wanted] = masks if any_mask(masks) else None


def set_masks(outputs: Any, masks: Any) -> None:
    """Attach masks to output tensors; a mask already there stays."""
    tensors = flatten(outputs)
    found = flatten(masks) if masks is not None else [None] * len(tensors)
    for tensor, mask in zip(tensors, found, strict=False):  # outputs past the masks have none
        if mask is not None and get_mask(tensor) is None:
            set_mask(tensor, mask)
