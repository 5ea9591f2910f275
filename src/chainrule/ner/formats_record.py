"""What every format of annotated text is read into, and written from: a text and the names in it.

Offsets count code points and are end-exclusive.  Files count otherwise too: JavaScript in units of UTF-16, some
programs in bytes.  What a file says of the text of its names decides, or else where words begin and end.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import itemgetter
from typing import Any, NamedTuple

from chainrule.errors import counted
from chainrule.ner.tags import Span

Place = tuple[int, int]


class Name(NamedTuple):
    """Characters `start` to `end` of a text and their label; `pieces` are its parts where there are gaps."""

    start: int
    end: int
    label: str
    score: float | None = None
    pieces: tuple[Place, ...] = ()


class Claim(NamedTuple):
    """A name as a file has it; `text` is what the file takes it for."""

    start: object
    end: object
    label: object
    text: str | None = None
    score: float | None = None
    pieces: tuple[Place, ...] = ()


class Misfit(NamedTuple):
    """A name that does not fit, why, the tokens around it with `|` between them, and what was done."""

    place: str
    text: str
    label: str
    start: object
    end: object
    cause: str
    tokens: str
    done: str


@dataclass(frozen=True, slots=True)
class Record:
    """A text with its names; `tokens` are their places, if the file says so, `columns` what else stands by each.

    `lost` are the kinds of what the file has besides, and `unit` is what its offsets count.
    """

    text: str
    names: tuple[Name, ...] = ()
    tokens: tuple[Place, ...] | None = None
    place: str = ""
    document: int = 0
    key: str | int | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[tuple[str, ...], ...] = ()
    misfits: tuple[Misfit, ...] = ()
    lost: tuple[str, ...] = ()
    unit: str = "characters"

    def words(self) -> list[str]:
        """The tokens as text."""
        return [self.text[start:end] for start, end in self.tokens or ()]

    def spans(self) -> list[Span]:
        """The names as tokens from first to last; they begin and end where tokens do."""
        tokens = self.tokens or ()
        return [
            Span(
                bisect_left(tokens, name.start, key=itemgetter(0)),
                bisect_right(tokens, name.end, key=itemgetter(1)),
                name.label,
            )
            for name in self.names
        ]


KEPT = 1000  # misfits that a report remembers; it counts all


@dataclass
class Report:
    """What was read and written, and what did not fit."""

    records: int = 0
    sentences: int = 0
    tokens: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    misfits: list[Misfit] = field(default_factory=list)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)  # cause, what was done
    lost: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    watch: Callable[[Misfit], None] = lambda _: None

    @property
    def names(self) -> int:
        """How many names were written."""
        return sum(self.labels.values())

    @property
    def left_out(self) -> int:
        """How many names were not."""
        return sum(count for (_, done), count in self.kinds.items() if done in (LEFT_OUT, REFUSED))

    def add(self, misfits: Iterable[Misfit]) -> None:
        """Take note of names that do not fit."""
        for misfit in misfits:
            self.kinds[misfit.cause, misfit.done] += 1
            if len(self.misfits) < KEPT:
                self.misfits.append(misfit)
            self.watch(misfit)

    def read(self, record: Record) -> None:
        """Take note of a record that was read."""
        self.records += 1
        self.lost.update(record.lost)
        if record.unit != "characters":
            self.units[record.unit] += 1
        self.add(record.misfits)

    def written(self, record: Record) -> None:
        """Take note of a record that is written."""
        self.sentences += 1
        self.tokens += len(record.tokens or ())
        self.labels.update(name.label for name in record.names)

    def remarks(self) -> list[str]:
        """What else is to be said, in sentences."""
        said = [
            f"{counted(count, 'record')} with offsets counted in {UNITS[unit].says}, read so"
            for unit, count in self.units.items()
        ]
        lost = ", ".join(f"{what} ({count:,})" for what, count in sorted(self.lost.items()))
        return said + [f"left out: {lost}"] * bool(lost)


LEFT_OUT, REFUSED, MOVED = "left out", "refused", "moved to where its text is"


def joined(tokens: Sequence[str], separator: str) -> tuple[str, tuple[Place, ...]]:
    """Tokens as a text with a separator between them, and their places in it."""
    ends = list(accumulate((len(t) + len(separator) for t in tokens), initial=0))
    places = tuple((start, start + len(t)) for start, t in zip(ends, tokens, strict=False))
    return separator.join(tokens), places


# ── offsets ───────────────────────────────────────────────────────────────────────────────────────────


class Unit(NamedTuple):
    """What offsets count: how many go to a character, and what that is called."""

    size: Callable[[str], int]
    says: str


UNITS: Mapping[str, Unit] = {
    "characters": Unit(lambda c: 1, "characters"),
    "utf-16": Unit(lambda c: 1 + (c > "\uffff"), "UTF-16 units, as JavaScript does"),
    "utf-8": Unit(lambda c: len(c.encode("utf-8", "surrogatepass")), "bytes of UTF-8"),
}
AUTO = "auto"

_SPACES = re.compile(r"(?:\s|\\n)+")


def named(
    claims: Sequence[Claim], text: str, place: str, unit: str = AUTO
) -> tuple[tuple[Name, ...], tuple[Misfit, ...], str]:
    """The names that are claimed of a text, those that cannot be, and the unit in which offsets count."""
    unit = _unit(claims, text) if unit == AUTO else unit
    convert = converted(text, unit)
    names, misfits = [], []
    for claim in claims:
        start, end, cause = _located(claim, convert)
        done = LEFT_OUT
        if not cause and claim.text is not None and not _same(text[start:end], claim.text):
            cause = f"its text is there {_short(text[start:end])!r}"
            first = text.find(claim.text) if claim.text else -1
            if first >= 0 and text.find(claim.text, first + 1) < 0 and not claim.pieces:
                done, start, end = MOVED, first, first + len(claim.text)
        label = str(claim.label) if isinstance(claim.label, (str, int)) and claim.label != "" else ""
        cause, done = (cause, done) if label else ("has no label", LEFT_OUT)
        if cause:
            a, b = (max(0, min(_whole(k) or 0, len(text))) for k in claim[:2])
            shown = (text[start:end] if 0 <= start < end else text[a:b]) if claim.text is None else claim.text
            misfits.append(Misfit(place, _short(shown), label, claim.start, claim.end, cause, "", done))
        if not cause or done == MOVED:
            pieces = tuple((convert(a), convert(b)) for a, b in claim.pieces)
            names.append(Name(start, end, label, claim.score, pieces))
    return tuple(sorted(names, key=_order)), tuple(misfits), unit


def _order(name: Name) -> tuple[int, int, str]:
    return name.start, name.end, name.label


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _located(claim: Claim, convert: Callable[[int], int]) -> tuple[int, int, str]:
    """Start and end in characters, and what is wrong with them."""
    offsets = [_whole(claim.start), _whole(claim.end)]
    if None in offsets:
        return -1, -1, "its offsets are no whole numbers"
    first, last = (o for o in offsets if o is not None)
    start, end = convert(first), convert(last)
    if start < 0 or end < 0:
        return -1, -1, "lies outside the text"
    if first >= last:
        return start, end, "is empty" if first == last else "ends before it begins"
    if not all(0 <= convert(a) < convert(b) for a, b in claim.pieces):
        return start, end, "lies outside the text"
    return start, end, ""


def _whole(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def converted(text: str, unit: str) -> Callable[[int], int]:
    """From an offset to the number of characters before it; -1 outside the text and inside a character."""
    if unit == "characters" or text.isascii():
        return lambda offset: offset if 0 <= offset <= len(text) else -1
    ends = accumulate(map(UNITS[unit].size, text), initial=0)
    places = {offset: k for k, offset in enumerate(ends)}
    return lambda offset: places.get(offset, -1)


def _unit(claims: Sequence[Claim], text: str) -> str:
    """The first unit in which the claims that know their text find it, or else in which names begin words."""
    if text.isascii():
        return "characters"
    sure = [claim for claim in claims if claim.text]
    for unit in UNITS if sure else ():
        convert = converted(text, unit)
        if all(_is_there(claim, text, convert) for claim in sure):
            return unit
    return "utf-16" if not sure and _is_shifted(claims, text) else "characters"


def _is_there(claim: Claim, text: str, convert: Callable[[int], int]) -> bool:
    start, end, cause = _located(claim, convert)
    return not cause and _same(text[start:end], claim.text or "")


def _is_shifted(claims: Sequence[Claim], text: str) -> bool:
    """Whether behind characters that are two units of UTF-16 no name begins a word, unless offsets count these."""
    first = next((k for k, c in enumerate(text) if c > "\uffff"), len(text))
    starts = [k for claim in claims if (k := _whole(claim.start)) is not None and k > first]
    places = [_located(claim, converted(text, "utf-16")) for claim in claims]
    return (
        bool(starts)
        and not any(k < len(text) and _begins_word(text, k) for k in starts)
        and all(not cause and _begins_word(text, a) and not text[b - 1].isspace() for a, b, cause in places)
    )


def _begins_word(text: str, k: int) -> bool:
    """Whether a word may begin at a place; scripts without spaces between words have no say."""
    return not (text[k].isspace() or (k > 0 and all(c.isalnum() and _is_spaced(c) for c in text[k - 1 : k + 1])))


def _is_spaced(letter: str) -> bool:
    return letter < "\u2e80" or "가" <= letter <= "힣"


def _same(a: str, b: str) -> bool:
    return a == b or _SPACES.sub(" ", a) == _SPACES.sub(" ", b)
