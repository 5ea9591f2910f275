"""Words to ids: normal forms, the vocabulary with its file, its rows of vectors, and the shape of a token.

Normal form: NFC, lower case, every decimal digit of any script written 0, as in the word vectors.
Ids: 0 padding, 1 unknown, then the words. The file of a vocabulary has one word a line, so line k + 1 is
word k, in UTF-8; what could not be seen or would not survive an editor is escaped:

    \\\\        a backslash
    \\e        the empty word
    \\uHHHH    a space or a character that does not print (line separators, zero-width joiners, lone
              surrogates, a carriage return …); \\UHHHHHHHH beyond the first plane; H is a hexadecimal digit
"""

import re
import unicodedata
from codecs import getincrementaldecoder
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from chainrule.compute.files import written_whole
from chainrule.errors import DataError, SettingError
from chainrule.ner.notebook import shown_vocabulary
from chainrule.ner.vectors import Floats, Vectors
from chainrule.ner.words import ENCODING, Index, Words

Ids = npt.NDArray[np.int64]

PAD, UNK = "<pad>", "<unk>"
PADDING, UNKNOWN = 0, 1
SPECIAL = (PAD, UNK)
LINE, END = "\n", b"\n"
PIECE = 1 << 16  # bytes
MANY = 1 << 12  # words, from which on they are kept as `Words`

CACHED = 64  # code points; longer tokens are rare and would let a cache grow without bound
DIGIT = re.compile(r"\d")
SIGNS = re.compile(r"^[^\w]+|[^\w]+$")
STRETCHED = re.compile(r"(.)\1{2,}")
ESCAPE = re.compile(r"\\(?:(\\)|(e\Z)|u([0-9a-f]{4})|U([0-9a-f]{8})|)")


def normalise(word: str) -> str:
    """Return the normal form; `normalise(normalise(word)) == normalise(word)`."""
    return _cached_normal(word) if len(word) <= CACHED else _normal(word)


def _normal(word: str) -> str:
    if word.isascii():
        return DIGIT.sub("0", word.lower())
    lowered = unicodedata.normalize("NFC", word).lower()
    return DIGIT.sub("0", unicodedata.normalize("NFC", lowered))


_cached_normal = lru_cache(maxsize=1 << 16)(_normal)


def normals(tokens: Sequence[str]) -> list[str]:
    """Return the normal forms: of the lines of one text, since nothing in Unicode looks across a line break."""
    found = _normal("\n".join(tokens)).split("\n")
    return found if len(found) == len(tokens) else list(map(normalise, tokens))


def spellings(normal: str) -> Iterator[str]:
    """Spell a word as it is looked up, until one is known.

    As it stands; without the # or @ at its head; without signs at its ends; with letters that stand more than
    twice in a row twice, and once (`sooo`); the last part of `anglo-saxon`.
    """
    yield normal
    if len(normal) > 1 and normal[0] in "#@":
        yield normal[1:]
    if solid := SIGNS.sub("", normal):
        yield solid
        yield STRETCHED.sub(r"\1\1", solid)
        yield STRETCHED.sub(r"\1", solid)
        yield solid.rpartition("-")[2]


@dataclass(frozen=True)
class Vocabulary:
    """V words in normal form; the place of a word is its id, and the first two are `<pad>` and `<unk>`.

    A token spelt `<pad>` or `<unk>` is an unknown word: padding cannot be forged by a text. `counts`, where
    the vocabulary was built and not read, has the tokens in training of each word, at UNKNOWN those of the
    words that were too rare; `shared` are further words that have the number of the last one. Many words are
    kept as `Words`. Raises DataError for repeated words, line breaks, or other first words.
    """

    words: tuple[str, ...] | Words
    counts: tuple[int, ...] = field(default=(), compare=False, repr=False)
    shared: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.words[:2] != SPECIAL:
            raise DataError(f"vocabulary: begins with {self.words[:2]!r}; put {PAD} and {UNK} first")
        if isinstance(self.words, Words):
            _check_many(self)
        else:
            _check(*self.words, *self.shared)

    def _repr_html_(self) -> str:
        return shown_vocabulary(self)

    @classmethod
    def build(cls, sentences: Iterable[Sequence[str]], minimum: int = 1, extra: Iterable[str] = ()) -> Self:
        """Unite the words that training has at least `minimum` times with `extra`, the words of vectors.

        Order: by falling frequency, then alphabetically; then `extra` as they come. Raises SettingError
        where `minimum` is not positive.
        """
        if minimum < 1:
            raise SettingError(f"minimum is {minimum}; give 1 to keep every word, or more")
        seen = Counter(map(normalise, chain.from_iterable(sentences)))
        tokens = seen.total()
        ranked = sorted(seen, key=lambda word: (-seen[word], word))
        frequent = (word for word in ranked if seen[word] >= minimum)
        words = dict.fromkeys(chain(frequent, map(_normal, extra)))
        for special in SPECIAL:
            words.pop(special, None)
        counts = [seen[word] for word in words]
        return cls((*SPECIAL, *words), (0, tokens - sum(counts), *counts))

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read what `write` wrote. Raises DataError (`path[:line]: cause; repair`)."""
        path = Path(path)
        raw = _utf8(path).replace(b"\r\n", b"\n")
        if raw and not raw.endswith(b"\n"):
            raise DataError(f"{path}:{raw.count(END) + 1}: the last line has no end; copy the file again, whole")
        words = kept(b"".join(_plain(raw, path)))
        try:
            return cls(words)
        except DataError as error:
            raise DataError(f"{path}: {str(error).removeprefix('vocabulary: ')}") from None

    def write(self, path: str | Path) -> None:
        """Write the words, one escaped word a line; the file appears whole or not. Raises DataError."""
        with written_whole(Path(path)) as file:
            file.write("".join(f"{_escaped(word)}\n" for word in self.words).encode())

    @cached_property
    def lookup(self) -> Mapping[str, int]:
        """Id of every word but the two special ones."""
        if isinstance(self.words, Words):
            every = Words.of((*self.words, *self.shared)) if self.shared else self.words
            return Index(every, len(SPECIAL), len(self.words) - 1)
        last = dict.fromkeys(self.shared, len(self.words) - 1)
        return {word: number for number, word in enumerate(self.words) if number > UNKNOWN} | last

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, token: str) -> bool:
        """Whether the token has an id other than the one of the unknown."""
        return self.id(token) != UNKNOWN

    def id(self, token: str) -> int:
        """Return the id of the first of its `spellings` that is known, else UNKNOWN."""
        normal = normalise(token)
        number = self.lookup.get(normal)
        if number is None:
            number = next((self.lookup[form] for form in spellings(normal) if form in self.lookup), UNKNOWN)
        return number

    def ids(self, tokens: Sequence[str]) -> Ids:
        """Return the id of each token, int64 (N,)."""
        found = np.fromiter(map(self.lookup.get, normals(tokens), repeat(UNKNOWN)), np.int64, len(tokens))
        for k in np.flatnonzero(found == UNKNOWN).tolist():
            found[k] = self.id(tokens[k])
        return found


def kept(raw: bytes) -> tuple[str, ...] | Words:
    """Words in UTF-8, a line break behind each, as objects or, where they are many, as `Words`."""
    return Words(raw) if raw.count(END) >= MANY else tuple(Words(raw))


def _check(*words: str) -> None:
    if len(set(words)) < len(words):
        word, times = Counter(words).most_common(1)[0]
        raise DataError(f"vocabulary: {word!r} is there {times} times; keep one")
    if (broken := next((word for word in words if LINE in word), None)) is not None:
        raise DataError(f"vocabulary: {broken!r} has a line break; split the token there")


def _check_many(vocabulary: Vocabulary) -> None:
    """The same where the words are `Words`, which hold no line break."""
    try:
        _ = vocabulary.lookup
    except ValueError as error:
        times = sum(word == str(error) for word in (*vocabulary.words, *vocabulary.shared))
        raise DataError(f"vocabulary: {str(error)!r} is there {times} times; keep one") from None


def _utf8(path: Path) -> bytes:
    """The bytes of a file, which are read as text piece by piece: all at once that can be four times as long."""
    try:
        raw, decoder = path.read_bytes(), getincrementaldecoder("utf-8")()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); check the name") from None
    try:
        for k in range(0, len(raw), PIECE):
            decoder.decode(raw[k : k + PIECE], k + PIECE >= len(raw))
    except UnicodeDecodeError as error:
        place = raw.find(error.object[error.start :], max(0, k - 4))
        raise DataError(f"{path}: byte {place} is not UTF-8; save the file as UTF-8") from None
    return raw


def _escaped(word: str) -> str:
    if word == "":
        return r"\e"
    return "".join(map(_visible, word)) if " " in word or "\\" in word or not word.isprintable() else word


def _visible(character: str) -> str:
    if character == "\\":
        return r"\\"
    if character != " " and character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"


def _plain(raw: bytes, path: Path) -> Iterator[bytes]:
    """The pieces of a text of lines, those with escapes without."""
    done, number = 0, 1
    while (at := raw.find(b"\\", done)) >= 0:
        start, end = raw.rfind(END, done, at) + 1 or done, raw.find(END, at)
        number += raw.count(END, done, start)
        yield raw[done:start]
        word = _unescaped(raw[start:end].decode(), f"{path}:{number}")
        if LINE in word:
            raise DataError(f"{path}: {word!r} has a line break; split the token there")
        yield word.encode(*ENCODING)
        done = end
    yield raw[done:]


def _unescaped(line: str, place: str) -> str:
    if "\\" not in line:
        return line

    def character(match: re.Match[str]) -> str:
        backslash, empty, short, long = match.groups()
        code = int(short or long or "110000", 16)
        if backslash or (empty and len(line) == 2):
            return backslash or ""
        if code > 0x10FFFF:
            raise DataError(f"{place}: {line!r} has an escape that is not known; write a backslash as \\\\")
        return chr(code)

    return ESCAPE.sub(character, line)


class Embedding(NamedTuple):
    """First word vectors of a model: `matrix`, float32 (V, D); `known`, bool (V,), rows taken from a file.

    `coverage` is the share of the training tokens that have a vector of their own; of the words, where the
    vocabulary was read and its counts are gone.
    """

    matrix: Floats
    known: npt.NDArray[np.bool_]
    coverage: float


def embed(
    vocabulary: Vocabulary, vectors: Vectors, rng: np.random.Generator | int, scale: float | None = None
) -> Embedding:
    """Give every word a row: its vector, that of a word with its normal form, or Uniform(−r, r); `<pad>` 0.

    A word without a vector takes that of the first of its `spellings` that has one. r is `scale`; by
    default √3 times the root mean square of the vectors that were found, so that drawn rows have the same
    variance (Kim 2014, "Convolutional neural networks for sentence classification", §4); where none was
    found √(3/D), rows of length one in the mean (Ma and Hovy 2016, §3.1).
    """
    sources = _sources(vocabulary, vectors)
    known = sources >= 0
    matrix = np.zeros((len(vocabulary), vectors.dimension), np.float32)
    matrix[known] = vectors.matrix[sources[known]]
    drawn = ~known
    drawn[PADDING] = False
    radius = _radius(matrix[known]) if scale is None else scale
    uniform = np.random.default_rng(rng).random((int(drawn.sum()), vectors.dimension), np.float32)
    matrix[drawn] = (2 * uniform - 1) * np.float32(radius)
    return Embedding(matrix, known, _coverage(vocabulary, known))


def _sources(vocabulary: Vocabulary, vectors: Vectors) -> Ids:
    """Return the row in `vectors` of every word, int64 (V,), −1 where there is none."""
    normals: dict[str, int] = {}
    for row, word in enumerate(vectors.words):
        normals.setdefault(_normal(word), row)

    def source(word: str) -> int:
        found = (vectors.lookup.get(form, normals.get(form, -1)) for form in spellings(word))
        return next((row for row in found if row >= 0), -1)

    sources = np.fromiter(map(source, vocabulary.words), np.int64, len(vocabulary))
    sources[PADDING] = -1
    return sources


def _radius(rows: Floats) -> float:
    """Half the width of a uniform law with the mean square of `rows`, float32 (N, D)."""
    squares = float(np.einsum("nd,nd->", rows, rows, dtype=np.float64))
    return float(np.sqrt(3 * squares / rows.size if squares else 3 / rows.shape[1]))


def _coverage(vocabulary: Vocabulary, known: npt.NDArray[np.bool_]) -> float:
    counts = np.array(vocabulary.counts or [0, 0] + [1] * (len(vocabulary) - 2), np.int64)
    owned = counts * known
    owned[UNKNOWN] = 0
    return float(owned.sum() / max(1, counts.sum()))


CAPS = ("padding", "lower", "upper", "title", "mixed", "digits", "punctuation", "other")
_PADDING, LOWER, UPPER, TITLE, MIXED, DIGITS, PUNCTUATION, OTHER = range(len(CAPS))
PUNCTUATION_CLASSES = frozenset({"Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk"})


def caps(token: str) -> int:
    """Return the shape of a token as its place in CAPS (the "caps" feature of Collobert et al. 2011, §4.1).

    With cased letters: all small, all capital, the first one capital, or capitals elsewhere. Without any
    letter: with a number, or signs only. "other" is the rest: scripts without case, emoji, the empty token.
    "padding" is for the places beside a sentence; no token has it.
    """
    return _cached_caps(token) if len(token) <= CACHED else _caps(token)


def _caps(token: str) -> int:
    if token.islower():
        return LOWER
    if token.isupper():
        return UPPER
    if token[:1].isupper():
        return TITLE
    cased = next((letter for letter in token if letter.isupper() or letter.islower() or letter.istitle()), "")
    if cased:
        return MIXED if cased.islower() else TITLE
    if any(map(str.isalpha, token)):
        return OTHER
    if any(map(str.isnumeric, token)):
        return DIGITS
    signs = token != "" and all(unicodedata.category(sign) in PUNCTUATION_CLASSES for sign in token)
    return PUNCTUATION if signs else OTHER


_cached_caps = lru_cache(maxsize=1 << 16)(_caps)


def caps_ids(tokens: Sequence[str]) -> Ids:
    """Return the shape of each token, int64 (N,)."""
    return np.fromiter(map(_caps, tokens), np.int64, len(tokens))
