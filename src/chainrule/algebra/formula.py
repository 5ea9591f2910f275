"""Formulas as text: tokens, and a tree that remembers where in the text each part stands.

Two spellings share one grammar. MATLAB-like (it holds `'` or `.*`): `*` is the product, `.*` works entry by
entry. Python's: `@` is the product, `*` works entry by entry. Mathematics as it is printed is read in both:
`uᵀ tanh(W x + b)`, `x ⊙ y`, `x²`, where factors that stand side by side are multiplied.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from chainrule.algebra.phrase import BINDING, FENCES, POWER, PREFIX, SUM
from chainrule.algebra.place import underlined
from chainrule.errors import FormulaError

Syntax = Literal["python", "matlab"]

_LARGE = {"√": ("sqrt", POWER), "∑": ("sum", SUM + 1)}
"""Signs in front that are functions, and how tightly what they hold has to hold together."""

_TIGHT = ("^", ".^", "ᵀ")  # hold a number more tightly than the minus before it

MOST_TEXT, MOST_TOKENS, DEEPEST, MOST_DIGITS, MOST_LETTERS = 100_000, 10_000, 100, 30, 100


class Part(NamedTuple):
    """A node of the tree: what it is, its name or number, its parts, and its place `text[start:end]`."""

    kind: Literal["number", "name", "text", "call", "prefix", "infix", "postfix", "index", "list", "slice"]
    value: str
    parts: tuple["Part", ...]
    start: int
    end: int
    options: tuple[tuple[str, "Part"], ...] = ()
    closed: bool = False
    """Whether it stands in parentheses."""


class Definition(NamedTuple):
    """One line of a formula: the name it gives, if any, and the tree."""

    name: str | None
    tree: Part


class Token(NamedTuple):
    """A piece of text; `spaced` says whether space stands before it."""

    kind: Literal["number", "name", "text", "sign", "power", "end"]
    text: str
    start: int
    end: int
    spaced: bool


_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_TOKEN = re.compile(
    r"""(?P<space>[^\S\n]+|[#%][^\n]*|(?:np|numpy)\.(?:linalg\.)?(?=[^\W\d]\w*\(|pi\b))
      | (?P<module>(?:np|numpy)\.\w+)
      | (?P<number>(?:\d+\.\d+|\.\d+|\d+(?:\.(?![*/^T']))?)(?:[eE][+-]?\d+)?)
      | (?P<name>(?![ᵀ⁰¹²³⁴⁵⁶⁷⁸⁹])[^\W\d](?:(?![ᵀ⁰¹²³⁴⁵⁶⁷⁸⁹])\w)*)
      | (?P<text>"[^"\n]*"|'(?:fro|nuc|inf)')
      | (?P<power>⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+|⁻[ᵀ⊤])
      | (?P<sign>\*\*|\.\*|\./|\.\^|\.T\b|\.'|<=|>=|==|!=|\^\{?(?:T\b|⊤)\}?|\|\||
                 [-+*/@^'’′ᵀ⊤()\[\]{},:;=<>≤≥≠∧∨¬⊙⊗∘·⋅∗−√∑\\|‖⟨⟩\n])
    """,
    re.VERBOSE,
)
_SAME = {
    "−": "-",
    "**": "^",
    "⊤": "ᵀ",
    ".T": "ᵀ",
    **dict.fromkeys(("'", "’", "′", ".'", "^T", "^⊤", "^{T}", "^{⊤}"), "ᵀ"),
    "||": "‖",
    "∘": "⊙",
    "⋅": "·",
    "∗": "*",
    "<=": "≤",
    ">=": "≥",
    "!=": "≠",
}

_UNKNOWN = {
    "$": "leave the dollar signs out",
    "!": "a formula has no factorials",
    "⊘": "write x / y, which works entry by entry",
    "×": "write x * y, x ⊙ y or x @ y",
    "∇": "name the variable with wrt",
}
"""Signs that mean nothing in a formula, and what is written instead."""


def spelling(text: str) -> Syntax:
    """Which spelling a formula is in: MATLAB-like if it holds `'`, `.*`, `./`, `.^`, or `^` and no `@`, `**`."""
    text = re.sub(r"[#%].*|'(?:fro|nuc|inf)'", "", text)
    own = re.search(r"['’′\\]|\.\*|\./|\.\^", text) or ("^" in text and not re.search(r"@|\*\*|\.T\b", text))
    return "matlab" if own else "python"


def tokens(text: str) -> list[Token]:
    """The tokens of a formula. Raises FormulaError for signs that mean nothing, and beyond all measure."""
    if len(text) > MOST_TEXT:
        raise FormulaError(f"a formula of {len(text):,} characters; {MOST_TEXT:,} are the most")
    found: list[Token] = []
    place, spaced = 0, False
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _meaningless(text, place)
        kind, piece = str(match.lastgroup), match[0]
        if kind == "module":
            raise _no_function(text, match)
        if kind != "space":
            if kind == "number" and len(piece) > MOST_DIGITS:
                raise FormulaError(f"a number of {len(piece)} digits; {MOST_DIGITS} are the most")
            if kind == "name" and len(piece) > MOST_LETTERS:
                raise FormulaError(f"a name of {len(piece):,} letters; {MOST_LETTERS} are the most")
            if kind == "sign":
                piece = _SAME.get(piece, piece)
            found.append(Token(kind, piece, place, match.end(), spaced))  # type: ignore[arg-type]
        if len(found) > MOST_TOKENS:
            raise FormulaError(
                f"a formula of more than {MOST_TOKENS:,} words and signs; define parts of it in lines"
            )
        spaced = kind == "space"
        place = match.end()
    return [*found, Token("end", "", len(text), len(text), spaced)]


def _no_function(text: str, match: re.Match[str]) -> FormulaError:
    name = match[0]
    hint = (
        "name the matrix, as in A.T" if name.endswith(".T") else f"write {name.partition('.')[2]} for a variable"
    )
    return FormulaError(
        f"what is {name}? Of NumPy a formula takes functions, as in np.exp(x), and np.pi; {hint}"
        f"{underlined(text, *match.span())}"
    )


def _meaningless(text: str, place: int) -> FormulaError:
    sign, instead = text[place], _UNKNOWN.get(text[place], "")
    method = re.match(r"\.([^\W\d]\w*)", text[place:])
    if method:
        sign, instead = method[0], f"functions are called by name, {method[1]}(x)"
    hint = f"; {instead}" if instead else ""
    return FormulaError(f"{sign!r} means nothing here{hint}{underlined(text, place, place + len(sign))}")


def names_in(tree: Part) -> set[str]:
    """The names that stand in a tree, those of functions left out."""
    found, stack = set(), [tree]
    while stack:
        part = stack.pop()
        if part.kind == "name":
            found.add(part.value)
        stack += [*part.parts, *(option for _, option in part.options)]
    return found


def read(text: str) -> list[Definition]:
    """The definitions of a formula, in order; the last one is its result.

    Lines, or parts between semicolons, may name what they define: `z = W@x + b; h = tanh(z); u.T@h`.
    Raises FormulaError, with the place underlined.
    """
    return list(_Reader(text).definitions())


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = 0
        self.depth = 0
        self.open = 0

    # ── moving along ──────────────────────────────────────────────────────────────────────────────────

    @property
    def next(self) -> Token:
        token = self.tokens[self.at]
        while self.open and token.text == "\n":
            self.at += 1
            token = self.tokens[self.at]
        return token

    def take(self) -> Token:
        token = self.next
        self.at += token.kind != "end"
        return token

    def expect(self, sign: str, after: Token) -> Token:
        if self.next.text != sign or self.next.kind != "sign":
            raise self.fault(f"{sign!r} is missing to close {after.text!r}", after)
        return self.take()

    def fault(self, message: str, token: Token) -> FormulaError:
        return FormulaError(message + underlined(self.text, token.start, token.end))

    # ── definitions ───────────────────────────────────────────────────────────────────────────────────

    def definitions(self) -> Iterator[Definition]:
        while self._skip_breaks():
            name = None
            if self.next.kind == "name" and self.tokens[self.at + 1].text == "=":
                name = self.take().text
                self.take()
            yield Definition(name, self.expression(0))
            if self.next.kind != "end" and self.next.text not in (";", "\n"):
                raise self._unexpected(self.next)

    def _unexpected(self, token: Token) -> FormulaError:
        """What is wrong with a sign where none of its kind can stand."""
        opening = {")": "(", "]": "[", "}": "{", "⟩": "⟨"}.get(token.text)
        if token.kind == "end":
            return self.fault("the formula ends too early; a variable, number or bracket is missing", token)
        if opening:
            return self.fault(f"{token.text!r} is not expected here: no {opening!r} is open", token)
        missing = token.text in BINDING and token.text != "beside"
        why = f": an operand is missing before {token.text!r}" if missing else ""
        return self.fault(f"{token.text!r} is not expected here{why}", token)

    def _skip_breaks(self) -> bool:
        while self.next.text in (";", "\n"):
            self.take()
        if self.next.kind == "end" and not any(t.kind not in ("sign", "end") for t in self.tokens):
            raise FormulaError("the formula is empty; write one such as u.T @ tanh(W @ x + b)")
        return self.next.kind != "end"

    # ── expressions, by binding power ─────────────────────────────────────────────────────────────────

    def expression(self, power: int) -> Part:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.fault(f"nested more than {DEEPEST} deep; define parts of it in lines", self.next)
        left = self.operand(power)
        while (sign := self._infix()) and BINDING[sign] >= power:
            if sign != "beside":
                self.take()
            right_first = BINDING[sign] == POWER
            right = self.expression(POWER if right_first or sign == "beside" else BINDING[sign] + 1)
            left = Part("infix", sign, (left, right), left.start, right.end)
        self.depth -= 1
        return left

    def _infix(self) -> str:
        """The sign of the next operation; `beside` where two factors stand side by side; "" at the end."""
        token = self.next
        if token.kind == "sign":
            if token.text in BINDING:
                return token.text
            return "beside" if token.text in ("(", "[", "⟨", "¬", *_LARGE) or self._opens_bar(token) else ""
        if token.kind in ("name", "number", "text"):
            before = self.tokens[self.at - 1]
            if not token.spaced and before.kind == "number":
                raise self._missing_sign(before, token)
            return "beside"
        return ""

    def _missing_sign(self, number: Token, name: Token) -> FormulaError:
        whole = Token("name", "", number.start, name.end, False)
        return self.fault(f"{number.text}{name.text} needs a sign; write {number.text}*{name.text}", whole)

    def _opens_bar(self, token: Token) -> bool:
        return token.text in ("|", "‖") and token.spaced and not self.tokens[self.at + 1].spaced

    def operand(self, power: int) -> Part:
        token = self.take()
        if token.kind == "number":
            return self.postfix(Part("number", token.text, (), token.start, token.end))
        if token.kind == "text":
            return Part("text", token.text[1:-1], (), token.start, token.end)
        if token.kind == "name":
            return self.postfix(self._named(token))
        if token.text in ("-", "+", "¬"):
            return self._prefixed(token, power)
        if token.text in _LARGE:
            name, reach = _LARGE[token.text]
            inner = self.expression(reach)
            return Part("call", name, (inner,), token.start, inner.end)
        return self._enclosed(token)

    def _prefixed(self, token: Token, power: int) -> Part:
        """A minus holds all that is multiplied behind it, -W x = -(W x); -2 is a number."""
        if token.text == "-" and self.next.kind == "number":
            after = self.tokens[self.at + 1]
            if after.kind != "power" and after.text not in _TIGHT:
                number = self.take()
                return Part("number", f"-{number.text}", (), token.start, number.end)
        inner = self.expression(max(power, PREFIX if token.text == "¬" else SUM + 1))
        return Part("prefix", token.text, (inner,), token.start, inner.end)

    def _named(self, token: Token) -> Part:
        if self.next.text != "(" or self.next.spaced:
            return Part("name", token.text, (), token.start, token.end)
        bracket = self.take()
        parts, options, end = self._arguments(bracket, ")")
        return Part("call", token.text, parts, token.start, end, options)

    def _enclosed(self, token: Token) -> Part:
        if token.text == "(":
            self.open += 1
            inner = self.expression(0)
            if self.next.text == ",":
                return self._tuple(token, inner)
            self.open -= 1
            close = self.expect(")", token)
            return self.postfix(inner._replace(start=token.start, end=close.end, closed=True))
        if token.text == "[":
            parts, _, end = self._arguments(token, "]")
            return self.postfix(Part("list", "[", parts, token.start, end))
        if token.text in FENCES:
            fence, name = FENCES[token.text]
            parts, _, end = self._arguments(token, fence)
            return self.postfix(Part("call", name, parts, token.start, end))
        if token.text == "{":
            parts, options, end = self._arguments(token, "}", ":")
            if len(parts) == 1 and not options:  # an exponent in braces, x^{-1}
                return self.postfix(parts[0]._replace(start=token.start, end=end))
            return Part("list", "{", parts, token.start, end, options)
        raise self._unexpected(token)

    def _tuple(self, bracket: Token, first: Part) -> Part:
        parts = [first]
        while self.next.text == ",":
            self.take()
            if self.next.text != ")":
                parts.append(self.expression(0))
        self.open -= 1
        return Part("list", "(", tuple(parts), bracket.start, self.expect(")", bracket).end)

    def _arguments(
        self, bracket: Token, close: str, sign: str = "="
    ) -> tuple[tuple[Part, ...], tuple[tuple[str, Part], ...], int]:
        """What stands between brackets: values, and options `name=value`."""
        self.open += 1
        parts: list[Part] = []
        options: list[tuple[str, Part]] = []
        while self.next.text != close:
            if self.next.kind == "name" and self.tokens[self.at + 1].text == sign and close in (")", "}"):
                name = self.take().text
                self.take()
                options.append((name, self.expression(0)))
            elif self.next.text == ":" and close == ")":
                raise self.fault(
                    "parts of an array are written in square brackets, counted from 0: A[:, 0]", self.next
                )
            else:
                parts.append(self._slice() if close == "]" else self.expression(0))
            if self.next.text not in (",", close):
                self.expect(close, bracket)
            if self.next.text == ",":
                self.take()
        self.open -= 1
        return tuple(parts), tuple(options), self.expect(close, bracket).end

    def _slice(self) -> Part:
        """An entry of an index: an expression, or `start:stop:step` with any of them left out."""
        start = self.next.start
        bounds: list[Part | None] = [None if self.next.text == ":" else self.expression(0)]
        while self.next.text == ":":
            self.take()
            bounds.append(None if self.next.text in (":", ",", "]") else self.expression(0))
        if len(bounds) == 1 and bounds[0] is not None:
            return bounds[0]
        named = tuple((f"{k}", b) for k, b in enumerate(bounds) if b is not None)
        return Part("slice", ":", (), start, self.tokens[self.at - 1].end, named)

    def postfix(self, part: Part) -> Part:
        while True:
            token = self.next
            if token.text == "ᵀ":
                self.take()
                part = Part("postfix", "ᵀ", (part,), part.start, token.end)
            elif token.kind == "power":
                self.take()
                exponent, turned = token.text.translate(_SUPERSCRIPTS), token.text[-1] in "ᵀ⊤"
                power = Part("number", "-1" if turned else exponent, (), token.start, token.end)
                part = Part("infix", "superscript", (part, power), part.start, token.end)
                part = Part("postfix", "ᵀ", (part,), part.start, token.end) if turned else part
            elif token.text == "[" and not token.spaced:
                self.take()
                parts, _, end = self._arguments(token, "]")
                part = Part("index", "[", (part, *parts), part.start, end)
            else:
                return part
