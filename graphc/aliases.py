"""Makes `import keras` and `import tensorflow` mean graphc, for scripts not to be edited."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

ROOTS = {
    "keras": "graphc.keras",
    "tf_keras": "graphc.keras",
    "keras_tuner": "graphc.keras_tuner",
    "kerastuner": "graphc.keras_tuner",
    "scikeras": "graphc.sklearn",
    "scikeras.wrappers": "graphc.sklearn",
    "tensorflow": "graphc.tensorflow",
    "tensorflow.keras": "graphc.keras",
    "tensorflow.python.keras": "graphc.keras",
    "tensorflow.python": "graphc.tensorflow",
}

_LAYER_MODULES = (
    "advanced_activations",
    "convolutional",
    "core",
    "embeddings",
    "local",
    "merge",
    "noise",
    "normalization",
    "pooling",
    "recurrent",
    "wrappers",
)
_UTIL_MODULES = ("data_utils", "generic_utils", "layer_utils", "np_utils", "vis_utils")

# Where Keras 1 and 2 kept things, and the package that has them now.
MOVED = {
    **{f"graphc.keras.layers.{leaf}": "graphc.keras.layers" for leaf in _LAYER_MODULES},
    **{f"graphc.keras.utils.{leaf}": "graphc.keras.utils" for leaf in _UTIL_MODULES},
    "graphc.keras.engine.base_layer": "graphc.keras.layers",
    "graphc.keras.engine.topology": "graphc.keras.layers",
    "graphc.keras.preprocessing": "graphc.keras.utils",
    "graphc.keras.preprocessing.image": "graphc.keras.utils",
    "graphc.keras.preprocessing.sequence": "graphc.keras.utils",
}


def target_of(name: str) -> str | None:
    """Return graphc's name for module `name`, or None: "keras.layers" is "graphc.keras.layers"."""
    root, rest = name, ""
    while root not in ROOTS:
        root, dot, leaf = root.rpartition(".")
        if not dot:
            return None
        rest = f".{leaf}{rest}"
    target = ROOTS[root] + rest
    if _exists(target):
        return target
    return MOVED.get(target)


def _exists(target: str) -> bool:
    try:
        return find_spec(target) is not None
    except ModuleNotFoundError:  # its parent does not exist, or is no package
        return False


class AliasFinder(MetaPathFinder, Loader):
    """Finds `keras`, `tensorflow` and what is below them: the very module objects of graphc.

    The import system makes an empty module for the alias; executing it puts graphc's own module in
    its place in `sys.modules`. No file is ever executed under a second name, so that classes are
    the same whichever name they were imported by.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for an alias of a module that graphc has; else leave it to the others."""
        name = target_of(fullname)
        return None if name is None else ModuleSpec(fullname, self, origin=name, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        """Put graphc's module into `sys.modules` under the alias."""
        alias = module.__name__
        name = target_of(alias)
        assert name is not None, alias  # find_spec has just said so
        sys.modules[alias] = package = importlib.import_module(name)
        _alias_moved_modules(alias, name, package)
        if alias == "tensorflow":  # `tf.keras` needs no import statement of its own
            importlib.import_module("tensorflow.keras")


def _alias_moved_modules(alias: str, name: str, package: ModuleType) -> None:
    """Register the old submodules of `package`, which is `name`, at once.

    Were they found later, one by one, the import system would bind each as an attribute of its
    parent, and hide graphc's own module of that name (`graphc.keras.layers.core`).
    """
    for old, new in MOVED.items():
        parent, _, leaf = old.rpartition(".")
        if parent != name or (new != parent and _exists(old)):
            continue
        module = sys.modules.setdefault(f"{alias}.{leaf}", importlib.import_module(new))
        if not hasattr(package, leaf):
            setattr(package, leaf, module)
        _alias_moved_modules(f"{alias}.{leaf}", old, module)


def install() -> None:
    """Make `keras`, `tf_keras` and `tensorflow` import as graphc from now on, in this process.

    Call it before the first of them is imported; whether they are installed does not matter, and
    calling it again does nothing.

    Raises:
        ImportError: one of them has already been imported from elsewhere.
    """
    if any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
        return
    for root in ("keras", "tf_keras", "tensorflow"):
        _refuse_if_imported(root)
    _let_flax_look_for_tensorflow()
    sys.meta_path.insert(0, AliasFinder())


def _refuse_if_imported(root: str) -> None:
    module = sys.modules.get(root)
    if module is None:
        return
    raise ImportError(
        f"graphc.install() must run before '{root}' is imported: modules that already hold the "
        f"other '{root}' cannot be changed. Call it first, or start the script with "
        f"`python -m graphc run script.py`. Received: '{root}' already imported from "
        f"{getattr(module, '__file__', None) or 'an unknown place'}.",
        name=root,
    )


def _let_flax_look_for_tensorflow() -> None:
    # flax.io asks once, when it is imported, whether TensorFlow is installed, and then wants its
    # file system. It must hear the true answer, and need not tell the user what it misses.
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        importlib.import_module("flax.io")
    finally:
        logging.disable(disabled)
