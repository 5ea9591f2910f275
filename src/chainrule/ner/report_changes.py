"""The parts of a report on what a model forgot and gained, and on sentences in other letters."""

from collections.abc import Mapping, Sequence
from html import escape

from chainrule.display.axes import percent
from chainrule.display.document import card, table
from chainrule.display.language import Text, Words, in_html
from chainrule.ner import report_words as w
from chainrule.ner.cases import AS_IT_IS
from chainrule.ner.changes import ALL, UNTAGGED, Change, Changes, Place
from chainrule.ner.metrics import Score
from chainrule.ner.report_spans import sentence

MOST = 30  # names of a kind that are shown


def changes_cards(changes: Mapping[str, Changes]) -> str:
    """A card for each corpus: figures by label, then the names that came and went."""
    return "".join(card(_titled(part), _body(each), "", f"changes-{part}") for part, each in changes.items())


def _titled(part: str) -> Words:
    return Words(*(f"{a} – {b}" for a, b in zip(w.CHANGES, w.PARTS[part], strict=True)))


def _body(changes: Changes) -> str:
    rows = [_row(change) for change in (*changes.rows, changes.whole)]
    marks = [""] * len(changes.rows) + ['class="total"']
    figures = table(("", *w.CHANGE_COLUMNS), rows, "types", marks)
    told = all(row.tagged for row in changes.rows)
    remark = "" if told else f'<p class="remark">{in_html(w.UNTAGGED_REMARK)}</p>'
    tagged, others = ([row for row in changes.rows if row.tagged is told] for told in (True, False))
    lists = _names(changes, w.FORGOTTEN, [p for row in tagged for p in row.forgotten], stands=True)
    lists += _names(changes, w.GAINED, [p for row in tagged for p in row.gained])
    lists += _names(changes, w.OTHERWISE, [p for row in others for p in row.forgotten])
    return f'{figures}{remark}<div class="groups">{lists}</div>'


def _row(change: Change) -> list[str]:
    name = (
        in_html(w.ALL) if change.label == ALL else escape(change.label[:40]) + f" {UNTAGGED}" * (not change.tagged)
    )
    counts = (f"{len(change.gained):,}", f"{len(change.forgotten):,}")
    shares = (percent(change.before.f1), percent(change.after.f1), signed(change.f1))
    return [name, f"{change.after.gold:,}", *shares, *counts]


def signed(share: float) -> str:
    """A difference of shares in percent, with its sign."""
    return f"{100 * share:+.1f}".replace("-", "−")


def _names(changes: Changes, title: Text, places: Sequence[Place], *, stands: bool = False) -> str:
    """The sentences of names, what they are above and what is found now below."""
    if not places:
        return ""
    count = w.NAMES_OF.filled(count=f"{len(places):,}")
    rest = len(places) - MOST
    more = f'<p class="remark">{in_html(w.MORE.filled(count=f"{rest:,}"))}</p>' if rest > 0 else ""
    shown = "".join(_sentence(changes, place) for place in sorted(places)[:MOST])
    return (
        f'<details class="group"{" open" if stands else ""}><summary><b>{in_html(title)}</b> '
        f'<span class="mute">{in_html(count)}</span></summary>{shown}{more}</details>'
    )


def _sentence(changes: Changes, place: Place) -> str:
    judged, k = changes.after, place.sentence
    gold = sorted({*judged.gold(k), place.name})
    here = range(place.name.start, place.name.end)
    s, apart = judged.sentence(k), not judged.corpus.characters
    return sentence(s.tokens, gold, judged.found(k), here, apart=apart, line=s.line + place.name.start)


def cases_card(scores: Mapping[str, Score]) -> str:
    """Figures of the sentences as they are and in other letters; nothing where these are the same."""
    if len(scores) < 2:
        return ""
    plain = scores[AS_IT_IS]
    rows = [
        [
            in_html(w.CASE_NAMES[name]),
            *(percent(share) for share in (s.precision, s.recall, s.f1)),
            "" if s is plain else signed(s.f1 - plain.f1),
        ]
        for name, s in scores.items()
    ]
    remark = f'<p class="remark">{in_html(w.CASES_REMARK)}</p>'
    return card(w.CASES, table(("", *w.CASE_COLUMNS), rows, "types") + remark, "half")
