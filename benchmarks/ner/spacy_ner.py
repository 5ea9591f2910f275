"""spaCy's `ner` with static vectors: a blank English pipeline in the settings of its own quickstart.

The model is that of spaCy's quickstart for training on a processor with vectors (MultiHashEmbed with static
vectors, four layers of MaxoutWindowEncoder, the transition-based parser), Adam at 0.001 with weight decay and
clipping, dropout 0.1, batches that grow from 100 to 1,000 words.
"""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import spacy
from benchmarks.ner.words import Sentences, Tagging, Tags, normal
from spacy.attrs import NORM
from spacy.tokens import Doc
from spacy.training import Example, biluo_tags_to_offsets, iob_to_biluo
from spacy.training.batchers import minibatch_by_words
from spacy.util import compounding, fix_random_seed
from spacy.vectors import Vectors
from thinc.api import Adam

if TYPE_CHECKING:
    from benchmarks.ner.data import Data

WIDTH, DEPTH, DROPOUT, EPOCHS, PATIENCE = 96, 4, 0.1, 30, 5
MODEL = {
    "@architectures": "spacy.TransitionBasedParser.v2",
    "state_type": "ner",
    "extra_state_tokens": False,
    "hidden_width": 64,
    "maxout_pieces": 2,
    "use_upper": True,
    "nO": None,
    "tok2vec": {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {
            "@architectures": "spacy.MultiHashEmbed.v2",
            "width": WIDTH,
            "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
            "rows": [5000, 1000, 2500, 2500],
            "include_static_vectors": True,
        },
        "encode": {
            "@architectures": "spacy.MaxoutWindowEncoder.v2",
            "width": WIDTH,
            "depth": DEPTH,
            "window_size": 1,
            "maxout_pieces": 3,
        },
    },
}


def blank() -> Any:
    """A pipeline that knows words by their normal form, as the vectors are written."""
    nlp = spacy.blank("en")
    nlp.vocab.lex_attr_getters[NORM] = normal
    return nlp


def tagger(nlp: Any) -> Tagging:
    """A function of sentences that gives their tags, in IOB2."""

    def tag(sentences: Sentences) -> Tags:
        docs = nlp.pipe([Doc(nlp.vocab, words=list(words)) for words in sentences])
        return [[f"{t.ent_iob_}-{t.ent_type_}" if t.ent_type_ else "O" for t in doc] for doc in docs]

    return tag


def examples(nlp: Any, sentences: Iterable[Any]) -> Iterator[Any]:
    """Tagged sentences as spaCy learns from them."""
    for s in sentences:
        doc = Doc(nlp.vocab, words=s.tokens)
        spans = biluo_tags_to_offsets(doc, iob_to_biluo(s.tags))
        yield Example.from_dict(doc, {"words": s.tokens, "entities": spans or []})


def learn(data: "Data", seed: int, folder: Path, epochs: int = EPOCHS) -> None:
    """Train until dev F1 has not risen for some epochs; the best is kept."""
    from chainrule.ner import score  # noqa: PLC0415  tagging needs nothing of ours

    fix_random_seed(seed)
    nlp = blank()
    words, matrix = data.table()
    if matrix is not None:
        nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=matrix, keys=words, attr="NORM")
    model = MODEL if matrix is not None else {**MODEL, "tok2vec": _without_vectors()}
    ner = nlp.add_pipe("ner", config={"model": model})
    for label in data.parts.train.labels:
        ner.add_label(label)
    learned = list(examples(nlp, data.parts.train.sentences))
    nlp.initialize(lambda: learned)
    rule = Adam(0.001, L2=0.01, grad_clip=1.0, L2_is_weight_decay=True, use_averages=False)
    sizes = compounding(100, 1000, 1.001)
    dev = data.parts.dev.sentences
    best, since = -1.0, 0
    for _ in range(epochs):
        random.shuffle(learned)
        for batch in minibatch_by_words(learned, size=sizes, tolerance=0.2):
            nlp.update(batch, drop=DROPOUT, sgd=rule)
        found = score([s.tags for s in dev], tagger(nlp)([s.tokens for s in dev])).f1
        best, since = (found, 0) if found > best else (best, since + 1)
        if since == 0:
            nlp.to_disk(folder)
        if since == PATIENCE:
            break


def _without_vectors() -> dict[str, Any]:
    tok2vec: Any = MODEL["tok2vec"]
    return {**tok2vec, "embed": {**tok2vec["embed"], "include_static_vectors": False}}


def tagging(folder: Path) -> Tagging:
    """A function of sentences that gives their tags."""
    nlp = spacy.load(folder, vocab=blank().vocab)
    given = nlp.vocab.vectors
    if len(given):  # by what words are looked up is not written to the disk
        keys = sorted(given.key2row, key=given.key2row.__getitem__)
        nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=given.data, keys=keys, attr="NORM")
    return tagger(nlp)
