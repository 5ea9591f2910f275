"""Labels of derivatives: `∂J/∂W1`, `∂²s/∂u∂x`, `∂vec(Y)/∂vec(X)` as pieces of notation."""

import re

from chainrule.algebra.phrase import Phrase, call, symbol, transposed

_PIECE = re.compile(
    r"(?P<sign>∂)|(?P<call>vec\((?P<inside>\w+)\))|(?P<name>(?![ᵀ⁰¹²³⁴⁵⁶⁷⁸⁹])[^\W\d](?:(?![ᵀ⁰¹²³⁴⁵⁶⁷⁸⁹])\w)*)"
    r"|(?P<power>[⁰¹²³⁴⁵⁶⁷⁸⁹]+)|(?P<turned>ᵀ)"
)
_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def label(text: str) -> Phrase:
    """A name, or a derivative, as notation; what is neither is a name as it stands."""
    if not text.startswith("∂"):
        return symbol(text)
    sides = [_side(part) for part in text.split("/")]
    if None in sides or len(sides) > 2:
        return symbol(text)
    known = [side for side in sides if side]
    return known[0] if len(known) == 1 else Phrase("derivative", parts=tuple(known))


def _side(text: str) -> Phrase | None:
    found: list[Phrase] = []
    place = 0
    while place < len(text):
        match = _PIECE.match(text, place)
        if match is None:
            return None
        place = match.end()
        kind, piece = match.lastgroup, match[0]
        if kind == "sign":
            found.append(Phrase("operator", piece))
        elif match["call"]:
            found.append(call("vec", [symbol(match["inside"])]))
        elif kind == "name":
            found.append(symbol(piece))
        elif kind in ("power", "turned") and not found:
            return None
        elif kind == "power":
            found.append(Phrase("power", "", (found.pop(), Phrase("number", piece.translate(_DIGITS)))))
        elif kind == "turned":
            found.append(transposed(found.pop()))
    return Phrase("chain", parts=tuple(found))
