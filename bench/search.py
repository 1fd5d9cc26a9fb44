"""Grid searches, graphc's against what people would take instead: seconds from a fresh process on.

    python bench/search.py [--rounds N] [--out FILE] [--only grid,convnet,digits,bayes]

Each search is a process of its own, and the ways to do it take turns. "cold" begins with empty
caches of compiled programs, "warm" with those that an earlier process left. `process` counts from
the start of the process to the end of its first search, imports included, `search` is the search
alone, and `again` the same search once more. "bayes" compares what is found, not seconds: the best
of equally many candidates, drawn at random or by what earlier ones scored. Wants an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from timing import machine, median

RATES = [1e-4 * 1.4**power for power in range(16)]
BEGUN = "BENCH_BEGUN"  # the variable that tells a process when it was started
EPOCHS, FOLDS, ROWS, FEATURES = 10, 5, 1000, 20
DIGITS = {
    "hidden_layer_sizes": [(50,), (100,), (50, 50)], "alpha": [1e-4, 1e-2],
    "learning_rate_init": [1e-3, 1e-2], "activation": ["relu", "tanh"],
}  # fmt: skip


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Return a made-up problem of two classes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, FEATURES)).astype("float32")
    return x, (x[:, :3].sum(1) > 0).astype("int32")


def network(keras: Any, rate: float, outputs: int = 1) -> Any:
    """Return the compiled model of the grid: 20-64-64-1."""
    layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(64, "relu")]
    model = keras.Sequential(
        [keras.layers.Input((FEATURES,)), *layers,
         keras.layers.Dense(outputs, "sigmoid" if outputs == 1 else "softmax")]
    )  # fmt: skip
    loss = "binary_crossentropy" if outputs == 1 else "categorical_crossentropy"
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def keras_grid() -> Any:
    """scikit-learn's search over Keras's own wrapper.

    A clone of the wrapper loses `fit_kwargs`, so the epochs are in a subclass's `fit`; and it hands
    out a column for each of two classes, so the model has as many outputs.
    """
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    from sklearn.model_selection import GridSearchCV

    def build(X: Any, y: Any, rate: float = 1e-3) -> Any:
        return network(keras, rate, outputs=2)

    class Classifier(keras.wrappers.SKLearnClassifier):
        def fit(self, X: Any, y: Any) -> Any:
            return super().fit(X, y, epochs=EPOCHS, batch_size=32, verbose=0)

    grid = {"model_kwargs": [{"rate": rate} for rate in RATES]}
    return GridSearchCV(Classifier(build), grid, cv=FOLDS, scoring=_own_accuracy), rows()


def _own_accuracy(estimator: Any, x: Any, y: Any) -> float:
    return float(np.mean(np.asarray(estimator.predict(x)).reshape(-1) == y))


def our_grid(search: str) -> Any:
    """The same over our wrapper, by our search or by scikit-learn's (one fit after another).

    "side by side" is our search with lanes that are mapped, as on accelerators.
    """
    os.environ["GRAPHC_LANES"] = "abreast" if search == "side by side" else ""
    from sklearn import model_selection

    from graphc import keras, sklearn

    def build(rate: float = 1e-3) -> Any:
        return network(keras, rate)

    estimator = sklearn.KerasClassifier(
        build, rate=1e-3, epochs=EPOCHS, batch_size=32, random_state=0
    )
    kind = model_selection.GridSearchCV if search == "one by one" else sklearn.GridSearchCV
    return kind(estimator, {"rate": RATES}, cv=FOLDS, scoring=_own_accuracy), rows()


def pictures(search: str) -> Any:
    """A small convolutional network over learning rates, together or one after another."""
    from sklearn import model_selection

    from graphc import keras, sklearn

    def build(rate: float = 1e-3) -> Any:
        layers = keras.layers
        model = keras.Sequential([
            layers.Input((28, 28, 1)), layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2), layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(10, "softmax"),
        ])  # fmt: skip
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        return model

    (x, y), _ = keras.datasets.fashion_mnist.load_data()
    x = x[:ROWS, ..., None].astype("float32") / 255
    estimator = sklearn.KerasClassifier(build, rate=1e-3, epochs=3, batch_size=32, random_state=0)
    kind = sklearn.GridSearchCV if search == "together" else model_selection.GridSearchCV
    return kind(estimator, {"rate": RATES[::4]}, cv=FOLDS, scoring=_own_accuracy), (x, y[:ROWS])


def digits(ours: bool) -> Any:
    """The tutorial's grid of perceptrons."""
    from sklearn.datasets import load_digits

    data = load_digits()
    if ours:
        from graphc.sklearn import GridSearchCV, MLPClassifier
    else:
        from sklearn.model_selection import GridSearchCV
        from sklearn.neural_network import MLPClassifier
    search = GridSearchCV(MLPClassifier(max_iter=50, random_state=1), DIGITS, cv=FOLDS)
    return search, (data.data / 16.0, data.target)


SEEDS, CANDIDATES = range(3), 32


def tuned(rate: float = 0.1, momentum: float = 0.0, l2: float = 1e-4, drop: float = 0.1) -> Any:
    """A network with four numbers to tune, of which most are bad."""
    from graphc import keras

    def hidden() -> list[Any]:
        decay = keras.regularizers.L2(l2)
        dense = keras.layers.Dense(32, "relu", kernel_regularizer=decay)
        return [dense, keras.layers.Dropout(drop)]

    last = keras.layers.Dense(1, "sigmoid")
    model = keras.Sequential([keras.layers.Input((FEATURES,)), *hidden(), *hidden(), last])
    model.compile(keras.optimizers.SGD(rate, momentum), "binary_crossentropy")
    return model


def seeds(kind: str) -> Any:
    """Searches of equal budget, one a seed; their "score" is the best that each has found."""
    from scipy import stats

    from graphc import sklearn

    estimator = sklearn.KerasClassifier(
        tuned, rate=0.1, momentum=0.0, l2=1e-4, drop=0.1, epochs=6, random_state=0
    )
    space = {
        "rate": stats.loguniform(1e-5, 10.0), "momentum": stats.uniform(0.0, 0.99),
        "l2": stats.loguniform(1e-7, 1.0), "drop": stats.uniform(0.0, 0.9),
    }  # fmt: skip
    search = sklearn.BayesSearchCV if kind == "bayes" else sklearn.RandomizedSearchCV
    return Searches(
        [
            search(
                estimator, space, n_iter=CANDIDATES, cv=3, scoring="neg_log_loss",
                error_score=-10.0, random_state=seed, refit=False,
            )
            for seed in SEEDS
        ]
    ), rows()  # fmt: skip


class Searches:
    """Several searches after one another, with what `work` asks of one."""

    best_params_ = ""

    def __init__(self, searches: Sequence[Any]) -> None:
        self.searches = searches

    def fit(self, x: Any, y: Any) -> None:
        """Do all of them."""
        for search in self.searches:
            search.fit(x, y)
        best = [np.nanmax(one.cv_results_["mean_test_score"]) for one in self.searches]
        self.cv_results_ = {"mean_test_score": best}


WAYS: dict[str, dict[str, Callable[[], Any]]] = {
    "grid": {
        "keras": keras_grid, "together": lambda: our_grid("together"),
        "one by one": lambda: our_grid("one by one"),
        "side by side": lambda: our_grid("side by side"),
    },
    "convnet": {
        "together": lambda: pictures("together"), "one by one": lambda: pictures("one by one"),
    },
    "digits": {"scikit-learn": lambda: digits(ours=False), "together": lambda: digits(ours=True)},
    "bayes": {"random": lambda: seeds("random"), "bayes": lambda: seeds("bayes")},
}  # fmt: skip


def work(problem: str, way: str) -> None:
    """Search once, twice within the process, and print what it took."""
    import warnings

    warnings.simplefilter("ignore")
    begun = float(os.environ[BEGUN])
    search, (x, y) = WAYS[problem][way]()
    imported = time.time()
    search.fit(x, y)
    ended = time.time()
    search.fit(x, y)
    again = time.time()
    scores = [float(score) for score in search.cv_results_["mean_test_score"]]
    told = {"process": ended - begun, "search": ended - imported, "again": again - ended}
    print(json.dumps({**told, "scores": scores, "best": str(search.best_params_)}))


def run(problem: str, way: str, caches: str) -> dict[str, Any]:
    """Return what a process of its own found."""
    environment = {
        **os.environ, "XDG_CACHE_HOME": caches, "PYTHONWARNINGS": "ignore",
        BEGUN: str(time.time()),
    }  # fmt: skip
    command = [sys.executable, __file__, "--work", problem, way]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and keep the samples."""
    parser = argparse.ArgumentParser(description="Grid searches against their peers.")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--only", default=",".join(WAYS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    chosen = parser.parse_args(arguments)
    if chosen.work:
        work(*chosen.work)
        return 0
    samples: list[dict[str, Any]] = []
    for _ in range(chosen.rounds):
        for problem in chosen.only.split(","):
            for way in WAYS[problem]:
                with tempfile.TemporaryDirectory() as caches:
                    for state in ("cold", "warm"):
                        found = run(problem, way, caches)
                        samples.append({"problem": problem, "way": way, "state": state, **found})
                        print(line(samples[-1]), flush=True)
    print_ratios(samples)
    if chosen.out is not None:
        chosen.out.write_text(json.dumps({"machine": machine(), "samples": samples}, indent=1))
    return 0


def line(sample: dict[str, Any]) -> str:
    """One sample as text."""
    times = "  ".join(f"{name} {sample[name]:7.2f} s" for name in ("process", "search", "again"))
    return (
        f"{sample['problem']:<8} {sample['way']:<13} {sample['state']:<5} {times}  {sample['best']}"
    )


def print_ratios(samples: Sequence[dict[str, Any]]) -> None:
    """Print how much faster we are than each peer, and how far the scores are apart."""
    for problem in dict.fromkeys(sample["problem"] for sample in samples):
        if problem == "bayes":
            print_found(samples)
            continue
        mine = [s for s in samples if s["problem"] == problem and s["way"] == "together"]
        for peer in WAYS[problem]:
            theirs = [s for s in samples if s["problem"] == problem and s["way"] == peer]
            if peer == "together" or not theirs:
                continue
            apart = np.abs(np.subtract(mine[0]["scores"], theirs[0]["scores"])).max()
            ratios = [
                f"{state} {name} {_of(theirs, state, name) / _of(mine, state, name):.1f}x"
                for state in ("cold", "warm")
                for name in ("process", "search", "again")
            ]
            print(f"{problem}: than {peer}: {', '.join(ratios)}; scores within {apart:.4f}")


def print_found(samples: Sequence[dict[str, Any]]) -> None:
    """Print the best score of each seed, and their medians."""
    for way in WAYS["bayes"]:
        best = next(s["scores"] for s in samples if s["way"] == way)
        listed = ", ".join(f"{score:.4f}" for score in best)
        print(f"best of {CANDIDATES} candidates, {way}: {listed}; median {median(best):.4f}")


def _of(samples: Sequence[dict[str, Any]], state: str, name: str) -> float:
    return median([sample[name] for sample in samples if sample["state"] == state])


if __name__ == "__main__":
    sys.exit(main())
