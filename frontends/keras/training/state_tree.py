"""All of a model's variables as nested dictionaries by name: what checkpoints of others hold."""

from __future__ import annotations

from typing import Any

FORMATS = {"backend_tensor": lambda v: v.value, "numpy_array": lambda v: v.numpy()}


class StateTree:
    """`get_state_tree` and `set_state_tree`."""

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """Return the variables by kind, then by the parts of their paths.

        Args:
            value_format: "backend_tensor" for JAX's arrays, "numpy_array" for NumPy's.

        Raises:
            ValueError: another format, or two variables of one path.
        """
        if value_format not in FORMATS:
            raise ValueError(
                f"Expected `value_format` to be one of {', '.join(FORMATS)}. "
                f"Received: value_format={value_format}"
            )
        read = FORMATS[value_format]
        return {kind: _nested(found, read) for kind, found in self._variables_by_kind().items()}

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Assign values as `get_state_tree` returns them; what is not named stays as it is.

        Raises:
            ValueError: a kind of variables that there is not.
        """
        known = self._variables_by_kind()
        for kind, tree in state_tree.items():
            if kind not in known:
                raise ValueError(
                    f"Expected the keys of the state tree to be among {', '.join(known)}. "
                    f"Received: {kind}"
                )
            values = dict(_flat(tree))
            for variable in known[kind]:
                if variable.path in values:
                    variable.assign(values[variable.path])

    def _variables_by_kind(self) -> dict[str, list[Any]]:
        model: Any = self
        optimizer = getattr(model, "optimizer", None)
        return {
            "trainable_variables": model.trainable_variables,
            "non_trainable_variables": model.non_trainable_variables,
            "optimizer_variables": [] if optimizer is None else optimizer.variables,
            "metrics_variables": model.metrics_variables,
        }


def _nested(variables: list[Any], read: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for variable in variables:
        *folders, name = variable.path.split("/")
        inner = tree
        for folder in folders:
            inner = inner.setdefault(folder, {})
        if name in inner:
            raise ValueError(
                "The paths of the variables must differ; give layers names of their own. "
                f"Received: '{variable.path}' twice"
            )
        inner[name] = read(variable)
    return tree


def _flat(tree: dict[str, Any], prefix: str = "") -> Any:
    for name, value in tree.items():
        path = f"{prefix}/{name}" if prefix else name
        if isinstance(value, dict):
            yield from _flat(value, path)
        else:
            yield path, value
