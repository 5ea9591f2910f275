"""The hand that writes MathML, for pages: the inside of `<math>`, in the core that browsers draw."""

import re
from collections.abc import Mapping
from html import escape

from chainrule.algebra.printed import Printed

_SIGNS: Mapping[str, str] = {"-": "−", "==": "=", "": "\u2062", "Σ": "∑"}
_TALL = re.compile("<mfrac|<mtable")


class MathML(Printed):
    """Presentation MathML."""

    def row(self, *texts: str) -> str:
        return texts[0] if len(texts) == 1 else f"<mrow>{''.join(texts)}</mrow>"

    def name(self, text: str) -> str:
        return f"<mi>{escape(text)}</mi>"

    def digits(self, text: str) -> str:
        return f"<mn>{escape(text)}</mn>"

    def plain(self, text: str) -> str:
        return "<mi>…</mi>" if text == "…" else f"<mtext>{escape(text)}</mtext>"

    def function(self, text: str) -> str:
        upright = ' mathvariant="normal"' if len(text) == 1 else ""
        return f"<mi{upright}>{escape(text)}</mi>"

    def sign(self, text: str) -> str:
        if text == "⊤":
            return self.name(text)  # an operator would have space around it
        tight = ' lspace="0" rspace="0"' if text in ("/", ":") else ""
        return f"<mo{tight}>{escape(_SIGNS.get(text, text))}</mo>"

    def negative(self, text: str) -> str:
        return f'<mrow><mo form="prefix">−</mo>{text}</mrow>'

    def applied(self, function: str, arguments: str) -> str:
        return f"<mrow>{function}<mo>\u2061</mo>{arguments}</mrow>"

    def raise_(self, base: str, exponent: str) -> str:
        if base.startswith("<msub>"):
            return f"<msubsup>{base.removeprefix('<msub>').removesuffix('</msub>')}{exponent}</msubsup>"
        return f"<msup>{base}{exponent}</msup>"

    def lower(self, base: str, index: str) -> str:
        return f"<msub>{base}{index}</msub>"

    def stacked(self, above: str, below: str) -> str:
        return f"<mfrac>{above}{below}</mfrac>"

    def small(self, above: str, below: str) -> str:
        return f'<mstyle displaystyle="false">{self.stacked(self.digits(above), self.digits(below))}</mstyle>'

    def radical(self, inside: str) -> str:
        return f"<msqrt>{inside}</msqrt>"

    def choices(self, *rows: tuple[str, str]) -> str:
        lines = "".join(f"<mtr><mtd>{a}</mtd><mtd>{b}</mtd></mtr>" for a, b in rows)
        return f"<mrow><mo>{{</mo><mtable>{lines}</mtable></mrow>"

    def gap(self, after_call: bool, before_call: bool) -> str:
        return '<mspace width="0.17em"/>' if after_call or before_call else self.sign("")

    def composed(self, *functions: str) -> str:
        return self.row(*[text for f in functions for text in (self.gap(True, True), f)][1:])

    def enclosed(self, left: str, inside: str, right: str) -> str:
        size = "" if _TALL.search(inside) else ' stretchy="false"'
        first, last = (f'<mo form="{form}"{size}>{s}</mo>' for form, s in (("prefix", left), ("postfix", right)))
        return f"<mrow>{first}{inside}{last}</mrow>"
