"""How products are written: a table from index letters to matrix notation, built by writing the forms down.

ab,b->a   A x      ab,a->b   Aᵀ x     a,b->ab   x yᵀ     a,a->    xᵀ y     ab,ab->ab  A ⊙ B
ab->ba    Aᵀ       aa->      tr(A)    a->aa     diag(x)  a,ab->ab diag(x) A
a->ab     x 1ᵀ     ->a       c 1      ab,cd->acbd, laid out as a matrix: A ⊗ B
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chainrule.algebra.contract import letters_of
from chainrule.algebra.phrase import (
    FILLED,
    INNER,
    ONE,
    SCALED,
    Phrase,
    begins_with_number,
    beside,
    call,
    dimension,
    fence,
    infix,
    is_,
    makes_number,
    number,
    ones,
    printed_as,
    size_text,
    subscripted,
    symbol,
    transposed,
    verbatim,
)
from chainrule.algebra.signature import FLOATS, Shape

if TYPE_CHECKING:
    from chainrule.algebra.node import Node

Mark = Callable[[Phrase], Phrase]


def plain(p: Phrase) -> Phrase:
    """The operand as it is."""
    return p


def diagonal(p: Phrase) -> Phrase:
    """The operand as the diagonal of a matrix."""
    return call("diag", [p])


def hadamard(left: Phrase, right: Phrase) -> Phrase:
    """The product entry by entry, `x ⊙ y`."""
    return infix("⊙", left, right)


def inner(left: Phrase, right: Phrase) -> Phrase:
    """Two vectors side by side that make a number, `xᵀ y`."""
    return beside(left, right, INNER)


def _canonical(left: str, right: str, out: str) -> str:
    names = dict(zip(dict.fromkeys(left + right + out), "abcdefgh", strict=False))
    first, second, last = ("".join(names[c] for c in term) for term in (left, right, out))
    return f"{first},{second}->{last}"


Form = tuple[Mark, Mark, Callable[[Phrase, Phrase], Phrase]]


def _binary_forms() -> dict[str, Form]:
    forms: dict[str, Form] = {}
    matrix: list[tuple[str, Mark]] = [("ik", plain), ("ki", transposed), ("i", diagonal)]
    for left, mark_left in matrix:
        for right, mark_right in [("kj", plain), ("jk", transposed), ("k", plain)]:
            a, b = left, right
            if mark_left is diagonal:
                b = right.replace("k", "i")
            out = "i" + ("" if right == "k" else "j")
            forms.setdefault(_canonical(a, b, out), (mark_left, mark_right, beside))
    forms[_canonical("i", "i", "")] = (transposed, plain, inner)
    forms[_canonical("i", "j", "ij")] = (plain, transposed, beside)
    for left, mark_left in [("ij", plain), ("ji", transposed)]:
        forms[_canonical(left, "j", "ij")] = (mark_left, diagonal, beside)
        forms[_canonical(left, "ij", "ij")] = (mark_left, plain, hadamard)
        forms[_canonical(left, "ji", "ij")] = (mark_left, transposed, hadamard)
    forms[_canonical("i", "i", "i")] = forms[_canonical("j", "ij", "ij")] = (plain, plain, hadamard)
    return forms


BINARY = _binary_forms()

UNARY: dict[str, Mark] = {
    "ab->ba": transposed,
    "aa->": lambda p: call("tr", [p]),
    "aa->a": diagonal,
    "a->aa": diagonal,
}


def _kronecker_forms() -> dict[str, tuple[Mark, Mark]]:
    """`A ⊗ B` before its axes are merged; a transpose or a diagonal among the factors has become letters."""
    lefts: list[tuple[str, str, Mark]] = [("ij", "j", plain), ("ji", "j", transposed), ("i", "i", diagonal)]
    rights: list[tuple[str, str, Mark]] = [("kl", "l", plain), ("lk", "l", transposed), ("k", "k", diagonal)]
    return {
        _canonical(left, right, f"ik{column}{other}"): (mark_left, mark_right)
        for left, column, mark_left in lefts
        for right, other, mark_right in rights
    }


KRONECKER = _kronecker_forms()


def _vector_forms() -> dict[tuple[str, bool], tuple[Mark, Mark]]:
    """`xᵀ ⊗ B`, `A ⊗ y` before their axes are merged, and whether these are the first two of the three."""
    matrices: list[tuple[str, Mark]] = [("kl", plain), ("lk", transposed)]
    forms: dict[tuple[str, bool], tuple[Mark, Mark]] = {}
    for term, mark in matrices:
        for out, first, vector in (("ikl", True, plain), ("kil", False, transposed)):
            forms[_canonical("i", term, out), first] = (vector, mark)
        for out, first, vector in (("kil", True, plain), ("kli", False, transposed)):
            forms[_canonical(term, "i", out), first] = (mark, vector)
    return forms


VECTOR_KRONECKER = _vector_forms()


def kronecker(p: Phrase, shape: Shape, target: Shape) -> Phrase | None:
    """`A ⊗ B`, if that is what a value of three or four axes makes when it is laid out as a matrix."""
    marks = None
    if p.form == "einsum" and len(target) == 2 and len(shape) == 4:
        n, k, m, l = shape  # noqa: E741
        marks = KRONECKER.get(p.text) if target == (n * k, m * l) else None
    elif p.form == "einsum" and len(target) == 2 and len(shape) == 3:
        n, k, m = shape
        first = target == (n * k, m)
        marks = VECTOR_KRONECKER.get((p.text, first)) if first or target == (n, k * m) else None
    return infix("⊗", marks[0](p.parts[0]), marks[1](p.parts[1])) if marks else None


def stretched(phrases: Sequence[Phrase], inputs: Sequence["Node"], shape: Shape) -> list[Phrase]:
    """Operands that meet entry by entry; on paper a vector that meets a matrix fills one first, `X + 1 bᵀ`."""
    return [_filling(p, n.shape, shape) for p, n in zip(phrases, inputs, strict=True)]


def _filling(p: Phrase, own: Shape, shape: Shape) -> Phrase:
    if len(shape) != 2 or own in ((), shape) or 1 in shape:
        return p
    if own == (shape[0], 1):
        return printed_as(p, beside(p, transposed(ones(shape[1])), FILLED))
    return printed_as(p, beside(ones(shape[0]), transposed(p) if len(own) == 1 else p, FILLED))


def write_product(phrases: Sequence[Phrase], inputs: Sequence["Node"], letters: str, sizes: Shape) -> Phrase:
    """The written form: matrix notation where the letters have one, index letters otherwise."""
    if letters in UNARY:
        return UNARY[letters](phrases[0])
    if letters in BINARY:
        mark_left, mark_right, join = BINARY[letters]
        phrase = join(mark_left(phrases[0]), mark_right(phrases[1]))
        turned = letters == "ab,a->b"  # Aᵀ x, whose transpose is xᵀ A
        return replace(phrase, row=beside(transposed(phrases[1]), phrases[0])) if turned else phrase
    ins, out = letters_of(letters)
    if len(inputs) == 1:
        return _single(phrases[0], inputs[0], ins[0], out, sizes) or _indexed(phrases, letters, sizes)
    return _pair(phrases, ins, out) or _indexed(phrases, letters, sizes)


def _pair(phrases: Sequence[Phrase], ins: Sequence[str], out: str) -> Phrase | None:
    if len(ins) != 2:
        return None
    if "" in ins:
        return _scaled(phrases, ins, out)
    entrywise = out in ins and len(set(out)) == len(out)
    if entrywise and all(out.endswith(term) for term in ins):
        return hadamard(*phrases)
    if ins[0] == ins[1] and not out and len(set(ins[0])) == len(ins[0]):
        return fence("⟨", *phrases)
    return None


def _scaled(phrases: Sequence[Phrase], ins: Sequence[str], out: str) -> Phrase | None:
    """A number times something: `2 x`, `λ Wᵀ`, `a · b` between scalars, `x · 2`."""
    forms = [_rearranged(p, term, out) for p, term in zip(phrases, ins, strict=True)]
    left, right = (p if form is None else form for p, form in zip(phrases, forms, strict=True))
    if forms[ins[0] == ""] is None:
        return None
    vector = ins[0] == "" and ins[1] != ""
    kinds = (SCALED, INNER) if not out and (makes_number(left) or makes_number(right)) else (SCALED,)
    begins = begins_with_number(right)
    names = _is_name(right) and not (is_(SCALED, left) or left.form == "number")
    if not begins and (vector or not (ins[0] or names)):
        phrase = beside(left, right, *kinds)
        return replace(phrase, row=beside(left, transposed(right), SCALED)) if len(out) == 1 else phrase
    number_first = bool(ins[0]) or begins
    paper = beside(right, left, *kinds) if number_first else beside(left, right, *kinds)
    return printed_as(infix("·", left, right), paper)


def _is_name(p: Phrase) -> bool:
    return p.form == "symbol" or (p.form == "power" and p.parts[0].form == "symbol")


def _rearranged(p: Phrase, term: str, out: str) -> Phrase | None:
    """An operand with its axes in another order or on a diagonal."""
    if term == out and len(set(out)) == len(out):
        return p
    names = dict(zip(dict.fromkeys(term + out), "abcdefgh", strict=False))
    letters = "".join(names[c] for c in term) + "->" + "".join(names[c] for c in out)
    return UNARY[letters](p) if set(term) == set(out) and letters in UNARY else None


def _single(p: Phrase, x: "Node", term: str, out: str, sizes: Shape) -> Phrase | None:
    if (term, out) == ("", "aa"):
        return _identity(p, sizes)
    if len(set(term)) < len(term) or len(set(out)) < len(out):
        return None
    if not sizes and [c for c in term if c in out] == list(out):
        return _sum(p, term, out)
    if sizes and not term:
        return _full(p, x, sizes)
    if (term, len(out)) == ("a", 2) and "a" in out:
        one = ones(*sizes)
        return beside(p, transposed(one)) if out[0] == "a" else beside(one, transposed(p))
    return None


def _identity(p: Phrase, sizes: Shape) -> Phrase:
    eye = printed_as(call("eye", [dimension(sizes[0])]), symbol("I"))
    if p.form == "number" and p.text == "1":
        return eye
    return printed_as(_indexed([p], "->aa", sizes), beside(p, symbol("I"), SCALED))


def _sum(p: Phrase, term: str, out: str) -> Phrase:
    gone = tuple(i for i, c in enumerate(term) if c not in out)
    axis = None if not out else gone[0] if len(gone) == 1 else gone
    typed = call("sum", [p], axis=axis)
    row = transposed(ONE)
    if len(term) == 1:
        absolute = p.form == "fence" and p.text == "|"
        norm = subscripted(fence("‖", *p.parts), number(1))
        return printed_as(typed, norm if absolute else beside(row, p, INNER))
    if len(term) > 2:
        return typed
    if not out:
        return printed_as(typed, beside(beside(row, p), ONE, INNER))
    if axis == 0:
        turned = printed_as(transposed(typed), beside(row, p))
        return replace(printed_as(typed, beside(transposed(p), ONE)), row=turned)
    return printed_as(typed, beside(p, ONE))


def _full(p: Phrase, x: "Node", sizes: Shape) -> Phrase:
    """An array that is one number everywhere."""
    if p.form == "number" and p.text in ("0", "1"):
        return ones(*sizes) if p.text == "1" else printed_as(call("zeros", [dimension(a) for a in sizes]), p)
    if x.dtype in FLOATS:
        return beside(p, ones(*sizes), SCALED)
    return call("full", [verbatim(_tuple(sizes)), p])


def _tuple(sizes: Shape) -> str:
    return "(" + ", ".join(map(size_text, sizes)) + ("," if len(sizes) == 1 else "") + ")"


def _indexed(phrases: Sequence[Phrase], letters: str, sizes: Shape) -> Phrase:
    ins, out = letters_of(letters)
    held = "".join(ins)
    new = [c for c in dict.fromkeys(out) if c not in held]
    stretched = "{" + ", ".join(f"{c}: {size_text(a)}" for c, a in zip(new, sizes, strict=True)) + "}"
    options = (Phrase("option", "sizes", (verbatim(stretched),)),) if new else ()
    return Phrase("einsum", letters, (*phrases, *options))
