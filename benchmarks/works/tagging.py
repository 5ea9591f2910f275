"""Words tagged in a second on one thread, from raw text to entities, and what the parts of that take.

What is measured is a tagger that has read such text before: it remembers the words that it met.

The tagger is trained on the bundled sample. Where the shared data is (`CHAINRULE_DATA`, or `../shared/data` beside
the repository) it has the word vectors of there, and the text is that of Wikipedia; else the sample is read again.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contestant import Contest, Contestant, Entry, Role
from benchmarks.judge import rate

from chainrule.ner import Tagger
from chainrule.ner.bundled import sample
from chainrule.ner.decode import Scorer
from chainrule.ner.reading import Reader

DATA = Path(os.environ.get("CHAINRULE_DATA", Path(__file__).parents[3] / "shared" / "data"))
VECTORS, TEXT = DATA / "vectors" / "enwiki-50d.bin", DATA / "text" / "enwiki.txt"
CHARACTERS = 600_000


@cache
def texts(length: int) -> list[str]:
    """Paragraphs of about so many characters."""
    if TEXT.exists():
        with TEXT.open(encoding="utf-8") as file:
            return [line.strip() for line in file.readlines(length) if line.strip()]
    again = [" ".join(sentence.tokens) for part in sample() for sentence in part.sentences]
    return again * -(-length // sum(map(len, again)))


def ours(folder: str, length: int, part: str) -> Contestant:
    """The tagger, or a part of it with what the parts before it made."""
    tagger, given = Tagger.load(folder), texts(length)
    decoder = tagger.decoder
    reader = Reader(tagger.features, tagger.config.tokenizer, tagger.network.seen)
    scorer = Scorer(decoder, tagger.params, reader.kinds)
    sentences = [[t.text for t in tokens] for text in given for tokens in tagger.tokenize(text)]
    reading = reader.tokens(sentences)
    scores = scorer.scores(reading.kinds, reading.lengths)
    parts: dict[str, Callable[[], object]] = {
        "text": lambda: list(tagger.pipe(given)),
        "tokens": lambda: tagger.tag_tokens(sentences),
        "reading": lambda: reader.read(given),
        "look-up": lambda: reader.tokens(sentences),
        "net": lambda: scorer.scores(reading.kinds, reading.lengths),
        "decode": lambda: decoder.lattice.names(scorer.line(scores, reading.lengths)),
    }
    return Contestant(parts[part])


def contests(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """From raw text, and from tokens."""
    length = 5_000 if quick else CHARACTERS
    with TemporaryDirectory() as folder:
        known = sample()
        given = None if quick or not VECTORS.exists() else VECTORS
        learned = known.dev if quick else known.train
        tagger = Tagger.train(learned, known.dev, vectors=given, epochs=1 if quick else 3, out=folder)
        tokens = sum(len(sentence) for text in texts(length) for sentence in tagger.tokenize(text))
        words = sum(len(text.split()) for text in texts(length))

        def entry(label: str, role: Role, part: str) -> Entry:
            options = {"folder": folder, "length": length, "part": part}
            return Entry(label, role, "benchmarks.works.tagging:ours", options)

        parts = ("net", "decode")
        yield Contest(
            "tagging",
            "from raw text",
            (entry("chainrule", Role.OURS, "text"), *(entry(p, Role.PART, p) for p in ("reading", *parts))),
            amount=words,
            unit="words",
            targets=(rate(500_000),),
            tolerance=None,
        )
        yield Contest(
            "tagging",
            "from tokens",
            (entry("chainrule", Role.OURS, "tokens"), *(entry(p, Role.PART, p) for p in ("look-up", *parts))),
            amount=tokens,
            unit="tokens",
            targets=(rate(1_000_000),),
            tolerance=None,
        )
