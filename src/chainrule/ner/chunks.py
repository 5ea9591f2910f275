"""What is known of chunks, the parts of a line between spaces; what is new is found out in bulk.

New chunks are cut into tokens as the lines of one text: no pattern looks across two line breaks. Of what is known
the part is forgotten that was not met again.
"""

import re
import threading
from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.features import Ids
from chainrule.ner.kinds import Kinds, Table
from chainrule.ner.lattice import ranges
from chainrule.ner.tokenizer import CAPITALS, CHARACTERS, MARKS, PATTERNS, abbreviates, opens, stops
from chainrule.ner.vocab import CACHED

MOST_CHUNKS, MOST_CUT = 1 << 16, 1 << 18  # known chunks, and tokens in them: some 250 bytes and 12 each, 20 MB


# ── chunks ────────────────────────────────────────────────────────────────────────────────────────────

FACTS = range(10)
FIRST, COUNT, LENGTH, ODD, ENDS, OPENS, ASKS, SHOWS, INSTEAD, MET = FACTS
NOTHING, CAPITAL, DIGIT = range(3)  # what a chunk asks for behind it, and what another shows in front
LAST = frozenset(".?!…\"'”’»)]")  # a chunk that may end a sentence ends so
FOLLOWERS = {CAPITAL: " A", DIGIT: " 1"}
APART = "\n\n"  # between what is cut at once: `No.` looks for a digit behind one space

_CAPITAL = re.compile(f"[{CAPITALS}]")
_LOOKS_ON = re.compile(rf"(?:No|[{CAPITALS}])\.\Z")
_ODD = r"[^\S\n]|[。！？]"
_ODD_IN = {
    name: re.compile(rf"{_ODD}|^[{MARKS}]" if name == CHARACTERS else _ODD, re.MULTILINE) for name in PATTERNS
}


class Known(NamedTuple):
    """Facts of chunks, in rows by their number, and kind, start and end of their tokens, (M, 3).

    FIRST    the row of its first token, of COUNT ones; LENGTH is that of the chunk in characters
    ODD      whether its line must be read the plain way
    ENDS     whether a sentence ends with it, if the next chunk OPENS one
    INSTEAD  the number that stands for it where the next chunk SHOWS what it ASKS for
    MET      when it was looked up last
    """

    facts: NDArray[np.int32]
    tokens: NDArray[np.int32]


class Chunks:
    """The chunks that were met, with their numbers; the half that was met last is kept where they are too many."""

    def __init__(self, tokenizer: str, kinds: Kinds) -> None:
        self._kinds, self._pattern, self._odd = kinds, PATTERNS[tokenizer], _ODD_IN[tokenizer]
        self._single = tokenizer == CHARACTERS
        self._numbers: dict[str, int] = {}
        self._facts, self._tokens, self._time = Table(len(FACTS)), Table(3), 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._numbers)

    def look_up(self, chunks: Sequence[str]) -> tuple[Ids, Known]:
        """The number of each chunk, (N,), and what is known by numbers."""
        with self._lock:
            if len(self._numbers) > MOST_CHUNKS or self._tokens.count > MOST_CUT:
                self._halve()
            numbers = np.fromiter(map(self._numbers.get, chunks, repeat(-1)), np.int64, len(chunks))
            missing = np.flatnonzero(numbers < 0)
            if len(missing):
                new = [chunks[k] for k in missing.tolist()]
                self._learn(list(dict.fromkeys(new)))
                numbers[missing] = list(map(self._numbers.__getitem__, new))
            self._time += 1
            self._facts.rows[numbers, MET] = self._time
            return numbers, Known(self._facts.rows, self._tokens.rows)

    def _learn(self, chunks: list[str]) -> None:
        """Add the facts of new chunks, and behind them those of what is to stand instead of some."""
        lengths = _lengths(chunks)
        odd = lengths > CACHED
        marked = [m.start() for m in self._odd.finditer("\n".join(chunks))]
        odd[np.cumsum(lengths + 1).searchsorted(marked, side="right")] = True
        plain = np.flatnonzero(~odd)
        kept = [chunks[k] for k in plain.tolist()]
        asking = (
            [] if self._single else [k for k, c in enumerate(kept) if c[-1:] == "." and _LOOKS_ON.search(c[-3:])]
        )
        asked = [(k, asks) for k in asking for asks in FOLLOWERS]
        tokens, counts = self._cut(kept, [kept[k] + FOLLOWERS[asks] for k, asks in asked])
        firsts = np.cumsum(counts) - counts
        facts = np.zeros((len(chunks) + len(asked), len(FACTS)), np.int32)
        facts[: len(chunks), LENGTH], facts[: len(chunks), ODD] = lengths, odd
        facts[plain, ENDS] = _ends(kept)
        facts[plain[:, None], [OPENS, SHOWS]] = _opening(kept)
        rows = np.concatenate([plain, np.arange(len(chunks), len(facts))])
        facts[rows, FIRST], facts[rows, COUNT] = firsts + self._tokens.count, counts
        facts[:, INSTEAD] = np.arange(len(facts)) + self._facts.count
        for place, (k, asks) in enumerate(asked, len(kept)):
            here, other = (tokens[firsts[n] : firsts[n] + counts[n]] for n in (k, place))
            facts[rows[place], LENGTH] = len(kept[k])
            if not np.array_equal(here, other):
                row = facts[plain[k]]
                row[ODD] = row[ASKS] != NOTHING  # one that asks for two things
                row[ASKS], row[INSTEAD] = asks, facts[rows[place], INSTEAD]
        self._numbers.update(zip(chunks, range(self._facts.count, self._facts.count + len(chunks)), strict=True))
        self._facts.add(facts)
        self._tokens.add(tokens)

    def _cut(self, chunks: list[str], followed: list[str]) -> tuple[NDArray[np.int32], Ids]:
        """The tokens of chunks and of followed ones without what follows, (M, 3), and how many each has.

        Nothing but space lies between tokens, so that their lengths say where they are.
        """
        texts = chunks + followed
        tokens = self._pattern.findall(APART.join(texts))
        if self._single:
            tokens = [token for token in tokens if token != "\n"]
        behind = np.repeat([0, 1], [len(chunks), len(followed)])  # letters of what follows, and spaces before it
        sizes, widths = _lengths(texts) - behind, _lengths(tokens)
        after, ends = np.cumsum(sizes), np.cumsum(widths)
        of = after.searchsorted(ends)
        ends -= (after - sizes)[of]
        kept = ends <= (sizes - behind)[of]
        found = np.stack([self._kinds.of(tokens), ends - widths, ends], axis=1)[kept]
        return found.astype(np.int32), np.bincount(of[kept], minlength=len(texts))

    def _halve(self) -> None:
        """Forget the chunks that were not met for longest, and number the others anew."""
        facts, chunks = self._facts.rows, np.array(list(self._numbers), object)
        numbers = np.fromiter(self._numbers.values(), np.int64, len(chunks))
        last = np.sort(np.argsort(-facts[numbers, MET], kind="stable")[: len(chunks) // 2])
        kept = np.unique(np.concatenate([numbers[last], facts[numbers[last], INSTEAD]]))
        tokens = self._tokens.rows[
            ranges(facts[kept, FIRST].astype(np.int64), facts[kept, COUNT].astype(np.int64))
        ]
        facts = facts[kept]
        facts[:, FIRST] = np.cumsum(facts[:, COUNT]) - facts[:, COUNT]
        facts[:, INSTEAD] = kept.searchsorted(facts[:, INSTEAD])
        self._numbers = dict(zip(chunks[last].tolist(), kept.searchsorted(numbers[last]).tolist(), strict=True))
        self._facts, self._tokens = Table(len(FACTS)), Table(3)
        self._facts.add(facts)
        self._tokens.add(tokens)


def _lengths(strings: Sequence[str]) -> Ids:
    return np.fromiter(map(len, strings), np.int64, len(strings))


def _ends(chunks: Sequence[str]) -> NDArray[np.bool_]:
    """Whether a sentence ends with each chunk, (N,), if another may begin behind it."""
    found = np.zeros(len(chunks), np.bool_)
    last = [k for k, chunk in enumerate(chunks) if chunk[-1:] in LAST]
    text = "".join(f"{chunks[k]} " for k in last)
    after = dict(zip((np.cumsum(_lengths([chunks[k] for k in last]) + 1) - 1).tolist(), last, strict=True))
    for m in stops(text):
        if m.end() in after and not (m[0] == "." and abbreviates(text, m.end())):
            found[after[m.end()]] = True
    return found


def _opening(chunks: Sequence[str]) -> Ids:
    """Whether each opens a sentence, and what it shows in front, (N, 2): a matter of its first character."""
    firsts = [chunk[:1] for chunk in chunks]
    known = {first: (opens(first, 0), _shown(first)) for first in set(firsts)}
    return np.array([known[first] for first in firsts], np.int64).reshape(-1, 2)


def _shown(first: str) -> int:
    return CAPITAL if _CAPITAL.match(first) else DIGIT if first.isdecimal() else NOTHING
