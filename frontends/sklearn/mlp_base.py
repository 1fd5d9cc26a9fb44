"""What the two perceptrons share: checking, training and taking over what was trained."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
from sklearn.base import is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from graphc.keras.training.arrays import Rows
from graphc.sklearn.known import fitted_before
from graphc.sklearn.mlp_double import raw_scores
from graphc.sklearn.mlp_network import (
    POOL,
    Factors,
    Network,
    Structure,
    activated,
    public_model,
)
from graphc.sklearn.mlp_training import (
    Plan,
    Progress,
    minimise,
    program_batch,
    train_by_epochs,
)

FLOATS = (np.float64, np.float32)


def is_stochastic(estimator: Any) -> bool:
    """Return whether the solver goes by epochs.

    Raises:
        AttributeError: it does not.
    """
    if estimator.solver in ("sgd", "adam"):
        return True
    raise AttributeError(
        "partial_fit is only available for stochastic optimizers. "
        f"{estimator.solver} is not stochastic."
    )


@dataclass(frozen=True)
class Parts:
    """Data as arrays: for training and, with early stopping, what decides about the end.

    Rows are inputs [N, F] and targets [N, K] in single precision, and perhaps weights [N]. `places`
    are the numbers of those to train on, where these are not all.
    """

    train: Rows
    held: Rows | None = None
    places: np.ndarray | None = None


class MLPBase:
    """The half of both estimators that trains; a mixin before scikit-learn's class.

    A trainer of many candidates at once takes, of each: `prepare`, `structure`, `factors`, `begin`,
    `parts` and `plan`; trains; and gives back by `take_over`.
    """

    # What scikit-learn's classes hold and do.
    hidden_layer_sizes: Any
    activation: Any
    solver: Any
    alpha: Any
    batch_size: Any
    learning_rate: Any
    learning_rate_init: Any
    power_t: Any
    max_iter: Any
    shuffle: Any
    random_state: Any
    tol: Any
    verbose: Any
    warm_start: Any
    momentum: Any
    nesterovs_momentum: Any
    early_stopping: Any
    validation_fraction: Any
    beta_1: Any
    beta_2: Any
    epsilon: Any
    n_iter_no_change: Any
    max_fun: Any
    n_features_in_: Any
    _validate_params: Any
    # What the two estimators differ in.
    _encoded: Any
    _output_activation: Any
    _stratify: Any
    _score_of: Any

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows [N, F] and their targets.

        Args:
            X: an array or a sparse matrix, which is made dense.
            y: classes, or numbers; [N] or [N, K].
            sample_weight: weights of the rows [N].

        Raises:
            ValueError: data or arguments that do not fit, or weights that are not finite.
        """
        self._validate_params()
        if sample_weight is None and (done := fitted_before(self, X, y)) is not None:
            return done
        return self._train(X, y, sample_weight, incremental=False)

    @property
    def model_(self) -> Any:
        """A new Keras model that computes what the fitted estimator does."""
        check_is_fitted(self)
        return public_model(self.structure(), self.coefs_, self.intercepts_)

    def prepare(self, X: Any, y: Any, sample_weight: Any = None, *, incremental: bool) -> Rows:
        """Return checked data as arrays; what it says of features and classes is noted.

        Targets of regression keep their precision; `parts` gives what is trained on.
        """
        first = not self._goes_on(incremental)
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True,
            y_numeric=is_regressor(self), dtype=FLOATS, reset=first,
        )  # fmt: skip
        y = self._encoded(y, incremental=incremental)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        self.n_outputs_ = y.shape[1]
        self._dtype = X.dtype
        return Rows(_dense(X), y, weights)

    def structure(self) -> Structure:
        """Return what decides which program trains; after `prepare`."""
        momentum = self.solver == "sgd" and self.momentum > 0
        return Structure(
            units=(self.n_features_in_, *_sizes(self.hidden_layer_sizes), self.n_outputs_),
            activation=self.activation,
            output=self._output_activation(),
            solver=self.solver,
            momentum=momentum,
            nesterov=momentum and self.nesterovs_momentum,
        )

    def factors(self) -> Factors:
        """Return what the program reads at run time."""
        return Factors(
            float(self.alpha), float(self.learning_rate_init), float(self.momentum),
            float(self.beta_1), float(self.beta_2), float(self.epsilon),
        )  # fmt: skip

    def plan(self, rows: int, *, incremental: bool = False) -> Plan:
        """Return how to train on so many rows."""
        batch = min(200, rows) if self.batch_size == "auto" else self.batch_size
        if batch > rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                stacklevel=4,
            )
        return Plan(
            batch=min(batch, rows), epochs=self.max_iter, shuffle=self.shuffle, tol=self.tol,
            patience=self.n_iter_no_change, by_score=self.early_stopping,
            rate=float(self.learning_rate_init), power=self.power_t, once=incremental,
            schedule=self.learning_rate if self.solver == "sgd" else "constant",
            verbose=bool(self.verbose),
        )  # fmt: skip

    def begin(self, draws: np.random.RandomState) -> None:
        """Draw the first weights and forget what was trained before; after `prepare`."""
        structure = self.structure()
        self.n_iter_, self.t_ = 0, 0
        self.n_layers_ = len(structure.units)
        self.out_activation_ = structure.output
        pairs = [
            _first_weights(inputs, outputs, self.activation, draws, self._dtype)
            for inputs, outputs in itertools.pairwise(structure.units)
        ]
        self.coefs_, self.intercepts_ = [p[0] for p in pairs], [p[1] for p in pairs]
        self._slots: Any = None
        best = -np.inf if self.early_stopping else np.inf
        self._progress = Progress(best=best, best_weights=self._weights)
        self._show(self._progress)

    def parts(self, rows: Rows, draws: np.random.RandomState) -> Parts:
        """Return what to train on, and with early stopping what to hold back.

        Raises:
            ValueError: less than two rows are held back.
        """
        if not self.early_stopping:
            return Parts(single(rows))
        given = [array for array in rows.structure if array is not None]
        split = train_test_split(
            np.arange(rows.count), *given, random_state=draws, test_size=self.validation_fraction,
            stratify=self._stratify(rows.y),
        )  # fmt: skip
        if len(split[1]) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        return Parts(single(Rows(*split[2::2])), Rows(*split[3::2]), split[0])

    def score_held(self, held: Rows, weights: Sequence[np.ndarray]) -> float:
        """Return the validation score of a network with these weights, kernels and biases."""
        scores = raw_scores(self.structure(), weights, held.x)
        outputs = activated(scores, self.out_activation_)
        return self._score_of(held.y, outputs, held.sample_weight)

    def take_over(
        self,
        coefs: Sequence[np.ndarray],
        intercepts: Sequence[np.ndarray],
        progress: Progress,
        slots: Any = None,
    ) -> Self:
        """Become fitted: with these weights, by this training.

        Args:
            coefs: the kernel of each layer [I, O].
            intercepts: the bias of each layer [O].
            progress: what training found.
            slots: the optimizer's state, from which `partial_fit` goes on.

        Raises:
            ValueError: a weight is not finite.
        """
        if not all(np.isfinite(one).all() for one in (*coefs, *intercepts)):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                "values and need to be preprocessed."
            )
        self.coefs_ = [np.asarray(one, self._dtype) for one in coefs]
        self.intercepts_ = [np.asarray(one, self._dtype) for one in intercepts]
        self._slots, self._progress = slots, progress
        self.n_iter_ = progress.epochs
        self._show(progress)
        return self

    def _goes_on(self, incremental: bool) -> bool:
        return hasattr(self, "coefs_") and (self.warm_start or incremental)

    def _train(self, X: Any, y: Any, sample_weight: Any, *, incremental: bool) -> Self:
        _check_sizes(_sizes(self.hidden_layer_sizes))
        goes_on = self._goes_on(incremental)
        rows = self.prepare(X, y, sample_weight, incremental=incremental)
        draws = check_random_state(self.random_state)
        if not goes_on:
            self.begin(draws)
        if self.solver == "lbfgs":
            return self._minimise(rows)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        parts = self.parts(rows, draws)
        plan = self.plan(parts.train.count, incremental=incremental)
        use = (program_batch(plan.batch, parts.train.count), sample_weight is None)
        with POOL.lend(self.structure(), use) as network:
            return self._train_by_epochs(network, parts, plan, draws)

    def _train_by_epochs(
        self, network: Network, parts: Parts, plan: Plan, draws: np.random.RandomState
    ) -> Self:
        progress, slots = self._progress, self._slots if plan.once else None
        network.set_factors(self.factors())
        network.begin(self.coefs_, self.intercepts_, slots)
        if slots is None:
            progress.rate = plan.rate
        network.optimizer.learning_rate = progress.rate
        held = parts.held

        def score() -> float:
            assert held is not None
            return self.score_held(held, network.get_weights())

        train_by_epochs(network, parts.train, plan, draws, progress, held and score)
        slots = network.slots_now()
        if held is not None:
            network.set_weights(progress.best_weights)
        return self.take_over(*network.weights_now(self._dtype), progress, slots)

    def _minimise(self, rows: Rows) -> Self:
        limits = {"maxfun": self.max_fun, "maxiter": self.max_iter, "gtol": self.tol}
        found = minimise(self.structure(), rows, float(self.alpha), self._weights, limits)
        if not found.converged:
            warnings.warn(
                f"lbfgs failed to converge after {found.iterations} iteration(s): "
                f"{found.message}\n\nIncrease the number of iterations (max_iter={self.max_iter}) "
                "or scale the data.",
                ConvergenceWarning,
                stacklevel=4,
            )
        progress = replace(self._progress, epochs=min(found.iterations, self.max_iter))
        self.take_over(found.weights[0::2], found.weights[1::2], progress)
        self.loss_ = found.loss
        return self

    # Scikit-learn's names for two things that scripts look at, though they are private.

    @property
    def _no_improvement_count(self) -> int:
        return self._progress.stale

    @property
    def _optimizer(self) -> SimpleNamespace:
        return SimpleNamespace(learning_rate=self._progress.rate)

    @property
    def _weights(self) -> list[np.ndarray]:
        return [w for pair in zip(self.coefs_, self.intercepts_, strict=True) for w in pair]

    def _show(self, progress: Progress) -> None:
        """Set the attributes that tell of training by epochs."""
        if self.solver == "lbfgs":
            return
        self.t_ = progress.seen
        self.loss_curve_ = progress.losses
        if progress.losses:
            self.loss_ = progress.losses[-1]
        scored = self.early_stopping
        self.best_loss_ = None if scored else progress.best
        self.validation_scores_ = progress.scores if scored else None
        self.best_validation_score_ = progress.best if scored else None

    def _outputs(self, X: Any) -> np.ndarray:
        """Return the outputs [N, K] for rows [N, F], in the precision of these."""
        X = validate_data(
            self, X, accept_sparse=["csr", "csc"], dtype=FLOATS, reset=False
        )  # fmt: skip
        scores = raw_scores(self.structure(), self._weights, _dense(X))
        dtype = np.result_type(X.dtype, self.coefs_[0].dtype)
        return activated(scores.astype(dtype), self.out_activation_)


def _dense(X: Any) -> np.ndarray:
    return X.toarray() if hasattr(X, "toarray") else X


def single(rows: Rows) -> Rows:
    """Return rows in the precision of training."""
    return Rows(*(None if a is None else np.asarray(a, np.float32) for a in rows.structure))


def _sizes(hidden: Any) -> tuple[int, ...]:
    return tuple(hidden) if hasattr(hidden, "__iter__") else (hidden,)


def _check_sizes(sizes: tuple[int, ...]) -> None:
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {list(sizes)}.")


def _first_weights(
    inputs: int, outputs: int, activation: str, draws: np.random.RandomState, dtype: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return a kernel [I, O] and a bias [O]; Glorot and Bengio (2010), in scikit-learn's order."""
    bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (inputs + outputs))
    kernel = draws.uniform(-bound, bound, (inputs, outputs))
    bias = draws.uniform(-bound, bound, outputs)
    return kernel.astype(dtype), bias.astype(dtype)
