"""`to_nnx`: a Keras model as an `nnx.Module` of the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flax import nnx

from graphc.flax.linked import link
from graphc.flax.program import Programs
from graphc.keras.engine import tracking
from graphc.keras.engine.layer import Layer
from graphc.keras.engine.variable import Variable

Path = tuple[str, ...]


class Weights(nnx.Module):
    """The variables of one layer, and those of the layers inside it, by their names."""


class KerasModule(Weights):
    """A Keras model as an `nnx.Module`; `to_nnx` makes it.

    Calling it takes what the model takes and returns what the model returns.

    Attributes:
        deterministic: whether calls are inference. `train()` and `eval()` set it, as in all of NNX.
    """

    def __init__(self, model: Layer) -> None:
        self.deterministic = True
        trainable = {id(variable) for variable in model.trainable_variables}
        params: dict[Path, Variable] = {}
        state: dict[Path, Variable] = {}
        for node, path, variable, seed in _variables(self, model):
            moves = id(variable) in trainable
            name = _free_name(node, variable.name)
            setattr(node, name, link(variable, seed=seed, trainable=moves))
            (params if moves else state)[(*path, name)] = variable
        self._params, self._state = tuple(params), tuple(state)
        self._programs = Programs(model, tuple(params.values()), tuple(state.values()))

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Return the model's outputs for the values that this module's variables have now.

        Args:
            args: what the model takes: arrays, or structures of them.
            training: what `deterministic` says the opposite of, when None.
            kwargs: more of what the model takes.

        Raises:
            ValueError: traced by JAX, the call would set a variable that is not the model's own.
        """
        params, state = ([_at(self, p) for p in paths] for paths in (self._params, self._state))
        outputs, updates = self._programs.run(
            [variable.get_raw_value() for variable in params],
            [variable.get_raw_value() for variable in state],
            args,
            kwargs,
            not self.deterministic if training is None else training,
        )
        for place, value in updates.items():
            state[place].set_raw_value(value)
        return outputs


def to_nnx(model: Layer) -> KerasModule:
    """Return an `nnx.Module` that computes what a Keras model (or layer) does, with its weights.

    The two share their variables: after `fit`, the module computes with the new weights; after a
    step of an `nnx.Optimizer` on the module, with or without `nnx.jit`, `predict` uses them; and so
    with moving averages and seeds. What NNX itself shares (`nnx.state`, `nnx.split`, `nnx.merge` of
    what was split) is still the model's; what it copies has arrays of its own (`nnx.clone`, a state
    from `jax.tree.map`, the module that a function under `nnx.jit` or `nnx.grad` is given: what
    that becomes NNX writes back, and the model has it, when the outermost function returns).

    Weights that training moves are `nnx.Param`; those of frozen layers `graphc.flax.Frozen`; other
    state `nnx.BatchStat`; states of seed generators `nnx.RngState`. `nnx.state(module)` is a tree
    of them by the names of layers. What is frozen later stays a `Param`: convert again.

    Calls are inference until `module.train()`; then dropout drops, and statistics are updated. What
    layers add with `add_loss` is not part of the result, nor are regularizers.

    Args:
        model: a built model or layer.

    Raises:
        ValueError: it is not built: it has no variables yet.
        TypeError: it is no model or layer of `graphc.keras`.

    Example:
        >>> from flax import nnx
        >>> import numpy as np
        >>> from graphc import flax, keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="out")])
        >>> module = flax.to_nnx(model)
        >>> list(nnx.to_pure_dict(nnx.state(module, nnx.Param))["out"])
        ['bias', 'kernel']
        >>> module.out.bias[...] = np.ones(2, "float32")
        >>> model.predict(np.zeros((1, 3), "float32"), verbose=0).tolist()
        [[1.0, 1.0]]
    """
    if not isinstance(model, Layer):
        raise TypeError(
            f"Expected a model or a layer of graphc.keras. Received: {model!r} (of type "
            f"{type(model).__module__}.{type(model).__qualname__})"
        )
    if not model._all_built:
        raise ValueError(
            f"Expected a built model: call '{model.name}' on data, or `build` it with the shape of "
            f"its input, so that its variables exist. Received: {model!r}"
        )
    return KerasModule(model)


def _variables(
    node: Any, layer: Any, path: Path = (), known: set[int] | None = None
) -> Iterator[tuple[Any, Path, Variable, bool]]:
    """Yield each variable once, with the node it belongs to, and whether it is a seed's state."""
    known = set() if known is None else known
    seeds = tracking.seed_states(layer)
    for variable in (*tracking.own_variables(layer), *seeds):
        if id(variable) not in known:
            known.add(id(variable))
            yield node, path, variable, any(variable is seed for seed in seeds)
    for inner in layer._sublayers():
        if all(id(variable) in known for variable in inner.variables):
            continue
        name, child = _free_name(node, inner.name), Weights()
        setattr(node, name, child)
        yield from _variables(child, inner, (*path, name), known)


def _free_name(node: Any, name: str) -> str:
    """The name, with a number behind it where the node has something else of that name."""
    numbered, number = name, 0
    while hasattr(node, numbered):
        number += 1
        numbered = f"{name}_{number}"
    return numbered


def _at(node: Any, path: Path) -> Any:
    for name in path:
        node = getattr(node, name)
    return node
