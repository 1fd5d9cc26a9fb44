"""Words and their frequency ranks: how a review becomes a list of integers."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

# Only blanks and ASCII punctuation part words, as in the word index of Keras's IMDB file: the
# apostrophe does not ("don't" is one word), nor do other scripts' marks.
_WORD = re.compile(r"[^ \t\n!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~]+")


def tokenize(text: str) -> list[str]:
    """The lower-case words of a text, in order."""
    return _WORD.findall(text.lower())


def rank_words(tokens: Iterable[Sequence[str]]) -> dict[str, int]:
    """Every word's frequency rank: 1 is the most frequent; ties go to the word seen first."""
    counts: Counter[str] = Counter()
    for words in tokens:
        counts.update(words)
    return {word: rank for rank, (word, _) in enumerate(counts.most_common(), start=1)}
