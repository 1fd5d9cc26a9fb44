"""The folder of a search: one file for the search, one folder for each trial."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from graphc.atomic import replacing
from graphc.keras_tuner.engine.trial import Trial


class Project:
    """Files that a kill at any moment leaves whole.

    Args:
        directory: where projects are.
        name: the project's folder in it.
        overwrite: delete what is there.
    """

    def __init__(
        self, directory: Any = None, name: str | None = None, overwrite: bool = False
    ) -> None:
        self.path = Path(directory or ".") / (name or "untitled_project")
        if overwrite and self.path.exists():
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.file = self.path / "oracle.json"

    @property
    def exists(self) -> bool:
        """Whether a search was begun here."""
        return self.file.exists()

    def folder_of(self, trial_id: str) -> Path:
        """Return the folder of a trial, which is made if need be."""
        folder = self.path / f"trial_{trial_id}"
        folder.mkdir(exist_ok=True)
        return folder

    def save(self, state: dict[str, Any]) -> None:
        """Write what belongs to no trial."""
        _write(self.file, state)

    def load(self) -> dict[str, Any]:
        """Return what belongs to no trial."""
        return json.loads(self.file.read_text())

    def save_trial(self, trial: Trial) -> None:
        """Write a trial."""
        _write(self.folder_of(trial.trial_id) / "trial.json", trial.get_state())

    def load_trials(self) -> list[Trial]:
        """Return the trials, in the order of their numbers."""
        paths = self.path.glob("trial_*/trial.json")
        ordered = sorted(paths, key=lambda path: (len(path.parent.name), path.parent.name))
        return [Trial.load(path) for path in ordered]


def _write(path: Path, state: dict[str, Any]) -> None:
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(state, indent=1))
