"""Learning rate schedules against real Keras, and the key that lets equal ones share programs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.keras.optimizers import SGD, schedules
from graphc.keras.optimizers.schedules.schedule import schedule_key

CASES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}),
    (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True},
    ),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5}),
    (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True},
    ),
    ("PiecewiseConstantDecay", {"boundaries": [5, 10], "values": [1.0, 0.5, 0.1]}),
    ("PiecewiseConstantDecay", {"boundaries": [3], "values": [1.0, 0.5], "name": "steps"}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10}),
    (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 6, "power": 0.5, "cycle": True},
    ),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 15, "alpha": 0.1}),
    (
        "CosineDecay",
        {
            "initial_learning_rate": 0.0,
            "decay_steps": 15,
            "warmup_target": 0.2,
            "warmup_steps": 6,
        },
    ),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5}),
    (
        "CosineDecayRestarts",
        {
            "initial_learning_rate": 0.1,
            "first_decay_steps": 5,
            "t_mul": 1.0,
            "m_mul": 0.8,
            "alpha": 0.05,
        },
    ),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "options"), CASES)
def test_rates_and_config_equal_keras(keras: Any, name: str, options: dict[str, Any]) -> None:
    ours = getattr(schedules, name)(**options)
    theirs = getattr(keras.optimizers.schedules, name)(**options)
    assert ours.get_config() == theirs.get_config()
    traced = jax.jit(ours)
    for step in range(30):
        expected = np.asarray(theirs(keras.ops.convert_to_tensor(step)))
        # The period is a floored logarithm: on its edge float32 may fall to either side.
        atol = 2e-7 if name != "CosineDecayRestarts" or step not in (5, 15) else 1.0
        np.testing.assert_allclose(ours(step), expected, rtol=2e-6, atol=atol)
        np.testing.assert_allclose(traced(jnp.int32(step)), expected, rtol=2e-6, atol=atol)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_round_trip_keeps_the_key(name: str, options: dict[str, Any]) -> None:
    schedule = getattr(schedules, name)(**options)
    again = schedules.deserialize(schedules.serialize(schedule))
    assert schedule_key(again) == schedule_key(schedule)
    assert hash(schedule_key(again)) == hash(schedule_key(schedule))
    again.name = "other"
    assert schedule_key(again) != schedule_key(schedule)


@pytest.mark.parametrize("cls", ["ExponentialDecay", "PolynomialDecay", "CosineDecay"])
def test_steps_must_be_positive(cls: str) -> None:
    rest = {"decay_rate": 0.5} if cls == "ExponentialDecay" else {}
    with pytest.raises(ValueError, match=r"`decay_steps` to be > 0. Received: decay_steps=0"):
        getattr(schedules, cls)(0.1, 0, **rest)


def test_boundaries_and_values_must_match() -> None:
    with pytest.raises(ValueError, match="one boundary fewer than values"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1])


def test_optimizer_follows_a_schedule_and_shares_its_structure(trained: list[Any]) -> None:
    makers = [SGD(schedules.ExponentialDecay(0.5, 1, 0.5)) for _ in range(2)]
    for optimizer in makers:
        optimizer.build(trained)
    assert makers[0].structure() == makers[1].structure()
    assert len(makers[0].variables) == 1
    before = trained[1].numpy()
    for _ in range(3):
        makers[0].apply([np.ones(v.shape, np.float32) for v in trained])
    np.testing.assert_allclose(before - trained[1].numpy(), 0.5 + 0.25 + 0.125, rtol=1e-6)
    assert float(makers[0].learning_rate) == pytest.approx(0.0625)
    with pytest.raises(TypeError, match=r"Received: learning_rate=0\.1"):
        makers[0].learning_rate = 0.1


def test_own_schedule_counts_by_class_and_attributes() -> None:
    class Halving(schedules.LearningRateSchedule):
        def __init__(self, start: float) -> None:
            self.start = start

        def __call__(self, step: Any) -> Any:
            return self.start * 0.5**step

    assert schedule_key(Halving(0.1)) == schedule_key(Halving(0.1))
    assert schedule_key(Halving(0.1)) != schedule_key(Halving(0.2))
