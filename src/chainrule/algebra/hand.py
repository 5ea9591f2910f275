"""Hands that write phrases: what they share, and the one that types Unicode text such as `uᵀ tanh(W x + b)`."""

from typing import NamedTuple

from chainrule.algebra.names import spelt
from chainrule.algebra.phrase import (
    ATOM,
    BINDING,
    ENTRYWISE,
    FENCES,
    FILLED,
    INNER,
    POWER,
    PREFIX,
    PRODUCT,
    READ,
    SCALED,
    SUM,
    Phrase,
    begins_with_number,
    is_,
)


class Piece(NamedTuple):
    """What a hand has written of a phrase, how tightly it holds together, and how wide it is to the eye."""

    text: str
    power: int
    width: int


Written = tuple[str, int]


class Hand:
    """Writes a phrase from the written forms of its parts; `_form` is the method for phrases of that form."""

    paper = False
    """Whether it writes what is printed, rather than what is typed."""

    def write(self, root: Phrase, limit: int) -> Piece:
        """The written form, without recursion; parts wider than `limit` characters become `…`."""
        done: dict[int, Piece] = {}
        stack = [root]
        while stack:
            top = stack[-1]
            phrase = self._reading(top)
            waiting = [p for p in phrase.parts if id(p) not in done]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            piece = self._piece(phrase, [done[id(p)] for p in phrase.parts])
            done[id(top)] = piece if piece.width <= limit or top is root else self._cut_off()
        whole = done[id(root)]
        return whole if whole.width <= 2 * limit else self._cut_off()

    def _reading(self, phrase: Phrase) -> Phrase:
        return phrase.printed if self.paper and phrase.printed else phrase

    def _piece(self, phrase: Phrase, parts: list[Piece]) -> Piece:
        text, power = getattr(self, f"_{phrase.form}")(phrase, *parts)
        return Piece(text, power, self.width(phrase, text, parts))

    def _cut_off(self) -> Piece:
        return self._piece(Phrase("verbatim", "…"), [])

    def width(self, phrase: Phrase, text: str, parts: list[Piece]) -> int:
        """How many characters the eye sees, about."""
        return sum((p.width for p in parts), start=max(1, len(phrase.text)))

    def wrap(self, piece: Piece, power: int) -> str:
        """The text, in parentheses if it holds together less tightly than its surroundings need."""
        return piece.text if piece.power >= power else self.enclosed("(", piece.text, ")")

    def before(self, p: Phrase, left: Piece, power: int) -> str:
        """The number before a factor: (xᵀ y) A."""
        return self.wrap(left._replace(power=0) if is_(INNER, self._reading(p.parts[0])) else left, power)

    def joins(self, p: Phrase) -> bool:
        """Whether the second factor is a product whose parentheses change nothing: A (B x) = A B x."""
        inside = self._reading(p.parts[1])
        if inside.form != "beside" or inside.positive or (is_(SCALED, inside) and not is_(SCALED, p)):
            return False
        first = inside
        while first.form == "beside":
            first = self._reading(first.parts[0])
        return not begins_with_number(first)

    def enclosed(self, left: str, inside: str, right: str) -> str:
        """A text between brackets."""
        return f"{left}{inside}{right}"


_LOWERED = frozenset("0123456789ijklmnprstuvx")
_SUBSCRIPTS = str.maketrans("0123456789ijklmnprstuvx", "₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₗₘₙₚᵣₛₜᵤᵥₓ")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Unicode(Hand):
    """One line of text, which reads back as the same expression."""

    def width(self, phrase: Phrase, text: str, parts: list[Piece]) -> int:  # noqa: D102
        return len(text)

    def _symbol(self, p: Phrase) -> Written:
        return spelt(p.text), ATOM

    def _number(self, p: Phrase) -> Written:
        return p.text, PRODUCT + 1 if p.text.startswith("-") else ATOM

    def _verbatim(self, p: Phrase) -> Written:
        return p.text, ATOM

    def _call(self, p: Phrase, *arguments: Piece) -> Written:
        return f"{p.text}({', '.join(a.text for a in arguments)})", ATOM

    def _option(self, p: Phrase, value: Piece) -> Written:
        return f"{p.text}={value.text}", 0

    def _infix(self, p: Phrase, left: Piece, right: Piece) -> Written:
        power = BINDING[p.text]
        if p.text == "·":
            return f"{self.before(p, left, power)} · {self.wrap(right, POWER)}", power
        second = f"({right.text})" if right.text.startswith("-") else self.wrap(right, power + 1)
        return f"{self.wrap(left, power)} {p.text} {second}", power

    def _beside(self, p: Phrase, left: Piece, right: Piece) -> Written:
        second = p.parts[1]
        if is_(SCALED, p):
            product = second.form == "beside" and not is_(SCALED, second)
            return f"{self.before(p, left, PRODUCT)} {self.wrap(right, PRODUCT if product else POWER)}", PRODUCT
        apart = is_(SCALED, p.parts[0]) or p.parts[0].form != "beside"  # 2 A B is 2 (A B), A/n B could be anything
        return f"{self.wrap(left, PRODUCT + 1 if apart else PRODUCT)} {self.wrap(right, POWER)}", PRODUCT

    def _minus(self, p: Phrase, inside: Piece) -> Written:
        first = inside.text[0]
        apart = first.isdigit() or first == "-"  # -2 x is (-2) x
        return "-" + (f"({inside.text})" if apart else self.wrap(inside, SUM + 1)), SUM

    def _opposite(self, p: Phrase, inside: Piece) -> Written:
        return "¬" + self.wrap(inside, PREFIX), PREFIX

    def _script(self, p: Phrase, base: Piece) -> Written:
        return self.wrap(base, POWER + 1) + p.text, POWER

    def _power(self, p: Phrase, base: Piece, exponent: Piece) -> Written:
        inside = self.wrap(base, POWER + 1)
        digits = exponent.text if p.text else exponent.text.removeprefix("-")
        if digits.isdecimal():  # X⁻¹ is the inverse of a matrix
            return inside + exponent.text.translate(_SUPERSCRIPTS), POWER
        sign = ".^" if p.text else "^"
        return inside + sign + self.wrap(exponent, POWER), POWER

    def _fraction(self, p: Phrase, above: Piece, below: Piece) -> Written:
        first, second = self.wrap(above, PRODUCT), self.wrap(below, PREFIX)
        return (f"{first} / {second}", ENTRYWISE) if above.power == PRODUCT else (f"{first}/{second}", PRODUCT)

    def _fence(self, p: Phrase, *parts: Piece) -> Written:
        inside = ", ".join(part.text for part in parts)
        close, name = FENCES[p.text]
        return (f"{name}({inside})" if p.text in inside else f"{p.text}{inside}{close}"), ATOM

    def _bracket(self, p: Phrase, inside: Piece) -> Written:
        return f"[{inside.text}]", ATOM

    def _indexed(self, p: Phrase, base: Piece, *places: Piece) -> Written:
        return f"{self.wrap(base, ATOM)}[{', '.join(place.text for place in places)}]", ATOM

    def _subscripted(self, p: Phrase, base: Piece, *places: Piece) -> Written:
        index = "".join(place.text for place in places)
        low = index.translate(_SUBSCRIPTS) if set(index) <= _LOWERED else "_{" + index + "}"
        return self.wrap(base, ATOM) + low, ATOM

    def _einsum(self, p: Phrase, *parts: Piece) -> Written:
        return f"einsum({', '.join([f'{chr(34)}{p.text}{chr(34)}', *(part.text for part in parts)])})", ATOM

    def _operator(self, p: Phrase) -> Written:
        return p.text, ATOM

    def _chain(self, p: Phrase, *parts: Piece) -> Written:
        return "".join(part.text for part in parts), POWER

    def _derivative(self, p: Phrase, above: Piece, below: Piece) -> Written:
        return f"{above.text}/{below.text}", PRODUCT

    def _equation(self, p: Phrase, name: Piece, value: Piece) -> Written:
        return f"{name.text} = {value.text}", 0


class Readable(Unicode):
    """One line of text for reading alone: products lose parentheses that change nothing, `A (B x)` is `A B x`."""

    marks = frozenset((READ, FILLED))
    """Of what is written as on paper."""

    def _reading(self, phrase: Phrase) -> Phrase:
        read = phrase.printed and not self.marks.isdisjoint(phrase.printed.text.split())
        return phrase.printed if phrase.printed and read else phrase

    def _beside(self, p: Phrase, left: Piece, right: Piece) -> Written:
        first = self.before(p, left, PRODUCT) if is_(SCALED, p) else self.wrap(left, PRODUCT)
        return f"{first} {self.wrap(right, PRODUCT if self.joins(p) else POWER)}", PRODUCT


class Echo(Readable):
    """A formula as it was asked for: `X W + b`, without the ones that make b a matrix."""

    marks = frozenset((READ,))
