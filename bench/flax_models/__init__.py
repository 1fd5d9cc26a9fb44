"""The same models as a user of Flax's NNX writes them."""
