"""`graphc.keras.ops.image` against Keras's own functions: numbers, shapes, dtypes and errors."""

from __future__ import annotations

import inspect
from importlib import import_module

import jax.numpy as jnp
import numpy as np
import pytest

from graphc.keras import KerasTensor, ops
from graphc.keras.engine.scope import TraceScope, entered
from graphc.lower import default_target, lower, plan
from graphc.spec import spec_of

keras = import_module("keras")
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64 requested in ShapeDtypeSt"),
]
NAMES = [name for name in dir(keras.ops.image) if not name.startswith("_")]
RNG = np.random.default_rng(0)
LAST = RNG.normal(size=(2, 9, 7, 3)).astype("float32")
FIRST = np.ascontiguousarray(LAST.transpose(0, 3, 1, 2))
COLORS = RNG.uniform(size=(2, 5, 4, 3)).astype("float32")
COLORS[0, 0, 0] = 0.0
COLORS[0, 1] = COLORS[0, 1, :, :1]  # grey
BYTES = RNG.integers(0, 256, (2, 9, 7, 3)).astype("uint8")
HALF = LAST.astype(jnp.bfloat16)
VOLUME = RNG.normal(size=(2, 4, 5, 6, 2)).astype("float32")
LARGE = RNG.uniform(size=(2, 13, 12, 2)).astype("float32")
MOVES = (RNG.normal(size=(2, 8)) * 0.2 + [1, 0, 1, 0, 1, -1, 0, 0]).astype("float32")
MOVES[:, 6:] = 0
TILTS = MOVES + np.array([0] * 6 + [0.1, -0.2], "float32")
STARTS = np.array([[[0, 0], [6, 0], [0, 8], [6, 8]]] * 2, "float32")
ENDS = STARTS + RNG.normal(size=STARTS.shape).astype("float32")
PLACES = RNG.uniform(-3, 11, size=(2, 6)).astype("float32")
F = {"data_format": "channels_first"}
MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
HOW = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")

CASES = [
    *(("resize", (LAST, (5, 11)), {"interpolation": how}) for how in HOW),
    *(("resize", (BYTES, (5, 11)), {"interpolation": how}) for how in HOW),
    *(
        ("resize", (images, (5, 11)), {"interpolation": how, "antialias": True})
        for how in HOW
        for images in (LAST, BYTES)
    ),
    ("resize", (HALF, [12, 4]), {}),
    ("resize", (FIRST, (12, 4)), F),
    ("resize", (LAST[0], (12, 4)), {}),
    ("resize", (FIRST[0], (12, 4)), F),
    ("resize", (LAST.astype("int32"), (12, 4)), {}),
    *(
        ("resize", (images, size), {flag: True, **extra})
        for flag in ("crop_to_aspect_ratio", "pad_to_aspect_ratio")
        for size in ((4, 12), (12, 4), (9, 7))
        for images, extra in (
            (LAST, {}), (LAST[0], {"fill_value": 2.5}), (BYTES, {"fill_value": 7}), (FIRST, F),
            (FIRST[0], F), (BYTES, {"interpolation": "nearest"}),
        )
    ),
    *(("affine_transform", (LAST, MOVES), {"fill_mode": m}) for m in MODES),
    *(("affine_transform", (LAST, TILTS), {"fill_mode": m}) for m in MODES),
    *(
        ("affine_transform", (LAST, MOVES), {"fill_mode": m, "interpolation": "nearest"})
        for m in MODES
    ),
    ("affine_transform", (LAST, MOVES), {"fill_value": 1.5}),
    ("affine_transform", (LAST[0], MOVES[0]), {}),
    ("affine_transform", (FIRST, MOVES), F),
    ("affine_transform", (FIRST[0], MOVES[0]), F),
    ("affine_transform", (BYTES, MOVES), {"fill_value": 3}),
    ("affine_transform", (HALF, MOVES), {"fill_mode": "reflect"}),
    ("perspective_transform", (LAST, STARTS, ENDS), {}),
    ("perspective_transform", (LAST, STARTS, ENDS), {"interpolation": "nearest", "fill_value": 2}),
    ("perspective_transform", (LAST[0], STARTS[0], ENDS[0]), {}),
    ("perspective_transform", (FIRST, STARTS, ENDS), F),
    ("perspective_transform", (BYTES, STARTS, ENDS), {}),
    *(
        ("map_coordinates", (LAST[0, :, :, 0], PLACES, order), {"fill_mode": m, "fill_value": 0.5})
        for m in MODES
        for order in (0, 1)
    ),
    ("map_coordinates", (BYTES[0, :, :, 0], PLACES, 1), {}),
    ("map_coordinates", (LAST[0], RNG.uniform(0, 3, (3, 2, 4)).astype("float32"), 1), {}),
    ("extract_patches", (LAST, 3), {}),
    ("extract_patches", (LAST, (3, 2)), {}),
    ("extract_patches", (LAST, (3, 2)), {"strides": (1, 2), "padding": "same"}),
    ("extract_patches", (LAST, [2, 2]), {"strides": 1, "dilation_rate": 2}),
    ("extract_patches", (LAST, 2), {"padding": "same"}),
    ("extract_patches", (LAST[0], 2), {}),
    ("extract_patches", (LAST[0], 2), {"strides": 1}),
    ("extract_patches", (FIRST, (3, 2)), F),
    ("extract_patches", (FIRST[0], (3, 2)), {"strides": 1, **F}),
    ("extract_patches", (HALF, 2), {"strides": 1}),
    ("extract_patches", (VOLUME, (2, 2, 3)), {}),
    ("extract_patches_3d", (VOLUME, 2), {}),
    ("extract_patches_3d", (VOLUME, (2, 1, 3)), {"strides": (1, 2, 1), "padding": "same"}),
    ("extract_patches_3d", (VOLUME[0], (2, 1, 3)), {"strides": 1}),
    ("extract_patches_3d", (VOLUME.transpose(0, 4, 1, 2, 3), (2, 1, 3)), F),
    ("pad_images", (LAST, 1, 2), {"target_height": 12, "target_width": 11}),
    ("pad_images", (LAST, 1, 2, 3, 0), {}),
    ("pad_images", (FIRST[0],), {"bottom_padding": 1, "right_padding": 2, "target_height": 12,
                                 "target_width": 11, **F}),
    ("pad_images", (BYTES, 1, 2, 3, 0), {}),
    ("crop_images", (LAST, 1, 2), {"target_height": 5, "target_width": 3}),
    ("crop_images", (LAST, 1, 2, 3, 0), {}),
    ("crop_images", (FIRST[0],), {"bottom_cropping": 1, "right_cropping": 2, "target_height": 5,
                                  "target_width": 3, **F}),
    ("crop_images", (BYTES, 1, 2, 3, 0), {}),
    *((name, (COLORS,), {}) for name in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb")),
    *((name, (COLORS[0],), {}) for name in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb")),
    *(
        (name, (COLORS.transpose(0, 3, 1, 2),), F)
        for name in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb")
    ),
    *(
        (name, (COLORS.astype(jnp.bfloat16),), {})
        for name in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb")
    ),
    ("rgb_to_grayscale", (BYTES,), {}),
    ("rgb_to_grayscale", (BYTES[..., :1],), {}),
    ("gaussian_blur", (LAST,), {"data_format": "channels_last"}),
    ("gaussian_blur", (LAST[0], (5, 3), (0.7, 1.5)), {"data_format": "channels_last"}),
    ("gaussian_blur", (FIRST, (5, 3), (0.7, 1.5)), F),
    ("gaussian_blur", (HALF,), {"data_format": "channels_last"}),
    *(
        ("elastic_transform", (images,), {"alpha": 3.0, "sigma": 0.8, "seed": 5, **extra})
        for images, extra in (
            (LAST, {}), (LAST[0], {}), (FIRST, F), (LAST, {"interpolation": "nearest"}),
            (LAST, {"fill_mode": "constant", "fill_value": 1.0}),
        )
    ),
    ("scale_and_translate", (LAST, (2, 8, 8, 3), np.array([2.0, 1.5], "float32"),
                             np.array([-1.0, 0.5], "float32"), (1, 2), "linear"), {}),
    ("scale_and_translate", (LAST, (2, 8, 8, 3), np.array([0.5, 1.5], "float32"),
                             np.array([1.0, 0.5], "float32"), (1, 2), "lanczos3"),
     {"antialias": False}),
    ("sobel_edges", (LAST,), {}),
    ("sobel_edges", (FIRST,), F),
    ("ssim", (LARGE, LARGE[::-1]), {}),
    ("ssim", (LARGE[0], LARGE[1]), {"filter_size": 5, "filter_sigma": 1.0, "k1": 0.02, "k2": 0.05}),
    ("ssim", (LARGE.transpose(0, 3, 1, 2), LARGE[::-1].transpose(0, 3, 1, 2)), F),
    ("ssim", ((LARGE * 255).astype("uint8"), (LARGE * 200).astype("uint8")), {"max_val": 255}),
]  # fmt: skip
IDS = [f"{number}-{case[0]}" for number, case in enumerate(CASES)]
FIRSTS = {case[0]: number for number, case in reversed(list(enumerate(CASES)))}
# The whole suite runs all; the quick one the first of each function and every fifth.
SAMPLED = [
    pytest.param(
        case,
        id=name,
        marks=() if number % 5 == 0 or FIRSTS[case[0]] == number else pytest.mark.slow,
    )
    for number, (case, name) in enumerate(zip(CASES, IDS, strict=True))
]


def assert_same(ours, theirs) -> None:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    narrow = theirs.dtype.name in ("bfloat16", "float16")
    limits = {"rtol": 1e-2, "atol": 1e-2} if narrow else {"rtol": 1e-5, "atol": 2e-5}
    np.testing.assert_allclose(ours.astype("float64"), theirs.astype("float64"), **limits)


def tensors_of(args):
    return [arg for arg in args if isinstance(arg, np.ndarray)]


def with_tensors(args, tensors):
    found = iter(tensors)
    return [next(found) if isinstance(arg, np.ndarray) else arg for arg in args]


@pytest.mark.parametrize("name", NAMES)
def test_signature(name):
    mine, theirs = getattr(ops.image, name), getattr(keras.ops.image, name)
    described = [(p.name, p.default, p.kind) for p in inspect.signature(mine).parameters.values()]
    expected = [(p.name, p.default, p.kind) for p in inspect.signature(theirs).parameters.values()]
    assert described == expected


@pytest.mark.parametrize("case", SAMPLED)
def test_eager(case):
    name, args, kwargs = case
    expected = getattr(keras.ops.image, name)(*args, **kwargs)
    assert_same(getattr(ops.image, name)(*args, **kwargs), expected)


@pytest.mark.parametrize("case", SAMPLED)
def test_symbolic_and_traced(case):
    name, args, kwargs = case
    function = getattr(ops.image, name)
    eager = function(*args, **kwargs)
    scope = TraceScope()
    with entered(scope):
        symbols = [scope.input(spec_of(x)) for x in tensors_of(args)]
        result = function(*with_tensors(args, symbols), **kwargs)
    assert (result.shape, result.dtype) == (eager.shape, str(eager.dtype))
    unknown = [KerasTensor(x.shape, str(x.dtype)) for x in tensors_of(args)]
    found = function(*with_tensors(args, unknown), **kwargs)
    assert (found.shape, found.dtype) == (eager.shape, str(eager.dtype))


@pytest.mark.parametrize("case", CASES[::9], ids=IDS[::9])
def test_compiled(case):
    name, args, kwargs = case
    function = getattr(ops.image, name)
    scope = TraceScope()
    with entered(scope):
        symbols = [scope.input(spec_of(x)) for x in tensors_of(args)]
        result = function(*with_tensors(args, symbols), **kwargs)
    graph = scope.builder.finish([scope.as_value(result)], scope.updates())
    found, _ = lower(graph, plan(graph, default_target()))((), (), tuple(tensors_of(args)))
    assert_same(found[0], function(*args, **kwargs))


UNKNOWN = [
    ("resize", (None, None, None, 3), ((4, 5),), {"crop_to_aspect_ratio": True}),
    ("resize", (None, 3, 8, 8), ((4, 5),), F),
    ("affine_transform", (None, 8, 8, 3), (KerasTensor((None, 8)),), {}),
    ("extract_patches", (None, 8, 9, 3), (2,), {}),
    ("extract_patches", (None, None, None, 3), (2,), {"strides": 1, "padding": "same"}),
    ("pad_images", (None, None, None, 3), (1, 1), {"target_height": 9, "target_width": 9}),
    ("pad_images", (None, None, 8, 3), (1, 1, 2, 2), {}),
    ("crop_images", (None, None, None, 3), (1, 1), {"target_height": 9, "target_width": 9}),
    ("rgb_to_grayscale", (None, None, 8, 3), (), {}),
    ("rgb_to_hsv", (None, 3, None, 8), (), F),
    ("gaussian_blur", (None, 8, 8, 3), (), {}),
    ("elastic_transform", (None, 8, 8, 3), (), {"seed": 1}),
    ("sobel_edges", (None, 8, 8, 3), (), {}),
    ("ssim", (None, 16, 16, 3), (KerasTensor((None, 16, 16, 3)),), {}),
]


def theirs_of(value):
    return keras.KerasTensor(value.shape) if isinstance(value, KerasTensor) else value


@pytest.mark.parametrize("case", UNKNOWN, ids=[str(c[0]) for c in UNKNOWN])
def test_unknown_sizes(case):
    name, shape, args, kwargs = case
    found = getattr(ops.image, name)(KerasTensor(shape), *args, **kwargs)
    expected = getattr(keras.ops.image, name)(
        keras.KerasTensor(shape), *map(theirs_of, args), **kwargs
    )
    assert (found.shape, found.dtype) == (tuple(expected.shape), expected.dtype)


FLAT = np.ones((3, 3), "float32")
BAD = [
    ("resize", (LAST, (1, 2, 3)), {}),
    ("resize", (LAST, (0, 2)), {}),
    ("resize", (FLAT, (1, 2)), {}),
    ("resize", (LAST, (1, 2)), {"interpolation": "cubic"}),
    ("resize", (LAST, (1, 2)), {"fill_mode": "reflect"}),
    ("resize", (LAST, (1, 2)), {"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}),
    ("resize", (LAST, (1, 2)), {"data_format": "last"}),
    ("affine_transform", (LAST, MOVES), {"interpolation": "bicubic"}),
    ("affine_transform", (LAST, MOVES), {"fill_mode": "zero"}),
    ("affine_transform", (FLAT, MOVES), {}),
    ("affine_transform", (LAST, MOVES[None]), {}),
    ("perspective_transform", (LAST, STARTS, ENDS[0]), {}),
    ("perspective_transform", (LAST, STARTS[:, :3], ENDS), {}),
    ("perspective_transform", (LAST, STARTS, ENDS), {"interpolation": "bicubic"}),
    ("perspective_transform", (FLAT, STARTS, ENDS), {}),
    ("map_coordinates", (LAST, PLACES, 1), {}),
    ("map_coordinates", (FLAT, np.ones(2, "float32"), 1), {}),
    ("map_coordinates", (FLAT, PLACES, 2), {}),
    ("map_coordinates", (FLAT, PLACES, 1), {"fill_mode": "zero"}),
    ("extract_patches", (LAST, (1, 2, 3, 4)), {}),
    ("pad_images", (LAST, 1, 2, 3), {}),
    ("pad_images", (LAST, 1, 2, 3, 4), {"target_height": 20}),
    ("pad_images", (LAST, 1, -2, 3, 4), {}),
    ("pad_images", (LAST, 1, 2), {"target_height": 3, "target_width": 20}),
    ("crop_images", (LAST, 1, 2, 3), {}),
    ("crop_images", (LAST, 1, 2), {"target_height": 20, "target_width": 2, "bottom_cropping": 1}),
    ("crop_images", (LAST, 8, 0, 8, 0), {}),
    ("rgb_to_grayscale", (LAST[..., :2],), {}),
    ("rgb_to_grayscale", (FLAT,), {}),
    ("rgb_to_hsv", (BYTES,), {}),
    ("hsv_to_rgb", (FLAT,), {}),
    ("gaussian_blur", (FLAT,), {}),
    ("elastic_transform", (LAST,), {"interpolation": "bicubic"}),
    ("elastic_transform", (LAST,), {"fill_mode": "zero"}),
    ("scale_and_translate", (LAST, LAST.shape, 1.0, 1.0, (1,), "area"), {}),
    ("ssim", (FLAT, LARGE), {}),
]


@pytest.mark.parametrize("case", BAD, ids=[f"{n}-{c[0]}" for n, c in enumerate(BAD)])
def test_errors(case):
    name, args, kwargs = case
    theirs = getattr(keras.ops.image, name)
    with pytest.raises(Exception, match=r".") as raised:
        theirs(*args, **kwargs)
    assert raised.type is ValueError
    with pytest.raises(ValueError, match="Received"):
        getattr(ops.image, name)(*args, **kwargs)


def test_a_size_of_patches_that_is_no_number():
    for library in (keras.ops, ops):
        with pytest.raises(TypeError, match="Received"):
            library.image.extract_patches(LAST, "3")


def test_the_default_layout_is_that_of_the_configuration():
    same = ops.image.gaussian_blur(LAST, data_format="channels_last")
    np.testing.assert_array_equal(ops.image.gaussian_blur(LAST), same)
