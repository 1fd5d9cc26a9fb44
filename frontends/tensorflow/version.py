"""The version of TensorFlow whose names these are."""

# The first TensorFlow in which tf.keras is Keras 3, which is what graphc.keras speaks. What follows
# the plus sign says, where a script prints it, that this is not TensorFlow.
VERSION = "2.16.0+graphc"
__version__ = VERSION
