"""The hand that writes LaTeX: `u^{\\top} \\tanh(W x + b)`, for any engine that knows amsmath and amssymb."""

import re
import unicodedata
from collections.abc import Mapping

from chainrule.algebra.names import GREEK
from chainrule.algebra.printed import Printed

_GREEK: Mapping[str, str] = {
    letter: letter if name == "omicron" else f"\\{name}"
    for name, letter in GREEK.items()
    if name not in ("lam", "eps")
}
_ACCENTS: Mapping[str, str] = {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde", "\u0307": "dot"}
_SIGNS: Mapping[str, str] = {
    "⊙": r"\odot",
    "⊗": r"\otimes",
    "·": r"\cdot",
    "∘": r"\circ",
    "⊤": r"\top",
    "≤": r"\le",
    "≥": r"\ge",
    "==": "=",
    "≠": r"\ne",
    "∧": r"\land",
    "∨": r"\lor",
    "¬": r"\lnot",
    "Σ": r"\sum",
    "∂": r"\partial",
    "∞": r"\infty",
}
_OWN = ("exp", "log", "sin", "cos", "tanh", "det", "max", "min")
_FUNCTIONS: Mapping[str, str] = {
    **{name: f"\\{name}" for name in _OWN},
    "σ": r"\sigma",
    "d": r"\mathrm{d}",
    "𝟏": r"\mathbf{1}",
    "𝟙": r"\mathbb{1}",
}
_FENCES: Mapping[str, tuple[str, str]] = {
    "|": (r"\lvert", r"\rvert"),
    "‖": (r"\lVert", r"\rVert"),
    "⟨": (r"\langle", r"\rangle"),
}
_TALL = re.compile(r"\\frac|\\begin|\\sum")
_SPECIAL = re.compile(r"[\\{}$&#^_%~]")
_ESCAPED = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}


class LaTeX(Printed):
    """What stands between dollar signs."""

    def row(self, *texts: str) -> str:
        return " ".join(filter(None, texts))

    def name(self, text: str) -> str:
        base, *marks = list(unicodedata.normalize("NFD", text))
        written = _GREEK.get(base, base)
        if written.removeprefix("\\").isascii() and base.isalnum() and all(mark in _ACCENTS for mark in marks):
            for mark in marks:
                written = f"\\{_ACCENTS[mark]}{{{written}}}"
            return written
        return f"\\mathit{{{text}}}" if text.isascii() and text.isalnum() else self.plain(text)

    def digits(self, text: str) -> str:
        return text

    def plain(self, text: str) -> str:
        if text == "…":
            return r"\dots"
        escaped = _SPECIAL.sub(lambda m: _ESCAPED.get(m[0], "\\" + m[0]), text)
        return f"\\text{{{escaped}}}"

    def function(self, text: str) -> str:
        escaped = text.replace("_", r"\_")
        return _FUNCTIONS.get(text) or f"\\operatorname{{{escaped}}}"

    def sign(self, text: str) -> str:
        return _SIGNS.get(text, text)

    def negative(self, text: str) -> str:
        return f"-{text}"

    def applied(self, function: str, arguments: str) -> str:
        return function + (r"\!" if arguments.startswith(r"\left") else "") + arguments

    def between(self, sign: str, *texts: str) -> str:
        return (sign + " " * (sign in ",;")).join(texts)

    def raise_(self, base: str, exponent: str) -> str:
        return f"{base}^{{{exponent}}}"

    def lower(self, base: str, index: str) -> str:
        return f"{base}_{{{index}}}"

    def stacked(self, above: str, below: str) -> str:
        return f"\\frac{{{above}}}{{{below}}}"

    def small(self, above: str, below: str) -> str:
        return f"\\tfrac{{{above}}}{{{below}}}"

    def radical(self, inside: str) -> str:
        return f"\\sqrt{{{inside}}}"

    def choices(self, *rows: tuple[str, str]) -> str:
        return r"\begin{cases} " + r" \\ ".join(f"{a} & {b}" for a, b in rows) + r" \end{cases}"

    def gap(self, after_call: bool, before_call: bool) -> str:
        return r"\," if after_call else ""

    def composed(self, *functions: str) -> str:
        return self.row(*functions)

    def enclosed(self, left: str, inside: str, right: str) -> str:
        if left in _FENCES:
            left, right = _FENCES[left]
            inside = f" {inside} "
        return f"\\left{left}{inside}\\right{right}" if _TALL.search(inside) else f"{left}{inside}{right}"
