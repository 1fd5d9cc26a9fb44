"""What a model leaves as: files that are served without graphc's frontends."""

from graphc.artifacts.export import FORMATS, export
from graphc.artifacts.stablehlo import Exported

__all__ = ["FORMATS", "Exported", "export"]
