"""`compile(memory_budget=)`: the same training in less memory, a plan, and clear errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc import keras
from graphc.keras.training.memory_budget import parse_bytes


def _train(budget: Any) -> tuple[Any, list[float]]:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,))])
    for _ in range(6):
        model.add(keras.layers.Dense(64, activation="tanh"))
        model.add(keras.layers.Dropout(0.1))
        model.add(keras.layers.BatchNormalization())
    model.add(keras.layers.Dense(1))
    model.compile("adam", "mse", memory_budget=budget)
    x = np.random.RandomState(0).rand(1024, 64).astype("float32")
    history = model.fit(x, x[:, :1], batch_size=512, epochs=2, verbose=0)
    return model, history.history["loss"]


def test_a_budget_changes_no_loss_and_no_weight() -> None:
    free, losses = _train(None)
    bound, same = _train("4MB")
    np.testing.assert_allclose(same, losses, rtol=1e-5)
    for one, other in zip(free.get_weights(), bound.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    assert "computed_twice" in str(bound.explain("train"))
    assert any(node.op == "core.remat" for node in bound.explain("train").after.nodes)


def test_a_generous_budget_computes_nothing_twice() -> None:
    model, _ = _train("4GB")
    assert all(node.op != "core.remat" for node in model.explain("train").after.nodes)


@pytest.mark.parametrize(
    ("given", "count"),
    [
        (None, None),
        (1000, 1000),
        ("4GB", 4 * 10**9),
        (" 1.5 MiB ", 3 * 2**19),
        ("7", 7),
        (2.5e9, 2500000000),
    ],
)
def test_budgets_are_read(given: Any, count: int | None) -> None:
    assert parse_bytes(given) == count


@pytest.mark.parametrize("given", ["4 apples", "", 0, -5, "GB", True])
def test_what_is_no_budget_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="memory_budget"):
        parse_bytes(given)
