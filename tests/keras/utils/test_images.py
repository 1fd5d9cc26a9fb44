"""Images as arrays and files beside real Keras."""

from __future__ import annotations

import io
import os
import sys
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from graphc import keras as ours

pytestmark = pytest.mark.oracle
PIL = import_module("PIL.Image")

RNG = np.random.RandomState(0)
PIXELS = {
    "rgb": RNG.rand(6, 5, 3) * 9,
    "grey": RNG.rand(6, 5, 1),
    "rgba": RNG.rand(6, 5, 4),
    "bytes": RNG.randint(0, 256, (4, 7, 3)).astype("uint8"),
    "flat": np.full((3, 3, 3), 2.0),
    "wide": np.arange(12.0).reshape(3, 4, 1) * 1000,
}


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_module("keras")


def quietly(function, *arguments, **options):
    """Keras passes Pillow an argument that is deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return function(*arguments, **options)


def facts(img):
    return img.mode, img.size, np.asarray(img).tolist()


@pytest.mark.parametrize("name", PIXELS)
@pytest.mark.parametrize(
    "options", [{}, {"scale": False}, {"dtype": "float64"}, {"data_format": "channels_first"}],
    ids=str,
)  # fmt: skip
def test_array_to_img(keras, name: str, options: dict) -> None:
    pixels = PIXELS[name]
    if "data_format" in options:
        pixels = pixels.transpose(2, 0, 1)
    received = ours.utils.array_to_img(pixels, **options)
    expected = quietly(keras.utils.array_to_img, pixels, **options)
    assert facts(received) == facts(expected)
    for arguments in ({}, {"dtype": "uint8"}, {"data_format": "channels_first"}):
        array = ours.utils.img_to_array(received, **arguments)
        other = keras.utils.img_to_array(expected, **arguments)
        assert array.dtype == other.dtype and np.array_equal(array, other)


@pytest.mark.parametrize("shape", [(3, 3), (3, 3, 2), (1, 3, 3, 3)])
def test_array_to_img_refuses(keras, shape) -> None:
    for module in (ours, keras):
        with pytest.raises(ValueError, match=r"Received|Got|Unsupported"):
            module.utils.array_to_img(np.ones(shape))


def test_img_to_array_refuses() -> None:
    with pytest.raises(ValueError, match="Received: shape"):
        ours.utils.img_to_array(np.ones((2, 2, 2, 2)))


@pytest.mark.parametrize("ending", ["png", "bmp", "jpg"])
@pytest.mark.parametrize("name", ["rgb", "grey", "rgba"])
def test_saved_files_are_equal(keras, tmp_path: Path, name: str, ending: str) -> None:
    if (name, ending) == ("rgba", "jpg"):
        with pytest.warns(UserWarning, match="does not support RGBA"):
            ours.utils.save_img(tmp_path / "a.jpg", PIXELS[name])
        return
    ours.utils.save_img(tmp_path / f"a.{ending}", PIXELS[name])
    quietly(keras.utils.save_img, tmp_path / f"b.{ending}", PIXELS[name])
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


LOADING = [
    {},
    {"color_mode": "grayscale"},
    {"color_mode": "rgba"},
    {"target_size": (4, 3)},
    {"target_size": (9, 3), "interpolation": "bilinear"},
    {"target_size": (3, 9), "interpolation": "lanczos", "keep_aspect_ratio": True},
    {"target_size": (3, 4), "interpolation": "hamming", "color_mode": "grayscale"},
    {"target_size": (12, 10), "interpolation": "bicubic", "keep_aspect_ratio": True},
    {"target_size": (6, 5), "interpolation": "box"},
]


@pytest.mark.parametrize("options", LOADING, ids=str)
@pytest.mark.parametrize("name", ["rgb", "grey", "rgba", "wide"])
def test_load_img(keras, tmp_path: Path, name: str, options: dict) -> None:
    path = tmp_path / "image.png"
    if name == "wide":
        PIL.fromarray(PIXELS[name][:, :, 0].astype("uint16")).save(path)
    else:
        ours.utils.save_img(path, PIXELS[name])
    for place in (path, str(path), os.fsencode(path), io.BytesIO(path.read_bytes())):
        received = ours.utils.load_img(place, **options)
        assert facts(received) == facts(keras.utils.load_img(place, **options))


def test_load_img_refuses(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    ours.utils.save_img(path, PIXELS["rgb"])
    with pytest.raises(TypeError, match="Received: path of type"):
        ours.utils.load_img(3)
    with pytest.raises(ValueError, match="Received: color_mode='cmyk'"):
        ours.utils.load_img(path, color_mode="cmyk")
    with pytest.raises(ValueError, match="Received: interpolation='cubic'"):
        ours.utils.load_img(path, target_size=(2, 2), interpolation="cubic")


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match="`load_img` requires PIL"):
        ours.utils.load_img("a.png")
    with pytest.raises(ImportError, match="`array_to_img` requires PIL"):
        ours.utils.array_to_img(np.ones((2, 2, 3)))


@pytest.mark.parametrize("size", [(3, 3), (8, 4), (2, 9)])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((6, 5, 3), {}),
        ((2, 6, 5, 3), {"interpolation": "nearest"}),
        ((3, 6, 9), {"data_format": "channels_first"}),
        ((2, 3, 6, 9), {"data_format": "channels_first", "interpolation": "bicubic"}),
        ((7, 7, 1), {"interpolation": "lanczos3"}),
    ],
)
def test_smart_resize(keras, shape, options: dict, size) -> None:
    x = RNG.rand(*shape).astype("float32")
    received = ours.preprocessing.image.smart_resize(x, size, **options)
    expected = keras.preprocessing.image.smart_resize(x, size, **options)
    assert isinstance(received, np.ndarray)
    np.testing.assert_allclose(received, expected, rtol=2e-5, atol=2e-6)


def test_smart_resize_of_tensors(keras) -> None:
    x = RNG.rand(6, 5, 3).astype("float32")
    resize = ours.preprocessing.image.smart_resize
    received = resize(ours.ops.convert_to_tensor(x), (3, 4))
    assert not isinstance(received, np.ndarray)
    np.testing.assert_allclose(received, resize(x, (3, 4)), rtol=1e-6)
    assert resize(ours.Input((6, 5, 3)), (3, 4)).shape == (None, 3, 4, 3)


def test_smart_resize_refuses() -> None:
    resize = ours.preprocessing.image.smart_resize
    with pytest.raises(ValueError, match="Received: size"):
        resize(PIXELS["rgb"], (3,))
    with pytest.raises(ValueError, match="Received: shape"):
        resize(np.ones((2, 2)), (3, 3))
    with pytest.raises(TypeError, match="unexpected keyword"):
        resize(PIXELS["rgb"], (3, 3), colour=1)
