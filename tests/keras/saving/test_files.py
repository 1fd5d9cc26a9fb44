"""What files hold besides weights: custom classes, vocabularies, compile state; parts of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graphc import keras

layers = keras.layers
X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")


@keras.saving.register_keras_serializable(package="tests")
class Scale(layers.Layer):
    """Multiplies by a weight; an argument of its own."""

    def __init__(self, start: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape: Any) -> None:
        start = keras.initializers.Constant(self.start)
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer=start)

    def call(self, x: Any) -> Any:
        return x * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "start": self.start}


@keras.saving.register_keras_serializable(package="tests")
class TwoTowers(keras.Model):
    """A subclassed model with layers in attributes, a list and a dict."""

    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.towers = [layers.Dense(units, activation="tanh") for _ in range(2)]
        self.ends = {"a": layers.Dense(2), "b": layers.Dense(2)}
        self.zoom = Scale(2.0)
        self.normal = layers.BatchNormalization()

    def call(self, x: Any, training: bool = False) -> Any:
        x = self.normal(self.zoom(x), training=training)
        return self.ends["a"](self.towers[0](x)) + self.ends["b"](self.towers[1](x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def fitted(model: Any) -> Any:
    """Return the model after two steps of Adam."""
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, batch_size=8, verbose=0)
    return model


def sequential() -> Any:
    """Return a model with batch statistics and dropout."""
    keras.utils.set_random_seed(1)
    return keras.Sequential([
        keras.Input((4,)), layers.Dense(5, name="first"), layers.BatchNormalization(),
        layers.Dropout(0.5), layers.Dense(2, name="last"),
    ])  # fmt: skip


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_training_goes_on_as_if_it_had_not_stopped(tmp_path: Path, ending: str) -> None:
    keras.utils.set_random_seed(1)
    build = [keras.Input((4,)), layers.Dense(5, activation="tanh"), layers.Dense(2)]
    model = fitted(keras.Sequential(build))
    model.save(tmp_path / f"m.{ending}")
    again = keras.saving.load_model(tmp_path / f"m.{ending}")
    for one in (model, again):
        one.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0)
    for mine, other in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)


def test_a_subclassed_model_comes_back(tmp_path: Path) -> None:
    model = fitted(TwoTowers(4))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert isinstance(again, TwoTowers)
    assert again.zoom.start == 2.0
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    for mine, other in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:__array__ implementation")
def test_a_subclassed_model_has_keras_places(keras: Any, tmp_path: Path) -> None:
    class Towers(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.towers = [keras.layers.Dense(4, activation="tanh") for _ in range(2)]
            self.ends = {"a": keras.layers.Dense(2), "b": keras.layers.Dense(2)}
            self._hidden = keras.layers.Dense(4)
            self.nested = [[keras.layers.Dense(4)], keras.layers.Dense(4)]

        def call(self, x: Any) -> Any:
            x = self.nested[1](self.nested[0][0](self._hidden(x)))
            return self.ends["a"](self.towers[0](x)) + self.ends["b"](self.towers[1](x))

    theirs = Towers()
    theirs.compile("sgd", keras.losses.MeanSquaredError())
    theirs.fit(X, Y, verbose=0)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    mine = _towers_of_ours()
    mine.load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_allclose(mine.predict(X, verbose=0), theirs.predict(X, verbose=0), atol=1e-6)
    mine.save_weights(tmp_path / "mine.weights.h5")
    assert _places(tmp_path / "mine.weights.h5") == _places(tmp_path / "theirs.weights.h5")


def _towers_of_ours() -> Any:
    class Towers(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.towers = [layers.Dense(4, activation="tanh") for _ in range(2)]
            self.ends = {"a": layers.Dense(2), "b": layers.Dense(2)}
            self._hidden = layers.Dense(4)
            self.nested = [[layers.Dense(4)], layers.Dense(4)]

        def call(self, x: Any) -> Any:
            x = self.nested[1](self.nested[0][0](self._hidden(x)))
            return self.ends["a"](self.towers[0](x)) + self.ends["b"](self.towers[1](x))

    model = Towers()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    return model


def _places(path: Path) -> list[str]:
    names: list[str] = []
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
        )
    return sorted(names)


def test_custom_objects_are_found_or_named_in_the_error(tmp_path: Path) -> None:
    class Unknown(Scale):
        pass

    model = keras.Sequential([keras.Input((4,)), Unknown(3.0)])
    model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"Could not find .*Unknown.*register_keras_serializable"):
        keras.saving.load_model(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", custom_objects={"Unknown": Unknown})
    np.testing.assert_array_equal(again.predict(X, verbose=0), 3 * X)
    with keras.saving.custom_object_scope({"Unknown": Unknown}):
        assert isinstance(keras.saving.load_model(tmp_path / "m.keras").layers[0], Unknown)


@pytest.mark.parametrize("error", [OSError, KeyError, RuntimeError])
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_an_error_in_a_users_class_is_no_damage(
    tmp_path: Path, error: type[Exception], ending: str
) -> None:
    class Fails(Scale):
        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            raise error("mine")

    model = keras.Sequential([keras.Input((4,)), Fails()])
    model.save(tmp_path / f"m.{ending}")
    with pytest.raises(error, match="mine"):
        keras.saving.load_model(tmp_path / f"m.{ending}", custom_objects={"Fails": Fails})


def test_vocabularies_travel_as_assets(tmp_path: Path) -> None:
    words = layers.TextVectorization(output_sequence_length=4)
    words.adapt(["ein kleiner Satz", "noch ein Satz"])
    text = keras.Input((), dtype="string")
    model = keras.Model(text, layers.Embedding(10, 2)(words(text)))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    texts = np.array(["ein Satz", "noch etwas"])
    np.testing.assert_array_equal(again.predict(texts, verbose=0), model.predict(texts, verbose=0))


def test_a_model_saved_before_it_was_trained(tmp_path: Path) -> None:
    model = sequential()
    model.compile("adam", "mse")
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    again.fit(X, Y, verbose=0)
    assert keras.saving.load_model(tmp_path / "m.keras", compile=False).compiled is False


def test_weights_in_several_files(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((64,)), *(layers.Dense(64) for _ in range(4))])
    path = tmp_path / "m.weights.json"
    model.save_weights(path, max_shard_size=40_000 / 2**30)
    assert len(list(tmp_path.glob("*.weights.h5"))) == 2
    weights = model.get_weights()
    model.set_weights([np.zeros_like(weight) for weight in weights])
    model.load_weights(path)
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="max_shard_size"):
        model.save_weights(path, max_shard_size=1000 / 2**30)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:__array__ implementation")
def test_weights_in_several_files_both_ways(keras: Any, tmp_path: Path) -> None:
    def build(library: Any) -> Any:
        dense = [library.layers.Dense(64) for _ in range(3)]
        return library.Sequential([library.Input((64,)), *dense])

    from graphc import keras as ours

    for writer, reader in ((ours, keras), (keras, ours)):
        path = tmp_path / f"{writer.__name__}.weights.json"
        model, other = build(writer), build(reader)
        model.save_weights(path, max_shard_size=40_000 / 2**30)
        other.load_weights(path)
        for one, two in zip(other.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("ending", ["weights.h5", "h5"])
def test_what_does_not_fit_can_be_skipped(tmp_path: Path, ending: str) -> None:
    model = sequential()
    path = tmp_path / f"m.{ending}"
    (model.save_weights if ending == "weights.h5" else model.save)(path)
    other = keras.Sequential([
        keras.Input((4,)), layers.Dense(5, name="first"), layers.BatchNormalization(),
        layers.Dropout(0.5), layers.Dense(3, name="last"),
    ])  # fmt: skip
    before = other.get_weights()
    with pytest.raises(ValueError, match="last"):
        other.load_weights(path)
    for one, two in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, two)
    with pytest.warns(UserWarning, match="last"):
        other.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    np.testing.assert_array_equal(other.get_weights()[-2], before[-2])


def test_weights_by_name(tmp_path: Path) -> None:
    model = sequential()
    model.save(tmp_path / "m.h5")
    other = keras.Sequential([
        keras.Input((4,)), layers.Dense(5, name="first"), layers.Dense(7, name="another"),
    ])  # fmt: skip
    with pytest.raises(ValueError, match="Layer count mismatch"):
        other.load_weights(tmp_path / "m.h5")
    other.load_weights(tmp_path / "m.h5", by_name=True)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    with pytest.raises(ValueError, match="by_name"):
        other.load_weights(tmp_path / "m.weights.h5", by_name=True)


def test_layers_that_keep_their_weights(tmp_path: Path) -> None:
    model = sequential()
    model.save_weights(tmp_path / "m.weights.h5")
    other = sequential()
    other.set_weights([np.zeros_like(weight) for weight in other.get_weights()])
    keras.saving.load_weights(
        other, tmp_path / "m.weights.h5", objects_to_skip=[other.get_layer("last")]
    )
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    assert not np.any(other.get_weights()[-2])


def test_a_folder_holds_what_an_archive_holds(tmp_path: Path) -> None:
    model = fitted(sequential())
    model.save(tmp_path / "m", zipped=False)
    again = keras.saving.load_model(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert json.loads((tmp_path / "m" / "metadata.json").read_text())["keras_version"]


def test_wrong_paths_say_what_is_right(tmp_path: Path) -> None:
    model = sequential()
    with pytest.raises(ValueError, match=r"expected `\.keras`"):
        model.save(tmp_path / "m.txt")
    with pytest.raises(ValueError, match="File not found"):
        keras.saving.load_model(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="File format not supported"):
        keras.saving.load_model(tmp_path / "m.txt")
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(tmp_path / "m.keras", overwrite=False)
    with pytest.warns(UserWarning, match="before it is built"):
        keras.Sequential([layers.Dense(2)]).save(tmp_path / "n.keras")
