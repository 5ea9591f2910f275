"""The likeliest legal tags of many sentences at once, and the names in them.

N tokens of S sentences lie one behind the other; between two sentences, and at both ends, there is a border, which
may be followed by what may begin a sentence. `tags.best_path` and `tags.spans` say the same of one sentence.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import SettingError
from chainrule.ner.tags import OUTSIDE, WORST, Mask, Part, Scheme, Span, closes, legal, split, tags_of

Floats = NDArray[np.floating]
Ids = NDArray[np.int64]


SLACK = 1e-5  # for the rounding of sums
ROUNDS = 4  # of dividing a sentence into parts


class Names(NamedTuple):
    """M names: tokens `starts` to `ends`, end-exclusive, and the number of the tag that each ends with."""

    starts: Ids
    ends: Ids
    tags: Ids


class Line(NamedTuple):
    """The tags of sentences, with a border in front of each and behind the last, and the places of the tokens."""

    tags: Ids
    places: Ids

    @property
    def path(self) -> Ids:
        """The tags of the tokens alone, (N,)."""
        return self.tags[self.places]


class Lattice:
    """The tags of a model, which of them may follow one another, and where names begin and end between two."""

    def __init__(self, tags: Sequence[str], scheme: Scheme | None = None) -> None:
        self._start, self._moves, self._end = legal(tags, scheme)
        border = Part(OUTSIDE, "")
        parts = [*map(split, tags), border]
        named = np.array([part.place != OUTSIDE for part in parts])
        cut = np.array([[closes(a, b) for b in parts] for a in parts])
        self._named, self._begins, self._ends = named, cut & named, cut & named[:, None]
        self._spellings = _spellings(tags, scheme)
        self.labels = [part.label for part in parts[:-1]]
        """The label in each tag, that of O empty."""
        self._legal = np.ones_like(cut)
        self._legal[:-1, :-1] = self._moves
        self._legal[-1, :-1], self._legal[:-1, -1] = self._start, self._end
        self._border = len(tags)

    @property
    def legal(self) -> Mask:
        """Which tag may follow which, and the border of a sentence, the last row and column, (C + 1, C + 1)."""
        found = self._legal.copy()
        found[-1, -1] = False
        return found

    @property
    def spelt(self) -> dict[str, Ids]:
        """How O and every label are spelt: the tags of an inner, the first, the last, the only token, (4,)."""
        if self._spellings is None:
            return {}
        return {self.labels[column[0]] or OUTSIDE: column for column in self._spellings.T}

    def best(self, scores: Floats, lengths: Ids, log_p: Callable[[Floats], Floats] = lambda rows: rows) -> Line:
        """The tags of sentences of these lengths, by scores (N, C) that order the tags of a token.

        log_p   what makes log-probabilities of scores; asked only where the best tags break the rules
        SettingError if no path is legal.
        """
        line = self.line(largest(scores), lengths)
        broken = self._broken(line)
        if len(broken):
            filled = lengths[lengths > 0]
            wrong = _distinct(np.searchsorted(np.cumsum(filled + 1), broken + 1))  # borders are behind sentences
            tokens = ranges((np.cumsum(filled) - filled)[wrong], filled[wrong])
            part = self.line(line.path[tokens], filled[wrong])
            line.tags[line.places[tokens]] = self._mended(scores[tokens], part, filled[wrong], log_p)
        return line

    def line(self, path: Ids, lengths: Ids) -> Line:
        """The tags (N,) of sentences of these lengths with borders around them."""
        filled = lengths[lengths > 0]
        places = np.arange(1, len(path) + 1)
        if len(filled) > 1:
            places += np.repeat(np.arange(len(filled)), filled)
        tags = np.empty(len(path) + len(filled) + 1, np.int64)
        tags.fill(self._border)
        tags[places] = path
        return Line(tags, places)

    def _lost(self, behind: Floats, line: Line, tokens: Ids, spellings: Ids) -> Floats:
        """What legal tags lose where the best ones break the rules, (N,), each run at its first token.

        behind   how far the scores of tags lie below the best, (N, C)      tokens   those of whole runs
        """
        first, last = (~self._named[line.tags[line.places[tokens] + step]] for step in (-1, 1))
        spelt = spellings[first + 2 * last]  # as one name of every label, and as none
        lost = np.zeros(len(behind))
        sums = np.add.reduceat(behind[tokens[:, None], spelt], np.flatnonzero(first), axis=0)
        lost[tokens[first]] = sums.min(axis=1)
        return lost

    def names(self, line: Line) -> Names:
        """The names that tags spell, read leniently, in order."""
        pairs = line.tags[:-1], line.tags[1:]
        before_starts, ends = self._begins[pairs].nonzero()[0], self._ends[pairs].nonzero()[0]
        places = line.places
        return Names(places.searchsorted(before_starts + 1), places.searchsorted(ends) + 1, line.tags[ends])

    def _broken(self, line: Line) -> Ids:
        """The places whose tag may not be followed by the next."""
        return (~self._legal[line.tags[:-1], line.tags[1:]]).nonzero()[0]

    def _mended(self, scores: Floats, line: Line, lengths: Ids, log_p: Callable[[Floats], Floats]) -> Ids:
        """The likeliest legal tags (N,) of sentences where the best tags of every token break the rules.

        The names that break them, taken for one name or none, give a legal path; what it loses on its sentence is
        the most that the likeliest one loses. A tag that is ahead of the next best by more is part of that path;
        where it is part of both, each side is such a problem of its own. What is sought lies between such tags.
        """
        broken, tags = self._broken(line), line.tags
        free = np.zeros(len(tags), np.bool_)
        free[line.places] = self._doubtful(scores, line, lengths, broken)
        start = np.flatnonzero(free[1:] & ~free[:-1]) + 1
        after = np.flatnonzero(free[:-1] & ~free[1:]) + 1
        held = _distinct(np.searchsorted(start, np.where(free[broken], broken, broken + 1), side="right") - 1)
        start, after = start[held], after[held]
        tokens = ranges(np.searchsorted(line.places, start), after - start)
        begin, end = self._legal[tags[start - 1], :-1], self._legal[:-1, tags[after]].T
        path = line.path
        path[tokens] = viterbi(log_p(scores[tokens]), after - start, begin, self._moves, end)
        return path

    def _doubtful(self, scores: Floats, line: Line, lengths: Ids, broken: Ids) -> Mask:
        """Which tags may be others in the likeliest legal path, (N,)."""
        spellings = self._spellings
        if spellings is None:
            return np.ones(len(scores), np.bool_)
        named, places = self._named[line.tags], line.places
        run = np.cumsum(named & ~np.roll(named, 1))  # the borders in front and behind are no names
        fallen = np.zeros(int(run[-1]) + 1, np.bool_)
        fallen[run[np.where(named[broken], broken, broken + 1)]] = True
        in_fallen = (named & fallen[run])[places]
        part = np.repeat(np.arange(len(lengths)), lengths)  # at first a sentence
        first = np.diff(part, prepend=-1) != 0
        sure = np.zeros(len(scores), np.bool_)
        with np.errstate(invalid="ignore"):  # what is no number is not sure either
            second, top = np.partition(scores.astype(np.float64), -2, axis=1)[:, -2:].T
            ahead = top - second
            lost = self._lost(top[:, None] - scores, line, np.flatnonzero(in_fallen), spellings)
            for _ in range(ROUNDS):
                sure |= ahead > np.bincount(part, lost)[part] * (1 + SLACK) + SLACK
                part = np.cumsum(first | (sure & ~in_fallen)) - 1
        return ~sure


def _spellings(tags: Sequence[str], scheme: Scheme | None) -> Ids | None:
    """The tags of an inner, the first, the last and the only token of a name, by label and for none, (4, L + 1).

    None without the tag O or a scheme; labels that lack one of the tags are left out.
    """
    if OUTSIDE not in tags or len(tags) == 1 or scheme is None:
        return None
    columns = [[OUTSIDE] * 4]
    for label in dict.fromkeys(split(tag).label for tag in tags if tag != OUTSIDE):
        (only,), (first, inside, last) = (tags_of([Span(0, n, label)], n, scheme) for n in (1, 3))
        columns.append([inside, first, last, only])
    known = [[tags.index(tag) for tag in column] for column in columns if set(column) <= set(tags)]
    return np.array(known, np.int64).T


def largest(scores: Floats) -> Ids:
    """`scores.argmax(axis=1)`; column by column, which for few columns is several times faster."""
    if len(scores) < 8 * scores.shape[1]:
        found: Ids = scores.argmax(axis=1)
        return found
    columns = np.ascontiguousarray(scores.T)
    best = columns[0].copy()
    found = np.zeros(len(scores), np.int64)
    for k, column in enumerate(columns[1:], 1):
        found[column > best] = k
        np.maximum(best, column, out=best)
    return found


def ranges(starts: Ids, lengths: Ids) -> Ids:
    """The numbers from each start on, so many of each."""
    found: Ids = np.arange(int(lengths.sum())) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    return found


def trimmed(names: Names, spaces: Mask) -> Names:
    """The names without the spaces at their ends; a name of spaces alone is none. `spaces` says of tokens (N,)."""
    solid = np.flatnonzero(~spaces)
    first, after = np.searchsorted(solid, names.starts), np.searchsorted(solid, names.ends)
    kept = first < after
    return Names(solid[first[kept]], solid[after[kept] - 1] + 1, names.tags[kept])


def viterbi(log_p: Floats, lengths: Ids, start: Mask, moves: Mask, end: Mask) -> Ids:
    """The likeliest legal tags (N,) of S sentences, none of them empty, from log-probabilities (N, C).

    start, end   which tags each may begin and end with, (S, C)        moves   which may follow which, (C, C)
    All sentences take each step together, the longest first in the row, so that those which go on are in front.
    Ties go to the lowest index, decided from the last token backwards. SettingError if no path is legal.
    """
    order = np.argsort(-lengths, kind="stable")
    firsts, lengths = (np.cumsum(lengths) - lengths)[order], lengths[order]
    scores = np.maximum(log_p, WORST, dtype=np.float64)
    sources, source = np.unique(moves.T, axis=0, return_inverse=True)  # many tags may follow the same ones
    barrier = np.where(sources, 0.0, -np.inf)
    best = scores[firsts] + np.where(start, 0.0, -np.inf)[order]
    going = np.searchsorted(-lengths, -np.arange(1, int(lengths[0]))).tolist()  # how many are longer than n tokens
    origins: list[NDArray[np.intp]] = []
    for n, many in enumerate(going, 1):
        arriving = best[:many, None, :] + barrier
        origins.append(arriving.argmax(axis=2))
        best[:many] = arriving.max(axis=2)[:, source] + scores[firsts[:many] + n]
    best += np.where(end, 0.0, -np.inf)[order]
    if np.isneginf(best.max(axis=1)).any():
        raise SettingError("no sequence of these tags is legal; add the tag O")
    path = np.empty(len(scores), np.int64)
    tags = best.argmax(axis=1)
    path[firsts + lengths - 1] = tags
    for n, many in reversed(list(enumerate(going))):
        tags[:many] = origins[n][np.arange(many), source[tags[:many]]]
        path[firsts[:many] + n] = tags[:many]
    return path


def _distinct(numbers: Ids) -> Ids:
    """Every number from 0 on that is there, in order: as `np.unique`, which would load `numpy.ma`, 1 MB."""
    return np.flatnonzero(np.bincount(numbers))
