"""What every layer must do as Keras's does: one check a promise, for tables of cases.

A case is (class name, constructor arguments, spec): `spec["x"]` is a shape or a list of shapes,
`"dtype"` and `"high"` say what to draw, `"call"` holds more arguments of the call.
"""

from __future__ import annotations

import copy
import json
import pickle
import random
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc import keras as ours
from graphc.keras.engine.scope import TraceScope, entered
from graphc.lower import default_target, lower, plan
from graphc.spec import spec_of

Spec = dict[str, Any]
GRADIENT_RTOL = 1e-4  # relative to the largest element
NOT_DRAWN = ("x", "call")


def draw(
    shape: tuple[int, ...], dtype: str = "float32", high: int = 255, seed: int = 0
) -> np.ndarray:
    """Return numbers: whole ones below `high` for integers or where `high` is given."""
    rng = np.random.default_rng((seed, *shape))
    if dtype in ("uint8", "int32", "int64", "bool"):
        return rng.integers(0, 2 if dtype == "bool" else high, shape).astype(dtype)
    values = rng.integers(0, high, shape) if high < 255 else rng.normal(size=shape)
    return values.astype(dtype)


def draw_all(spec: Spec) -> Any:
    """Return the array of a spec, or the list of them."""
    rest = {key: value for key, value in spec.items() if key not in NOT_DRAWN}
    if isinstance(spec["x"], list):
        return [draw(shape, seed=i, **rest) for i, shape in enumerate(spec["x"])]
    return draw(spec["x"], **rest)


def make(library: Any, name: str, arguments: dict[str, Any]) -> Any:
    """Return a layer whose unseeded initializers draw the same seeds in both libraries.

    An argument that is a function takes the library and returns the argument (an inner layer).
    """
    random.seed(3)
    given = {key: value(library) if callable(value) else value for key, value in arguments.items()}
    return getattr(library.layers, name)(name="it", **given)


def values_of(layer: Any) -> list[np.ndarray]:
    """Return the weights as arrays; seeds too."""
    return [np.asarray(weight.value) for weight in layer.weights]


def plain(config: Any) -> Any:
    """Return a configuration as JSON brings it back."""
    return json.loads(json.dumps(config))


def flat(tree: Any) -> list[Any]:
    """Return the tensors of an output: one, a list, a tuple or a dict."""
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in flat(tree[key])]
    return (
        [leaf for part in tree for leaf in flat(part)] if isinstance(tree, list | tuple) else [tree]
    )


def assert_close(mine: Any, theirs: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Compare shapes, dtypes and numbers of outputs; wide tolerances for 16-bit ones only."""
    assert len(flat(mine)) == len(flat(theirs))
    for one, other in zip(flat(mine), flat(theirs), strict=True):
        found, expected = np.asarray(one), np.asarray(other)
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        narrow = expected.dtype.name in ("bfloat16", "float16")
        wide = [array.astype("float64") for array in (found, expected)]
        scale = np.max(np.abs(wide[1]), initial=0.0, where=np.isfinite(wide[1]))
        limits = (
            {"rtol": 2e-2, "atol": 1e-2} if narrow else {"rtol": rtol, "atol": atol + rtol * scale}
        )
        np.testing.assert_allclose(*wide, **limits)


def both(keras: Any, name: str, arguments: dict[str, Any], spec: Spec) -> tuple[Any, Any, Any]:
    """Return our layer and Keras's, built, with the same drawn weights, and the inputs."""
    x = draw_all(spec)
    theirs, mine = (make(library, name, arguments) for library in (keras, ours))
    for layer in (theirs, mine):
        layer(x, **spec.get("call", {}))
    floats = [np.issubdtype(w.dtype, np.floating) for w in values_of(theirs)]
    weights = [
        draw(w.shape, seed=i).astype(w.dtype) ** 2 / 2 if real else w
        for i, (w, real) in enumerate(zip(values_of(theirs), floats, strict=True))
    ]
    theirs.set_weights(weights)
    mine.set_weights(weights)
    return mine, theirs, x


def check_outputs(keras: Any, name: str, arguments: dict[str, Any], spec: Spec) -> None:
    """The same first weights under the same names, the same outputs with these and others."""
    x, call = draw_all(spec), spec.get("call", {})
    theirs, mine = (make(library, name, arguments) for library in (keras, ours))
    random.seed(4)  # some layers draw seeds when they are built
    expected = theirs(x, **call)
    random.seed(4)
    assert_close(mine(x, **call), expected)
    assert [w.name for w in mine.weights] == [w.name for w in theirs.weights]
    assert [w.path for w in mine.weights] == [w.path for w in theirs.weights]
    for one, other in zip(values_of(mine), values_of(theirs), strict=True):
        # equal, but for decompositions (orthogonal weights), which versions of JAX round otherwise
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-7)
    mine, theirs, x = both(keras, name, arguments, spec)
    assert_close(mine(x, **call), theirs(x, **call))


def check_config(keras: Any, name: str, arguments: dict[str, Any], spec: Spec) -> None:
    """Keras's configuration; from_config, (de)serialize, deepcopy and pickle give it back."""
    theirs, mine = (make(library, name, arguments) for library in (keras, ours))
    config = plain(ours.saving.serialize_keras_object(mine))["config"]
    expected = plain(keras.saving.serialize_keras_object(theirs))["config"]
    assert {key: _unplaced(config[key]) for key in expected} == _unplaced(expected)
    copies = [
        type(mine).from_config(mine.get_config()),
        ours.saving.deserialize_keras_object(plain(ours.saving.serialize_keras_object(mine))),
        copy.deepcopy(mine),
        pickle.loads(pickle.dumps(mine)),
    ]
    for one in copies:
        assert plain(ours.saving.serialize_keras_object(one))["config"] == config


def _unplaced(config: Any) -> Any:
    """A configuration without the module names and build shapes of inner objects."""
    if isinstance(config, dict):
        dropped = ("module", "build_config", "registered_name")
        return {key: _unplaced(value) for key, value in config.items() if key not in dropped}
    return [_unplaced(value) for value in config] if isinstance(config, list) else config


def check_symbolic(keras: Any, name: str, arguments: dict[str, Any], spec: Spec) -> None:
    """The shapes and dtypes that Keras announces for a batch of unknown size.

    Where its own outputs contradict what it announces, ours are to be what it computes.
    """
    x = draw_all(spec)
    results = []
    for library in (keras, ours):
        many = x if isinstance(x, list) else [x]
        inputs = [library.KerasTensor((None, *one.shape[1:]), str(one.dtype)) for one in many]
        layer = make(library, name, arguments)
        outputs = layer(inputs if isinstance(x, list) else inputs[0], **spec.get("call", {}))
        results.append([(tuple(leaf.shape), str(leaf.dtype)) for leaf in flat(outputs)])
    if results[1] != results[0]:
        computed = [
            np.asarray(leaf)
            for leaf in flat(make(keras, name, arguments)(x, **spec.get("call", {})))
        ]
        results[0] = [((None, *leaf.shape[1:]), str(leaf.dtype)) for leaf in computed]
    assert results[1] == results[0]


def trace(layer: Any, x: Any, params: tuple[Any, ...] = (), **call: Any) -> tuple[Any, Any]:
    """Return the lowered function of a layer's call, traced into a graph, and its scope."""
    scope = TraceScope(params)
    many = x if isinstance(x, list) else [x]
    symbols = [scope.input(spec_of(np.asarray(one))) for one in many]
    with entered(scope):
        outputs = flat(layer(symbols if isinstance(x, list) else symbols[0], **call))
    graph = scope.builder.finish([scope.as_value(one) for one in outputs], scope.updates())
    return lower(graph, plan(graph, default_target())), scope


def run_traced(layer: Any, x: Any, **call: Any) -> tuple[list[Any], dict[Any, Any]]:
    """Return the outputs of the traced call, and its variables' new values."""
    function, scope = trace(layer, x, **call)
    inputs = (*(x if isinstance(x, list) else [x]), *(np.float32(r()) for r in scope.scalars))
    results, updates = function((), tuple(v.stored for v in scope.state), inputs)
    return list(results), dict(zip(scope.state, updates, strict=True))


def check_traced(keras: Any, name: str, arguments: dict[str, Any], spec: Spec) -> None:
    """The graph with the kernels chosen computes what the eager layer does."""
    del keras
    x = draw_all({**spec, "dtype": spec.get("dtype", "float32").replace("64", "32")})
    layer, call = make(ours, name, arguments), spec.get("call", {})
    layer(x, **call)  # builds
    found, updates = run_traced(layer, x, **call)
    assert_close(found, flat(layer(x, **call)))
    for variable, value in updates.items():
        assert_close(value, variable.value)


def check_gradients(keras: Any, name: str, arguments: dict[str, Any], spec: Spec) -> None:
    """Gradients by weights and inputs, through the kernels chosen, equal those of Keras's layer."""
    mine, theirs, x = both(keras, name, arguments, spec)
    call, many = spec.get("call", {}), x if isinstance(x, list) else [x]
    outputs = flat(theirs(x, **call))
    mine(x, **call)  # so that both have drawn from their seeds as often
    if any(one.dtype != np.float32 for one in (*many, *outputs)):
        return  # integers have no gradient, and 16-bit ones are compared by their outputs
    directions = [draw(np.shape(leaf), seed=7 + i) for i, leaf in enumerate(outputs)]

    def total(outputs: Any) -> Any:
        pairs = zip(flat(outputs), directions, strict=True)
        return sum(jnp.sum(jnp.asarray(o, jnp.float32) * d) for o, d in pairs)

    def by_keras(weights: Any, arrays: Any) -> Any:
        rest = [v.value for v in theirs.non_trainable_variables]
        inputs = arrays if isinstance(x, list) else arrays[0]
        return total(theirs.stateless_call(weights, rest, inputs, **call)[0])

    function, scope = trace(mine, x, tuple(mine.trainable_weights), **call)

    def by_graph(weights: Any, arrays: Any) -> Any:
        scalars = tuple(np.float32(read()) for read in scope.scalars)
        state = tuple(v.stored for v in scope.state)
        return total(list(function(tuple(weights), state, (*arrays, *scalars))[0]))

    weights = [jnp.asarray(v.value) for v in theirs.trainable_variables]
    expected = jax.grad(by_keras, (0, 1))(weights, list(map(jnp.asarray, many)))
    found = jax.grad(by_graph, (0, 1))(weights, list(map(jnp.asarray, many)))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        scale = float(jnp.max(jnp.abs(other), initial=1e-3))
        np.testing.assert_allclose(one, other, rtol=0, atol=GRADIENT_RTOL * scale)


def twice(library: Any, name: str, arguments: dict[str, Any], spec: Spec) -> Any:
    """A functional model that calls a layer on two inputs."""
    arrays = draw_all(spec)
    many = arrays if isinstance(arrays, list) else [arrays]
    layer = make(library, name, arguments)
    tensors = [[library.Input(o.shape[1:], dtype=str(o.dtype)) for o in many] for _ in "ab"]
    calls = [
        flat(layer(t if isinstance(arrays, list) else t[0], **spec.get("call", {})))
        for t in tensors
    ]
    return library.Model(flat(tensors), flat(calls))


def check_in_models(keras: Any, name: str, arguments: dict[str, Any], spec: Spec) -> None:
    """In a functional model, called twice: batches of one and none, a clone, a copy, a pickle."""
    x = draw_all(spec)
    many = x if isinstance(x, list) else [x]
    mine = twice(ours, name, arguments, spec)
    try:
        theirs = twice(keras, name, arguments, spec)
    except ValueError as refused:
        if "part of a cycle" not in str(refused):  # a layer of Keras that gives its input back
            raise
        theirs = None
    if theirs is not None:
        mine.set_weights(theirs.get_weights())
        for rows in (len(many[0]), 1):
            batch = [one[:rows] for one in many * 2]
            assert_close(mine.predict(batch, verbose=0), theirs.predict(batch, verbose=0))
    full = mine.predict(many * 2, verbose=0)
    none = mine.predict([one[:0] for one in many * 2], verbose=0)
    assert [leaf.shape[1:] for leaf in flat(none)] == [leaf.shape[1:] for leaf in flat(full)]
    assert all(leaf.shape[0] == 0 for leaf in flat(none))
    for other in (
        ours.models.clone_model(mine),
        copy.deepcopy(mine),
        pickle.loads(pickle.dumps(mine)),
    ):
        other.set_weights(mine.get_weights())
        assert_close(other.predict(many * 2, verbose=0), full)


CHECKS: dict[str, Callable[..., None]] = {
    "outputs": check_outputs,
    "config": check_config,
    "symbolic": check_symbolic,
    "traced": check_traced,
    "gradients": check_gradients,
}
MARKS = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # in Keras
    # Keras asks JAX for int64, of which JAX 0.11 complains.
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64 requested in ShapeDtypeSt"),
]

Case = tuple[str, dict[str, Any], Spec]


def ids(cases: list[Case]) -> list[str]:
    """Return names for the cases of a table."""
    return [f"{number}-{case[0]}" for number, case in enumerate(cases)]


def first_of_each(cases: list[Case]) -> list[Case]:
    """Return one case of each class, for the check in models, which compiles."""
    return list({case[0]: case for case in reversed(cases)}.values())[::-1]
