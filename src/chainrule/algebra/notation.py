"""How expressions are written: typed in Unicode (`uᵀ tanh(W x + b)`), printed in LaTeX and MathML.

An operation says once, in its record, how it is written (`phrase`); a hand writes it (`hand`, `latex`, `mathml`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from chainrule.algebra.hand import Echo, Hand, Piece, Readable, Unicode
from chainrule.algebra.label import label
from chainrule.algebra.latex import LaTeX
from chainrule.algebra.mathml import MathML
from chainrule.algebra.phrase import ELLIPSIS, POWER, Phrase
from chainrule.algebra.signature import shape_text

if TYPE_CHECKING:
    from chainrule.algebra.node import Node

HandName = Literal["unicode", "readable", "echo", "latex", "mathml"]

UNICODE = Unicode()
HANDS: Mapping[HandName, Hand] = {
    **{"unicode": UNICODE, "readable": Readable(), "echo": Echo()},
    **{"latex": LaTeX(), "mathml": MathML()},
}

MOST_WIDTH = 4000


def write(root: "Node", limit: int = MOST_WIDTH) -> str:
    """The expression in one line of Unicode; parts longer than `limit` characters become `…`."""
    return _written(root, limit, UNICODE).text


def latex(root: "Node", limit: int = MOST_WIDTH) -> str:
    """The expression in LaTeX, without dollar signs; parts wider than `limit` characters become `…`."""
    return _written(root, limit, HANDS["latex"]).text


def mathml(root: "Node", limit: int = MOST_WIDTH) -> str:
    """The expression in MathML, the inside of `<math>`; parts wider than `limit` characters become `…`."""
    return _written(root, limit, HANDS["mathml"]).text


def readable(root: "Node", limit: int = MOST_WIDTH) -> str:
    """The expression in one line of Unicode for reading alone, without the parentheses of products of products."""
    return _written(root, limit, HANDS["readable"]).text


def echoed(root: "Node", limit: int = MOST_WIDTH) -> str:
    """The expression for reading as it was asked for: a vector that fills a matrix stays one, `X W + b`."""
    return _written(root, limit, HANDS["echo"]).text


def set_in(p: Phrase, hand: HandName) -> str:
    """A piece of notation as this hand writes it."""
    return HANDS[hand].write(p, MOST_WIDTH).text


def typed(p: Phrase) -> str:
    """A piece of notation in one line of Unicode."""
    return UNICODE.write(p, MOST_WIDTH).text


def factor(node: "Node", limit: int = 40) -> str:
    """The written form, in parentheses unless it stands as a factor by itself: `W`, `tanh(z)`, `(x + y)`."""
    return UNICODE.wrap(_written(node, limit, UNICODE), POWER)


def described(node: "Node", limit: int = 60) -> str:
    """An operand as error messages name it: its written form and its shape, `W x (n)`."""
    return f"{write(node, limit)} ({shape_text(node.shape)})"


def _written(root: "Node", limit: int, hand: Hand) -> Piece:
    return hand.write(phrase(root, limit), limit)


def phrase(root: "Node", levels: int = MOST_WIDTH) -> Phrase:
    """The notation of an expression; what lies more than so many levels below becomes `…`."""
    near = _within(root, levels)
    made: dict[int, Phrase] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        inside = id(node) in near  # every level adds a character or more: what lies beyond could not be seen
        waiting = [i for i in node.inputs if id(i) not in made] if inside else ()
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        parts = [made[id(i)] for i in node.inputs] if inside else []
        made[id(node)] = node.op.write(parts, node.inputs, **node.attrs) if inside else ELLIPSIS
    return made[id(root)]


def _within(root: "Node", levels: int) -> set[int]:
    """The nodes at most so many levels below the root."""
    near, front = {id(root)}, [root]
    for _ in range(levels):
        front = [i for node in front for i in node.inputs if id(i) not in near and not near.add(id(i))]  # type: ignore[func-returns-value]
        if not front:
            break
    return near


# ── names and equations ───────────────────────────────────────────────────────────────────────────────


def symbol(name: str, hand: HandName = "unicode") -> str:
    """A name as this hand writes it: `W1` is `W_{1}`, `lam` λ, and `∂J/∂W1` a fraction in LaTeX and MathML."""
    return HANDS[hand].write(label(name), MOST_WIDTH).text


def equation(name: str, value: "Node", hand: HandName = "unicode", limit: int = MOST_WIDTH) -> str:
    """`name = value` as this hand writes it; the name may be a label such as `∂J/∂W`."""
    return HANDS[hand].write(Phrase("equation", parts=(label(name), phrase(value, limit))), limit).text
