"""Hands that print: the conventions of paper, shared by LaTeX and MathML, which differ in their marks."""

from abc import abstractmethod

from chainrule.algebra.contract import letters_of
from chainrule.algebra.hand import Hand, Piece, Written
from chainrule.algebra.names import parts_of
from chainrule.algebra.phrase import (
    ATOM,
    BINDING,
    COMPARE,
    FENCES,
    POWER,
    PREFIX,
    PRODUCT,
    SCALED,
    SUM,
    Phrase,
    begins_with_number,
    is_,
    rational,
)

SUBSCRIPTED = 50  # takes ᵀ as it is, but no second subscript
_CALLS = ("call", "raised_call")
_INDICES = "ijklpqrstuvwabcdefghmno"


class Printed(Hand):
    """What is printed need not read back: products lose parentheses that change nothing, fractions are stacked."""

    paper = True

    # ── the marks, in which hands differ ──────────────────────────────────────────────────────────────

    @abstractmethod
    def row(self, *texts: str) -> str:
        """Texts one after the other."""

    @abstractmethod
    def name(self, text: str) -> str:
        """A variable without its subscripts."""

    @abstractmethod
    def digits(self, text: str) -> str:
        """A number without its sign."""

    @abstractmethod
    def plain(self, text: str) -> str:
        """Upright text."""

    @abstractmethod
    def function(self, text: str) -> str:
        """The name of a function."""

    @abstractmethod
    def sign(self, text: str) -> str:
        """The sign of an operation, by its Unicode name."""

    @abstractmethod
    def negative(self, text: str) -> str:
        """A minus in front."""

    @abstractmethod
    def applied(self, function: str, arguments: str) -> str:
        """A function of arguments in parentheses."""

    @abstractmethod
    def raise_(self, base: str, exponent: str) -> str:
        """A superscript."""

    @abstractmethod
    def lower(self, base: str, index: str) -> str:
        """A subscript."""

    @abstractmethod
    def stacked(self, above: str, below: str) -> str:
        """A fraction."""

    @abstractmethod
    def small(self, above: str, below: str) -> str:
        """A small fraction, such as ½."""

    @abstractmethod
    def radical(self, inside: str) -> str:
        """A square root."""

    @abstractmethod
    def choices(self, *rows: tuple[str, str]) -> str:
        """Values and their conditions below one another behind a brace."""

    @abstractmethod
    def gap(self, after_call: bool, before_call: bool) -> str:
        """What stands between factors: nothing, or a small space beside a function of arguments."""

    @abstractmethod
    def composed(self, *functions: str) -> str:
        """A function of a function, `log det`."""

    def between(self, sign: str, *texts: str) -> str:
        """Texts with a comma, semicolon, colon or slash between them."""
        return self.row(*[piece for text in texts for piece in (self.sign(sign), text)][1:])

    def commas(self, *texts: str) -> str:
        """Texts with commas between them."""
        return self.between(",", *texts)

    # ── the forms ─────────────────────────────────────────────────────────────────────────────────────

    def _symbol(self, p: Phrase) -> Written:
        base, subscripts, differential = parts_of(p.text)
        text = self.name(base)
        if subscripts:
            listed = [self.digits(s) if s.isdigit() else self.name(s) for s in subscripts]
            text = self.lower(text, self.commas(*listed))
        if differential:
            return self.row(self.function("d"), text), POWER
        return text, SUBSCRIPTED if subscripts else ATOM

    def _number(self, p: Phrase) -> Written:
        text = p.text.removeprefix("-")
        negative = text != p.text
        mantissa, _, exponent = text.partition("e")
        if quotient := rational(text):
            written, power = self.small(*map(str, quotient)), POWER
        elif text == "inf":
            written, power = self.sign("∞"), ATOM
        elif exponent:
            ten = self.raise_(self.digits("10"), self._power_of_ten(int(exponent)))
            front = [] if mantissa in ("1", "1.0") else [self.digits(mantissa), self.sign("·")]
            written, power = self.row(*front, ten), POWER
        else:
            written, power = self.digits(text) if text[0].isdigit() else self.plain(text), ATOM
        return (self.negative(written), PRODUCT + 1) if negative else (written, power)

    def _power_of_ten(self, exponent: int) -> str:
        digits = self.digits(str(abs(exponent)))
        return self.negative(digits) if exponent < 0 else digits

    def _verbatim(self, p: Phrase) -> Written:
        return self.plain(p.text), ATOM

    def _one(self, p: Phrase) -> Written:
        return self.function("𝟏"), ATOM

    def _call(self, p: Phrase, *arguments: Piece) -> Written:
        inside = self.enclosed("(", self.commas(*(a.text for a in arguments)), ")")
        return self.applied(self.composed(*map(self.function, p.text.split(" "))), inside), ATOM

    def _raised_call(self, p: Phrase, exponent: Piece, *arguments: Piece) -> Written:
        inside = self.enclosed("(", self.commas(*(a.text for a in arguments)), ")")
        return self.applied(self.raise_(self.function(p.text), exponent.text), inside), ATOM

    def _option(self, p: Phrase, value: Piece) -> Written:
        return self.row(self.plain(p.text), self.sign("="), value.text), 0

    def _infix(self, p: Phrase, left: Piece, right: Piece) -> Written:
        power, second = BINDING[p.text], self._reading(p.parts[1])
        alike = second.form == "infix" and (second.text == p.text or (p.text, second.text) == ("+", "-"))
        loose = alike and p.text not in ("-", "/")  # a + (b - c) = a + b - c
        inside = Piece(right.text, -1, 0) if second.positive else right
        return self.row(self.wrap(left, power), self.sign(p.text), self.wrap(inside, power + (not loose))), power

    def _beside(self, p: Phrase, left: Piece, right: Piece) -> Written:
        first = self.before(p, left, PRODUCT) if is_(SCALED, p) else self.wrap(left, PRODUCT)
        if begins_with_number(self._reading(p.parts[1])):
            return self.row(first, self.sign("·"), self.wrap(right, POWER)), PRODUCT
        second = self.wrap(right, PRODUCT if self.joins(p) else POWER)
        before, after = self._ends(p.parts[0], -1), self._ends(p.parts[1], 0)
        return self.row(
            first, self.gap(before in _CALLS, after in _CALLS and second == right.text), second
        ), PRODUCT

    def _ends(self, p: Phrase, place: int) -> str:
        """The form of the first factor of a product, or of the last."""
        phrase = self._reading(p)
        while phrase.form in ("beside", "power", "script"):
            phrase = self._reading(phrase.parts[place if phrase.form == "beside" else 0])
        return phrase.form

    def _minus(self, p: Phrase, inside: Piece) -> Written:
        apart = Piece(inside.text, -1, 0) if p.parts[0].positive else inside
        return self.negative(self.wrap(apart, SUM + 1)), SUM

    def _opposite(self, p: Phrase, inside: Piece) -> Written:
        return self.row(self.sign("¬"), self.wrap(inside, PREFIX)), PREFIX

    def _script(self, p: Phrase, base: Piece) -> Written:
        mark = self.sign("⊤") if p.text.endswith("ᵀ") else self.digits("1")
        exponent = self.negative(mark) if p.text.startswith("⁻") else mark
        return self.raise_(self.wrap(base, SUBSCRIPTED), exponent), POWER

    def _power(self, p: Phrase, base: Piece, exponent: Piece) -> Written:
        whole = exponent.text if self._reading(p.parts[1]).form == "number" else self.wrap(exponent, PREFIX)
        mark = self.row(self.sign("∘"), whole) if p.text else exponent.text
        return self.raise_(self.wrap(base, SUBSCRIPTED), mark), POWER

    def _fraction(self, p: Phrase, above: Piece, below: Piece) -> Written:
        return self.stacked(above.text, below.text), POWER

    def _ratio(self, p: Phrase, above: Piece, below: Piece) -> Written:
        return self.between("/", self.wrap(above, PRODUCT), self.wrap(below, PREFIX)), PRODUCT

    def _fence(self, p: Phrase, *parts: Piece) -> Written:
        return self.enclosed(p.text, self.commas(*(part.text for part in parts)), FENCES[p.text][0]), ATOM

    def _bracket(self, p: Phrase, inside: Piece) -> Written:
        return self.applied(self.function("𝟙"), self.enclosed("[", inside.text, "]")), ATOM

    def _list(self, p: Phrase, *parts: Piece) -> Written:
        return self.enclosed("[", self.between(p.text, *(part.text for part in parts)), "]"), ATOM

    def _root(self, p: Phrase, inside: Piece) -> Written:
        return self.radical(inside.text), POWER

    def _cases(self, p: Phrase, condition: Piece, one: Piece, other: Piece) -> Written:
        return self.choices((one.text, condition.text), (other.text, self.plain("otherwise"))), COMPARE

    def _indexed(self, p: Phrase, base: Piece, *places: Piece) -> Written:
        return self.lower(self.wrap(base, ATOM), self.commas(*(place.text for place in places))), SUBSCRIPTED

    def _subscripted(self, p: Phrase, base: Piece, *places: Piece) -> Written:
        texts = [place.text for place in places]
        short = all(place.form == "symbol" and len(place.text) == 1 for place in p.parts[1:])
        return self.lower(self.wrap(base, ATOM), self.row(*texts) if short else self.commas(*texts)), SUBSCRIPTED

    def _range(self, p: Phrase, *bounds: Piece) -> Written:
        return self.between(":", *(b.text for b in bounds)), ATOM

    def _einsum(self, p: Phrase, *parts: Piece) -> Written:
        """In index form: Σ_k A_ik B_kj, and behind parentheses the indices that are left."""
        ins, out = letters_of(p.text)
        index = dict(zip(dict.fromkeys(out + "".join(ins)), _INDICES, strict=False))

        def letters(term: str) -> str:
            return self.row(*(self.name(index[c]) for c in term))

        factors = [
            self.lower(self.wrap(part, ATOM), letters(term)) if term else self.wrap(part, PREFIX)
            for part, term in zip(parts, ins, strict=False)
        ]
        summed = "".join(c for c in index if c not in out)
        front = [self.lower(self.sign("Σ"), letters(summed))] if summed else []
        text = self.row(*front, *factors)
        if not out:
            return text, PRODUCT if not summed else SUM
        return self.lower(self.enclosed("(", text, ")"), letters(out)), SUBSCRIPTED

    def _operator(self, p: Phrase) -> Written:
        return self.sign(p.text), ATOM

    def _chain(self, p: Phrase, *parts: Piece) -> Written:
        return self.row(*(part.text for part in parts)), POWER

    def _derivative(self, p: Phrase, above: Piece, below: Piece) -> Written:
        return self.stacked(above.text, below.text), POWER

    def _equation(self, p: Phrase, name: Piece, value: Piece) -> Written:
        return self.row(name.text, self.sign("="), value.text), 0
