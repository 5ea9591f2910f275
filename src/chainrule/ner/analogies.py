"""Word vectors judged by analogies: questions in sections, and the share of each that is answered rightly.

    : capital-common-countries
    Athens Greece Baghdad Iraq

is the format of questions-words.txt of word2vec (Mikolov et al. 2013, arXiv 1301.3781, section 4.1). The answer is
the word that `similar.METHODS` puts first, none of the three; questions with a word without a vector are left out.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError, counted
from chainrule.learn.choose import choose
from chainrule.ner.similar import METHODS, Similar
from chainrule.ner.vectors import Floats
from chainrule.ner.vocab import normalise

TOGETHER = 1 << 22  # cosines held at once, for each of a, b and c
ALL = "all"


class Question(NamedTuple):
    """`a` is to `b` as `c` is to `d`."""

    a: str
    b: str
    c: str
    d: str


class Section(NamedTuple):
    """How many questions of a section were answered rightly, of those asked; how many there are."""

    name: str
    right: int
    asked: int
    questions: int

    @property
    def accuracy(self) -> float:
        """The share of right answers; NaN where nothing was asked."""
        return self.right / self.asked if self.asked else float("nan")


def read_questions(path: str | Path) -> dict[str, list[Question]]:
    """The questions of each section. Raises DataError (`path[:line]: cause; repair`)."""
    path = Path(path)
    sections: dict[str, list[Question]] = {}
    name = "questions"
    for number, line in enumerate(_lines(path), 1):
        if line.startswith(":"):
            name = line[1:].strip()
        elif words := line.split():
            if len(words) != 4:
                cause = f"{counted(len(words), 'word')}, but 4 are due"
                raise DataError(f"{path}:{number}: {cause}; write `a b c d`, or `: section`")
            sections.setdefault(name, []).append(Question(*words))
    if not sections:
        raise DataError(f"{path}: there is no question in it; write lines of four words, `a b c d`")
    return sections


def _lines(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start:,} is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); check the name") from None


def answered(similar: Similar, sections: Mapping[str, list[Question]], method: str = "add") -> list[Section]:
    """The figures of every section, and of all together.

    Words are found as they are written, or else by their normal form. Raises SettingError for an unknown method.
    """
    unit, found = similar.unit, []
    for name, questions in sections.items():
        rows = np.array([row for q in questions if (row := _rows(similar, q, len(unit)))], np.int64).reshape(-1, 4)
        right = sum(int((best == part[:, 3]).sum()) for part, best in _best(unit, rows, method))
        found.append(Section(name, right, len(rows), len(questions)))
    return [*found, Section(ALL, *(sum(column) for column in list(zip(*found, strict=True))[1:]))]


def _rows(similar: Similar, question: Question, most: int) -> list[int]:
    """The rows of the four words; none where one has no vector."""
    lookup = similar.vectors.lookup
    rows = [lookup.get(word, lookup.get(normalise(word), most)) for word in question]
    return rows if max(rows) < most else []


def _best(
    unit: Floats, rows: NDArray[np.int64], method: str
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Some questions at a time, (n, 4), and the row of the answer to each, (n,)."""
    score = choose("method", method, METHODS)
    step = max(1, TOGETHER // max(1, len(unit)))
    for k in range(0, len(rows), step):
        part = rows[k : k + step]
        scores = score(*(unit[part[:, place]] @ unit.T for place in range(3)))
        for place in range(3):
            scores[np.arange(len(part)), part[:, place]] = -np.inf
        yield part, scores.argmax(axis=1)
