"""The trainings of a search: those that can be lanes of one program are, whatever their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from graphc.keras.training.lane import Trained
from graphc.keras.training.lane_outputs import outputs_ahead, outputs_of
from graphc.keras.training.lanes import Trainings, reason_against
from graphc.keras.training.tracer import alike
from graphc.lower import default_target
from graphc.runtime.lanes import in_turn
from graphc.sklearn.folds import Fold, Kept
from graphc.sklearn.known import Give
from graphc.sklearn.lane_makers import MAKERS, Made

Split = tuple[np.ndarray, np.ndarray]
OUTPUTS_KEPT = 256 << 20  # bytes of predictions that are made ahead


@dataclass
class Together:
    """What was trained ahead, and what was not.

    Attributes:
        trainings: by what their estimators will ask for.
        lanes: how many they are.
        alone: how many trainings are left to `fit`, by the reason.
    """

    trainings: dict[Any, Give] = field(default_factory=dict)
    lanes: int = 0
    alone: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        lines = []
        if self.lanes:
            turns, why = in_turn(default_target())
            order = "one after another on each core" if turns else "side by side"
            lines = [f"{self.lanes} trainings as lanes of shared programs, {order}: {why}"]
        lines += [f"{count} one by one: {reason}" for reason, count in self.alone.items()]
        return "\n".join(lines) or "no trainings"


def train_together(
    estimator: Any,
    candidates: Sequence[Mapping[str, Any]],
    splits: Sequence[Split],
    X: Any,
    y: Any,
    *,
    refits: bool = False,
) -> Together:
    """Train every candidate on every split, as far as these trainings can be lanes.

    What fails while it is made ready is left to `fit`, which reports it as scikit-learn does. With
    `refits`, what training one of them on all rows will need is compiled ahead.
    """
    with alike(), Trainings() as trainings:
        found, made = _all_made(estimator, candidates, splits, X, y, trainings)
        if refits and trainings.programs == 1 and made[0].ahead is not None:
            trainings.ahead(made[0].ahead())
        trained = trainings.run()
        outputs = _outputs(made, trained)
    for number, (one, result) in enumerate(zip(made, trained, strict=True)):
        found.trainings[one.key] = one.give(result, outputs.get(number))
    found.lanes = len(made)
    return found


def _all_made(
    estimator: Any,
    candidates: Sequence[Mapping[str, Any]],
    splits: Sequence[Split],
    X: Any,
    y: Any,
    trainings: Trainings,
) -> tuple[Together, list[Made]]:
    """Return the trainings of all candidates, once they are added, and why others are not."""
    found, kept, made = Together(), Kept(), list[Made]()
    for params in candidates:
        try:
            ready = _made(estimator, params, splits, X, y, kept)
        except Exception as error:  # noqa: BLE001 - the user's builder; `fit` meets it again
            ready = f"{type(error).__name__} while it was made ready"
        if isinstance(ready, str):
            found.alone[ready] += len(splits)
            continue
        known = trainings.programs
        for one in ready:
            trainings.add(one.ready)
        if trainings.programs > known and (first := ready[0]).x is not None:
            work = outputs_ahead(first.ready.lane.model, first.x)
            if work is not None:
                trainings.ahead(work)
        made += ready
    return found, made


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
        reason = one if isinstance(one, str) else reason_against(one.ready.lane)
        if reason is not None:
            return reason
        made.append(one)
    return made


def _after_steps(pipeline: Pipeline, fold: Fold) -> Fold:
    """Return the rows to train on as the last step of a pipeline gets them."""
    X, y = fold.train()
    if len(pipeline.steps) > 1:
        X = pipeline[:-1].fit_transform(X, y)
    return Fold(X, y, np.arange(len(X)), None, fold.kept)


def _outputs(made: Sequence[Made], trained: Sequence[Trained]) -> dict[int, Any]:
    """Return the outputs of trainings for the rows that they share, where these take little."""
    groups: dict[int, list[int]] = {}
    for number, one in enumerate(made):
        if one.x is not None:
            groups.setdefault(id(one.x), []).append(number)
    found: dict[int, Any] = {}
    for numbers in groups.values():
        x = made[numbers[0]].x
        if len(numbers) * len(x) * 64 > OUTPUTS_KEPT:
            continue
        found |= dict(zip(numbers, outputs_of([trained[n] for n in numbers], x), strict=True))
    return found
