"""How a derivation is set: lines for a terminal, an aligned environment of LaTeX, a table of MathML.

One page, rows `left = right`; the notations differ in how an expression and a derivative are written.
"""

import textwrap
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from chainrule.algebra.names import GREEK
from chainrule.algebra.node import VARIABLE, Node
from chainrule.algebra.notation import HandName, phrase, readable, set_in, symbol, write
from chainrule.algebra.place import cells
from chainrule.algebra.signature import shape_text
from chainrule.calculus.index_form import index_form, index_label

WIDTH, COLUMN = 100, 60  # of a page, and the rightmost place where a column of shapes begins


class Slope(NamedTuple):
    """The name of a derivative: ∂s/∂W, ∂²s/∂x∂yᵀ, ∂vec(Y)/∂vec(X).

    of    a variable of the name and shape of what is differentiated
    by    the variables, in this order        vec    whether matrices are stacked, column upon column
    """

    of: Node
    by: tuple[Node, ...]
    vec: bool = False

    def stacks(self, node: Node) -> bool:
        """Whether a node stands in it as vec(…)."""
        return self.vec and node.ndim > 1

    @property
    def row(self) -> str:
        """What marks the last variable as the one along the columns of a Hessian."""
        last = self.by[-1]
        return "ᵀ" if len(self.by) > 1 and (last.ndim == 1 or self.stacks(last)) else ""

    def __str__(self) -> str:
        above, *by = (f"vec({write(n)})" if self.stacks(n) else write(n) for n in (self.of, *self.by))
        return f"∂{'²' if len(by) > 1 else ''}{above}/{''.join('∂' + x for x in by)}{self.row}"


class Row(NamedTuple):
    """A line `left = right`, with a remark, and the number that others refer to it by."""

    left: Node | Slope
    right: Node
    remark: str = ""
    number: int = 0


class Steps(NamedTuple):
    """The lines that lead to one derivative."""

    to: Slope
    rows: Sequence[Row]


class Zero(NamedTuple):
    """Where a gradient is zero: the equation and its solution as rows, and what is said of them in words."""

    of: Slope
    gradient: Node
    rows: Sequence[Row]
    said: Sequence[str]


class Page(NamedTuple):
    """All that is said of a derivation: `asked` are the lines of the formula, `named` the shared parts."""

    asked: Sequence[Row]
    variables: Sequence[Node]
    named: Sequence[Row]
    results: Sequence[Row]
    steps: Sequence[Steps] = ()
    solutions: Sequence[Zero] = ()
    tips: Sequence[str] = ()
    facts: Sequence[str] = ()
    notes: Sequence[str] = ()
    verdict: str = ""


# ── for a terminal ────────────────────────────────────────────────────────────────────────────────────


def padded(text: str, width: int) -> str:
    """The text with spaces up to this many columns."""
    return text + " " * max(0, width - cells(text))


def in_text(page: Page, width: int = WIDTH) -> str:
    """The page in Unicode: the formula, its named parts, the derivatives, facts, notes and the proof."""
    blocks = [_asked(page, width)]
    if page.named:
        blocks.append(_columns(page.named, "with   "))
    blocks += [_steps(steps, width) for steps in page.steps] or [_columns(page.results)]
    blocks += [[f"{zero.of} = {readable(zero.gradient)} = 0", *zero.said] for zero in page.solutions]
    for lead, texts in (("tip: ", page.tips), ("facts used: ", [", ".join(page.facts)]), ("note: ", page.notes)):
        blocks.append([line for text in texts for line in _wrapped(lead, text, width)])
    blocks.append(_wrapped("", page.verdict, width))
    return "\n\n".join("\n".join(f"  {line}".rstrip() for line in block) for block in blocks if block)


def _left_text(row: Row) -> str:
    return side(row.left, row.right, "readable")


def _right(row: Row, hand: HandName = "readable") -> str:
    return value(row.left, row.right, hand)


def _is_tensor(left: Node | Slope | None, right: Node) -> bool:
    """Whether a derivative has more axes than a matrix, and is written by its entries."""
    return isinstance(left, Slope) and not left.vec and right.ndim > 2


def value(left: Node | Slope | None, right: Node, hand: HandName) -> str:
    """A right side."""
    return set_in(index_form(right) if _is_tensor(left, right) else phrase(right), hand)


def side(left: Node | Slope | None, right: Node, hand: HandName) -> str:
    """A left side: the label of a derivative, a name, or one side of an equation."""
    if left is None:
        return ""
    if isinstance(left, Slope):
        tensor = _is_tensor(left, right)
        return set_in(index_label(left.of, left.by), hand) if tensor else symbol(str(left), hand)
    return set_in(phrase(left), hand) if left.op is not VARIABLE else symbol(str(left.attrs["name"]), hand)


def _shape(node: Node) -> str:
    return shape_text(node.shape)


def _asked(page: Page, width: int) -> list[str]:
    shapes = "   ".join(f"{write(x)}: {_shape(x)}" for x in page.variables)
    if len(page.asked) > 1:
        return [*_columns(page.asked, hand="echo"), "", shapes]
    (row,) = page.asked
    line = f"{row.left} = {_right(row, 'echo')}"
    own = f"{row.left}: {_shape(row.right)}"
    whole = f"{line}      {shapes}   {own}"
    return [whole] if cells(whole) <= width else [line, f"{shapes}   {own}"]


def _columns(rows: Sequence[Row], lead: str = "", hand: HandName = "readable") -> list[str]:
    """Rows with their signs of equality, shapes and remarks one below the other."""
    lefts = [_left_text(row) for row in rows]
    wide = max(map(cells, lefts))
    texts = [f"{padded(left, wide)} = {_right(row, hand)}" for left, row in zip(lefts, rows, strict=True)]
    shapes = [_shape(row.right) for row in rows]
    place = max((cells(t) for t in texts if cells(t) <= COLUMN), default=0)
    room = max(map(cells, shapes))
    return [
        f"{lead if k == 0 else ' ' * len(lead)}{padded(text, place)}   {padded(shape, room)}   {row.remark}"
        for k, (text, shape, row) in enumerate(zip(texts, shapes, rows, strict=True))
    ]


def _steps(steps: Steps, width: int) -> list[str]:
    lefts = _lefts(steps.rows)
    wide = max(map(cells, lefts))
    texts = [
        f"{row.number or '':>2}  {padded(left, wide)} = {_right(row)}"
        for left, row in zip(lefts, steps.rows, strict=True)
    ]
    place = max((cells(t) for t in texts if cells(t) <= COLUMN), default=0)
    return [
        line
        for text, row in zip(texts, steps.rows, strict=True)
        for line in _beside(text, row.remark, place + 3, width)
    ]


def _beside(text: str, remark: str, place: int, width: int) -> list[str]:
    """A line with its remark at this place, in lines of its own where it is too long or the place is taken."""
    pieces = textwrap.wrap(remark, max(width - place, 30))
    first = (
        [padded(text, place) + "".join(pieces[:1])]
        if cells(text) < place
        else [text, *_indented(pieces[:1], place)]
    )
    return [*first, *_indented(pieces[1:], place)]


def _indented(lines: Sequence[str], place: int) -> list[str]:
    return [" " * place + line for line in lines]


def _lefts(rows: Sequence[Row]) -> list[str]:
    """The left sides, "" where one is that of the row before."""
    lefts = [_left_text(row) for row in rows]
    return ["" if left == before else left for before, left in zip(["", *lefts], lefts, strict=False)]


def _wrapped(lead: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=lead, subsequent_indent=" " * len(lead)) if text else []


# ── LaTeX and MathML ──────────────────────────────────────────────────────────────────────────────────


def _set_rows(page: Page) -> Iterator[tuple[Node | Slope | None, Node, str]]:
    """What is set as mathematics: left side (None where it is that of the row before), right side, remark."""
    for row in (*page.asked, *page.named):
        yield row.left, row.right, ""
    for steps in page.steps:
        for row, left in zip(steps.rows, _lefts(steps.rows), strict=True):
            yield (
                row.left if left else None,
                row.right,
                f"({row.number}) {row.remark}" if row.number else row.remark,
            )
    for row in () if page.steps else page.results:
        yield row.left, row.right, ""
    for zero in page.solutions:
        for k, row in enumerate(zero.rows):
            yield row.left, row.right, "" if k else "the gradient set to zero"


def in_latex(page: Page) -> str:
    """The page as an aligned environment, to stand in display mathematics."""
    rows = [
        f"{side(left, right, 'latex')} &= {value(left, right, 'latex')}" + (f" && {prose(said)}" if said else "")
        for left, right, said in _set_rows(page)
    ]
    return "\n".join(["\\begin{aligned}", " \\\\\n".join(rows), "\\end{aligned}"])


_SPECIAL = {c: rf"\{c}" for c in "#$%&_{}"} | {"^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
_HIGH = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀᵖᵗ", [*"0123456789-", r"\top", "p", "t"], strict=True))
_LOW = dict(zip("₀₁₂₃₄₅₆₇₈₉ᵢⱼ", "0123456789ij", strict=True))
_MATHEMATICS = {
    **{sign: f"{{}}^{{{text}}}" for sign, text in _HIGH.items()},
    **{sign: f"{{}}_{{{text}}}" for sign, text in _LOW.items()},
    **{letter: rf"\{name} " for name, letter in GREEK.items() if name not in ("lam", "eps")},
    "⊙": r"\odot ",
    "⊗": r"\otimes ",
    "∂": r"\partial ",
    "∇": r"\nabla ",
    "′": "'",
    "⟨": r"\langle ",
    "⟩": r"\rangle ",
    "‖": r"\Vert ",
    "√": r"\surd ",
    "≤": r"\le ",
    "≥": r"\ge ",
    "≠": r"\ne ",
    "∞": r"\infty ",
    "×": r"\times ",
    "·": r"\cdot ",
    "−": "-",
    "→": r"\to ",
    "…": r"\dots ",
    "𝟏": r"\mathbf{1}",
}
_SET = {**_SPECIAL, **{sign: f"${text}$" for sign, text in _MATHEMATICS.items()}}


def prose(text: str) -> str:
    """Text with mathematical signs in it, as LaTeX sets it among formulas."""
    return f"\\text{{{''.join(_SET.get(c, c) for c in text).replace('$$', '')}}}"


def in_mathml(page: Page) -> str:
    """The page as a `<math>` element: a table whose rows meet at the signs of equality."""
    rows = [
        "".join(
            f"<mtd>{part}</mtd>"
            for part in (
                side(left, right, "mathml"),
                f"<mo>=</mo>{value(left, right, 'mathml')}",
                f"<mtext>{escape(said)}</mtext>" if said else "",
            )
        )
        for left, right, said in _set_rows(page)
    ]
    body = "".join(f"<mtr>{row}</mtr>" for row in rows)
    return (
        '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'
        f'<mtable columnalign="right left left" displaystyle="true">{body}</mtable></math>'
    )
