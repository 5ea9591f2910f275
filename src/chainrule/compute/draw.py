"""Random values to try a formula on: they obey the declared facts and lie where the formula has a value.

Values are standard normal. Where a part of the formula then has none (the logarithm of a negative number, the
inverse of a singular matrix), the variables of that part are moved, by the first of a few ways that helps.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice, product
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.matrix import DET, INV, LOGDET, SOLVE
from chainrule.algebra.node import SIZE, VARIABLE, Node, topological
from chainrule.algebra.signature import BOOLEAN, FLOATS, INTEGER, Binding, Dim, entries
from chainrule.calculus.facts import Facts
from chainrule.compute.interpret import Interpreter
from chainrule.errors import BindingError, SettingError

Sizes = dict[str, int]
Values = dict[str, Any]

LARGEST = 10_000_000  # entries of an array that is computed on trial
MANY = 100_000  # entries that are computed at two points only

HUGE, ILL = 1e8, 1e4  # a value, and a condition number, from which rounding would speak louder than the formula
MOST_TRIES = 300


class Point(NamedTuple):
    """Where a formula is tried: the sizes of its dimensions and the values of its variables, by name."""

    sizes: Sizes
    values: Values


# ── values that obey facts ────────────────────────────────────────────────────────────────────────────


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x)
    return np.asarray(e / e.sum(-1, keepdims=True))


def _orthogonal(x: np.ndarray, known: Collection[str]) -> np.ndarray:
    if "diagonal" in known:
        return np.diag(np.where(np.diag(x) < 0, -1.0, 1.0))
    if "symmetric" in known:
        return np.asarray(np.eye(len(x)) - 2 * np.outer(x[0], x[0]) / (x[0] @ x[0]))  # a reflection
    return np.linalg.qr(x)[0] if x.shape[0] >= x.shape[1] else np.linalg.qr(x.T)[0].T


def _idempotent(x: np.ndarray, known: Collection[str]) -> np.ndarray:
    if "diagonal" in known:
        return np.diag((np.diag(x) > 0) * 1.0)
    onto = x[:, : (len(x) + 1) // 2]
    along = onto if "symmetric" in known else onto + 0.5 * x[:, -onto.shape[1] :]
    return np.asarray(onto @ np.linalg.inv(along.T @ onto) @ along.T)


_OBEYING: Mapping[str, Callable[[np.ndarray, Collection[str]], np.ndarray]] = {
    "positive": lambda x, known: np.abs(x) + 0.1,
    "symmetric": lambda x, known: (x + x.T) / 2,
    "diagonal": lambda x, known: np.diag(np.diag(x)),
    "positive definite": lambda x, known: x @ x.T / len(x) + 0.5 * np.eye(len(x)),
    "sums to one": lambda x, known: _softmax(x),
    "rows sum to one": lambda x, known: _softmax(x),
    "one-hot": lambda x, known: np.eye(len(x))[x.argmax()],
    "orthogonal": _orthogonal,
    "idempotent": _idempotent,
}
"""How a random array is made to obey each fact; in this order, so that the later keep the earlier."""


def obeying(x: np.ndarray, known: Collection[str]) -> np.ndarray:
    """The array, changed so that it obeys all these facts."""
    for fact, change in _OBEYING.items():
        if fact in known:
            x = change(x, known)
    return x


# ── values that a formula is defined at ───────────────────────────────────────────────────────────────


def _identity(x: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.eye(x.shape[-1]), x.shape)


Way = Callable[[np.ndarray], np.ndarray]

_WAYS: Sequence[tuple[Way, bool]] = (
    (lambda x: x, False),
    (lambda x: 2 * _identity(x) + 0.3 * x, True),  # invertible, with a positive determinant
    (lambda x: 0.5 + np.abs(x), False),
    (lambda x: 0.1 + 0.8 / (1 + np.exp(-x)), False),  # between 0 and 1
    (lambda x: x @ np.swapaxes(x, -1, -2) + _identity(x), True),  # definite
    (lambda x: 0.1 * x, False),
    (lambda x: 5 + np.abs(x), False),
    (lambda x: -0.5 - np.abs(x), False),
)
"""How normal values may be moved, and whether the way is for square matrices alone."""

POSITIVE = 2

Ways = dict[str, int]


def _is_square(node: Node) -> bool:
    return node.ndim > 1 and node.shape[-1] == node.shape[-2]


class _Search:
    """The way in which each variable of a formula is drawn."""

    def __init__(
        self, s: Node | None, variables: Iterable[Node], facts: Facts, given: Mapping[str, Any], way: int = 0
    ) -> None:
        self.facts, self.given = facts, given
        self.order = [] if s is None else topological([s])
        self.all_parts = Interpreter(self.order)
        self.drawn = {n.attrs["name"]: n for n in variables if n.attrs["name"] not in given}
        self.ways: Ways = {name: way for name, node in self.drawn.items() if node.dtype in FLOATS}

    def anywhere(self, rng: np.random.Generator, sizes: Sizes) -> Point:
        """Random values that obey the facts."""
        return Point(sizes, self._values(self._raw(rng, sizes), self.ways))

    def point(self, rng: np.random.Generator, sizes: Sizes) -> Point | None:
        """Random values at which every part of the formula has a value; None where none were found."""
        raw = self._raw(rng, sizes)
        ways = self._helpful(raw, sizes)
        if ways is None:
            return None
        self.ways = ways
        return Point(sizes, self._values(raw, ways))

    def _helpful(self, raw: Mapping[str, np.ndarray], sizes: Sizes) -> Ways | None:
        """The ways of before, changed until no part is without a value; None where no change helps."""
        ways, left = self.ways, MOST_TRIES
        bad = self._first_bad(self._values(raw, ways), sizes)
        while bad is not None:
            for change in islice(self._changes(self.order[bad]), left):
                left -= 1
                now = self._first_bad(self._values(raw, {**ways, **change}), sizes)
                if now is None or now > bad:
                    ways, bad = {**ways, **change}, now
                    break
            else:
                return None
        return ways

    def _raw(self, rng: np.random.Generator, sizes: Sizes) -> dict[str, np.ndarray]:
        full = Binding(sizes)
        return {n: _normal(node, rng, tuple(full.size(a) for a in node.shape)) for n, node in self.drawn.items()}

    def _values(self, raw: Mapping[str, np.ndarray], ways: Ways) -> Values:
        moved = {name: _WAYS[ways[name]][0](x) if name in ways else x for name, x in raw.items()}
        known = {name: self.facts.of(node) for name, node in self.drawn.items()}
        return {**{name: obeying(x, known[name]) for name, x in moved.items()}, **self.given}

    def _first_bad(self, values: Values, sizes: Sizes) -> int | None:
        """The place of the first part, inputs before users, that has no value there, or none to rely on."""
        try:
            found = self.all_parts(values, sizes)
        except BindingError:
            return self._first_refused(values, sizes)
        place = {node: k for k, node in enumerate(self.order)}
        for k, (node, value) in enumerate(zip(self.order, found, strict=True)):
            if not _is_reliable(value):
                return k
            if node.op in (INV, DET, LOGDET, SOLVE) and not np.all(
                np.linalg.cond(found[place[node.inputs[0]]]) < ILL
            ):
                return k
        return None

    def _first_refused(self, values: Values, sizes: Sizes) -> int:
        low, high = 0, len(self.order) - 1
        while low < high:
            middle = (low + high) // 2
            try:
                Interpreter(self.order[: middle + 1])(values, sizes)
                low = middle + 1
            except BindingError:
                high = middle
        return low

    def _changes(self, part: Node) -> Iterator[Ways]:
        """Ways to draw the variables of a part: all alike, square ones apart, one by one, and in pairs."""
        names = [n.attrs["name"] for n in topological([part]) if n.op is VARIABLE]
        names = [n for n in names if n in self.ways]
        fits = {
            n: [k for k, (_, square) in enumerate(_WAYS) if _is_square(self.drawn[n]) or not square] for n in names
        }
        squares = [n for n in names if _is_square(self.drawn[n])]
        for k, m in product(range(len(_WAYS)), repeat=2) if squares else ((k, k) for k in range(len(_WAYS))):
            yield {n: k if n in squares else m for n in names if (k if n in squares else m) in fits[n]}
        for count in (1, 2):
            for chosen in combinations(names, count):
                for ways in product(*(fits[n] for n in chosen)):
                    yield dict(zip(chosen, ways, strict=True))


def _is_reliable(value: Any) -> bool:
    return value.dtype not in FLOATS or bool(np.all(np.abs(value) < HUGE))


def _normal(node: Node, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    if node.dtype == INTEGER:
        return np.asarray(rng.integers(0, 2, shape))  # every axis has two entries at least
    return np.asarray(rng.random(shape) < 0.5) if node.dtype == BOOLEAN else np.asarray(rng.normal(size=shape))


# ── sizes ─────────────────────────────────────────────────────────────────────────────────────────────


def dimensions(nodes: Iterable[Node]) -> list[str]:
    """The names of the dimensions that expressions speak of, those of earlier ones first."""
    found: dict[str, None] = {}
    for node in nodes:
        for a in (*node.shape, *([node.attrs["axis"]] if node.op is SIZE else [])):
            if isinstance(a, Dim):
                found.update(dict.fromkeys(sorted(a.names)))
    return list(found)


def _sizes(names: Sequence[str], known: Sizes) -> Iterator[Sizes]:
    """Sizes to try, all different where four numbers allow: falling first, as a data matrix is tall."""
    free = [name for name in names if name not in known]
    count = len(free)
    falling = [2 + (count - 1 - k) % 4 + (count == 1) for k in range(count)]
    rows = (falling, falling[::-1], [n + 1 for n in falling], [2] * count, [4] * count, [2 * n for n in falling])
    seen: list[Sizes] = []
    for row in rows:
        sizes = {**known, **dict(zip(free, row, strict=True))}
        if sizes not in seen:
            seen.append(sizes)
            yield sizes


def largest(roots: Iterable[Node], settings: Iterable[Mapping[str, int]]) -> int:
    """The number of entries of the largest array below the roots, in any of the settings of the sizes."""
    counts = {entries(n.shape) for n in topological(roots)}
    return max((Binding(sizes).size(count) for sizes in settings for count in counts), default=0)


def points(
    s: Node,
    facts: Facts,
    *,
    seed: int = 0,
    count: int = 6,
    variables: Iterable[Node] = (),
    positive: bool = False,
) -> list[Point]:
    """So many random points, at up to three settings of the sizes, at which s and all its parts have values.

    variables    more of them than s has, to be drawn as well
    positive     whether values above ½ are tried first, instead of normal ones
    The list is empty where no such point was found, and shorter where the arrays are large. Raises SettingError
    where they are too large to be computed.
    """
    order = topological([s])
    wanted = dict.fromkeys([*(n for n in order if n.op is VARIABLE), *variables])
    settings = list(_sizes(dimensions([*wanted, *order]), {}))
    size = largest([s, *wanted], settings)
    if size > LARGEST:
        raise SettingError(
            f"an array of {size:,} entries is too large to be tried on numbers; "
            "give the axes names instead of numbers, as in x=n"
        )
    count = min(count, 2) if size > MANY else count
    search = _Search(s, wanted, facts, {}, POSITIVE if positive else 0)
    rngs = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(10 * count))
    kept: list[list[Point]] = []
    for sizes in settings:
        if len(kept) == min(3, count):
            break
        point = search.point(next(rngs), sizes)
        if point is not None:
            kept.append([point])
    for k in range(count * 4 * bool(kept)):
        group = kept[k % len(kept)]
        if sum(map(len, kept)) < count and (point := search.point(next(rngs), group[0].sizes)) is not None:
            group.append(point)
    return [point for group in kept for point in group][:count]


def draw(
    variables: Iterable[Node],
    facts: Facts,
    rng: np.random.Generator,
    sizes: Sizes | None = None,
    s: Node | None = None,
    given: Mapping[str, Any] | None = None,
) -> Values:
    """A random value for every variable, by name, obeying the facts; where s has a value, if s is given.

    sizes    name → number; dimensions that are not named get small sizes of their own
    given    values that are kept as they are
    Where no values were found that s is defined at, they are normal.
    """
    variables, given = list(variables), dict(given or {})
    binding = Binding(sizes)
    for node in variables:
        if (name := node.attrs["name"]) in given:
            binding.meet(name, node.shape, np.shape(given[name]))
    names = dimensions([*variables, *([] if s is None else topological([s]))])
    search = _Search(s, variables, facts, given)
    for tried in _sizes(names, binding.sizes):
        point = search.point(rng, tried)
        if point is not None:
            return point.values
    return _Search(None, variables, facts, given).anywhere(rng, next(_sizes(names, binding.sizes))).values
