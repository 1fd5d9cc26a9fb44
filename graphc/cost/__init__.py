"""What a graph costs on a device: counted from shapes, predicted from ceilings, or measured."""

from graphc.cost.ceilings import Ceilings, ceilings
from graphc.cost.formulas import Cost, flops, graph_cost, graph_flops, node_cost
from graphc.cost.measure import measure
from graphc.cost.predict import predict, start_seconds

__all__ = [
    "Ceilings", "Cost", "ceilings", "flops", "graph_cost", "graph_flops", "measure", "node_cost",
    "predict", "start_seconds",
]  # fmt: skip
