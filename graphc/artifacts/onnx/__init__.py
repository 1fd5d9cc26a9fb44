"""Export to ONNX: every node of the IR becomes one of ONNX, for any number of rows."""

from graphc.artifacts.onnx.export import DEFAULT_OPSET, OPSETS, export_onnx

__all__ = ["DEFAULT_OPSET", "OPSETS", "export_onnx"]
