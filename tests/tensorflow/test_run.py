"""`graphc run` and `graphc.install()`: one set of modules, and scripts run as Python runs them.

Everything runs in processes of its own: the aliases stay for a process's life, and the tests' own
process wants real Keras under the name `keras`.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

ONE_SET_OF_MODULES = """
import graphc
from graphc.aliases import install
install()
install()
import sys
import keras
import graphc.keras
assert keras is graphc.keras and keras.layers is graphc.keras.layers
assert keras.__name__ == keras.__spec__.name == "graphc.keras"

import tensorflow as tf
from tensorflow import keras as from_tensorflow
import tensorflow.keras as dotted
assert tf.keras is keras and from_tensorflow is keras and dotted is keras

from keras.layers import Dense
from tensorflow.keras.layers import Dense as TfDense
from tensorflow.python.keras.layers import Dense as PythonDense
from graphc.keras.layers import Dense as OwnDense
assert Dense is TfDense is PythonDense is OwnDense
assert isinstance(tf.keras.layers.Dense(1), Dense)

from tensorflow.keras.models import Model, Sequential
from tensorflow.keras import layers, models, optimizers, losses, metrics, callbacks, datasets
import keras.layers as L
assert L is layers is graphc.keras.layers
assert issubclass(Sequential, keras.Model)

import keras_tuner
from keras_tuner import tuners
assert keras_tuner.RandomSearch is graphc.keras_tuner.RandomSearch is tuners.RandomSearch

from scikeras.wrappers import KerasClassifier
import graphc.sklearn
assert KerasClassifier is graphc.sklearn.KerasClassifier

for name, module in list(sys.modules.items()):
    root = name.partition(".")[0]
    assert root not in ("keras", "tensorflow") or module.__name__.startswith("graphc."), name
"""

OLD_PATHS = """
import graphc
from graphc.aliases import install
install()
import graphc.keras as real
from keras.layers.core import Activation, Dense, Dropout, Flatten
from keras.layers.convolutional import Conv2D, MaxPooling2D
from keras.layers.normalization import BatchNormalization
from keras.layers.advanced_activations import LeakyReLU
from keras.engine.topology import Layer
from keras.preprocessing.sequence import pad_sequences
from keras.preprocessing import sequence
from keras.utils import np_utils
from keras.utils.np_utils import to_categorical
import tensorflow as tf
assert Dense is real.layers.Dense and Layer is real.layers.Layer
assert pad_sequences is sequence.pad_sequences is real.utils.pad_sequences
assert np_utils.to_categorical is to_categorical is real.utils.to_categorical
assert tf.keras.preprocessing.sequence.pad_sequences is pad_sequences
try:
    import keras.no_such_module
except ModuleNotFoundError as error:
    assert error.name == "keras.no_such_module", error.name
else:
    raise AssertionError("found a module that is not there")
"""

REAL_KERAS_FIRST = """
import sys, types
sys.modules["keras"] = real = types.ModuleType("keras")
real.__file__ = "site-packages/keras/__init__.py"
from graphc.aliases import install
try:
    install()
except ImportError as error:
    print(error)
"""


def run_python(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
    )


def run_script(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = folder / "scripts" / "script.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text(textwrap.dedent(text))
    command = ["-m", "graphc", "run", "scripts/script.py", *arguments]
    return run_python(*command, cwd=folder)


def test_every_name_leads_to_the_same_modules() -> None:
    done = run_python("-W", "error", "-c", ONE_SET_OF_MODULES)
    assert done.returncode == 0, done.stderr


def test_paths_of_keras_1_and_2() -> None:
    done = run_python("-W", "error", "-c", OLD_PATHS)
    assert done.returncode == 0, done.stderr


def test_refuses_when_real_keras_was_there_first() -> None:
    done = run_python("-c", REAL_KERAS_FIRST)
    assert "must run before 'keras' is imported" in done.stdout, done.stderr
    assert "site-packages/keras/__init__.py" in done.stdout


def test_a_script_runs_as_python_runs_it(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "neighbour.py").write_text("import keras\nANSWER = 42\n")
    text = """
        import pickle, sys
        import keras
        from neighbour import ANSWER

        class Local:
            pass

        if __name__ == "__main__":
            print(sys.argv, __file__, ANSWER, keras.__name__)
            print(isinstance(pickle.loads(pickle.dumps(Local())), Local))
            sys.exit(3)
    """
    done = run_script(tmp_path, text, "--epochs", "2", "-h")
    assert done.returncode == 3, done.stderr
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    argv = ["scripts/script.py", "--epochs", "2", "-h"]
    assert first == f"{argv} scripts/script.py 42 graphc.keras"
    assert second == "True"


def test_a_traceback_begins_in_the_script(tmp_path: Path) -> None:
    done = run_script(tmp_path, "def fail():\n    1 / 0\n\nfail()\n")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert 'script.py", line 4' in lines[1]
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "graphc" not in done.stderr


def test_a_syntax_error_is_shown_as_python_shows_it(tmp_path: Path) -> None:
    done = run_script(tmp_path, "import keras\nx = (\n")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].strip() == 'File "scripts/script.py", line 2'
    assert "SyntaxError" in done.stderr


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    done = run_python("-m", "graphc", "run", "nowhere.py", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "graphc run: can't open file 'nowhere.py': No such file or directory"
    )


def test_flax_does_not_take_us_for_tensorflow(tmp_path: Path) -> None:
    done = run_script(tmp_path, "import tensorflow\nimport flax.io\nprint(flax.io.io_mode)\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "BackendMode.DEFAULT"
    assert done.stderr == ""
