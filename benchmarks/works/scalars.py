"""The gradients of twenty scalar formulas in x and y: what an operation costs when there is nothing to compute.

A formula is a Python function of a namespace and two numbers. Traced, a system runs the function and
differentiates what it did, every time; compiled, it has done so before. Equal expressions are one object in
chainrule, and what was worked out about the last ones is remembered: so it is timed twice, on formulas that it
has seen in the run before, and on formulas in variables that it has never seen.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from benchmarks.contestant import Contest, Contestant, Entry, Role, Values
from benchmarks.judge import ahead, at_most
from benchmarks.works.ours import function

import chainrule as cr

Formula = Callable[[Any, Any, Any], Any]

X, Y = 0.7, 1.3
FORMULAS: tuple[Formula, ...] = (
    lambda m, x, y: x * y + x,
    lambda m, x, y: (x + y) * (x + y) * y,
    lambda m, x, y: m.tanh(x * y + 0.5),
    lambda m, x, y: 1 / (1 + m.exp(-x)) * y,
    lambda m, x, y: m.exp(-(x * x + y * y) / 2),
    lambda m, x, y: m.log(1 + m.exp(x - y)),
    lambda m, x, y: m.sqrt(x * x + y * y),
    lambda m, x, y: m.sin(x) * m.cos(y) - m.cos(x) * m.sin(y),
    lambda m, x, y: x * m.log(x) + y * m.log(y),
    lambda m, x, y: (1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x),
    lambda m, x, y: m.tanh(m.tanh(m.tanh(x + y) - y) * x),
    lambda m, x, y: x / (y + x / (y + x / (y + x))),
    lambda m, x, y: m.exp(m.sin(x) + m.cos(y)) / (1 + x * x),
    lambda m, x, y: ((((x + 1) * x + 2) * x + 3) * x + 4) * y,
    lambda m, x, y: m.log(m.exp(x) + m.exp(y) + m.exp(x - y)),
    lambda m, x, y: (x * y - 1) / (x * y + 1) + m.sqrt(x / y),
    lambda m, x, y: -x * m.log(1 / (1 + m.exp(-y))) - (1 - x) * m.log(1 / (1 + m.exp(y))),
    lambda m, x, y: m.tanh(0.5 * x + 0.3 * y) * m.tanh(0.2 * x - 0.7 * y) + m.tanh(0.1 * x + 0.1 * y),
    lambda m, x, y: m.sin(x * y) / (x * y) + m.exp(-x * y) * m.cos(10 * x),
    lambda m, x, y: (x * x * y + y + 2) * m.exp(-x / y) + m.sqrt(1 + x * x) * m.log(1 + y * y),
)


class Counted:
    """A number that counts what is done with it: the namespace and the operand of a formula at once."""

    count = 0

    def _done(self, *_: Any) -> "Counted":
        Counted.count += 1
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __neg__ = _done
    exp = log = sin = cos = tanh = sqrt = _done


def operations(count: int) -> int:
    """The operations in so many formulas."""
    Counted.count = 0
    one = Counted()
    for formula in FORMULAS[:count]:
        formula(one, one, one)
    return Counted.count


def contestant(
    gradients: Sequence[Callable[[], Any]], wait: Callable[[Any], Any] = lambda last: None
) -> Contestant:
    """A system that has a function for every formula, which returns its derivatives in x and y."""
    last: list[Any] = []

    def run() -> None:
        last[:] = [gradient() for gradient in gradients]

    def values() -> Values:
        return {f"formula {k}": [float(d) for d in gradient()] for k, gradient in enumerate(gradients, 1)}

    return Contestant(run, values, lambda: wait(last))


# ── ours ──────────────────────────────────────────────────────────────────────────────────────────────


def _graphs(formula: Formula, mark: str = "") -> tuple[list[cr.Node], list[cr.Node]]:
    x, y = cr.scalar("x" + mark), cr.scalar("y" + mark)
    return cr.gradient(formula(cr, x, y), [x, y]), [x, y]


def traced(count: int, new: bool = False) -> Contestant:
    """The graph, its gradient and their numbers, every time; if `new`, of variables with names of their own."""
    numbers = itertools.count()

    def each(formula: Formula) -> Callable[[], Any]:
        def gradient() -> Any:
            mark = str(next(numbers)) if new else ""
            graphs, _ = _graphs(formula, mark)
            return cr.evaluate(graphs, {"x" + mark: X, "y" + mark: Y})

        return gradient

    return contestant([each(formula) for formula in FORMULAS[:count]])


def compiled(count: int) -> Contestant:
    """Functions made before."""

    def each(formula: Formula) -> Callable[[], Any]:
        f = function(*_graphs(formula))
        return lambda: f(x=X, y=Y)

    return contestant([each(formula) for formula in FORMULAS[:count]])


# ── micrograd-style ───────────────────────────────────────────────────────────────────────────────────


class Value:
    """A number that remembers how it was made: the whole idea in a few lines, in Python alone."""

    __slots__ = ("data", "grad", "made")

    def __init__(self, data: float, made: Sequence[tuple["Value", float]] = ()) -> None:
        self.data, self.grad, self.made = data, 0.0, made

    def backward(self) -> None:
        """Add d self / d v to the grad of every v below."""
        order: list[Value] = []
        seen: set[Value] = set()

        def visit(value: Value) -> None:
            if value not in seen:
                seen.add(value)
                for below, _ in value.made:
                    visit(below)
                order.append(value)

        visit(self)
        self.grad = 1.0
        for value in reversed(order):
            for below, local in value.made:
                below.grad += value.grad * local

    def __add__(self, other: "Value | float") -> "Value":
        b = _value(other)
        return Value(self.data + b.data, ((self, 1.0), (b, 1.0)))

    def __mul__(self, other: "Value | float") -> "Value":
        b = _value(other)
        return Value(self.data * b.data, ((self, b.data), (b, self.data)))

    def __pow__(self, power: float) -> "Value":
        return Value(self.data**power, ((self, power * self.data ** (power - 1)),))

    def __neg__(self) -> "Value":
        return self * -1.0

    def __sub__(self, other: "Value | float") -> "Value":
        return self + (-other)

    def __rsub__(self, other: float) -> "Value":
        return (-self) + other

    def __truediv__(self, other: "Value | float") -> "Value":
        return self * _value(other) ** -1.0

    def __rtruediv__(self, other: float) -> "Value":
        return self**-1.0 * other

    __radd__, __rmul__ = __add__, __mul__


def _value(x: Value | float) -> Value:
    return x if isinstance(x, Value) else Value(x)


def _of_value(name: str, slope: Callable[[float, float], float]) -> Callable[[Value], Value]:
    f = getattr(np, name)

    def applied(a: Value) -> Value:
        h = float(f(a.data))
        return Value(h, ((a, slope(a.data, h)),))

    return applied


class Functions:
    """The functions of the formulas, on Values."""

    exp = staticmethod(_of_value("exp", lambda a, h: h))
    log = staticmethod(_of_value("log", lambda a, h: 1 / a))
    tanh = staticmethod(_of_value("tanh", lambda a, h: 1 - h * h))
    sqrt = staticmethod(_of_value("sqrt", lambda a, h: 0.5 / h))
    sin = staticmethod(_of_value("sin", lambda a, h: float(np.cos(a))))
    cos = staticmethod(_of_value("cos", lambda a, h: -float(np.sin(a))))


def micrograd(count: int) -> Contestant:
    """A class of scalars that records."""

    def each(formula: Formula) -> Callable[[], Any]:
        def gradient() -> Any:
            x, y = Value(X), Value(Y)
            formula(Functions, x, y).backward()
            return x.grad, y.grad

        return gradient

    return contestant([each(formula) for formula in FORMULAS[:count]])


# ── contests ──────────────────────────────────────────────────────────────────────────────────────────

HERE = "benchmarks.works.scalars"
TRACED: Mapping[str, tuple[Role, str]] = {
    "chainrule": (Role.OURS, f"{HERE}:traced"),
    "micrograd": (Role.EXPERT, f"{HERE}:micrograd"),
    "autograd": (Role.EXPERT, f"{HERE}_peers:autograd"),
    "torch": (Role.EXPERT, f"{HERE}_peers:torch"),
    "jax": (Role.EXPERT, f"{HERE}_peers:jax"),
}
COMPILED: Mapping[str, tuple[Role, str]] = {
    "chainrule": (Role.OURS, f"{HERE}:compiled"),
    "jax jit": (Role.EXPERT, f"{HERE}_peers:jax_jit"),
}


def contests(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """Traced and compiled; three of them in quick contests."""
    count = 3 if quick else len(FORMULAS)
    for setting, systems, target in (
        ("traced", TRACED, at_most(5, "µs", each="an operation")),
        ("compiled", COMPILED, ahead(1.0, of="jit")),
    ):
        entries = [Entry(label, role, make, {"count": count}) for label, (role, make) in systems.items()]
        if systems is TRACED:
            entries.insert(1, Entry("never seen", Role.PART, f"{HERE}:traced", {"count": count, "new": True}))
        yield Contest(
            "twenty scalar formulas",
            setting,
            tuple(entries),
            amount=operations(count),
            unit="operations",
            targets=(target,),
            tolerance=1e-9,
        )
