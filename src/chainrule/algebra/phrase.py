"""Pieces of notation: what an operation says once about how it is written, for every hand (`hand`, `printed`).

A phrase has two readings where paper knows a shorter one than a formula can be typed in: `solve(A, b)` is typed,
`A⁻¹ b` is printed. What is typed reads back as the same expression.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Optional

from chainrule.algebra.signature import Axis, Dim

LOGIC, COMPARE, SUM, ENTRYWISE, PRODUCT, PREFIX, POWER, ATOM = 3, 5, 10, 15, 20, 30, 40, 100

BINDING: Mapping[str, int] = {
    **dict.fromkeys(("∧", "∨"), LOGIC),
    **dict.fromkeys(("<", "≤", "==", "≠", ">", "≥"), COMPARE),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("⊙", "⊗"), ENTRYWISE),
    **dict.fromkeys(("*", "/", "\\", "@", ".*", "./", "·", "beside"), PRODUCT),
    **dict.fromkeys(("^", ".^"), POWER),
}
"""How tightly signs bind, for reader and writers; a minus in front binds like a sum: `-W x` is -(W x)."""

FENCES: Mapping[str, tuple[str, str]] = {"|": ("|", "abs"), "‖": ("‖", "norm2"), "⟨": ("⟩", "inner")}
"""Signs that enclose their arguments: how they close, and the function that they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Phrase:
    """A piece of notation: its form (the method of `Hand` that writes it), a sign or name, and its parts."""

    form: str
    text: str = ""
    parts: tuple["Phrase", ...] = ()
    row: Optional["Phrase"] = None
    """The transpose of it, where that is more than the phrase with ᵀ: `xᵀ A` for `Aᵀ x`."""
    positive: Optional["Phrase"] = None
    """What follows, where it begins with a minus."""
    printed: Optional["Phrase"] = None
    """How paper has it, where it is typed differently."""


ELLIPSIS = Phrase("verbatim", "…")


def printed_as(typed: Phrase, paper: Phrase) -> Phrase:
    """A phrase that paper writes in another way."""
    return replace(typed, printed=paper.printed or paper)


def symbol(name: str) -> Phrase:
    """A variable."""
    return Phrase("symbol", name)


def verbatim(text: str) -> Phrase:
    """Text that stands for itself."""
    return Phrase("verbatim", text)


def number(value: float) -> Phrase:
    """A number as a person writes it: `2`, `0.5`, `-1`."""
    finite = abs(value) < float("inf")  # neither infinite nor NaN
    whole = finite and value == int(value) and abs(value) < 1e16 and str(value) != "-0.0"
    text = repr(int(value)) if whole else repr(float(value))
    return Phrase("number", text, positive=Phrase("number", text[1:]) if text.startswith("-") else None)


def multiple_of_pi(value: float) -> Phrase | None:
    """π, which reads back; for reading `2 π`, `0.5 π`, `-π`."""
    count = 0.1 < abs(value) < 80 and round(4 * value / math.pi) / 4
    if not count or abs(value - count * math.pi) > 1e-15 * abs(value):
        return None
    pi = symbol("pi")
    if count == 1:
        return pi
    read = minus(pi) if count == -1 else beside(number(count), pi, SCALED)
    return replace(number(value), printed=replace(read, text=f"{read.text} {READ}"))


def rational(text: str) -> tuple[int, int] | None:
    """Numerator and denominator of a number that people write as a fraction: ½, and 0.6666666666666667."""
    if "." not in text or "e" in text or (len(text) < 8 and text not in ("0.5", "1.5")):
        return None
    quotient = Fraction(text).limit_denominator(24)
    return quotient.as_integer_ratio() if abs(float(quotient) - float(text)) < 1e-15 else None


def size_text(a: Axis) -> str:
    """The size of an axis as a formula has it: `n`, `2 n`, `n·m + 1`."""
    return _COEFFICIENT.sub(r"\1 ", str(a))


_COEFFICIENT = re.compile(r"(?<![\w·])(\d+)(?=[^\W\d])")


def dimension(a: Axis) -> Phrase:
    """The size of an axis: `n`, `2n`, `n·m + 1`."""
    if not isinstance(a, Dim):
        return Phrase("number", str(a))
    total: Phrase | None = None
    for monomial, count in a.terms:
        term = Phrase("number", str(abs(count))) if abs(count) != 1 or not monomial else None
        for name in monomial:
            term = beside(term, symbol(name)) if term else symbol(name)
        if term and total:
            total = infix("-" if count < 0 else "+", total, term)
        elif term:
            total = minus(term) if count < 0 else term
    return printed_as(verbatim(size_text(a)), total or verbatim(str(a)))


def call(name: str, arguments: Sequence[Phrase], **options: object) -> Phrase:
    """A function of arguments, `name(a, b, axis=0)`; an option that is None is left out."""
    named = (Phrase("option", key, (_value(v),)) for key, v in options.items() if v is not None)
    return Phrase("call", name, (*arguments, *named))


def _value(value: object) -> Phrase:
    if isinstance(value, Phrase):
        return value
    if isinstance(value, (int, Dim)):
        return dimension(value)
    if isinstance(value, tuple):
        return verbatim("(" + ", ".join(_value(v).text for v in value) + ("," if len(value) == 1 else "") + ")")
    return number(value) if isinstance(value, float) else verbatim(str(value))


def infix(sign: str, left: Phrase, right: Phrase) -> Phrase:
    """`a sign b`, associating to the left."""
    if BINDING[sign] > SUM:
        return _product("infix", sign, left, right)
    turned = Phrase("infix", _TURNED[sign], (left, right.positive)) if sign in _TURNED and right.positive else None
    return Phrase("infix", sign, (left, right), printed=turned)


_TURNED = {"+": "-", "-": "+"}


def _product(form: str, text: str, left: Phrase, right: Phrase) -> Phrase:
    """A phrase that begins with a minus where its left part does; on paper the minus stands before all of it."""
    if not left.positive:
        return Phrase(form, text, (left, right))
    positive = Phrase(form, text, (left.positive, right))
    inside = left.form == "number" and form != "fraction"
    return Phrase(form, text, (left, right), positive=positive, printed=None if inside else minus(positive))


INNER, SCALED, READ, FILLED = "inner", "scaled", "read", "filled"


def beside(left: Phrase, right: Phrase, *kinds: str) -> Phrase:
    """Two factors side by side, `A x`.

    kinds   `inner` where vectors make a number, `xᵀ y`; `scaled` where a number stands in front, `2 x`, which
            then scales all that is multiplied behind it; `read` where the printed form is better to read on a
            terminal, too, although it is typed differently; `filled` where that is a vector that fills a matrix
    """
    product = _product("beside", " ".join(kinds), left, right)
    merged = None if product.positive else _merged(left.printed or left, right.printed or right)
    return printed_as(product, merged) if merged else product


def _merged(left: Phrase, right: Phrase) -> Phrase | None:
    """On paper X X is X², wherever it stands in a product."""
    last = left.parts[1] if left.form == "beside" else left
    first = right.parts[0] if right.form == "beside" else right
    (base, count), (other, more) = _times(last), _times(first)
    if base is not other and (base.form, base.text, base.parts) != ("symbol", other.text, other.parts):
        return None
    if base.form not in ("symbol", "infix", "beside") or count * more <= 0:
        return None
    middle = Phrase("power", "", (base, Phrase("number", str(count + more))))
    if left.form == "beside":
        middle = Phrase("beside", left.text, (left.parts[0], middle))
    return Phrase("beside", right.text, (middle, right.parts[1])) if right.form == "beside" else middle


def _times(p: Phrase) -> tuple[Phrase, int]:
    """A factor and how often it is multiplied with itself."""
    phrase = p.printed or p
    if phrase.form == "script" and phrase.text == "⁻¹":
        return phrase.parts[0], -1
    if phrase.form == "power" and not phrase.text and phrase.parts[1].text.removeprefix("-").isdigit():
        return phrase.parts[0], int(phrase.parts[1].text)
    return p, 1


def is_(kind: str, p: Phrase) -> bool:
    """Whether a phrase is factors side by side of this kind."""
    return p.form == "beside" and kind in p.text


def begins_with_number(p: Phrase) -> bool:
    """Whether a factor begins with a digit: `2`, `2²`."""
    return p.form == "number" or (p.form == "power" and p.parts[0].form == "number")


def makes_number(p: Phrase) -> bool:
    """Whether vectors make a number in it, here or on paper: `xᵀ y`, which needs parentheses before a factor."""
    return is_(INNER, p.printed or p)


def minus(p: Phrase) -> Phrase:
    """`-a`."""
    return Phrase("minus", parts=(p,), positive=p)


def negated(p: Phrase) -> Phrase:
    """`¬a`; `a ≠ b` where it is not `a == b`."""
    if p.form == "infix" and p.text == "==":
        return infix("≠", *p.parts)
    return Phrase("opposite", parts=(p,))


def transposed(p: Phrase) -> Phrase:
    """`aᵀ`; `X⁻ᵀ` of an inverse."""
    if p.row:
        return p.row
    if p.form == "script":
        return p.parts[0] if p.text == "ᵀ" else Phrase("script", _TRANSPOSED[p.text], p.parts)
    return Phrase("script", "ᵀ", (p,))


_TRANSPOSED = {"⁻¹": "⁻ᵀ", "⁻ᵀ": "⁻¹"}


def inverted(p: Phrase) -> Phrase:
    """`X⁻¹`."""
    return Phrase("script", "⁻¹", (p,))


_POWERS_INSIDE = ("tanh", "sin", "cos")  # tanh²(z)


def raised(base: Phrase, exponent: Phrase, rank: int = 0) -> Phrase:
    """A power: `x²`, `x⁻¹`, `x^p`; entry by entry where `rank` is that of a matrix."""
    typed = Phrase("power", "entrywise" if rank > 1 else "", (base, exponent))
    if (
        exponent.form == "number"
        and exponent.text.isdigit()
        and base.form == "call"
        and base.text in _POWERS_INSIDE
    ):
        return printed_as(typed, Phrase("raised_call", base.text, (exponent, *base.parts)))
    if exponent.form == "number" and (quotient := rational(exponent.text)):
        exponent = Phrase("fraction", parts=tuple(Phrase("number", str(n)) for n in quotient))
    if exponent.form == "fraction":
        return printed_as(typed, Phrase("power", typed.text, (base, Phrase("ratio", parts=exponent.parts))))
    return typed


def fraction(above: Phrase, below: Phrase) -> Phrase:
    """`a/b`."""
    return _product("fraction", "", above, below)


def is_short(p: Phrase, most: int = 3) -> bool:
    """Whether a phrase is a few names and numbers, which fit into an exponent."""
    stack, leaves = [p], 0
    while stack:
        phrase = stack.pop()
        leaves += phrase.form in ("symbol", "number")
        if leaves > most or phrase.form not in _SMALL:
            return False
        stack.extend(phrase.parts)
    return True


_SMALL = ("symbol", "number", "minus", "beside", "infix", "power", "script")


def fence(sign: str, *parts: Phrase) -> Phrase:
    """`|x|`, `‖x‖`, `⟨A, B⟩`."""
    return Phrase("fence", sign, parts)


def bracket(p: Phrase) -> Phrase:
    """Iverson's brackets, `[x > 0]`: 1 where it holds, else 0."""
    return Phrase("bracket", parts=(p,))


def indexed(base: Phrase, *places: Phrase) -> Phrase:
    """`x[0:n]`, `E[i]`."""
    return Phrase("indexed", parts=(base, *places))


def subscripted(base: Phrase, *places: Phrase) -> Phrase:
    """`E_i`, on paper."""
    return Phrase("subscripted", parts=(base, *places))


def ones(*shape: Axis) -> Phrase:
    """An array of ones: on paper `1`, or `1 1ᵀ` for a matrix."""
    one = Phrase("one")
    paper = beside(one, transposed(one)) if len(shape) == 2 else one
    return printed_as(call("ones", [dimension(a) for a in shape]), paper)


ONE = Phrase("one")
"""The vector of ones, on paper."""
