"""`tf.errors`: the exceptions that scripts catch; what is raised here is of Python's kinds, too."""

from __future__ import annotations

from graphc.tensorflow.absent import absent


class OpError(Exception):
    """What all of them are."""


class InvalidArgumentError(OpError, ValueError):
    """What `tf.debugging` raises where numbers are not as they should be."""


class NotFoundError(OpError, FileNotFoundError):
    """A file that is not there."""


class OutOfRangeError(OpError, IndexError):
    """More was asked for than there is."""


class ResourceExhaustedError(OpError, MemoryError):
    """There is no memory left."""


class UnimplementedError(OpError, NotImplementedError):
    """What cannot be done."""


__getattr__ = absent("tensorflow.errors", globals())
