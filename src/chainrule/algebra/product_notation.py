"""How products are written: a table from index letters to matrix notation, built by writing the forms down.

ab,b->a   A x      ab,a->b   Aᵀ x     a,b->ab   x yᵀ     a,a->    xᵀ y     ab,ab->ab  A ⊙ B
ab->ba    Aᵀ       aa->      tr(A)    a->aa     diag(x)  a,ab->ab diag(x) A
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chainrule.algebra.contract import letters_of
from chainrule.algebra.notation import ATOM, POWER, PRODUCT, call, infix, wrap
from chainrule.algebra.op import Phrase
from chainrule.algebra.signature import Shape

if TYPE_CHECKING:
    from chainrule.algebra.node import Node

Mark = Callable[[Phrase], Phrase]


def plain(p: Phrase) -> Phrase:
    """The operand as it is."""
    return p


def transposed(p: Phrase) -> Phrase:
    """The operand with ᵀ."""
    if p.row:
        return Phrase(p.row, PRODUCT)
    return Phrase(wrap(p, POWER + 1) + "ᵀ", POWER + 1)


def diagonal(p: Phrase) -> Phrase:
    """The operand as the diagonal of a matrix."""
    return call("diag", [p])


def beside(left: Phrase, right: Phrase) -> Phrase:
    """Two factors side by side, `A x`."""
    return Phrase(f"{wrap(left, PRODUCT)} {wrap(right, POWER)}", PRODUCT)


def hadamard(left: Phrase, right: Phrase) -> Phrase:
    """The product entry by entry, `x ⊙ y`."""
    return infix("⊙", PRODUCT, (left, right))


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
    forms[_canonical("i", "i", "")] = (transposed, plain, beside)
    forms[_canonical("i", "j", "ij")] = (plain, transposed, beside)
    for left, mark_left in [("ij", plain), ("ji", transposed)]:
        forms[_canonical(left, "j", "ij")] = (mark_left, diagonal, beside)
        forms[_canonical(left, "ij", "ij")] = (mark_left, plain, hadamard)
        forms[_canonical(left, "ji", "ij")] = (mark_left, transposed, hadamard)
    forms[_canonical("i", "i", "i")] = forms[_canonical("j", "ij", "ij")] = (plain, plain, hadamard)
    return forms


BINARY = _binary_forms()

UNARY: dict[str, Callable[[Phrase], Phrase]] = {
    "ab->ba": transposed,
    "row": transposed,
    "aa->": lambda p: call("tr", [p]),
    "aa->a": lambda p: call("diag", [p]),
    "a->aa": lambda p: call("diag", [p]),
}


def write_product(phrases: Sequence[Phrase], inputs: Sequence["Node"], letters: str, sizes: Shape) -> Phrase:
    """The written form: matrix notation where the letters have one, index letters otherwise."""
    if letters in UNARY:
        return UNARY[letters](phrases[0])
    if letters in BINARY:
        mark_left, mark_right, join = BINARY[letters]
        phrase = join(mark_left(phrases[0]), mark_right(phrases[1]))
        turned = letters == "ab,a->b"  # Aᵀ x, whose transpose is xᵀ A
        return phrase._replace(row=beside(transposed(phrases[1]), phrases[0]).text) if turned else phrase
    ins, out = letters_of(letters)
    if len(inputs) == 1:
        return _write_single(phrases[0], ins[0], out, sizes) or _indexed(phrases, letters, sizes)
    return _write_pair(phrases, ins, out) or _indexed(phrases, letters, sizes)


def _write_pair(phrases: Sequence[Phrase], ins: Sequence[str], out: str) -> Phrase | None:
    if len(ins) != 2:
        return None
    if "" in ins:
        return _scaled(phrases, ins, out)
    entrywise = out in ins and len(set(out)) == len(out)
    if entrywise and all(out.endswith(term) for term in ins):
        return hadamard(*phrases)
    if ins[0] == ins[1] and not out and len(set(ins[0])) == len(ins[0]):
        return Phrase(f"⟨{phrases[0].text}, {phrases[1].text}⟩", ATOM)
    return None


def _scaled(phrases: Sequence[Phrase], ins: Sequence[str], out: str) -> Phrase | None:
    """A number times something: `2 x`, `λ Wᵀ`, `a · b` between scalars, `x · 2`."""
    forms = [_rearranged(p, term, out) for p, term in zip(phrases, ins, strict=True)]
    left, right = (p if form is None else form for p, form in zip(phrases, forms, strict=True))
    if forms[ins[0] == ""] is None:
        return None
    both_scalars = ins[0] == ins[1] == ""
    number_first = left.text.lstrip("-").replace(".", "").isdigit()
    if not right.text[0].isdigit() and (number_first or (not both_scalars and ins[0] == "")):
        row = beside(left, transposed(right)).text if len(out) == 1 else ""
        return beside(left, right)._replace(row=row)
    return infix("·", PRODUCT, (left, Phrase(wrap(right, POWER), ATOM)))


def _rearranged(p: Phrase, term: str, out: str) -> Phrase | None:
    """An operand with its axes in another order or on a diagonal."""
    if term == out and len(set(out)) == len(out):
        return p
    names = dict(zip(dict.fromkeys(term + out), "abcdefgh", strict=False))
    letters = "".join(names[c] for c in term) + "->" + "".join(names[c] for c in out)
    return UNARY[letters](p) if set(term) == set(out) and letters in UNARY else None


def _write_single(p: Phrase, term: str, out: str, sizes: Shape) -> Phrase | None:
    if len(set(term)) < len(term) or len(set(out)) < len(out):
        return call("eye", [Phrase(str(sizes[0]), ATOM)]) if (p.text, term, out) == ("1", "", "aa") else None
    if not sizes and all(c in term for c in out) and [c for c in term if c in out] == list(out):
        gone = tuple(i for i, c in enumerate(term) if c not in out)
        axis = None if not out else gone[0] if len(gone) == 1 else gone
        return call("sum", [p], axis=axis)
    if sizes and not term:
        name = {"0": "zeros", "1": "ones"}.get(p.text)
        shape = [Phrase(str(a), ATOM) for a in sizes]
        return call(name, shape) if name else call("full", [Phrase(_tuple(sizes), ATOM), p])
    return None


def _tuple(sizes: Shape) -> str:
    return "(" + ", ".join(str(a) for a in sizes) + ("," if len(sizes) == 1 else "") + ")"


def _indexed(phrases: Sequence[Phrase], letters: str, sizes: Shape) -> Phrase:
    ins, out = letters_of(letters)
    held = "".join(ins)
    new = [c for c in dict.fromkeys(out) if c not in held]
    stretched = "{" + ", ".join(f"{c}: {a}" for c, a in zip(new, sizes, strict=True)) + "}" if new else None
    return call("einsum", [Phrase(f'"{letters}"', ATOM), *phrases], sizes=stretched)
