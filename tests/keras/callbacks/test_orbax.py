"""State trees and OrbaxCheckpoint: the keys of Keras's, and what is saved can be put back."""

import warnings
from importlib import import_module
from typing import Any

import numpy as np
import orbax.checkpoint as ocp
import pytest

from graphc import keras as ours
from tests.oracle.pairing import MARKS

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)).astype("float32"), RNG.normal(size=(20, 1)).astype("float32")


def model_of(k: Any) -> Any:
    k.utils.clear_session()  # the optimizer's name is part of its variables' paths
    layers = [k.Input((3,)), k.layers.Dense(4, name="one"), k.layers.BatchNormalization(name="two")]
    model = k.Sequential([*layers, k.layers.Dense(1, name="three")], name="net")
    rng = np.random.default_rng(1)
    model.set_weights([np.abs(rng.normal(size=w.shape)) for w in model.get_weights()])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def fitted(k: Any, callback: Any, epochs: int = 3) -> Any:
    model = model_of(k)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, Y, batch_size=5, shuffle=False, epochs=epochs, verbose=0, callbacks=[callback])
    return model


def shapes(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: shapes(value) for name, value in tree.items()}
    return np.shape(tree), str(tree.dtype)


def saved_in(folder: Any) -> dict[int, Any]:
    numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Orbax says where it read the devices from
        return {n: ocp.v1.load_checkpointables(str(folder / str(n))) for n in numbers}


class TestKeras:
    pytestmark = MARKS

    def test_the_tree_has_the_same_keys(self) -> None:
        keras = import_module("keras")
        mine, theirs = model_of(ours), model_of(keras)
        for model in (mine, theirs):
            model.fit(X, Y, verbose=0)
        expected = shapes(theirs.get_state_tree("numpy_array"))
        found = shapes(mine.get_state_tree("numpy_array"))
        for tree in (expected, found):
            tree["non_trainable_variables"].pop("seed_generator", None)
        assert found == expected

    @pytest.mark.parametrize(
        "options",
        [
            {"save_freq": "epoch", "max_to_keep": None},
            {"save_freq": 3, "max_to_keep": 2, "save_on_background": False},
            {"save_best_only": True, "monitor": "loss", "max_to_keep": None},
            {"save_weights_only": True},
        ],
        ids=str,
    )
    def test_the_same_checkpoints(self, tmp_path: Any, options: Any) -> None:
        keras = import_module("keras")
        found = []
        for k in (ours, keras):
            folder = tmp_path / k.__name__.replace(".", "_")
            fitted(k, k.callbacks.OrbaxCheckpoint(str(folder), **options))
            found.append(saved_in(folder))
        mine, theirs = found
        assert list(mine) == list(theirs)
        for number, content in theirs.items():
            assert set(mine[number]) == set(content)
            assert shapes(mine[number]["pytree"]) == shapes(content["pytree"])


def test_put_back(tmp_path: Any) -> None:
    folder = tmp_path / "checkpoints"
    callback = ours.callbacks.OrbaxCheckpoint(folder)
    model = fitted(ours, callback)
    other = model_of(ours)
    other.fit(X, Y, verbose=0)
    ((_, content),) = saved_in(folder).items()
    other.set_state_tree(content["pytree"])
    for one, two in zip(model.variables, other.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy(), err_msg=one.path)
    for one, two in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy(), err_msg=one.path)
    rebuilt = ours.models.model_from_json(content["model_config"]["config"])
    assert [layer.name for layer in rebuilt.layers] == ["one", "two", "three"]
    callback.max_to_keep = None  # and the callback serves for another fit
    model.fit(X, Y, initial_epoch=3, epochs=4, verbose=0, callbacks=[callback])
    assert list(saved_in(folder)) == [2, 3]


def test_refused() -> None:
    model = model_of(ours)
    with pytest.raises(ValueError, match="value_format"):
        model.get_state_tree("torch")
    with pytest.raises(ValueError, match="Received: weights"):
        model.set_state_tree({"weights": {}})
    with pytest.raises(ValueError, match="save_freq"):
        ours.callbacks.OrbaxCheckpoint("x", save_freq="batch")
