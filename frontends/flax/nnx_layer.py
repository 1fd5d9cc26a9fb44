"""`NnxLayer`: an `nnx.Module` as a layer, trained and saved with the model."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
from flax import nnx

from graphc.flax.slots import slot_of
from graphc.keras.engine.layer import Layer
from graphc.keras.engine.opaque import opaque_call
from graphc.keras.engine.scope import current_trace
from graphc.keras.random.seed_generator import SeedGenerator, make_default_seed
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object
from graphc.keras.saving.contexts import is_carrying
from graphc.keras.saving.registration import register_keras_serializable


@register_keras_serializable(package="graphc")
class NnxLayer(Layer):
    """Calls an `nnx.Module` whose variables are the layer's; `from_nnx` makes it.

    `nnx.Param`s are trainable weights, all other variables state. Streams of random numbers are
    neither: in training they start at each call from what the layer's seed generator draws, so that
    steps differ and runs repeat; in inference they are those that the module came with.

    Args:
        module: the module, whose values are copied; or a function or class that makes one.
        arguments: keyword arguments of that function: numbers, strings, lists and the like.
        rngs: the function's `rngs`, where it takes that: an `nnx.Rngs`, or a seed for one.
        method: the name of the method to call, or a function that takes the module first. It takes
            the inputs in one argument, and perhaps `training`; `__call__` when None.
        seed: of the seed generator.

    Raises:
        TypeError: there is no `nnx.Module`.
        ValueError: `arguments` or `rngs` for what is a module already.
    """

    def __init__(
        self,
        module: Any,
        arguments: dict[str, Any] | None = None,
        rngs: Any = None,
        method: str | Callable[..., Any] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.factory = None if isinstance(module, nnx.Module) else module
        self.arguments, self.rngs, self.method, self.seed = arguments, rngs, method, seed
        made = _made(module, arguments, rngs)
        function = made.__call__ if method is None else method
        function = getattr(made, function) if isinstance(function, str) else function
        self._takes_training = "training" in inspect.signature(function).parameters
        self._graphdef, state = nnx.split(made)
        slots = [slot_of(path, leaf) for path, leaf in nnx.to_flat_state(state)]
        self._slots = tuple(slot.with_variables(self.add_weight) for slot in slots)
        if any(slot.keys for slot in slots):
            self.seed_generator = SeedGenerator(seed)
        self.built = True

    @property
    def module(self) -> nnx.Module:
        """A module with copies of the values that the variables have now."""
        return self._merged([slot.read(None) for slot in self._slots])

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return what the module does, and keep its state."""
        trace = current_trace()
        if trace is None:
            return self._call_on_arrays(inputs, training)
        arguments = (inputs, training)
        return opaque_call(trace, self._call_on_arrays, arguments, {}, self.variables, self.name)

    def _call_on_arrays(self, inputs: Any, training: bool) -> Any:
        drawn = training and any(slot.keys for slot in self._slots)
        seed = jax.random.wrap_key_data(self.seed_generator.next()) if drawn else None
        given = [slot.read(seed) for slot in self._slots]
        module = self._merged(given)
        module.train() if training else module.eval()
        phase = {"training": training} if self._takes_training else {}
        outputs = self._function(module)(inputs, **phase)
        found = dict(nnx.to_flat_state(nnx.state(module)))
        for slot, before in zip(self._slots, given, strict=True):
            if slot.path not in found:
                raise ValueError(
                    f"Layer '{self.name}': expected the module to keep its variables when called. "
                    f"Received: no {'.'.join(map(str, slot.path))} after the call"
                )
            slot.keep(before, jax.tree.leaves(found[slot.path]))
        return outputs

    def _merged(self, values: list[list[Any]]) -> Any:
        pairs = [
            (slot.path, jax.tree.unflatten(slot.structure, leaves))
            for slot, leaves in zip(self._slots, values, strict=True)
        ]
        return nnx.merge(self._graphdef, nnx.from_flat_state(pairs))

    def _function(self, module: Any) -> Callable[..., Any]:
        if callable(self.method):
            return lambda *args, **kwargs: self.method(module, *args, **kwargs)
        return getattr(module, self.method or "__call__")

    def get_config(self) -> dict[str, Any]:
        """Return how the module is made; what its variables hold are weights.

        Raises:
            ValueError: it is not known how.
        """
        return {
            **super().get_config(),
            "module": serialize_keras_object(self._source_of_module()),
            "arguments": serialize_keras_object(self.arguments),
            "rngs": self.rngs if isinstance(self.rngs, int) else None,
            "method": serialize_keras_object(self.method),
            "seed": self.seed,
        }

    def _source_of_module(self) -> Any:
        """The factory; a module that can be made from its configuration, or carried in memory."""
        if self.factory is not None:
            return self.factory
        module = self.module
        if is_carrying() or hasattr(module, "get_config"):
            return module
        name = type(module).__name__
        raise ValueError(
            f"Layer '{self.name}' cannot be written: it is not known how its {name} was made. "
            "Expected `from_nnx(function, ...)` with a function that returns it, decorated with "
            "`@keras.saving.register_keras_serializable()`; or methods `get_config` and "
            f"`from_config` of {name}, and that class decorated so. (Weights alone can be saved.) "
            f"Received: an instance of {type(module).__module__}.{type(module).__qualname__}"
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> NnxLayer:
        """Make a layer from `get_config()`."""
        named = ("module", "arguments", "method")
        parts = {name: deserialize_keras_object(config[name]) for name in named}
        return super().from_config({**config, **parts})


def from_nnx(
    module: Any,
    arguments: dict[str, Any] | None = None,
    *,
    rngs: Any = None,
    method: str | Callable[..., Any] | None = None,
    **kwargs: Any,
) -> NnxLayer:
    """Return a layer that computes what an `nnx.Module` does; its variables are copied.

    It is one opaque call in the graph: correct, and left alone by the compiler's passes. `fit` puts
    the module in NNX's training mode (`train()`), inference in `eval()`; moving averages and other
    state are kept, and dropout draws from the layer's seed generator. `layer.module` is a module
    with the weights of now.

    Weights are saved with the model. For a whole model to be loaded again, the module must be made
    by a registered function (or class), or have `get_config` and `from_config` and its class be
    registered: a file never names other code.

    Args:
        module: an `nnx.Module`, or a function (or class) that makes one.
        arguments: keyword arguments of that function, kept in the configuration.
        rngs: the function's `rngs`: an `nnx.Rngs` or a seed; drawn from Python's `random`, as
            `keras.utils.set_random_seed` seeds it, when None.
        method: the method to call by name, or a function that takes the module first.
        kwargs: `seed` of the seed generator, and a layer's `name`, `trainable`, `dtype`.

    Raises:
        TypeError: there is no `nnx.Module`.
        ValueError: `arguments` or `rngs` for what is a module already.

    Example:
        >>> from flax import nnx
        >>> from graphc import flax, keras
        >>> @keras.saving.register_keras_serializable()
        ... def head(width, rngs):
        ...     return nnx.Sequential(nnx.Linear(4, width, rngs=rngs), nnx.relu)
        >>> layer = flax.from_nnx(head, {"width": 3}, rngs=0, name="head")
        >>> model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(1)])
        >>> model.output_shape
        (None, 1)
    """
    return NnxLayer(module, arguments, rngs, method, **kwargs)


def _made(module: Any, arguments: dict[str, Any] | None, rngs: Any) -> nnx.Module:
    if isinstance(module, nnx.Module):
        if arguments is not None or rngs is not None:
            raise ValueError(
                "Expected `arguments` and `rngs` only with a function that makes the module. "
                f"Received: arguments={arguments}, rngs={rngs} and {type(module).__name__} itself"
            )
        return module
    if not callable(module):
        raise TypeError(
            f"Expected an `nnx.Module`, or a function that returns one. Received: {module!r} (of "
            f"type {type(module)})"
        )
    given = dict(arguments or {})
    if rngs is not None or "rngs" in inspect.signature(module).parameters:
        seeded = isinstance(rngs, nnx.Rngs)
        given["rngs"] = rngs if seeded else nnx.Rngs(make_default_seed() if rngs is None else rngs)
    made = module(**given)
    if not isinstance(made, nnx.Module):
        raise TypeError(
            f"Expected {getattr(module, '__name__', module)} to return an `nnx.Module`. "
            f"Received: {made!r} (of type {type(made)})"
        )
    return made
