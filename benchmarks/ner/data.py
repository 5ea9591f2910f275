"""The data that taggers are compared on: files that the user names, and public corpora where they are at hand.

The folder of the public ones is `CHAINRULE_DATA`, or `../shared/data` beside the repository.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.ner import Corpus, Sentence, read_corpus, read_vectors, sample
from chainrule.ner.clusters import clustered
from chainrule.ner.tags import convert, spans, tags_of

SHARED = Path(os.environ.get("CHAINRULE_DATA", Path(__file__).parents[3] / "shared" / "data"))
VECTORS = SHARED / "vectors" / "enwiki-50d.bin"


class Parts(NamedTuple):
    """Tagged sentences to learn from, to choose by and to judge by; tags are IOB2."""

    train: Corpus
    dev: Corpus
    test: Corpus


class Data(NamedTuple):
    """What a system is given. `vectors` is a file of word vectors, None for characters and where there is none."""

    name: str
    title: str
    parts: Parts
    vectors: Path | None

    @property
    def characters(self) -> bool:
        """Whether the tokens are characters."""
        return self.parts.train.characters

    def table(self) -> tuple[list[str], NDArray[np.float32] | None]:
        """The words that have vectors, and these, (V, D); None without a file."""
        if self.vectors is None:
            return [], None
        vectors = read_vectors(self.vectors)
        return vectors.words, vectors.matrix

    def clusters(self, *counts: int) -> dict[str, list[int]]:
        """The clusters of every word that has a vector, at these granularities."""
        words, matrix = self.table()
        if matrix is None:
            return {}
        every = np.ones(len(words), np.bool_)
        numbers: Any = np.stack([clustered(matrix, every, count) for count in counts], axis=1)
        return dict(zip(words, numbers.tolist(), strict=True))


class Missing(Exception):  # noqa: N818  a sentence, not a fault
    """Data that are not here, and what to do about it."""


def wnut() -> Parts:
    """WNUT-17, emerging names."""
    return _files(*(SHARED / "ner" / "wnut17" / f"{part}.conll" for part in Parts._fields))


def btc() -> Parts:
    """The Broad Twitter Corpus: train = a, b, e, g and the first half of h; dev the second half; test = f."""
    a, b, e, g, h, f = (_file(SHARED / "ner" / "btc" / f"{part}.conll") for part in "abeghf")
    half = len(h.sentences) // 2
    learned = [s for part in (a, b, e, g) for s in part.sentences]
    return Parts(a.of([*learned, *h.sentences[:half]]), h.of(h.sentences[half:]), f)


def klue() -> Parts:
    """Korean, a character a line."""
    return _files(*(SHARED / "ner" / "klue" / f"{part}.tsv" for part in Parts._fields))


ALIKE: Mapping[str, str] = {
    **dict.fromkeys(("PER", "person"), "PER"),
    **dict.fromkeys(("LOC", "location"), "LOC"),
    **dict.fromkeys(("ORG", "corporation", "group"), "ORG"),
}
"""Labels of several corpora by what they mean alike; names with others are left out."""


def english() -> Parts:
    """Two hundred thousand words: train of BTC, of WNUT-17, and WikiGold; dev and test of the first two."""
    first, second = btc(), wnut()
    wikigold = _file(SHARED / "ner" / "wikigold" / "wikigold.conll")
    return Parts(
        _joined(first.train, second.train, wikigold),
        _joined(first.dev, second.dev),
        _joined(first.test, second.test),
    )


def _joined(*corpora: Corpus) -> Corpus:
    return corpora[0].of(
        s._replace(
            tags=tags_of(
                [n._replace(label=ALIKE[n.label]) for n in spans(s.tags) if n.label in ALIKE], len(s.tags)
            )
        )
        for corpus in corpora
        for s in corpus.sentences
    )


def bundled() -> Parts:
    """The sample of the package."""
    return Parts(*(_settled(part) for part in sample()))


class Known(NamedTuple):
    """A public corpus: what it is called in the table, and where its parts come from."""

    title: str
    parts: Callable[[], Parts]


KNOWN: Mapping[str, Known] = {
    "wnut": Known("WNUT-17", wnut),
    "btc": Known("BTC", btc),
    "klue": Known("KLUE, characters", klue),
    "english": Known("BTC + WNUT-17 + WikiGold", english),
    "sample": Known("the bundled sample", bundled),
}
USUAL = ("wnut", "btc", "klue")


def data_named(text: str, vectors: Path | None) -> Data:
    """The data of `NAME` among the known ones, or of `NAME=TRAIN,DEV,TEST`.

    Words get the vectors, characters none. Raises Missing with a sentence for files that are not here.
    """
    name, named, files = text.partition("=")
    if named:
        paths = [Path(path) for path in files.split(",")]
        if len(paths) != len(Parts._fields):
            raise Missing(f"{name}: give three files, as in {name}=train.conll,dev.conll,test.conll")
        title, parts = name, _files(*paths)
    elif name in KNOWN:
        title, parts = KNOWN[name].title, KNOWN[name].parts()
    else:
        raise Missing(f"{name}: is not known; there are {', '.join(KNOWN)}, and NAME=TRAIN,DEV,TEST for your own")
    given = None if parts.train.characters or name == "sample" else vectors
    return Data(name, title, parts, given)


def _files(*paths: Path) -> Parts:
    return Parts(*map(_file, paths))


def _file(path: Path) -> Corpus:
    if not path.exists():
        raise Missing(f"{path}: is not here; name your own with --data, or the folder with CHAINRULE_DATA")
    return _settled(read_corpus(path))


def _settled(corpus: Corpus) -> Corpus:
    """With tags in IOB2, and `_` where a token is empty, which some systems cannot have."""
    sentences = (
        Sentence([t or "_" for t in s.tokens], convert(s.tags, "IOB2"), s.line, s.document)
        for s in corpus.sentences
    )
    return Corpus(corpus.path, tuple(sentences), "IOB2")
