"""Folders of Orbax checkpoints: into models of ours and of Keras's, whole, and never trusted."""

from __future__ import annotations

import gc
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from orbax.checkpoint import v1 as ocp

from graphc import keras as ours
from tests.keras.saving.saved_models import MODELS, inputs_of

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)).astype("float32"), RNG.normal(size=(20, 1)).astype("float32")


def small(k: Any, names: bool = True, units: int = 4, sequential: bool = True) -> Any:
    """Return a compiled model with state of every kind; without names, Keras makes them up."""
    given = [{"name": name} for name in ("one", "two", "three")] if names else [{}] * 3
    layers = [
        k.Input((3,)), k.layers.Dense(units, **given[0]), k.layers.BatchNormalization(**given[1]),
        k.layers.Dropout(0.2), k.layers.Dropout(0.1), k.layers.Dense(1, **given[2]),
    ]  # fmt: skip
    if sequential:
        model = k.Sequential(layers, **({"name": "net"} if names else {}))
    else:
        y = layers[0]
        for layer in layers[1:]:
            y = layer(y)
        model = k.Model(layers[0], y)
    model.compile("adam", "mse", metrics=["mae"])
    return model


def written(k: Any, model: Any, folder: Path, step: int = 0, **options: Any) -> Path:
    """Save a checkpoint of a model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        callback = k.callbacks.OrbaxCheckpoint(str(folder), max_to_keep=None, **options)
        callback.set_model(model)
        callback.on_epoch_end(step, {})
        callback.on_train_end()
    return folder


def read(load: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Orbax says where it read the devices from
        return load(*arguments, **options)


def state_of(model: Any) -> dict[str, np.ndarray]:
    """Return weights and slots by number, for paths change, and metrics by path."""
    found = {f"weight {i}": np.asarray(v.value) for i, v in enumerate(model.weights)}
    found |= {f"slot {i}": np.asarray(v.value) for i, v in enumerate(model.optimizer.variables)}
    return found | {v.path: np.asarray(v.value) for v in model.metrics_variables}


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for path, value in expected.items():
        np.testing.assert_array_equal(found[path], value, err_msg=path)


def fitted(k: Any, **options: Any) -> Any:
    k.utils.clear_session()
    model = small(k, **options)
    model.fit(X, Y, epochs=2, batch_size=5, verbose=0)
    return model


# --- in and out of Keras --------------------------------------------------------------------------

FAMILIES = [
    ("core", "embedding"), ("convolution", "conv2d"), ("normalization", "spectral"),
    ("recurrent", "bidirectional"), ("recurrent", "cells"), ("preprocessing", "normalization"),
    ("graphs", "attention"), ("graphs", "wrapped_twice"), ("graphs", "nested"),
    ("graphs", "two_outputs"), ("policies", "mixed_float16"), ("policies", "bfloat16"),
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:__array__ implementation")
@pytest.mark.filterwarnings("ignore:Sharding info")
class TestKeras:
    @pytest.mark.parametrize("how", ["model", "weights"])
    @pytest.mark.parametrize("direction", ["to Keras", "from Keras"])
    def test_the_whole_state(self, keras: Any, tmp_path: Path, direction: str, how: str) -> None:
        writer, reader = (ours, keras) if direction == "to Keras" else (keras, ours)
        # Keras's own loader finds no variable of a Sequential model: their paths change.
        sequential = how == "weights" or direction == "from Keras"
        model = fitted(writer, sequential=sequential)
        folder = written(writer, model, tmp_path / "steps")
        reader.utils.clear_session()
        if how == "model":
            again = read(reader.saving.load_model, str(folder))
        else:
            again = small(reader, sequential=sequential)
            again.optimizer.build(again.trainable_variables)
            read(again.load_weights, str(folder))
        expected, found = state_of(model), state_of(again)
        # Metrics are made when the first data comes; the loss's is there before.
        assert {path.split("/")[0] for path in expected.keys() - found.keys()} <= {
            "mean_absolute_error"
        }
        assert "loss/total" in found
        assert_equal(found, {path: expected[path] for path in found})
        np.testing.assert_allclose(
            again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6
        )

    @pytest.mark.parametrize("writing", ["Keras", "graphc"])
    @pytest.mark.parametrize(("family", "name"), FAMILIES, ids=lambda part: part)
    def test_families(
        self, keras: Any, tmp_path: Path, family: str, name: str, writing: str
    ) -> None:
        writer, reader = (keras if writing == "Keras" else ours), ours
        writer.utils.clear_session()
        model = MODELS[family][name](writer)
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
        rng = np.random.default_rng(2)
        for variable in (*model.weights, *model.optimizer.variables):
            if np.asarray(variable.value).dtype.kind in "fV":
                variable.assign(rng.uniform(0.1, 0.5, variable.shape))
        folder = written(writer, model, tmp_path / "steps")
        reader.utils.clear_session()
        again = read(reader.saving.load_model, str(folder))
        pairs = zip(
            (*again.weights, *again.optimizer.variables),
            (*model.weights, *model.optimizer.variables),
            strict=True,
        )
        for one, other in pairs:
            np.testing.assert_array_equal(
                np.asarray(one.value, "float64"), np.asarray(other.value, "float64"), one.path
            )
        x = inputs_of(model)
        one, other = (
            np.asarray(_first(m.predict(x, verbose=0)), "float32") for m in (again, model)
        )
        limit = 1e-2 if family == "policies" else 1e-5
        np.testing.assert_allclose(one, other, rtol=limit, atol=limit)

    @pytest.mark.parametrize("direction", ["to Keras", "from Keras"])
    def test_assets(self, keras: Any, tmp_path: Path, direction: str) -> None:
        writer, reader = (ours, keras) if direction == "to Keras" else (keras, ours)
        words = knowing(writer)
        words.words = ["a", "b"]
        model = writer.Sequential([writer.Input((1,)), words])
        model.compile("sgd", "mse")
        folder = written(writer, model, tmp_path / "steps")
        objects = {"Words": type(knowing(reader))}
        again = read(reader.saving.load_model, str(folder), custom_objects=objects)
        assert again.layers[-1].words == ["a", "b"]


def knowing(k: Any) -> Any:
    """Return a layer that has a file."""

    class Words(k.layers.Layer):
        words: Any = None

        def call(self, x: Any) -> Any:
            return x * 1.0

        def save_assets(self, folder: str) -> None:
            Path(folder, "words.txt").write_text(" ".join(self.words))

        def load_assets(self, folder: str) -> None:
            self.words = Path(folder, "words.txt").read_text().split()

    return Words()


def _first(outputs: Any) -> Any:
    while isinstance(outputs, (dict, list)):
        outputs = next(iter(outputs.values())) if isinstance(outputs, dict) else outputs[0]
    return outputs


# --- what is saved and put back -------------------------------------------------------------------


@pytest.mark.parametrize("background", [True, False])
def test_the_arrays_are_those_of_the_moment_of_saving(tmp_path: Path, background: bool) -> None:
    model = fitted(ours)
    expected = {k: v.copy() for k, v in state_of(model).items()}
    callback = ours.callbacks.OrbaxCheckpoint(tmp_path / "s", save_on_background=background)
    callback.set_model(model)
    callback.on_epoch_end(0, {})
    model.fit(X, Y, epochs=3, batch_size=5, verbose=0)  # donates the arrays that are being written
    callback.on_train_end()
    again = ours.saving.load_model(tmp_path / "s")
    changed = state_of(model)
    assert not np.array_equal(changed["weight 0"], expected["weight 0"])
    found = state_of(again)
    assert_equal(found, {path: expected[path] for path in found})


def test_a_second_model_in_the_process_finds_its_state(tmp_path: Path) -> None:
    """Names that Keras makes up go on counting, and so do paths."""
    model = small(ours, names=False)
    model.fit(X, Y, epochs=2, batch_size=5, verbose=0)
    folder = written(ours, model, tmp_path / "s")
    again = small(ours, names=False)
    again.load_weights(folder)
    assert [v.path for v in again.weights] != [v.path for v in model.weights]
    for of in (lambda m: m.weights, lambda m: m.optimizer.variables, _seeds):
        assert len(of(model)) == len(of(again)) > 0
        for one, other in zip(of(again), of(model), strict=True):
            np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)


def _seeds(model: Any) -> list[Any]:
    return [v for v in model.non_trainable_variables if "seed" in v.path]


def test_going_on_is_exact(tmp_path: Path) -> None:
    ours.utils.set_random_seed(1)
    model = fitted(ours)
    folder = written(ours, model, tmp_path / "s", step=1)
    options = {"initial_epoch": 2, "epochs": 4, "batch_size": 5, "shuffle": False, "verbose": 0}
    again = ours.saving.load_model(folder)
    model.fit(X, Y, **options)
    again.fit(X, Y, **options)
    for one, other in zip(again.weights, model.weights, strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes(), one.path
    for one, other in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes(), one.path


def test_the_last_whole_step_counts_or_the_one_that_is_named(tmp_path: Path) -> None:
    model = fitted(ours)
    folder = tmp_path / "s"
    for step in (2, 10, 9):
        model.set_weights([np.full(w.shape, step) for w in model.get_weights()])
        if step != 9:
            written(ours, model, folder, step)
    (folder / "11").mkdir()  # no checkpoint
    (folder / "12.orbax-checkpoint-tmp").mkdir()  # a process was killed
    before = sorted(path.name for path in folder.iterdir())
    for place, expected in [(folder, 10), (folder / "2", 2), (str(folder / "10"), 10)]:
        assert ours.saving.load_model(place).get_weights()[0][0, 0] == expected
        model.load_weights(place)
        assert model.get_weights()[0][0, 0] == expected
    assert sorted(path.name for path in folder.iterdir()) == before


def test_vocabularies_come_along(tmp_path: Path) -> None:
    layer = ours.layers.IntegerLookup()
    layer.adapt(np.array([[5], [5], [7], [9], [7], [5]]))
    model = ours.Sequential([ours.Input((1,), dtype="int64"), layer])
    model.compile("sgd", "mse")
    again = ours.saving.load_model(written(ours, model, tmp_path / "s"))
    assert again.layers[-1].get_vocabulary() == layer.get_vocabulary() == [-1, 5, 7, 9]


def test_weights_alone(tmp_path: Path) -> None:
    model = fitted(ours)
    folder = written(ours, model, tmp_path / "s", save_weights_only=True)
    with pytest.raises(ValueError, match="save_weights_only"):
        ours.saving.load_model(folder)
    ours.utils.clear_session()
    again = small(ours)
    again.load_weights(folder)
    for one, other in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert int(again.optimizer.iterations) == 0


def test_another_optimizer_keeps_its_state_and_says_so(tmp_path: Path) -> None:
    folder = written(ours, fitted(ours), tmp_path / "s")
    again = small(ours)
    again.compile("rmsprop", "mse")
    with pytest.warns(UserWarning, match="optimizer's state is not loaded"):
        again.load_weights(folder)
    assert int(again.optimizer.iterations) == 0


# --- what does not fit, is damaged or means harm --------------------------------------------------


def test_what_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    folder = written(ours, fitted(ours), tmp_path / "s")
    other = small(ours, units=5)
    before = state_of(other)
    with pytest.raises(
        ValueError, match=r"net/one/kernel': expected float32\[3, 5\]. Received: float32\[3, 4\]"
    ):
        other.load_weights(folder)
    assert_equal(state_of(other), before)
    with pytest.warns(UserWarning, match="does not fit"):
        read_skipping(other, folder)
    assert not np.array_equal(other.layers[-1].bias.numpy(), before["weight 7"])
    foreign = ours.Sequential([ours.Input((3,)), ours.layers.Dense(4, name="elsewhere")])
    with pytest.raises(ValueError, match=r"elsewhere/kernel' is not in it"):
        foreign.load_weights(folder)
    with pytest.raises(ValueError, match="has no weights yet"):
        ours.Sequential([ours.layers.Dense(4)]).load_weights(folder)
    for options in ({"by_name": True}, {"objects_to_skip": [other.layers[0]]}):
        with pytest.raises(ValueError, match="is for"):
            other.load_weights(folder, **options)


def read_skipping(model: Any, folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The optimizer's state is not loaded")
        model.load_weights(folder, skip_mismatch=True)


def test_folders_without_a_whole_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "3.orbax-checkpoint-tmp").mkdir()
    for load in (ours.saving.load_model, small(ours).load_weights):
        with pytest.raises(ValueError, match="No whole checkpoint"):
            load(tmp_path)
    (tmp_path / "plain").mkdir()
    with pytest.raises(ValueError, match="File format not supported"):
        ours.saving.load_model(tmp_path / "plain")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_damage_is_named_or_harmless(tmp_path: Path) -> None:
    """Files are cut, emptied or lost: an error, or the same numbers as before."""
    model = fitted(ours)
    whole = written(ours, model, tmp_path / "whole") / "0"
    expected = state_of(model)
    files = [path.relative_to(whole) for path in sorted(whole.rglob("*")) if path.is_file()]
    refused = 0
    for number, name in enumerate(files):
        damaged = tmp_path / f"damaged{number}"
        shutil.copytree(whole, damaged)
        content = (damaged / name).read_bytes()
        (damaged / name).write_bytes(content[: len(content) // 2])
        try:
            found = state_of(read(ours.saving.load_model, damaged))
        except ValueError as error:
            refused += str(damaged) in str(error)
        else:
            assert_equal(found, {path: expected[path] for path in found})
    assert refused >= len(files) // 3
    gc.collect()  # tasks that Orbax gave up


def hostile(folder: Path, **parts: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ocp.save_checkpointables(str(folder), parts)
    return folder


@pytest.mark.parametrize(
    ("assets", "message"),
    [
        ({"..": {"x": np.zeros(3, np.uint8)}}, r"names of files.*'\.\.'"),
        ({"a/../../x": np.zeros(3, np.uint8)}, "names of files"),
        ({"x": np.zeros((3, 2), np.uint8)}, "expected the asset 'x'"),
        ({"x": np.zeros(3, np.float32)}, "expected the asset 'x'"),
    ],
)
def test_assets_stay_in_their_folder(tmp_path: Path, assets: Any, message: str) -> None:
    model = fitted(ours)
    tree, config = model.get_state_tree(), {"config": model.to_json()}
    folder = hostile(tmp_path / "s", pytree=tree, model_config=config, assets=assets)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=message):
        ours.saving.load_model(folder)
    assert sorted(tmp_path.rglob("*")) == before


def test_configurations_follow_the_rules_of_files(tmp_path: Path) -> None:
    model = ours.Sequential([ours.Input((2,)), ours.layers.Lambda(lambda x: x)])
    folder = hostile(
        tmp_path / "s", pytree={"trainable_variables": {}, "metrics_variables": {"a": np.ones(1)}},
        model_config={"config": model.to_json()},
    )  # fmt: skip
    with pytest.raises(ValueError, match="safe_mode"):
        ours.saving.load_model(folder)
    for number, text in enumerate(["{", '{"module": "os", "class_name": "system", "config": {}}']):
        folder = hostile(tmp_path / str(number), pytree={"a": np.ones(1)},
                         model_config={"config": text})  # fmt: skip
        with pytest.raises(ValueError, match=r"configuration|system"):
            ours.saving.load_model(folder)


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    folder = written(ours, fitted(ours), tmp_path / "s") / "0"
    (tmp_path / "elsewhere").write_text("secret")
    (folder / "model_config" / "_strings.json").unlink()
    (folder / "model_config" / "_strings.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="the link"):
        ours.saving.load_model(folder)
