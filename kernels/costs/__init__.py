"""What an op costs: its arithmetic and the bytes it moves, from the shapes alone."""

from graphc.kernels.costs.table import NO_TRAFFIC, OPERATIONS, TRAFFIC, operations, traffic

__all__ = ["NO_TRAFFIC", "OPERATIONS", "TRAFFIC", "operations", "traffic"]
