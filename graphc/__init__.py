"""graphc: a compiler for Keras models."""

from graphc.aliases import install
from graphc.builder import Builder
from graphc.compile import compile
from graphc.executable import Executable
from graphc.ir import Graph, Node, Value
from graphc.programs import cache_info, clear_cache
from graphc.spec import Target, TensorSpec

__version__ = "0.1.0"
__all__ = [
    "Builder", "Executable", "Graph", "Node", "Target", "TensorSpec", "Value", "cache_info",
    "clear_cache", "compile", "install",
]  # fmt: skip
