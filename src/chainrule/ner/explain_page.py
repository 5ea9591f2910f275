"""An explanation as one HTML file: the text, and for each name the words around it, shaded, with their numbers."""

from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from chainrule.display.axes import figure
from chainrule.display.document import card, document, switches, table
from chainrule.display.language import LANGUAGES, Language, Text, Words, in_html, plain
from chainrule.ner import explain_page_words as w
from chainrule.ner.explain_nearest import Near
from chainrule.ner.explain_page_parts import STYLE, Bars, number, places, shade, strip
from chainrule.ner.explain_unknown import BEFORE

if TYPE_CHECKING:
    from chainrule.ner.explain_records import Choice, Explanation, Piece, Reason, Window, Word

LONGEST = 4000  # characters of the text that are shown
REACH = 60  # characters on both sides of what lies beyond it
SCRIPT = '"use strict";'


def page(found: "Explanation", name: str, language: Language = "en") -> str:
    """The explanation as HTML, in both languages; `language` is the one that is shown first."""
    title = f"{w.TITLE[LANGUAGES.index(language)]} – {name}"
    header = (
        f'<header><h1>{in_html(w.TITLE)}</h1><span class="mute">{escape(name)}</span>'
        f'<span class="spacer"></span>{switches(language)}</header>'
    )
    reasons = "".join(_reason(found, k, reason) for k, reason in enumerate(found.reasons))
    styles = (resources.files(__package__).joinpath("report.css").read_text("utf-8"), STYLE, _shown(found))
    return document(title, f"{header}<main>{_text(found)}{reasons}</main>", styles, SCRIPT, language)


# ── the text, and how to see it ───────────────────────────────────────────────────────────────────────


def _shown(found: "Explanation") -> str:
    """Only what belongs to the method that is chosen."""
    return "".join(f":root:has(#by-{m}:checked) .by:not(.{m}){{display:none}}" for m in found.methods)


def _text(found: "Explanation") -> str:
    """The text with its names, those that are explained as links; and the switch of methods."""
    numbers = {reason.start: k for k, reason in enumerate(found.reasons)}
    pieces, at = [], 0
    for e in found.entities:
        if e.end > LONGEST:
            break
        inside = f"{escape(found.text[e.start : e.end])} <small>{escape(e.label)} {e.score:.2f}</small>"
        link = f'<a class="name" href="#name-{numbers[e.start]}">{inside}</a>' if e.start in numbers else ""
        pieces += [escape(found.text[at : e.start]), link or f'<span class="name">{inside}</span>']
        at = e.end
    pieces.append(escape(found.text[at:LONGEST]))
    said = [
        (w.NO_TEXT, not found.tokens),
        (w.NO_NAMES, bool(found.tokens) and not found.entities),
        (w.HINT, bool(found.reasons) and bool(found.entities)),
        (w.CUT, len(found.text) > LONGEST),
        (w.LEFT.filled(left=f"{found.left:,}", names=f"{len(found.entities):,}"), bool(found.left)),
    ]
    notes = "".join(f'<p class="remark">{in_html(text)}</p>' for text, holds in said if holds)
    return card(w.TEXT, f'<p class="whole">{"".join(pieces)}</p>{notes}{_methods(found) if found.reasons else ""}')


def _methods(found: "Explanation") -> str:
    """The switch of methods, which works without a script, and what each of them says."""
    order = [m for m in w.METHODS if m in found.methods]
    choices = "".join(
        f'<label><input type="radio" name="method" id="by-{m}" value="{m}"{" checked" * (m == order[0])}>'
        f"<span>{in_html(w.METHODS[m])}</span></label>"
        for m in order
    )
    meanings = "".join(f'<span class="by {m}">{in_html(w.MEANINGS[m])}. </span>' for m in order)
    switch = f'<span class="switch" role="radiogroup" aria-label="{plain(w.METHOD)}">{choices}</span>'
    return f'<div class="methods">{switch}<p class="remark">{meanings}{in_html(w.SHADES)}</p></div>'


# ── one name ──────────────────────────────────────────────────────────────────────────────────────────


def _reason(found: "Explanation", k: int, reason: "Reason") -> str:
    label = reason.label if found.token is None else reason.windows[0].chosen.tag
    head = (
        f'<h2 class="why"><b>{escape(reason.text.strip() or "␣")}</b> → <b class="tag">{escape(label)}</b> '
        f"<span>{reason.probability:.3f}</span></h2>"
    )
    body = (
        f"{head}{_facts(found, reason)}{''.join(_shaded(found, reason, m) for m in found.methods)}"
        f"{_words(found, reason)}{_proof(reason)}{_features(found, reason)}{_tags(reason)}{_nearest(reason)}"
    )
    return f'<section class="card reason" id="name-{k}">{body}</section>'


def _facts(found: "Explanation", reason: "Reason") -> str:
    value, blank = (number(x, places(reason.value), "") for x in (reason.value, reason.blank))
    facts: list[tuple[Text, str]] = [(w.SCORE[found.of], value), (w.BLANK, blank)]
    if reason.runner_up is None:
        facts.append((w.RUNNER_UP, in_html(w.ALONE)))
    else:
        names = [f"{escape(label)} {escape(found.text[a:b])}" for a, b, label in reason.runner_up.names]
        behind = in_html(w.BEHIND.filled(margin=figure(reason.runner_up.margin, 3)))
        facts.append((w.RUNNER_UP, f"{', '.join(names) or in_html(w.NO_NAME)} <small>{behind}</small>"))
    shown = "".join(f"<div><dt>{in_html(name)}</dt><dd>{value}</dd></div>" for name, value in facts)
    return f'<dl class="facts">{shown}</dl>'


def _shaded(found: "Explanation", reason: "Reason", method: str) -> str:
    """The words around the name as they stand in the text, each in the colour of what it adds."""
    most = _most(reason, method)
    tokens = {s.first + k: token for s in found.sentences for k, token in enumerate(s.tokens)}
    inside, at = [], -1
    for word in reason.words:
        token = None if word.token is None else tokens[word.token]
        if token is not None and at >= 0:
            inside.append(escape(found.text[at : token.start]))
        elif token is None or at < 0:
            inside.append(" " * bool(inside))
        at = token.end if token is not None else at
        value = number(word.adds[method], places(most))
        marked = " here" * (word.token is not None and word.token in reason.tokens)
        inside.append(
            f'<span tabindex="0" class="w {shade(word.adds[method] / most)}{marked}" data-n="{value}">'
            f'{_name(word)}<span class="unseen"> {value}</span></span>'
        )
    return f'<p class="shaded by {method}">{"".join(inside)}</p>'


def _most(reason: "Reason", method: str) -> float:
    """The largest that a word adds or takes."""
    return max(abs(word.adds[method]) for word in reason.words) or 1.0


def _name(word: "Word") -> str:
    if word.token is None:
        return f'<i class="mute">{in_html(w.START if word.side == BEFORE else w.END)}</i>'
    return escape(word.text) if word.text.strip() else "␣"


def _words(found: "Explanation", reason: "Reason") -> str:
    """Every word: its bar by the chosen method, its numbers by all of them, and its part of δ."""
    order = [m for m in w.METHODS if m in found.methods]
    bars = {m: Bars([word.adds[m] for word in reason.words]) for m in order}
    digits = {m: places(_most(reason, m)) for m in order}
    longest = max(float(abs(word.delta).max(initial=0.0)) for word in reason.words) or 1.0
    head: list[Text] = [w.WORD, w.ADDS, *(w.METHODS[m] for m in order), w.DELTA, w.LENGTH]
    rows = [
        [
            _name(word),
            "".join(f'<span class="by {m}">{bars[m].of(word.adds[m])}</span>' for m in order),
            *(number(word.adds[m], digits[m]) for m in order),
            strip(word.delta / longest),
            figure(word.length, 3),
        ]
        for word in reason.words
    ]
    sums = [number(sum(word.adds[m] for word in reason.words), digits[m]) for m in order]
    rows.append(["Σ", "", *sums, "", ""])
    return table(head, rows, "adds", [""] * (len(rows) - 1) + ['class="total"'])


def _proof(reason: "Reason") -> str:
    if reason.proof is None:
        return ""
    digits = places(reason.proof.difference)
    said = w.PROOF.filled(
        sum=number(reason.proof.sum, digits, ""),
        value=number(reason.value, digits, ""),
        blank=number(reason.blank, digits, ""),
        error=figure(reason.proof.error, 2),
        points=reason.proof.points,
    )
    sign = '<span class="ok">✓</span>' if reason.proof.holds else '<span class="bad">✗</span>'
    return f'<p class="remark">{sign} {in_html(said)}</p>'


def _features(found: "Explanation", reason: "Reason") -> str:
    """What each feature of each word adds, by the chosen method."""
    pieces = reason.words[0].pieces
    if len(pieces) < 2:
        return ""
    head: list[Text] = [w.WORD, *(f"{piece.feature}{' →' * piece.direct}" for piece in pieces)]
    tables = []
    for m in found.methods:
        most = max(abs(p.adds[m]) for word in reason.words for p in word.pieces) or 1.0
        rows = [[_name(word), *(_piece(piece, m, most) for piece in word.pieces)] for word in reason.words]
        tables.append(f'<div class="by {m}">{table(head, rows, "features")}</div>')
    remark = f'<p class="remark">{in_html(w.FEATURES_REMARK)}</p>'
    return _folded(w.FEATURES, f"{''.join(tables)}{remark}")


def _piece(piece: "Piece", method: str, most: float) -> str:
    value = escape(piece.value.replace("\u241f", "·")) + ("" if piece.known else "?")
    added = f'<span class="w {shade(piece.adds[method] / most)}">{number(piece.adds[method], places(most))}</span>'
    return f"{added}<br><small>{'␣' if value == ' ' else value}</small>"


def _tags(reason: "Reason") -> str:
    rows = [
        [
            escape(window.text.strip() or "␣") if k == 0 else "",
            f"<b>{escape(choice.tag)}</b>" if choice.tag == window.chosen.tag else escape(choice.tag),
            number(choice.score, places(window.chosen.score), ""),
            f"{choice.probability:.3f}",
        ]
        for window in reason.windows
        for k, choice in enumerate(_listed(window))
    ]
    return _folded(w.TAGS, table((w.WORD, w.TAG, w.ITS_SCORE, w.PROBABILITY), rows, "tags"))


def _listed(window: "Window") -> "tuple[Choice, ...]":
    """The best tags, and the chosen one, if it is none of them."""
    return window.best if window.chosen in window.best else (*window.best, window.chosen)


def _nearest(reason: "Reason") -> str:
    rows = [
        [_context(near), f"<b>{escape(near.tag)}</b>", f"{near.cosine:.2f}", escape(f"{near.file}:{near.line}")]
        for window in reason.windows
        for near in window.nearest
    ]
    if not rows:
        return ""
    head = (w.WINDOW, w.TAG, w.COSINE, w.PLACE)
    return _folded(w.NEAREST, table(head, rows, "nearest"), stands_open=True)


def _context(near: Near) -> str:
    middle = len(near.words) // 2
    apart = "" if all(len(word) < 2 for word in near.words) else " "
    left, right = (apart.join(filter(None, side)) for side in (near.words[:middle], near.words[middle + 1 :]))
    return f"{escape(left)}{apart}<mark>{escape(near.words[middle])}</mark>{apart}{escape(right)}"


def _folded(title: Words, body: str, *, stands_open: bool = False) -> str:
    return f"<details{' open' * stands_open}><summary>{in_html(title)}</summary>{body}</details>"
