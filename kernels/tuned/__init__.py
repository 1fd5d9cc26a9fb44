"""Measured choices, as data: a table for each kind of device, made by `graphc.tune`."""

from graphc.kernels.tuned.tables import FOLDER, TABLES, Entry, load, read, write

__all__ = ["FOLDER", "TABLES", "Entry", "load", "read", "write"]
