"""A network with fixed parameters, for windows that slide over a text: what can be looked up is not computed.

The expression of one window is evaluated in part (`calculus.tabulate`): its first layer, affine in rows of tables,
becomes a sum of rows of other tables, one for each place in the window. Only the rows of those kinds of tokens are
made that a text holds, when it first holds them, and they are kept within a bound of memory; so a short text pays
for its own words, and a long one hardly ever for a product. Products with fixed matrices that remain are `Exact`:
what comes out for a window does not depend, in any bit, on what is computed beside it.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import Node, topological, variable, variables
from chainrule.algebra.op import Array
from chainrule.calculus.batch import batch
from chainrule.calculus.rewrite import substitute
from chainrule.calculus.tabulate import Tabulated, tabulated
from chainrule.compute.codes import SHORT, SINGLE, WHOLE, Code, Codes
from chainrule.compute.compile import compile
from chainrule.compute.exact import Exact, Floats
from chainrule.compute.interpret import evaluate

Ids = NDArray[np.int64]
MEMORY = 64 << 20  # bytes of the rows that are kept; half as many more while they are sorted out
CHUNK = 512  # windows in one pass, whose intermediate values stay in the cache of the processor
STEP = 16  # passes have a multiple of this many windows, so that few different sizes occur
BOUNDS = {"tanh": 1.0, "hard_tanh": 1.0, "sigmoid": 1.0}  # of the values of functions


Table = Floats | Callable[[Ids], Floats]


class Kept(NamedTuple):
    """Rows that are made: `slots` kind → number, 0 where there is none; its W rows follow one another."""

    slots: NDArray[np.int32]
    rows: Floats


class Kinds(Protocol):
    """Kinds of tokens, numbered from 0: which row of every table each selects."""

    def __len__(self) -> int:
        """How many there are so far."""

    def selected(self, kinds: Ids) -> Sequence[Ids]:
        """The rows of each table that these kinds select, (N,) each."""


class Own(NamedTuple):
    """A variable (C,) that is a sum over the places of the window of what kinds have there of their own.

    rows   the rows of each table that N kinds select → what they have at every place, (N, W, C)
    """

    node: Node
    rows: Callable[[Sequence[Ids]], Floats]


class Rows:
    """The rows E[kind] J_pᵀ of all places p in a window, each followed by what the kind has there of its own.

    They are made when first asked for. Where the memory is full, the half that was asked for last is kept.
    """

    def __init__(
        self,
        kinds: Kinds,
        tables: Sequence[Table],
        jacobians: Sequence[Array],
        own: Own | None = None,
        memory: int = MEMORY,
    ) -> None:
        """tables (V, D) each, of 32 or 16 bits, or what makes their rows; jacobians (H, W, D) each."""
        self._known, self._tables, self._own = kinds, tables, own
        self.hidden, self.window, _ = jacobians[0].shape
        self._hidden = self.hidden + (own.node.shape[0] if own else 0)
        joint = np.concatenate([j.transpose(1, 0, 2) for j in jacobians], axis=2)
        self._project = Exact(np.ascontiguousarray(joint.reshape(-1, joint.shape[2]).T, np.float32))
        self._most = max(2 * (CHUNK + self.window), memory // (4 * self._hidden * self.window))
        self._lock = threading.Lock()
        self._kept = self._empty()
        self._used, self._time = 1, 0
        self._kinds = np.zeros(self._most, np.int64)  # of each number
        self._asked = np.zeros(self._most, np.int64)  # when it was asked for last, as far as the lock knows

    def _empty(self) -> Kept:
        slots = np.zeros(len(self._known), np.int32)
        return Kept(slots, np.zeros((self._most * self.window, self._hidden), np.float32))  # untouched, it is none

    def __call__(self, kinds: Ids) -> tuple[NDArray[np.int32], Floats]:
        """The numbers of these kinds, at most CHUNK of them, and all rows."""
        kept = self._kept
        if len(self._known) <= len(kept.slots) and (slots := kept.slots[kinds]).all():
            return slots, kept.rows  # they were there before their numbers were told
        with self._lock:
            kept = self._made(kinds)
            return kept.slots[kinds], kept.rows

    def _made(self, kinds: Ids) -> Kept:
        """All rows of these kinds. What other threads have in hands stays as it is: rows are only added."""
        kept = self._kept
        if (missing := len(self._known) - len(kept.slots)) > 0:
            more = np.zeros(max(missing, len(kept.slots)), np.int32)
            self._kept = kept = Kept(np.concatenate([kept.slots, more]), kept.rows)
        self._time += 1
        self._asked[kept.slots[kinds]] = self._time
        new = _distinct(kinds[kept.slots[kinds] == 0])
        if self._used + len(new) > self._most:
            kept = self._halved()
            new = _distinct(kinds[kept.slots[kinds] == 0])
        end = self._used + len(new)
        numbers = np.arange(self._used, end)
        selected = self._known.selected(new)
        x = np.concatenate(
            [table(k) if callable(table) else table[k] for table, k in zip(self._tables, selected, strict=False)],
            axis=1,
            dtype=np.float32,
        )
        rows = kept.rows[self._used * self.window : end * self.window]
        rows[:, : self.hidden] = self._project(x).reshape(len(rows), self.hidden)
        if self._own is not None:
            rows[:, self.hidden :] = self._own.rows(selected).reshape(len(rows), self._hidden - self.hidden)
        self._kinds[numbers], self._asked[numbers] = new, self._time
        self._kept = kept
        kept.slots[new] = numbers
        self._used = end
        return kept

    def _halved(self) -> Kept:
        """The rows that were asked for last, as others."""
        last = 1 + np.argsort(-self._asked[1 : self._used], kind="stable")[: self._most // 2]
        kept = self._empty()
        self._used = 1 + len(last)
        old, new = (rows.reshape(self._most, -1) for rows in (self._kept.rows, kept.rows))
        old.take(last, axis=0, out=new[1 : self._used], mode="clip")  # "raise" would fill a copy first
        for facts in (self._kinds, self._asked):
            facts[1 : self._used] = facts[last]
        kept.slots[self._kinds[1 : self._used]] = np.arange(1, self._used)
        return kept


class Stage(NamedTuple):
    """Values of B windows (B, K), and the fixed matrix (K, C) that they are multiplied with at last, if any."""

    run: Callable[..., Array]
    inputs: tuple[str, ...]
    product: Exact | None
    name: str


class Fixed:
    """An expression (C,) of one window of W kinds, with all parameters fixed, computed for many windows.

    It may be called from several threads at once.
    """

    def __init__(
        self,
        root: Node,
        ids: Sequence[Node],
        kinds: Kinds,
        params: Mapping[str, Any],
        *,
        backend: str,
        own: Own | None = None,
        memory: int = MEMORY,
        fast: str = "numpy",
    ) -> None:
        """`ids` index (W,) select rows of tables, as `kinds` do; `params` has values for all variables but `own`.

        `fast` is the backend of `codes`, for what comes out the same in every bit.
        Raises ValueError where the expression cannot be evaluated in part.
        """
        made = tabulated(root, ids)
        if made is None or tuple(made.ids) != tuple(ids):
            raise ValueError("no value of the expression is affine in the rows of all tables")
        self._rows = _rows(made, kinds, params, own, memory)
        self._moving = [made.z, *([own.node] if own else [])]
        rest = [v for v in variables(made.root) if v not in self._moving]
        self._known = {
            str(v.attrs["name"]): np.array(params[v.attrs["name"]], np.float32, order="C") for v in rest
        }
        start = np.asarray(evaluate(made.start, _for(made.start, params)), np.float32)
        self._start = np.concatenate([start, np.zeros(own.node.shape if own else 0, np.float32)])  # type: ignore[arg-type]
        self.window = self._rows.window
        self._firsts = [str(v.attrs["name"]) for v in self._moving]
        self._stages = self._staged(made.root, backend)
        self._codes = Codes(fast)

    def _staged(self, root: Node, backend: str) -> list[Stage]:
        """The expression cut behind every value of the window that is multiplied with a fixed matrix."""
        stages: list[Stage] = []
        moving = list(self._moving)
        while True:
            found = next(((n, m) for n in topological([root]) if (m := self._matrix(n, moving)) is not None), None)
            if found is None:
                stages.append(self._stage(root, moving, None, "", backend))
                return stages
            node, matrix = found
            value = next(i for i in node.inputs if set(moving) & set(variables(i)))
            name = f"product{len(stages)}"
            stages.append(self._stage(value, moving, Exact(matrix, BOUNDS.get(value.op.name)), name, backend))
            moving.append(variable(name, node.shape, node.dtype))
            (root,) = substitute([root], {node: moving[-1]})

    def _matrix(self, node: Node, moving: Sequence[Node]) -> Floats | None:
        """The M of a node that is a vector of the window times M, (K, C)."""
        if node.op is not PRODUCT_OP or len(node.inputs) != 2 or node.ndim != 1:
            return None
        moves = [bool(set(moving) & set(variables(i))) for i in node.inputs]
        left, right = node.inputs
        matrix, letters = (left, "ab,b->a") if moves == [False, True] else (right, "a,ab->b")
        if sum(moves) != 1 or matrix.ndim != 2 or node.attrs["letters"] not in (letters, "a,ba->b"):
            return None
        value = np.asarray(evaluate(matrix, _for(matrix, self._known)), np.float32)
        return np.ascontiguousarray(value if node.attrs["letters"] == "a,ab->b" else value.T)

    def _stage(self, value: Node, moving: Sequence[Node], product: Exact | None, name: str, backend: str) -> Stage:
        many = batch(value, [v for v in moving if v in variables(value)])
        run = compile(many, backend=backend)
        return Stage(run, run.inputs, product, name)

    def __call__(self, kinds: Ids) -> Floats:
        """The values (N, C) of the windows around all kinds (N + W − 1,) but the first and last W // 2."""
        reach = self.window - 1
        count = max(0, len(kinds) - reach)
        found = [self._chunk(kinds[k : min(k + CHUNK, count) + reach]) for k in range(0, count or 1, CHUNK)]
        return np.concatenate(found) if len(found) > 1 else found[0]

    def _chunk(self, kinds: Ids) -> Floats:
        count = max(0, len(kinds) - self.window + 1)
        slots, rows = self._rows(kinds)
        parts = self._sums(slots, rows, max(1, -(-count // STEP)) * STEP)
        values = {**self._known, **dict(zip(self._firsts, parts, strict=False))}
        value: Floats = parts[0]
        for stage in self._stages:
            value = stage.run(*[values[name] for name in stage.inputs])
            if stage.product is not None:
                values[stage.name] = value = stage.product(value)
        return value[:count]

    def _sums(self, slots: NDArray[np.int32], rows: Floats, count: int) -> tuple[Floats, Floats]:
        """z₀ + Σ_p of the row of place p, (count, H) and (count, C), for so many windows, or more."""
        code = self._codes.get("summed", _CODES, count)
        if code is not None:
            H = self._rows.hidden
            z, y = (np.empty((count, n), np.float32) for n in (H, len(self._start) - H))
            z[len(slots) - self.window + 1 :] = y[len(slots) - self.window + 1 :] = 0
            code(slots, rows, self.window, self._start, z, y)
            return z, y
        firsts = np.zeros(count + self.window - 1, np.intp)
        np.multiply(slots, self.window, out=firsts[: len(slots)])
        z = rows.take(firsts[:count], axis=0)
        z += self._start
        row = np.empty_like(z)
        for p in range(1, self.window):
            rows[p:].take(firsts[p : p + count], axis=0, out=row, mode="clip")  # "raise" would fill a copy first
            z += row
        hidden, own = np.split(z, [self._rows.hidden], axis=1)
        return np.ascontiguousarray(hidden), np.ascontiguousarray(own)


def summed(slots: Any, rows: Any, window: Any, start: Any, hidden: Any, own: Any) -> None:
    """The sums of all windows into the first rows of `hidden` and `own`, kind by kind, whose rows are near."""
    wide, count = hidden.shape[1], slots.shape[0] - window + 1
    for t in range(slots.shape[0]):
        row = slots[t] * window
        for p in range(max(0, t - count + 1), min(window, t + 1)):
            n = t - p
            if p:
                for j in range(wide):
                    hidden[n, j] += rows[row + p, j]
                for j in range(own.shape[1]):
                    own[n, j] += rows[row + p, wide + j]
            else:
                for j in range(wide):
                    hidden[n, j] = rows[row, j] + start[j]
                for j in range(own.shape[1]):
                    own[n, j] = rows[row, wide + j] + start[wide + j]


def _distinct(kinds: Ids) -> Ids:
    """Every kind once, in order, as `np.unique` has them, which would load `numpy.ma`: 1 MB and some ms."""
    ordered = np.sort(kinds)
    return ordered[np.flatnonzero(np.diff(ordered, prepend=-1))]


_CODES = {"summed": Code(summed, (), [(SHORT, 1), (SINGLE, 2), (WHOLE, 0), (SINGLE, 1), (SINGLE, 2), (SINGLE, 2)])}


def _for(node: Node, values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(v.attrs["name"]): values[v.attrs["name"]] for v in variables(node)}


def _rows(made: Tabulated, kinds: Kinds, params: Mapping[str, Any], own: Own | None, memory: int) -> Rows:
    values = [params[t.attrs["name"]] for t in made.tables]
    tables = [value if callable(value) else np.asarray(value) for value in values]
    return Rows(kinds, tables, [evaluate(j, _for(j, params)) for j in made.jacobians], own, memory)
