"""How expressions are written: one table of binding powers, one iterative writer.

The written form is Unicode mathematics: `uᵀ tanh(W x + b)`, `δ xᵀ`, `x ⊙ y`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainrule.algebra.op import Phrase
from chainrule.algebra.signature import shape_text

if TYPE_CHECKING:
    from chainrule.algebra.node import Node

COMPARE, SUM, PRODUCT, SIGN, POWER, ATOM = 5, 10, 20, 30, 40, 100

ELLIPSIS = Phrase("…", ATOM)


def wrap(phrase: Phrase, power: int) -> str:
    """The text, in parentheses if it holds together less tightly than its surroundings need."""
    return phrase.text if phrase.power >= power else f"({phrase.text})"


def call(name: str, phrases: Sequence[Phrase], **options: object) -> Phrase:
    """A function application, `name(a, b, axis=0)`."""
    arguments = [p.text for p in phrases]
    arguments += [f"{key}={_option(value)}" for key, value in options.items() if value is not None]
    return Phrase(f"{name}({', '.join(arguments)})", ATOM)


def _option(value: object) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_option(v) for v in value) + ("," if len(value) == 1 else "") + ")"
    return str(value)


def infix(sign: str, power: int, phrases: Sequence[Phrase]) -> Phrase:
    """`a sign b`, associating to the left."""
    left, right = phrases
    return Phrase(f"{wrap(left, power)} {sign} {wrap(right, power + 1)}", power)


def number(value: float) -> Phrase:
    """A number as a person writes it: `2`, `0.5`, `-1`."""
    whole = value == int_or_nan(value) and abs(value) < 1e16 and str(value) != "-0.0"
    text = repr(int(value)) if whole else repr(float(value))
    return Phrase(text, SIGN if text.startswith("-") else ATOM)


def int_or_nan(value: float) -> float:
    """The whole number nearest to zero from `value`; NaN where there is none."""
    return float(int(value)) if abs(value) < float("inf") else float("nan")


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def raised(base: Phrase, exponent: Phrase) -> Phrase:
    """A power: `x²`, `x⁻¹`, `x^p`."""
    text = exponent.text
    sign = text.translate(_SUPERSCRIPTS) if text.lstrip("-").isdigit() else "^" + wrap(exponent, POWER)
    return Phrase(wrap(base, POWER + 1) + sign, POWER)


def write(root: "Node", limit: int = 4000) -> str:
    """The written form of an expression; parts longer than `limit` characters become `…`."""
    return _phrase(root, limit).text


def factor(node: "Node", limit: int = 40) -> str:
    """The written form, in parentheses unless it stands as a factor by itself: `W`, `tanh(z)`, `(x + y)`."""
    return wrap(_phrase(node, limit), POWER + 1)


def _phrase(root: "Node", limit: int) -> Phrase:
    near = _within(root, limit)
    written: dict[int, Phrase] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        waiting = [i for i in node.inputs if id(i) not in written] if id(node) in near else ()
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        if id(node) not in near:
            written[id(node)] = ELLIPSIS  # every level adds a character or more: it could not be seen
            continue
        phrases = [written[id(i)] for i in node.inputs]
        phrase = node.op.write(phrases, node.inputs, **node.attrs)
        written[id(node)] = phrase if len(phrase.text) <= limit or node is root else ELLIPSIS
    whole = written[id(root)]
    return whole if len(whole.text) <= 2 * limit else ELLIPSIS


def _within(root: "Node", levels: int) -> set[int]:
    """The nodes at most so many levels below the root."""
    near, front = {id(root)}, [root]
    for _ in range(levels):
        front = [i for node in front for i in node.inputs if id(i) not in near and not near.add(id(i))]  # type: ignore[func-returns-value]
        if not front:
            break
    return near


def described(node: "Node", limit: int = 60) -> str:
    """An operand as error messages name it: its written form and its shape, `W x (n)`."""
    return f"{write(node, limit)} ({shape_text(node.shape)})"
