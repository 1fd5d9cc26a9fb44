"""The trainings of a search: those that can be lanes of one program are, whatever their numbers."""

from __future__ import annotations

import numbers
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from graphc.keras.training.lane import Lane, Trained
from graphc.keras.training.lane_outputs import outputs_ahead, outputs_of
from graphc.keras.training.lanes import Trainings, train
from graphc.keras.training.tracer import alike
from graphc.lower import default_target
from graphc.runtime.lanes import in_turn
from graphc.sklearn.folds import Fold, Kept
from graphc.sklearn.known import Give
from graphc.sklearn.lane_makers import MAKERS, Made, keras_lane
from graphc.sklearn.watching import Watch
from graphc.sklearn.wrapper import KerasEstimator

Split = tuple[np.ndarray, np.ndarray]
History = dict[str, list[float]]
OUTPUTS_KEPT = 256 << 20  # bytes of predictions that are made ahead


@dataclass
class Together:
    """What was trained ahead in a search, and what was not.

    Attributes:
        lanes: how many trainings were lanes.
        alone: how many were left to `fit`, by the reason.
    """

    lanes: int = 0
    alone: Counter[str] = field(default_factory=Counter)

    def add(self, other: Together) -> None:
        """Count in what another counted."""
        self.lanes += other.lanes
        self.alone += other.alone

    def __str__(self) -> str:
        lines = []
        if self.lanes:
            turns, why = in_turn(default_target())
            order = "one after another on each core" if turns else "side by side"
            lines = [f"{self.lanes} trainings as lanes of shared programs, {order}: {why}"]
        lines += [f"{count} one by one: {reason}" for reason, count in self.alone.items()]
        return "\n".join(lines) or "no trainings"


@dataclass
class Done:
    """Trainings that were done together.

    Attributes:
        count: how many candidates were looked at, the first ones.
        trainings: by what their estimators will ask for.
        numbers: the candidates that they are of.
        seconds: how long one took, on average.
        histories: for each of those candidates the logs of its epochs, the mean of its folds.
        told: what was done how.
    """

    count: int = 0
    trainings: dict[Any, Give] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    seconds: float = 0.0
    histories: list[History] = field(default_factory=list)
    told: Together = field(default_factory=Together)


def train_together(
    estimator: Any,
    candidates: Sequence[Mapping[str, Any]],
    splits: Sequence[Split],
    X: Any,
    y: Any,
    *,
    room: int,
    watch: Watch,
) -> Done:
    """Train candidates on every split, as far as these trainings can be lanes.

    What fails while it is made ready is left to `fit`, which reports it as scikit-learn does.

    Args:
        estimator, candidates, splits, X, y: of the search.
        room: bytes of weights and slots with which no further candidate is made ready.
        watch: is told of every training.
    """
    begun, done = time.perf_counter(), Done()
    with alike(), Trainings(watch.observe) as trainings:
        made = _all_made(estimator, candidates, splits, X, y, trainings, done, room, watch)
        trained = trainings.run()
        outputs = _outputs(made, trained)
    for one, result in zip(made, trained, strict=True):
        if result is None:
            done.told.alone["an error while they were trained together"] += 1
        else:
            done.told.lanes += 1
            done.trainings[one.key] = one.give(one, result, outputs.get(result.lane))
    folds = len(splits)
    for first in range(0, len(made), folds):
        pairs = zip(made[first : first + folds], trained[first : first + folds], strict=True)
        done.histories.append(_mean([one.history(end) for one, end in pairs if end is not None]))
    done.seconds = (time.perf_counter() - begun) / max(1, len(made))
    return done


def _all_made(
    estimator: Any,
    candidates: Sequence[Mapping[str, Any]],
    splits: Sequence[Split],
    X: Any,
    y: Any,
    trainings: Trainings,
    done: Done,
    room: int,
    watch: Watch,
) -> list[Made]:
    """Return the trainings of the candidates, once they are added; note why others are not."""
    kept, made = Kept(), list[Made]()
    for number, params in enumerate(candidates):
        if room <= 0:
            break
        done.count += 1
        try:
            ready = _made(estimator, params, splits, X, y, kept)
        except Exception as error:  # noqa: BLE001 - the user's builder; `fit` meets it again
            ready = f"{type(error).__name__} while it was made ready"
        if isinstance(ready, str):
            done.told.alone[ready] += len(splits)
            continue
        known = trainings.programs
        for one in ready:
            watch.expect(one.ready.lane, number)
            trainings.add(one.ready)
        if trainings.programs > known and (first := ready[0]).x is not None:
            work = outputs_ahead(first.ready.lane.model, first.x)
            if work is not None:
                trainings.ahead(work)
        done.numbers.append(number)
        made += ready
        room -= sum(value.nbytes for one in ready for value in one.ready.values.values())
    return made


def train_alone(estimator: Any, X: Any, y: Any) -> Any:
    """Return an estimator fitted on all rows by the program that its folds had; None if it cannot.

    A wrapper's weights are those of `fit` to the bit, which would compile another program.
    """
    if not isinstance(estimator, KerasEstimator):
        return None
    made = keras_lane(estimator, Fold(X, y, np.arange(len(X)), None, Kept()), {})
    if isinstance(made, str):
        return None
    (trained,) = train([made.ready])
    if trained is None:
        return None
    history, model = made.checked_history(trained), made.ready.lane.model
    trained.into(model)
    return estimator.take_over(model, history)


def last_step(estimator: Any, params: Mapping[str, Any]) -> Any:
    """Return a candidate's estimator, of a pipeline the last step."""
    candidate = clone(estimator).set_params(**clone(dict(params), safe=False))
    return candidate.steps[-1][1] if isinstance(candidate, Pipeline) else candidate


def _made(
    estimator: Any,
    params: Mapping[str, Any],
    splits: Sequence[Split],
    X: Any,
    y: Any,
    kept: Kept,
) -> list[Made] | str:
    """Return the trainings of one candidate, or why they cannot be lanes."""
    made, models = [], {}
    for chosen, scored in splits:
        candidate = clone(estimator).set_params(**clone(dict(params), safe=False))
        fold = Fold(X, y, chosen, scored, kept)
        if isinstance(candidate, Pipeline):
            fold, models, candidate = _after_steps(candidate, fold), {}, candidate.steps[-1][1]
        maker = next((make for kind, make in MAKERS.items() if isinstance(candidate, kind)), None)
        if maker is None:
            return f"{type(candidate).__name__} is not an estimator of graphc"
        one = maker(candidate, fold, models)
        if isinstance(one, str):
            return one
        made.append(one)
    return made


def _after_steps(pipeline: Pipeline, fold: Fold) -> Fold:
    """Return the rows to train on as the last step of a pipeline gets them."""
    X, y = fold.train()
    if len(pipeline.steps) > 1:
        X = pipeline[:-1].fit_transform(X, y)
    return Fold(X, y, np.arange(len(X)), None, fold.kept)


def _mean(histories: Sequence[History]) -> History:
    """Return the mean of several histories, as far as the shortest goes; of their numbers alone."""
    found: History = {}
    for name in histories[0] if histories else ():
        epochs = list(zip(*(one.get(name, []) for one in histories), strict=False))
        if all(isinstance(value, numbers.Real) for values in epochs for value in values):
            found[name] = [float(np.mean(values)) for values in epochs]
    return found


def _outputs(made: Sequence[Made], trained: Sequence[Trained | None]) -> dict[Lane, Any]:
    """Return the outputs of trainings for the rows that they share, where these take little."""
    groups: dict[int, list[tuple[Made, Trained]]] = {}
    for one, result in zip(made, trained, strict=True):
        if one.x is not None and result is not None:
            groups.setdefault(id(one.x), []).append((one, result))
    found: dict[Lane, Any] = {}
    for group in groups.values():
        x, results = group[0][0].x, [result for _, result in group]
        if len(group) * len(x) * 64 <= OUTPUTS_KEPT:
            outputs = outputs_of(results, x)
            found |= {one.lane: leaves for one, leaves in zip(results, outputs, strict=True)}
    return found
