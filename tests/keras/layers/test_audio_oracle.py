"""Spectrograms, the transforms below them and pipelines of layers, against Keras's."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.layers.checking import (
    CHECKS,
    MARKS,
    assert_close,
    check_config,
    check_in_models,
    check_symbolic,
    draw,
    first_of_each,
    flat,
    ids,
    make,
    run_traced,
)

pytestmark = MARKS

SMALL = {"frame_length": 16, "frame_step": 6}
SIGNAL = {"x": (2, 40, 3)}
FIRST = {"data_format": "channels_first"}
WINDOW = np.hamming(16).tolist()
CASES = [
    *(("STFTSpectrogram", {**SMALL, "mode": mode}, SIGNAL)
      for mode in ("log", "magnitude", "psd", "real", "imag", "stft")),
    ("STFTSpectrogram", {**SMALL, "mode": "magnitude", "expand_dims": True}, SIGNAL),
    ("STFTSpectrogram", {**SMALL, "mode": "stft", "padding": "same"}, SIGNAL),
    ("STFTSpectrogram", {**SMALL, **FIRST, "mode": "psd"}, {"x": (2, 3, 40)}),
    ("STFTSpectrogram", {**SMALL, **FIRST, "mode": "real", "expand_dims": True}, {"x": (2, 3, 40)}),
    ("STFTSpectrogram", {"frame_length": 12, "fft_length": 32, "mode": "real"}, SIGNAL),
    ("STFTSpectrogram", {"frame_length": 12, "mode": "real", "periodic": True,
                         "window": "hamming", "scaling": "spectrum"}, SIGNAL),
    ("STFTSpectrogram", {**SMALL, "mode": "imag", "window": None}, SIGNAL),
    ("STFTSpectrogram", {**SMALL, "mode": "imag", "window": WINDOW, "scaling": None}, SIGNAL),
    ("STFTSpectrogram", {**SMALL, "mode": "real", "dtype": "float16"}, SIGNAL),
    ("STFTSpectrogram", {**SMALL, "mode": "real"}, {**SIGNAL, "dtype": "float64"}),
]  # fmt: skip
TINY = {"fft_length": 32, "sequence_stride": 8, "num_mel_bins": 6, "sampling_rate": 8000}
MEL = [
    (TINY, (3, 64)),
    (TINY, (64,)),
    ({**TINY, "power_to_db": False, "mag_exp": 1.0}, (3, 64)),
    ({**TINY, "sequence_length": 20, "window": "hamming", "top_db": 10.0}, (3, 80)),
    ({**TINY, "window": None, "min_freq": 100.0, "max_freq": 3000, "ref_power": 3.0}, (3, 64)),
    ({**TINY, "window": np.hanning(32), "min_power": 0.1}, (3, 64)),
    ({**TINY, "dtype": "mixed_bfloat16"}, (3, 64)),
    ({}, (1, 4096)),
]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_spectrogram(keras, check, case):
    CHECKS[check](keras, *case)


@pytest.mark.parametrize("case", first_of_each(CASES), ids=ids(first_of_each(CASES)))
def test_in_models(keras, case):
    check_in_models(keras, *case)


def test_angles(keras):
    """Modulo whole turns, where the sine is next to nothing."""
    x = draw((2, 40, 3))
    found, expected = (
        np.asarray(make(lib, "STFTSpectrogram", {**SMALL, "mode": "angle"})(x))
        for lib in (ours, keras)
    )
    inner = np.abs(np.abs(expected) - np.pi) > 1e-3
    np.testing.assert_allclose(found[inner], expected[inner], atol=1e-3)


@pytest.mark.parametrize(("arguments", "shape"), MEL)
def test_mel_spectrogram(keras, arguments, shape):
    x = draw(shape)
    theirs, mine = (make(lib, "MelSpectrogram", arguments) for lib in (keras, ours))
    expected = theirs(x)
    assert_close(mine(x), expected, rtol=2e-4, atol=2e-4)
    assert_close(run_traced(mine, x)[0][0], expected, rtol=2e-4, atol=2e-4)
    case = "MelSpectrogram", arguments, {"x": shape}
    if not isinstance(arguments.get("window"), np.ndarray):
        check_config(keras, *case)
    if len(shape) > 1:
        check_symbolic(keras, *case)


def test_mel_spectrogram_in_a_model():
    layer = ours.layers.MelSpectrogram(**TINY, top_db=1e3)
    model = ours.Sequential([ours.Input((64,)), layer, ours.layers.GlobalMaxPooling1D()])
    x = draw((5, 64))
    found = model.predict(x, verbose=0, batch_size=2)
    np.testing.assert_allclose(found, np.max(layer(x), 1), rtol=1e-3, atol=1e-3)


def test_mel_matrix(keras):
    arguments = {"num_mel_bins": 7, "num_spectrogram_bins": 33}
    found, expected = (
        lib.layers.MelSpectrogram().linear_to_mel_weight_matrix(**arguments)
        for lib in (ours, keras)
    )
    assert_close(found, expected, rtol=1e-4, atol=1e-5)


TRANSFORMS = [
    ((3, 50), {"sequence_length": 16, "sequence_stride": 4, "fft_length": 16}),
    ((50,), {"sequence_length": 12, "sequence_stride": 4, "fft_length": 16}),
    ((2, 3, 50), {"sequence_length": 11, "sequence_stride": 3, "fft_length": 16}),
    ((3, 50), {"sequence_length": 16, "sequence_stride": 5, "fft_length": 17, "window": "hamming"}),
    ((3, 50), {"sequence_length": 16, "sequence_stride": 8, "fft_length": 16, "window": None}),
    ((3, 50), {"sequence_length": 8, "sequence_stride": 4, "fft_length": 8, "window": np.ones(8)}),
    ((3, 50), {"sequence_length": 16, "sequence_stride": 4, "fft_length": 16, "center": False}),
]


@pytest.mark.parametrize(("shape", "arguments"), TRANSFORMS)
def test_stft(keras, shape, arguments):
    x = draw(shape)
    spectrum = keras.ops.stft(keras.ops.convert_to_tensor(x), **arguments)
    found = ours.ops.stft(x, **arguments)
    assert_close(list(found), list(spectrum), rtol=1e-4, atol=1e-4)
    symbols = ours.ops.stft(ours.KerasTensor((None, *shape[1:])), **arguments)
    theirs = keras.ops.stft(keras.KerasTensor((None, *shape[1:])), **arguments)
    if len(shape) > 1:
        assert [one.shape for one in symbols] == [one.shape for one in theirs]
    for length in (None, 40):
        expected = keras.ops.istft(spectrum, **arguments, length=length)
        back = ours.ops.istft(found, **arguments, length=length)
        assert back.shape == expected.shape
        inner = slice(8, -8)  # at the ends both divide next to nothing by next to nothing
        assert_close(back[..., inner], expected[..., inner], rtol=1e-3, atol=1e-3)


BAD_TRANSFORMS = [
    (TypeError, "stft", np.arange(50), {}),
    (ValueError, "stft", draw((50,)), {"fft_length": 8}),
    (ValueError, "stft", draw((50,)), {"sequence_stride": 0}),
    (ValueError, "stft", draw((50,)), {"window": "kaiser"}),
    (ValueError, "stft", draw((50,)), {"window": np.ones(5)}),
    (ValueError, "istft", draw((50,)), {}),
    (ValueError, "istft", (draw((3, 9)), draw((4, 9))), {}),
    (ValueError, "istft", (draw((9,)), draw((9,))), {}),
    (ValueError, "istft", (draw((3, 9)), draw((3, 9))), {"window": "kaiser"}),
]


@pytest.mark.parametrize(("error", "name", "x", "arguments"), BAD_TRANSFORMS)
def test_bad_transforms(keras, error, name, x, arguments):
    given = {"sequence_length": 16, "sequence_stride": 4, "fft_length": 16, **arguments}
    with pytest.raises(error, match="Received"):
        getattr(ours.ops, name)(x, **given)


INITIALIZERS = [
    {}, {"side": "imag"}, {"window": None}, {"window": "hamming", "scaling": "spectrum"},
    {"periodic": True, "scaling": None}, {"window": "blackman"},
]  # fmt: skip


@pytest.mark.parametrize("arguments", INITIALIZERS)
def test_initializer(keras, arguments):
    theirs, mine = (lib.initializers.STFT(**arguments) for lib in (keras, ours))
    assert_close(mine((12, 1, 9)), np.asarray(theirs((12, 1, 9))), rtol=1e-4, atol=1e-5)
    assert mine.get_config() == theirs.get_config()
    assert json.loads(json.dumps(ours.initializers.serialize(mine)))["config"] == mine.get_config()
    for name in ("STFT", "stft", "STFTInitializer"):
        assert isinstance(ours.initializers.get(name), ours.initializers.STFT)


def test_pipeline(keras):
    def made(lib):
        layers = lib.layers
        inner = [layers.Rescaling(2.0), layers.Dropout(0.5, seed=3), layers.Activation("relu")]
        return layers.Pipeline(inner, name="it")

    x = draw((4, 3))
    theirs, mine = made(keras), made(ours)
    assert_close(mine(x, training=False), theirs(x, training=False))
    assert_close(mine(x), theirs(x))  # `training` is True unless said otherwise
    again = ours.layers.Pipeline.from_config(json.loads(json.dumps(mine.get_config())))
    assert_close(again(x, training=False), mine(x, training=False))
    assert [one.name for one in again.layers] == [one.name for one in mine.layers]
    assert set(mine.get_config()) == set(theirs.get_config())
    model = ours.Sequential([ours.Input((3,)), mine])
    assert_close(model.predict(x, verbose=0), mine(x, training=False))
    with pytest.raises(ValueError, match="Received"):
        ours.layers.Pipeline.from_config({"name": "x"})


def test_pipeline_of_strings():
    lookup = ours.layers.StringLookup(vocabulary=["a", "b"])
    pipeline = ours.layers.Pipeline([lookup, ours.layers.CategoryEncoding(3)])
    assert pipeline([["a", "z"], ["b", "b"]]).tolist() == [[1, 1, 0], [0, 0, 1]]


BAD = [
    {"mode": "x"}, {"frame_step": 0}, {"frame_length": 8, "frame_step": 9},
    {"frame_length": 16, "fft_length": 8}, {"scaling": "x"}, {"padding": "causal"},
    {"window": "x"},
]  # fmt: skip


@pytest.mark.parametrize("arguments", BAD)
def test_bad_arguments(keras, arguments):
    with pytest.raises(ValueError):  # noqa: PT011  (its own words)
        keras.layers.STFTSpectrogram(**arguments)
    with pytest.raises(ValueError, match="Received"):
        ours.layers.STFTSpectrogram(**arguments)


def test_other_complaints(keras):
    with pytest.raises(ValueError, match="Received"):
        ours.layers.MelSpectrogram(fft_length=16, sequence_length=32)
    with pytest.raises(TypeError, match="Received"):
        ours.layers.STFTSpectrogram(**SMALL, dtype="bfloat16")(draw((2, 40, 3)))
    with pytest.raises(ValueError, match="Received"):
        ours.initializers.STFT(side="both")
    with pytest.raises(ValueError, match="Received"):
        ours.initializers.STFT(window=[1.0, 2.0])((3, 1, 3))
    with pytest.warns(UserWarning, match="power of two"):
        ours.layers.STFTSpectrogram(frame_length=8, fft_length=12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(flat(ours.layers.STFTSpectrogram(**SMALL)(draw((2, 40, 3))))) == 1
