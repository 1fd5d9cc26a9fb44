"""Folders of samples: which files, which labels, and which part of them.

Files, labels and their order are Keras's for the same arguments and seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphc.keras.config.messages import print_message

LABEL_MODES = ("int", "categorical", "binary", None)
SUBSETS = ("training", "validation", "both", None)


@dataclass(frozen=True)
class Labelled:
    """Files and their labels (None without), in order."""

    paths: list[str]
    labels: Any
    class_names: list[str] | None

    def part(self, rows: slice) -> Labelled:
        """Return some of the files."""
        labels = None if self.labels is None else self.labels[rows]
        return Labelled(self.paths[rows], labels, self.class_names)

    def targets(self, label_mode: str | None) -> np.ndarray | None:
        """Return the targets: int32 [N], float32 [N, 1] or one-hot float32 [N, C]; or None."""
        if self.labels is None or label_mode is None:
            return None
        labels = np.asarray(self.labels)
        if label_mode == "binary":
            return labels.astype("float32")[:, None]
        if label_mode == "categorical":
            classes = np.arange(len(self.class_names or ()))
            return (labels[:, None] == classes).astype("float32")
        return labels.astype("int32")


@dataclass(frozen=True)
class Selection:
    """The arguments that say which samples of a folder to use.

    Raises:
        ValueError: arguments that contradict each other, or unknown choices.
    """

    labels: Any
    label_mode: str | None
    class_names: Sequence[str] | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool

    def __post_init__(self) -> None:
        self._check_labels()
        if self.validation_split and not 0 < self.validation_split < 1:
            raise ValueError(
                "`validation_split` must be between 0 and 1. "
                f"Received: validation_split={self.validation_split}"
            )
        if bool(self.validation_split) != bool(self.subset):
            raise ValueError(
                "`subset` and `validation_split` must be set together, or neither. Received: "
                f"subset={self.subset!r}, validation_split={self.validation_split}"
            )
        if self.subset not in SUBSETS:
            raise ValueError(f"`subset` must be one of {SUBSETS}. Received: subset={self.subset!r}")
        if self.validation_split and self.shuffle and self.seed is None:
            raise ValueError(
                "With `validation_split` and `shuffle`, a `seed` is needed: without one, the "
                "training and validation subsets would overlap. Received: seed=None"
            )

    def _check_labels(self) -> None:
        given = self.labels not in ("inferred", None)
        if given and not isinstance(self.labels, (list, tuple)):
            raise ValueError(
                "`labels` must be 'inferred', None, or a list with an integer label for each file. "
                f"Received: labels={self.labels}"
            )
        if self.label_mode not in LABEL_MODES:
            raise ValueError(
                f"`label_mode` must be one of {LABEL_MODES}. Received: label_mode={self.label_mode}"
            )
        if self.class_names and self.labels != "inferred":
            raise ValueError(
                '`class_names` can only be passed with `labels="inferred"`. '
                f"Received: labels={self.labels}, class_names={self.class_names}"
            )

    def parts(self, directory: Any, formats: tuple[str, ...], kind: str) -> list[Labelled]:
        """Return the files of the subset asked for; of both, for "both".

        Raises:
            ValueError: no files of these formats, or classes that do not fit the label mode.
        """
        unlabelled = self.labels is None or self.label_mode is None
        files = index_directory(
            os.fspath(directory), None if unlabelled else self.labels, formats,
            class_names=self.class_names, shuffle_seed=self.seed if self.shuffle else None,
            follow_links=self.follow_links, verbose=self.verbose,
        )  # fmt: skip
        if not unlabelled and self.label_mode == "binary" and len(files.class_names or ()) != 2:
            raise ValueError(
                'With `label_mode="binary"` there must be exactly 2 classes. '
                f"Received: class_names={files.class_names}"
            )
        names = ("training", "validation") if self.subset == "both" else (self.subset,)
        parts = [self._part(files, name) for name in names]
        for name, part in zip(names, parts, strict=True):
            if not part.paths:
                raise ValueError(
                    f"No {name + ' ' if name else ''}{kind} found in directory {directory}. "
                    f"Allowed formats: {formats}"
                )
        return parts

    def seeded(self) -> Selection:
        """Return the same with a seed: one of NumPy's global generator where none was given."""
        if self.seed is not None:
            return self
        return replace(self, seed=int(np.random.randint(1_000_000)))  # noqa: NPY002 - it is seeded

    def _part(self, files: Labelled, name: str | None) -> Labelled:
        if not self.validation_split:
            return files
        held = int(self.validation_split * len(files.paths))
        kept = len(files.paths) - held
        validating = name == "validation"
        print_message(f"Using {held if validating else kept} files for {name}.")
        return files.part(slice(kept, None) if validating else slice(None, kept))


def index_directory(
    directory: str,
    labels: Any,
    formats: tuple[str, ...],
    *,
    class_names: Sequence[str] | None = None,
    shuffle_seed: int | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Labelled:
    """Return the files below a folder, their labels, and the names of the classes.

    Args:
        directory: the folder; with `labels="inferred"`, each folder in it is a class.
        labels: "inferred", None, or a label for each file in order.
        formats: endings of file names, in lower case.
        class_names: the folders to use, in the order of their labels.
        shuffle_seed: of the files' order; None for the order of their names.
        follow_links: whether links to folders are followed.
        verbose: whether to print how many were found.

    Raises:
        ValueError: classes without a folder, or not one label for each file.
    """
    folders = _class_folders(directory, class_names) if labels == "inferred" else [""]
    found = [_files_below(directory, folder, formats, follow_links) for folder in folders]
    paths = [path for files in found for path in files]
    names: list[str] | None = None
    if labels == "inferred":
        names = list(folders)
        labels = np.repeat(np.arange(len(found), dtype="int32"), [len(files) for files in found])
    elif labels is not None:
        if len(labels) != len(paths):
            raise ValueError(
                f"Expected a label for each of the {len(paths)} files in directory {directory}. "
                f"Received: {len(labels)} labels"
            )
        names, labels = [str(label) for label in sorted(set(labels))], list(labels)
    if verbose:
        classes = "" if names is None else f" belonging to {len(names)} classes"
        print_message(f"Found {len(paths)} files{classes}.")
    if shuffle_seed is not None:
        for items in (paths,) if labels is None else (paths, labels):
            # The same draws for both. Keras shuffles by this generator, so the order is its.
            np.random.RandomState(shuffle_seed).shuffle(items)
    return Labelled(paths, labels, names)


def _class_folders(directory: str, class_names: Sequence[str] | None) -> list[str]:
    folders = sorted(
        entry.name
        for entry in os.scandir(directory)
        if entry.is_dir() and not entry.name.startswith(".")
    )
    if class_names is None:
        return folders
    if not set(class_names) <= set(folders):
        raise ValueError(
            f"Expected `class_names` to be names of the subdirectories {folders}. "
            f"Received: class_names={class_names}"
        )
    return list(class_names)


def _files_below(
    directory: str, folder: str, formats: tuple[str, ...], follow_links: bool
) -> list[str]:
    def paths() -> Iterator[str]:
        top = os.path.join(directory, folder)  # noqa: PTH118 - as the user wrote it, like Keras
        for root, _, files in sorted(os.walk(top, followlinks=follow_links)):
            for name in sorted(files):
                if name.lower().endswith(formats):
                    yield os.path.join(root, name)  # noqa: PTH118

    return list(paths())
