"""The small drawings of the page of an explanation: bars from the middle, shades, numbers, strips of δ."""

import math
from base64 import b64encode
from collections.abc import Sequence

import numpy as np

from chainrule.display.heat import png
from chainrule.ner.explain_scores import Doubles

LEVELS = 5  # of a shade
BAR, HIGH = 180, 12  # pixels of the longest bars on both sides, and their height
STRIP = 132  # the width of a strip of δ

STYLE = (
    """
.whole{font-size:17px;line-height:2;margin:2px 0;overflow-wrap:anywhere;white-space:pre-wrap}
.name{border-bottom:2px solid var(--val);background:var(--valbg);border-radius:5px 5px 0 0;padding:1px 4px;
color:var(--ink);text-decoration:none;display:inline-block;line-height:1.5;max-width:100%}
.name small{color:var(--val);font-weight:700;font-size:11px}
span.name{border-bottom-style:dashed;background:none}
.methods{margin-top:10px}
.methods .switch{flex-wrap:wrap}
.reason:target{border-color:var(--hotline)}
.why{font-size:17px;color:var(--ink);font-weight:400}
.why .tag{color:var(--val)}
.why span{color:var(--mute)}
.facts{display:flex;flex-wrap:wrap;gap:6px 28px;margin:0 0 10px}
.facts dt{color:var(--mute);font-size:12.5px}
.facts dd{margin:0;font-variant-numeric:tabular-nums;font-weight:600}
.facts small{font-weight:400;color:var(--mute)}
.shaded{font-size:18px;line-height:2.1;margin:20px 0 12px;white-space:pre-wrap;overflow-wrap:anywhere}
.w{border-radius:5px;padding:2px 4px;position:relative}
.w.here{outline:1.6px solid var(--ink);outline-offset:-1px;font-weight:700}
.shaded .w:hover::after,.shaded .w:focus::after{content:attr(data-n);position:absolute;left:50%;bottom:100%;
transform:translateX(-50%);background:var(--ink);color:var(--card);border-radius:6px;padding:1px 7px;
font-size:13px;font-weight:600;line-height:1.5;white-space:nowrap;z-index:2}
.adds td,.features td,.tags td,.nearest td{white-space:nowrap}
table.adds,table.features,table.tags,table.nearest{width:auto}
.adds th,.adds td,.features th,.features td{padding-left:14px}
.adds td:first-child,.adds th:first-child,.features td:first-child,.features th:first-child{padding-left:6px}
.adds :is(td,th):nth-child(2),.adds :is(td,th):nth-last-child(2),.tags :is(td,th):nth-child(2),
.nearest :is(td,th):nth-child(2),.nearest :is(td,th):last-child{text-align:left}
.tags :is(td,th),.nearest :is(td,th){padding-right:18px}
.adds svg,.adds img{display:block}
.adds img{image-rendering:pixelated;border:1px solid var(--line);border-radius:3px;background:var(--card)}
.adds .rise{fill:var(--val)}
.adds .fall{fill:var(--grad)}
.adds .zero{stroke:var(--wire)}
.features td{vertical-align:top}
mark{background:var(--hot);color:var(--ink);border-radius:4px;padding:0 3px}
.scroll{overflow-x:auto}
details{margin-top:10px}
summary{cursor:pointer;color:var(--mute);font-weight:600;font-size:13px}
"""
    + "\n".join(
        f".{kind}{level}{{background:color-mix(in srgb,var(--{ink}) {9 * level}%,transparent)}}"
        for kind, ink in (("rise", "val"), ("fall", "grad"))
        for level in range(1, LEVELS + 1)
    )
    + "\n"
)


def places(most: float) -> int:
    """Decimals for numbers up to this one: 2, or more where all are small."""
    return 2 if abs(most) >= 1 or not most else min(8, 2 - math.floor(math.log10(abs(most))))


def number(value: float, decimals: int, sign: str = "+") -> str:
    """A number: `+4.70`, `−0.31`."""
    return f"{value:{sign}.{decimals}f}".replace("-", "−")


def shade(share: float) -> str:
    """The class of a colour for a share from −1 to 1."""
    level = min(LEVELS, round(abs(share) * LEVELS))
    return f"{'rise' if share > 0 else 'fall'}{level}" if level else ""


class Bars:
    """Bars of these numbers from one line, to the right what adds, to the left what takes away."""

    def __init__(self, numbers: Sequence[float]) -> None:
        least, most = min(0.0, *numbers), max(0.0, *numbers)
        self._scale = BAR / ((most - least) or 1.0)
        self._zero = -least * self._scale + 1

    def of(self, value: float) -> str:
        """The bar of one of them."""
        width, kind = abs(value) * self._scale, "rise" if value > 0 else "fall"
        x = self._zero if value > 0 else self._zero - width
        return (
            f'<svg width="{BAR + 2}" height="{HIGH}" aria-hidden="true">'
            f'<rect class="{kind}" x="{x:.1f}" width="{width:.1f}" height="{HIGH}" rx="2"/>'
            f'<path class="zero" d="M{self._zero:.1f} 0v{HIGH}"/></svg>'
        )


def strip(strengths: Doubles) -> str:
    """A gradient as a row of colours, blue below 0 and orange above, for entries from −1 to 1."""
    data = b64encode(png(np.asarray(strengths)[None, :])).decode()
    return f'<img alt="" width="{STRIP}" height="{HIGH}" src="data:image/png;base64,{data}">'
