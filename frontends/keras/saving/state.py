"""The state of all that a model holds, from and to a file of variables and a folder of assets."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from graphc.keras.saving.stores import Entry, Found
from graphc.keras.saving.walk import saveables


class Makes(Protocol):
    """What variables are written to."""

    def make(self, place: str, name: str | None) -> Entry:
        """Return where to put the variables of the object at `place`, named `name`."""
        ...


class Gets(Protocol):
    """What variables are read from."""

    def get(self, place: str) -> Found:
        """Return the variables of the object at `place`."""
        ...


def save_state(
    root: Any, variables: Makes | None, assets: Path | None, skip: Iterable[Any] = ()
) -> None:
    """Write the variables, and into a folder the assets, of `root` and all that it holds.

    Args:
        root: a layer or a model.
        variables: where variables go; None leaves them out.
        assets: an existing folder; None leaves assets out.
        skip: objects to leave out.
    """
    done = {id(item) for item in skip}
    for place, owner in saveables(root, done):
        done.add(id(owner))
        if variables is not None and hasattr(owner, "save_own_variables"):
            name = getattr(owner, "name", None)
            owner.save_own_variables(variables.make(place, name if isinstance(name, str) else None))
        if assets is not None and hasattr(owner, "save_assets"):
            folder = assets / place
            folder.mkdir(parents=True, exist_ok=True)
            owner.save_assets(str(folder))


def load_state(
    root: Any,
    variables: Gets | None,
    assets: Path | None,
    skip_mismatch: bool = False,
    skip: Iterable[Any] = (),
) -> None:
    """Read what `save_state` wrote.

    Args:
        root: a layer or a model, built.
        variables: where variables are; None leaves them out.
        assets: a folder; None leaves assets out.
        skip_mismatch: warn of what does not fit, and load the rest.
        skip: objects to leave out.

    Raises:
        ValueError: something does not fit; then no variable is changed.
    """
    done = {id(item) for item in skip}
    failed: dict[int, tuple[str, Any, Exception]] = {}
    before = _values(root)
    for place, owner in saveables(root, done):
        try:
            _load_one(place, owner, variables, assets)
        except Exception as error:  # noqa: BLE001 - users' own methods may raise anything: see below
            failed.setdefault(id(owner), (place, owner, error))
            continue
        done.add(id(owner))
        failed.pop(id(owner), None)  # it was found at another place
    if not failed:
        return
    message = _told(list(failed.values()))
    if skip_mismatch:
        warnings.warn(message, stacklevel=3)
        return
    for variable, value in before:
        variable.assign(value)
    raise ValueError(message) from next(iter(failed.values()))[2]


def _load_one(place: str, owner: Any, variables: Gets | None, assets: Path | None) -> None:
    if variables is not None and hasattr(owner, "load_own_variables"):
        owner.load_own_variables(variables.get(place))
    if assets is not None and hasattr(owner, "load_assets"):
        folder = assets / place
        owner.load_assets(str(folder) if folder.exists() else None)


def _values(root: Any) -> list[tuple[Any, Any]]:
    optimizer = getattr(root, "optimizer", None)
    slots = [] if optimizer is None else optimizer.variables
    return [(variable, variable.value) for variable in (*root.variables, *slots)]


def _told(failed: list[tuple[str, Any, Exception]]) -> str:
    lines = [
        f"  {type(owner).__name__} '{getattr(owner, 'name', '')}' (at '{place}' in the file): {why}"
        for place, owner, why in failed
    ]
    count = f"{len(failed)} objects" if len(failed) > 1 else "1 object"
    return "\n".join([f"Could not load the state of {count}:", *lines])
