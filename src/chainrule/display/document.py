"""One HTML file that needs nothing else: its style and its script within, and a policy that admits only these.

The policy names both by their SHA-256, so that no other script runs, whatever a text in the page may hold, and
no request can leave the page. Every page has the same switches, which `static/appearance.js` serves and remembers;
that of languages works without a script.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files

from chainrule.display.language import LANGUAGES, Language, Text, Words, in_html
from chainrule.display.theme import style

SWITCH = """
:root:has(#in-ko:checked) [lang=en]:not(html),:root:has(#in-en:checked) [lang=ko]:not(html){display:none!important}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap;margin:0}
.switch{display:inline-flex;border:1px solid var(--line);border-radius:8px;overflow:hidden}
.switch label{padding:5px 11px;cursor:pointer}
.switch input{position:absolute;opacity:0;pointer-events:none}
.switch label:has(:checked){background:var(--ink);color:var(--card)}
.switch label:has(:focus-visible){outline:3px solid var(--focus);outline-offset:-3px}
:root:not(.script) .scripted{display:none}
@media print{.switch,.scripted{display:none!important}}
"""
NAMES: dict[Language, str] = {"en": "English", "ko": "한국어"}
BUTTONS = {"palette": Words("Colour-blind palette", "색각 보정 색상"), "dark": Words("Dark", "어두운 화면")}


def static(file: str) -> str:
    """A style or a script of the pages."""
    return (files("chainrule.display") / "static" / file).read_text("utf-8")


def document(
    title: str,
    body: str,
    styles: Sequence[str] = (),
    script: str = "",
    language: Language = "en",
) -> str:
    """A whole page; `title` is text, `body` HTML, with the `switches` if there is a script."""
    script = _without_indent(f"{static('appearance.js')}{script}") if script else ""
    css = "\n".join((style(), SWITCH.strip(), *(s.strip() for s in styles)))
    allowed = {"style-src": css, "script-src": script}
    policy = "; ".join(
        (
            "default-src 'none'",
            *(f"{kind} '{_digest(text)}'" for kind, text in allowed.items() if text),
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{css}</style>\n</head>\n<body>\n{body}\n"
        + (f"<script>{script}</script>\n" if script else "")
        + "</body>\n</html>\n"
    )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _without_indent(script: str) -> str:
    return "\n".join(line.strip() for line in script.splitlines())


def switches(chosen: Language) -> str:
    """The switches of language, palette and darkness."""
    return _languages(chosen) + "".join(
        f'<button id="{key}" class="scripted" aria-pressed="false">{in_html(text)}</button>'
        for key, text in BUTTONS.items()
    )


def _languages(chosen: Language) -> str:
    return (
        '<span class="switch" role="radiogroup" aria-label="Language · 언어">'
        + "".join(
            f'<label><input type="radio" name="language" id="in-{k}" value="{k}"'
            f"{' checked' if k == chosen else ''}><bdi>{NAMES[k]}</bdi></label>"
            for k in LANGUAGES
        )
        + "</span>"
    )


def card(title: Text, body: str, kind: str = "", anchor: str = "") -> str:
    """A section with its title; `kind` are further classes."""
    mark = f' id="{anchor}"' if anchor else ""
    return f'<section class="card {kind}"{mark}><h2>{in_html(title)}</h2>{body}</section>'


def table(head: Sequence[Text], rows: Sequence[Sequence[str]], kind: str = "", marks: Sequence[str] = ()) -> str:
    """A table of cells in HTML below a head of texts; `marks` are the attributes of the rows."""
    top = "".join(f'<th scope="col">{in_html(text)}</th>' for text in head)
    body = "".join(
        f"<tr{' ' + mark if mark else ''}>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
        for row, mark in zip(rows, marks or [""] * len(rows), strict=True)
    )
    inside = f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table class="{kind}">{inside}</table></div>'
