"""Texts to kinds of tokens, many texts at once, and where their tokens lie.

A text is cut at its spaces into chunks, and what a chunk comes to is remembered (`chunks`): its tokens, whether a
sentence may end with it or begin. The same words return, so that little of a text is read letter by letter.
The result is what `tokenizer` makes of it, token for token: a chunk is read by itself wherever no pattern looks
beyond the space, and the one that does, for `No. 5` and `J. Smith`, is asked what follows. Lines with other
white space inside, with stops that need no space after them, and short texts, go the plain way.
"""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.chunks import (
    ASKS,
    COUNT,
    ENDS,
    FIRST,
    INSTEAD,
    LENGTH,
    NOTHING,
    ODD,
    OPENS,
    SHOWS,
    Chunks,
    Known,
)
from chainrule.ner.context import Cut
from chainrule.ner.features import Features, Ids
from chainrule.ner.kinds import Kinds
from chainrule.ner.tokenizer import CHARACTERS, cut_text

SHORT = 1500  # characters; below this it takes longer to ask than to read

_LINE = re.compile(r"[^\n\r\v\f\x85\u2028\u2029]+")


class Reading(NamedTuple):
    """N tokens of S sentences of T texts.

    kinds    of the tokens, (N,)            starts, ends   in their text, (N,), or none where there is no text
    lengths  tokens of each sentence, (S,)  spaces         which tokens are white space, (N,)
    texts    tokens of each text, (T,)
    """

    kinds: Ids
    lengths: Ids
    starts: Ids
    ends: Ids
    spaces: NDArray[np.bool_]
    texts: Ids


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────


class _Lines(NamedTuple):
    """Lines without a line break: the text they are of, and where they begin in it."""

    texts: list[int]
    starts: list[int]
    lines: list[str]


class Reader:
    """Reads texts for a model: its features, its tokenizer, and which of the features it looks at."""

    def __init__(self, features: Features, tokenizer: str, names: Sequence[str]) -> None:
        self._tokenizer, self._single = tokenizer, tokenizer == CHARACTERS
        self.kinds, self._apart = Kinds(features, names), features.apart
        self._chunks = Chunks(tokenizer, self.kinds)

    def read(self, texts: Sequence[str]) -> Reading:
        """What the texts hold, as `plain` has it."""
        if sum(map(len, texts)) < SHORT or not self._apart:
            return self.plain(texts)
        lines = _Lines([], [], [])
        for k, text in enumerate(texts):
            for m in _LINE.finditer(text):
                lines.texts.append(k)
                lines.starts.append(m.start())
                lines.lines.append(m[0])
        return self._read(lines, len(texts))

    def plain(self, texts: Sequence[str]) -> Reading:
        """The same, sentence by sentence and token by token."""
        cut = [cut_text(text, self._tokenizer) for text in texts]
        tokens = [token for text in cut for sentence in text for token in sentence]
        sentences = [[t.text for t in sentence] for text in cut for sentence in text]
        documents = [k for k, text in enumerate(cut) for _ in text]
        return Reading(
            self.kinds.within(sentences, Cut.of(sentences, documents)),
            _ids(list(map(len, sentences))),
            _ids([t.start for t in tokens]),
            _ids([t.end for t in tokens]),
            np.array([t.text.isspace() for t in tokens] if self._single else len(tokens) * [False], np.bool_),
            _ids([sum(map(len, text)) for text in cut]),
        )

    def tokens(self, sentences: Sequence[Sequence[str]], documents: Sequence[int] | None = None) -> Reading:
        """Sentences that are cut into tokens already, as one text; `documents` are as `Cut.of` has them."""
        kinds = self.kinds.within(sentences, Cut.of(sentences, documents))
        lengths = _ids([n for n in map(len, sentences) if n])
        return Reading(kinds, lengths, _ids([]), _ids([]), np.zeros(0, np.bool_), _ids([len(kinds)]))

    def _read(self, lines: _Lines, texts: int) -> Reading:
        cut = [line.split(" ") for line in lines.lines]
        given = _given(self._chunks, cut)
        odd = np.zeros(len(cut), np.bool_)
        odd[given.line[given.facts[:, ODD] != 0]] = True
        single = int(self.kinds.of([" "])[0]) if self._single else None
        found = _joined(given, (given.facts[:, LENGTH] != 0) & ~odd[given.line], single)
        if odd.any():
            found = _merged([found, *(self._plain_line(lines.lines[k], k) for k in np.flatnonzero(odd).tolist())])
        offset, of_text = _ids(lines.starts)[found.line], _ids(lines.texts)
        starts, ends = found.places[:, 0] + offset, found.places[:, 1] + offset
        kinds = self.kinds.placed(found.tokens, Cut(found.lengths, of_text[found.lines]))
        counts = np.bincount(of_text[found.line], minlength=texts)
        return Reading(kinds, found.lengths, starts, ends, found.spaces, counts)

    def _plain_line(self, line: str, k: int) -> "_Found":
        cut = cut_text(line, self._tokenizer)
        tokens = [token for sentence in cut for token in sentence]
        lengths, places = _ids(list(map(len, cut))), _ids([(t.start, t.end) for t in tokens]).reshape(-1, 2)
        spaces = np.array([self._single and t.text.isspace() for t in tokens], np.bool_)
        of = self.kinds.of([t.text for t in tokens])
        return _Found(of, places, spaces, np.full(len(tokens), k), lengths, np.full(len(cut), k))


class _Given(NamedTuple):
    """The chunks of all lines: what is known of each, where it begins in its line, and which line that is."""

    known: Known
    facts: NDArray[np.int32]
    start: Ids
    line: Ids


class _Found(NamedTuple):
    """N tokens: by themselves, places in their line, whether space, line; S sentences: lengths, line."""

    tokens: Ids
    places: Ids
    spaces: NDArray[np.bool_]
    line: Ids
    lengths: Ids
    lines: Ids


def _given(memory: Chunks, cut: Sequence[Sequence[str]]) -> _Given:
    chunks = list(chain.from_iterable(cut))
    numbers, known = memory.look_up(chunks)
    facts, counts = known.facts[numbers], _ids(list(map(len, cut)))
    width = facts[:, LENGTH].astype(np.int64) + 1
    start = np.cumsum(width) - width
    start -= np.repeat(start[np.cumsum(counts) - counts], counts)
    return _Given(known, facts, start, np.repeat(np.arange(len(counts)), counts))


def _joined(given: _Given, kept: NDArray[np.bool_], single: int | None) -> _Found:
    """The tokens of the chunks that are kept, none of them empty or odd, and where sentences end among them.

    single   the kind of a space, for models that read characters
    """
    (known, tokens), facts, start, line = given.known, given.facts[kept], given.start[kept], given.line[kept]
    last = np.ones(len(facts), np.bool_)
    last[:-1] = (line[1:] != line[:-1]) | ((facts[:-1, ENDS] & facts[1:, OPENS]) != 0)
    spaces = np.zeros(len(facts), np.int64)
    spaces[:-1] = np.where(last[:-1], 0, start[1:] - start[:-1] - facts[:-1, LENGTH])
    asks = facts[:-1, ASKS]
    answered = np.flatnonzero((asks != NOTHING) & (asks == facts[1:, SHOWS]) & (spaces[:-1] == 1))
    facts[answered] = known[facts[answered, INSTEAD]]
    count = facts[:, COUNT].astype(np.int64)
    whole = count if single is None else count + spaces
    end = np.cumsum(whole)
    chunk = np.repeat(np.arange(len(facts)), whole)
    within = np.arange(len(chunk)) - (end - whole)[chunk]
    rows = facts[chunk, FIRST] + within
    free = within >= count[chunk]
    if single is None:
        found = tokens[rows]
    else:
        found = tokens[np.where(free, 0, rows)]
        place = (facts[chunk, LENGTH] + within - count[chunk])[free]
        found[free] = np.stack([np.full(len(place), single), place, place + 1], axis=1)
    places = found[:, 1:] + start[chunk][:, None]
    return _Found(
        found[:, 0].astype(np.int64), places, free, line[chunk], np.diff(end[last], prepend=0), line[last]
    )


def _merged(parts: Sequence[_Found]) -> _Found:
    """The tokens and sentences of several parts in the order of their lines; no line is in two of them."""
    tokens, places, spaces, line, lengths, lines = (np.concatenate(column) for column in zip(*parts, strict=True))
    order, sentence = np.argsort(line, kind="stable"), np.argsort(lines, kind="stable")
    return _Found(tokens[order], places[order], spaces[order], line[order], lengths[sentence], lines[sentence])


def _ids(numbers: Sequence[Any]) -> Ids:
    return np.array(numbers, np.int64)
