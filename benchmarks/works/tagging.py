"""Words tagged in a second on one thread, from raw text to entities, and what the parts of that take.

What is measured is a tagger that has read so much of such text that it remembers the words, and that there is
machine code for what it does. Two are asked: that of the lecture, a window with a softmax, and that of the recipe
`best`, with more features and hidden units, whose tags are those of whole sentences.

They are trained on the bundled sample. Where the shared data is (`CHAINRULE_DATA`, or `../shared/data` beside the
repository) they have the word vectors of there, and the text is that of Wikipedia; else the sample is read again.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contestant import Contest, Contestant, Entry, Role
from benchmarks.judge import rate

from chainrule.compute.codes import MADE
from chainrule.ner import Tagger
from chainrule.ner.bundled import sample
from chainrule.ner.recipes import BEST, LECTURE

DATA = Path(os.environ.get("CHAINRULE_DATA", Path(__file__).parents[3] / "shared" / "data"))
VECTORS, TEXT = DATA / "vectors" / "enwiki-50d.bin", DATA / "text" / "enwiki.txt"
CHARACTERS = 600_000
RECIPES = {LECTURE: "", BEST: f", recipe {BEST}"}


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
    sentences = [[t.text for t in tokens] for text in given for tokens in tagger.tokenize(text)]
    list(tagger.pipe(given))
    reader, scorer = tagger._known()
    reading = reader.tokens(sentences)
    scores = scorer.scores(reading.kinds, reading.lengths)
    line = scorer.line(scores, reading.lengths)
    names = scorer.lattice.names(line)
    parts: dict[str, Callable[[], object]] = {
        "text": lambda: list(tagger.pipe(given)),
        "tokens": lambda: tagger.tag_tokens(sentences),
        "reading": lambda: reader.read(given),
        "look-up": lambda: reader.tokens(sentences),
        "net": lambda: scorer.scores(reading.kinds, reading.lengths),
        "decode": lambda: scorer.lattice.names(scorer.line(scores, reading.lengths)),
        "chances": lambda: scorer.chances(names, line.path, scores, reading.lengths),
    }
    return Contestant(parts[part])


def _make(folder: str, times: int) -> None:
    """Let the tagger read so often that machine code is made for it, and lies on the disk."""
    tagger = Tagger.load(folder)
    for _ in range(times):
        list(tagger.pipe(texts(CHARACTERS)))


def contests(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """From raw text, and from tokens."""
    length = 5_000 if quick else CHARACTERS
    known = sample()
    given = None if quick or not VECTORS.exists() else VECTORS
    learned, epochs = (known.dev, 1) if quick else (known.train, 3)
    for recipe, said in RECIPES.items():
        with TemporaryDirectory() as folder:
            tagger = Tagger.train(learned, known.dev, vectors=given, epochs=epochs, out=folder, recipe=recipe)
            tokens = sum(len(sentence) for text in texts(length) for sentence in tagger.tokenize(text))
            words = sum(len(text.split()) for text in texts(length))
            if not quick:
                _make(folder, 2 * MADE // tokens)  # not all tokens are in sentences with names

            def entry(label: str, role: Role, part: str, folder: str = folder) -> Entry:
                options = {"folder": folder, "length": length, "part": part}
                return Entry(label, role, "benchmarks.works.tagging:ours", options)

            yield Contest(
                "tagging",
                f"from raw text{said}",
                (
                    entry("chainrule", Role.OURS, "text"),
                    *(entry(p, Role.PART, p) for p in ("reading", "net", "decode", "chances")),
                ),
                amount=words,
                unit="words",
                targets=(rate(500_000),),
                tolerance=None,
            )
            yield Contest(
                "tagging",
                f"from tokens{said}",
                (
                    entry("chainrule", Role.OURS, "tokens"),
                    *(entry(p, Role.PART, p) for p in ("look-up", "net", "decode")),
                ),
                amount=tokens,
                unit="tokens",
                targets=(rate(1_000_000),),
                tolerance=None,
            )
