"""Tags say where a name begins and ends: schemes, spans, and the moves a scheme allows.

    scheme   a name of two tokens, a second one of its type directly after it
    bare     PER    PER    PER        touching names of one type melt
    IO       I-PER  I-PER  I-PER      likewise
    IOB1     I-PER  I-PER  B-PER      B- only where two names of one type touch
    IOB2     B-PER  I-PER  B-PER      every name begins with B-
    BIOES    B-PER  E-PER  S-PER      end and single token are marked too
    BILOU    B-PER  L-PER  U-PER      the same in other letters

Between schemes stands the `Span`.  Reading is lenient, with the semantics of the CoNLL-2000 scorer
conlleval: an `I-` after `O`, or after another type, begins a name.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError, SettingError, counted

Scheme = Literal["bare", "IO", "IOB1", "IOB2", "BIOES", "BILOU"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)

OUTSIDE = "O"
UNNAMED = "ENTITY"  # the label of a tag that is only a letter, such as `B`

_READ = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"}
_LETTERS: dict[Scheme, tuple[str, str, str, str]] = {  # first, inside, last, only token of a name
    "bare": ("", "", "", ""),
    "IO": ("I-", "I-", "I-", "I-"),
    "IOB1": ("I-", "I-", "I-", "I-"),  # where names touch, as IOB2
    "IOB2": ("B-", "I-", "I-", "B-"),
    "BIOES": ("B-", "I-", "E-", "S-"),
    "BILOU": ("B-", "I-", "L-", "U-"),
}
_MARK_ENDS: tuple[tuple[Scheme, str, str], ...] = (("BIOES", "E", "S"), ("BILOU", "L", "U"))
_BARE = re.compile(r"[^\W\d_][^\s-]*")
WORST = -1e12  # stands for log 0: worse than any log-probability, and sums of it can still be compared


class Span(NamedTuple):
    """A name: tokens `start` to `end`, end-exclusive, and its label."""

    start: int
    end: int
    label: str


class Part(NamedTuple):
    """A tag taken apart: its place in the name as one of B, I, E, S, O, and its label (`""` for O)."""

    place: str
    label: str


class Detected(NamedTuple):
    """The scheme of a corpus, why it is this one, and how many transitions break its rules."""

    scheme: Scheme
    evidence: str
    illegal: int


def fault(tag: str) -> str | None:
    """Say what is wrong with a tag, in words; None if it is legal in some scheme."""
    place, hyphen, label = tag.partition("-")
    if not hyphen:
        return None if _BARE.fullmatch(tag) else _illegal(tag)
    return None if place in _READ and label and not re.search(r"\s", label) else _illegal(tag)


def _illegal(tag: str) -> str:
    shown = repr(tag if len(tag) <= 40 else tag[:39] + "…")
    return f"illegal tag {shown}; a tag is O, or B- I- E- S- L- U- before a label, such as B-PER"


@lru_cache(maxsize=4096)
def split(tag: str) -> Part:
    """Take a tag apart at its first hyphen; a bare label counts as I-.  DataError if it is illegal."""
    if reason := fault(tag):
        raise DataError(reason)
    if tag == OUTSIDE:
        return Part(OUTSIDE, "")
    place, hyphen, label = tag.partition("-")
    if hyphen:
        return Part(_READ[place], label)
    return Part(_READ[tag], UNNAMED) if tag in _READ else Part("I", tag)


def is_bare(tag: str) -> bool:
    """Whether a tag is a label without B-, I-, …"""
    return "-" not in tag and tag != OUTSIDE and tag not in _READ


def spans(tags: Iterable[str]) -> list[Span]:
    """Read the names of one sentence, in any scheme and leniently.

    A name ends before O, B, S and another label, and after E and S.
    """
    found: list[Span] = []
    start, before = -1, Part(OUTSIDE, "")
    position = -1
    for position, tag in enumerate(tags):
        part = split(tag)
        if start >= 0 and closes(before, part):
            found.append(Span(start, position, before.label))
            start = -1
        if start < 0 and part.place != OUTSIDE:
            start = position
        before = part
    if start >= 0:
        found.append(Span(start, position + 1, before.label))
    return found


def closes(before: Part, after: Part) -> bool:
    """Whether a name, if there is one, ends between two tags; both ends of a sentence count as O."""
    return before.place in "ES" or after.place in "OBS" or before.label != after.label


def tags_of(names: Iterable[Span], length: int, scheme: Scheme = "IOB2") -> list[str]:
    """Write spans as the tags of a sentence of `length` tokens.

    SettingError if spans overlap or leave the sentence, and for a hyphen in a bare label.
    """
    tags = [OUTSIDE] * length
    previous = Span(0, 0, "")
    for name in sorted(names):
        if not previous.end <= name.start < name.end <= length:
            raise SettingError(
                f"span {tuple(name)} is empty, overlaps {tuple(previous)} or leaves the sentence of "
                f"{length} tokens; spans are end-exclusive and disjoint"
            )
        touches = previous.end == name.start and previous.label == name.label
        tags[name.start : name.end] = _written(name, scheme, touches)
        previous = name
    return tags


def _written(name: Span, scheme: Scheme, touches: bool) -> list[str]:
    if scheme == "bare" and "-" in name.label:
        raise SettingError(f"label {name.label!r} holds a hyphen and cannot be a bare tag; write IOB2")
    first, inside, last, only = _letters("IOB2" if scheme == "IOB1" and touches else scheme)
    length = name.end - name.start
    places = [only] if length == 1 else [first, *[inside] * (length - 2), last]
    return [place + name.label for place in places]


def _letters(scheme: Scheme) -> tuple[str, str, str, str]:
    if scheme not in _LETTERS:
        raise SettingError(f"no scheme {scheme!r}; the schemes are {', '.join(SCHEMES)}")
    return _LETTERS[scheme]


def convert(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """Write the tags of one sentence, read leniently, in another scheme."""
    return tags_of(spans(tags), len(tags), scheme)


def tag_list(labels: Iterable[str], scheme: Scheme = "IOB2") -> list[str]:
    """All C tags of a scheme: O, then those of each label in the given order."""
    places = dict.fromkeys(_letters("IOB2" if scheme == "IOB1" else scheme))
    return [OUTSIDE, *(place + label for label in labels for place in places)]


@dataclass
class _Tally:
    """What tells schemes apart, counted over a corpus."""

    letters: Counter[str]
    free_b: int = 0  # B- where the token before is not of its type
    touching_b: int = 0
    starting_i: int = 0  # I- that begins a name


def _tally(corpus: Iterable[Sequence[str]]) -> _Tally:
    pairs: Counter[tuple[str, str]] = Counter()
    for tags in corpus:
        pairs.update(pairwise(chain((OUTSIDE,), tags)))
    tally = _Tally(Counter())
    for (before, after), count in pairs.items():
        a, b = split(before), split(after)
        letter = "bare" if is_bare(after) else after.partition("-")[0]
        tally.letters[letter] += count
        if b.place == "B":
            tally.touching_b += count * (a.label == b.label)
            tally.free_b += count * (a.label != b.label)
        elif b.place == "I":
            tally.starting_i += count * closes(a, b)
    return tally


def detect(corpus: Sequence[Sequence[str]]) -> Detected:
    """Find the scheme of a corpus, one sequence of tags per sentence, and say by what evidence.

    Without any B- a corpus is called IO, which reads the same as IOB1.  DataError for an illegal tag.
    """
    tally = _tally(corpus)
    scheme, words = _verdict(tally)
    illegal = sum(illegal_moves(tags, scheme) for tags in corpus)
    broken = f"; {counted(illegal, 'illegal transition')}, read as conlleval does" if illegal else ""
    return Detected(scheme, f"{scheme}: {words}{broken}", illegal)


def _verdict(tally: _Tally) -> tuple[Scheme, str]:
    letters = tally.letters
    begun = tally.free_b + tally.touching_b
    for scheme, last, only in _MARK_ENDS:
        if letters[last] or letters[only]:
            return scheme, f"{letters[last]:,} {last}- and {letters[only]:,} {only}- tags"
    if letters["bare"] and not begun and not letters["I"]:
        return "bare", f"{letters['bare']:,} tags are labels without B- or I-"
    if not begun and not tally.starting_i:
        return "IOB2", "taken for granted, there are no names"
    if not begun:
        return "IO", f"I- begins {tally.starting_i:,} spans, there is no B-"
    if tally.starting_i > tally.free_b:
        only = "only " if not tally.free_b else f"in {tally.touching_b:,} of {begun:,} cases "
        return "IOB1", f"I- begins {tally.starting_i:,} spans, B- {only}after a span of the same type"
    return "IOB2", f"B- begins {'all ' if not tally.starting_i else ''}{begun:,} spans"


def _may_follow(scheme: Scheme, before: Part, after: Part) -> bool:
    """Whether `after` may stand behind `before`; both ends of a sentence count as O."""
    same = before.label == after.label
    match scheme:
        case "IOB1":
            return after.place != "B" or same
        case "IOB2":
            return after.place != "I" or same
        case "BIOES" | "BILOU":
            is_open, goes_on = before.place in "BI", after.place in "IE"
            return is_open == goes_on and (same or not goes_on)
    return True


@lru_cache(maxsize=65536)
def _breaks(scheme: Scheme, before: str, after: str) -> bool:
    return not _may_follow(scheme, split(before), split(after))


def illegal_moves(tags: Iterable[str], scheme: Scheme) -> int:
    """Count the transitions of one sentence, both ends included, that its scheme forbids."""
    moves = pairwise(chain((OUTSIDE,), tags, (OUTSIDE,)))
    return sum(_breaks(scheme, before, after) for before, after in moves)


Mask = NDArray[np.bool_]


def legal(tags: Sequence[str], scheme: Scheme | None = None) -> tuple[Mask, Mask, Mask]:
    """Which of C tags may begin a sentence (C,), follow one another (C, C) from row to column, end it (C,).

    The scheme is read off the letters if it is not given; B and I alone are taken for IOB2.
    """
    parts = [split(tag) for tag in tags]
    scheme = scheme or _scheme_of(parts)
    outside = Part(OUTSIDE, "")
    moves = np.array([[_may_follow(scheme, a, b) for b in parts] for a in parts], dtype=np.bool_)
    start = np.array([_may_follow(scheme, outside, b) for b in parts], dtype=np.bool_)
    end = np.array([_may_follow(scheme, a, outside) for a in parts], dtype=np.bool_)
    return start, moves.reshape(len(parts), len(parts)), end


def _scheme_of(parts: Iterable[Part]) -> Scheme:
    places = {part.place for part in parts}
    return "BIOES" if places & {"E", "S"} else "IOB2" if "B" in places else "IO"


def best_path(scores: NDArray[np.floating], start: Mask, transitions: Mask, end: Mask) -> NDArray[np.intp]:
    """Find the likeliest legal tags (N,) of one sentence from log-probabilities (N, C): Viterbi.

    Ties go to the lowest index, decided from the last token backwards.  SettingError if no path is legal.
    """
    greedy: NDArray[np.intp] = scores.argmax(axis=1)
    if len(greedy) == 0 or _allowed(greedy, start, transitions, end):
        return greedy  # no path can score higher than the best tag at every token
    scores = np.maximum(scores, WORST, dtype=np.float64)
    barrier = np.where(transitions, 0.0, -np.inf)
    best = scores[0] + np.where(start, 0.0, -np.inf)
    origins = np.empty(scores.shape, dtype=np.intp)
    for n in range(1, len(scores)):
        arriving = best[:, None] + barrier
        origins[n] = arriving.argmax(axis=0)
        best = arriving.max(axis=0) + scores[n]
    return _traced(best + np.where(end, 0.0, -np.inf), origins)


def _allowed(path: NDArray[np.intp], start: Mask, transitions: Mask, end: Mask) -> bool:
    return bool(start[path[0]] and end[path[-1]] and transitions[path[:-1], path[1:]].all())


def _traced(best: NDArray[np.float64], origins: NDArray[np.intp]) -> NDArray[np.intp]:
    if np.isneginf(best.max()):
        raise SettingError("no sequence of these tags is legal; add the tag O")
    path = np.empty(len(origins), dtype=np.intp)
    path[-1] = best.argmax()
    for n in range(len(path) - 1, 0, -1):
        path[n - 1] = origins[n, path[n]]
    return path
