"""An explanation in lines for a terminal: the sentence, and below each name a bar for every word around it."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from chainrule.display.axes import figure
from chainrule.ner.entity import Entity
from chainrule.ner.explain_methods import GRADIENT, INTEGRATED, OCCLUSION
from chainrule.ner.explain_nearest import Near
from chainrule.ner.explain_page_parts import number, places
from chainrule.ner.explain_records import Explanation, Proof, Reason, Sentence, Window, Word
from chainrule.ner.explain_unknown import BEFORE
from chainrule.shell.tag_forms import UNSEEN, underlined

Paint = Callable[[str, str], str]
"""Paints a text: "more", "less" or "mute"."""

BAR = 30  # cells of the bars of a name, both sides together
WIDEST = 24  # cells of a word
ROUNDED = 1e-12  # below it an error is rounding
LONGEST = 600  # characters of a sentence that is shown whole
EIGHTHS = " ▏▎▍▌▋▊▉█"
SIDES = {True: "‹start›", False: "‹end›"}
FEATURES = 3  # that are named beside a word
BLANK = "where no word is known"
OF = {"score": "its score", "margin": "its scores above the runner-up's"}
SAID = {
    GRADIENT: "gradient × input, and ∇, the length of the gradient",
    OCCLUSION: "what the score loses where the word is unknown",
    INTEGRATED: "integrated gradients",
}


class Row(NamedTuple):
    """A word: its name, what it adds, and a remark."""

    name: str
    adds: float
    rest: str


class Columns(NamedTuple):
    """How wide the columns of all names are: words, bars to the left and to the right, numbers.

    most   what a bar of full length stands for
    """

    name: int
    left: int
    right: int
    digits: int
    decimals: int
    most: float


def told(found: Explanation, method: str, paint: Paint) -> Iterator[str]:
    """The lines, without line breaks."""
    if not found.reasons:
        shown = found.text.translate(UNSEEN)
        yield from ("", f"  {_cut(shown, 100)}", "", "  no names found", "") if shown.strip() else ()
        return
    columns = _columns(found, method)
    yield ""
    for sentence in found.sentences:
        yield from (*_marked(found, sentence), "")
        for reason in sentence.reasons:
            yield from (*_reason(found, reason, method, columns, paint), "")
    if found.left:
        yield f"  … {found.left:,} more of {len(found.entities):,} names (--most)"
        yield ""


def _columns(found: Explanation, method: str) -> Columns:
    adds = [word.adds[method] for reason in found.reasons for word in reason.words]
    numbers = [*adds, *(x for reason in found.reasons for x in (reason.value, reason.blank))]
    decimals = places(max(map(abs, numbers)))
    names = [_name(word) for reason in found.reasons for word in reason.words]
    less, more = -min(0.0, *adds), max(0.0, *adds)
    left = math.ceil(BAR * less / (less + more)) if less else 0
    most = max(less / left if left else 0.0, more / (BAR - left) if left < BAR else 0.0) or 1.0
    digits = max(len(number(x, decimals)) for x in numbers)
    return Columns(max(map(cell_len, names)), left, BAR - left, digits, decimals, most)


def _marked(found: Explanation, sentence: Sentence) -> Iterator[str]:
    """The sentence with its names underlined; around the names that are explained, if it is long."""
    start, end = sentence.tokens[0].start, sentence.tokens[-1].end
    if end - start > LONGEST:
        start = max(start, sentence.reasons[0].start - LONGEST // 4)
        end = min(end, max(sentence.reasons[-1].end, start) + LONGEST // 4, start + LONGEST)
    names = [
        Entity(e.start - start, e.end - start, e.label, e.score, e.text)
        for e in found.entities
        if start <= e.start and e.end <= end
    ]
    yield from underlined(found.text[start:end].translate(UNSEEN), names)


def _reason(found: Explanation, reason: Reason, method: str, columns: Columns, paint: Paint) -> Iterator[str]:
    label = reason.label if found.token is None else reason.windows[0].chosen.tag
    text = _cut(reason.text.translate(UNSEEN).strip() or "␣", 48)
    yield f"  {text}  {label} {reason.probability:.3f}   {_ahead(found, reason)}"
    yield from (f"  {paint(SAID[method], 'mute')}", "") if method != INTEGRATED else ("",)
    for word in reason.words:
        adds, name = word.adds[method], _name(word)
        kind = "more" if adds > 0 else "less"
        gap = " " * (columns.name - cell_len(name))
        shown = number(adds, columns.decimals).rjust(columns.digits)
        rest = paint(_features(word, method, columns.decimals), "mute")
        yield f"    {name}{gap}  {paint(_bar(adds, columns), kind)}  {paint(shown, kind)}   {rest}".rstrip()
    if reason.proof is not None:
        said = _proved(reason.proof)
        yield _total("", reason.blank, BLANK, columns, paint)
        yield _total("=", reason.value, f"{OF[found.of]}; {said}", columns, paint)
    else:
        yield _total("", reason.value, OF[found.of], columns, paint)
    for window in reason.windows:
        yield from _nearest(window, paint)


def _proved(proof: Proof) -> str:
    """How near the sum is to the difference: a power of ten above the error, and not below rounding."""
    bound = figure(10.0 ** math.ceil(math.log10(max(proof.error, ROUNDED))), 1)
    return f"the sum is exact to {bound}" if proof.holds else f"the sum is off by {figure(proof.error, 2)} of it"


def _total(sign: str, value: float, said: str, columns: Columns, paint: Paint) -> str:
    empty = " " * (columns.name + columns.left + columns.right + 4)
    shown = number(value, columns.decimals, "+" if said == BLANK else "").rjust(columns.digits)
    return f"    {empty[:-2]}{sign or ' '}{empty[-2:]}{shown}   {paint(said, 'mute')}"


def _ahead(found: Explanation, reason: Reason) -> str:
    """What else it could be, and how far that is behind."""
    if reason.runner_up is None:
        return "there is no other tag"
    names = [f"{label} “{_cut(found.text[a:b].translate(UNSEEN), 40)}”" for a, b, label in reason.runner_up.names]
    return f"{figure(reason.runner_up.margin, 3)} ahead of {', '.join(names) or 'no name'}"


def _name(word: Word) -> str:
    name = SIDES[word.side == BEFORE] if word.token is None else word.text.translate(UNSEEN).strip() or "␣"
    return _cut(name, WIDEST)


def _features(word: Word, method: str, decimals: int) -> str:
    """What of that comes from the features of a word, the largest first."""
    pieces = sorted(word.pieces, key=lambda piece: -abs(piece.adds[method]))
    least = 0.5 / 10**decimals
    shown = [p for p in pieces if abs(p.adds[method]) >= least][:FEATURES] if len(pieces) > 1 else []
    parts = [f"{p.feature}{' →' * p.direct} {number(p.adds[method], decimals)}" for p in shown]
    unknown = any(piece.feature == "word" and not piece.known for piece in word.pieces)
    slope = [f"∇ {figure(word.length, 3)}"] * (method == GRADIENT)
    return "  ".join([*slope, *parts, *(["(an unknown word)"] * unknown)])


def _nearest(window: Window, paint: Paint) -> Iterator[str]:
    """The windows of training most like that of a token."""
    if not window.nearest:
        return
    yield ""
    yield f"    most like “{window.text.translate(UNSEEN)}” in training"
    sides = [_context(near) for near in window.nearest]
    before = max(cell_len(left) for left, _ in sides)
    texts = [" " * (before - cell_len(left)) + left + right for left, right in sides]
    wide, tags = max(map(cell_len, texts)), max(len(near.tag) for near in window.nearest)
    for text, near in zip(texts, window.nearest, strict=True):
        gap = " " * (wide - cell_len(text))
        place = paint(f"{near.file}:{near.line}", "mute")
        yield f"      {near.cosine:.2f}  {text}{gap}  {near.tag:<{tags}}  {place}"


def _context(near: Near) -> tuple[str, str]:
    """A window of training, in front of its centre and from there on."""
    middle = len(near.words) // 2
    apart = "" if all(len(word) < 2 for word in near.words) else " "
    words = [_cut(word.translate(UNSEEN), WIDEST) for word in near.words]
    left, right = (apart.join(filter(None, side)) for side in (words[:middle], words[middle + 1 :]))
    return f"{left}{apart * bool(left)}", f"[{words[middle]}]{apart}{right}".rstrip()


def _bar(adds: float, columns: Columns) -> str:
    """A bar from the line: to the right what adds, to the left what takes away."""
    whole, part = divmod(round(abs(adds) / columns.most * 8), 8)
    if adds < 0:
        return f"{'▐' * (part >= 4)}{'█' * whole}".rjust(columns.left) + "│" + " " * columns.right
    return " " * columns.left + "│" + f"{'█' * whole}{EIGHTHS[part].strip()}".ljust(columns.right)


def _cut(text: str, cells: int) -> str:
    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1).rstrip() + "…"
