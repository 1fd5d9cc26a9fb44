"""Sets the late-bound lookups of `engine`, once the families that own them are imported."""

from __future__ import annotations

from graphc.keras import constraints, initializers, regularizers
from graphc.keras.engine.lookups import LOOKUPS
from graphc.keras.engine.variable import INITIALIZERS

LOOKUPS["initializer"] = initializers.get
LOOKUPS["regularizer"] = regularizers.get
LOOKUPS["constraint"] = constraints.get
INITIALIZERS.append(initializers.get)
