"""The names of a formula: what they stand for, and the sizes that nobody declared, found from use."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import chain, count
from typing import Any

from chainrule.algebra.names import parts_of, spelt
from chainrule.algebra.node import Node, variable
from chainrule.algebra.notation import described
from chainrule.algebra.place import underlined
from chainrule.algebra.signature import Axis, Dim, DType, Shape, axis, shape_of
from chainrule.errors import FormulaError, ShapeError

_FREE = re.compile(r"\w+#\d+")
NUMBERS = frozenset("αβγεηκλρστω")  # Greek letters that stand for numbers where nothing else is said


class Scope:
    """The variables of a formula; sizes that nobody declared are found one by one.

    ranks    name → number of axes, where it is not what the letter says
    """

    def __init__(self, shapes: Mapping[str, Any], dtype: DType, ranks: Mapping[str, int] | None = None) -> None:
        self.dtype, self.ranks = dtype, ranks or {}
        self.given = {
            name: shape if isinstance(shape, Node) else variable(name, shape_of(shape), dtype)
            for name, shape in shapes.items()
        }
        self._letters = {spelt(name): name for name in self.given}
        self.dims = {d for node in self.given.values() for a in node.shape if isinstance(a, Dim) for d in a.names}
        self.guessed: dict[str, Shape] = {}
        self.found: dict[str, Axis] = {}
        self.used: dict[str, Node] = {}
        self.grown = False

    def spelt(self, name: str) -> str:
        """The name that was declared, if it was declared as `lam` and is written λ, or the other way round."""
        return name if name in self.given else self._letters.get(spelt(name), name)

    def variable(self, written: str) -> Node:
        """The variable of this name, declared or guessed."""
        name = self.spelt(written)
        if name not in self.used:
            self.used[name] = self.given[name] if name in self.given else self._guess(name)
        return self.used[name]

    def dimension(self, a: Axis) -> Axis:
        """An axis that the formula itself speaks of, as in ones(n); its names are dimensions everywhere."""
        names = (a.names if isinstance(a, Dim) else frozenset()) - self.dims
        for name in names & self.given.keys():
            if self.given[name].shape:
                raise ShapeError(f"{described(self.given[name])} is no size; give a number or a name such as n")
        self.grown = self.grown or bool(names)
        self.dims |= names
        return a

    def is_declared(self, name: str) -> bool:
        """Whether a name, in either spelling, was declared."""
        return self.spelt(name) in self.given

    def doubt(self, name: str, functions: Collection[str], product: str) -> str:
        """What is amiss with a name that nobody declared: it is a function's, or two names run together."""
        if name in functions and len(name) > 1:
            return f"{name} is a function; write {name}(x)"
        for k in range(1, len(name)):
            a, b = name[:k], name[k:]
            if a != b and self.is_declared(a) and self.is_declared(b):
                return f"{name} is not declared, but {a} and {b} are; did you mean {a} {product} {b}?"
        return ""

    def refuse_mistaken(self, text: str) -> None:
        """Raise FormulaError for a name that nobody declared, where one like it was declared and is not used."""
        power = re.search(r"(?<!\w)e\s*(\^|\*\*)\s*\S", text)
        if power and "e" in self.guessed:
            raise FormulaError(f"e is not declared; write exp(x) for eˣ{underlined(text, *power.span())}")
        idle = [name for name in self.given if name not in self.used]
        for name in self.guessed.keys() & self.used.keys():
            near = difflib.get_close_matches(name.lower(), [i.lower() for i in idle], n=1, cutoff=0.65)
            meant = next((i for i in idle if near and i.lower() == near[0]), None)
            if meant:
                found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
                place = underlined(text, *found.span()) if found else ""
                raise FormulaError(
                    f"{name} is not declared, and {meant} is but is not used; did you mean {meant}?{place}"
                )

    def unknown(self, name: str, functions: Collection[str]) -> str:
        """What to say of a call of what is no function."""
        if self.is_declared(name):
            return f"{name} is a variable and no function"
        if name in self.guessed or len(parts_of(name).base) == 1:
            return f"{name} is no function"
        near = difflib.get_close_matches(name.lower(), functions, n=1)
        return f"unknown function {name}" + (f"; did you mean {near[0]}?" if near else "")

    def plainly(self, message: str) -> str:
        """A message in which sizes that are still unknown have letters of their own: `x (x#0)` is `x (n)`."""
        said, underline, place = message.partition("\n")
        letters = self._letters_left()
        fresh: dict[str, str] = {}
        for name in _FREE.findall(said):
            if name not in fresh:
                fresh[name] = next(letters)
        return _FREE.sub(lambda match: fresh[match[0]], said) + underline + place

    def _letters_left(self) -> Iterator[str]:
        taken = self.dims | set(self.used) | set(self.guessed)
        letters = dict.fromkeys("nmkpqrdl" + "".join(map(chr, range(0x61, 0x7B))))
        return (c for c in chain(letters, (f"n{k}" for k in count(1))) if c not in taken)

    def identity(self) -> Axis:
        """The size of the I that nobody declared."""
        return self._now(self.guessed.setdefault("I", (Dim({("I#0",): 1}),))[0])

    def is_dimension(self, name: str) -> bool:
        """Whether a name is the size of a declared axis, and nothing else."""
        return name in self.dims and name not in self.given

    def _guess(self, name: str) -> Node:
        letter = parts_of(name).base
        rank = self.ranks.get(name, 0 if letter in NUMBERS else 2 if letter[0].isupper() else 1)
        fresh = tuple(Dim({(f"{name}#{k}",): 1}) for k in range(rank))
        return variable(name, (self._now(a) for a in self.guessed.setdefault(name, fresh)), self.dtype)

    def _now(self, a: Axis) -> Axis:
        """An axis with what has been found put in the place of what was free."""
        if not isinstance(a, Dim) or not a.names & self.found.keys():
            return a
        total: Axis = 0
        for monomial, coefficient in a.terms:
            product: Axis = coefficient
            for name in monomial:
                product = product * self._now(self.found.get(name, axis(Dim({(name,): 1}))))
            total = total + product
        return total

    def unify(self, left: Any, right: Any) -> bool:
        """Let an axis that nobody declared be the axis that it has to equal; False if neither is such."""
        for free, other in (*((a, b) for a, b in _pairs(left, right)), (left, right)):
            for one, two in ((free, other), (other, free)):
                name = _single(one) if isinstance(one, Dim) else ""
                if "#" in name and one != two and not (isinstance(two, Dim) and name in two.names):
                    self.found[name] = two
                    self.used.clear()
                    return True
        return False

    def again(self) -> bool:
        """Whether names turned out to be dimensions, so that all has to be read again."""
        grown, self.grown = self.grown, False
        if grown:
            self.used.clear()
            self.guessed = {name: shape for name, shape in self.guessed.items() if name not in self.dims}
        return grown

    def settle(self) -> bool:
        """Give the sizes that remain free letters of their own; True if all had one."""
        held = [d for n in self.guessed for a in self.guessed[n] if isinstance(d := self._now(a), Dim)]
        free = [Dim({(name,): 1}) for d in held for monomial, _ in d.terms for name in monomial]
        letters = self._letters_left()
        open_ones = [d for d in dict.fromkeys(free) if "#" in _single(d)]
        for d in open_ones:
            letter = next(letters)
            self.dims.add(letter)
            self.found[_single(d)] = axis(letter)
        self.used.clear() if open_ones else None
        return not open_ones


def _pairs(left: Any, right: Any) -> Iterator[tuple[Dim, Dim]]:
    """The factors at equal places of two products of names, n·n and m·m, which may be equal one by one."""
    if isinstance(left, Dim) and isinstance(right, Dim) and len(left.terms) == len(right.terms) == 1:
        (a, p), (b, q) = left.terms[0], right.terms[0]
        if p == q and len(a) == len(b) > 1:
            yield from ((Dim({(x,): 1}), Dim({(y,): 1})) for x, y in zip(a, b, strict=True) if x != y)


def _single(a: Dim) -> str:
    """The name of a dimension that is a name and nothing more, else ""."""
    (monomial, coefficient), *more = a.terms
    return monomial[0] if not more and coefficient == 1 and len(monomial) == 1 else ""
