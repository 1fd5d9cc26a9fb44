"""The version of all layers' structure: what cached traces and lists of variables hang on."""

from __future__ import annotations


class Version:
    """Counts structural changes, so that what was derived knows when to look again."""

    number = 0


def structural_change() -> None:
    """Say that some layer gained, lost, built or froze something."""
    Version.number += 1
