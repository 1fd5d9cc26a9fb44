"""Data as other libraries hold it: pandas frames, torch loaders, Grain and TensorFlow pipelines.

The last three are large, and not among what the tests install: their cases run where they are.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from graphc import keras as ours
from tests.oracle.pairing import MARKS

pytestmark = [*MARKS, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(22, 3)).astype("float32"), RNG.normal(size=(22, 1)).astype("float32")
W = RNG.uniform(0.5, 2.0, size=22)
QUIET = {"verbose": 0, "shuffle": False}


def model_of(k: Any, names: tuple[str, ...] = ()) -> Any:
    if names:
        inputs = {name: k.Input((1,), name=name) for name in names}
        hidden = k.layers.concatenate([inputs[name] for name in names])
    else:
        inputs = hidden = k.Input((3,))
    hidden = k.layers.Dense(4, activation="tanh")(hidden)
    model = k.Model(inputs, k.layers.Dense(1)(hidden))
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.compile(k.optimizers.SGD(0.05), "mse", metrics=["mae"])
    return model


def same(run: Any, **options: Any) -> None:
    """Run with both libraries; the results are the same."""
    keras = import_module("keras")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        mine, theirs = (run(k, model_of(k, **options)) for k in (ours, keras))
    assert set(mine) == set(theirs)
    for name, values in theirs.items():
        np.testing.assert_allclose(mine[name], values, rtol=2e-5, atol=1e-6, err_msg=name)


def frames(y_name: str = "y") -> tuple[Any, Any, Any]:
    import pandas as pd

    index = [f"row {i}" for i in range(22)]
    x = pd.DataFrame(X, columns=["a", "b", "c"], index=index)
    return x, pd.Series(Y[:, 0], name=y_name, index=index), pd.Series(W, index=index)


PANDAS = {
    "series": lambda m, x, y, w: m.fit(x, y, batch_size=4, epochs=2, **QUIET),
    "frames": lambda m, x, y, w: m.fit(x, y.to_frame(), batch_size=4, **QUIET),
    "weights": lambda m, x, y, w: m.fit(x, y, sample_weight=w, batch_size=4, **QUIET),
    "split": lambda m, x, y, w: m.fit(x, y, validation_split=0.2, batch_size=4, **QUIET),
    "validation": lambda m, x, y, w: m.fit(
        x, y, validation_data=(x[:5], y[:5], w[:5]), batch_size=4, **QUIET
    ),
    "integers": lambda m, x, y, w: m.fit((x * 9).astype("int64"), y > 0, batch_size=4, **QUIET),
}


@pytest.mark.parametrize("kind", PANDAS)
def test_fit_on_pandas(kind: str) -> None:
    x, y, w = frames()
    same(lambda k, model: PANDAS[kind](model, x, y, w).history)


def test_evaluate_and_predict_on_pandas() -> None:
    x, y, w = frames()
    same(lambda k, m: m.evaluate(x, y, sample_weight=w, batch_size=4, verbose=0, return_dict=True))
    same(lambda k, model: {"outputs": model.predict(x, batch_size=4, verbose=0)})
    # Keras takes no frames here, we do.
    frame = {ours: (x, y)}
    arrays = x.to_numpy(), y.to_numpy()
    same(lambda k, model: dict(enumerate(model.train_on_batch(*frame.get(k, arrays)))))


def test_columns_of_a_frame_as_inputs() -> None:
    x, y, _ = frames()
    columns = {name: x[name] for name in "abc"}
    same(lambda k, m: m.fit(columns, y, batch_size=4, **QUIET).history, names=tuple("abc"))
    same(lambda k, m: m.fit(dict(x), y, batch_size=4, **QUIET).history, names=tuple("abc"))


def loader(**options: Any) -> Any:
    data = pytest.importorskip("torch.utils.data")
    torch = pytest.importorskip("torch")
    rows = data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    return data.DataLoader(rows, batch_size=4, **options)


def test_torch_loaders() -> None:
    same(lambda k, model: model.fit(loader(), epochs=2, verbose=0).history)
    same(lambda k, model: model.fit(loader(drop_last=True), epochs=2, verbose=0).history)
    same(lambda k, m: m.fit(loader(), validation_data=loader(), verbose=0).history)
    same(lambda k, model: model.evaluate(loader(), verbose=0, return_dict=True))
    same(lambda k, model: {"outputs": model.predict(loader(), verbose=0)})


def test_torch_loaders_with_workers_and_dictionaries() -> None:
    data = pytest.importorskip("torch.utils.data")

    class Rows(data.Dataset):
        def __len__(self) -> int:
            return len(X)

        def __getitem__(self, index: int) -> Any:
            return {name: X[index, i : i + 1] for i, name in enumerate("abc")}, Y[index]

    def run(k: Any, model: Any) -> Any:
        return model.fit(data.DataLoader(Rows(), 4, num_workers=1), epochs=2, verbose=0).history

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forks beside threads
        same(run, names=tuple("abc"))


def grain_kinds() -> dict[str, Any]:
    grain = pytest.importorskip("grain")
    pairs = list(zip(X, Y, strict=True))
    return {
        "map": lambda: grain.MapDataset.source(pairs).batch(4),
        "iter": lambda: grain.MapDataset.source(pairs).to_iter_dataset().batch(4),
        "loader": lambda: grain.DataLoader(
            data_source=pairs,
            sampler=grain.samplers.SequentialSampler(len(pairs), grain.sharding.NoSharding()),
            operations=[grain.transforms.Batch(4)],
        ),
    }


@pytest.mark.parametrize("kind", ["map", "iter", "loader"])
def test_grain(kind: str) -> None:
    make = grain_kinds()[kind]
    same(lambda k, model: model.fit(make(), epochs=2, verbose=0).history)
    same(lambda k, model: model.evaluate(make(), verbose=0, return_dict=True))
    same(lambda k, model: {"outputs": model.predict(make(), verbose=0)})
    same(lambda k, m: m.fit(X, Y, validation_data=make(), batch_size=4, **QUIET).history)


TF_DATA = {
    "batches": lambda tf: pairs(tf).batch(4),
    "whole batches": lambda tf: pairs(tf).batch(4, drop_remainder=True).prefetch(2),
    "changed": lambda tf: pairs(tf).map(lambda x, y: (x * 2, y)).batch(5),
    "weighted": lambda tf: tf.data.Dataset.from_tensor_slices((X, Y, W)).batch(4),
}


def pairs(tf: Any) -> Any:
    return tf.data.Dataset.from_tensor_slices((X, Y))


@pytest.mark.parametrize("kind", TF_DATA)
def test_tensorflows_own_data_sets(kind: str) -> None:
    tf = pytest.importorskip("tensorflow")
    if "graphc" in (tf.__file__ or ""):
        pytest.skip("this is the stand-in")

    def make() -> Any:
        return TF_DATA[kind](tf)

    same(lambda k, m: m.fit(make(), epochs=2, validation_data=make(), verbose=0).history)
    same(lambda k, m: m.evaluate(make(), verbose=0, return_dict=True))
    same(lambda k, m: m.fit(make().repeat(), steps_per_epoch=4, epochs=2, verbose=0).history)
    same(lambda k, model: {"outputs": model.predict(make(), verbose=0)})
