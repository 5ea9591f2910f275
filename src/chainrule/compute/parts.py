"""Which structure the terms of a symbolic Hessian have, how it is written, and how its numbers are made."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from chainrule.algebra.contract import letters_of
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import Node
from chainrule.algebra.notation import write
from chainrule.algebra.signature import Axis
from chainrule.calculus.linear import Link, chain, node_of, split, unit
from chainrule.calculus.reading import Reader
from chainrule.calculus.terms import Sum, Term, product
from chainrule.compute.pieces import Array, Blocks, Entries, LowRank, Piece, Side, Sided, Turned

LONGEST = 120
ROWS, COLUMNS = (0, 2), (1, 3)  # the letters of ∂²s/∂x_ij∂x_kl: 0 is i, 1 is j, 2 is k, 3 is l


class Part(NamedTuple):
    """A part of the Hessian: how it is written, the nodes it needs, and its piece from their values."""

    text: str
    nodes: tuple[Node, ...]
    piece: Callable[[Sequence[Array]], Piece]


class Structure(NamedTuple):
    """The parts of a Hessian, and the terms that have no structure."""

    parts: list[Part]
    rest: list[Term]


def structure_of(hessian: Sum, x: Node, reader: Reader) -> Structure:
    """The terms of ∂²s/∂x∂x, whose letters are the axes of x twice, by their structure."""
    found = _Finder(x, reader)
    for term in hessian:
        found.take(term)
    return Structure(found.parts(), found.rest)


class _Finder:
    """Sorts terms; those that can be added before there are numbers are kept together."""

    def __init__(self, x: Node, reader: Reader) -> None:
        self.x, self.reader = x, reader
        self.n = x.ndim
        self.entries: dict[tuple[int, ...], list[Term]] = {}
        self.sides: dict[tuple[int, int], list[Term]] = {}
        self.sided: list[Part] = []
        self.low_rank: list[Part] = []
        self.rest: list[Term] = []

    def take(self, term: Term) -> None:
        own, again = range(self.n), range(self.n, 2 * self.n)
        diagonal: Term | None = term
        for c in own:
            diagonal = None if diagonal is None else unit(diagonal, c, c + self.n)
        if diagonal is not None:
            self._take_entries(diagonal)
        elif (halves := split(term, own, again)) is not None:
            self._take_low_rank(*halves)
        elif self.n == 1:
            self._take_side(term, (0, 1))
        elif self.n > 2 or not self._take_matrix(term):
            self.rest.append(term)

    def _node(self, terms: Sequence[Term], letters: tuple[int, ...]) -> Node:
        sizes: dict[int, Axis] = dict(enumerate((*self.x.shape, *self.x.shape)))
        for term in terms:
            sizes.update(term.sums)
        return node_of(terms, letters, tuple(sizes[c] for c in letters), self.reader)

    # ── one kind each ─────────────────────────────────────────────────────────────────────────────────

    def _take_entries(self, term: Term) -> None:
        letters = tuple(sorted(c for c in term.letters() if c < self.n))
        if self.n > 2 and letters:
            letters = tuple(range(self.n))
        self.entries.setdefault(letters, []).append(term)

    def _take_low_rank(self, first: Term, second: Term) -> None:
        own = tuple(range(self.n))
        again = tuple(c + self.n for c in own)
        u, w = self._node([first], own), self._node([second], again)
        scale, bare = self._scale(first)
        if self.n > 1:
            text = f"{scale}vec({_text(self._node([bare], own))}) vec({_text(w)})ᵀ"
        else:
            text = scale + _text(self._node([product([bare, second])], (0, 1)))
        self.low_rank.append(Part(text, (u, w), _low_rank))

    def _take_side(self, term: Term, ends: tuple[int, int]) -> None:
        """A matrix on one side of X, the identity on the other."""
        links = chain(term, *ends)
        if len(links) == 1:
            self.sides.setdefault(ends, []).append(term)
            return
        nodes = self._links(links)
        text = self._beside_identity(ends, *self._written(term, ends))
        self.sided.append(Part(text, nodes, partial(_sided, 0 if ends[0] else len(nodes))))

    def _links(self, links: Sequence[Link]) -> tuple[Node, ...]:
        return tuple(self._node([link.term], link.letters) for link in links)

    def _take_matrix(self, term: Term) -> bool:
        """The kinds that only a matrix has; whether the term is one of them."""
        for same, other in ((ROWS, COLUMNS), (COLUMNS, ROWS)):
            left = unit(term, *same)
            if left is not None:
                halves = split(left, same[:1], other)
                if halves is None:
                    self._take_blocks(left, same[0], other)
                elif same[0] in halves[0].letters():
                    self._take_weights(*halves, same, other)
                else:
                    self._take_side(product(halves), other)
                return True
        if (halves := split(term, ROWS, COLUMNS)) is not None:
            rows, columns = (self._links(chain(t, *e)) for t, e in zip(halves, (ROWS, COLUMNS), strict=True))
            scale, text = self._written(halves[0], ROWS)
            text = f"{scale}{self._written(halves[1], COLUMNS)[1]} ⊗ {text}"
            self.sided.append(Part(text, (*rows, *columns), partial(_sided, len(rows))))
            return True
        if (halves := split(term, (0, 3), (1, 2))) is not None:
            scale, bare = self._scale(halves[0])
            nodes = self._node([halves[0]], (0, 3)), self._node([halves[1]], (1, 2))
            text = f"{scale}({_factor(nodes[1])} ⊗ {_factor(self._node([bare], (0, 3)))}) K"
            self.sided.append(Part(text, nodes, _turned))
            return True
        return False

    def _take_weights(self, first: Term, second: Term, same: tuple[int, int], other: tuple[int, int]) -> None:
        """A weight for each row, or each column, and a matrix on the other side."""
        weights = (self._node([first], same[:1]),)
        scale, bare = self._scale(first)
        texts = [f"diag({_text(self._node([bare], same[:1]))})", self._written(second, other)[1]]
        links = self._links(chain(second, *other))
        rows, columns = (weights, links) if same == ROWS else (links, weights)
        text = scale + " ⊗ ".join(texts[::-1] if same == ROWS else texts)
        self.sided.append(Part(text, (*rows, *columns), partial(_sided, len(rows))))

    def _take_blocks(self, term: Term, at: int, ends: tuple[int, int]) -> None:
        size = self.x.shape[1 - at]
        text = f"a block {size}×{size} for each {'column' if at else 'row'}"
        self.sided.append(Part(text, (self._node([term], (at, *ends)),), partial(_blocks, of_rows=not at)))

    # ── all of them ───────────────────────────────────────────────────────────────────────────────────

    def parts(self) -> list[Part]:
        """The parts, low rank last."""
        added = []
        for ends, terms in self.sides.items():
            node = self._node(terms, ends)
            scale, text = self._written(terms[0], ends) if len(terms) == 1 else ("", _factor(node))
            text = _text(node) if self.n == 1 else self._beside_identity(ends, scale, text)
            added.append(Part(text, (node,), partial(_sided, 0 if ends[0] else 1)))
        diagonal = [self._diagonal(letters, terms) for letters, terms in self.entries.items()]
        return [*self.sided, *added, *diagonal, *self.low_rank]

    def _diagonal(self, letters: tuple[int, ...], terms: Sequence[Term]) -> Part:
        node = self._node(terms, letters)
        text = f"diag({_text(node)})"
        if not letters:
            text = self._scale(terms[0])[0] + "I" if len(terms) == 1 else f"{_factor(node)} I"
        elif self.n > 1:
            text = [f"diag(vec({_text(node)}))", f"I ⊗ {text}", f"{text} ⊗ I"][_side(letters)]
        return Part(text, (node,), partial(_entries, letters))

    # ── how they are written ──────────────────────────────────────────────────────────────────────────

    def _scale(self, term: Term) -> tuple[str, Term]:
        """The number and the scalar factors of a term as they stand in front, and the term without them."""
        scalars = tuple(f for f in term.factors if not f.letters)
        bare = term._replace(number=1.0, factors=tuple(f for f in term.factors if f.letters))
        text = _factor(self._node([Term(term.number, scalars, {})], ()))
        return {"1": "", "-1": "-"}.get(text, f"{text} "), bare

    def _written(self, term: Term, ends: tuple[int, int]) -> tuple[str, str]:
        """What stands in front of a product of matrices, and the product, link by link."""
        scale, bare = self._scale(term)
        links = chain(bare, *ends)
        nodes = self._links(links)
        texts = [
            f"diag({_text(n)})" if n.ndim == 1 else _factor(n) if len(nodes) > 1 or self.n > 1 else _text(n)
            for n in nodes
        ]
        return scale, " ".join(texts)

    def _beside_identity(self, ends: tuple[int, int], scale: str, text: str) -> str:
        return scale + (text if self.n == 1 else f"I ⊗ {text}" if ends == ROWS else f"{text} ⊗ I")


def _side(letters: tuple[int, ...]) -> int:
    """0 for a weight on every entry, 1 on every row, 2 on every column."""
    return 1 + letters[0] if len(letters) == 1 else 0


def _text(node: Node) -> str:
    return write(node, LONGEST)


def _factor(node: Node) -> str:
    """The written form, in parentheses if it is a sum, a quotient or a product entry by entry."""
    entrywise = node.op is PRODUCT_OP and node.ndim > 1 and len(node.inputs) == 2 and _is_entrywise(node)
    loose = node.op.name in ("add", "subtract", "divide") or entrywise
    return f"({_text(node)})" if loose else _text(node)


def _is_entrywise(node: Node) -> bool:
    ins, out = letters_of(node.attrs["letters"])
    return out in ins and all(ins)


# ── pieces from values ────────────────────────────────────────────────────────────────────────────────


def _entries(letters: tuple[int, ...], values: Sequence[Array]) -> Piece:
    (e,) = values
    if letters == (1,):
        return Entries(e[None, :])
    return Entries(e if e.ndim == 2 else e.reshape(-1, 1))


def _low_rank(values: Sequence[Array]) -> Piece:
    u, w = (a if a.ndim == 2 else a.reshape(-1, 1) for a in values)
    return LowRank(u[..., None], w[..., None])


def _sided(lefts: int, values: Sequence[Array]) -> Piece:
    left, right = values[:lefts], values[lefts:]
    return Sided(Side(left) if left else None, Side(right) if right else None)


def _turned(values: Sequence[Array]) -> Piece:
    return Turned(*values)


def _blocks(values: Sequence[Array], *, of_rows: bool) -> Piece:
    return Blocks(values[0], of_rows=of_rows)
