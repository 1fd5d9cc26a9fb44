"""What the tests of searches share: a small problem, and a folder for each search."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def rows():
    """x float32[64, 5] and y int32[64]: the sign of the first number."""
    x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
    return x, (x[:, 0] > 0).astype("int32")


@pytest.fixture
def folder(tmp_path):
    """The arguments that put a search into a folder of its own."""
    return {"directory": tmp_path, "project_name": "search"}
