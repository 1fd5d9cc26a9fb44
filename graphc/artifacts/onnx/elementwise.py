"""Elementwise nodes: `math.*`, and the primitives of the same meaning."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np

from graphc.artifacts.onnx.task import (
    WIDER,
    Result,
    Table,
    Task,
    Translator,
    aligned,
    common_dtype,
    scalar,
)
from graphc.artifacts.onnx.writer import Tensor, physical

FLOATS = ("float32", "float64")
BOOLEAN = {"Add": "Or", "Mul": "And", "Max": "Or", "Min": "And"}  # what they are of booleans


def unary(op: str, **attrs: object) -> Translator:
    """Return the translator to an operator that gives what it takes."""

    def translate(task: Task) -> Result:
        (x,), form = aligned(task, [task.x()])
        if task.held == "bool":
            return None
        dtype = WIDER.get(task.held, task.held)
        return task.formed(task.emit(op, task.cast(x, dtype), **attrs), form, dtype)

    return translate


def chain(*steps: tuple[str, float | None]) -> Translator:
    """Return the translator to floating operators one after another, some with a constant."""

    def translate(task: Task) -> Result:
        (x,), form = aligned(task, [task.x()])
        if task.held not in FLOATS:
            return None
        value = task.cast(x, task.held)
        for op, constant in steps:
            value = task.emit(op, value, None if constant is None else scalar(constant, task.held))
        return task.formed(value, form)

    return translate


def binary(op: str) -> Translator:
    """Return the translator to an arithmetic operator of two operands."""

    def translate(task: Task) -> Result:
        given, form = aligned(task, task.given)
        if task.held == "bool":
            if op not in BOOLEAN:
                return None
            return task.formed(task.emit(BOOLEAN[op], *(task.cast(x, "bool") for x in given)), form)
        dtype = WIDER.get(task.held, task.held)
        return task.formed(task.emit(op, *(task.cast(x, dtype) for x in given)), form, dtype)

    return translate


def comparison(op: str, negated: bool = False) -> Translator:
    """Return the translator to a comparison, or to its opposite."""

    def translate(task: Task) -> Result:
        dtype = common_dtype(task.given)
        dtype = WIDER.get(dtype, dtype)
        if dtype == "bool" and op != "Equal":
            dtype = "int32"
        given, form = aligned(task, task.given)
        found = task.emit(op, *(task.cast(x, dtype) for x in given))
        return task.formed(task.emit("Not", found) if negated else found, form)

    return translate


def logical(op: str) -> Translator:
    """Return the translator to an operator of truth values."""

    def translate(task: Task) -> Result:
        given, form = aligned(task, task.given)
        return task.formed(task.emit(op, *(task.cast(x, "bool") for x in given)), form)

    return translate


def bitwise(op: str, of_booleans: str) -> Translator:
    """Return the translator to an operator of bits; booleans have one of their own."""

    def translate(task: Task) -> Result:
        given, form = aligned(task, task.given)
        name = of_booleans if task.held == "bool" else op
        return task.formed(task.emit(name, *(task.cast(x, task.held) for x in given)), form)

    return translate


def _is(op: str, negated: bool = False, **attrs: int) -> Translator:
    """Return the translator to a question about one number, which whole numbers answer with no."""

    def translate(task: Task) -> Result:
        (x,), form = aligned(task, [task.x()])
        found = task.emit(op, task.cast(x, "float32"), **attrs)
        return task.formed(task.emit("Not", found) if negated else found, form)

    return translate


def _is_finite(task: Task) -> Result:
    (x,), form = aligned(task, [task.x()])
    value = task.cast(x, "float32")
    odd = task.emit("Or", task.emit("IsNaN", value), task.emit("IsInf", value))
    return task.formed(task.emit("Not", odd), form)


def _where(task: Task) -> Result:
    given, form = aligned(task, task.given)
    dtype = WIDER.get(task.held, task.held)
    condition, x, y = given
    found = task.emit("Where", task.cast(condition, "bool"), *(task.cast(v, dtype) for v in (x, y)))
    return task.formed(found, form, dtype)


def _select(task: Task) -> Result:
    given, form = aligned(task, task.given)
    which, *cases = given
    dtype = WIDER.get(task.held, task.held)
    found = task.cast(cases[0], dtype)
    for number, case in enumerate(cases[1:], start=1):
        chosen = (
            which
            if which.dtype == "bool"
            else task.emit("Equal", which, scalar(number, which.held))
        )
        found = task.emit("Where", chosen, task.cast(case, dtype), found)
    return task.formed(str(found), form, dtype)


def _clip(task: Task) -> Result:
    _, low, high = task.inputs
    given, form = aligned(task, task.given)
    dtype = WIDER.get(task.held, task.held)
    limits = [one for one in (low, high) if one is not None]
    if all(one.known and one.ndim == 0 for one in limits):
        bounds = [None if one is None else one.numpy(dtype) for one in (low, high)]
        return task.formed(task.emit("Clip", task.cast(given[0], dtype), *bounds), form, dtype)
    names = iter(given)
    found = task.cast(next(names), dtype)
    for op, limit in (("Max", low), ("Min", high)):
        if limit is not None:
            found = task.emit(op, found, task.cast(next(names), dtype))
    return task.formed(found, form, dtype)


def _clamp(task: Task) -> Result:
    (low, x, high), form = aligned(task, task.given)
    dtype = WIDER.get(task.held, task.held)
    found = task.emit("Max", task.cast(x, dtype), task.cast(low, dtype))
    return task.formed(task.emit("Min", found, task.cast(high, dtype)), form, dtype)


def divided(op: str, **attrs: int) -> Translator:
    """Return the translator of a division; runtimes fail where a whole number is divided by 0."""

    def translate(task: Task) -> Result:
        (x, y), form = aligned(task, task.given)
        if task.held == "bool":
            return None
        dtype = WIDER.get(task.held, task.held)
        divisor = task.cast(y, dtype)
        safe = dtype in FLOATS or (y.known and bool(np.all(y.numpy())))
        if not safe:
            zero = task.emit("Equal", divisor, scalar(0, dtype))
            divisor = task.emit("Where", zero, scalar(1, dtype), divisor)
        return task.formed(task.emit(op, task.cast(x, dtype), divisor, **attrs), form, dtype)

    return translate


def _whole_mod(task: Task) -> Result:
    return None if task.held in FLOATS else divided("Mod")(task)


def _ldexp(task: Task) -> Result:
    (x, exponent), form = aligned(task, task.given)
    if task.held not in FLOATS:
        return None
    factor = task.emit("Pow", scalar(2.0, task.held), task.cast(exponent, task.held))
    return task.formed(task.emit("Mul", task.cast(x, task.held), factor), form)


def _power(task: Task) -> Result:
    (x, y), form = aligned(task, task.given)
    if task.held not in FLOATS:
        return None
    return task.formed(task.emit("Pow", task.cast(x, task.held), task.cast(y, task.held)), form)


def _integer_pow(task: Task) -> Result:
    (x,), form = aligned(task, [task.x()])
    exponent, dtype = int(task.attr("y")), WIDER.get(task.held, task.held)
    value = task.cast(x, dtype)
    found = reduce(lambda a, _: task.emit("Mul", a, value), range(abs(exponent) - 1), value)
    if exponent < 0:
        found = task.emit("Reciprocal", found)
    return task.formed(str(found) if isinstance(found, str) else task.emit("Identity", found), form)


def _square(task: Task) -> Result:
    (x,), form = aligned(task, [task.x()])
    if task.held == "bool":
        return None
    dtype = WIDER.get(task.held, task.held)
    value = task.cast(x, dtype)
    return task.formed(task.emit("Mul", value, value), form, dtype)


def _cbrt(task: Task) -> Result:
    (x,), form = aligned(task, [task.x()])
    value = task.cast(x, task.held)
    root = task.emit("Pow", task.emit("Abs", value), scalar(1 / 3, task.held))
    return task.formed(task.emit("Mul", task.emit("Sign", value), root), form)


def _exp2(task: Task) -> Result:
    (x,), form = aligned(task, [task.x()])
    return task.formed(task.emit("Pow", scalar(2.0, task.held), task.cast(x, task.held)), form)


def _arctan2(task: Task) -> Result:
    (y, x), form = aligned(task, task.given)
    y, x = (task.cast(one, task.held) for one in (y, x))
    zero = scalar(0.0, task.held)
    angle = task.emit("Atan", task.emit("Div", y, x))
    turn = task.emit(
        "Where", task.emit("Less", y, zero), scalar(-math.pi, task.held), scalar(math.pi, task.held)
    )
    turned = task.emit("Where", task.emit("Less", x, zero), task.emit("Add", angle, turn), angle)
    both = task.emit("And", task.emit("Equal", x, zero), task.emit("Equal", y, zero))
    return task.formed(task.emit("Where", both, zero, turned), form)


def _shift(direction: str) -> Translator:
    def translate(task: Task) -> Result:
        given, form = aligned(task, task.given)
        bits = np.dtype(task.held).itemsize * 8
        if bits < 32:
            return None
        unsigned = f"uint{bits}"
        found = task.emit("BitShift", *(task.cast(x, unsigned) for x in given), direction=direction)
        return task.formed(found, form, unsigned)

    return translate


def _shift_right(task: Task) -> Result:
    """Shift right and keep the sign: negative numbers are shifted as what they lack to -1."""
    (x, by), form = aligned(task, task.given)
    if task.held not in ("int32", "int64"):
        return None if task.held != "uint32" else _shift("RIGHT")(task)
    unsigned = f"u{task.held}"
    x, by = task.cast(x, task.held), task.cast(by, unsigned)
    negative = task.emit("Less", x, scalar(0, task.held))
    whole = task.emit("Where", negative, task.emit("BitwiseNot", x), x)
    moved = task.emit("BitShift", task.emit("Cast", whole, to=unsigned), by, direction="RIGHT")
    moved = task.emit("Cast", moved, to=task.held)
    return task.formed(task.emit("Where", negative, task.emit("BitwiseNot", moved), moved), form)


def _sign_bit(task: Task) -> Result:
    (x,), form = aligned(task, [task.x()])
    value = task.cast(x, "float32")
    zero = scalar(0.0)
    minus_zero = task.emit("Less", task.emit("Reciprocal", value), zero)
    return task.formed(task.emit("Or", task.emit("Less", value, zero), minus_zero), form)


def cast(task: Task) -> Result:
    """Translate a cast; to a 16-bit float it rounds, though what is held stays float32."""
    x, target = task.x(), task.dtypes[0]
    (stored,), form = aligned(task, [x])
    if target != physical(target) and x.dtype != target:
        rounded = task.emit("Cast", stored, to=target)
        return task.formed(task.emit("Cast", rounded, to=task.held), form)
    if x.held == task.held:
        return same(task)
    return task.formed(task.emit("Cast", stored, to=task.held), form)


def convert(task: Task) -> Result:
    """Translate a cast inside an op, which is computed in float32 where it has 16-bit floats."""
    if task.x().held == task.held:
        return same(task)
    (stored,), form = aligned(task, [task.x()])
    return task.formed(task.emit("Cast", stored, to=task.held), form)


def same(task: Task) -> Tensor:
    """Return the operand itself: no node is needed."""
    x = task.x()
    if x.known:
        return Tensor(task.shape, task.dtypes[0], array=np.asarray(x.array))
    return Tensor(task.shape, task.dtypes[0], x.name, x.array, x.order, x.thin)


UNARY = {
    "negative": "Neg", "absolute": "Abs", "abs": "Abs", "fabs": "Abs", "sign": "Sign",
    "reciprocal": "Reciprocal", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "sin": "Sin",
    "cos": "Cos", "tan": "Tan", "arcsin": "Asin", "arccos": "Acos", "arctan": "Atan",
    "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "arcsinh": "Asinh", "arccosh": "Acosh",
    "arctanh": "Atanh", "floor": "Floor", "ceil": "Ceil", "erf": "Erf",
}  # fmt: skip
CHAINS: dict[str, tuple[tuple[str, float | None], ...]] = {
    "expm1": (("Exp", None), ("Sub", 1.0)),
    "log1p": (("Add", 1.0), ("Log", None)),
    "log2": (("Log", None), ("Mul", 1 / math.log(2))),
    "log10": (("Log", None), ("Mul", 1 / math.log(10))),
    "rsqrt": (("Sqrt", None), ("Reciprocal", None)),
    "erfc": (("Erf", None), ("Neg", None), ("Add", 1.0)),
    "deg2rad": (("Mul", math.pi / 180),),
    "rad2deg": (("Mul", 180 / math.pi),),
}
BINARY = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "maximum": "Max",
    "minimum": "Min",
}  # fmt: skip
COMPARISONS = {
    "equal": ("Equal", False), "not_equal": ("Equal", True), "less": ("Less", False),
    "less_equal": ("LessOrEqual", False), "greater": ("Greater", False),
    "greater_equal": ("GreaterOrEqual", False),
}  # fmt: skip
BITS = {
    "and": ("BitwiseAnd", "And"), "or": ("BitwiseOr", "Or"), "xor": ("BitwiseXor", "Xor"),
    "not": ("BitwiseNot", "Not"),
}  # fmt: skip

OPS: Table = {
    **{f"math.{name}": unary(op) for name, op in UNARY.items()},
    **{f"math.{name}": chain(*steps) for name, steps in CHAINS.items()},
    **{f"math.{name}": binary(op) for name, op in BINARY.items()},
    **{f"math.{name}": comparison(*how) for name, how in COMPARISONS.items()},
    **{f"math.bitwise_{name}": bitwise(*how) for name, how in BITS.items()},
    "math.logical_and": logical("And"), "math.logical_or": logical("Or"),
    "math.logical_xor": logical("Xor"), "math.logical_not": logical("Not"),
    "math.isnan": _is("IsNaN"), "math.isinf": _is("IsInf"), "math.isfinite": _is_finite,
    "math.isposinf": _is("IsInf", detect_negative=0),
    "math.isneginf": _is("IsInf", detect_positive=0),
    "math.divide": divided("Div"), "math.ldexp": _ldexp, "math.where": _where,
    "math.clip": _clip, "math.mod": _whole_mod, "math.power": _power,
    "math.square": _square, "math.cbrt": _cbrt, "math.exp2": _exp2, "math.arctan2": _arctan2,
    "math.signbit": _sign_bit, "math.real": same, "math.conjugate": same,
    "core.cast": cast, "core.identity": same, "core.stop_gradient": same,
}  # fmt: skip

PRIMITIVES: Table = {
    **{name: OPS[f"math.{name}"] for name in (
        "sign", "exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "floor", "ceil",
        "erf", "abs", "expm1", "log1p", "rsqrt", "cbrt", "exp2", "square", "erfc",
    )},
    "neg": unary("Neg"), "asin": unary("Asin"), "acos": unary("Acos"), "atan": unary("Atan"),
    "asinh": unary("Asinh"), "acosh": unary("Acosh"), "atanh": unary("Atanh"),
    "logistic": unary("Sigmoid"), "round": unary("Round"), "atan2": _arctan2,
    "add": binary("Add"), "add_any": binary("Add"), "sub": binary("Sub"), "mul": binary("Mul"),
    "div": divided("Div"), "max": binary("Max"), "min": binary("Min"), "pow": _power,
    "rem": divided("Mod", fmod=1), "integer_pow": _integer_pow, "clamp": _clamp,
    "select_n": _select,
    "eq": comparison("Equal"), "ne": comparison("Equal", negated=True), "lt": comparison("Less"),
    "le": comparison("LessOrEqual"), "gt": comparison("Greater"),
    "ge": comparison("GreaterOrEqual"), "lt_to": comparison("Less"),
    "le_to": comparison("LessOrEqual"),
    **{name: bitwise(*how) for name, how in BITS.items()},
    "is_finite": _is_finite, "shift_left": _shift("LEFT"),
    "shift_right_logical": _shift("RIGHT"), "shift_right_arithmetic": _shift_right,
    "convert_element_type": convert, "reduce_precision": same, "copy": same, "copy_p": same,
    "stop_gradient": same,
}  # fmt: skip
