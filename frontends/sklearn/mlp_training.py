"""Training a network as scikit-learn does: by epochs in given orders, or by L-BFGS."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import optimize
from sklearn.exceptions import ConvergenceWarning

from graphc.keras.training.arrays import Rows
from graphc.keras.training.runs import plan_parts, resident
from graphc.runtime.data import capacity_for, upload
from graphc.runtime.loop import Hooks, Interrupt, Pace, interruptible, run_epoch
from graphc.sklearn.mlp_double import value_and_gradient
from graphc.sklearn.mlp_network import Network, Structure

SLOWEST = 1e-6  # the learning rate below which "adaptive" stops


@dataclass(frozen=True)
class Plan:
    """How one estimator trains on data of a size: what a trainer needs beside the network.

    Attributes:
        batch: rows of a step.
        epochs: passes at most.
        shuffle: whether each pass has an order of its own.
        tol: the least improvement of an epoch that counts.
        patience: epochs without one that are tolerated.
        by_score: whether the validation score decides, else the training loss.
        rate: the learning rate at first.
        schedule: "constant", "invscaling" or "adaptive".
        power: the exponent of "invscaling".
        once: whether it is a single pass of `partial_fit`.
        verbose: whether to print.
    """

    batch: int
    epochs: int
    shuffle: bool
    tol: float
    patience: float
    by_score: bool
    rate: float
    schedule: str
    power: float
    once: bool = False
    verbose: bool = False


@dataclass
class Progress:
    """What training found so far: the fitted attributes that it changes, one to one.

    `best` is the best score with `by_score`, the least loss without; `stale` counts the epochs
    without improvement, `epochs` those of the last call, `seen` all rows so far, `rate` is the
    learning rate now.
    """

    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best: float = math.inf
    stale: int = 0
    epochs: int = 0
    seen: int = 0
    rate: float = 0.0
    best_weights: Any = None

    def observe(self, plan: Plan, loss: float, score: float | None, rows: int) -> bool:
        """Note an epoch; return whether its score is the best so far."""
        self.epochs += 1
        self.seen += rows
        self.losses.append(loss)
        if score is None:
            self.stale = self.stale + 1 if loss > self.best - plan.tol else 0
            self.best = min(self.best, loss) if not math.isnan(loss) else self.best
            return False
        self.scores.append(score)
        self.stale = self.stale + 1 if score < self.best + plan.tol else 0
        better = score > self.best
        self.best = score if better else self.best
        return better

    def rate_after(self, plan: Plan, rate: float) -> float | None:
        """Return the learning rate of the next epoch, or None: training is over."""
        if plan.schedule == "invscaling":
            rate = plan.rate / (self.seen + 1) ** plan.power
        if self.stale <= plan.patience:
            return rate
        _tell(plan, self._reason(plan))
        if plan.schedule != "adaptive" or rate <= SLOWEST:
            return None
        self.stale = 0
        return rate / 5.0

    def _reason(self, plan: Plan) -> str:
        what = "Validation score" if plan.by_score else "Training loss"
        return (
            f"{what} did not improve more than tol={plan.tol:f} for {plan.patience} consecutive "
            "epochs."
        )


def _tell(plan: Plan, line: str) -> None:
    if plan.verbose:
        print(line)


class Orders:
    """The orders of the rows of successive epochs, as scikit-learn draws them."""

    def __init__(self, count: int, draws: np.random.RandomState, shuffle: bool) -> None:
        self.draws, self.shuffle = draws, shuffle
        self.order = np.arange(count, dtype=np.int32)

    def next(self) -> np.ndarray:
        """Return the order of the next epoch [N]."""
        if self.shuffle:
            places = np.arange(len(self.order))
            self.draws.shuffle(places)
            self.order = self.order[places]
        return self.order


def program_batch(batch: int, rows: int) -> int:
    """Return the rows of a step as it is compiled: more than `batch` where that is all rows.

    What is too much is masked, and data sets of nearly equal size (folds) share a program.
    """
    return capacity_for(rows, 1) if batch == rows else batch


class EpochRunner:
    """Runs whole epochs of a network over rows on the device, each in one compiled program."""

    def __init__(self, network: Network, rows: Rows, batch: int, interrupt: Interrupt) -> None:
        cache, batch = network._programs, program_batch(batch, rows.count)
        self.parts = plan_parts(cache, network, "train", rows, batch, shuffled=True)
        self.data = upload(rows.leaves, rows.count, batch)
        self.paces = [Pace.of(part.bound.program) for part in self.parts]
        self.interrupt = interrupt

    def epoch(self, order: np.ndarray) -> float:
        """Do one pass over the rows in this order [N]; return its mean loss."""
        whole = np.zeros(self.data.capacity, np.int32)
        whole[: len(order)] = order
        value = math.nan
        for index, window in enumerate(resident(self.parts, self.data, whole)):
            run = window.bound.run(window.data, whole, window.offset, fresh=index == 0)
            logs = run_epoch(run, window.steps, self.paces[index], Hooks(), self.interrupt)
            value = float(window.bound.traced.logs(logs)["loss"])
        return value


def train_by_epochs(
    network: Network,
    rows: Rows,
    plan: Plan,
    draws: np.random.RandomState,
    progress: Progress,
    score: Callable[[], float] | None,
) -> None:
    """Train until `plan` says that it is enough; `progress` tells what came of it.

    Args:
        network: with its weights and its optimizer's state; both are changed.
        rows: inputs [N, F], targets [N, K] and perhaps weights [N].
        plan: how to train.
        draws: where the orders come from.
        progress: of earlier calls, where training goes on.
        score: the validation score of the network as it is, where that decides.
    """
    progress.epochs = 0
    try:
        with interruptible() as interrupt:
            runner = EpochRunner(network, rows, plan.batch, interrupt)
            finished = _run_epochs(network, runner, plan, draws, progress, score)
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=4)
        return
    if not finished:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({plan.epochs}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=4,
        )


def _run_epochs(
    network: Network,
    runner: EpochRunner,
    plan: Plan,
    draws: np.random.RandomState,
    progress: Progress,
    score: Callable[[], float] | None,
) -> bool:
    """Return whether training ended by itself, before the last epoch that it may have."""
    orders = Orders(runner.data.count, draws, plan.shuffle)
    rate: float | None = progress.rate
    for _ in range(plan.epochs):
        rate = _epoch(network, runner, orders.next(), plan, progress, score, rate)
        if rate is None or plan.once:
            return True
        progress.rate = rate
    return False


def _epoch(
    network: Network,
    runner: EpochRunner,
    order: np.ndarray,
    plan: Plan,
    progress: Progress,
    score: Callable[[], float] | None,
    rate: Any,
) -> float | None:
    loss = runner.epoch(order)
    _tell(plan, f"Iteration {progress.epochs + 1}, loss = {loss:.8f}")
    found = None if score is None else score()
    if found is not None:
        _tell(plan, f"Validation score: {found:f}")
    if progress.observe(plan, loss, found, len(order)):
        progress.best_weights = network.get_weights()
    after = progress.rate_after(plan, rate)
    if after is not None and after != rate:
        network.optimizer.learning_rate = after
    return after


@dataclass(frozen=True)
class Minimum:
    """Where L-BFGS came to: each weight, the loss, iterations, and why it stopped."""

    weights: list[np.ndarray]
    loss: float
    iterations: int
    converged: bool
    message: str


def minimise(
    structure: Structure, rows: Rows, alpha: float, start: Any, limits: dict[str, Any]
) -> Minimum:
    """Minimise the loss over all rows by SciPy's L-BFGS, in double precision.

    Args:
        structure: of the network.
        rows: inputs [N, F], targets [N, K] and perhaps weights [N].
        alpha: the factor of the penalty.
        start: the weights to begin with, a kernel and a bias of each layer in turn.
        limits: options of SciPy's L-BFGS-B.
    """
    packing = Packing([weight.shape for weight in start])
    evaluate = value_and_gradient(structure, rows, alpha)

    def objective(packed: np.ndarray) -> tuple[float, np.ndarray]:
        value, slopes = evaluate(packing.unpacked(packed))
        return value, packing.packed(slopes)

    first = packing.packed(start)
    found = optimize.minimize(objective, first, jac=True, method="L-BFGS-B", options=limits)
    weights = packing.unpacked(found.x)
    return Minimum(weights, float(found.fun), int(found.nit), found.status == 0, found.message)


class Packing:
    """Kernels and biases in turn, to and from one vector: first all kernels, as scikit-learn's."""

    def __init__(self, shapes: list[tuple[int, ...]]) -> None:
        self.order = [*range(0, len(shapes), 2), *range(1, len(shapes), 2)]
        self.shapes = [shapes[index] for index in self.order]
        self.ends = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]

    def packed(self, weights: Any) -> np.ndarray:
        """Return one vector [P]."""
        flat = [np.asarray(weights[index], np.float64).ravel() for index in self.order]
        return np.concatenate(flat)

    def unpacked(self, vector: np.ndarray) -> list[np.ndarray]:
        """Return the weights of a vector [P]."""
        parts = zip(np.split(vector, self.ends), self.shapes, strict=True)
        found = dict(zip(self.order, (p.reshape(s) for p, s in parts), strict=True))
        return [found[index] for index in range(len(found))]
