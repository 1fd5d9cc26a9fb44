"""The same models as a user of PyTorch writes them."""
