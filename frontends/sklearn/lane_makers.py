"""An estimator and a fold as a lane: what a training begins with, and how its estimator gets it."""

from __future__ import annotations

import numbers
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from graphc.keras.training.arrays import Rows, split_at
from graphc.keras.training.lane import Lane, Logs, Next, Ready, Trained, Values
from graphc.keras.training.lane_callbacks import LaneCallbacks, reason_against_callbacks
from graphc.keras.training.lanes import reason_against
from graphc.sklearn.fold_model import FoldModel
from graphc.sklearn.folds import Fold
from graphc.sklearn.known import Give, frozen, params_key
from graphc.sklearn.mlp_base import MLPBase, single
from graphc.sklearn.mlp_network import Network
from graphc.sklearn.mlp_training import Orders, Plan, Progress
from graphc.sklearn.plans import FitPlan, Prepared
from graphc.sklearn.routing import names_of
from graphc.sklearn.seeding import shuffle_seed
from graphc.sklearn.wrapper import KerasEstimator

QUIET = {"verbose": 0}  # options of `fit` that ask for nothing
SHARED = 16 << 20  # bytes of a fold's prepared rows up to which they are kept for all candidates


@dataclass(frozen=True, eq=False)
class Made:
    """A training that is ready to be a lane.

    Attributes:
        ready: the lane.
        key: what its estimator will ask for.
        x: the rows that will be predicted, in the form that the model takes; None for none.
        give: makes of this, the trained lane and its outputs for `x` what fits an estimator.
        heard: the callbacks, where there are any; their history is the estimator's.
    """

    ready: Ready
    key: Any
    x: Any
    give: Callable[[Made, Trained, Any], Give]
    heard: LaneCallbacks | None = None

    def history(self, trained: Trained) -> dict[str, list[float]]:
        """Return the logs of its epochs."""
        return trained.history if self.heard is None else self.heard.history.history

    def checked_history(self, trained: Trained) -> dict[str, list[float]]:
        """Return the logs, or raise what a callback has raised."""
        if self.heard is not None and self.heard.error is not None:
            raise self.heard.error
        return self.history(trained)


def keras_lane(estimator: KerasEstimator, fold: Fold, models: dict[Any, Any]) -> Made | str:
    """Return a wrapper's training as a lane, or why it cannot be one.

    `models` holds the candidate's model once it is built: every fold begins with its weights.
    """
    plan = estimator.fit_plan()
    reason = _reason_against_plan(estimator, plan)
    if reason is not None:
        return reason
    share, callbacks = plan.options.get("validation_split", 0.0), plan.options.get("callbacks")
    read = _read(estimator, fold)
    model = _model(estimator, read.data, models)
    shared = _shared_rows(estimator, fold, read, model)
    seed = random.getrandbits(32) if plan.seed is None else shuffle_seed(plan.seed)
    at = split_at(len(fold.chosen), share) if share else len(fold.chosen)
    chosen, held = fold.chosen[:at], fold.chosen[at:]
    lane = Lane(
        model, shared, chosen, min(plan.batch_size, at), plan.epochs, seed, plan.shuffle,
        held if share else None,
    )  # fmt: skip
    reason = reason_against(lane)
    if reason is not None:
        return reason
    key = params_key(estimator), fold.digests()  # callbacks are others once they know a model
    steps = -(-at // lane.batch)
    heard = LaneCallbacks(model, callbacks, epochs=plan.epochs, steps=steps) if callbacks else None
    ready = heard.ready(lane, lambda: seed) if heard else Ready.of(lane)
    if ready is None:
        return "a callback ends it before it begins"
    give = _giving(read, fold.kept.places(shared.x, fold.parts()))
    known = shared.x if fold.scored is not None else None  # else others are scored than these
    return Made(ready, key, known, give, heard)


def _reason_against_plan(estimator: KerasEstimator, plan: FitPlan) -> str | None:
    """Return what of a call of `fit` lanes cannot have."""
    others = {n: v for n, v in plan.options.items() if n not in ("validation_split", "callbacks")}
    asks = {name for name, value in others.items() if value != QUIET.get(name)}
    if asks or estimator.warm_start:
        return f"it asks for {', '.join(sorted(asks)) or 'warm_start'}"
    if not isinstance(plan.epochs, numbers.Integral) or plan.epochs < 1:
        return "its epochs are no number above zero"
    validates = bool(plan.options.get("validation_split"))
    return reason_against_callbacks(plan.options.get("callbacks"), validates=validates)


def _giving(read: Read, places: dict[Any, np.ndarray]) -> Callable[..., Give]:
    """Return what makes an estimator fitted by a trained lane."""

    def give(made: Made, trained: Trained, outputs: Any) -> Give:
        def fitted(asking: Any, X: Any, y: Any) -> Any:
            del X, y  # equal to those that were read
            history = made.checked_history(trained)
            vars(asking).update(read.learnt)
            return asking.take_over(FoldModel(trained, outputs, places), history)

        return fitted

    return give


@dataclass
class Read:
    """The rows of a fold as an estimator prepares them, and what it notes of them.

    Attributes:
        data: prepared.
        learnt: the attributes that the estimator has from them.
        x: `data.x` within all rows.
    """

    data: Prepared
    learnt: dict[str, Any]
    x: Any = None


def _read(estimator: KerasEstimator, fold: Fold) -> Read:
    """Return the rows to train on; those who read alike share them, where their class says so."""
    name = None if fold.scored is None else _reads(estimator, id(fold.chosen))
    read = fold.kept.read.get(name)
    if read is None:
        X, y = fold.train()
        data = estimator.prepare(X, y)
        read = Read(data, estimator.learnt())
        if name is not None and data.x.nbytes <= SHARED:
            fold.kept.read[name] = read
    vars(estimator).update(read.learnt)
    return read


def _reads(estimator: KerasEstimator, what: Any) -> Any:
    """Return what is equal for estimators that read rows alike; None where nobody knows."""
    names = vars(type(estimator)).get("_prepares_by")
    if names is None:
        return None
    return type(estimator), what, tuple(frozen(getattr(estimator, name)) for name in names)


def _model(estimator: KerasEstimator, data: Any, models: dict[Any, Any]) -> Any:
    """Return the candidate's model; a builder that looks at the data makes one for each fold."""
    builder = estimator._builder()
    if {"X", "y"} & set(names_of(builder)[0] if callable(builder) else ()):
        return estimator.build(data)
    key = "model", data.x.shape[1:], str(estimator.meta().get("classes_"))
    if key not in models:
        models[key] = estimator.build(data)
    return models[key]


def _shared_rows(estimator: KerasEstimator, fold: Fold, read: Read, model: Any) -> Rows:
    """Return all rows as one object for all trainings that read the same."""
    rows, whole = estimator.rows(read.data, model), _whole(estimator, fold, model)
    if read.x is None:
        read.x = fold.agreed(whole and whole.x, rows.x)
    return Rows(
        read.x, fold.agreed(whole and whole.y, rows.y),
        fold.agreed(whole and whole.sample_weight, rows.sample_weight),
    )  # fmt: skip


def _whole(estimator: KerasEstimator, fold: Fold, model: Any) -> Any:
    """Return all rows as the estimator would prepare them; None where they cannot be."""
    name = _reads(estimator, "whole")
    if fold.scored is None or name is None:
        return None
    if name not in fold.kept.read:
        other = clone(estimator)
        fold.kept.read[name] = other, other.prepare(fold.X, fold.y)
    other, data = fold.kept.read[name]
    return other.rows(data, model)


def mlp_lane(estimator: MLPBase, fold: Fold, models: dict[Any, Any]) -> Made | str:
    """Return a perceptron's training as a lane, or why it cannot be one."""
    if estimator.solver == "lbfgs" or estimator.verbose:
        return f"it asks for {'lbfgs' if estimator.solver == 'lbfgs' else 'printing'}"
    estimator._validate_params()
    X, y = fold.train()
    key = params_key(estimator), fold.digests()
    rows = estimator.prepare(X, y, incremental=False)
    draws = check_random_state(estimator.random_state)
    estimator.begin(draws)
    parts = estimator.parts(rows, draws)
    chosen = fold.chosen if parts.places is None else fold.chosen[parts.places]
    plan = estimator.plan(len(chosen))
    shared = _shared(estimator, fold, single(rows), models)
    network = _network(estimator, plan, fold)
    progress, orders = estimator._progress, Orders(len(chosen), draws, plan.shuffle)
    progress.rate = plan.rate

    def after(_: int, logs: Logs, now: Callable[[], Values]) -> Next:
        weights = _weights(network, now()) if parts.held else []
        score = estimator.score_held(parts.held, weights) if parts.held else None
        if progress.observe(plan, logs["loss"], score, len(chosen)):
            progress.best_weights = weights
        return _next(network, plan, progress)

    lane = Lane(
        network, shared, chosen, plan.batch, plan.epochs,
        orders=lambda _: chosen[orders.next()], after=after,
    )  # fmt: skip

    def give(made: Made, trained: Trained, outputs: Any) -> Give:
        del made, outputs

        def fitted(asking: Any, X: Any, y: Any) -> Any:
            return _take_over(asking, X, y, network, plan, progress, trained)

        return fitted

    return reason_against(lane) or Made(Ready.of(lane), key, None, give)


def _shared(estimator: MLPBase, fold: Fold, train: Rows, models: dict[Any, Any]) -> Rows:
    whole = None
    if fold.scored is not None:
        if "whole" not in models:
            models["whole"] = single(clone(estimator).prepare(fold.X, fold.y, incremental=False))
        whole = models["whole"]
    return Rows(fold.agreed(whole and whole.x, train.x), fold.agreed(whole and whole.y, train.y))


def _network(estimator: MLPBase, plan: Plan, fold: Fold) -> Network:
    """Return the network of a structure, set to an estimator's numbers and first weights."""
    key = "network", estimator.structure(), plan.batch
    network = fold.kept.arrays.setdefault(key, None) or Network(estimator.structure())
    fold.kept.arrays[key] = network
    network.set_factors(estimator.factors())
    network.begin(estimator.coefs_, estimator.intercepts_)
    network.optimizer.learning_rate = plan.rate
    return network


def _weights(network: Network, values: Values) -> list[np.ndarray]:
    """Return the kernel and the bias of each layer in turn."""
    return [values[id(variable)] for variable in network.trainable_variables]


def _next(network: Network, plan: Plan, progress: Progress) -> Next:
    rate = progress.rate_after(plan, progress.rate)
    if rate is None:
        return Next(ends=True)
    changes = {}
    if rate != progress.rate:
        changes = {id(network.optimizer.learning_rate): np.float32(rate)}
        progress.rate = rate
    return Next(ends=progress.epochs >= plan.epochs, changes=changes)


def _take_over(
    asking: MLPBase,
    X: Any,
    y: Any,
    network: Network,
    plan: Plan,
    progress: Progress,
    trained: Trained,
) -> MLPBase:
    asking.prepare(X, y, incremental=False)
    asking.begin(check_random_state(asking.random_state))
    by_score = asking.early_stopping
    weights = progress.best_weights if by_score else _weights(network, trained.variables)
    slots = [trained.variables[id(one)] for one in network._slots]
    if progress.stale <= plan.patience and progress.epochs >= plan.epochs:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({plan.epochs}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=5,
        )
    return asking.take_over(weights[0::2], weights[1::2], progress, slots)


MAKERS: dict[type, Callable[[Any, Fold, dict[Any, Any]], Made | str]] = {
    KerasEstimator: keras_lane, MLPBase: mlp_lane,
}  # fmt: skip
