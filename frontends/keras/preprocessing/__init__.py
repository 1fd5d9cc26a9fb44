"""`keras.preprocessing`: where older code looks for what `keras.utils` has now."""

from graphc.keras.preprocessing import sequence

__all__ = ["sequence"]
