"""Keras models as scikit-learn estimators, under the names that Keras has for them."""

from graphc.keras.wrappers.names import __dir__, __getattr__
