"""Images and tables: results, and what is refused."""

import dataclasses
import gzip
import io
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphc.keras.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    mnist,
)
from graphc.keras.datasets.idx import parse_idx
from graphc.keras.datasets.source import sha256

RANDOM = np.random.RandomState(0)
IMAGES = {n: RANDOM.randint(0, 256, (n, 28, 28), dtype=np.uint8) for n in (6, 4)}
LABELS = {n: RANDOM.randint(0, 10, n, dtype=np.uint8) for n in (6, 4)}


def assert_images(received: tuple) -> None:
    for (x, y), n in zip(received, (6, 4), strict=True):
        assert x.dtype == y.dtype == np.uint8
        assert x.flags.writeable
        assert np.array_equal(x, IMAGES[n])
        assert np.array_equal(y, LABELS[n])


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def test_mnist_of_the_users_own(cache: Path) -> None:
    arrays = {"x_train": IMAGES[6], "y_train": LABELS[6], "x_test": IMAGES[4], "y_test": LABELS[4]}
    np.savez(cache / "mine.npz", **arrays)
    assert_images(mnist.load_data("mine.npz"))
    with pytest.raises(FileNotFoundError, match=r"mnist\.npz is not there"):
        mnist.load_data()


def write_fashion(cache: Path) -> list[Path]:
    folder = cache / "fashion-mnist"
    folder.mkdir()
    arrays = (IMAGES[6], LABELS[6], IMAGES[4], LABELS[4])
    paths = [folder / source.file for source in fashion_mnist.FILES]
    for path, array in zip(paths, arrays, strict=True):
        path.write_bytes(gzip.compress(idx(array)))
    return paths


def test_fashion_mnist(cache: Path) -> None:
    paths = write_fashion(cache)
    assert_images(fashion_mnist.load_data())
    paths[2].write_bytes(paths[2].read_bytes()[:-30])
    with pytest.raises(FileNotFoundError, match=r"t10k-images-idx3-ubyte\.gz is damaged"):
        fashion_mnist.load_data()
    paths[2].unlink()
    with pytest.raises(FileNotFoundError, match=r"fashion-mnist/t10k-images-idx3-ubyte\.gz"):
        fashion_mnist.load_data()


@pytest.mark.parametrize("content", [b"", b"\0\0\x08", b"\0\0\x0d\x01aaaa", idx(LABELS[4])[:-1]])
def test_what_is_not_idx(content: bytes) -> None:
    with pytest.raises(ValueError, match="Expected"):
        parse_idx(content)


def batch(count: int, keys: tuple[bytes, ...], start: int) -> dict[bytes, object]:
    data = np.random.RandomState(start).randint(0, 256, (count, 3072), dtype=np.uint8)
    return {b"data": data} | {key: [start + i for i in range(count)] for key in keys}


def write_archive(path: Path, batches: dict[str, dict]) -> str:
    """A tar like CIFAR's; returns its sha256."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in batches.items():
            # The published pickles spell a dtype's flags as 0 and 1, of which NumPy 2.4.0 warns.
            pickled = pickle.dumps(content, 2).replace(b"\x89\x88\x87", b"K\x00K\x01\x87")
            info = tarfile.TarInfo(name)
            info.size = len(pickled)
            archive.addfile(info, io.BytesIO(pickled))
    return sha256(path.read_bytes())


def test_cifar10_reads_the_published_archive_only(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    batches = {
        f"cifar-10-batches-py/{name}": batch(3, (b"labels",), 3 * i) for i, name in enumerate(names)
    }
    digest = write_archive(cache / "cifar-10-python.tar.gz", batches)
    with pytest.raises(FileNotFoundError, match="is not the published archive") as caught:
        cifar10.load_data()
    assert cifar10.ARCHIVE.url in str(caught.value)
    monkeypatch.setattr(cifar10, "ARCHIVE", dataclasses.replace(cifar10.ARCHIVE, digest=digest))
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert x_train.shape == (15, 32, 32, 3)
    assert x_test.shape == (3, 32, 32, 3)
    assert x_train.dtype == x_test.dtype == y_train.dtype == y_test.dtype == np.uint8
    assert y_train.tolist() == [[i] for i in range(15)]
    assert y_test.tolist() == [[15], [16], [17]]
    planes = batches["cifar-10-batches-py/data_batch_2"][b"data"].reshape(3, 3, 32, 32)
    assert np.array_equal(x_train[4, 5, 6], planes[1, :, 5, 6])
    assert sorted(path.name for path in cache.iterdir()) == ["cifar-10-python.tar.gz"]


@pytest.mark.oracle
@pytest.mark.parametrize("label_mode", ["fine", "coarse"])
def test_cifar100_agrees_with_keras(
    label_mode: str,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keras_loader: Callable,
) -> None:
    keys = (b"fine_labels", b"coarse_labels")
    batches = {f"cifar-100-python/{n}": batch(5, keys, i) for i, n in enumerate(("train", "test"))}
    path = cache / cifar100.ARCHIVE.file
    digest = write_archive(path, batches)
    monkeypatch.setattr(cifar100, "ARCHIVE", dataclasses.replace(cifar100.ARCHIVE, digest=digest))
    folder = tmp_path / "extracted" / "cifar-100-python"
    folder.mkdir(parents=True)
    for name, content in batches.items():
        (folder / Path(name).name).write_bytes(pickle.dumps(content, 4))
    keras_cifar100 = keras_loader("cifar100", folder.parent)
    assert_same(cifar100.load_data(label_mode), keras_cifar100.load_data(label_mode))


def test_cifar100_modes() -> None:
    with pytest.raises(ValueError, match="Received: label_mode='rough'"):
        cifar100.load_data("rough")


def assert_same(received: tuple, expected: tuple) -> None:
    for pair, expected_pair in zip(received, expected, strict=True):
        for array, expected_array in zip(pair, expected_pair, strict=True):
            assert array.dtype == expected_array.dtype
            assert np.array_equal(array, expected_array)


@pytest.mark.oracle
@pytest.mark.parametrize("arguments", [{}, {"test_split": 0.0}, {"test_split": 0.37, "seed": 5}])
@pytest.mark.parametrize("module", [boston_housing, california_housing])
def test_houses_agree_with_keras(
    module, arguments: dict, cache: Path, keras_loader: Callable
) -> None:
    path = cache / module.HOUSES.file
    np.savez(path, x=RANDOM.rand(700, 8).astype(np.float32), y=RANDOM.rand(700))
    name = module.__name__.rsplit(".", 1)[1]
    keras_module = keras_loader(name, path)
    assert_same(module.load_data(**arguments), keras_module.load_data(**arguments))
    if module is california_housing:
        small = {"version": "small", **arguments}
        assert_same(module.load_data(**small), keras_module.load_data(**small))


def test_house_arguments(cache: Path) -> None:
    np.savez(cache / "boston_housing.npz", x=np.ones((4, 13)), y=np.ones(4))
    with pytest.raises(ValueError, match="Received: test_split=1"):
        boston_housing.load_data(test_split=1)
    with pytest.raises(ValueError, match="Received: version='tiny'"):
        california_housing.load_data("tiny")
