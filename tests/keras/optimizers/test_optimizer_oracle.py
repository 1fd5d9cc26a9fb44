"""Every optimizer and option set against real Keras, over twenty steps of fixed gradients."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import numpy as np
import pytest

from graphc.keras import optimizers
from graphc.keras.engine.variable import Variable

pytestmark = pytest.mark.oracle

OWN: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.5}),
    ("RMSprop", {"centered": True, "rho": 0.8, "epsilon": 1e-3}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "epsilon": 1e-3}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "beta_2": 0.5}),
    ("Adam", {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.1, "amsgrad": True}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.5, "epsilon": 1e-2}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Lion", {}),
    ("Ftrl", {"learning_rate": 0.1}),
    ("Ftrl", {"l1_regularization_strength": 0.5, "l2_regularization_strength": 0.1}),
    ("Ftrl", {"beta": 0.1, "l2_shrinkage_regularization_strength": 0.1}),
    ("Ftrl", {"learning_rate_power": -0.3}),
    ("Adafactor", {}),
    ("Adafactor", {"relative_step": False, "clip_threshold": 0.5, "beta_2_decay": -0.5}),
    ("Lamb", {}),
    ("Lamb", {"weight_decay": 0.01}),
    ("Muon", {}),
    ("Muon", {"nesterov": False, "rms_rate": None, "exclude_layers": ["kernel"]}),
    ("ScheduleFreeAdamW", {}),
    ("ScheduleFreeAdamW", {"warmup_steps": 7, "weight_decay": 0.01}),
]
SHARED: list[dict[str, Any]] = [
    {"weight_decay": 0.05},
    {"clipnorm": 0.7},
    {"clipvalue": 0.3},
    {"global_clipnorm": 1.5},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"loss_scale_factor": 8.0},
    {"gradient_accumulation_steps": 3},
    {
        "gradient_accumulation_steps": 3,
        "use_ema": True,
        "ema_overwrite_frequency": 2,
        "global_clipnorm": 1.5,
        "weight_decay": 0.1,
    },
]
WITH_SHARED = [(name, extra) for name in ("SGD", "Adam") for extra in SHARED]
WITH_SHARED += [("Nadam", SHARED[-1])]  # its shared slot must hold still between updates
OTHERS = (
    "RMSprop",
    "AdamW",
    "Adagrad",
    "Adadelta",
    "Adamax",
    "Lion",
    "Ftrl",
    "Adafactor",
    "Lamb",
    "Muon",
)
TWO_SETS: list[dict[str, Any]] = [
    {"weight_decay": 0.05, "global_clipnorm": 1.5, "loss_scale_factor": 4.0},
    {
        "gradient_accumulation_steps": 2,
        "use_ema": True,
        "ema_momentum": 0.7,
        "ema_overwrite_frequency": 2,
        "clipnorm": 0.7,
    },
]
WITH_SHARED += [(name, extra) for name in OTHERS for extra in TWO_SETS]
RTOL = 5e-6  # float32 rounding, gathered over the steps
ATOL = 1e-6  # relative to a variable's largest element: Ftrl's linear term cancels


def _name(case: Any) -> str:
    return "-".join(f"{k}={v}" for k, v in case.items()) if isinstance(case, dict) else case


def _pair(keras: Any, name: str, options: dict[str, Any]) -> tuple[Any, Any]:
    return getattr(optimizers, name)(**options), getattr(keras.optimizers, name)(**options)


class Oracle:
    """A Keras optimizer and its variables, stepped as Keras's `fit` does: statelessly, jitted."""

    def __init__(self, keras: Any, optimizer: Any, start: dict[str, np.ndarray]) -> None:
        self.optimizer = optimizer
        self.trained = [keras.Variable(value, name=name) for name, value in start.items()]
        optimizer.build(self.trained)
        self._step = jax.jit(optimizer.stateless_apply)

    def apply(self, grads: list[np.ndarray]) -> None:
        """Do one step."""
        own, trained = self.optimizer.variables, self.trained
        values, after = self._step([v.value for v in own], grads, [v.value for v in trained])
        for variable, value in zip([*trained, *own], [*values, *after], strict=True):
            variable.assign(value)


@pytest.mark.parametrize(("name", "options"), OWN + WITH_SHARED, ids=_name)
def test_twenty_steps_equal_keras(
    keras: Any,
    start: dict[str, np.ndarray],
    gradients: list[list[np.ndarray]],
    trained: list[Variable],
    name: str,
    options: dict[str, Any],
) -> None:
    ours, theirs = _pair(keras, name, options)
    oracle = Oracle(keras, theirs, start)
    for grads in gradients:
        ours.apply(grads, trained)
        oracle.apply(grads)
    _same(trained, oracle.trained)
    _same(ours.variables, theirs.variables)


def _same(ours: list[Variable], theirs: list[Any]) -> None:
    assert len(ours) == len(theirs)
    for mine, oracle in zip(ours, theirs, strict=True):
        assert (mine.shape, mine.dtype) == (tuple(oracle.shape), oracle.dtype)
        expected = np.asarray(oracle.value)
        atol = ATOL * np.max(np.abs(expected), initial=1.0)
        np.testing.assert_allclose(mine.numpy(), expected, rtol=RTOL, atol=atol, err_msg=mine.path)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in Keras
@pytest.mark.parametrize(("name", "options"), OWN, ids=_name)
def test_names_and_config_equal_keras(
    keras: Any,
    start: dict[str, np.ndarray],
    trained: list[Variable],
    name: str,
    options: dict[str, Any],
) -> None:
    ours, theirs = _pair(keras, name, {**options, "name": "opt", "use_ema": True})
    assert ours.get_config() == theirs.get_config()
    ours.build(trained)
    Oracle(keras, theirs, start)
    named = [v.path for v in theirs.variables if v.path.startswith("opt/")]
    assert [v.path for v in ours.variables if v.path in named] == named


def test_learning_rate_set_between_steps(
    keras: Any, start: dict[str, np.ndarray], gradients: list[Any], trained: list[Variable]
) -> None:
    ours, theirs = _pair(keras, "Adam", {"learning_rate": 0.01, "weight_decay": 0.1})
    oracle = Oracle(keras, theirs, start)
    for i, grads in enumerate(gradients):
        ours.learning_rate = theirs.learning_rate = 0.01 / (i + 1)
        ours.apply(grads, trained)
        oracle.apply(grads)
    _same(trained, oracle.trained)
    assert float(ours.learning_rate) == pytest.approx(float(theirs.learning_rate.value))


SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 12, "alpha": 0.1}),
    ("CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 9, "warmup_target": 0.1,
                     "warmup_steps": 5}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 4, "m_mul": 0.9}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.8}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5,
                          "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [4, 9], "values": [0.1, 0.05, 0.01]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "power": 2.0,
                         "cycle": True}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), SCHEDULES, ids=_name)
def test_schedules_over_accumulated_steps_equal_keras(
    keras: Any,
    start: dict[str, np.ndarray],
    gradients: list[Any],
    trained: list[Variable],
    name: str,
    options: dict[str, Any],
) -> None:
    made = []
    for module in (optimizers, keras.optimizers):
        rate = getattr(module.schedules, name)(**options)
        made.append(module.SGD(rate, momentum=0.9, gradient_accumulation_steps=2))
    ours, theirs = made
    oracle = Oracle(keras, theirs, start)
    for grads in gradients:
        ours.apply(grads, trained)
        oracle.apply(grads)
        assert float(ours.learning_rate) == pytest.approx(float(theirs.learning_rate), rel=1e-5)
    _same(trained, oracle.trained)


def test_excluded_variables_do_not_decay(
    keras: Any, start: dict[str, np.ndarray], gradients: list[Any], trained: list[Variable]
) -> None:
    ours, theirs = _pair(keras, "AdamW", {"weight_decay": 0.5})
    theirs.exclude_from_weight_decay(var_names=["bias", "scalar"])
    oracle = Oracle(keras, theirs, start)
    ours.exclude_from_weight_decay(var_list=trained[:1], var_names=["bias"])
    for grads in gradients[:5]:
        ours.apply(grads, trained)
        oracle.apply(grads)
    _same(trained, oracle.trained)


def test_finite_and_overflowing_steps_of_loss_scaling(
    keras: Any, start: dict[str, np.ndarray], gradients: list[Any], trained: list[Variable]
) -> None:
    made = [
        module.LossScaleOptimizer(module.Adam(0.01), initial_scale=8.0, dynamic_growth_steps=3)
        for module in (optimizers, keras.optimizers)
    ]
    ours, theirs = made
    oracle = Oracle(keras, theirs, start)
    for i, grads in enumerate(gradients[:10]):
        scaled = [g * np.float32(np.inf if i == 5 else 8) for g in grads]
        ours.apply(scaled, trained)
        oracle.apply(scaled)
    _same(trained, oracle.trained)
    _same(ours.variables, theirs.variables)


def test_loss_scaling_of_accumulated_and_averaged_steps(
    keras: Any, start: dict[str, np.ndarray], gradients: list[Any], trained: list[Variable]
) -> None:
    shared = {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.5}
    made = [
        module.LossScaleOptimizer(module.AdamW(0.01, clipvalue=0.5, **shared), initial_scale=4.0)
        for module in (optimizers, keras.optimizers)
    ]
    ours, theirs = made
    oracle = Oracle(keras, theirs, start)
    for i, grads in enumerate(gradients):
        scaled = [g * np.float32(np.nan if i == 7 else 4) for g in grads]
        ours.apply(scaled, trained)
        oracle.apply(scaled)
    _same(trained, oracle.trained)
    _same(ours.variables, theirs.variables)
    ours.finalize_variable_values(trained)
    theirs.finalize_variable_values(oracle.trained)
    _same(trained, oracle.trained)


def test_each_variable_by_its_own_optimizer(
    keras: Any, start: dict[str, np.ndarray], gradients: list[Any], trained: list[Variable]
) -> None:
    made = []
    for module in (optimizers, keras.optimizers):
        patterns = module.OptimizerMap(module.SGD(0.1, momentum=0.9))
        patterns["kern.*"] = module.Adam(0.01, clipnorm=1.0)
        made.append(module.MultiOptimizer(patterns, loss_scale_factor=2.0))
    ours, theirs = made
    oracle = Oracle(keras, theirs, start)
    for grads in gradients[:5]:
        ours.apply(grads, trained)
        oracle.apply(grads)
    _same(trained, oracle.trained)
    _same(ours.variables, theirs.variables)


@pytest.mark.parametrize("name", sorted({name for name, _ in OWN} | {"Optimizer"}))
def test_constructor_arguments_equal_keras(keras: Any, name: str) -> None:
    def arguments(cls: type) -> list[tuple[str, Any]]:
        return [(p.name, p.default) for p in inspect.signature(cls).parameters.values()]

    assert arguments(getattr(optimizers, name)) == arguments(getattr(keras.optimizers, name))
