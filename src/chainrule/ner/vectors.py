"""Word vectors in the files people have: word2vec binary and text, GloVe, fastText `.vec`, plain or gzip.

The format is found from the content, never from the name. A file is mapped, not read, and nothing is
allocated by the word of a header alone: every array is bounded by the bytes that are there.

    V D ⏎ (word ␠ D little-endian float32 [⏎]) × V      word2vec binary
    V D ⏎ (word ␠ D numbers ⏎) × V                      word2vec text, fastText .vec
          (word ␠ D numbers ⏎) …                        GloVe text
"""

import gzip
import mmap
import os
import re
import shutil
import tempfile
import zlib
from array import array
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, NoReturn, cast

import numpy as np
import numpy.typing as npt

from chainrule.compute.files import written_whole
from chainrule.errors import DataError, counted
from chainrule.ner.notebook import shown_vectors

Kind = Literal["binary", "text", "glove"]
Floats = npt.NDArray[np.float32]
Keep = Collection[str] | Callable[[str], bool]

LONGEST_WORD = 4096  # bytes; word2vec itself cuts words at 100, gensim at 2,000
LONGEST_LINE = 1 << 22  # bytes of the first line: 300,000 numbers
ROWS = 4096  # text rows handed to NumPy's parser at once
NUMBER = re.compile(rb"[+-]?((\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|nan|inf|infinity)", re.IGNORECASE)
HEADER = re.compile(rb"[ \t]*(\d{1,30})[ \t]+(\d{1,30})\s*")
UNWRITABLE = re.compile("[ \n\ud800-\udfff]")
PRINTABLE = bytes(range(32, 127)) + b"\t\r\n"
UNPACK = "; unpack it and give the file inside"
FOREIGN = (
    (rb"PK\x03\x04", f"a zip archive{UNPACK}"),
    (rb"BZh[1-9]1AY&SY", f"a bzip2 file{UNPACK}"),
    (rb"\xfd7zXZ\x00", f"an xz file{UNPACK}"),
    (rb"\x28\xb5\x2f\xfd", f"a Zstandard file{UNPACK}"),
    (rb"\xba\x16\x4f\x2f", "a fastText model, not vectors; give the .vec file that lies beside it"),
    (rb"\x80[\x02-\x05]", "a Python pickle, which could run code; in gensim write it with save_word2vec_format"),
    (rb"\x93NUMPY", "an array of NumPy, without words; give a word2vec, GloVe or fastText .vec file"),
)
"""How files begin that are something else, and what to do with them."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """V words and their vectors: row k of `matrix`, float32 (V, D), belongs to `words[k]`.

    `notes` are sentences about what the reader had to repair. Raises DataError where words and rows differ.
    """

    words: list[str]
    matrix: Floats
    path: Path | None = None
    kind: Kind = "binary"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or self.matrix.shape[0] != len(self.words) or self.matrix.shape[1] < 1:
            cause = f"{counted(len(self.words), 'word')} with a matrix of shape {self.matrix.shape}"
            _refuse(self.path or "vectors", cause, "give a row for each word")

    def __len__(self) -> int:
        return len(self.words)

    def _repr_html_(self) -> str:
        return shown_vectors(self)

    def __contains__(self, word: object) -> bool:
        return word in self.lookup

    @property
    def dimension(self) -> int:
        """D, the numbers of one vector."""
        return int(self.matrix.shape[1])

    @cached_property
    def lookup(self) -> dict[str, int]:
        """Row number of each word, exactly as it is spelt; of repeated words the first."""
        return {word: row for row, word in reversed(list(enumerate(self.words)))}

    def first(self, count: int) -> "Vectors":
        """The first `count` words and their vectors, as views; all of them for 0."""
        return replace(self, words=self.words[:count], matrix=self.matrix[:count]) if count else self

    def row(self, word: str) -> Floats:
        """Return the vector of `word`, float32 (D,), as a view; KeyError where there is none."""
        return cast("Floats", self.matrix[self.lookup[word]])


def read_vectors(path: str | Path, *, dimension: int | None = None, words: Keep | None = None) -> Vectors:
    """Read word vectors of any supported format, in the order of the file.

    `dimension` is the D that the caller needs; `words`, a collection or a predicate, keeps only some rows,
    and the numbers of the others are not looked at.
    Raises DataError (`path[:line]: cause; repair`) for whatever keeps the file from being used whole.
    """
    path = Path(path)
    intake = _Intake(words)
    with _mapped(path) as data:
        layout = _layout(data, path)
        if dimension not in (None, layout.D):
            _refuse(path, f"has {layout.D} numbers a word, not {dimension}", "choose other vectors")
        read = _read_binary if layout.kind == "binary" else _read_text
        matrix, lines = read(data, path, layout, intake)
    found = list(intake.words)
    _refuse_nonfinite(path, found, matrix, lines)
    return Vectors(found, matrix, path, layout.kind, intake.notes())


def write_vectors(path: str | Path, vectors: Vectors, kind: Literal["binary", "text"] = "binary") -> None:
    """Write word2vec binary or text; a name that ends in `.gz` is compressed. The file appears whole or not.

    Raises DataError where a word or number could not be read back, or the file cannot be written.
    """
    path = Path(path)
    _refuse_unwritable(path, vectors)
    rows = _binary_rows(vectors) if kind == "binary" else _text_rows(vectors)
    with written_whole(path) as file, ExitStack() as stack:
        packed = gzip.GzipFile("", "wb", 6, file, mtime=0) if path.suffix == ".gz" else None
        out = stack.enter_context(packed) if packed else file
        out.write(b"%d %d\n" % vectors.matrix.shape)
        out.writelines(rows)


class _Intake:
    """Decides which words of a file stay, and counts what had to be repaired."""

    def __init__(self, keep: Keep | None) -> None:
        self.keep = keep if keep is None or callable(keep) else frozenset(keep).__contains__
        self.words: dict[str, None] = {}
        self.undecodable = self.repeated = 0

    def take(self, raw: bytes) -> bool:
        """Whether the row of this word is wanted: the first of its name, and asked for."""
        try:
            word = raw.decode()
        except UnicodeDecodeError:
            word = raw.decode(errors="replace")
            self.undecodable += 1
        new = word not in self.words
        self.repeated += not new
        wanted = new and (self.keep is None or self.keep(word))
        if wanted:
            self.words[word] = None
        return wanted

    def notes(self) -> tuple[str, ...]:
        """Return a sentence for each kind of repair."""
        repairs = (
            (self.undecodable, "word", "not in UTF-8: the wrong bytes read as U+FFFD"),
            (self.repeated, "repeated word", "left out: the first of each name counts"),
        )
        return tuple(f"{counted(number, noun)} {what}" for number, noun, what in repairs if number)


class _Layout(NamedTuple):
    kind: Kind
    V: int | None
    D: int
    start: int


_Row = tuple[int, bytes, bytes]  # line number, word, numbers


def _refuse(place: str | Path, cause: str, repair: str) -> NoReturn:
    raise DataError(f"{place}: {cause}; {repair}") from None


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    """Map the file, or what it unpacks to (in a nameless temporary file), as read-only memory."""
    with ExitStack() as stack:
        try:
            file = _plain(path, stack)
            size = os.fstat(file.fileno()).st_size
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else None
        except FileNotFoundError:
            _refuse(path, "there is no such file", "check the name")
        except (EOFError, gzip.BadGzipFile, zlib.error):
            _refuse(path, "the gzip data is cut off or damaged", "download it again")
        except OSError as error:
            _refuse(path, f"cannot be read ({error.strerror or error})", "check its rights and the disk")
        if data is None:
            _refuse(path, "is empty", "give a file of word vectors")
        yield data


def _plain(path: Path, stack: ExitStack) -> BinaryIO:
    if path.is_dir():
        _refuse(path, "is a folder", "name the file of vectors in it")
    if path.exists() and not path.is_file():
        _refuse(path, "is not a regular file", "save the vectors to a file first")
    file = stack.enter_context(path.open("rb"))
    if file.read(2) != b"\x1f\x8b":
        return file
    plain = cast("BinaryIO", stack.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115 - the stack closes it
    with gzip.open(path) as packed:
        shutil.copyfileobj(packed, plain, 1 << 20)
    plain.flush()
    return plain


def _layout(data: mmap.mmap, path: Path) -> _Layout:
    for sign, what in FOREIGN:
        if re.match(sign, data):
            raise DataError(f"{path}: is {what}")
    origin = 3 if data[:3] == b"\xef\xbb\xbf" else 0
    line, following = _line(data, origin)
    if (header := HEADER.fullmatch(line)) is None:
        return _Layout("glove", None, _headless_dimension(data, path, line, following), origin)
    V, D = int(header[1]), int(header[2])
    if V == 0 or D == 0:
        cause = f"the header says {counted(V, 'word')} of {counted(D, 'number')}"
        _refuse(f"{path}:1", cause, "give vectors that hold something")
    fitting = (len(data) - following + 1) // (2 * D + 1)  # a number and its separator: two bytes at least
    if fitting < V:
        _refuse_header(path, V, D, f"a file of {len(data):,} bytes holds at most {fitting:,}")
    kind: Kind = "text" if _is_text(data, following, V, D) else "binary"
    return _Layout(kind, V, D, following)


def _line(data: mmap.mmap, start: int) -> tuple[bytes, int]:
    end = data.find(b"\n", start, start + LONGEST_LINE)
    return (data[start : start + LONGEST_LINE], len(data)) if end < 0 else (data[start:end], end + 1)


def _headless_dimension(data: mmap.mmap, path: Path, line: bytes, following: int) -> int:
    """Count the numbers at the end of a GloVe line; one alone must be confirmed by the line after it."""
    fields = line.split()
    D = next((k for k, field in enumerate(reversed(fields)) if not NUMBER.fullmatch(field)), len(fields) - 1)
    after = _line(data, following)[0].split()
    if D < 1 or (D == 1 and after and len(after) != 2):
        cause = f"{_shown(line)} is neither a header (`words dimension`) nor a word and its numbers"
        _refuse(f"{path}:1", cause, "correct it, or give a word2vec, GloVe or fastText .vec file")
    return D


def _shown(word: str | bytes) -> str:
    text = word if isinstance(word, str) else word.decode(errors="replace")
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _is_text(data: mmap.mmap, start: int, V: int, D: int) -> bool:
    """Whether the first row is spelt out: D numbers on its line, or else no bytes that only floats have."""
    line = _line(data, start)[0]
    fields = line.split()
    if len(fields) + line[:1].isspace() > D and all(map(NUMBER.fullmatch, fields[-D:])):
        return True
    cut = data.find(b" ", start, start + LONGEST_WORD)
    if data[cut + 1 : cut + 1 + 4 * D].translate(None, PRINTABLE):
        return False
    cuts = _walk(data, start, V, D)
    return len(cuts) < V or len(data) - (cuts[-1] + 1 + 4 * D) not in (0, 1)


def _walk(data: mmap.mmap, start: int, V: int, D: int) -> "array[int]":
    """Find the space after each word of a binary file; fewer than V where the file ends or loses step."""
    cuts, step, last = array("q"), 4 * D + 1, max(0, len(data) - 4 * D)
    for _ in range(V):
        cut = data.find(b" ", start, min(start + LONGEST_WORD, last))
        if cut < 0:
            break
        cuts.append(cut)
        start = cut + step
    return cuts


def _read_binary(data: mmap.mmap, path: Path, layout: _Layout, intake: _Intake) -> tuple[Floats, None]:
    V, D, start = layout.V or 0, layout.D, layout.start
    cuts, kept = _walk(data, start, V, D), array("q")
    if len(cuts) < V:
        _refuse_header(path, V, D, f"only {len(cuts):,} are there")
    end = cuts[-1] + 1 + 4 * D
    if len(data) - end > 2 or data[end:].strip():
        _refuse_header(path, V, D, f"{counted(len(data) - end, 'byte')} follow the last of them")
    for cut in cuts:
        if intake.take(data[start:cut].lstrip(b"\n")):
            kept.append(cut + 1)
        start = cut + 1 + 4 * D
    return _gather(data, np.array(kept, np.int64), D), None


def _gather(data: mmap.mmap, starts: npt.NDArray[np.int64], D: int) -> Floats:
    """Copy the unaligned runs of D floats that begin at `starts`, int64 (V,), into float32 (V, D)."""
    runs = np.ndarray((len(data) - 4 * D + 1,), f"V{4 * D}", data, strides=(1,))
    return runs[starts].view("<f4").reshape(len(starts), D).astype(np.float32, copy=False)


def _read_text(data: mmap.mmap, path: Path, layout: _Layout, intake: _Intake) -> tuple[Floats, "array[int]"]:
    matrix, lines = np.empty((_most_rows(data, layout), layout.D), np.float32), array("q")
    wanted = (row for row in _rows(data, path, layout) if intake.take(row[1]))
    while batch := list(islice(wanted, ROWS)):
        matrix[len(lines) : len(lines) + len(batch)] = _parse(path, batch, layout.D)
        lines.extend(row[0] for row in batch)
    return matrix if len(lines) == len(matrix) else matrix[: len(lines)].copy(), lines


def _most_rows(data: mmap.mmap, layout: _Layout) -> int:
    size, block = len(data), 1 << 20
    ends = sum(data[k : k + block].count(b"\n") for k in range(layout.start, size, block))
    return min(ends + (data[-1:] != b"\n"), (size - layout.start + 1) // (2 * layout.D + 1))


def _rows(data: mmap.mmap, path: Path, layout: _Layout) -> Iterator[_Row]:
    """Split lines from the right, for GloVe 840B has words with spaces in them; blank lines are skipped."""
    V, D, start = layout.V, layout.D, layout.start
    data.seek(start)
    found = 0
    for number, line in enumerate(iter(data.readline, b""), 1 if V is None else 2):
        row = line.rstrip()
        found += bool(row)
        if row.count(b" ") == D:
            word, _, numbers = row.partition(b" ")
            yield number, word, numbers
        elif row:
            word, *fields = row.rsplit(None, D)
            inner = word.split()
            if len(fields) < D or (len(inner) > 1 and NUMBER.fullmatch(inner[-1])):
                cause = f"{counted(len(row.split()) - 1, 'number')} after {_shown(inner[0])}, but {D} are due"
                _refuse(f"{path}:{number}", cause, "repair or remove the line")
            yield number, word, b" ".join(fields)
    if V is not None and found != V:
        _refuse_header(path, V, D, f"{'only ' * (found < V)}{found:,} are there")


def _parse(path: Path, rows: list[_Row], D: int) -> Floats:
    numbers = [row[2] for row in rows]
    with suppress(ValueError), np.errstate(over="ignore"):
        parsed = np.loadtxt(numbers, np.float32, comments=None, ndmin=2, encoding="latin1")
        if parsed.shape == (len(rows), D):
            return parsed
    for line, word, fields in rows:
        wrong = next((field for field in fields.split(b" ") if not NUMBER.fullmatch(field)), None)
        if wrong is not None:
            cause = f"{_shown(wrong)} in the row of {_shown(word)} is not a number"
            _refuse(f"{path}:{line}", cause, "repair or remove the line")
    _refuse(f"{path}:{rows[0][0]}", "the rows from here on are not numbers", "download the file again")


def _refuse_header(path: Path, V: int, D: int, but: str) -> NoReturn:
    cause = f"the header says {counted(V, 'word')} of {counted(D, 'number')}, but {but}"
    _refuse(path, cause, "download the file again or correct its header")


def _refuse_nonfinite(path: Path, words: list[str], matrix: Floats, lines: "array[int] | None") -> None:
    blocks = (np.isfinite(matrix[k : k + ROWS]).all(axis=1) for k in range(0, len(matrix), ROWS))
    bad = [k * ROWS + int(row) for k, good in enumerate(blocks) for row in np.flatnonzero(~good)]
    if bad:
        place = path if lines is None else f"{path}:{lines[bad[0]]}"
        cause = f"{counted(len(bad), 'word')} with NaN or infinite numbers, first {_shown(words[bad[0]])}"
        _refuse(place, cause, "remove the rows or train the vectors again")


def _refuse_unwritable(path: Path, vectors: Vectors) -> None:
    if not len(vectors):
        _refuse(path, "there are no words to write", "keep at least one")
    for word in vectors.words:
        if UNWRITABLE.search(word):
            cause = f"{_shown(word)} has a space, a line break or a lone surrogate"
            _refuse(path, cause, "the format cannot hold such words: leave them out")
    _refuse_nonfinite(path, vectors.words, vectors.matrix, None)


def _binary_rows(vectors: Vectors) -> Iterator[bytes]:
    matrix = vectors.matrix.astype("<f4", order="C", copy=False)
    return (word.encode() + b" " + row.tobytes() for word, row in zip(vectors.words, matrix, strict=True))


def _text_rows(vectors: Vectors) -> Iterator[bytes]:
    form = " ".join(["%.9g"] * vectors.dimension)  # nine digits name every float32
    rows = zip(vectors.words, vectors.matrix.astype(np.float32, copy=False), strict=True)
    return (f"{word} {form % tuple(row.tolist())}\n".encode() for word, row in rows)
