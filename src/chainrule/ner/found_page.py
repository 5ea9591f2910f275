"""Names that were found, as one HTML file that is written as it comes: a head, texts one by one, and a foot.

Nothing that was written is looked at again, so that texts of any size take no memory, and what is there is a whole
page wherever the writing ends. How many names of each label there are is known at the end, and shown above.
"""

from collections.abc import Mapping, Sequence
from html import escape

from chainrule.display.document import card, document, switches
from chainrule.display.language import LANGUAGES, Language, Words, in_html, plain
from chainrule.ner.entity import Entity
from chainrule.ner.tags import OUTSIDE

TITLE = Words("Names found", "찾은 개체명")
COUNTS = Words("{names} names in {texts} texts", "글 {texts}개에서 개체명 {names}개")
HINT = Words(
    "Beside each name stand its label and its probability; what is less probable than one half is dashed.",
    "개체명 옆에 이름표와 확률이 있습니다. 확률이 절반보다 낮으면 점선입니다.",
)
INSTEAD = Words("could be instead", "다른 가능성")
NO_NAME = Words("no name", "개체명 아님")

HUES = ("val", "loc", "neg", "pos", "grad", "hotline")
DOUBT = 0.5
_HERE = "<!--texts-->"

STYLE = """
body{display:flex;flex-direction:column;gap:10px;padding:14px 18px;max-width:76em;margin:0 auto}
header{display:flex;flex-wrap:wrap;align-items:center;gap:6px 14px}
header .spacer{flex:1}
.legend{order:-1}
header{order:-2}
.legend ul{list-style:none;display:flex;flex-wrap:wrap;gap:6px 16px;margin:0;padding:0}
.legend p{margin:8px 0 0;font-size:13px}
.found{margin:0;display:flex;gap:12px;line-height:2}
.found .line{flex:none;min-width:3em;text-align:right;color:var(--mute);font-size:12px;line-height:2.5;
font-variant-numeric:tabular-nums}
.found .text{white-space:pre-wrap;overflow-wrap:anywhere;min-width:0;unicode-bidi:plaintext}
mark{color:inherit;border:1.3px solid;border-radius:6px;padding:1px 4px;box-decoration-break:clone;
-webkit-box-decoration-break:clone}
mark.doubt{border-style:dashed}
mark small{font-size:11px;font-weight:700;margin-left:3px;white-space:nowrap;font-variant-numeric:tabular-nums}
mark small+small{font-weight:400}
@media(max-width:560px){body{padding:10px}.found{gap:7px}.found .line{min-width:2em}}
""" + "".join(
    f".l{k}{{background:color-mix(in srgb,var(--{hue}) 15%,var(--card));border-color:var(--{hue})}}\n"
    for k, hue in enumerate(HUES)
)


def before(name: str, language: Language = "en") -> str:
    """The page of a model of this name up to its first text."""
    return _page(name, language)[0]


def record(line: int, text: str, entities: Sequence[Entity], labels: Sequence[str]) -> str:
    """A text that begins in this line, its names marked; `labels` are those of the model."""
    pieces, at = [], 0
    for e in entities:
        pieces += [escape(text[at : e.start]), _marked(e, labels)]
        at = e.end
    pieces.append(escape(text[at:]))
    return f'<p class="found"><span class="line">{line}</span><span class="text">{"".join(pieces)}</span>'


def after(
    name: str, texts: int, counts: Mapping[str, int], labels: Sequence[str], language: Language = "en"
) -> str:
    """What the page ends with: how many names there were in so many texts, by label."""
    said = COUNTS.filled(names=f"{sum(counts.values()):,}", texts=f"{texts:,}")
    listed = "".join(
        f'<li><mark class="{_hue(label, labels)}">{escape(label)}</mark> {counts[label]:,}</li>'
        for label in labels
        if counts.get(label)
    )
    body = f'{f"<ul>{listed}</ul>" if listed else ""}<p class="mute">{in_html(HINT)}</p>'
    return f"{card(said, body, 'legend')}{_page(name, language)[1]}"


def _page(name: str, language: Language) -> tuple[str, str]:
    header = (
        f'<header><h1>{in_html(TITLE)}</h1><span class="mute">{escape(name)}</span>'
        f'<span class="spacer"></span>{switches(language)}</header>'
    )
    title = f"{TITLE[LANGUAGES.index(language)]} – {name}"
    head, _, foot = document(title, f"{header}{_HERE}", [STYLE], language=language).rpartition(_HERE)
    return head, foot.strip()


def _marked(e: Entity, labels: Sequence[str]) -> str:
    doubt = " doubt" * (e.score < DOUBT)
    others = "".join(
        f"<small>{in_html(NO_NAME) if a.label == OUTSIDE else escape(a.label)} {a.score:.2f}</small>"
        for a in e.alternatives
    )
    told = f' title="{plain(INSTEAD)}"' * bool(others)
    return (
        f'<mark class="{_hue(e.label, labels)}{doubt}"{told}>{escape(e.text)}'
        f"<small>{escape(e.label)} {e.score:.2f}</small>{others}</mark>"
    )


def _hue(label: str, labels: Sequence[str]) -> str:
    return f"l{labels.index(label) % len(HUES)}"
