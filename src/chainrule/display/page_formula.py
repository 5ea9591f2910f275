"""Formulas of a trace in MathML, in which every part carries the number of its row: `data-n`."""

from collections.abc import Mapping

from chainrule.algebra.hand import Piece
from chainrule.algebra.label import label
from chainrule.algebra.mathml import MathML
from chainrule.algebra.notation import set_in, symbol
from chainrule.algebra.phrase import Phrase
from chainrule.display.trace_names import gate_phrase
from chainrule.display.trace_records import Passes, Row

WIDEST = 160  # characters of a formula that is shown whole


class _Marking(MathML):
    """Writes MathML in which the parts that stand for rows are marked with them."""

    def __init__(self, rows: Mapping[int, int]) -> None:
        self.rows = rows

    def _piece(self, phrase: Phrase, parts: list[Piece]) -> Piece:
        piece = super()._piece(phrase, parts)
        row = self.rows.get(id(phrase))
        return piece if row is None else piece._replace(text=_marked(piece.text, row))


def _marked(text: str, row: int) -> str:
    lone = text.removeprefix("<mi>").removesuffix("</mi>")
    return f'<mrow data-n="{row}">{text}</mrow>' if "<" in lone else f'<mi data-n="{row}">{lone}</mi>'


def math(inside: str) -> str:
    """An element of MathML."""
    return f"<math>{inside}</math>"


def formula(trace: Passes) -> str:
    """`f = (x + y) max(y, z)`, every part marked with its row; the name alone where it would be too long."""
    made: dict[int, Phrase] = {}
    marks: dict[int, int] = {}
    for row in trace.rows:
        node = row.node
        parts = [made[flow.source] for flow in row.inputs]
        phrase = node.op.write(parts, node.inputs, **node.attrs)
        made[row.id] = phrase
        if row.role != "constant" or row.shape:
            marks.update({id(p): row.id for p in (phrase, phrase.printed) if p is not None and id(p) not in marks})
    whole = made[trace.output]
    equation = Phrase("equation", parts=(label(trace.result.name), whole))
    piece = _Marking(marks).write(equation, 4 * WIDEST)
    if piece.width > WIDEST or trace.result.role != "operation":
        return math(symbol(trace.result.name, "mathml"))
    return math(piece.text)


def equation(row: Row) -> str:
    """`a = x + y` in the names of rows, each marked with its row."""
    if row.role != "operation":
        return math(_marked(name(row), row.id))
    parts = [
        label(i.attrs["name"]) if "name" in i.attrs else i.op.write([], (), **i.attrs) for i in row.formula.inputs
    ]
    left = label(row.name)
    marks = {id(left): row.id}
    marks.update({id(p): flow.source for p, flow in zip(parts, row.inputs, strict=True) if p.form == "symbol"})
    right = gate_phrase(row.formula, parts)
    return math(_Marking(marks).write(Phrase("equation", parts=(left, right)), 4 * WIDEST).text)


def name(row: Row) -> str:
    """The name of a row."""
    plain = row.role == "constant" and not row.shape
    return set_in(row.node.op.write([], (), **row.node.attrs), "mathml") if plain else symbol(row.name, "mathml")


def slope_name(above: Row, below: Row) -> str:
    """`∂f/∂x` of two rows."""
    return f"<mfrac><mrow><mi>∂</mi>{name(above)}</mrow><mrow><mi>∂</mi>{name(below)}</mrow></mfrac>"


def joined(*pieces: str, sign: str = "=") -> str:
    """`a = b = c`."""
    return f"<mo>{sign}</mo>".join(pieces)


def figure(text: str) -> str:
    """A number, or a sum of numbers."""
    return f"<mn>{text}</mn>"
