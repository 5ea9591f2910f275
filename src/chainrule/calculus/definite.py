"""Whether a symmetric matrix in index notation is positive semidefinite, by its form and the facts.

A term is when it reads the same from both ends, with a weight that is not negative in the middle:
Xᵀ diag(c) X, λ I, Aᵀ P A with P positive definite, (C Cᵀ) ⊗ (Xᵀ X).
"""

from collections.abc import Sequence
from typing import NamedTuple

from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import Node
from chainrule.algebra.notation import write
from chainrule.calculus.reading import Reader
from chainrule.calculus.terms import Factor, Letters, Sum, Term, is_eye, number_of

NEVER_ZERO = ("exp", "sigmoid", "softmax", "softplus", "size")
POSITIVE = (*NEVER_ZERO, "norm2", "abs", "cast", "relu")


class Sign(NamedTuple):
    """1 for positive semidefinite, −1 for negative, where nothing in `given` is negative."""

    sign: int
    given: tuple[Node, ...]
    strict: bool
    """Whether it is definite, and so invertible, where everything in `given` is more than 0."""

    @property
    def provided(self) -> tuple[str, ...]:
        """What is given in words, as in `λ ≥ 0`."""
        return tuple(f"{write(node, 40)} ≥ 0" for node in self.given)


def definiteness(terms: Sum, n: int, reader: Reader) -> Sign | None:
    """The sign of terms whose letters 0 … n−1 and n … 2n−1 are the two sides; None where it is not known."""
    found = [_of_term(t, n, reader) for t in terms]
    known = [f for f in found if f is not None]
    if not terms or len(known) < len(found) or len({f.sign for f in known}) > 1:
        return None
    given = dict.fromkeys(g for f in known for g in f.given)
    return Sign(known[0].sign, tuple(given), any(f.strict for f in known))


def is_positive(node: Node, reader: Reader) -> bool:
    """Whether no entry of an expression is negative, by its form and the facts."""
    if reader.facts.holds("positive", node) or node.op.name in POSITIVE:
        return True
    value = number_of(node)
    if value is not None:
        return value >= 0
    if node.op is PRODUCT_OP and node.attrs["letters"] == "a,a->" and node.inputs[0] is node.inputs[1]:
        return True
    terms = reader.terms(node)
    if any(f.base is node for t in terms for f in t.factors):
        return False
    return all(
        t.number > 0 and all(f.power % 2 == 0 or is_positive(f.base, reader) for f in t.factors) for t in terms
    )


def is_definite(node: Node, reader: Reader) -> bool:
    """Whether a matrix is positive definite, by its form and the facts."""
    if reader.facts.holds("positive definite", node):
        return True
    if node.op.name == "inv":
        return is_definite(node.inputs[0], reader)
    terms = reader.terms(node) if node.ndim == 2 else ()
    if not terms or any(f.base is node for t in terms for f in t.factors):
        return False
    found = definiteness(terms, 1, reader)
    return found is not None and found.sign > 0 and found.strict and not found.given


def _of_term(term: Term, n: int, reader: Reader) -> Sign | None:
    mirror = Mirror(n, reader)
    units = [f for f in term.factors if is_eye(f.base) and mirror.joined(f)]
    left = [f for f in term.factors if f.letters and f not in units]
    weights = [f for f in term.factors if not f.letters]
    halves = False
    while left:
        f = max(left, key=lambda f: sum(c in mirror.mates for c in f.letters))
        left.remove(f)
        if not mirror.is_middle(f):
            image = mirror.taken(f, left)
            if image is None:
                return None
            left.remove(image)
            halves = True
        elif all(mirror.mates[c] == c for c in f.letters):
            weights.append(f)
        elif f.power != 1 or not is_definite(f.base, reader):
            return None
    given = [f.base for f in weights if f.power % 2 and not is_positive(f.base, reader)]
    never_zero = all(f.power < 0 or f.base in given or _is_never_zero(f.base, reader) for f in weights)
    return Sign(1 if term.number > 0 else -1, tuple(given), never_zero and not halves)


def _is_never_zero(node: Node, reader: Reader) -> bool:
    return node.op.name in NEVER_ZERO or reader.facts.holds("positive", node)


class Mirror:
    """Which letter is the mirror image of which, and on which side it lies; those in the middle are their own."""

    def __init__(self, n: int, reader: Reader) -> None:
        self.mates = {c: c + n for c in range(n)} | {c + n: c for c in range(n)}
        self.side = dict.fromkeys(range(n), 1) | dict.fromkeys(range(n, 2 * n), 2)
        self.symmetric = reader.symmetric

    def joined(self, unit: Factor) -> bool:
        """Whether an identity lies between a letter and its image; these two are then in the middle."""
        a, b = unit.letters
        if self.mates.get(a) != b:
            return False
        self.mates.update({a: a, b: b})
        self.side.update({a: 0, b: 0})
        return True

    def is_middle(self, f: Factor) -> bool:
        """Whether a factor is its own mirror image."""
        known = all(c in self.mates for c in f.letters)
        return known and sorted(self.mates[c] for c in f.letters) == sorted(f.letters)

    def taken(self, f: Factor, others: Sequence[Factor]) -> Factor | None:
        """The mirror image of a factor that lies on one side, its letters now known."""
        sides = {self.side[c] for c in f.letters if c in self.side} - {0}
        if len(sides) != 1:
            return None
        for g in others:
            if g.base is f.base and g.power == f.power:
                for letters in (g.letters, g.letters[::-1]) if id(g.base) in self.symmetric else (g.letters,):
                    if self._is_image(f.letters, letters):
                        self._note(f.letters, letters, *sides)
                        return g
        return None

    def _is_image(self, letters: Letters, image: Letters) -> bool:
        pairs = zip(letters, image, strict=True)
        return all(self.mates.get(c, d) == d and self.mates.get(d, c) == c for c, d in pairs)

    def _note(self, letters: Letters, image: Letters, side: int) -> None:
        for c, d in zip(letters, image, strict=True):
            self.mates[c], self.mates[d] = d, c
            self.side.setdefault(c, 0 if c == d else side)
            self.side.setdefault(d, 0 if c == d else 3 - side)
