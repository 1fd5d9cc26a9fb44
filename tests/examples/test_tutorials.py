"""The tutorials run: unmodified by `graphc run`, and by plain `python` with the import changed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from graphc.samples import load_fashion_mnist

EXAMPLES = Path(__file__).parents[2] / "examples"
SHORT = {"EPOCHS": "2"}

# What each must print, in this order.
PRINTS = {
    "tutorial_1_mnist": ["Epoch 1/2", "Epoch 2/2", "accuracy:", "loss:", r"Test accuracy: 0\.\d+"],
    "tutorial_2_functional": [
        r"<KerasTensor shape=\(None, 20\), dtype=float32, sparse=False, name=keras_tensor>",
        "Total params: 5,569",
        "Epoch 2/2",
        r"Test loss: \d\.\d+, test accuracy: 0\.\d+",
        "precision +recall",
        r"ROC AUC: 0\.\d+",
    ],
    "tutorial_3_sequential_forms": [
        "with input_shape: 4",
        "with Input: 4",
        "before the build: False 0",
        "after build\\(\\): True 4",
        "after compile:",
        "after fit: True 4 \\['loss', ",
        "called: \\(3, 4\\) 4",
        "after pop\\(\\): 1 \\(3, 8\\)",
        "as lists: \\['loss'",
        "as dictionaries: \\[.*'a_mae'.*'b_accuracy'.*'loss'\\]",
        "eagerly: {'loss': \\[",
    ],
    "tutorial_4_imdb": [
        r"2\.\d+\.\d+\+graphc",
        "Training entries: 10500, labels: 10500",
        r"<START> word\d+ word\d+",
        # A first layer that was told no input shape is built by the first fit, as in Keras 3.
        "Total params: (0|160,289)",
        "Epoch 2/2",
        r"\[0\.\d+, [01]\.\d+\]",
        r"dict_keys\(\['acc', 'loss', 'val_acc', 'val_loss'\]\)",
    ],
}
PLOTS = {"tutorial_4_imdb": ["imdb_accuracy.png", "imdb_loss.png"]}


@pytest.fixture(scope="module")
def keras_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder of Keras's with small data under the names of the large."""
    home = tmp_path_factory.mktemp("keras_home")
    (home / "datasets").mkdir()
    (x_train, y_train), (x_test, y_test) = load_fashion_mnist()
    images = {"x_train": x_train[:640], "y_train": y_train[:640]}
    images |= {"x_test": x_test[:128], "y_test": y_test[:128]}
    np.savez(home / "datasets" / "mnist.npz", **images)
    np.savez(home / "datasets" / "imdb.npz", **reviews("train", 10500), **reviews("test", 200))
    words = {f"word{rank}": rank for rank in range(1, 500)}
    (home / "datasets" / "imdb_word_index.json").write_text(json.dumps(words))
    return home


def reviews(part: str, rows: int) -> dict[str, np.ndarray]:
    """Reviews in the flat layout; good ones use the upper half of the vocabulary."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, rows)
    lengths = random.integers(5, 30, rows)
    low = np.repeat(labels * 250 + 1, lengths)
    tokens = random.integers(low, low + 249)
    return {
        f"x_{part}_tokens": tokens,
        f"x_{part}_lengths": lengths,
        f"y_{part}": labels,
    }


def with_import_changed(script: str) -> str:
    script = re.sub(r"\btensorflow\.keras\b", "graphc.keras", script)
    script = script.replace("from tensorflow import", "from graphc import")
    return script.replace("import tensorflow as", "import graphc.tensorflow as")


def run_python(folder: Path, keras_home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | SHORT | {"KERAS_HOME": str(keras_home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_prints(output: str, patterns: list[str]) -> None:
    position = 0
    for pattern in patterns:
        found = re.compile(pattern).search(output, position)
        assert found, f"{pattern!r} is not in what follows:\n{output[position:]}"
        position = found.end()


PRINTED = list(PRINTS)


@pytest.mark.parametrize("name", PRINTED)
def test_runs_unmodified(name: str, tmp_path: Path, keras_home: Path) -> None:
    output = run_python(tmp_path, keras_home, "-m", "graphc", "run", str(EXAMPLES / f"{name}.py"))
    assert_prints(output, PRINTS[name])
    assert sorted(path.name for path in tmp_path.glob("*.png")) == PLOTS.get(name, [])


@pytest.mark.parametrize(
    "name", [PRINTED[0], *(pytest.param(name, marks=pytest.mark.slow) for name in PRINTED[1:])]
)
def test_runs_with_the_import_changed(name: str, tmp_path: Path, keras_home: Path) -> None:
    script = tmp_path / f"{name}.py"
    script.write_text(with_import_changed((EXAMPLES / f"{name}.py").read_text()))
    assert_prints(run_python(tmp_path, keras_home, str(script)), PRINTS[name])
