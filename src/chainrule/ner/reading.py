"""Texts to kinds of tokens, many texts at once, and where their tokens lie.

A text is cut at its spaces into chunks, and what a chunk comes to is remembered: its tokens, whether a sentence
may end with it or begin. The same words return again and again, so that little of a text is read letter by letter.
The result is what `tokenizer` makes of it, token for token: a chunk is read by itself wherever no pattern looks
beyond the space, and the one that does, for `No. 5` and `J. Smith`, is asked what follows. Lines with other
white space inside, with stops that need no space after them, and short texts, go the plain way.
"""

import re
import threading
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.tokenizer import (
    CAPITALS,
    CHARACTERS,
    MARKS,
    TOKENIZERS,
    Token,
    abbreviates,
    cut_text,
    opens,
    stops,
)
from chainrule.ner.vocab import CACHED, CAPS, Vocabulary, caps

Ids = NDArray[np.int64]
SHORT = 1500  # characters; below this it takes longer to ask than to read
MOST_TOKENS, MOST_CHUNKS = 1 << 17, 1 << 16  # that are remembered

_LINE = re.compile(r"[^\n\r\v\f\x85\u2028\u2029]+")
_FULL_STOPS = re.compile("[。！？]")
_MARK = re.compile(f"[{MARKS}]")
_CAPITAL = re.compile(f"[{CAPITALS}]")


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


class Kinds(dict[str, int]):
    """Token → its kind: word and shape as one number. What is asked for is remembered, within bounds."""

    def __init__(self, vocabulary: Vocabulary, shapes: bool) -> None:
        self._vocabulary, self._shapes = vocabulary, shapes

    def __missing__(self, token: str) -> int:
        number = self._vocabulary.id(token)
        kind = number * len(CAPS) + caps(token) if self._shapes else number
        if len(token) <= CACHED:
            if len(self) >= MOST_TOKENS:
                self.clear()
            self[token] = kind
        return kind

    def of(self, tokens: Sequence[str]) -> Ids:
        """The kinds of tokens, (N,)."""
        return np.fromiter(map(self.__getitem__, tokens), np.int64, len(tokens))


# ── what is known of chunks ───────────────────────────────────────────────────────────────────────────

FIRST, COUNT, LENGTH, ODD, ENDS, OPENS, ASKS, SHOWS, INSTEAD = range(9)
NOTHING, CAPITAL, DIGIT = range(3)  # what a chunk asks for behind it, and what another shows in front
LAST = frozenset(".?!…\"'”’»)]")  # a chunk that may end a sentence ends so
FOLLOWERS = {CAPITAL: " A", DIGIT: " 1"}


class Chunks(dict[str, int]):
    """Chunk → its number, that of a row of facts (N, 9); its tokens are rows of another table: kind, start, end.

    ODD      whether its line must be read the plain way
    ENDS     whether a sentence ends with it, if the next chunk OPENS one
    INSTEAD  the number that stands for it where the next chunk SHOWS what it ASKS for
    """

    def __init__(self, tokenizer: str, kinds: Kinds) -> None:
        self._cut, self._kinds, self._single = TOKENIZERS[tokenizer], kinds, tokenizer == CHARACTERS
        self._facts = _Table(np.zeros((256, 9), np.int32))
        self._tokens = _Table(np.zeros((256, 3), np.int64))
        self._lock = threading.Lock()

    def tables(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The facts of all chunks that have a number, and the tokens."""
        with self._lock:
            return self._facts.array(), self._tokens.array()

    def __missing__(self, chunk: str) -> int:
        with self._lock:
            number = self.get(chunk)
            if number is None:
                number = self._added(chunk)
                self[chunk] = number
            return number

    def _added(self, chunk: str) -> int:
        if not (chunk.isalnum() and chunk.isascii() and len(chunk) <= CACHED) and self._is_odd(chunk):
            return self._row([], len(chunk), odd=True)
        found = self._cut(chunk)
        asked = self._asked(chunk, found)
        number = self._row(
            found,
            len(chunk),
            odd=len(asked) > 1,
            ends=chunk[-1:] in LAST and self._ends(chunk),
            opens=opens(chunk, 0),
            shows=CAPITAL if _CAPITAL.match(chunk) else DIGIT if chunk[:1].isdecimal() else NOTHING,
        )
        for asks, other in asked.items():
            instead = self._row(other, len(chunk))
            row = self._facts.new[number - instead - 1]
            row[ASKS], row[INSTEAD] = asks, instead
        return number

    def _is_odd(self, chunk: str) -> bool:
        spaced = chunk.split() != [chunk] and chunk != ""
        marked = self._single and _MARK.match(chunk) is not None
        return len(chunk) > CACHED or spaced or marked or _FULL_STOPS.search(chunk) is not None

    def _ends(self, chunk: str) -> bool:
        stop = next((m[0] for m in stops(chunk + " ") if m.end() == len(chunk)), "")
        return stop != "" and not (stop == "." and abbreviates(chunk, len(chunk)))

    def _asked(self, chunk: str, found: list[Token]) -> dict[int, list[Token]]:
        """What else the chunk would be, by what follows."""
        if not chunk.endswith(".") or self._single:
            return {}
        others = {asks: self._cut(chunk + behind)[:-1] for asks, behind in FOLLOWERS.items()}
        return {asks: other for asks, other in others.items() if other != found}

    def _row(
        self,
        found: list[Token],
        length: int,
        odd: bool = False,
        ends: bool = False,
        opens: bool = False,
        shows: int = NOTHING,
    ) -> int:
        first, number = self._tokens.count, self._facts.count
        self._tokens.add([[self._kinds[t.text], t.start, t.end] for t in found])
        self._facts.add([[first, len(found), length, odd, ends, opens, NOTHING, shows, number]])
        return number


class _Table:
    """Rows of whole numbers that are added to; an array that was given out stays as it is."""

    def __init__(self, empty: NDArray[Any]) -> None:
        self._rows, self.count, self.new = empty, 0, list[list[int]]()

    def add(self, rows: list[list[int]]) -> None:
        self.new += rows
        self.count += len(rows)

    def array(self) -> NDArray[Any]:
        """All rows, and room behind them."""
        if self.new:
            if self.count > len(self._rows):
                room = np.zeros((self.count, self._rows.shape[1]), self._rows.dtype)
                self._rows = np.concatenate([self._rows, room])
            self._rows[self.count - len(self.new) : self.count] = self.new
            self.new = []
        return self._rows


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────


class _Lines(NamedTuple):
    """Lines without a line break: the text they are of, and where they begin in it."""

    texts: list[int]
    starts: list[int]
    lines: list[str]


class Reader:
    """Reads texts for a model: its vocabulary, its tokenizer, and whether it looks at the shapes of words."""

    def __init__(self, vocabulary: Vocabulary, tokenizer: str, shapes: bool) -> None:
        self._tokenizer, self._single = tokenizer, tokenizer == CHARACTERS
        self.kinds = Kinds(vocabulary, shapes)
        self._chunks = Chunks(tokenizer, self.kinds)

    def read(self, texts: Sequence[str]) -> Reading:
        """What the texts hold, as `plain` has it."""
        if sum(map(len, texts)) < SHORT:
            return self.plain(texts)
        lines = _Lines([], [], [])
        for k, text in enumerate(texts):
            for m in _LINE.finditer(text):
                lines.texts.append(k)
                lines.starts.append(m.start())
                lines.lines.append(m[0])
        if len(self._chunks) >= MOST_CHUNKS:
            self._chunks = Chunks(self._tokenizer, self.kinds)
        return self._read(lines, len(texts))

    def plain(self, texts: Sequence[str]) -> Reading:
        """The same, sentence by sentence and token by token."""
        cut = [cut_text(text, self._tokenizer) for text in texts]
        tokens = [token for text in cut for sentence in text for token in sentence]
        return Reading(
            self.kinds.of([t.text for t in tokens]),
            _ids([len(sentence) for text in cut for sentence in text]),
            _ids([t.start for t in tokens]),
            _ids([t.end for t in tokens]),
            np.array([t.text.isspace() for t in tokens] if self._single else len(tokens) * [False], np.bool_),
            _ids([sum(map(len, text)) for text in cut]),
        )

    def tokens(self, sentences: Sequence[Sequence[str]]) -> Reading:
        """Sentences that are cut into tokens already, as one text."""
        kinds = self.kinds.of(list(chain.from_iterable(sentences)))
        lengths = _ids([n for n in map(len, sentences) if n])
        return Reading(kinds, lengths, _ids([]), _ids([]), np.zeros(0, np.bool_), _ids([len(kinds)]))

    def _read(self, lines: _Lines, texts: int) -> Reading:
        cut = [line.split(" ") for line in lines.lines]
        given = _given(self._chunks, cut)
        odd = np.zeros(len(cut), np.bool_)
        odd[given.line[given.facts[:, ODD] != 0]] = True
        single = self.kinds[" "] if self._single else None
        found = _joined(given, (given.facts[:, LENGTH] != 0) & ~odd[given.line], single)
        if odd.any():
            found = _merged([found, *(self._plain_line(lines.lines[k], k) for k in np.flatnonzero(odd).tolist())])
        offset, text = _ids(lines.starts)[found.line], _ids(lines.texts)[found.line]
        starts, ends = found.places[:, 0] + offset, found.places[:, 1] + offset
        return Reading(found.kinds, found.lengths, starts, ends, found.spaces, np.bincount(text, minlength=texts))

    def _plain_line(self, line: str, k: int) -> "_Found":
        r = self.plain([line])
        places = np.stack([r.starts, r.ends], axis=1)
        return _Found(r.kinds, places, r.spaces, np.full(len(r.kinds), k), r.lengths, np.full(len(r.lengths), k))


class _Given(NamedTuple):
    """The chunks of all lines: what is known of each, where it begins in its line, and which line that is."""

    known: tuple[NDArray[np.int32], NDArray[np.int64]]
    facts: NDArray[np.int32]
    start: Ids
    line: Ids


class _Found(NamedTuple):
    """Tokens: kinds (N,), places in their line (N, 2), whether space, line; sentences: lengths (S,) and line."""

    kinds: Ids
    places: Ids
    spaces: NDArray[np.bool_]
    line: Ids
    lengths: Ids
    lines: Ids


def _given(memory: Chunks, cut: Sequence[Sequence[str]]) -> _Given:
    chunks = list(chain.from_iterable(cut))
    numbers = np.fromiter(map(memory.__getitem__, chunks), np.int64, len(chunks))
    known = memory.tables()
    facts, counts = known[0][numbers], _ids(list(map(len, cut)))
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
    return _Found(found[:, 0], places, free, line[chunk], np.diff(end[last], prepend=0), line[last])


def _merged(parts: Sequence[_Found]) -> _Found:
    """The tokens and sentences of several parts in the order of their lines; no line is in two of them."""
    kinds, places, spaces, line, lengths, lines = (np.concatenate(column) for column in zip(*parts, strict=True))
    tokens, sentence = np.argsort(line, kind="stable"), np.argsort(lines, kind="stable")
    return _Found(kinds[tokens], places[tokens], spaces[tokens], line[tokens], lengths[sentence], lines[sentence])


def _ids(numbers: Sequence[int]) -> Ids:
    return np.array(numbers, np.int64)
