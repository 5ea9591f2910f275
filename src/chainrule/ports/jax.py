"""Expressions as JAX functions: traced by `jit`, `vmap` and `grad`, compiled by XLA for CPU, GPU and TPU.

    f = chainrule.compile(s, backend="jax")          f(W=…, x=…)          jax.grad(lambda W: f(W=W, x=x))(W)

An operation computes what its record says, over `jax.numpy`, and JAX differentiates it by that record too: its
tangent is the pullback of our pullback. So JAX's gradients have our conventions (relu′(0) = 0, the norm has the
subgradient 0 at 0, ties share), and are as stable as ours. What is linear is left to JAX.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial, reduce
from math import prod
from operator import add
from typing import Any

import numpy as np

from chainrule.algebra.chain import EXPECTED, LOG_PARTITION
from chainrule.algebra.choice import BOTH, CAST, EITHER, EQUAL, LESS, LESS_EQUAL, NOT, WHERE
from chainrule.algebra.entrywise import ADD, NEGATIVE, SUBTRACT
from chainrule.algebra.node import Node, constant, make, variable
from chainrule.algebra.op import OPS, Array, Namespace, Op
from chainrule.algebra.product import inner
from chainrule.algebra.select import SCATTER, TAKE
from chainrule.algebra.signature import FLOATS
from chainrule.calculus.pullback import pull_back
from chainrule.calculus.simplify import simplify
from chainrule.compute.arrays import Arrays
from chainrule.compute.calling import Compiled, Elsewhere
from chainrule.compute.compile import compile, inputs_of
from chainrule.compute.interpret import Interpreter, checked
from chainrule.compute.passes import FORMS
from chainrule.errors import DTypeError
from chainrule.ports.extra import needed

TITLE, ME = "JAX", "chainrule.ports.jax"
_SHORT = {"float64": "float32", "int64": "int32"}  # what JAX has instead where it computes in 32 bits
_LONG = {"int32": "int64"}


# ── the function ──────────────────────────────────────────────────────────────────────────────────────


class Function(Compiled):
    """Expressions as a function of JAX arrays, which JAX may trace; called as other compiled functions are.

    Values are JAX or NumPy arrays, numbers and lists; results are JAX arrays. Shapes and named dimensions are
    checked when a shape is met first. A row that does not exist is NaN, as no compiled program of JAX can raise.
    `source` is the function in NumPy: XLA makes its own text of the graph. Raises ExtraError without JAX; when
    called BindingError, and DTypeError, also for float64 in 32 bits.
    """

    def __init__(self, outputs: Node | Sequence[Node], inputs: Sequence[Node] | None = None) -> None:
        jax = needed("jax", ME)
        listed = [outputs] if isinstance(outputs, Node) else list(outputs)
        order = inputs_of(listed, inputs)
        wanted = outputs if isinstance(outputs, Node) else listed
        runner = Elsewhere("jax", tuple(FORMS), lambda: compile(listed, order, backend="numpy").source)
        super().__init__(wanted, order, lambda: runner, partial(function, wanted, order))
        made: Sequence[Node] = [*listed]
        for change in FORMS.values():
            made = change(made)
        self._traced = Interpreter([*made, *order], arrays())
        self._run = jax.jit(lambda values: self._traced(values)[: len(made)])

    def __call__(self, /, *args: Any, **values: Any) -> Array | list[Array]:
        """The value of the expression, or the list of them. Raises BindingError, DTypeError."""
        given = {
            name: value if hasattr(value, "dtype") else checked(v, value)
            for v, name, value in zip(self._variables, self.inputs, self.arguments(args, values), strict=True)
        }
        found: list[Array] = self._run(given)
        return found[0] if self._alone else found


def function(outputs: Node | Sequence[Node], inputs: Sequence[Node] | None = None) -> Function:
    """Expressions as a function of JAX arrays: what `compile(…, backend="jax")` gives."""
    return Function(outputs, inputs)


# ── the namespace ─────────────────────────────────────────────────────────────────────────────────────


@lru_cache
def arrays() -> Arrays:
    """JAX arrays, for `evaluate` and for functions that are traced. Raises ExtraError."""
    needed("jax", ME)
    forms: dict[str, Callable[..., Array]] = {
        TAKE.name: _take,
        SCATTER.name: _scatter,
        LOG_PARTITION.name: _in_front(_log_partition),
        EXPECTED.name: _in_front(_expected),
    }
    derived = {op.name: _differentiated(op) for op in OPS.values() if _is_derived(op)}
    return Arrays(TITLE, _Numpy(), {**derived, **forms}, immutable=True, spread=True)


class _Numpy:
    """`jax.numpy`, with the error function; float64 is refused where JAX would make float32 of it."""

    def __init__(self) -> None:
        self._jax, self._numpy = needed("jax", ME), needed("jax.numpy", ME)
        self.erf = self._jax.scipy.special.erf

    def __getattr__(self, name: str) -> Any:
        if name in _SHORT and not self._jax.config.jax_enable_x64:
            if name == "float64":
                raise DTypeError(
                    'JAX computes in 32 bits here: call jax.config.update("jax_enable_x64", True) first, '
                    "or declare the variables float32"
                )
            name = _SHORT[name]
        return getattr(self._numpy, name)


# ── operations that JAX differentiates by their records ───────────────────────────────────────────────

_ALIKE = frozenset({ADD, SUBTRACT, NEGATIVE, CAST, WHERE, LESS, LESS_EQUAL, EQUAL, BOTH, EITHER, NOT})
"""What is linear, or has no slope: JAX differentiates it as we do."""


def _is_derived(op: Op) -> bool:
    return (op.entrywise or op.guarded) and op not in _ALIKE


def _differentiated(op: Op) -> Callable[..., Array]:
    """An operation over `jax.numpy` whose tangent is the one that its record implies."""

    def form(xp: Namespace, *given: Array, **attrs: Any) -> Array:
        jax = needed("jax", ME)
        call = jax.custom_jvp(lambda *inputs: op.forward(xp, *inputs, **attrs))

        def rule(primals: Sequence[Array], tangents: Sequence[Array]) -> tuple[Array, Array]:
            still = jax.custom_derivatives.SymbolicZero
            look = tuple(
                (x.shape, np.dtype(x.dtype).name, not isinstance(t, still))
                for x, t in zip(primals, tangents, strict=True)
            )
            run = _tangent(op, look, tuple(attrs.items()))
            if run is None:
                y = call(*primals)
                return y, _flat(y)
            values = {f"x{k}": x for k, x in enumerate(primals)}
            values |= {f"t{k}": t for k, t in enumerate(tangents) if look[k][2]}
            y, dy = run(values)
            return y, dy

        call.defjvp(rule, symbolic_zeros=True)
        return call(*given)

    return form


def _flat(y: Array) -> Array:
    """The tangent of a value that does not move."""
    jax, xp = needed("jax", ME), needed("jax.numpy", ME)
    return xp.zeros_like(y) if xp.issubdtype(y.dtype, xp.floating) else np.zeros(y.shape, jax.dtypes.float0)


Look = tuple[tuple[tuple[int, ...], str, bool], ...]  # of every operand the shape, the kind, whether it moves


@lru_cache(maxsize=1024)
def _tangent(op: Op, look: Look, attrs: tuple[tuple[str, Any], ...]) -> Interpreter | None:
    """The value of an operation on x₀ x₁ … and its tangent along t₀ t₁ …; None where it does not move."""
    inputs = [variable(f"x{k}", shape, _LONG.get(kind, kind)) for k, (shape, kind, _) in enumerate(look)]
    y = make(op, *inputs, **dict(attrs))
    ways = [(x, variable(f"t{k}", x.shape, x.dtype)) for k, x in enumerate(inputs) if look[k][2]]
    if y.dtype not in FLOATS or not ways:
        return None
    moved = [part for x, t in ways if (part := _moved(y, x, t)) is not None]
    if not moved:
        return None
    return Interpreter([y, *simplify([reduce(add, moved)])], arrays())


def _moved(y: Node, x: Node, t: Node) -> Node | None:
    """∂y/∂x · t, the pullback of the pullback, linear in t as it is written, so that JAX can transpose it."""
    g = variable("g", y.shape, y.dtype)
    (back,) = pull_back({y: g}, [x], linear=True)
    return None if back is None else pull_back({inner(back, t): constant(1, x.dtype)}, [g], linear=True)[0]


# ── selections and chains ─────────────────────────────────────────────────────────────────────────────


def _within(xp: Namespace, rows: Array, count: int) -> Array:
    return (rows >= 0) & (rows < count)


def _take(xp: Namespace, x: Array, rows: Array, batch: int) -> Array:
    """x[rows]; NaN for a row that does not exist."""
    if batch:
        return needed("jax", ME).vmap(lambda a, b: _take(xp, a, b, batch - 1))(x, rows)
    found = xp.take(x, rows, axis=0, mode="clip")
    if not xp.issubdtype(x.dtype, xp.floating):
        return found
    there = xp.reshape(_within(xp, rows, x.shape[0]), (*rows.shape, *(1,) * (x.ndim - 1)))
    return xp.where(there, found, xp.nan)


def _scatter(xp: Namespace, rows: Array, values: Array, batch: int, count: int) -> Array:
    """Rows added into a table of zeros; NaN in all of it for a row that does not exist."""
    if batch:
        return needed("jax", ME).vmap(lambda a, b: _scatter(xp, a, b, batch - 1, count))(rows, values)
    empty = xp.where(xp.all(_within(xp, rows, count)), 0.0, xp.nan)
    table = xp.full((count, *values.shape[rows.ndim :]), empty, dtype=values.dtype)
    return table.at[rows].add(values, mode="drop")


def _log_partition(xp: Namespace, s: Array, A: Array, first: Array) -> Array:
    """log Z of sentences that lie one behind the other, a token at a time."""
    jax = needed("jax", ME)
    begins = (first != 0).at[:1].set(True)
    moves, start, end = A[:-1, :-1], A[-1, :-1], A[:-1, -1]

    def step(a: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        score, begin = now
        a = xp.where(begin, start, jax.nn.logsumexp(a[:, None] + moves, axis=0)) + score
        return a, jax.nn.logsumexp(a + end)

    _, z = jax.lax.scan(step, xp.zeros_like(start), (s, begins))
    ends = xp.concat([begins[1:], xp.ones(min(len(z), 1), dtype=bool)])
    return xp.sum(xp.where(ends, z, 0.0))


def _expected(xp: Namespace, s: Array, A: Array, first: Array, *ways: Array) -> Array:
    """The gradient of log Z in s above that in A; with directions, its derivative along them."""
    jax = needed("jax", ME)
    n, c = s.shape

    def gradient(s: Array, A: Array) -> tuple[Array, Array]:
        found: tuple[Array, Array] = jax.grad(lambda s, A: _log_partition(xp, s, A, first), (0, 1))(s, A)
        return found

    moved: Callable[[Array, Array], Pair] = gradient
    for way in ways:
        moved = _along(moved, (way[:n, :c], way[n:]))
    p, counts = moved(s, A)
    return xp.concat([xp.concat([p, xp.zeros((n, 1), dtype=p.dtype)], axis=1), counts])


Pair = tuple[Array, Array]


def _along(f: Callable[[Array, Array], Pair], way: Pair) -> Callable[[Array, Array], Pair]:
    def moved(s: Array, A: Array) -> Pair:
        found: Pair = needed("jax", ME).jvp(f, (s, A), way)[1]
        return found

    return moved


def _in_front(of_one: Callable[..., Array]) -> Callable[..., Array]:
    """The value for every example along the axes in front, in the dtype of the operands."""

    def form(xp: Namespace, s: Array, A: Array, first: Array, *ways: Array) -> Array:
        dtype = xp.result_type(s, A, *ways)
        front, given = s.shape[:-2], [xp.astype(s, dtype), xp.astype(A, dtype), first, *ways]
        if not front:
            return of_one(xp, *given)
        flat = [xp.reshape(x, (prod(front), *x.shape[len(front) :])) for x in given]
        found = needed("jax", ME).vmap(partial(of_one, xp))(*flat)
        return xp.reshape(found, (*front, *found.shape[1:]))

    return form
