"""Cases of layers, products, losses and random draws, with shapes from real models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.kernels.cases.case import BATCH, SEED, Case, Input, bools, floats, given, ints
from graphc.kernels.reference import activation

PROBABILITY = {"low": 0.05, "high": 1.0}


# Window attributes, the input's shape after the batch, and the kernel: name -> all three.
CONVOLUTIONS: dict[str, tuple[dict[str, Any], tuple[int, ...], tuple[int, ...]]] = {
    "mnist_1": ({}, (28, 28, 1), (3, 3, 1, 32)),
    "mnist_2": ({}, (26, 26, 32), (3, 3, 32, 64)),
    "cifar_rgb": ({"padding": "same"}, (32, 32, 3), (3, 3, 3, 32)),
    "resnet_1x1": ({}, (14, 14, 64), (1, 1, 64, 128)),
    "resnet_stride": ({"padding": "same", "strides": 2}, (28, 28, 32), (3, 3, 32, 64)),
    "text_1d": ({"padding": "causal", "dilation_rate": 2}, (64, 16), (3, 16, 32)),
    "volume": ({"padding": "same"}, (6, 7, 8, 3), (2, 3, 2, 3, 4)),
    "even_stride": ({"padding": "valid", "strides": (2, 3)}, (9, 11, 4), (2, 4, 4, 6)),
}
POOLS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "mnist_1": ({"pool_size": 2}, (26, 26, 32)),
    "mnist_2": ({"pool_size": 2}, (11, 11, 64)),
    "strided": ({"pool_size": 3, "strides": 2, "padding": "same"}, (13, 13, 8)),
    "text_1d": ({"pool_size": 4, "strides": 4, "padding": "valid"}, (64, 16)),
    "volume": ({"pool_size": (2, 1, 3)}, (5, 6, 7, 3)),
    "first": ({"pool_size": 2, "data_format": "channels_first"}, (3, 9, 8)),
}
BENCHED = ("mnist_1", "mnist_2", "cifar_rgb", "resnet_1x1", "resnet_stride", "text_1d")


def _convolutions() -> list[Case]:
    cases: list[Case] = []
    for name, (attrs, shape, kernel) in CONVOLUTIONS.items():
        inputs = (floats(BATCH, *shape), floats(*kernel, low=-0.2, high=0.2), floats(kernel[-1]))
        batch = 128 if name in BENCHED else 4
        cases.append(Case("nn.conv", name, inputs, attrs, batch, 1e-4, name in BENCHED))
    image = floats(BATCH, 8, 8, 6)
    same = {"padding": "same"}
    return [
        *cases,
        Case("nn.conv", "groups", (image, floats(3, 3, 3, 4), None), {"groups": 2}),
        Case("nn.conv", "first", (image, floats(3, 3, 8, 4), None),
             {"data_format": "channels_first"}),
        Case("nn.depthwise_conv", "mobilenet", (image, floats(3, 3, 6, 1), None), same),
        Case("nn.separable_conv", "xception",
             (image, floats(3, 3, 6, 1), floats(1, 1, 6, 8), floats(8)), same),
        Case("nn.conv_transpose", "decoder",
             (image, floats(3, 3, 5, 6), floats(5)), {"padding": "same", "strides": 2}),
    ]  # fmt: skip


def _pools() -> list[Case]:
    cases = [
        Case(f"nn.{kind}_pool", name, (floats(BATCH, *shape),), attrs,
             128 if name in BENCHED else 4, bench=name in BENCHED)
        for name, (attrs, shape) in POOLS.items()
        for kind in ("max", "average")
    ]  # fmt: skip
    # Few distinct values: windows hold ties, whose gradient must go to the first.
    ties = Input((BATCH, 8, 8, 3), low=0, high=2, whole=True)
    cases.append(Case("nn.max_pool", "ties", (ties,), {"pool_size": 2}))
    adaptive = (floats(BATCH, 7, 9, 3),)
    return [
        *cases,
        *(
            Case(f"nn.adaptive_{kind}_pool", "uneven", adaptive, {"output_size": (3, 4)})
            for kind in ("max", "average")
        ),
    ]


def _normalizations() -> list[Case]:
    image, tokens = floats(BATCH, 5, 6, 4), floats(BATCH, 64, 128)
    four, many = floats(4), floats(128)
    variance = floats(4, low=0.5, high=2.0)
    return [
        Case("nn.moments", "features", (image,), {"axes": (1, 2)}),
        Case("nn.moments", "batch", (image,), {"axes": (0, 1, 2)}),
        Case("nn.batch_norm", "image", (image, four, variance, four, four), {"axis": -1}),
        Case("nn.batch_norm", "plain", (image, four, variance, None, None), {"axis": -1}),
        Case("nn.batch_norm_train", "image", (image, four, four), {"axis": -1}),
        Case("nn.layer_norm", "gpt", (tokens, many, many), {"axis": -1}, 32, bench=True),
        Case("nn.layer_norm", "plain", (image, None, None), {"axis": (2, 3)}),
        Case("nn.layer_norm", "rms", (image, four, None), {"axis": -1, "rms_scaling": True}),
        Case("nn.rms_norm", "llama", (tokens, many), {"axis": -1}, 32, bench=True),
    ]


def _losses() -> list[Case]:
    classes, logits = ints(BATCH, high=10), floats(BATCH, 10)
    probabilities = floats(BATCH, 10, **PROBABILITY)
    cases: list[Case] = []
    for from_logits, output in ((True, logits), (False, probabilities)):
        name = "logits" if from_logits else "probabilities"
        attrs = {"from_logits": from_logits}
        sparse = "nn.sparse_categorical_crossentropy"
        cases += [
            Case(sparse, name, (classes, output), attrs, 128, bench=from_logits),
            Case(sparse, f"{name}_column", (ints(BATCH, 1, high=10), output), attrs),
            Case("nn.categorical_crossentropy", name, (probabilities, output), attrs),
            Case("nn.binary_crossentropy", name, (probabilities, output), attrs),
        ]
    return [*cases, *_large_vocabularies()]


def _large_vocabularies() -> list[Case]:
    """Logits of many classes, as they are and of a layer; some targets are no class."""
    sparse, linear = "nn.sparse_categorical_crossentropy", "nn.linear_crossentropy"
    logits, unknown = {"from_logits": True}, ints(BATCH, 7, low=-3, high=17)
    tokens, kernel = floats(BATCH, 7, 5), floats(5, 13)
    return [
        Case("nn.binary_crossentropy", "pictures",
             (floats(BATCH, 28, 28, 1, low=0.0, high=1.0), floats(BATCH, 28, 28, 1, low=-9.0,
              high=9.0)), logits, 128, bench=True),
        Case(sparse, "unknown", (unknown, floats(BATCH, 7, 13)), logits),
        Case(sparse, "vocabulary", (ints(BATCH, high=16384), floats(BATCH, 16384)), logits, 2048,
             bench=True),
        Case(linear, "tokens", (tokens, kernel, floats(13), ints(BATCH, 7, high=13))),
        Case(linear, "unknown", (tokens, kernel, None, unknown)),
        Case(linear, "column", (floats(BATCH, 5), kernel, floats(13), ints(BATCH, 1, high=13))),
        *(
            Case(linear, f"words_{count}",
                 (floats(BATCH, 256, low=-1.0, high=1.0), floats(256, count, low=-0.1, high=0.1),
                  floats(count), ints(BATCH, high=count)), {}, 2048, 1e-4, bench=True)
            for count in (16384, 32000)
        ),
    ]  # fmt: skip


ACTIVATION_ATTRS: Mapping[str, dict[str, Any]] = {
    "leaky_relu": {"negative_slope": 0.2},
    "threshold": {"threshold": 0.3, "default_value": -1.0},
    "relu": {"negative_slope": 0.1, "max_value": 1.5, "threshold": 0.2},
    "gelu": {"approximate": False},
}


def _activations() -> list[Case]:
    names = (
        *activation.UNIFORM, "relu", "relu6", "tanh_shrink", "soft_shrink", "hard_shrink",
        "threshold", "sparsemax",
    )  # fmt: skip
    x = floats(BATCH, 3, 8, low=-4.0, high=7.0)
    return [
        *(Case(f"nn.{name}", "features", (x,), ACTIVATION_ATTRS.get(name, {})) for name in names),
        *(Case(f"nn.{n}", "batch", (x,), {"axis": 0}) for n in ("softmax", "log_softmax")),
        Case("nn.relu", "plain", (x,)),
        Case("nn.softmax", "attention", (floats(BATCH, 8, 64, 64),), {}, 16, bench=True),
        Case("nn.prelu", "features", (x, floats(8))),
    ]


def _products() -> list[Case]:
    matrix, square = floats(BATCH, 5), floats(BATCH, 4, 4)
    einsum = "linalg.einsum"
    return [
        Case("nn.dense", "mlp", (floats(BATCH, 784), floats(784, 128), floats(128)), {}, 128,
             1e-4, bench=True),
        Case("nn.dense", "sequence", (floats(BATCH, 3, 5), floats(5, 7), None)),
        Case("linalg.matmul", "vectors", (matrix, floats(5, 3))),
        Case("linalg.matmul", "batched", (square, floats(BATCH, 4, 3))),
        Case("linalg.matmul", "broadcast", (matrix, floats(2, 5, 3))),
        Case("linalg.matmul", "over_batch", (floats(3, 4), matrix)),
        Case("linalg.matmul", "weights", (floats(BATCH), matrix)),
        Case("linalg.dot", "vectors", (matrix, floats(5, 3))),
        Case("linalg.dot", "weights", (floats(BATCH), matrix)),
        Case("linalg.tensordot", "last", (square, floats(4, 3)), {"axes": 1}),
        Case("linalg.tensordot", "over_batch", (matrix, floats(BATCH, 3)), {"axes": ((0,), (0,))}),
        Case(einsum, "attention", (square, floats(BATCH, 3, 4)), {"subscripts": "bqd,bkd->bqk"}),
        Case(einsum, "projection", (square, floats(4, 2, 3)), {"subscripts": "abc,cde->abde"}),
        Case(einsum, "over_batch", (matrix, floats(BATCH, 3)), {"subscripts": "bi,bj->ij"}),
        Case(einsum, "moved", (matrix, floats(5)), {"subscripts": "bi,i->ib"}),
        Case(einsum, "ellipsis", (square, floats(4, 3)), {"subscripts": "...i,ij"}),
        Case("linalg.outer", "vectors", (floats(BATCH), floats(3))),
        Case("linalg.inner", "vectors", (matrix, floats(3, 5))),
        Case("linalg.vdot", "matrices", (matrix, matrix)),
        Case("linalg.kron", "matrices", (floats(2, 3), floats(3, 2))),
        Case("linalg.cross", "vectors", (floats(BATCH, 3), floats(BATCH, 3))),
        Case("linalg.trace", "matrices", (square,), {"axis1": 1, "axis2": 2}),
        Case("linalg.trace", "batch", (square,)),
        Case("linalg.norm", "rows", (matrix,), {"axis": 1}),
        Case("linalg.norm", "all", (matrix,)),
        Case("linalg.corrcoef", "rows", (matrix,)),
        Case("linalg.correlate", "valid", (floats(7), floats(3)), {"mode": "valid"}),
        Case("linalg.cdist", "points", (square, floats(BATCH, 3, 4))),
    ]  # fmt: skip


def _decompositions() -> list[Case]:
    root = np.random.default_rng(9).uniform(-1.0, 1.0, (3, 4, 4))
    definite = given(root @ root.transpose(0, 2, 1) + 2.0 * np.eye(4))
    one = given((root @ root.transpose(0, 2, 1) + 2.0 * np.eye(4))[0])
    names = ("det", "slogdet", "inv", "pinv", "cholesky", "qr", "svd", "eigh", "lu_factor")
    return [
        *(Case(f"linalg.{name}", "definite", (definite,)) for name in (*names, "matrix_rank")),
        Case("linalg.eig", "definite", (one,)),
        Case("linalg.cholesky_inverse", "factor", (one,)),
        Case("linalg.solve", "matrix", (one, floats(4, 2))),
        Case("linalg.solve_triangular", "matrix", (one, floats(4, 2)), {"lower": True}),
        Case("linalg.lstsq", "matrix", (one, floats(4, 2))),
    ]


def _draws() -> list[Case]:
    shaped = {"shape": (8, 3), "dtype": "float32"}
    one, two = given(0.7), given(1.3)
    return [
        *(
            Case(f"random.{name}", "matrix", (SEED, one, two), shaped)
            for name in ("uniform", "normal", "truncated_normal", "beta")
        ),
        Case("random.bernoulli", "matrix", (SEED, one), {"shape": (8, 3)}),
        Case("random.randint", "matrix", (SEED, given(0, "int32"), given(9, "int32")),
             {"shape": (8, 3)}),
        Case("random.gamma", "matrix", (SEED, one), shaped),
        Case("random.binomial", "matrix", (SEED, given(9.0), one), shaped),
        Case("random.categorical", "rows", (SEED, floats(BATCH, 5)), {"num_samples": 3}),
        Case("random.shuffle", "rows", (SEED, floats(BATCH, 3))),
        Case("nn.dropout", "features", (floats(BATCH, 64, 128), SEED, given(0.3)), {}, 32,
             bench=True),
        Case("nn.dropout", "shared", (floats(BATCH, 4, 3), SEED, given(0.3)),
             {"noise_shape": (None, 1, None)}),
    ]  # fmt: skip


def _others() -> list[Case]:
    x = floats(BATCH, 3)
    signal = floats(BATCH, 64)
    spectrum = floats(BATCH, 17, 9)
    window = given(np.hanning(12))
    frame = {"sequence_length": 12, "sequence_stride": 4, "fft_length": 16}
    return [
        Case("core.cast", "int", (x,), {"dtype": "int32"}),
        Case("core.saturate_cast", "uint8", (floats(BATCH, 3, low=-300, high=600),),
             {"dtype": "uint8"}),
        Case("core.identity", "rows", (x,)),
        Case("core.stop_gradient", "rows", (x,)),
        Case("core.bitcast", "int", (x,), {"dtype": "int32"}),
        Case("nn.embedding", "words", (ints(BATCH, 64, high=1000), floats(1000, 64)), {}, 32,
             bench=True),
        *_bags(),
        *(Case(f"signal.{n}", "rows", (signal, signal)) for n in ("fft", "ifft", "irfft")),
        *(Case(f"signal.{n}", "images", (spectrum, spectrum)) for n in ("fft2", "ifft2")),
        Case("signal.rfft", "rows", (signal,)),
        Case("signal.extract_sequences", "rows", (signal,),
             {"sequence_length": 8, "sequence_stride": 3}),
        Case("signal.stft", "rows", (signal, window), frame),
        Case("signal.istft", "rows", (spectrum, spectrum, window), frame),
    ]  # fmt: skip


def model_cases() -> tuple[Case, ...]:
    """Cases for `nn`, `linalg`, `random`, `signal` and `core`."""
    return (
        *_convolutions(),
        *_pools(),
        *_normalizations(),
        *_losses(),
        *_activations(),
        *_products(),
        *_decompositions(),
        *_draws(),
        *_others(),
    )


def _bags() -> tuple[Case, ...]:
    """Bags of words: few and many of them, with ids from the end and unknown ones, and masked."""
    op, odd = "nn.embedding_bag", {"low": -70, "high": 65}
    reviews = (ints(BATCH, 256, high=10000), floats(10000, 16), None)
    return (
        Case(op, "words", (ints(BATCH, 11, high=60), floats(60, 5), None), {"combiner": "mean"}),
        Case(op, "unknown", (ints(BATCH, 3, **odd), floats(60, 5), None)),
        Case(op, "unknown_batch", (ints(40, 3, **odd), floats(60, 5), None)),
        Case(op, "masked", (ints(BATCH, 11, high=60), floats(60, 5), bools(BATCH, 11))),
        Case(op, "masked_batch", (ints(40, 19, **odd), floats(60, 5), bools(40, 19)),
             {"combiner": "mean"}),
        Case(op, "reviews", reviews, {"combiner": "mean"}, 512, bench=True),
    )  # fmt: skip
