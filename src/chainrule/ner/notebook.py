"""The objects of the tagger as notebooks show them: HTML, in which every text of others is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice
from typing import TYPE_CHECKING

from chainrule.display.notebook import figures, head, mark, part
from chainrule.errors import counted
from chainrule.learn.curves import curves
from chainrule.ner.tags import spans

if TYPE_CHECKING:
    from chainrule.ner.changes import Changes
    from chainrule.ner.corpus import Corpus, Sentence
    from chainrule.ner.entity import Entity
    from chainrule.ner.metrics import Score, TypeScore
    from chainrule.ner.tagger import Tagger
    from chainrule.ner.vectors import Vectors
    from chainrule.ner.vocab import Vocabulary

LONGEST = 20_000  # characters of a text
SENTENCES, WORDS, NUMBERS = 5, 8, 5


def shown_text(text: str, entities: Iterable["Entity"]) -> str:
    """A text with its names, each with label and probability."""
    return part(_named(text, ((e.start, e.end, e.label, e.score) for e in entities)))


def _named(text: str, names: Iterable[tuple[int, int, str, float | None]]) -> str:
    pieces, at = [], 0
    for start, end, label, score in names:
        if end > LONGEST:
            break
        pieces += [escape(text[at:start]), mark(text[start:end], label, score)]
        at = end
    pieces.append(escape(text[at:LONGEST]) + " …" * (len(text) > LONGEST))
    return f'<div class="text">{"".join(pieces)}</div>'


def shown_entity(entity: "Entity") -> str:
    """A name and its place."""
    return part(f"{mark(entity.text, entity.label, entity.score)} <small>{entity.start}–{entity.end}</small>")


def _sentence(sentence: "Sentence") -> str:
    """The tokens with blanks between them, and the names among them."""
    ends = [0]
    for token in sentence.tokens:
        ends.append(ends[-1] + len(token) + 1)
    names = ((ends[n.start], ends[n.end] - 1, n.label, None) for n in spans(sentence.tags))
    return _named(" ".join(sentence.tokens), names)


def shown_sentence(sentence: "Sentence") -> str:
    """A sentence and its names."""
    return part(_sentence(sentence))


def shown_corpus(corpus: "Corpus") -> str:
    """How much there is in a corpus, and its first sentences."""
    size = [counted(len(corpus.sentences), "sentence"), counted(corpus.tokens, "token")]
    size += [counted(corpus.entities, "name")] * bool(corpus.scheme)
    labels = " · ".join(f"{label} {count:,}" for label, count in corpus.counts.items())
    first = "".join(map(_sentence, corpus.sentences[:SENTENCES]))
    more = f'<div class="mute">… {len(corpus.sentences) - SENTENCES:,} more</div>'
    return part(
        head(corpus.path.name, ", ".join([*size, *([corpus.scheme] if corpus.scheme else [])])),
        f'<div class="mute">{escape(labels)}</div>{first}{more * (len(corpus.sentences) > SENTENCES)}',
    )


def shown_score(score: "Score") -> str:
    """Precision, recall and F1 of each label and of all, in percent."""
    rows: list[tuple[str, TypeScore]] = [*score.by_type.items(), ("all", score)]
    cells = [
        [label, *(f"{100 * v:.1f}" for v in (s.precision, s.recall, s.f1)), s.gold, s.found, s.correct]
        for label, s in rows
    ]
    return part(figures(("", "precision", "recall", "F1", "gold", "found", "right"), cells, total=True))


def shown_changes(changes: "Changes") -> str:
    """F1 of each label before and after, in percent, and how many names came and went."""
    rows = [
        [
            row.label if row.tagged else f"{row.label} (not tagged here)",
            row.before.gold,
            *(f"{100 * s.f1:.1f}" for s in (row.before, row.after)),
            f"{100 * row.f1:+.1f}",
            len(row.gained),
            len(row.forgotten),
        ]
        for row in (*changes.rows, changes.whole)
    ]
    return part(figures(("", "gold", "F1 before", "after", "change", "gained", "forgotten"), rows, total=True))


def shown_tagger(tagger: "Tagger") -> str:
    """What a tagger is: labels, network, words; its figures, and how it was trained."""
    a, trained = tagger.config.architecture, tagger.config.training
    said = [
        ("labels", ", ".join(tagger.labels)),
        ("reads", "characters" if tagger.characters else "words"),
        ("network", f"window {a.window}, {a.hidden} hidden units, {a.activation}, {a.objective}"),
        ("vocabulary", f"{counted(len(tagger.vocabulary), 'word')}, vectors of {a.dimension}"),
        *((name, str(trained[name])) for name in ("data", "sentences", "tokens", "best_epoch") if name in trained),
    ]
    known = [(name, value) for name, value in tagger.config.figures.items() if isinstance(value, (int, float))]
    run = "" if tagger.run is None or not tagger.run.history else curves(tagger.run.history, tagger.run.best_epoch)
    tables = f"{figures(('', ''), said, 'facts')}{figures(('figure', 'value'), known) if known else ''}"
    return part(head("Window NER tagger"), f'<div class="pair">{tables}</div>{run}')


def shown_vectors(vectors: "Vectors") -> str:
    """How many words and numbers, and the first of both."""
    rows = [
        [word, *(f"{x:.3f}" for x in row[:NUMBERS])]
        for word, row in zip(vectors.words[:WORDS], vectors.matrix[:WORDS], strict=True)
    ]
    said = f"{counted(len(vectors), 'word')}, vectors of {vectors.dimension}"
    columns = [str(k + 1) for k in range(min(NUMBERS, vectors.dimension))]
    return part(head(said, str(vectors.path or "")), figures(("", *columns), rows))


def shown_vocabulary(vocabulary: "Vocabulary") -> str:
    """How many words, and the first, with how often they are there where that is known."""
    words = list(islice(vocabulary.words, WORDS))
    rows: Sequence[Sequence[object]] = [[word] for word in words]
    if vocabulary.counts:
        rows = [[word, count] for word, count in zip(words, vocabulary.counts, strict=False)]
    columns = ("word", "count")[: 1 + bool(vocabulary.counts)]
    return part(head(counted(len(vocabulary.words), "word")), figures(columns, rows))
