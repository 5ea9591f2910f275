"""spaCy's files of training, `.spacy`: documents packed as a DocBin, to and from records."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, BinaryIO

from chainrule.errors import DataError
from chainrule.ner.formats_conll import Reading, Writing
from chainrule.ner.formats_fit import Demands
from chainrule.ner.formats_record import Name, Record
from chainrule.ner.formats_table import Format
from chainrule.ports.extra import needed


def read(path: str | Path, reading: Reading | None = None) -> Iterator[Record]:
    """The documents of a file: text, tokens, names. Raises DataError; place is the number of the document."""
    tokens, vocab = needed("spacy.tokens", __name__), needed("spacy.vocab", __name__)
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    try:
        docs = tokens.DocBin().from_bytes(raw).get_docs(vocab.Vocab())
        for number, doc in enumerate(docs, 1):
            yield _record(doc, f"{path}:{number}")
    except DataError:
        raise
    except Exception as error:  # whatever packed data that is damaged comes to inside spaCy
        raise DataError(f"{path}: is no DocBin of spaCy, or damaged ({error}); write it again") from None


def _record(doc: Any, place: str) -> Record:
    names = tuple(Name(e.start_char, e.end_char, e.label_) for e in doc.ents)
    tokens = tuple((t.idx, t.idx + len(t)) for t in doc if not t.is_space)
    return Record(doc.text, names, tokens, place)


def write(given: Iterable[Record], stream: BinaryIO, writing: Writing) -> None:
    """Write records as a DocBin, which is packed in memory."""
    tokens, vocab = needed("spacy.tokens", __name__), needed("spacy.vocab", __name__).Vocab()
    stream.write(tokens.DocBin(docs=(_doc(record, tokens.Doc, vocab) for record in given)).to_bytes())


def _doc(record: Record, make: Any, vocab: Any) -> Any:
    """A document whose text is that of the record; space beside a blank between two tokens is a token."""
    words: list[str] = []
    spaces: list[bool] = []
    ends = [0, *chain.from_iterable(record.tokens or ()), len(record.text)]
    for k, (start, end) in enumerate(pairwise(ends)):
        part = record.text[start:end]
        if k % 2 == 0 and words and part.startswith(" "):  # a gap, whose first blank belongs to the token before
            spaces[-1], part = True, part[1:]
        if part:
            words.append(part)
            spaces.append(False)
    doc = make(vocab, words, spaces)
    doc.ents = [doc.char_span(name.start, name.end, name.label) for name in record.names]
    return doc


FORMAT = Format(
    "documents of spaCy, .spacy",
    frozenset({"nul", "text", "tokens"}),
    replace(Demands(), borders=True, disjoint=True, trimmed=True),
    None,
    write,
    (".spacy",),
    read,
)
