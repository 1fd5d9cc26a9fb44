"""Config, PyDataset, packing, sources and the names shared with other modules."""

from __future__ import annotations

import os
from importlib import import_module

import numpy as np
import pytest

from graphc import keras as ours
from graphc.keras import utils


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_module("keras")


def outcome(function, *arguments):
    try:
        return repr(function(*arguments))
    except (TypeError, ValueError) as error:
        return type(error)


PACKED = [
    (1,), (1, 2), (1, 2, 3), ([1],), ((1, 2),), ([1, 2], 3), (1, None, 3), ({"a": 1},), (None, 2),
]  # fmt: skip
UNPACKED = [1, [1], (1,), [1, 2], (1, 2), (1, 2, 3), {"a": 1}, (), (1, 2, 3, 4), None, [[1], [2]]]


@pytest.mark.oracle
@pytest.mark.parametrize("arguments", PACKED, ids=str)
def test_pack(keras, arguments) -> None:
    received = outcome(utils.pack_x_y_sample_weight, *arguments)
    assert received == outcome(keras.utils.pack_x_y_sample_weight, *arguments)


@pytest.mark.oracle
@pytest.mark.parametrize("data", UNPACKED, ids=str)
def test_unpack(keras, data) -> None:
    received = outcome(utils.unpack_x_y_sample_weight, data)
    assert received == outcome(keras.utils.unpack_x_y_sample_weight, data)


def use_config(config) -> list:
    config.b = 2
    config["c"] = [3]
    config.update(d=4, e=5)
    found = [config.pop("e"), config.a, config["b"], config.get("x"), config.get("x", 7)]
    found += [list(config), len(config), "a" in config, "x" in config, config.to_json()]
    found += [config.as_dict(), list(config.keys()), list(config.values()), list(config.items())]
    del config["d"]
    config.freeze()
    return [*found, repr(config), config.frozen]


CONFIG_ERRORS = [
    lambda config: setattr(config, "z", 1),
    lambda config: config.update(z=1),
    lambda config: config.pop("a"),
    lambda config: config.__delitem__("a"),
    lambda config: config.alpa,
    lambda config: config["alpa"],
]


@pytest.mark.oracle
def test_config(keras) -> None:
    made = [module.utils.Config(a=1, alpha=0) for module in (ours, keras)]
    assert use_config(made[0]) == use_config(made[1])
    for error in CONFIG_ERRORS:
        kinds = []
        for config in made:
            with pytest.raises((ValueError, AttributeError, KeyError)) as raised:
                error(config)
            kinds.append(raised.type)
        assert kinds[0] is kinds[1]
    with pytest.raises(AttributeError, match="Did you mean 'alpha'"):
        made[0].alpa  # noqa: B018
    made[0].unfreeze()
    made[0].z = 1
    assert made[0].z == 1


def squares(module, **options):
    class Squares(module.utils.PyDataset):
        def __init__(self, count, **kwargs):
            super().__init__(**kwargs)
            self.count = count

        @property
        def num_batches(self):
            return self.count

        def __getitem__(self, index):
            return np.full((2, 1), index), np.full((2,), index**2)

    return Squares(3, **options)


@pytest.mark.oracle
def test_py_dataset(keras) -> None:
    found = []
    for module in (ours, keras):
        data = squares(module, workers=2, use_multiprocessing=True, max_queue_size=3)
        batches = [(x.tolist(), y.tolist()) for x, y in data]
        options = (data.workers, data.use_multiprocessing, data.max_queue_size)
        data.workers = 5
        data.on_epoch_begin()
        data.on_epoch_end()
        found.append((batches, options, data.workers, data.num_batches))
    assert found[0] == found[1]
    assert utils.Sequence is utils.PyDataset


def test_py_dataset_by_length_and_without_end() -> None:
    class Short(utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return index

    class Endless(utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return index

    assert list(Short()) == [0, 1]
    assert Short().num_batches == 2
    endless = iter(Endless())
    assert [next(endless) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(NotImplementedError, match="__getitem__"):
        utils.PyDataset()[0]
    with pytest.raises(NotImplementedError, match="num_batches"):
        utils.PyDataset().num_batches  # noqa: B018


def test_py_dataset_without_its_constructor() -> None:
    class Lazy(utils.PyDataset):
        def __init__(self):
            pass

    with pytest.warns(UserWarning, match="super"):
        assert Lazy().workers == 1


@pytest.mark.oracle
def test_source_inputs(keras) -> None:
    found = []
    for module in (ours, keras):
        a, b = module.Input((3,), name="a"), module.Input((3,), name="b")
        hidden = module.layers.Dense(2)(a)
        total = module.layers.Add()([hidden, module.layers.Dense(2)(b), hidden])
        names = [tensor.name for tensor in module.utils.get_source_inputs(total)]
        found.append((names, module.utils.get_source_inputs(a)[0] is a))
    assert found[0] == found[1] == (["a", "b"], True)
    assert utils.get_source_inputs(3) == 3


SHARED = {
    "saving": [
        "CustomObjectScope", "custom_object_scope", "deserialize_keras_object",
        "get_custom_objects", "get_registered_name", "get_registered_object",
        "register_keras_serializable", "serialize_keras_object",
    ],
    "config": [
        "disable_interactive_logging", "enable_interactive_logging",
        "is_interactive_logging_enabled",
    ],
    "backend": ["clear_session", "is_keras_tensor", "standardize_dtype"],
    "preprocessing": [
        "image_dataset_from_directory", "text_dataset_from_directory",
        "timeseries_dataset_from_array",
    ],
}  # fmt: skip


@pytest.mark.parametrize("place", SHARED)
def test_shared_names(place: str) -> None:
    for name in SHARED[place]:
        assert getattr(utils, name) is getattr(getattr(ours, place), name)


def test_custom_object_scope_finds_by_name() -> None:
    class Doubling(ours.layers.Layer):
        def call(self, x):
            return 2 * x

    config = utils.serialize_keras_object(Doubling(name="d"))
    with utils.CustomObjectScope({"Doubling": Doubling}):
        assert isinstance(utils.deserialize_keras_object(config), Doubling)
    with pytest.raises(ValueError, match="Doubling"):
        utils.deserialize_keras_object(config)
