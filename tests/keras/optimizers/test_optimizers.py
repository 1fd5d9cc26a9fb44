"""Optimizers as a compiler uses them: purity, shared structure, no retracing; lookup and errors."""

from __future__ import annotations

import copy
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from graphc.keras import optimizers
from graphc.keras.engine.variable import Variable

NAMES = [
    *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion"),
    *("Muon", "Nadam", "RMSprop", "SGD", "ScheduleFreeAdamW"),
]
CHANGES: list[tuple[str, dict[str, Any], dict[str, float]]] = [
    ("SGD", {"momentum": 0.9, "weight_decay": 0.1}, {"momentum": 0.5, "weight_decay": 0.2}),
    ("Adam", {"clipnorm": 1.0, "use_ema": True}, {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    ("Adam", {"clipnorm": 1.0, "use_ema": True}, {"clipnorm": 0.1, "ema_momentum": 0.5}),
    ("RMSprop", {"momentum": 0.5}, {"rho": 0.5, "momentum": 0.0}),
    ("Ftrl", {"loss_scale_factor": 2.0}, {"beta": 0.5, "loss_scale_factor": 4.0}),
    ("Muon", {}, {"adam_beta_2": 0.9, "momentum": 0.5, "adam_weight_decay": 0.5}),
]


def _arrays(variables: list[Variable]) -> tuple[Any, ...]:
    return tuple(variable.value for variable in variables)


def _copies(trained: list[Variable]) -> list[Variable]:
    return [Variable(variable.value, name=variable.name) for variable in trained]


@pytest.mark.parametrize(("name", "options", "changes"), CHANGES)
def test_changing_a_scalar_does_not_retrace(
    trained: list[Variable],
    gradients: list[Any],
    name: str,
    options: dict[str, Any],
    changes: dict[str, float],
) -> None:
    optimizer = getattr(optimizers, name)(**options)
    optimizer.build(trained)
    plan, traces = optimizer.structure(), []

    @jax.jit
    def step(grads: Any, own: Any, params: Any, scalars: Any) -> Any:
        traces.append(1)
        return plan.update(grads, own, params, scalars)

    operands = (tuple(gradients[0]), _arrays(optimizer.variables), _arrays(trained))
    first = step(*operands, optimizer.scalars())
    for key, value in changes.items():
        setattr(optimizer, key, value)
    optimizer.learning_rate = 0.5
    operands = (operands[0], _arrays(optimizer.variables), operands[2])
    second = step(*operands, optimizer.scalars())
    assert len(traces) == 1
    if changes.get("momentum") != 0:  # momentum switched off is another structure, and may be
        assert optimizer.structure() == plan
    same = [np.array_equal(a, b) for a, b in zip(first[0], second[0], strict=True)]
    assert not all(same)


@pytest.mark.parametrize("name", NAMES)
def test_structure_is_shared_and_the_step_runs_in_a_loop(
    trained: list[Variable], gradients: list[Any], name: str
) -> None:
    made = [getattr(optimizers, name)(weight_decay=0.1) for _ in range(2)]
    others = _copies(trained)
    made[0].build(trained)
    made[1].build(others)
    assert made[0].structure() == made[1].structure()
    assert hash(made[0].structure()) == hash(made[1].structure())
    stacked = tuple(jnp.stack(grads) for grads in zip(*gradients[:5], strict=True))
    scalars = made[1].scalars()

    def body(i: Any, carry: Any) -> Any:
        params, own = carry
        return made[1].update(tuple(g[i] for g in stacked), own, params, scalars)

    carry = (_arrays(others), _arrays(made[1].variables))
    params, own = jax.jit(lambda start: jax.lax.fori_loop(0, 5, body, start))(carry)
    for grads in gradients[:5]:
        made[0].apply(grads)
    found, expected = (*params, *own), (*_arrays(trained), *_arrays(made[0].variables))
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-6)


def test_structure_tells_options_apart(trained: list[Variable]) -> None:
    options: list[dict[str, Any]] = [
        {},
        {"amsgrad": True},
        {"weight_decay": 0.1},
        {"clipnorm": 1.0},
        {"clipvalue": 1.0},
        {"use_ema": True},
        {"use_ema": True, "ema_overwrite_frequency": 2},
        {"gradient_accumulation_steps": 2},
        {"loss_scale_factor": 2.0},
        {"learning_rate": lambda: 0.1},
        {"learning_rate": optimizers.schedules.CosineDecay(0.1, 5)},
        {"learning_rate": optimizers.schedules.CosineDecay(0.1, 6)},
    ]
    made = [optimizers.Adam(**each) for each in options]
    made.append(optimizers.AdamW())
    made[-1].exclude_from_weight_decay(var_names=["bias"])
    for optimizer in made:
        optimizer.build(trained)
    assert len({optimizer.structure() for optimizer in made}) == len(made)


def test_stateless_apply_equals_apply_and_sets_nothing(
    trained: list[Variable], gradients: list[Any]
) -> None:
    optimizer = optimizers.Adam(0.1)
    optimizer.build(trained)
    before = [np.asarray(value) for value in _arrays(trained)]
    own = [variable.value for variable in optimizer.variables]
    params, own = optimizer.stateless_apply(own, gradients[0], trained)
    for variable, value in zip(trained, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    optimizer.apply(gradients[0])
    for variable, value in zip([*trained, *optimizer.variables], [*params, *own], strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_missing_gradient_leaves_its_variable_alone(
    trained: list[Variable], gradients: list[Any]
) -> None:
    optimizer = optimizers.AdamW(0.1, use_ema=True)
    before = trained[1].numpy()
    with pytest.warns(UserWarning, match="Gradients do not exist for variables .*bias"):
        optimizer.apply([gradients[0][0], None, gradients[0][2]], trained)
    np.testing.assert_array_equal(trained[1].numpy(), before)
    optimizer.apply(gradients[0][:1], trained[:1])  # a part of the variables needs no warning
    assert int(optimizer.iterations) == 2
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.apply([None] * 3)


@pytest.mark.parametrize("steps", [None, 2])
def test_gradient_overwrites_the_variables_that_ask_for_it(
    trained: list[Variable], gradients: list[Any], steps: int | None
) -> None:
    trained[1].overwrite_with_gradient = True
    optimizer = optimizers.Adam(use_ema=True, gradient_accumulation_steps=steps)
    for grads in gradients[:2]:
        optimizer.apply(grads, trained)
    pair = gradients[0][1], gradients[1][1]
    expected = pair[1] if steps is None else np.maximum(np.maximum(pair[0], 0), pair[1])
    np.testing.assert_array_equal(trained[1].numpy(), expected)
    assert not any("bias_momentum" in variable.path for variable in optimizer.variables)


def test_constraints_hold_after_a_step(trained: list[Variable], gradients: list[Any]) -> None:
    trained[2].constraint = lambda value: jnp.maximum(value, 0)
    optimizers.SGD(0.5).apply(gradients[0], trained)
    assert trained[2].numpy().min() == 0
    assert trained[1].numpy().min() < 0


def test_callable_rate_is_read_before_every_step(trained: list[Variable]) -> None:
    rates = iter((0.5, 0.25))
    optimizer = optimizers.SGD(lambda: next(rates))
    before = trained[1].numpy()
    for _ in range(2):
        optimizer.apply([np.ones(v.shape, np.float32) for v in trained], trained)
    np.testing.assert_allclose(before - trained[1].numpy(), 0.75, rtol=1e-6)


def test_half_precision_parameters_train(gradients: list[Any]) -> None:
    variable = Variable(np.ones(3), dtype="bfloat16", name="w")
    optimizer = optimizers.Adam(0.1)
    optimizer.apply([gradients[0][1].astype("bfloat16")], [variable])
    assert variable.dtype == "bfloat16"
    expected = 1 - 0.1 * np.sign(gradients[0][1])
    np.testing.assert_allclose(variable.numpy().astype(np.float32), expected, rtol=1e-2)


def test_finalize_sets_the_averages(trained: list[Variable], gradients: list[Any]) -> None:
    optimizer = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    for grads in gradients[:3]:
        optimizer.apply(grads, trained)
    optimizer.finalize_variable_values(trained)
    for variable, average in zip(trained, optimizer.variables[2:5], strict=True):
        np.testing.assert_array_equal(variable.numpy(), average.numpy())


def test_optax_transformation_equals_optax_by_hand(
    trained: list[Variable], gradients: list[Any]
) -> None:
    transformation = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-2))
    optimizer = optimizers.get(transformation)
    params = _arrays(trained)
    state = transformation.init(params)
    for grads in gradients:
        optimizer.apply(grads, trained)
        changes, state = transformation.update(tuple(map(jnp.asarray, grads)), state, params)
        params = optax.apply_updates(params, changes)
    found = (*_arrays(trained), *_arrays(optimizer.variables[1:]))
    for value, wanted in zip(found, (*params, *jax.tree.leaves(state)), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-7)
    other = optimizers.OptaxOptimizer(transformation)
    other.build(_copies(trained))
    assert other.structure() == optimizer.structure()
    assert int(optimizer.iterations) == len(gradients)


def test_optax_refuses_what_it_cannot_do() -> None:
    optimizer = optimizers.OptaxOptimizer(optax.sgd(0.1))
    assert not hasattr(optimizer, "learning_rate")
    with pytest.raises(AttributeError, match="fixed inside it"):
        optimizer.learning_rate = 0.1
    with pytest.raises(NotImplementedError, match="cannot be written to a config"):
        optimizer.get_config()
    with pytest.raises(TypeError, match=r"optax.GradientTransformation. Received: 'adam'"):
        optimizers.OptaxOptimizer("adam")  # pyright: ignore[reportArgumentType]


def test_own_optimizer_with_update_step(trained: list[Variable], gradients: list[Any]) -> None:
    class Heavy(optimizers.Optimizer):
        def build(self, variables: Any) -> None:
            if self.built:
                return
            super().build(variables)
            self.slots = [self.add_variable_from_reference(v, "m", jnp.zeros) for v in variables]

        def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
            slot = self.slots[self._get_variable_index(variable)]
            self.assign(slot, slot * 0.9 - gradient * learning_rate)
            self.assign_add(variable, slot)

    others = _copies(trained)
    own, known = Heavy(0.1, clipnorm=1.0), optimizers.SGD(0.1, momentum=0.9, clipnorm=1.0)
    for i, grads in enumerate(gradients[:5]):
        own.learning_rate = known.learning_rate = 0.1 / (i + 1)
        own.apply(grads, trained)
        known.apply(grads, others)
    for variable, wanted in zip(trained + own.variables, others + known.variables, strict=True):
        np.testing.assert_allclose(variable.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_get_by_name_in_any_case_and_round_trip(name: str) -> None:
    found = optimizers.get(name.lower())
    assert type(found) is type(optimizers.get(name.upper())) is getattr(optimizers, name)
    found.learning_rate = optimizers.schedules.PolynomialDecay(0.5, 10)
    config = json.loads(json.dumps(optimizers.serialize(found)))
    assert optimizers.get(config).get_config() == found.get_config()
    assert optimizers.get(found) is found


def test_nested_optimizers_round_trip() -> None:
    patterns = optimizers.OptimizerMap(optimizers.SGD(), {"dense.*": optimizers.Adam(0.5)})
    for nested in (optimizers.LossScaleOptimizer(optimizers.Adam(0.5), 4.0), patterns):
        config = json.loads(json.dumps(optimizers.serialize(nested)))
        assert optimizers.deserialize(config).get_config() == nested.get_config()
    multi = optimizers.MultiOptimizer(patterns)
    again = optimizers.deserialize(json.loads(json.dumps(optimizers.serialize(multi))))
    assert [type(inner) for inner in again.optimizers] == [optimizers.Adam, optimizers.SGD]


def test_weights_are_saved_and_loaded(trained: list[Variable], gradients: list[Any]) -> None:
    first, second = optimizers.Adam(), optimizers.Adam()
    first.apply(gradients[0], trained)
    second.build(trained)
    store: dict[str, Any] = {}
    first.save_own_variables(store)
    second.load_own_variables(store)
    for variable, wanted in zip(second.variables, first.variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), wanted.numpy())
    second.set_weights([np.zeros(v.shape) for v in second.variables])
    assert int(second.iterations) == 0
    with pytest.warns(UserWarning, match="Skipping the variables of optimizer"):
        optimizers.Adam().load_own_variables(store)


def test_copies_are_independent_and_equal(trained: list[Variable], gradients: list[Any]) -> None:
    first = optimizers.Adam(0.1)
    first.apply(gradients[0], trained)
    second, others = copy.deepcopy((first, trained))
    assert second.structure() == first.structure()
    first.apply(gradients[1], trained)
    assert int(second.iterations) == 1
    second.apply(gradients[1], others)
    for variable, wanted in zip(others, trained, strict=True):
        np.testing.assert_array_equal(variable.numpy(), wanted.numpy())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: optimizers.get("adm"),
            ValueError,
            r"nearest names are: .*'Adam'.*Received: 'adm'",
        ),
        (lambda: optimizers.get(3), ValueError, "Received: 3"),
        (lambda: optimizers.Adam(lr=0.1), ValueError, r"not recognized: {'lr': 0.1}"),
        (lambda: optimizers.Adam("fast"), ValueError, "learning_rate='fast'"),
        (lambda: optimizers.Adam(clipnorm=1.0, clipvalue=1.0), ValueError, "Only one of"),
        (lambda: optimizers.SGD(momentum=2.0), ValueError, "momentum=2.0"),
        (lambda: optimizers.SGD(gradient_accumulation_steps=1), ValueError, ">= 2"),
        (lambda: optimizers.SGD(use_ema=True, ema_momentum=2.0), ValueError, "ema_momentum=2.0"),
        (lambda: optimizers.AdamW(weight_decay=None), ValueError, "weight_decay=None"),
        (lambda: optimizers.Lion(beta_1=0.0), ValueError, "beta_1=0.0"),
        (lambda: optimizers.Ftrl(learning_rate_power=1.0), ValueError, "negative or zero"),
        (lambda: optimizers.Adam().structure(), ValueError, "needs an optimizer that is built"),
        (lambda: optimizers.Adam().apply([1.0]), ValueError, "needs an optimizer that is built"),
        (lambda: optimizers.LossScaleOptimizer(None, clipnorm=1.0), ValueError, "inner_optimizer"),
    ],
)
def test_errors_say_what_was_received(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_errors_after_build(trained: list[Variable], gradients: list[Any]) -> None:
    optimizer = optimizers.Adam()
    optimizer.build(trained)
    with pytest.raises(ValueError, match="`amsgrad` was off when Adam was built"):
        optimizer.amsgrad = True
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    with pytest.raises(ValueError, match=r"unknown variables: .*other"):
        optimizer.apply([1.0], [Variable(1.0, name="other")])
    with pytest.raises(ValueError, match="2 gradients for 3 variables"):
        optimizer.apply(gradients[0][:2])
    with pytest.raises(ValueError, match=r"len\(optimizer_variables\)=1"):
        optimizer.stateless_apply([0], gradients[0], trained)
