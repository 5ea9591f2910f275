"""Pieces of NumPy source: text that knows how tightly it holds together, which axes it has, and what it costs.

A piece may have fewer axes than the value it stands for: along the others the value repeats itself, so that
`x[:, None] * A` need not lay x out. Signs move outwards (`a - b * c`), reciprocals become divisions (`a / b`).
"""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np

OR, COMPARE, AND = 2, 5, 7  # Python's binding powers of | and &; comparisons under them are wrapped all the same
SUM, PRODUCT, SIGN, POWER, ATOM = 10, 20, 30, 40, 100

Kind = Literal["real", "whole", "truth"]


class Piece(NamedTuple):
    """Source of a value.

    axes     the axes that the text has, counted from the end of the value's own axes, which may be more
    kind     whether NumPy sees real numbers, whole numbers (integers) or truth values
    cost     operators and calls in it          depth   how deeply they are nested
    sign     the operator that holds a product together: `*`, `/`, `@`, or `s` for a number times something
    heavy    whether the first factor of a matrix product is larger than the product
    """

    text: str
    power: int = ATOM
    axes: tuple[int, ...] = ()
    kind: Kind = "real"
    cost: int = 0
    depth: int = 0
    sign: str = ""
    heavy: bool = False
    minus: "Piece | None" = None
    """The piece with the opposite value, where it is known."""
    under: "Piece | None" = None
    """What the piece is one over."""
    turned: "Piece | None" = None
    """What the piece is the transpose of."""
    inverse: "Piece | None" = None
    """What the piece is the matrix inverse of."""
    row: "Piece | None" = None
    """For a vector `A.T @ x`: the same numbers as `x @ A`."""
    factor: tuple[str, int] = ("", 0)
    """For a matrix power: the text of its base, and the exponent."""
    quotient: "tuple[Piece, Piece] | None" = None
    """The pieces above and below the line."""
    square: "Piece | None" = None
    """A shorter way to write the square, for a norm."""
    mean: "tuple[str, Piece] | None" = None
    """For a sum: how many there are, and the sum divided by that."""

    def at(self, axes: tuple[int, ...]) -> "Piece":
        """The same text, standing for a value with other axes."""
        if axes == self.axes:
            return self
        place = dict(zip(self.axes, axes, strict=False))
        minus, under = (p and p.at(axes) for p in (self.minus, self.under))
        mean = self.mean and (self.mean[0], self.mean[1].at(axes))
        moved = [p.at(tuple(place[a] for a in p.axes)) for p in self.quotient or ()]
        quotient = (moved[0], moved[1]) if moved else None
        return self._replace(axes=axes, minus=minus, under=under, mean=mean, quotient=quotient)


# ── composing ─────────────────────────────────────────────────────────────────────────────────────────


def wrap(p: Piece, power: int) -> str:
    """The text, in parentheses if it holds together less tightly than its surroundings need."""
    return p.text if p.power >= power else f"({p.text})"


def composed(text: str, power: int, parts: Sequence[Piece], kind: Kind = "real", cost: int = 1) -> Piece:
    """A piece made of parts: it has all their axes, their cost and its own."""
    axes = tuple(sorted({a for p in parts for a in p.axes}))
    depth = 1 + max((p.depth for p in parts), default=0)
    return Piece(text, power, axes, kind, cost + sum(p.cost for p in parts), depth)


def _kind(a: Piece, b: Piece) -> Kind:
    """What arithmetic makes of two kinds: of truth values it makes whole numbers."""
    return "real" if "real" in (a.kind, b.kind) else "whole"


def real(p: Piece) -> Piece:
    """The same numbers as NumPy's floats: `2.0`, `(z > 0).astype(float)`."""
    if p.kind == "real":
        return p
    if p.text.lstrip("-").isdigit():
        return p._replace(text=p.text + ".0", kind="real")
    text = f"{wrap(p, ATOM)}.astype(float)" if p.axes else f"float({p.text})"
    return composed(text, ATOM, [p]).at(p.axes)


def call(name: str, *parts: Piece, last: Sequence[str] = (), exact: bool = False) -> Piece:
    """`name(a, b, last)` of real arrays; an `exact` function keeps whole numbers, so one part must be real."""
    whole = exact and all(p.kind != "real" for p in parts)
    given = [real(p) if whole or p.axes or p.kind == "truth" else p for p in parts]
    return composed(f"{name}({', '.join([*(p.text for p in given), *last])})", ATOM, given)


def method(p: Piece, name: str, *arguments: str) -> Piece:
    """`p.name(arguments)`."""
    return composed(f"{wrap(p, ATOM)}.{name}({', '.join(arguments)})", ATOM, [p], p.kind)


def index(p: Piece, where: str) -> Piece:
    """`p[where]`."""
    return composed(f"{wrap(p, ATOM)}[{where}]", ATOM, [p], p.kind)


def transposed(p: Piece) -> Piece:
    """`A.T`, of a matrix; a vector stays."""
    if len(p.axes) < 2:
        return p
    if p.turned:
        return p.turned
    if is_negative(p):
        return negative(transposed(negative(p)))
    inverse = p.inverse and transposed(p.inverse)
    return composed(f"{wrap(p, ATOM)}.T", ATOM, [p], p.kind)._replace(turned=p, inverse=inverse)


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────

LARGE = 1e15  # from here on 1e15 is shorter than its digits
_NAMED = {np.pi: "np.pi", np.e: "np.e", np.inf: "np.inf"}
_ROOTED = {2 / np.sqrt(np.pi): ("2", "np.pi"), 1 / np.sqrt(2 * np.pi): ("1", "2 * np.pi")}


def number(value: float) -> Piece:
    """A number as people write it: `2`, `0.5`, `1e-8`, `1 / 3`, `np.pi`."""
    if np.isnan(value):
        return Piece("np.nan")
    if value < 0 or str(value) == "-0.0":
        return negative(number(-value))
    if value in _ROOTED:
        over, root = _ROOTED[value]
        return divided(Piece(over, kind="whole"), call("np.sqrt", Piece(root, cost=root.count("*"))))
    if np.isinf(value) or value in _NAMED:
        return Piece(_NAMED[value])
    if value == int(value) and value < LARGE:
        return Piece(str(int(value)), kind="whole")
    text = re.sub(r"e([+-])0*", lambda m: "e" + m[1].strip("+"), repr(value))
    ratio = Fraction(value).limit_denominator(100)
    if len(text) > len("0.333333") and abs(ratio.numerator / ratio.denominator - value) <= np.spacing(value):
        return divided(number(ratio.numerator), number(ratio.denominator))
    return Piece(text)


def is_one(p: Piece) -> bool:
    """Whether the piece is the number 1."""
    return p.text == "1"


# ── arithmetic ────────────────────────────────────────────────────────────────────────────────────────


def is_negative(p: Piece) -> bool:
    """Whether the piece is shorter with the opposite sign."""
    return p.minus is not None and p.minus.cost < p.cost


def negative(p: Piece) -> Piece:
    """`-p`: the sign in front of a product, and `y - x` for the opposite of `x - y`."""
    if p.minus is not None:
        return p.minus
    if p.kind == "truth":
        p = real(p)
    if p.quotient:
        return _ratio(negative(p.quotient[0]), p.quotient[1])._replace(minus=p)
    if p.power != PRODUCT or p.heavy:
        return composed("-" + wrap(p, SIGN + (p.power == SIGN)), SIGN, [p], p.kind)._replace(minus=p)
    sign, more = ("-1 * ", 2) if _begins_with_truth(p) else ("-", 1)
    return p._replace(text=sign + p.text, cost=p.cost + more, minus=p, row=None, factor=("", 0))


def _loose(a: Piece, b: Piece) -> bool:
    """Whether `a + (b)` may lose its parentheses: not where a large array would be passed over twice."""
    return len(a.axes) <= len(b.axes)


def plus(a: Piece, b: Piece) -> Piece:
    """`a + b`."""
    if is_negative(b):
        return minus(a, negative(b))
    if is_negative(a):
        return minus(b, negative(a))
    if a.kind == b.kind == "truth":
        a = real(a)
    return composed(f"{wrap(a, SUM)} + {wrap(b, SUM + (not _loose(a, b)))}", SUM, [a, b], _kind(a, b))


def minus(a: Piece, b: Piece) -> Piece:
    """`a - b`."""
    if is_negative(b):
        return plus(a, negative(b))
    if a.kind == b.kind == "truth":
        a = real(a)
    forward, back = (
        composed(f"{wrap(x, SUM)} - {wrap(y, SUM + 1)}", SUM, [x, y], _kind(a, b)) for x, y in ((a, b), (b, a))
    )
    return forward._replace(minus=back)


def times(a: Piece, b: Piece) -> Piece:
    """`a * b` entry by entry, or a number times anything."""
    if is_negative(a):
        return negative(times(negative(a), b))
    if is_negative(b):
        return negative(times(a, negative(b)))
    if is_one(a) or is_one(b):
        return b if is_one(a) else a
    if a.under or b.under:
        return divided(a, b.under) if b.under else divided(b, a.under or a)
    if a.text == b.text:
        return raised(a, number(2))
    if a.kind == b.kind == "truth":
        return both(a, b)
    if _begins_with_truth(a) or (not b.axes and b.text.isdigit()):
        a, b = b, a  # 2 * a, and a * (z > 0), because NumPy does not turn the sign of a truth value
    return _entries(a, b) if a.axes else _scaled(a, b)


def _begins_with_truth(p: Piece) -> bool:
    """Whether a truth value stands in front, as in `(z > 0) / n`; NumPy does not turn its sign."""
    while p.quotient:
        p = p.quotient[0]
    if p.kind == "truth" or not p.text.startswith("("):
        return p.kind == "truth"
    depth, own = 0, ""  # what stands in the first parentheses and in no others
    for c in p.text:
        depth += (c == "(") - (c == ")")
        own += c if depth == 1 else ""
        if not depth:
            break
    return re.search(r" ([<>]=?|[!=]=|[&|]) ", own) is not None


def _scaled(s: Piece, p: Piece) -> Piece:
    chain = p.sign == "@" and not p.heavy
    right = p.text if chain else wrap(p, PRODUCT if p.sign in ("*", "/", "s") else PRODUCT + 1)
    sign = p.sign if chain or p.sign in ("*", "/") else "s"
    piece = composed(f"{before(s, '*')} * {right}", PRODUCT, [s, p], _kind(s, p))
    return piece._replace(sign=sign)


def _entries(a: Piece, b: Piece) -> Piece:
    flat = b.sign in ("*", "/", "s") and _loose(a, b) and not _holds_product(b.text)
    text = f"{before(a, '*')} * {wrap(b, PRODUCT + (not flat))}"
    return composed(text, PRODUCT, [a, b], _kind(a, b))._replace(sign="*")


def _holds_product(text: str) -> bool:
    """Whether a matrix product stands in the open, as in `x @ y / n`, which a factor on its left would enter."""
    depth = 0
    for c in text:
        depth += (c in "([") - (c in ")]")
        if c == "@" and not depth:
            return True
    return False


def before(p: Piece, sign: str) -> str:
    """A factor on the left of `*`, `/` or `@`: in parentheses where the operators would mix."""
    mixed = p.sign in ("*", "/") if sign == "@" else p.sign == "@"
    return f"({p.text})" if mixed and p.power == PRODUCT else wrap(p, PRODUCT)


def divided(a: Piece, b: Piece) -> Piece:
    """`a / b`."""
    if is_negative(b):
        return negative(divided(a, negative(b)))
    if is_negative(a):
        return negative(divided(negative(a), b))
    if b.under:
        return times(a, b.under)
    if is_one(b):
        return real(a)
    if a.mean and a.mean[0] == b.text:
        return a.mean[1]
    if a.quotient and a.quotient[1].text == b.text:
        return divided(a.quotient[0], raised(b, number(2)))
    piece = _ratio(a, b)
    return piece._replace(under=b) if is_one(a) else piece


def _ratio(a: Piece, b: Piece) -> Piece:
    product_over_number = a.sign == "@" and not b.axes
    above = wrap(a, PRODUCT) if product_over_number else before(a, "/")
    piece = composed(f"{above} / {wrap(b, PRODUCT + 1)}", PRODUCT, [a, b])
    return piece._replace(sign="/", quotient=(a, b))


def raised(a: Piece, b: Piece) -> Piece:
    """`a**b`; `np.sqrt(a)`, `1 / a` and `a` for the exponents ½, -1 and 1."""
    if b.text == "0.5":
        return call("np.sqrt", a)
    if b.text == "2" and a.square:
        return a.square
    if is_one(b):
        return real(a) if a.kind == "truth" else a
    if b.text == "-1":
        return divided(number(1), a)
    small = b.text in ("2", "3")
    if a.kind == "truth" or (a.kind == "whole" and b.kind == "whole" and not small):
        a = real(a)
    if b.kind == "truth":
        b = real(b)
    power = composed(_powered(a, b), POWER, [a, b], _kind(a, b))
    count = negative(b) if is_negative(b) else b
    return power._replace(under=raised(a, count)) if count is not b and count.text.isdigit() else power


def _powered(a: Piece, b: Piece) -> str:
    base, exponent = wrap(a, POWER + 1), b.text if _is_short(b.text) else wrap(b, POWER + 1)
    return f"{base}{'**' if _is_short(base) and _is_short(exponent) else ' ** '}{exponent}"


def _is_short(text: str) -> bool:
    """Whether formatters leave the blanks around `**` and `:` away beside it: a name or a number."""
    return re.fullmatch(r"-?[\w.]+", text) is not None


def bounds(*parts: str) -> str:
    """`a:b` in an index."""
    return (":" if all(_is_short(p) or not p for p in parts) else " : ").join(parts).strip()


# ── truth values ──────────────────────────────────────────────────────────────────────────────────────


def compare(sign: str, turned: str = "") -> Callable[[Piece, Piece], Piece]:
    """`a < b`; with a number on the left `b > a`."""

    def form(a: Piece, b: Piece) -> Piece:
        flip = turned and a.kind == "whole" and not a.axes and b.kind == "real"
        first, second, middle = (b, a, turned) if flip else (a, b, sign)
        text = f"{wrap(first, COMPARE + 1)} {middle} {wrap(second, COMPARE + 1)}"
        return composed(text, COMPARE, [first, second], "truth")

    return form


def both(a: Piece, b: Piece) -> Piece:
    """`a & b`."""
    return composed(f"{wrap(a, AND)} & {wrap(b, AND)}", AND, [a, b], "truth")


def either(a: Piece, b: Piece) -> Piece:
    """`a | b`."""
    return composed(f"{wrap(a, AND)} | {wrap(b, AND)}", OR, [a, b], "truth")


def opposite(a: Piece) -> Piece:
    """`~a`, `a != b` for `a == b`; a single truth value may be Python's own, which `~` does not turn."""
    if a.text.count(" == ") == 1 and a.power == COMPARE:
        return a._replace(text=a.text.replace(" == ", " != "))
    text = "~" + wrap(a, SIGN) if a.axes else "not " + wrap(a, ATOM)
    return composed(text, SIGN if a.axes else OR, [a], "truth")


# ── axes ──────────────────────────────────────────────────────────────────────────────────────────────


def laid(p: Piece, axes: Sequence[int]) -> Piece:
    """The piece ready to meet others that have these axes, `x[:, None]`: broadcasting adds axes in front alone."""
    places = [":" if a in p.axes else "None" for a in axes if p.axes and a > p.axes[0]]
    if "None" not in places:
        return p
    if is_negative(p):
        return negative(laid(negative(p), axes))
    if p.under:
        return divided(number(1), laid(p.under, axes))
    while places[-1] == ":":
        places.pop()
    return index(p, ", ".join([":", *places]))


def without(p: Piece, axis: int) -> Piece:
    """The piece without an axis of size 1."""
    before = p.axes.index(axis)
    return index(p, ", ".join([":"] * before + ["0"])).at(tuple(a for a in p.axes if a != axis))
