"""Phrases: two words that stand side by side more often than by chance become one, as in new_york.

    score(a, b) = N (n_ab − δ) / (n_a n_b)      joined where it exceeds a threshold

n_ab counts a before b, N all words, δ keeps pairs of rare words apart (Mikolov et al. 2013, arXiv 1310.4546,
equation 6, times N, as in word2phrase). Signs, which have neither letter nor digit, are never joined. A line is
joined from left to right; a further pass joins what the last one joined, so that p passes make phrases of up to 2ᵖ
words. Works on the numbers of words, in pieces: memory holds the
vocabulary and a bounded number of pairs.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import counted
from chainrule.learn.choose import within
from chainrule.ner.word_counts import END, RARE, Numbers, Text, occurrences

Integers = NDArray[np.int64]

PART = 1 << 20  # numbers looked at together
PAIRS = 4_000_000  # pairs that are counted; beyond, the rarest are forgotten
SIGN = "_"
NAMED = 3  # phrases that are named


@dataclass(frozen=True, kw_only=True)
class Phrases:
    """How phrases are made; raises SettingError outside their range.

    passes      how many times words are joined; 0 joins none
    threshold   the least score; higher: fewer phrases
    minimum     δ, and how often a word or phrase occurs that is kept
    """

    passes: int = 0
    threshold: float = 100.0
    minimum: int = 5

    def __post_init__(self) -> None:
        within("the number of passes for phrases", self.passes, least=0, whole=True)
        within("the threshold of phrases", self.threshold, above=0)
        within("the minimum count", self.minimum, least=1, whole=True)


class _Pairs(NamedTuple):
    """Pairs as keys a V + b, (P,), in order, how often each occurs, and how rare those are that were forgotten."""

    keys: Integers
    counts: Integers
    floor: int = 0


@contextmanager
def phrased(text: Text, how: Phrases, most: int = PAIRS) -> Iterator[Text]:
    """The text with its phrases joined, its words in the order of the new counts; the text itself for no pass.

    `text` must have been numbered with `gaps`. What has become rarer than the minimum is left out.
    """
    if not how.passes:
        yield text
        return
    with ExitStack() as stack:
        words, floor = len(text.words), 0
        for _ in range(how.passes):
            pairs = _counted(text, how.minimum, most)
            floor = max(floor, pairs.floor)
            text = _joined(text, pairs, how, _file(stack))
        yield _settled(text, how.minimum, words, floor, _file(stack))


def _file(stack: ExitStack) -> BinaryIO:
    return cast("BinaryIO", stack.enter_context(tempfile.TemporaryFile()))


def _counted(text: Text, minimum: int, most: int) -> _Pairs:
    """How often words that are frequent enough stand side by side."""
    pairs = _Pairs(np.empty(0, np.int64), np.empty(0, np.int64))
    often = (text.counts >= minimum) & np.fromiter((any(map(str.isalnum, w)) for w in text.words), np.bool_)
    for chunk in text.chunks(PART):
        met, counts = np.unique(_keys(chunk, often), return_counts=True)
        keys, place = np.unique(np.concatenate([pairs.keys, met]), return_inverse=True)
        sums = np.bincount(place, np.concatenate([pairs.counts, counts]), len(keys)).astype(np.int64)
        pairs = _Pairs(keys, sums, pairs.floor)
        while len(pairs.keys) > most:
            floor = pairs.floor + 1
            kept = pairs.counts > floor
            pairs = _Pairs(pairs.keys[kept], pairs.counts[kept], floor)
    return pairs


def _keys(chunk: Numbers, often: NDArray[np.bool_]) -> Integers:
    """The keys of the pairs of frequent words."""
    a, b = chunk[:-1].astype(np.int64), chunk[1:].astype(np.int64)
    both = (a >= 0) & (b >= 0)
    a, b = a[both], b[both]
    both = often[a] & often[b]
    return a[both] * len(often) + b[both]


def _joined(text: Text, pairs: _Pairs, how: Phrases, file: BinaryIO) -> Text:
    """The text with the pairs whose score exceeds the threshold as words of their own."""
    V = len(text.words)
    a, b = pairs.keys // V, pairs.keys % V
    scores = text.kept * (pairs.counts - how.minimum) / (text.counts[a] * text.counts[b].astype(float))
    chosen = scores > how.threshold
    keys, words = pairs.keys[chosen], list(text.words)
    number = {word: k for k, word in enumerate(words)}
    numbers = np.empty(len(keys), np.int32)
    for k, (first, second) in enumerate(zip(a[chosen].tolist(), b[chosen].tolist(), strict=True)):
        name = text.words[first] + SIGN + text.words[second]
        numbers[k] = number.setdefault(name, len(words))
        if numbers[k] == len(words):
            words.append(name)
    for chunk in text.chunks(PART):
        file.write(_replaced(chunk, V, keys, numbers).tobytes())
    return replace(text, words=words, counts=occurrences(file, len(words)), file=file)


def _replaced(chunk: Numbers, V: int, keys: Integers, numbers: Numbers) -> Numbers:
    """A piece of text in which pairs with these keys are these numbers; of pairs that share a word the first."""
    if not len(keys) or len(chunk) < 2:
        return chunk
    a, b = chunk[:-1].astype(np.int64), chunk[1:].astype(np.int64)
    wanted = np.where((a >= 0) & (b >= 0), a * V + b, -1)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    hit = keys[place] == wanted
    at = np.arange(len(hit))
    first = np.maximum.accumulate(np.where(hit & ~np.append(False, hit[:-1]), at, 0))
    taken = hit & ((at - first) % 2 == 0)  # every other one of a run
    found = chunk.copy()
    found[:-1][taken] = numbers[place[taken]]
    kept: Numbers = found[~np.append(False, taken)]
    return kept


def _settled(text: Text, minimum: int, words: int, floor: int, file: BinaryIO) -> Text:
    """The text without what is rare, words numbered by their counts; `words` is how many there were at first."""
    often = np.flatnonzero(text.counts >= minimum).tolist()
    order = sorted(often, key=lambda k: (-text.counts[k], text.words[k]))
    number = np.full(len(text.words) + 2, RARE, np.int32)  # with RARE and END behind, as −2 and −1 look them up
    number[order] = np.arange(len(order))
    number[END] = END
    for chunk in text.chunks(PART):
        found = number[chunk]
        found = found[found != RARE]
        file.write(found[~((found == END) & (np.append(END, found[:-1]) == END))].tobytes())
    phrases = [k for k in order if k >= words]
    named = ", ".join(text.words[k] for k in phrases[:NAMED])
    notes = [f"{counted(len(phrases), 'phrase')}{', as ' * bool(phrases)}{named}"]
    notes += [f"pairs seen {counted(floor, 'time')} or less were forgotten on the way"] if floor else []
    return Text(
        [text.words[k] for k in order], text.counts[order], text.read, (*text.notes, *notes), file, len(phrases)
    )
