"""The shortest node with given terms: products associated by cost, common factors taken out, by a stated cost.

Cost, in this order: the order of growth of the dearest product (a matrix times a vector before a matrix times a
matrix), the number of operators that a person would write, the arithmetic. Equal costs keep the given order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import permutations
from typing import NamedTuple, Protocol

from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import ADD, EXP, NEGATIVE, POWER_OP, exp, power, sqrt
from chainrule.algebra.letters import ALPHABET, PRODUCT_OP, build
from chainrule.algebra.node import Node, constant, topological
from chainrule.algebra.product import full
from chainrule.algebra.reduce import NORM, norm2
from chainrule.algebra.signature import Axis, Binding, Dim, DType, Shape
from chainrule.calculus.terms import Factor, Letters, Sum, Term, apart, collected, components, fresh, is_eye, key

NOMINAL = 10.0  # a dimension without a number counts as this size
MOST_JOINED = 8  # so many factors are associated in the best way, more from left to right
MOST_EXPANDED = 12


class Cost(NamedTuple):
    """The order of growth of the dearest product, operators as written, arithmetic."""

    order: int
    operators: int
    arithmetic: float


class Known(Protocol):
    """What is asked of the reader of terms."""

    symmetric: set[int]

    def terms(self, node: Node) -> Sum: ...
    def settled(self, terms: Iterable[Term], out: int) -> Sum: ...


# ── how many operators a product takes ────────────────────────────────────────────────────────────────


@lru_cache(maxsize=8192)
def _operators(left: str, right: str, out: str) -> int:
    """The operators with which a person writes the product of two factors, transposes included."""
    summed = (set(left) | set(right)) - set(out)
    a, b = len(left), len(right)
    if not a or not b:
        return 1 + ((left or right) != out)
    if not summed:
        if not set(left) & set(right):
            return 1 if (a, b) == (1, 1) else 3
        longer, other = (left, right) if a >= b else (right, left)
        if longer == out:
            return 1 if out.endswith(other) else 2
        return 2 if set(longer) == set(out) else 3
    if a == b == 1:
        return 1
    if set(left) == set(right):
        return 2
    if len(summed) > 1 or len(out) > 2 or a > 2 or b > 2:
        return 3
    (s,) = summed
    if a == 1 or b == 1:
        matrix = right if a == 1 else left
        return 1 if matrix[-1] == s and len(out) == 1 else 2
    if len(set(left) & set(right)) > 1:
        return 3
    best = 9
    for x, y in ((left, right), (right, left)):
        turns = (x[1] != s) + (y[0] != s)
        if out == x.replace(s, "") + y.replace(s, ""):
            best = min(best, 1 + turns)
    return best


def _single(node: Node) -> int:
    """The operators of a product of one factor: a transpose, a sum, a diagonal."""
    letters = node.attrs["letters"]
    if letters.startswith("->"):  # a number, spread or on diagonals
        return 1 if len(letters) < 5 and not node.inputs[0].inputs else len(letters)
    return 1


def effort(roots: Iterable[Node]) -> Cost:
    """The cost of computing expressions, what they share counted once."""
    order, operators, nodes = 0, 0, 0
    for node in topological(roots):
        nodes += 1
        if node.op is PRODUCT_OP:
            letters = node.attrs["letters"]
            ins, out = letters_of(letters)
            order = max(order, len(set(letters) - set(",->")))
            operators += _operators(*ins, out) if len(ins) == 2 else 2 * len(ins) - 3 if len(ins) > 2 else _single(node)
        elif node.inputs and node.op.name != "cast":
            operators += 1
            order = max(order, 3 if node.op.name in ("inv", "det", "logdet", "solve") else node.ndim)
        if node.ndim > 2:
            order = max(order, node.ndim + 1)
    return Cost(order, operators, nodes)


@lru_cache(maxsize=4096)
def _size(a: Axis) -> float:
    if isinstance(a, Dim):
        return float(Binding(dict.fromkeys(a.names, int(NOMINAL))).size(a))
    return float(a)


# ── one term ──────────────────────────────────────────────────────────────────────────────────────────


class Element(NamedTuple):
    """A factor of a product that is being associated; divided by, if it is below."""

    node: Node
    letters: Letters
    below: bool = False


class Plan(NamedTuple):
    """How a group of elements becomes one node: its cost, its letters, and the two plans that it joins."""

    cost: Cost
    letters: Letters
    parts: tuple["Plan", ...] = ()
    element: Element | None = None
    divides: bool = False


def raised(base: Node, p: float) -> Node:
    """A base to a positive power."""
    if p == 1:
        return base
    if p == 2 and base.op is NORM and base.inputs[0].ndim == 1 and not base.ndim:
        return build(("a", "a"), "", (base.inputs[0], base.inputs[0]))
    return sqrt(base) if p == 0.5 else power(base, constant(p, base.dtype))


def _joined(left: Plan, right: Plan, out: Letters, sizes: Mapping[int, float]) -> Plan:
    letters = "".join(map(_letter, left.letters)), "".join(map(_letter, right.letters)), "".join(map(_letter, out))
    every = {*left.letters, *right.letters}
    arithmetic = 1.0
    for c in every:
        arithmetic *= sizes[c]
    cost = Cost(
        max(left.cost.order, right.cost.order, len(every)),
        left.cost.operators + right.cost.operators + _operators(*letters),
        left.cost.arithmetic + right.cost.arithmetic + arithmetic,
    )
    return Plan(cost, out, (left, right))


def _letter(c: int) -> str:
    return ALPHABET[c]


class Shortest:
    """Builds the shortest nodes of sums of terms; remembers what it built."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self._scalars: dict[tuple[object, ...], Node] = {}
        self._sums: dict[tuple[object, ...], Node] = {}
        self._tensors: dict[tuple[object, ...], Node] = {}

    def node(self, terms: Sum, like: Node, given: Node | None = None) -> Node:
        """The shortest node with these terms, of the shape and dtype of `like`; as it is given if none is shorter."""
        found = self._sum(terms, like.shape, like.dtype, given)
        return _stretched(found, tuple(range(like.ndim))[like.ndim - found.ndim :], like.shape)

    def scalar(self, term: Term) -> Node:
        """The node of a term without letters outside, and without a number."""
        k = key(term, self.known.symmetric)
        if k not in self._scalars:
            self._scalars[k] = self._tensor(term.factors, (), ())[0]
        return self._scalars[k]

    # ── sums ──────────────────────────────────────────────────────────────────────────────────────────

    def _sum(self, terms: Sum, shape: Shape, dtype: DType, given: Node | None = None) -> Node:
        if not terms:
            return full(shape, constant(0, dtype), dtype=dtype)
        named = tuple((t.number, key(t, self.known.symmetric)) for t in terms)
        mark = (named, shape)
        if mark not in self._sums:
            self._sums[mark] = self._plain(terms, shape, dtype)  # while better ones are sought
            candidates = [] if given is None else [given]
            candidates += self._candidates(terms, shape, dtype)
            self._sums[mark] = min(candidates, key=lambda n: effort([n]))
        return self._sums[mark]

    def _candidates(self, terms: Sum, shape: Shape, dtype: DType) -> Iterator[Node]:
        yield self._plain(terms, shape, dtype)
        if len(shape) == 2 and len(terms) > 1:
            turned = tuple(t.renamed({0: 1, 1: 0}) for t in terms)
            yield build(("ab",), "ba", (_stretched_full(self._plain(turned, shape[::-1], dtype), shape[::-1]),))
        if len(terms) > 1:
            for fewer in self._factored(terms, shape, dtype):
                yield self._sum(fewer, shape, dtype)
        expanded = self._expanded(terms, len(shape))
        if expanded is not None:
            yield self._sum(expanded, shape, dtype)

    def _plain(self, terms: Sum, shape: Shape, dtype: DType) -> Node:
        """The terms one after the other, positive ones first."""
        total: Node | None = None
        pieces = [(t.number, self._term(t, shape, dtype)) for t in terms]
        if len(pieces) > 1 and pieces[0][0] < 0:
            first = next((k for k, (number, _) in enumerate(pieces) if number > 0), 0)
            pieces.insert(0, pieces.pop(first))
        for number, piece in pieces:
            if total is None:
                total = piece if number > 0 else _negated(piece)
            else:
                total = total + piece if number > 0 else total - piece
        assert total is not None
        return total

    def _factored(self, terms: Sum, shape: Shape, dtype: DType) -> Iterator[Sum]:
        """The sums with fewer terms that arise when a common factor is taken out."""
        seen: list[tuple[Node, bool]] = []
        for t in terms:
            for f in t.factors:
                if (f.base, bool(f.letters)) not in seen and not is_eye(f.base):
                    seen.append((f.base, bool(f.letters)))
        for base, tensor in seen:
            found = (_common_tensor if tensor else _common_scalar)(terms, base)
            if found is not None:
                yield from self._taken_out(terms, *found, len(shape), dtype)
        numbers = {abs(t.number) for t in terms}
        if len(numbers) == 1 and numbers != {1.0}:
            (number,) = numbers
            number = number if any(t.number > 0 for t in terms) else -number
            rest = tuple(t._replace(number=t.number / number) for t in terms)
            inner = self._sum(rest, shape, dtype)
            yield (Term(number, (Factor(inner, tuple(range(len(shape)))[len(shape) - inner.ndim :]),), {}),)

    def _taken_out(
        self, terms: Sum, places: Mapping[int, int], common: Factor, rests: Sequence[Term], out: int, dtype: DType
    ) -> Iterator[Sum]:
        """The sum with one term, common × (sum of the rests), in the place of those that had the factor."""
        inside = {c for r in rests for c in r.letters() if c < out}
        links = [c for c in dict.fromkeys(common.letters) if c >= out]
        outer = [c for c in range(out) if c in inside]
        own = [*outer, *links]
        if len(own) > 3:
            return
        sizes = {c: a for t in terms for f in t.factors for c, a in zip(f.letters, f.base.shape, strict=True)}
        sizes |= dict(zip(common.letters, common.base.shape, strict=True))
        for order in ([own] if len(own) != 2 else [own, own[::-1]]):
            names = {c: k for k, c in enumerate(order)}
            safe = [r.renamed({c: next(fresh) for c in r.sums}) for r in rests]
            inner = self._sum(
                collected((r.renamed(names) for r in safe), self.known.symmetric),
                tuple(sizes[c] for c in order),
                dtype,
            )
            factor = Factor(inner, tuple(order)[len(order) - inner.ndim :])
            held = {*factor.letters, *common.letters}
            joined = Term(1.0, (common, factor), {c: sizes[c] for c in links if c in held})
            first = min(places)
            yield tuple(
                t for k, old in enumerate(terms) for t in ((joined,) if k == first else () if k in places else (old,))
            )

    def _expanded(self, terms: Sum, out: int) -> Sum | None:
        """The sum with the sums inside its products multiplied out, if that makes no more terms than it should."""
        result: list[Term] = []
        grown = False
        for t in terms:
            parts = [t._replace(factors=())]
            for f in t.factors:
                inner = self.known.terms(f.base) if f.power == 1 else ()
                if len(inner) < 2 or len(parts) * len(inner) > MOST_EXPANDED:
                    parts = [p.times(1.0, f) for p in parts]
                    continue
                grown = True
                parts = [
                    Term(p.number * i.number, (*p.factors, *i.factors), {**p.sums, **i.sums})
                    for p in parts
                    for i in (apart(i).renamed(dict(enumerate(f.letters))) for i in inner)
                ]
            result += parts
        if not grown or len(result) > MOST_EXPANDED:
            return None
        settled = self.known.settled(result, out)
        shrunk = sum(len(t.factors) for t in settled) < sum(len(t.factors) for t in result)
        return settled if shrunk and len(settled) <= len(terms) + 1 else None

    # ── terms ─────────────────────────────────────────────────────────────────────────────────────────

    def _term(self, term: Term, shape: Shape, dtype: DType) -> Node:
        """The node of a term with the size of its number, stretched so that it meets its neighbours."""
        out = len(shape)
        number = abs(term.number)
        above = _multiplied([raised(f.base, f.power) for f in term.factors if not f.letters and f.power > 0])
        below = _multiplied([raised(f.base, -f.power) for f in term.factors if not f.letters and f.power < 0])
        tensor, letters = self._outer([f for f in term.factors if f.letters], out, shape)
        if tensor is None:
            return _quotient(number, above, below, dtype)
        tensor = _stretched(tensor, letters, shape, keep=True)
        if above is None and number == 1:
            return tensor if below is None else tensor / below
        return _times(_quotient(number, above, below, dtype), tensor)

    def _outer(self, factors: Sequence[Factor], out: int, shape: Shape) -> tuple[Node | None, Letters]:
        """The product of the groups of factors that share letters, and its letters."""
        eyes = [f for f in factors if is_eye(f.base)]
        plain = [f for f in factors if not is_eye(f.base)]
        if len(eyes) == 1 and out == 2:
            inner, letters = self._outer(plain, out, shape)
            if inner is None:
                return eyes[0].base, (0, 1)
            if letters == (0,):
                return build(("a",), "aa", (inner,)), (0, 1)
        elif eyes:
            plain = [*plain, *eyes]
        term = Term(1.0, tuple(plain), {})
        found: tuple[Node, Letters] | None = None
        groups = [[plain[k] for k in group] for group, _ in components(term, out)]
        for group in sorted(groups, key=lambda g: min(c for f in g for c in f.letters)):
            held = {c for f in group for c in f.letters if c < out}
            node, letters = self._tensor(group, tuple(c for c in range(out) if c in held), shape)
            if found is None:
                found = node, letters
            else:
                both = tuple(sorted({*found[1], *letters}))
                found = _built(found[0], found[1], node, letters, both), both
        return found or (None, ())

    def _tensor(self, factors: Sequence[Factor], out: Letters, shape: Shape) -> tuple[Node, Letters]:
        """The best association of factors that hang together, with the letters `out` left, in this order."""
        square = _square(factors, out)
        if square is not None:
            return square, ()
        every = list(dict.fromkeys(c for f in factors for c in f.letters))
        short = {c: k for k, c in enumerate(every)}
        placed = tuple(f._replace(letters=tuple(short[c] for c in f.letters)) for f in factors)
        target = tuple(short[c] for c in out)
        mark = (placed, target)
        if mark not in self._tensors:
            self._tensors[mark] = _associated(placed, target, self.known.symmetric)
        return self._tensors[mark], out


def _associated(factors: Sequence[Factor], target: Letters, symmetric: set[int]) -> Node:
    """The product of factors in the best order."""
    sizes = {c: _size(a) for f in factors for c, a in zip(f.letters, f.base.shape, strict=True)}
    plan = _planned(_elements(factors), target, sizes, symmetric)
    node = _made(plan)
    return node if plan.letters == target else _rearranged(node, plan.letters, target)


def _elements(factors: Sequence[Factor]) -> list[Element]:
    """Factors as they are joined: powers taken, what is divided by under one line where the letters agree."""
    elements: list[Element] = []
    below: dict[Letters, Node] = {}
    for f in factors:
        if f.base.op is EXP and f.power < 0:
            base = f.base.inputs[0]
            elements.append(Element(raised(exp(_negated(base)), -f.power), f.letters))
        elif f.power > 0:
            elements.append(Element(raised(f.base, f.power), f.letters))
        else:
            node = raised(f.base, -f.power)
            below[f.letters] = below[f.letters] * node if f.letters in below else node
    return elements + [Element(node, letters, True) for letters, node in below.items()]


def _square(factors: Sequence[Factor], out: Letters) -> Node | None:
    """Σ x² as xᵀ x of a vector or ‖X‖² of a matrix."""
    if out or len(factors) != 1 or factors[0].power != 2 or len(set(factors[0].letters)) < factors[0].base.ndim:
        return None
    base = factors[0].base
    if base.ndim == 1:
        return build(("a", "a"), "", (base, base))
    return power(norm2(base), constant(2, base.dtype))


def _planned(elements: Sequence[Element], out: Letters, sizes: Mapping[int, float], symmetric: set[int]) -> Plan:
    if len(elements) > MOST_JOINED:
        return _from_left(elements, out, sizes)
    full_mask = (1 << len(elements)) - 1
    letters = [frozenset(e.letters) for e in elements]

    held: dict[int, frozenset[int]] = {0: frozenset()}
    for mask in range(1, full_mask + 1):
        low = mask & -mask
        held[mask] = letters[low.bit_length() - 1] | held[mask ^ low]

    def needed(mask: int) -> frozenset[int]:
        return held[mask] & (held[full_mask ^ mask] | frozenset(out))

    plans: dict[int, list[Plan]] = {1 << k: _alone(e, needed(1 << k), symmetric) for k, e in enumerate(elements)}
    for mask in range(1, full_mask + 1):
        low = mask & -mask
        if mask == low:
            continue
        need = needed(mask)
        orders = [tuple(p) for p in permutations(sorted(need))] if len(need) < 3 else [tuple(sorted(need))]
        best: dict[Letters, Plan] = {}
        sub = (mask - 1) & mask
        while sub:
            other = mask ^ sub
            if sub & low and held[sub] & held[other] and plans.get(sub) and plans.get(other):
                for left in plans[sub]:
                    for right in plans[other]:
                        for made in _joins(left, right, elements, other, orders, need, sizes):
                            if made.letters not in best or made.cost < best[made.letters].cost:
                                best[made.letters] = made
            sub = (sub - 1) & mask
        plans[mask] = list(best.values())
    turned = [(p.cost._replace(operators=p.cost.operators + (p.letters != out)), p) for p in plans[full_mask]]
    return min(turned, key=lambda pair: pair[0])[1]


def _joins(
    left: Plan,
    right: Plan,
    elements: Sequence[Element],
    other: int,
    orders: Sequence[Letters],
    need: frozenset[int],
    sizes: Mapping[int, float],
) -> Iterator[Plan]:
    for order in orders:
        yield _joined(left, right, order, sizes)
    for top, bottom in ((left, right), (right, left)):
        under = bottom.element
        if under is not None and under.below and _suffix(under.letters, top.letters):
            kept = tuple(c for c in top.letters if c in need)
            cost = Cost(
                max(top.cost.order, len(top.letters)),
                top.cost.operators + 1 + (kept != top.letters),
                top.cost.arithmetic + 1,
            )
            yield Plan(cost, kept, (top, bottom), divides=True)


def _suffix(short: Letters, long: Letters) -> bool:
    return not short or long[-len(short) :] == short


def _alone(element: Element, need: frozenset[int], symmetric: set[int]) -> list[Plan]:
    kept = tuple(c for c in dict.fromkeys(element.letters) if c in need)
    operators = 2 * (kept != element.letters) + element.below
    plan = Plan(Cost(len(element.letters), operators, 0.0), kept, element=element)
    if len(kept) == 2 and element.letters == kept and id(element.node) in symmetric and not element.below:
        turned = element._replace(letters=kept[::-1])
        return [plan, Plan(plan.cost, kept[::-1], element=turned)]
    return [plan]


def _from_left(elements: Sequence[Element], out: Letters, sizes: Mapping[int, float]) -> Plan:
    """Many factors, one after the other."""
    plan: Plan | None = None
    for k, element in enumerate(elements):
        later = {c for e in elements[k + 1 :] for c in e.letters} | set(out)
        (own,) = _alone(element, frozenset(later | set(plan.letters if plan else ())), set())[:1]
        if plan is None:
            plan = own
            continue
        held = [c for c in dict.fromkeys((*plan.letters, *own.letters)) if c in later]
        plan = _joined(plan, own, tuple(sorted(held)), sizes)
    assert plan is not None
    return plan


def _made(plan: Plan) -> Node:
    if plan.element is not None:
        node = plan.element.node
        if plan.element.below:
            node = power(node, constant(-1, node.dtype)) if node.ndim else constant(1, node.dtype) / node
        return node if plan.letters == plan.element.letters else _rearranged(node, plan.element.letters, plan.letters)
    left, right = plan.parts
    if plan.divides:
        assert right.element is not None
        top = _made(left)
        node = top / right.element.node
        return node if plan.letters == left.letters else _rearranged(node, left.letters, plan.letters)
    return _built(_made(left), left.letters, _made(right), right.letters, plan.letters)


def _built(left: Node, of_left: Letters, right: Node, of_right: Letters, out: Letters) -> Node:
    names = {c: ALPHABET[k] for k, c in enumerate(dict.fromkeys((*of_left, *of_right)))}
    terms = ["".join(names[c] for c in letters) for letters in (of_left, of_right, out)]
    if not out and len(of_left) == 2 and of_left == of_right[::-1]:
        return build(("aa",), "", (build(("ab", "bc"), "ac", (left, right)),))
    if len(of_left) > 1 and set(of_left) == set(of_right) and out and set(out) < set(of_left):
        both = build(terms[:2], terms[0], (left, right))  # no matrix notation: entry by entry, then summed
        return build(terms[:1], terms[2], (both,))
    return build(terms[:2], terms[2], (left, right))


def _rearranged(node: Node, letters: Letters, out: Letters) -> Node:
    names = {c: ALPHABET[k] for k, c in enumerate(dict.fromkeys(letters))}
    return build(("".join(names[c] for c in letters),), "".join(names[c] for c in out), (node,))


# ── assembling ────────────────────────────────────────────────────────────────────────────────────────


def _negated(node: Node) -> Node:
    """The node with the other sign: of a difference, the difference turned round."""
    if node.op is NEGATIVE:
        return node.inputs[0]
    if node.op.name == "subtract" and node.inputs[0].shape == node.inputs[1].shape:
        return node.inputs[1] - node.inputs[0]
    value = node.op.name == "constant" and not node.shape
    if value:
        return constant(-node.attrs["data"].array, node.dtype)
    if node.op is PRODUCT_OP and len(node.inputs) == 2 and node.attrs["letters"].startswith(","):
        first, second = node.inputs
        if first.op.name == "constant":
            ins, out = letters_of(node.attrs["letters"])
            return build(ins, out, (_negated(first), second), dict(zip(out, node.shape, strict=True)))
    return -node


def _multiplied(nodes: Sequence[Node]) -> Node | None:
    total: Node | None = None
    for node in nodes:
        total = node if total is None else total * node
    return total


def _times(scalar: Node, tensor: Node) -> Node:
    term = ALPHABET[: tensor.ndim]
    return build(("", term), term, (scalar, tensor))


def _quotient(number: float, above: Node | None, below: Node | None, dtype: DType) -> Node:
    top = above
    if above is None or number != 1:
        top = constant(number, dtype) if above is None else constant(number, dtype) * above
    assert top is not None
    return top if below is None else top / below


def _stretched(node: Node, letters: Letters, shape: Shape, *, keep: bool = False) -> Node:
    """The node with the axes that it lacks: all of them, or with `keep` only those behind its first."""
    full_letters = tuple(range(len(shape)))
    if letters == full_letters:
        return node
    wanted = full_letters
    if keep:
        wanted = full_letters[letters[0] :] if letters else ()
        if wanted == letters:
            return node
    names = {c: ALPHABET[c] for c in full_letters}
    sizes = {ALPHABET[c]: a for c, a in enumerate(shape)}
    return build(("".join(names[c] for c in letters),), "".join(names[c] for c in wanted), (node,), sizes)


def _stretched_full(node: Node, shape: Shape) -> Node:
    return _stretched(node, tuple(range(len(shape)))[len(shape) - node.ndim :], shape)


# ── common factors ────────────────────────────────────────────────────────────────────────────────────

Common = tuple[dict[int, int], Factor, list[Term]]


def _common_scalar(terms: Sum, base: Node) -> Common | None:
    """The terms with a power of a scalar, and what is left of them when the common power is taken out."""
    places = {
        k: next(i for i, f in enumerate(t.factors) if f.base is base and not f.letters)
        for k, t in enumerate(terms)
        if any(f.base is base and not f.letters for f in t.factors)
    }
    powers = [terms[k].factors[i].power for k, i in places.items()]
    if len(places) < 2 or min(powers) * max(powers) < 0:
        return None
    common = min(powers, key=abs)
    rests = []
    for k, i in places.items():
        left = terms[k].factors[i].power - common
        rest = terms[k].without(i)
        rests.append(rest.times(1.0, Factor(base, (), left)) if left else rest)
    return places, Factor(base, (), common), rests


def _common_tensor(terms: Sum, base: Node) -> Common | None:
    """The terms with a tensor in the same position towards the outside, and what is left of them without it."""
    found: dict[tuple[object, ...], dict[int, int]] = {}
    for k, t in enumerate(terms):
        for i, f in enumerate(t.factors):
            if f.base is base and len(set(f.letters)) == len(f.letters):
                where = (f.power, tuple(-1 if c in t.sums else c for c in f.letters))
                found.setdefault(where, {}).setdefault(k, i)
    groups = [places for places in found.values() if len(places) > 1]
    if not groups:
        return None
    places = max(groups, key=len)
    k, i = next(iter(places.items()))
    model = terms[k].factors[i]
    links = {c: next(fresh) for c in model.letters if c in terms[k].sums}
    common = Factor(base, tuple(links.get(c, c) for c in model.letters), model.power)
    rests = []
    for k, i in places.items():
        own = terms[k].factors[i].letters
        names = {c: d for c, d in zip(own, common.letters, strict=True) if c in terms[k].sums}
        rest = terms[k].without(i).renamed(names)
        rests.append(rest._replace(sums={c: a for c, a in rest.sums.items() if c not in common.letters}))
    return places, common, rests


Build = Callable[[Sum, Shape, DType], Node]
ADDITION = ADD, POWER_OP
