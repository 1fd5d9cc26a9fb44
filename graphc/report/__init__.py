"""The report on a compiled step: by layer, with reasons; as text, JSON and a page of HTML."""

from graphc.report.costing import NodeCost, costs_of, limits_of
from graphc.report.layers import LayerRow
from graphc.report.report import Report

__all__ = ["LayerRow", "NodeCost", "Report", "costs_of", "limits_of"]
