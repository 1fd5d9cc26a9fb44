"""Tells whoever imports `graphc.sklearn` without scikit-learn what to install."""

from importlib.util import find_spec

if find_spec("sklearn") is None:
    raise ImportError(
        "graphc.sklearn needs scikit-learn, which is not installed: "
        "pip install 'graphc-compiler[sklearn]'",
        name="sklearn",
    )
