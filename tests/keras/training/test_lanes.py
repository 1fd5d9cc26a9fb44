"""Lanes compute what `fit` does, to the bit, whatever runs beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc import config, keras
from graphc.keras.training import lane_group, lane_work
from graphc.keras.training.arrays import Rows
from graphc.keras.training.lane import Lane, Next, Ready, Trained
from graphc.keras.training.lane_outputs import outputs_of
from graphc.keras.training.lanes import reason_against, train
from graphc.keras.training.tracer import alike

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 5)).astype("float32")
Y = (X.sum(1, keepdims=True) > 0).astype("float32")
FOLDS = [np.arange(0, 70), np.arange(20, 90), np.arange(10, 79)]  # the last one has a row less
BATCH, EPOCHS, SEED = 16, 3, 7
layers = keras.layers


def plain(rate: float = 1e-2, drop: float = 0.2) -> Any:
    hidden = layers.Dense(8, "relu", kernel_regularizer=keras.regularizers.L2(drop / 10))
    stack = [hidden, layers.Dropout(drop), layers.Dense(1, "sigmoid")]
    return stack, keras.optimizers.Adam(rate)


def normalized(rate: float = 1e-2, drop: float = 0.0) -> Any:
    """Rows of a batch depend on one another, so the last batch has a program of its own."""
    stack = [layers.Dense(8), layers.BatchNormalization(), layers.Dense(1, "sigmoid")]
    return stack, keras.optimizers.SGD(rate, momentum=0.5 + drop)


def averaged(rate: float = 1e-2, drop: float = 0.0) -> Any:
    optimizer = keras.optimizers.RMSprop(rate, use_ema=True, ema_momentum=0.5 + drop)
    return [layers.Dense(1, "sigmoid")], optimizer


MODELS = {"plain": plain, "normalized": normalized, "averaged": averaged}


def build(name: str, *numbers: float) -> Any:
    keras.utils.set_random_seed(3)
    stack, optimizer = MODELS[name](*numbers)
    model = keras.Sequential([layers.Input((5,)), *stack])
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def by_fit(model: Any, chosen: np.ndarray, monkeypatch: Any, **options: Any) -> Any:
    monkeypatch.setattr("random.getrandbits", lambda bits: SEED)
    history = model.fit(
        X[chosen], Y[chosen], batch_size=BATCH, epochs=EPOCHS, verbose=0, **options
    ).history
    return history, model.get_weights()


def lane(model: Any, chosen: np.ndarray, **options: Any) -> Lane:
    return Lane(model, ROWS, chosen, BATCH, EPOCHS, SEED, **options)


ROWS = Rows(X, Y)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("most", [8, 2, 1])
@pytest.mark.parametrize("at_once", [8, 2, 1])
def test_they_are_what_fit_makes(name: str, most: int, at_once: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(lane_work, "IN_TURN", most)
    monkeypatch.setattr(lane_group, "AT_ONCE", at_once)
    numbers = [(1e-2, 0.2), (1e-3, 0.3)]
    models = [build(name, *each) for each in numbers]
    made = [lane(model, chosen) for model in models for chosen in FOLDS]
    assert [reason_against(one) for one in made] == [None] * len(made)
    found = train([Ready.of(one) for one in made])
    assert [one.lane for one in found] == made
    pairs = [(each, chosen) for each in numbers for chosen in FOLDS]
    for trained, (each, chosen) in zip(found, pairs, strict=True):
        history, weights = by_fit(build(name, *each), chosen, monkeypatch)
        assert trained.history == history
        other = build(name, *each)
        trained.into(other)
        for one, expected in zip(other.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(one, expected)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("most", [128, 2], ids=["together", "in parts"])
def test_side_by_side_they_are_that_up_to_rounding(name: str, most: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(lane_work, "MOST", most)
    ends = [None, lambda epoch, *_: Next(ends=epoch == 1), None, None]
    places = [0, 0, 1, 2]
    with config.LANES("abreast"):
        made = [
            Ready.of(lane(build(name), FOLDS[place], after=end))
            for place, end in zip(places, ends, strict=True)
        ]
        found = train(made)
        outputs = outputs_of(found, X)
    assert [one.epochs for one in found] == [EPOCHS, 2, EPOCHS, EPOCHS]
    for trained, place, mine in zip(found, places, outputs, strict=True):
        history, _ = by_fit(build(name), FOLDS[place], monkeypatch)
        for key, values in history.items():
            expected = values[: trained.epochs]
            np.testing.assert_allclose(trained.history[key], expected, rtol=1e-4, err_msg=key)
        model = build(name)
        trained.into(model)
        np.testing.assert_allclose(mine, model.predict(X, verbose=0), atol=1e-5)


def test_rows_held_back_are_evaluated_after_each_epoch(monkeypatch: Any) -> None:
    held = np.arange(70, 90)
    (trained,) = train([Ready.of(lane(build("plain"), FOLDS[0], held=held))])
    history, _ = by_fit(build("plain"), FOLDS[0], monkeypatch, validation_data=(X[held], Y[held]))
    assert trained.history.keys() == history.keys()
    for name, values in history.items():
        np.testing.assert_allclose(trained.history[name], values, rtol=1e-6)


def test_a_lane_ends_by_itself_and_makes_room(monkeypatch: Any) -> None:
    monkeypatch.setattr(lane_work, "IN_TURN", 1)
    model = build("plain")
    ends = [lambda epoch, *_, last=last: Next(ends=epoch == last) for last in (0, 1, 5, 0, 2)]
    found = train([Ready.of(lane(model, FOLDS[0], after=end)) for end in ends])
    assert [one.epochs for one in found] == [1, 2, EPOCHS, 1, EPOCHS]
    long, short = found[2].history["loss"], found[0].history["loss"]
    assert long[:1] == short


def test_a_lane_goes_on_with_another_learning_rate() -> None:
    model = build("plain")
    rate = model.optimizer.learning_rate

    def stop_learning(epoch: int, logs: Any, now: Any) -> Next:
        return Next(changes={id(rate): np.float32(0)})

    model.optimizer.build(model.trainable_variables)
    frozen, free = train([
        Ready.of(lane(model, FOLDS[0], after=stop_learning)), Ready.of(lane(model, FOLDS[0]))
    ])  # fmt: skip
    assert frozen.history["loss"][0] == free.history["loss"][0]
    assert frozen.history["loss"][2] > free.history["loss"][2]


def test_a_lane_may_end_with_weights_of_an_earlier_epoch() -> None:
    model, seen = build("plain"), []

    def back_to_the_first(epoch: int, logs: Any, now: Any) -> Next:
        seen.append(now())
        return Next(ends=epoch == 1, changes=seen[0] if epoch == 1 else {})

    (back,) = train([Ready.of(lane(model, FOLDS[0], after=back_to_the_first))])
    for variable in model.trainable_variables:
        np.testing.assert_array_equal(back.variables[id(variable)], seen[0][id(variable)])
        assert not np.array_equal(seen[0][id(variable)], seen[1][id(variable)])


def test_a_model_may_be_set_to_other_numbers_for_the_next_lane() -> None:
    model = build("plain")
    first = Ready.of(lane(model, FOLDS[0]))
    model.set_weights([w * 0 for w in model.get_weights()])
    second = Ready.of(lane(model, FOLDS[0]))
    again = train([first, second])
    (alone,) = train([Ready.of(lane(build("plain"), FOLDS[0]))])
    assert again[0].history == alone.history != again[1].history


def test_predictions_are_those_of_the_models(monkeypatch: Any) -> None:
    found: list[Trained] = train([Ready.of(lane(build("plain"), chosen)) for chosen in FOLDS])
    monkeypatch.setattr("graphc.keras.training.lane_outputs.BATCH", 32)
    for trained, outputs in zip(found, outputs_of(found, X), strict=True):
        model = build("plain")
        trained.into(model)
        np.testing.assert_allclose(outputs, model.predict(X, verbose=0), atol=1e-6)


class OwnStep(keras.Model):
    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


def test_what_cannot_be_a_lane_says_why() -> None:
    inputs = keras.Input((5,))
    own = OwnStep(inputs, layers.Dense(1)(inputs))
    own.compile("sgd", "mse")
    assert reason_against(lane(own, FOLDS[0])) == "its steps are its own"
    images = keras.Input((12, 12, 1))
    convolved = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(images))
    slow = keras.Model(images, layers.Dense(1)(convolved))
    slow.compile("sgd", "mse")
    rows = Rows(np.zeros((90, 12, 12, 1), "float32"), Y)
    reason = reason_against(Lane(slow, rows, FOLDS[0], BATCH, 1))
    assert reason is not None
    assert "gradient of nn.conv slowly" in reason


def test_equal_models_share_what_the_passes_make() -> None:
    def graphs() -> list[Any]:
        ready = [Ready.of(lane(build("plain", rate), FOLDS[0])) for rate in (1e-2, 1e-3)]
        return [one.traced.step.graph for one in ready]

    with alike():
        one, other = graphs()
    assert one is other
    apart, again = graphs()
    assert apart is not again
