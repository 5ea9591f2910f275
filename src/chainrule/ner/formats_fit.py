"""Fitting names to what a format can hold: tokens with borders where names begin and end, names apart.

The text is the truth.  A token that holds the border of a name is cut there; so no name is lost to tokens.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from chainrule.ner.formats_record import LEFT_OUT, REFUSED, Misfit, Name, Place, Record
from chainrule.ner.tokenizer import CHARACTERS, TOKENIZER, TOKENIZERS, cut_text

POLICIES: Mapping[str, str] = {
    "cut": "cut tokens where names begin and end",
    "widen": "names grow to whole tokens",
    "narrow": "names shrink to whole tokens",
    "drop": "names that do not fit are left out",
    "error": "nothing is written if a name does not fit",
}
UNITS_OF_TEXT: Mapping[str, str | None] = {"words": TOKENIZER, "characters": CHARACTERS, "spaces": None}


@dataclass(frozen=True)
class Demands:
    """What a format asks of names and tokens.

    borders    names begin and end where tokens do
    disjoint   names do not overlap
    trimmed    no space at the ends of names
    joined     names have no gaps
    sentences  a record is a sentence, and has a token
    apart      a pattern of what no token can hold
    """

    borders: bool = False
    disjoint: bool = False
    trimmed: bool = False
    joined: bool = True
    sentences: bool = False
    apart: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Fitting:
    """How names are fitted: a policy, the units that a text is cut into, and whether a text is one sentence."""

    policy: str = "cut"
    tokens: str = "words"
    whole: bool = False


class _Fit:
    """One record being fitted."""

    def __init__(self, record: Record, demands: Demands, fitting: Fitting) -> None:
        self.record, self.demands, self.policy = record, demands, fitting.policy
        self.text, self.names = record.text, list(record.names)
        self.misfits: list[Misfit] = []
        self.own = record.tokens is None  # whether the tokens are ours
        self.tokenize = _tokenizer(fitting.tokens)
        self.tokens = list(record.tokens or ())
        self.columns = list(record.columns)
        self.starts = [0]  # of sentences
        if self.own and demands.borders:
            parts = cut_to_tokens(record.text, fitting)
            self.tokens = [token for part in parts for token in part]
            self.starts = [part[0][0] for part in parts] or [0]

    def say(self, name: Name, cause: str, done: str) -> None:
        done = REFUSED if self.policy == "error" else done
        shown = self.text[name.start : name.end]
        about = self._around(name) if self.demands.borders else ""
        self.misfits.append(
            Misfit(self.record.place, shown[:60], name.label, name.start, name.end, cause, about, done)
        )

    def _around(self, name: Name) -> str:
        touched = [self.text[a:b] for a, b in self.tokens if a < name.end and name.start < b]
        return "|".join(touched if len(touched) <= 8 else [*touched[:4], "…", *touched[-3:]])

    def keep(self, change: Callable[[Name], Name | None]) -> None:
        self.names = [kept for name in self.names if (kept := change(name)) is not None]

    def is_aligned(self, name: Name) -> bool:
        """Whether a token begins where a name does, and one ends where it ends."""
        first = bisect_left(self.tokens, name.start, key=_start)
        last = bisect_right(self.tokens, name.end, key=_end) - 1
        return first <= last and self.tokens[first][0] == name.start and self.tokens[last][1] == name.end

    # ── one name ──────────────────────────────────────────────────────────────────────────────────────

    def join(self, name: Name) -> Name | None:
        """A name without gaps."""
        if not name.pieces:
            return name
        longest = max(name.pieces, key=lambda piece: piece[1] - piece[0])
        start, end = longest if self.policy == "narrow" else (name.start, name.end)
        done = {"widen": "its gaps filled", "narrow": "its longest part kept"}.get(self.policy, LEFT_OUT)
        self.say(name, "has gaps", done)
        return None if done == LEFT_OUT else name._replace(start=start, end=end, pieces=())

    def trim(self, name: Name) -> Name | None:
        """A name without space at its ends, or, where there are tokens, without what lies between them."""
        if self.demands.borders:
            if self.is_aligned(name):
                return name
            first = bisect_right(self.tokens, name.start, key=_end)
            after = bisect_left(self.tokens, name.end, key=_start)
            start, end = name.end, name.end
            if first < after:
                start, end = max(name.start, self.tokens[first][0]), min(name.end, self.tokens[after - 1][1])
        else:
            part = self.text[name.start : name.end]
            start, end = name.end - len(part.lstrip()), name.start + len(part.rstrip())
        if (start, end) == (name.start, name.end):
            return name
        if start >= end:
            self.say(name, "is nothing but space", LEFT_OUT)
            return None
        if self.text[name.start : start].strip() or self.text[end : name.end].strip():
            self.say(name, "reaches into what is no token", "narrowed to tokens")
        else:
            self.say(name, "has space at its ends", "space taken off")
        return name._replace(start=start, end=end)

    def align(self, name: Name) -> Name | None:
        """A name between borders of tokens; where tokens are to be cut, the name as it is."""
        if self.is_aligned(name):
            return name
        first = bisect_right(self.tokens, name.start, key=_end)
        last = bisect_left(self.tokens, name.end, key=_start) - 1
        (left, right), (before, behind) = self.tokens[first], self.tokens[last]
        match self.policy:
            case "cut" | "error":
                self.say(name, _INSIDE, "tokens cut")
                return name
            case "widen":
                self.say(name, _INSIDE, "widened")
                return name._replace(start=left, end=behind)
            case "narrow":
                start = left if left == name.start else right
                end = behind if behind == name.end else before
                start = next((a for a, b in self.tokens[first : last + 1] if a >= start), end)
                end = next((b for a, b in reversed(self.tokens[first : last + 1]) if b <= end), start)
                self.say(name, _INSIDE, "narrowed" if start < end else LEFT_OUT)
                return name._replace(start=start, end=end) if start < end else None
        self.say(name, _INSIDE, LEFT_OUT)
        return None

    # ── all names ─────────────────────────────────────────────────────────────────────────────────────

    def part(self) -> None:
        """Of names that overlap the longest stay, of equal ones the first."""
        kept: list[Name] = []
        for name in sorted(self.names, key=lambda n: (n.start - n.end, n.start)):
            k = bisect_left(kept, name.start, key=_start)
            if (k and kept[k - 1].end > name.start) or (k < len(kept) and kept[k].start < name.end):
                other = kept[k] if k < len(kept) and kept[k].start < name.end else kept[k - 1]
                shown = self.text[other.start : other.end][:40]
                is_same = name[:3] == other[:3]
                self.say(name, "is there twice" if is_same else f"overlaps {shown!r} {other.label}", LEFT_OUT)
            else:
                kept.insert(k, name)
        self.names = kept

    def cut(self, borders: Iterable[int]) -> None:
        """Cut the tokens that hold a border; what a token of ours falls into is cut into tokens once more."""
        wanted = sorted(set(borders))
        if not wanted:
            return
        tokens: list[Place] = []
        columns: list[tuple[str, ...]] = []
        for k, (start, end) in enumerate(self.tokens):
            inner = wanted[bisect_right(wanted, start) : bisect_left(wanted, end)]
            pieces = [(start, end)]
            if inner:
                pieces = list(pairwise((start, *inner, end)))
                if self.own and self.tokenize:
                    pieces = [p for a, b in pieces for p in _shifted(self.tokenize(self.text[a:b]), a) or [(a, b)]]
            tokens += pieces
            columns += [self.columns[k]] * len(pieces) if self.columns else []
        self.tokens, self.columns = tokens, columns

    def separate(self, apart: re.Pattern[str]) -> bool:
        """Take out of the tokens what they cannot hold; whether there was anything."""
        if not (apart.search("") or apart.search(self.text)):
            return False
        tokens, columns = [], []
        for k, (start, end) in enumerate(self.tokens):
            pieces = _split(self.text, start, end, apart)
            tokens += pieces
            columns += [self.columns[k]] * len(pieces) if self.columns else []
        changed = tokens != self.tokens
        self.tokens, self.columns = tokens, columns
        return changed


_INSIDE = "begins or ends inside a token"


def _start(item: tuple[int, ...] | Name) -> int:
    return item[0]


def _end(item: tuple[int, ...] | Name) -> int:
    return item[1]


def fitted(record: Record, demands: Demands, fitting: Fitting) -> tuple[list[Record], list[Misfit], list[str]]:
    """A record as a format asks for it, one for each sentence; what did not fit; and what else was left out."""
    fit = _Fit(record, demands, fitting)
    lost: list[str] = []
    if demands.apart and fit.separate(demands.apart):
        lost.append("record with white space inside tokens or as tokens")
    if demands.joined:
        fit.keep(fit.join)
    if demands.trimmed or demands.borders:
        fit.keep(fit.trim)
    if demands.borders and fitting.policy not in ("cut", "error"):
        fit.keep(fit.align)
    if demands.disjoint:
        fit.part()
    if demands.borders and fitting.policy in ("cut", "error"):
        fit.keep(fit.align)
        fit.cut(border for name in fit.names if not fit.is_aligned(name) for border in name[:2])
    tokens = None if fit.own and not demands.borders else tuple(fit.tokens)
    whole = replace(
        record, names=tuple(sorted(fit.names)), tokens=tokens, columns=tuple(fit.columns), misfits=(), lost=()
    )
    if not demands.sentences:
        return [whole], fit.misfits, lost
    if not whole.tokens:
        return [], fit.misfits, [*lost, "record without tokens"]
    return list(_sentences(whole, fit.starts)), fit.misfits, lost


def _sentences(record: Record, starts: Sequence[int]) -> Iterator[Record]:
    """Cut a record where sentences begin, but not inside a name."""
    starts = [s for s in starts if not any(name.start < s < name.end for name in record.names)]
    tokens = record.tokens or ()
    if len(starts) < 2:
        yield record
        return
    for first, after in pairwise((*starts, len(record.text) + 1)):
        a, b = (bisect_left(tokens, k, key=_start) for k in (first, after))
        if a < b:
            begin, end = tokens[a][0], tokens[b - 1][1]
            yield replace(
                record,
                text=record.text[begin:end],
                tokens=tuple(_shifted(tokens[a:b], -begin)),
                columns=record.columns[a:b],
                names=tuple(
                    name._replace(start=name.start - begin, end=name.end - begin)
                    for name in record.names
                    if first <= name.start < after
                ),
            )


def cut_to_tokens(text: str, fitting: Fitting) -> list[list[Place]]:
    """The tokens of each sentence of a text."""
    name = UNITS_OF_TEXT[fitting.tokens]
    if name is None:
        tokens = [m.span() for m in re.finditer(r"\S+", text)]
        return [tokens] if tokens else []
    if fitting.whole:
        tokens = [(t.start, t.end) for t in TOKENIZERS[name](text)]
        return [tokens] if tokens else []
    return [[(t.start, t.end) for t in part] for part in cut_text(text, name)]


def _tokenizer(name: str) -> Callable[[str], list[Place]] | None:
    known = UNITS_OF_TEXT[name]
    return None if known is None else lambda text: [(t.start, t.end) for t in TOKENIZERS[known](text)]


def _shifted(places: Iterable[Place], by: int) -> list[Place]:
    return [(a + by, b + by) for a, b in places]


def _split(text: str, start: int, end: int, apart: re.Pattern[str]) -> list[Place]:
    """The parts of a token between what it cannot hold; an empty token stays, if the pattern does not find it."""
    if not apart.search(text[start:end]):
        return [(start, end)]
    ends = [
        start,
        *(k for m in apart.finditer(text[start:end]) for k in (start + m.start(), start + m.end())),
        end,
    ]
    return [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True) if a < b]
