"""`JaxLayer` and `FlaxLayer`: a JAX function or a Flax module as a layer.

Inside a trace the function is one opaque call: correct, and left alone by the compiler's passes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from graphc.keras.engine.building import map_shapes
from graphc.keras.engine.layer import Layer
from graphc.keras.engine.opaque import opaque_call
from graphc.keras.engine.scope import current_trace, entered
from graphc.keras.engine.settings import is_float_dtype
from graphc.keras.engine.variable import Variable
from graphc.keras.layers.linen_config import deserialize_module, serialize_module
from graphc.keras.random import SeedGenerator
from graphc.keras.random.seed_generator import draw_seed
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object

CALL_ARGUMENTS = ("params", "state", "rng", "inputs", "training")
INIT_ARGUMENTS = ("rng", "inputs", "training")


class JaxLayer(Layer):
    """Calls a pure JAX function whose parameters and state are the layer's variables.

    Args:
        call_fn: takes any of `params`, `state`, `rng`, `inputs` and `training` by these names,
            `inputs` at least; returns the outputs, with `state` a pair of outputs and new state.
        init_fn: takes any of `rng`, `inputs` (ones) and `training`; returns the first parameters,
            with `state` a pair of parameters and state.
        params: the first trainable parameters, a tree of arrays, instead of `init_fn`'s.
        state: the first state, likewise.
        seed: of what `rng` is drawn from.
        native_serialization_platforms: kept for the configuration only.

    Raises:
        ValueError: an argument of the functions is unknown or missing, or the first parameters
            cannot be known.
    """

    def __init__(
        self,
        call_fn: Callable[..., Any],
        init_fn: Callable[..., Any] | None = None,
        params: Any = None,
        state: Any = None,
        seed: int | None = None,
        native_serialization_platforms: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.call_fn, self.init_fn = call_fn, init_fn
        self.native_serialization_platforms = native_serialization_platforms
        self.call_fn_arguments = _arguments(call_fn, "call_fn", CALL_ARGUMENTS)
        self.init_fn_arguments = _arguments(init_fn, "init_fn", INIT_ARGUMENTS) if init_fn else ()
        stateful = {"params", "state"} & set(self.call_fn_arguments)
        if init_fn is None and params is None and state is None and stateful:
            raise ValueError(
                "A `call_fn` that takes `params` or `state` needs `init_fn`, `params` or `state`. "
                "Received: None for all three."
            )
        self._make_variables(params, state)
        if params is not None or state is not None:
            self.built = True
        if "rng" in self.call_fn_arguments:
            self.seed_generator = SeedGenerator(seed)

    def _make_variables(self, params: Any, state: Any) -> None:
        # the lists come first, for their order is that of the weights
        params = jax.tree.map(lambda value: self._variable(value, True), params)
        self.tracked_params = jax.tree.leaves(params)
        state = jax.tree.map(lambda value: self._variable(value, False), state)
        self.tracked_state = jax.tree.leaves(state)
        self.params, self.state = params, state

    def _variable(self, value: Any, trainable: bool) -> Any:
        """A variable with this first value; what is no number stays as it is."""
        if not isinstance(value, (jax.Array, np.ndarray, np.generic, bool, int, float)):
            return value
        array = jnp.asarray(value)
        dtype = None if is_float_dtype(array.dtype) else str(array.dtype)  # floats: the layer's
        return self.add_weight(array.shape, array, dtype, trainable)

    def _get_init_seed(self) -> Any:
        """Return a seed, uint32[2], for `init_fn`."""
        return draw_seed(None)

    def _get_init_rng(self) -> Any:
        """Return `init_fn`'s `rng`; a subclass may return a structure of seeds."""
        return self._get_init_seed()

    def _get_call_seed(self) -> Any:
        """Return a seed, uint32[2], for `call_fn`."""
        return self.seed_generator.next()

    def _get_call_rng(self, training: bool) -> Any:
        """Return `call_fn`'s `rng`, None when not training; a subclass may return a structure."""
        return self._get_call_seed() if training else None

    def build(self, input_shape: Any) -> None:
        """Create the variables by `init_fn`, where they were not given."""
        known = self.params is not None or self.state is not None
        if known or not {"params", "state"} & set(self.call_fn_arguments):
            return
        with entered(None), jax.ensure_compile_time_eval():
            self._make_variables(*self._first_values(input_shape))

    def _first_values(self, input_shape: Any) -> tuple[Any, Any]:
        def ones(shape: tuple[int | None, ...]) -> jax.Array:
            return jnp.ones([1 if size is None else size for size in shape])

        makers: dict[str, Callable[[], Any]] = {
            "rng": lambda: jax.tree.map(jnp.array, self._get_init_rng()),
            "inputs": lambda: map_shapes(ones, input_shape),
            "training": lambda: True,
        }
        assert self.init_fn is not None
        made = self.init_fn(*(makers[name]() for name in self.init_fn_arguments))
        return made if "state" in self.call_fn_arguments else (made, None)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return what `call_fn` does, and keep the state that it returns."""
        trace = current_trace()
        if trace is None:
            return self._call_on_arrays(inputs, training)
        arguments = (inputs, training)
        return opaque_call(trace, self._call_on_arrays, arguments, {}, self.variables, self.name)

    def _call_on_arrays(self, inputs: Any, training: bool) -> Any:
        makers: dict[str, Callable[[], Any]] = {
            "params": lambda: jax.tree.map(_value, self.params),
            "state": lambda: jax.tree.map(_value, self.state),
            "rng": lambda: self._get_call_rng(training),
            "inputs": lambda: inputs,
            "training": lambda: training,
        }
        result = self.call_fn(*(makers[name]() for name in self.call_fn_arguments))
        if "state" not in self.call_fn_arguments:
            return result
        outputs, state = result
        self._keep(state)
        return outputs

    def _keep(self, state: Any) -> None:
        found, expected = jax.tree.structure(state), jax.tree.structure(self.state)
        if found != expected:
            raise ValueError(
                f"Expected `call_fn` to return state of the structure that it had, {expected}. "
                f"Received: {found}"
            )
        for variable, value in zip(self.tracked_state, jax.tree.leaves(state), strict=True):
            if isinstance(variable, Variable):
                variable.assign(value)

    def get_config(self) -> dict[str, Any]:
        """Return the functions; their parameters are weights."""
        return {
            **super().get_config(),
            "call_fn": serialize_keras_object(self.call_fn),
            "init_fn": serialize_keras_object(self.init_fn),
            "native_serialization_platforms": self.native_serialization_platforms,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer from `get_config()`."""
        functions = {
            name: deserialize_keras_object(config[name]) for name in ("call_fn", "init_fn")
        }
        return super().from_config({**config, **functions})


class FlaxLayer(JaxLayer):
    """Calls a `flax.linen` module; all its collections but "params" are state.

    Args:
        module: the module.
        method: the module's method to call, or a function that takes the module first; it takes
            `inputs` and perhaps `training`. `__call__` when None.
        variables: the module's first variables, as `module.init` returns them.

    A module without `get_config` is written by its fields, and made anew from them where its class
    is registered (`keras.saving.register_keras_serializable`) or is one of Linen's own.
    """

    from_config_is_raw = True  # a module has a form of its own in it

    def __init__(
        self, module: Any, method: Any = None, variables: Any = None, **kwargs: Any
    ) -> None:
        self.module, self.method = module, method
        params, state = _split(variables)
        trains = "training" in inspect.signature(method or module.__call__).parameters
        call_fn, init_fn = (
            (self._apply_in_phase, self._init_in_phase) if trains else (self._apply, self._init)
        )
        super().__init__(call_fn=call_fn, init_fn=init_fn, params=params, state=state, **kwargs)

    def _apply(self, params: Any, state: Any, rng: Any, inputs: Any) -> Any:
        return self._applied(params, state, rng, inputs)

    def _apply_in_phase(
        self, params: Any, state: Any, rng: Any, inputs: Any, training: bool
    ) -> Any:
        return self._applied(params, state, rng, inputs, training=training)

    def _applied(self, params: Any, state: Any, rng: Any, inputs: Any, **phase: Any) -> Any:
        return self.module.apply(
            {**(params or {}), **(state or {})},
            inputs,
            rngs=rng,
            method=self.method,
            mutable=list(state or {}),
            **phase,
        )

    def _init(self, rng: Any, inputs: Any) -> tuple[Any, Any]:
        return _split(self.module.init(rng, inputs, method=self.method))

    def _init_in_phase(self, rng: Any, inputs: Any, training: bool) -> tuple[Any, Any]:
        return _split(self.module.init(rng, inputs, method=self.method, training=training))

    def _get_init_rng(self) -> dict[str, Any]:
        return {"params": self._get_init_seed(), "dropout": self._get_init_seed()}

    def _get_call_rng(self, training: bool) -> dict[str, Any]:
        return {"dropout": self._get_call_seed()} if training else {}

    def get_config(self) -> dict[str, Any]:
        """Return the module and the method; one that is bound to the module by its name."""
        method = self.method
        owner = getattr(method, "__self__", None)
        if isinstance(owner, type(self.module)) and owner == self.module:  # equal modules will do
            method = method.__name__
        config = super().get_config()
        del config["call_fn"], config["init_fn"]
        return {
            **config,
            "module": serialize_module(self.module),
            "method": serialize_keras_object(method),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer from `get_config()`."""
        module = deserialize_module(config["module"])
        method = config["method"]
        bound = isinstance(method, str)
        method = getattr(module, method) if bound else deserialize_keras_object(method)
        return super(JaxLayer, cls).from_config({**config, "module": module, "method": method})


def _arguments(function: Any, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """The names of a function's arguments.

    Raises:
        ValueError: `inputs` is missing, or a name is not among those allowed.
    """
    found = tuple(inspect.signature(function).parameters)
    if "inputs" not in found:
        raise ValueError(
            f"Missing required argument in `{name}`: `inputs`. Received: arguments {found}"
        )
    unknown = [argument for argument in found if argument not in allowed]
    if unknown:
        raise ValueError(
            f"Unsupported argument in `{name}`: `{unknown[0]}`. Expected some of {allowed}. "
            f"Received: arguments {found}"
        )
    return found


def _value(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Variable) else leaf


def _split(variables: Any) -> tuple[Any, Any]:
    """A module's variables as trainable parameters and state."""
    if variables is None:
        return None, None
    if "params" not in variables:
        return {}, variables
    state = {name: part for name, part in variables.items() if name != "params"}
    return {"params": variables["params"]}, state
