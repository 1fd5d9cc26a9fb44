"""Data that comes in batches: the same training as in Keras, and as on the arrays themselves."""

from __future__ import annotations

import itertools
import threading
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from graphc import keras as ours
from tests.oracle.pairing import MARKS

pytestmark = MARKS
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(22, 3)).astype("float32"), RNG.normal(size=(22, 1)).astype("float32")
W = RNG.uniform(0.5, 2.0, size=22).astype("float32")
BATCH = 4


@pytest.fixture(scope="module")
def keras() -> Any:
    return import_module("keras")


def model_of(k: Any, **compile: Any) -> Any:
    model = k.Sequential([k.Input((3,)), k.layers.Dense(4, activation="tanh"), k.layers.Dense(1)])
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.compile(k.optimizers.SGD(0.05), "mse", metrics=["mae"], **compile)
    return model


def batches(*arrays: Any) -> list[Any]:
    return [tuple(a[start : start + BATCH] for a in arrays) for start in range(0, len(X), BATCH)]


def py_dataset(k: Any, parts: list[Any], **options: Any) -> Any:
    class Batches(k.utils.PyDataset):
        def __len__(self) -> int:
            return len(parts)

        def __getitem__(self, index: int) -> Any:
            return parts[index]

    return Batches(**options)


def endless(parts: list[Any]) -> Iterator[Any]:
    yield from itertools.cycle(parts)


def same(k: Any, fit: Callable[[Any, Any], Any]) -> Any:
    """Fit both; compare histories and weights; return our model."""
    found = []
    for library in (ours, k):
        model = model_of(library)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            history = fit(library, model).history
        found.append((history, model.get_weights(), model))
    (mine, weights, model), (theirs, expected, _) = found
    assert list(mine) == list(theirs)
    for name, values in theirs.items():
        np.testing.assert_allclose(mine[name], values, rtol=1e-5, err_msg=name)
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    return model


@pytest.mark.parametrize("arrays", [(X, Y), (X, Y, W)], ids=["plain", "weighted"])
def test_py_dataset(keras: Any, arrays: Any) -> None:
    parts = batches(*arrays)
    model = same(
        keras, lambda k, m: m.fit(py_dataset(k, parts), epochs=3, shuffle=False, verbose=0)
    )
    again = model_of(ours)
    weights = {"sample_weight": W} if len(arrays) == 3 else {}
    again.fit(X, Y, batch_size=BATCH, epochs=3, shuffle=False, verbose=0, **weights)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("options", [{"workers": 3}, {"workers": 2, "use_multiprocessing": True}])
def test_workers_change_nothing(options: Any) -> None:
    found = []
    for chosen in ({}, options):
        model = model_of(ours)
        model.fit(py_dataset(ours, batches(X, Y), **chosen), epochs=2, shuffle=False, verbose=0)
        found.append(model.get_weights())
    assert all((one == other).all() for one, other in zip(*found, strict=True))


def test_generator(keras: Any) -> None:
    fit = lambda k, m: m.fit(  # noqa: E731
        endless(batches(X, Y)), steps_per_epoch=4, epochs=4, verbose=0, shuffle=False
    )
    same(keras, fit)


def test_a_generator_is_read_exactly_as_far_as_it_is_used() -> None:
    generator, model = endless(batches(X, Y)), model_of(ours)
    model.fit(generator, steps_per_epoch=3, epochs=2, verbose=0)
    assert (next(generator)[0] == X[:BATCH]).all()  # after six of six batches


def test_finite_generator_over_one_epoch(keras: Any) -> None:
    same(keras, lambda k, m: m.fit((b for b in batches(X, Y)), verbose=0, shuffle=False))


def test_validation_on_batches(keras: Any) -> None:
    def fit(k: Any, m: Any) -> Any:
        held = py_dataset(k, batches(X[::-1], Y))
        return m.fit(
            X, Y, BATCH, epochs=3, shuffle=False, verbose=0, validation_data=held,
            validation_freq=2, validation_steps=3,
        )  # fmt: skip

    same(keras, fit)


def test_class_weight(keras: Any) -> None:
    labels = (np.arange(22) % 3)[:, None].astype("float32")
    weights = {0: 0.5, 2: 3.0}
    same(
        keras,
        lambda k, m: m.fit(
            py_dataset(k, batches(X, labels)), shuffle=False, class_weight=weights, verbose=0
        ),
    )


def test_steps_per_epoch_on_arrays(keras: Any) -> None:
    for options in (
        {"batch_size": BATCH, "steps_per_epoch": 4},
        {"steps_per_epoch": 3},
        {"batch_size": BATCH, "steps_per_epoch": 9},
    ):
        same(keras, lambda k, m, o=options: m.fit(X, Y, epochs=5, shuffle=False, verbose=0, **o))


def test_evaluate_and_predict(keras: Any) -> None:
    mine, theirs = model_of(ours), model_of(keras)
    for steps in (None, 3):
        found, expected = (
            m.evaluate(py_dataset(k, batches(X, Y, W)), steps=steps, verbose=0)
            for k, m in ((ours, mine), (keras, theirs))
        )
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        found, expected = (
            m.predict(py_dataset(k, batches(X)), steps=steps, verbose=0)
            for k, m in ((ours, mine), (keras, theirs))
        )
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_batches_of_several_sizes(keras: Any) -> None:
    cuts = [0, 3, 6, 7, 12, 14, 17, 22]
    parts = [(X[a:b], Y[a:b]) for a, b in itertools.pairwise(cuts)]
    same(keras, lambda k, m: m.fit(py_dataset(k, parts), epochs=2, shuffle=False, verbose=0))


def test_every_batch_has_its_hooks() -> None:
    seen: list[Any] = []
    callback = ours.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: seen.append(batch),
        on_train_batch_end=lambda batch, logs: seen.append(sorted(logs)),
    )
    model_of(ours).fit(py_dataset(ours, batches(X, Y)), callbacks=[callback], verbose=0)
    assert seen == [item for batch in range(6) for item in (batch, ["loss", "mae"])]


def test_shuffled_batches_repeat_with_the_seed() -> None:
    found = []
    for seed in (1, 1, 2):
        ours.utils.set_random_seed(seed)
        model = model_of(ours)
        model.fit(py_dataset(ours, batches(X, Y)), epochs=2, verbose=0)
        found.append(model.get_weights()[0].tobytes())
    assert found[0] == found[1] != found[2]


def test_run_eagerly(keras: Any) -> None:
    parts = batches(X, Y)
    compiled, eager = model_of(ours), model_of(ours, run_eagerly=True)
    histories = [
        m.fit(py_dataset(ours, parts), epochs=2, shuffle=False, verbose=0).history
        for m in (compiled, eager)
    ]
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-5)
    np.testing.assert_allclose(
        *(m.predict(py_dataset(ours, batches(X)), verbose=0) for m in (compiled, eager)), rtol=1e-5
    )


def test_epoch_hooks_of_a_data_set() -> None:
    events: list[str] = []
    data = py_dataset(ours, batches(X, Y))
    data.on_epoch_begin = lambda: events.append("begin")
    data.on_epoch_end = lambda: events.append("end")
    model_of(ours).fit(data, epochs=2, verbose=0)
    assert events == ["begin", "end"] * 2


def test_errors_reach_the_caller_and_threads_end() -> None:
    def failing() -> Iterator[Any]:
        yield X[:4], Y[:4]
        raise RuntimeError("the disk is gone")

    model, before = model_of(ours), threading.active_count()
    with pytest.raises(RuntimeError, match="the disk is gone"):
        model.fit(failing(), steps_per_epoch=5, verbose=0)
    assert threading.active_count() == before
    model.fit(X, Y, verbose=0)


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "targets": (lambda m: m.fit(endless(batches(X, Y)), Y), "`y` should not be passed"),
    "weights": (
        lambda m: m.fit(py_dataset(ours, batches(X, Y)), sample_weight=W),
        "`sample_weight` should not be passed",
    ),
    "split": (
        lambda m: m.fit(endless(batches(X, Y)), validation_split=0.2),
        "`validation_split` is only supported",
    ),
    "no_tuple": (lambda m: m.fit(iter([X])), "must return a tuple"),
    "parts": (lambda m: m.fit(iter([(X, Y, W, W)])), "a batch of 4 parts"),
    "empty": (lambda m: m.fit(iter([])), "at least one batch"),
    "rows": (lambda m: m.fit(iter([(X, Y[:5])])), "the same number of samples"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    act, message = REFUSED[case]
    model = model_of(ours)
    with pytest.raises(ValueError, match=message):
        act(model)
    model.fit(X, Y, verbose=0)


def test_a_data_set_of_files_feeds_fit(tmp_path: Any) -> None:
    pillow = import_module("PIL.Image")
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for index in range(5):
            pixels = RNG.integers(0, 255, (9, 8, 3)).astype("uint8")
            pillow.fromarray(pixels).save(tmp_path / name / f"{index}.png")
    data = ours.utils.image_dataset_from_directory(
        str(tmp_path), image_size=(8, 8), batch_size=4, verbose=False, seed=1
    )
    model = ours.Sequential(
        [ours.Input((8, 8, 3)), ours.layers.Rescaling(1 / 255), ours.layers.Flatten()]
    )
    model.add(ours.layers.Dense(2, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(data, epochs=2, validation_data=data, verbose=0).history
    assert len(history["val_accuracy"]) == 2
    assert model.predict(data, verbose=0).shape == (10, 2)


def test_what_is_laid_out_has_the_devices_dtype(monkeypatch: Any) -> None:
    """Memory that was never written may hold anything: casting it would warn."""
    from graphc.keras.training import batches as module

    def garbage(shape: Any, dtype: Any = float, **_: Any) -> Any:
        return np.full(shape, np.finfo(dtype).max if np.dtype(dtype).kind == "f" else 1, dtype)

    monkeypatch.setattr(module.np, "empty", garbage)
    found = [(x.astype("float64"), y.astype("float64")) for x, y in batches(X, Y)]
    model = model_of(ours)
    model.fit(iter(found), verbose=0)
    assert np.isfinite(model.get_weights()[0]).all()
