"""`Config`: named values that can be frozen."""

from __future__ import annotations

import difflib
import json
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any


class Config:
    """Named values, read and written as attributes or as items of a dictionary.

    Args:
        kwargs: the first values.
    """

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "_config", kwargs)
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self) -> bool:
        """Whether changes are refused."""
        return self._frozen

    def freeze(self) -> None:
        """Refuse changes from now on."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Allow changes again."""
        object.__setattr__(self, "_frozen", False)

    def as_dict(self) -> dict[str, Any]:
        """Return the values in a new dictionary."""
        return dict(self._config)

    def to_json(self) -> str:
        """Return the values as JSON."""
        return json.dumps(self._config)

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._config.keys()

    def values(self) -> ValuesView[Any]:
        """Return the values."""
        return self._config.values()

    def items(self) -> ItemsView[str, Any]:
        """Return the pairs of name and value."""
        return self._config.items()

    def pop(self, *args: Any) -> Any:
        """Remove a name and return its value, like `dict.pop`."""
        return self._changing().pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several values, like `dict.update`."""
        self._changing().update(*args, **kwargs)

    def get(self, keyname: str, value: Any = None) -> Any:
        """Return the value of a name, or `value` where it is not there."""
        return self._config.get(keyname, value)

    def _changing(self) -> dict[str, Any]:
        if self._frozen:
            raise ValueError("Cannot change a config that is frozen: call `unfreeze()` first.")
        return self._config

    def __setattr__(self, name: str, value: Any) -> None:
        if name in dir(type(self)) or name in self.__dict__:
            object.__setattr__(self, name, value)
            return
        self._changing()[name] = value

    def __getattr__(self, name: str) -> Any:
        config = self.__dict__.get("_config", {})
        if name in config:
            return config[name]
        near = difflib.get_close_matches(name, config, n=1, cutoff=0.7)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise AttributeError(f"Unknown attribute: '{name}'.{hint}")

    def __getitem__(self, key: str) -> Any:
        return self._config[key]

    def __setitem__(self, key: str, item: Any) -> None:
        self._changing()[key] = item

    def __delitem__(self, key: str) -> None:
        del self._changing()[key]

    def __contains__(self, item: object) -> bool:
        return item in self._config

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._config))

    def __len__(self) -> int:
        return len(self._config)

    def __repr__(self) -> str:
        return f"<Config {self._config}>"
