"""The version of Keras whose API this is."""

__version__ = "3.15.1"


def version() -> str:
    """Return the version of Keras whose API this is."""
    return __version__
