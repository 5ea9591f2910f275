"""Tensors of three axes and more, in index form: ∂fᵢ/∂Wⱼₖ = δᵢⱼ (1 - h²)ᵢ xₖ."""

from collections.abc import Sequence
from functools import reduce

from chainrule.algebra.node import Node
from chainrule.algebra.notation import phrase
from chainrule.algebra.phrase import Phrase, beside, infix, minus, number, raised, subscripted, symbol
from chainrule.calculus.facts import Facts
from chainrule.calculus.laws import multiplied_out
from chainrule.calculus.reading import Reader
from chainrule.calculus.terms import Factor, Sum, Term, is_eye

INDICES = "ijklmnpqrstuvw"
MOST_OPENED = 8


def index_form(tensor: Node) -> Phrase:
    """The entry of a tensor at i, j, k …, as a sum of products of entries."""
    reader = Reader(Facts())
    terms = _opened(reader, tensor) or (Term(0.0, (), {}),)
    written = [(t.number < 0, _term(t, tensor.ndim)) for t in terms]
    first_negative, first = written[0]
    total = minus(first) if first_negative else first
    return reduce(lambda sum, part: infix("-" if part[0] else "+", sum, part[1]), written[1:], total)


def _opened(reader: Reader, tensor: Node) -> Sum:
    """The terms of a tensor, without factors that are sums of tensors themselves."""
    terms = reader.terms(tensor)
    for _ in range(MOST_OPENED):
        place = next(((t, k) for t in terms for k, f in enumerate(t.factors) if f.base.ndim > 2), None)
        inner = reader.terms(place[0].factors[place[1]].base) if place else ()
        if place is None or len(inner) < 2 or place[0].factors[place[1]].power != 1:
            break
        rest = [t for t in terms if t is not place[0]]
        terms = reader.settled([*rest, *multiplied_out(*place, inner)], tensor.ndim)
    return terms


def index_label(of: Node, by: Sequence[Node]) -> Phrase:
    """∂fᵢ/∂Wⱼₖ for variables f and W, the indices counted through."""
    letters = iter(INDICES)
    above, *below = (
        Phrase(
            "chain",
            parts=(_partial(k, len(by)), _at(symbol(str(x.attrs["name"])), [next(letters) for _ in x.shape])),
        )
        for k, x in enumerate((of, *by))
    )
    return Phrase("derivative", parts=(above, Phrase("chain", parts=tuple(below))))


def _partial(place: int, order: int) -> Phrase:
    sign = Phrase("operator", "∂")
    return sign if place or order == 1 else Phrase("power", "", (sign, number(order)))


def _term(term: Term, out: int) -> Phrase:
    names = dict(enumerate(INDICES[:out]))
    more = (*INDICES[out:], *(f"i{k}" for k in range(len(term.sums))))
    names |= dict(zip(term.sums, more, strict=False))
    parts = [_factor(f, names) for f in term.factors if not is_eye(f.base)]
    parts = [_factor(f, names) for f in term.factors if is_eye(f.base)] + parts
    if abs(term.number) != 1 or not parts:
        parts.insert(0, number(abs(term.number)))
    if term.sums:
        letters = [symbol(names[c]) for c in term.sums]
        parts.insert(0, subscripted(Phrase("operator", "Σ"), *letters))
    return reduce(beside, parts)


def _factor(f: Factor, names: dict[int, str]) -> Phrase:
    base = symbol("δ") if is_eye(f.base) else phrase(f.base)
    entry = _at(base, [names[c] for c in f.letters])
    return entry if f.power == 1 else raised(entry, number(f.power))


def _at(base: Phrase, letters: Sequence[str]) -> Phrase:
    return subscripted(base, *map(symbol, letters)) if letters else base
