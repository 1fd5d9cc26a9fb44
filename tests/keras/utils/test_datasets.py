"""Data sets from folders and arrays: files, labels and splits beside real Keras; contents by hand.

Keras makes these data sets with TensorFlow: only its indexing and its image loading can be asked.
"""

from __future__ import annotations

import copy
import os
import wave
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from graphc import keras as ours
from graphc.keras.utils.directories import index_directory
from graphc.keras.utils.resampling import INTERPOLATIONS, resample_signal, resize_image
from graphc.keras.utils.splitting import split_sizes

PIL = import_module("PIL.Image")
RNG = np.random.RandomState(0)


@pytest.fixture(scope="module")
def oracle():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    from keras.src.utils import dataset_utils

    return dataset_utils


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for number, name in enumerate(["cat", "dog", "emu", ".hidden"]):
        (folder / name / "deep").mkdir(parents=True)
        for index in range(4 + number):
            pixels = RNG.randint(0, 256, (5 + index, 7, 3)).astype("uint8")
            place = folder / name / ("deep" if index == 2 else "") / f"{index}.png"
            PIL.fromarray(pixels).save(place)
    (folder / "cat" / "notes.md").write_text("no image")
    (folder / "cat" / "UPPER.PNG").write_bytes((folder / "cat" / "0.png").read_bytes())
    return folder


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    for name in ("pos", "neg"):
        (folder / name).mkdir()
        for index in range(5):
            (folder / name / f"{index}.txt").write_text(f"{name} {index} é", encoding="utf-8")
    return folder


INDEXING = [
    {},
    {"shuffle": False},
    {"shuffle": True, "seed": 3},
    {"class_names": ["dog", "cat"]},
    {"labels": None, "seed": 5},
    {"labels": list(range(23)), "seed": 5},
    {"labels": [7, 2] * 11 + [7], "shuffle": False},
    {"follow_links": True},
]


@pytest.mark.oracle
@pytest.mark.parametrize("options", INDEXING, ids=str)
def test_index_directory(oracle, images: Path, options: dict, capsys) -> None:
    options = {"labels": "inferred", "shuffle": True, "seed": 1, **options}
    formats = (".png", ".jpg")
    given = {**options, "labels": copy.copy(options["labels"])}  # Keras shuffles the list itself
    expected = oracle.index_directory(str(images), formats=formats, **given)
    said = capsys.readouterr().out
    seed = options.pop("seed")
    received = index_directory(
        str(images), options.pop("labels"), formats,
        shuffle_seed=seed if options.pop("shuffle") else None, **options,
    )  # fmt: skip
    assert received.paths == expected[0]
    assert np.array_equal(received.labels, expected[1]) or received.labels is expected[1]
    assert received.class_names == expected[2]
    assert capsys.readouterr().out == said


@pytest.mark.oracle
@pytest.mark.parametrize("subset", ["training", "validation", "both"])
def test_split_is_that_of_keras(oracle, images: Path, subset: str, capsys) -> None:
    paths, labels, names = oracle.index_directory(
        str(images), "inferred", (".png",), shuffle=True, seed=9
    )
    received = ours.utils.image_dataset_from_directory(
        str(images), seed=9, validation_split=0.3, subset=subset, image_size=4, batch_size=None
    )
    parts = ["training", "validation"] if subset == "both" else [subset]
    for part, data in zip(parts, received if subset == "both" else [received], strict=True):
        wanted = oracle.get_training_or_validation_split(paths, labels, 0.3, part)
        assert data.file_paths == wanted[0]
        assert data.class_names == names
        assert sorted(int(y) for _, y in data) == sorted(wanted[1].tolist())
        assert len(data) == len(wanted[0])


MODES = {
    "int": ((4,), "int32"),
    "categorical": ((4, 3), "float32"),
    None: (None, None),
}


@pytest.mark.parametrize("mode", MODES)
def test_image_batches(images: Path, mode: str | None) -> None:
    data = ours.utils.image_dataset_from_directory(
        images, label_mode=mode, image_size=(6, 4), batch_size=4, shuffle=False, verbose=False
    )
    batches = list(data)
    assert len(batches) == len(data) == (6 if mode is None else 4)  # hidden folders are no classes
    first = batches[0] if mode is None else batches[0][0]
    assert first.shape == (4, 6, 4, 3) and first.dtype == np.float32
    if mode is None:
        return
    assert batches[0][1].shape == MODES[mode][0] and batches[0][1].dtype == MODES[mode][1]
    labels = np.concatenate([y for _, y in batches])
    labels = labels.argmax(-1) if mode == "categorical" else labels
    assert labels.tolist() == [0] * 5 + [1] * 5 + [2] * 6


def test_binary_labels_and_grey_channels_first(images: Path) -> None:
    data = ours.utils.image_dataset_from_directory(
        images, label_mode="binary", class_names=["emu", "cat"], color_mode="grayscale",
        data_format="channels_first", image_size=(3, 5), seed=0, verbose=False,
    )  # fmt: skip
    ((x, y),) = data
    assert x.shape == (11, 1, 3, 5)
    assert y.shape == (11, 1) and y.dtype == np.float32 and y.sum() == 5


def test_passes_are_shuffled_anew_and_reproducible(images: Path) -> None:
    def orders(seed):
        data = ours.utils.image_dataset_from_directory(
            images, image_size=2, batch_size=3, seed=seed, verbose=False
        )
        return [[round(float(v), 3) for x, _ in data for v in x.sum((1, 2, 3))] for _ in range(2)]

    first, again, other = orders(1), orders(1), orders(2)
    assert first == again
    assert first[0] != first[1] and first[0] != other[0]
    assert sorted(first[0]) == sorted(first[1]) == sorted(other[0])


BAD = [
    ({"labels": 3}, "Received: labels=3"),
    ({"labels": [1, 2]}, "Received: 2 labels"),
    ({"labels": None, "class_names": ["a"]}, "Received: labels=None"),
    ({"label_mode": "floats"}, "Received: label_mode=floats"),
    ({"label_mode": "binary"}, "exactly 2 classes"),
    ({"class_names": ["cat", "cow"]}, r"Received: class_names=\['cat', 'cow'\]"),
    ({"color_mode": "cmyk"}, "Received: color_mode='cmyk'"),
    ({"image_size": (1, 2, 3)}, "Received: image_size"),
    ({"interpolation": "cubic"}, "Received: interpolation='cubic'"),
    ({"format": "torch"}, "Received: format='torch'"),
    ({"validation_split": 2, "subset": "both"}, "Received: validation_split=2"),
    ({"validation_split": 0.2}, "must be set together"),
    ({"subset": "training"}, "must be set together"),
    ({"validation_split": 0.2, "subset": "test"}, "Received: subset='test'"),
    ({"validation_split": 0.2, "subset": "both"}, "Received: seed=None"),
    ({"validation_split": 0.01, "subset": "validation", "seed": 1}, "No validation images"),
    ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "Received: both"),
]


@pytest.mark.parametrize(("options", "text"), BAD)
def test_bad_arguments(images: Path, options: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ours.utils.image_dataset_from_directory(images, verbose=False, **options)


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No images found in directory"):
        ours.utils.image_dataset_from_directory(tmp_path)
    with pytest.raises(ValueError, match="No text files found"):
        ours.utils.text_dataset_from_directory(tmp_path)
    with pytest.raises(ValueError, match="No audio files found"):
        ours.utils.audio_dataset_from_directory(tmp_path)


@pytest.mark.oracle
@pytest.mark.parametrize("fit", [{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic", "lanczos3"])
def test_images_are_resized_as_by_keras(images: Path, interpolation: str, fit: dict) -> None:
    from keras.src.utils.image_dataset_utils import _load_image_grain

    data = ours.utils.image_dataset_from_directory(
        images, labels=None, image_size=(4, 9), interpolation=interpolation, shuffle=False,
        verbose=False, batch_size=None, **fit,
    )  # fmt: skip
    crop, pad = fit.get("crop_to_aspect_ratio", False), fit.get("pad_to_aspect_ratio", False)
    path, received = data.file_paths[3], next(iter(data.skip(3)))
    expected = _load_image_grain(path, (4, 9), 3, interpolation, "channels_last", crop, pad)
    np.testing.assert_allclose(received, np.asarray(expected), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_resizing_keeps_constants_and_sizes(interpolation: str) -> None:
    for size in ((3, 11), (7, 7), (14, 2), (1, 1)):
        resized = resize_image(np.full((7, 7, 2), 5.0), size, interpolation)
        assert resized.shape == (*size, 2) and resized.dtype == np.float32
        np.testing.assert_allclose(resized, 5.0, rtol=1e-6)


def test_area_averages() -> None:
    image = np.arange(16.0).reshape(4, 4, 1)
    expected = image.reshape(2, 2, 2, 2, 1).mean((1, 3))
    np.testing.assert_allclose(resize_image(image, (2, 2), "area"), expected, rtol=1e-6)


def test_texts(texts: Path) -> None:
    data = ours.utils.text_dataset_from_directory(texts, shuffle=False, batch_size=3, verbose=False)
    batches = list(data)
    assert data.class_names == ["neg", "pos"]
    assert batches[0][0].tolist() == ["neg 0 é", "neg 1 é", "neg 2 é"]
    assert batches[1][1].tolist() == [0, 0, 1]
    cut = ours.utils.text_dataset_from_directory(
        texts, label_mode=None, max_length=5, shuffle=False, batch_size=None, verbose=False
    )
    assert [str(text) for text in cut][:2] == ["neg 0", "neg 1"]
    both = ours.utils.text_dataset_from_directory(
        texts, validation_split=0.4, subset="both", seed=1, label_mode="binary", verbose=False
    )
    assert [sum(len(y) for _, y in part) for part in both] == [6, 4]


def write_sound(path: Path, samples: np.ndarray, rate: int, width: int = 2) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.astype({1: "u1", 2: "<i2", 4: "<i4"}[width]).tobytes())


def test_sounds(tmp_path: Path) -> None:
    waves = [RNG.randint(-(2**15), 2**15, (length, 2)) for length in (5, 3, 8)]
    for index, samples in enumerate(waves):
        write_sound(tmp_path / "ab"[index % 2] / f"{index}.wav", samples, 8000)
    load = ours.utils.audio_dataset_from_directory
    options = {"shuffle": False, "verbose": False}
    ((x, y),) = load(tmp_path, **options)
    assert x.shape == (3, 8, 2) and y.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(x[0, :5], (waves[0] / 2**15).astype("float32"))
    assert not x[0, 5:].any()
    ((x, _),) = load(tmp_path, output_sequence_length=4, **options)
    assert x.shape == (3, 4, 2)
    ((x, _),) = load(tmp_path, ragged=True, **options)
    assert [len(sound) for sound in x] == [5, 8, 3]
    ((x, _),) = load(tmp_path, sampling_rate=4000, **options)
    assert x.shape == (3, 4, 2)
    for bad in ({"ragged": True, "output_sequence_length": 3}, {"sampling_rate": 0}):
        with pytest.raises(ValueError, match="Received"):
            load(tmp_path, **options, **bad)


@pytest.mark.parametrize(("rate", "new_rate"), [(8000, 16000), (16000, 8000), (8000, 11025)])
def test_resampling_keeps_a_tone(rate: int, new_rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(rate // 4) / rate)[:, None]
    received = resample_signal(tone, rate, new_rate)[:, 0]
    expected = np.sin(2 * np.pi * 440 * np.arange(len(received)) / new_rate)
    assert len(received) == -(-len(tone) * new_rate // rate)
    inner = slice(len(received) // 8, -len(received) // 8)
    np.testing.assert_allclose(received[inner], expected[inner], atol=2e-3)


def test_sound_of_unknown_depth(tmp_path: Path) -> None:
    path = tmp_path / "a" / "x.wav"
    write_sound(path, np.zeros((4, 1)), 8000)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 3, 8000, 0, "NONE", ""))
        file.writeframes(bytes(12))
    with pytest.raises(ValueError, match="Received: 24 bits"):
        list(ours.utils.audio_dataset_from_directory(tmp_path, verbose=False))


SERIES = np.arange(20)
WINDOWS = [
    ({"sequence_length": 3}, 18),
    ({"sequence_length": 3, "sequence_stride": 4}, 5),
    ({"sequence_length": 3, "sampling_rate": 2}, 16),
    ({"sequence_length": 4, "start_index": 5, "end_index": 15}, 7),
    ({"sequence_length": 4, "sequence_stride": 3, "sampling_rate": 2, "start_index": 1}, 5),
]


@pytest.mark.parametrize(("options", "count"), WINDOWS)
@pytest.mark.parametrize("targets", [None, SERIES * 10])
@pytest.mark.parametrize("shuffle", [False, True])
def test_windows(options: dict, count: int, targets, shuffle: bool) -> None:
    data = ours.utils.timeseries_dataset_from_array(
        SERIES, targets, batch_size=4, shuffle=shuffle, seed=1, **options
    )
    batches = list(data)
    assert len(data) == len(batches) == -(-count // 4)
    x = np.concatenate([b if targets is None else b[0] for b in batches])
    rate, stride = options.get("sampling_rate", 1), options.get("sequence_stride", 1)
    first = options.get("start_index", 0)
    starts = first + stride * np.arange(count)
    assert x.shape == (count, options["sequence_length"]) and x.dtype == SERIES.dtype
    assert sorted(x[:, 0].tolist()) == starts.tolist()
    assert np.array_equal(x, x[:, :1] + rate * np.arange(options["sequence_length"]))
    assert shuffle or x[:, 0].tolist() == starts.tolist()
    if targets is not None:
        assert np.array_equal(np.concatenate([b[1] for b in batches]), x[:, 0] * 10)
    single = ours.utils.timeseries_dataset_from_array(SERIES, None, batch_size=None, **options)
    assert len(single) == count and next(iter(single)).shape == (options["sequence_length"],)


@pytest.mark.parametrize(
    "options",
    [{"start_index": -1}, {"start_index": 20}, {"end_index": 20}, {"end_index": -3},
     {"start_index": 5, "end_index": 5}, {"sampling_rate": 0}, {"sequence_stride": 20},
     {"format": "torch"}],
    ids=str,
)  # fmt: skip
def test_windows_refuse(options: dict) -> None:
    with pytest.raises(ValueError, match="Received"):
        ours.utils.timeseries_dataset_from_array(SERIES, None, 3, **options)


def test_operations() -> None:
    data = ours.utils.timeseries_dataset_from_array(SERIES, SERIES, 2, batch_size=4)
    assert [x.shape for x, _ in data.take(2)] == [(4, 2)] * 2 and len(data.take(2)) == 2
    assert len(data.take(-1)) == 5 and len(data.take(9)) == 5
    assert [int(x[0, 0]) for x, _ in data.skip(3)] == [12, 16] and len(data.skip(3)) == 2
    doubled = data.map(lambda x, y: (2 * x, y), num_parallel_calls=4)
    assert [int(x[0, 0]) for x, _ in doubled] == [0, 8, 16, 24, 32]
    samples = data.unbatch()
    assert len(samples) == len(list(samples)) == 19
    assert [len(y) for _, y in samples.batch(5)] == [5, 5, 5, 4]
    assert [len(y) for _, y in samples.batch(5, drop_remainder=True)] == [5, 5, 5]
    calls = []
    cached = data.map(lambda x, y: calls.append(1) or y).cache()
    assert [y.tolist() for y in cached] == [y.tolist() for y in cached]
    assert len(calls) == 5


@pytest.mark.oracle
@pytest.mark.parametrize("left", [None, 3, 0.3, 0.99, 0, 1.0, 10, -1, "3", 1e-4])
@pytest.mark.parametrize("right", [None, 7, 0.7, 0.1, 0, 20])
def test_split_sizes(oracle, left, right) -> None:
    if left is None and right is None:
        return

    def run(function):
        try:
            return function(left, right, 10)
        except (TypeError, ValueError) as error:
            return type(error)

    assert run(split_sizes) == run(oracle._rescale_dataset_split_sizes)


@pytest.mark.oracle
def test_split_order(oracle) -> None:
    x, y = np.arange(10.0), np.arange(10)
    left, right = ours.utils.split_dataset((x, y), 0.6, shuffle=True, seed=4)
    rows = oracle._convert_dataset_to_list((x, y), tuple)
    oracle.random.seed(4)
    oracle.random.shuffle(rows)
    assert [(a, b) for a, b in [*left, *right]] == rows
    left, right = ours.utils.split_dataset(x, left_size=3, right_size=4)
    assert [float(v) for v in left] == [0, 1, 2] and [float(v) for v in right] == [6, 7, 8, 9]
    assert len(left) == 3


def test_split_of_batches_and_refusals() -> None:
    data = ours.utils.timeseries_dataset_from_array(SERIES, SERIES, 2, batch_size=4)
    left, right = ours.utils.split_dataset(data, left_size=10)
    assert [len(y) for _, y in left] == [4, 4, 2] and [len(y) for _, y in right] == [4, 4, 1]
    with pytest.raises(ValueError, match="At least one"):
        ours.utils.split_dataset(SERIES)
    with pytest.raises(TypeError, match="Received: dataset"):
        ours.utils.split_dataset(3, 0.5)
    with pytest.raises(ValueError, match="at index 1"):
        ours.utils.split_dataset([SERIES, SERIES[:3]], 0.5)
    with pytest.raises(ValueError, match="empty"):
        ours.utils.split_dataset(np.zeros((0, 2)), 0.5)
