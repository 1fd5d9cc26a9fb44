"""graphc: a compiler for Keras models."""

from graphc.aliases import install
from graphc.artifacts import export
from graphc.bisect import bisect
from graphc.builder import Builder
from graphc.compile import compile
from graphc.executable import Executable
from graphc.ir import Graph, Node, Value
from graphc.programs import cache_info, clear_cache
from graphc.show import graph
from graphc.spec import Target, TensorSpec
from graphc.tune import tune

__version__ = "0.1.0"
__all__ = [
    "Builder", "Executable", "Graph", "Node", "Target", "TensorSpec", "Value", "bisect",
    "cache_info", "clear_cache", "compile", "export", "graph", "install", "tune",
]  # fmt: skip
