"""Text of any size as numbers of its words: counted in a first pass, written to a file as numbers in a second.

Memory is bounded by the vocabulary, never by the text: a nameless file holds four bytes for every word. Windows do
not cross the end of a line.
"""

import gzip
import tempfile
import zlib
from codecs import getincrementaldecoder
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError, counted
from chainrule.learn.choose import choose, within
from chainrule.ner import tokenizer
from chainrule.ner.vocab import normalise

Numbers = NDArray[np.int32]

END, RARE = -1, -2  # of a line; a word that is not in the vocabulary
PIECE = 1 << 20  # bytes of text read at once; longer lines are cut
FORMS = 4_000_000  # spellings that are counted; beyond, the rarest are forgotten


def _signs(text: str) -> list[str]:
    return [token.text for token in tokenizer.characters(text) if not token.text.isspace()]


UNITS: Mapping[str, Callable[[str], list[str]]] = {
    "words": tokenizer.words,
    "characters": _signs,
    "spaces": str.split,
}
"""How a line is cut: into the tagger's words, into characters, or at spaces alone."""

SPELLINGS: Mapping[str, Callable[[str], str]] = {"normal": normalise, "lower": str.lower, "written": str}
"""How a word is spelt: as the tagger looks it up, in lower case, or as it is written."""


@dataclass(frozen=True)
class Cut:
    """How text becomes words, see UNITS and SPELLINGS. Raises SettingError for other names."""

    unit: str = "words"
    spelling: str = "normal"

    def __post_init__(self) -> None:
        choose("unit", self.unit, UNITS)
        choose("spelling", self.spelling, SPELLINGS)


@dataclass(frozen=True, eq=False)
class Text:
    """V words, the most frequent first, how often each occurs, (V,), and the text as their numbers, in a file.

    `read` is the number of all words of the text, those too among them that were left out as too rare; `phrases`
    how many of the V words were joined of several.
    """

    words: list[str]
    counts: NDArray[np.int64]
    read: int
    notes: tuple[str, ...]
    file: BinaryIO
    phrases: int = 0

    @property
    def kept(self) -> int:
        """How many words of the text are in the vocabulary."""
        return int(self.counts.sum())

    def chunks(self, size: int) -> Iterator[Numbers]:
        """The text in order, at most `size` numbers at once: words, and END after each line.

        Chunks end with a line, unless that is longer than a chunk.
        """
        self.file.seek(0)
        rest = np.empty(0, np.int32)
        while data := self.file.read(4 * (size - len(rest))):
            part = np.concatenate([rest, np.frombuffer(data, np.int32)])
            ends = np.flatnonzero(part == END)
            cut = int(ends[-1]) + 1 if len(ends) else len(part)
            yield part[:cut]
            rest = part[cut:]
        if len(rest):
            yield rest


@contextmanager
def numbered(
    paths: Sequence[str | Path],
    minimum: int = 5,
    cut: Cut | None = None,
    tell: Callable[[int], None] = lambda read: None,
    forms: int = FORMS,
    gaps: bool = False,
) -> Iterator[Text]:
    """Count the words of files of text, plain or gzip, and number those that occur at least `minimum` times.

    `tell` is told now and then how many words were counted. With `gaps` a word that is too rare stands in the
    text as RARE; without, its neighbours stand side by side. Words that are equally frequent stand in the order of
    the alphabet. Raises DataError (`path: cause; repair`) for what is not text, and for text with fewer than two
    words that are frequent enough; SettingError where `minimum` is not positive.
    """
    within("the minimum count", minimum, least=1, whole=True)
    cut = cut or Cut()
    unit, spell = UNITS[cut.unit], SPELLINGS[cut.spelling]
    written: Counter[str] = Counter()
    read = floor = 0
    for lines in _pieces(paths):
        met = [word for line in lines for word in unit(line)]
        written.update(met)
        read += len(met)
        tell(read)
        while len(written) > forms:
            floor += 1
            written = Counter({word: count for word, count in written.items() if count > floor})
    totals: Counter[str] = Counter()
    for word, count in written.items():
        totals[spell(word)] += count
    words = sorted((word for word, count in totals.items() if count >= minimum), key=lambda w: (-totals[w], w))
    if len(words) < 2:
        _refuse_few(paths, totals, minimum)
    known = {word: k for k, word in enumerate(words)}
    numbers = _Numbers(
        {word: known.get(spell(word), RARE) for word in written}, lambda w: known.get(spell(w), RARE)
    )
    written.clear()
    totals.clear()
    with tempfile.TemporaryFile() as file:
        for lines in _pieces(paths):
            for line in lines:
                met = unit(line)
                ids = np.fromiter(map(numbers.__getitem__, met), np.int32, len(met))
                if len(ids := ids if gaps else ids[ids != RARE]):
                    file.write(ids.tobytes() + _END)
        notes = (f"spellings seen {counted(floor, 'time')} or less were forgotten on the way",) if floor else ()
        yield Text(words, occurrences(cast("BinaryIO", file), len(words)), read, notes, cast("BinaryIO", file))


class _Numbers(dict[str, int]):
    """The number of every spelling; those that were forgotten are looked up by their form."""

    def __init__(self, given: Mapping[str, int], otherwise: Callable[[str], int]) -> None:
        super().__init__(given)
        self._otherwise = otherwise

    def __missing__(self, word: str) -> int:
        return self._otherwise(word)


def occurrences(file: BinaryIO, V: int) -> NDArray[np.int64]:
    """How often each of V numbers stands in a file, (V,)."""
    counts = np.zeros(V + 1, np.int64)
    file.seek(0)
    while data := file.read(16 * PIECE):
        counts += np.bincount(np.maximum(np.frombuffer(data, np.int32), END) - END, minlength=V + 1)
    return counts[1:]


def _pieces(paths: Sequence[str | Path]) -> Iterator[list[str]]:
    """The lines of files, in lists of about PIECE bytes."""
    for path in map(Path, paths):
        with ExitStack() as stack:
            try:
                file = _opened(path, stack)
                yield from _lines(file, path)
            except FileNotFoundError:
                _refuse(path, "there is no such file", "check the name")
            except (EOFError, gzip.BadGzipFile, zlib.error):
                _refuse(path, "the gzip data is cut off or damaged", "copy or download it again")
            except OSError as error:
                if error.filename is None:  # not of this file
                    raise
                _refuse(path, f"cannot be read ({error.strerror or error})", "check its rights and the disk")


def _opened(path: Path, stack: ExitStack) -> BinaryIO:
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "not a regular file, and text is read twice"
        _refuse(path, f"is {what}", "give a file of text")
    file = stack.enter_context(path.open("rb"))
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return cast("BinaryIO", stack.enter_context(gzip.GzipFile(fileobj=file))) if packed else file


def _lines(file: BinaryIO, path: Path) -> Iterator[list[str]]:
    decoder = getincrementaldecoder("utf-8")()
    rest, place = "", 0
    while data := file.read(PIECE):
        if (zero := data.find(0)) >= 0:
            _refuse(path, f"byte {place + zero:,} is 0, so it is no text", "give a file of text in UTF-8")
        before = place - len(decoder.getstate()[0])
        try:
            text = rest + decoder.decode(data)
        except UnicodeDecodeError as error:
            _refuse(path, f"byte {before + error.start:,} is not UTF-8", "save the file as UTF-8")
        if place == 0:
            text = text.removeprefix("\ufeff")
        place += len(data)
        cut = max(text.rfind("\n"), -1) + 1
        if not cut and len(text) > PIECE:  # a line that does not end
            cut = text.rfind(" ") + 1 or len(text)
        rest = text[cut:]
        yield text[:cut].split("\n")
    if decoder.getstate()[0]:
        _refuse(
            path, f"byte {place - len(decoder.getstate()[0]):,} is not UTF-8", "the file is cut off: copy it again"
        )
    yield [rest]


def _refuse(path: Path, cause: str, repair: str) -> NoReturn:
    raise DataError(f"{path}: {cause}; {repair}") from None


def _refuse_few(paths: Sequence[str | Path], totals: Mapping[str, int], minimum: int) -> NoReturn:
    place = Path(paths[0]) if len(paths) == 1 else Path(f"{paths[0]} …")
    if not totals:
        _refuse(place, "there is no word in it", "give a file of text")
    often = [word for word, count in totals.items() if count >= minimum]
    found = f"only {often[0]!r}" if often else "no word"
    most = max(totals, key=lambda word: totals[word])
    of = f"of {counted(len(totals), 'word')}, of which {most!r} is the most frequent ({totals[most]:,})"
    _refuse(place, f"{found} {of}, occurs {counted(minimum, 'time')}", "give more text, or a lower --min-count")


_END = np.int32(END).tobytes()
