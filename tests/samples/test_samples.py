"""The packaged samples: shapes, balance, and the indexed form of the reviews."""

from importlib.resources import files

import numpy as np
import pytest

from graphc import samples


def test_fashion_mnist_is_balanced() -> None:
    (x_train, y_train), (x_test, y_test) = samples.load_fashion_mnist()
    assert x_train.shape == (6000, 28, 28) and x_test.shape == (1000, 28, 28)
    assert x_train.dtype == y_train.dtype == np.uint8
    assert np.bincount(y_train).tolist() == [600] * 10
    assert np.bincount(y_test).tolist() == [100] * 10


@pytest.mark.parametrize(("name", "count"), [("all", 3000), ("imdb", 1000), ("yelp", 1000)])
def test_sentences_are_balanced(name: str, count: int) -> None:
    sentences, labels = samples.load_review_sentences(name)
    assert len(sentences) == count and labels.shape == (count,)
    assert labels.sum() == count // 2
    assert all(sentences)


def test_unknown_site_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'amazon'"):
        samples.load_review_sentences("amazn")


def test_indices_decode_to_the_sentences() -> None:
    ((x_train, y_train), (x_test, y_test)), word_index = samples.load_review_indices(None)
    assert len(x_train) == len(y_train) == 2400 and len(x_test) == len(y_test) == 600
    sentences, labels = samples.load_review_sentences()
    order = np.random.RandomState(113).permutation(3000)
    words = {rank + 3: word for word, rank in word_index.items()}
    assert [words[i] for i in x_train[0][1:]] == samples.tokenize(sentences[order[0]])
    assert np.array_equal(y_train, labels[order[:2400]])
    assert sorted(word_index.values()) == list(range(1, len(word_index) + 1))
    assert 2 not in set().union(*x_train), "every training word has a rank"
    assert 2 in set().union(*x_test), "a word seen only in the test part is unknown"
    assert all(x[0] == 1 for x in x_train)


def test_num_words_bounds_the_indices() -> None:
    ((x_train, _), (x_test, _)), _ = samples.load_review_indices(num_words=50)
    used = set().union(*x_train, *x_test)
    assert used == {1, 2, *range(4, 50)}


def test_same_seed_same_split_other_seed_another() -> None:
    (first, _), _ = samples.load_review_indices(seed=1)[0]
    again = samples.load_review_indices(seed=1)[0][0][0]
    other = samples.load_review_indices(seed=2)[0][0][0]
    assert first.tolist() == again.tolist() != other.tolist()


def test_empty_part_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Received: test_split=1\.0"):
        samples.load_review_indices(test_split=1.0)


def test_words_keep_apostrophes_and_ties_keep_the_order_seen() -> None:
    assert samples.tokenize("Don't stop,<br />Café-owner!") == [
        "don't", "stop", "br", "café", "owner"
    ]  # fmt: skip
    ranks = samples.rank_words([["b", "a"], ["c", "c"]])
    assert ranks == {"c": 1, "b": 2, "a": 3}


def test_attribution_travels_with_the_data() -> None:
    sources = (files("graphc.samples") / "SOURCES.md").read_text(encoding="utf-8")
    assert "Zalando SE" in sources and "by/4.0" in sources
