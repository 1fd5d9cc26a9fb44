"""`InputSpec`: what a layer can take, checked at every call."""

from __future__ import annotations

from typing import Any

from graphc.errors import located


class InputSpec:
    """Rank, shape, dtype and sizes of axes that an input must have; None means anything."""

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype, self.name, self.optional = dtype, name, optional
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze

    def problem(self, shape: tuple[int | None, ...]) -> str | None:
        """Return what is wrong with a shape, or None."""
        ndim = len(shape)
        if self.ndim is not None and ndim != self.ndim and not self.allow_last_axis_squeeze:
            return f"expected ndim={self.ndim}, found ndim={ndim}"
        if self.max_ndim is not None and ndim > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={ndim}"
        if self.min_ndim is not None and ndim < self.min_ndim:
            return f"expected min_ndim={self.min_ndim}, found ndim={ndim}"
        for axis, size in self.axes.items():
            if axis >= ndim or axis < -ndim:
                return f"expected an axis {axis}, found ndim={ndim}"
            if size is not None and shape[axis] not in (size, None):
                return f"expected axis {axis} of input shape to have value {size}"
        return self._shape_problem(shape)

    def _shape_problem(self, shape: tuple[int | None, ...]) -> str | None:
        if self.shape is None:
            return None
        expected = self.shape
        if self.allow_last_axis_squeeze:
            shape = shape[:-1] if shape and shape[-1] == 1 else shape
            expected = expected[:-1] if expected and expected[-1] == 1 else expected
        fits = len(shape) == len(expected) and all(
            want is None or got is None or want == got
            for want, got in zip(expected, shape, strict=True)
        )
        return None if fits else f"expected shape={self.shape}, found shape={shape}"


def check_input(spec: Any, value: Any, name: str, source: str) -> None:
    """Check a tensor, or a list of them against a list of specs.

    Raises:
        ValueError: naming the layer, the user's line, what was expected and what was received.
    """
    if spec is None:
        return
    specs = list(spec) if isinstance(spec, (list, tuple)) else [spec]
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(specs) != len(values):
        found = f"expects {len(specs)} input(s), but it received {len(values)} input tensors."
        raise ValueError(located(f'Layer "{name}" {found}', name, source))
    for one, tensor in zip(specs, values, strict=True):
        shape = getattr(tensor, "shape", None)
        if one is None or shape is None:
            continue
        problem = one.problem(tuple(shape))
        if problem:
            message = (
                f'Input of layer "{name}" is incompatible with the layer: {problem}. '
                f"Received: input with shape {tuple(shape)}"
            )
            raise ValueError(located(message, name, source))
