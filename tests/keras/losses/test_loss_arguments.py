"""The dtype of losses, and what they refuse, against real Keras."""

import numpy as np
import pytest

from graphc import keras as ours
from graphc.keras import losses
from tests.keras.losses.test_loss_oracle import (
    APART,
    INDEX,
    PICK,
    REAL,
    WORDS,
    YES_NO,
    B,
    T,
    rng,
    scores,
)

pytestmark = pytest.mark.oracle

CASES = [
    ("MeanSquaredError", REAL[0]),
    ("Huber", REAL[3]),
    ("BinaryCrossentropy", YES_NO[0]),
    ("CategoricalCrossentropy", PICK[0]),
    ("SparseCategoricalCrossentropy", INDEX[0]),
    ("CosineSimilarity", REAL[0]),
    ("Dice", YES_NO[0]),
]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_bfloat16"])
@pytest.mark.parametrize(("name", "pair"), CASES, ids=[name for name, _ in CASES])
def test_dtype_equals_keras(keras, name, pair, dtype):
    def made(library):
        wanted = library.DTypePolicy(dtype) if dtype.startswith("mixed") else dtype
        return getattr(library.losses, name)(dtype=wanted)

    mine, theirs = made(ours), made(keras)
    assert mine.dtype == theirs.dtype
    result, expected = np.asarray(mine(*pair)), np.asarray(theirs(*pair))
    assert result.dtype == expected.dtype
    assert np.allclose(result.astype("f8"), expected.astype("f8"), rtol=2e-2, atol=1e-2)


def test_functions_equal_keras(keras):
    y_true, y_pred = WORDS[0]
    labels, embeddings = APART[0]
    refs = scores(9, 4) / np.linalg.norm(scores(9, 4), axis=1, keepdims=True)
    calls = [
        lambda k: k.losses.ctc(y_true, y_pred),
        lambda k: k.losses.circle(labels, embeddings, gamma=10.0),
        lambda k: k.losses.circle(
            labels, embeddings, rng(1).integers(0, 5, 9), refs, remove_diagonal=False
        ),
        lambda k: k.losses.categorical_generalized_cross_entropy(*INDEX[0], q=0.3),
        lambda k: k.metrics.pearson_correlation(*REAL[3]),
        lambda k: k.metrics.concordance_correlation(*REAL[3], axis=(1, 2)),
    ]
    for call in calls:
        result, expected = np.asarray(call(ours)), np.asarray(call(keras))
        assert result.dtype == expected.dtype
        assert np.allclose(result, expected, rtol=1e-5, atol=1e-5)


def test_generalized_crossentropy_takes_a_column_of_classes():
    loss = losses.CategoricalGeneralizedCrossEntropy(reduction=None)
    assert np.array_equal(loss(*INDEX[1]), loss(INDEX[1][0][:, 0], INDEX[1][1]))


REFUSED = [
    lambda k: k.losses.CTC()(np.ones((B, T, 2)), scores(B, T, 3)),
    lambda k: k.losses.ctc(np.ones(B), scores(B, T, 3)),
    lambda k: k.losses.ctc(np.ones((B, 2)), scores(B, 3)),
    lambda k: k.losses.CategoricalGeneralizedCrossEntropy(q=1.0),
    lambda k: k.losses.MeanSquaredError(reduction="average"),
    lambda k: k.losses.get("no_such_loss"),
]


@pytest.mark.parametrize("call", REFUSED, ids=range(len(REFUSED)))
def test_refused_as_by_keras(keras, call):
    with pytest.raises((ValueError, TypeError)) as theirs:
        call(keras)
    with pytest.raises(theirs.type):
        call(ours)
