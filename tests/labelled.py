"""Data with some of its labels, as somebody has it who tagged no more."""

from chainrule.ner.corpus import Corpus
from chainrule.ner.tags import spans, tags_of


def only(corpus: Corpus, *labels: str, start: int = 0, stop: int | None = None) -> Corpus:
    """Some sentences of a corpus, with the names of these labels alone."""
    return corpus.of(
        s._replace(tags=tags_of([n for n in spans(s.tags) if n.label in labels], len(s.tags)))
        for s in corpus.sentences[start:stop]
    )
