"""Real data that travels with the package, so that examples and demos need no network."""

from graphc.samples.loaders import (
    load_fashion_mnist,
    load_review_indices,
    load_review_sentences,
)
from graphc.samples.vocabulary import rank_words, tokenize

__all__ = [
    "load_fashion_mnist",
    "load_review_indices",
    "load_review_sentences",
    "rank_words",
    "tokenize",
]
