"""Whether given word vectors are trained, and what is done about the words that training leaves behind.

A small training set cannot say where all the words belong: the vectors stay as they are. With a large one they are
trained, and words that it lacks stay where they were, beside words that have moved (CS224n notes, part 2: TV and
telly move, television does not); see `drift` and `remedies`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.node import Node, matrix
from chainrule.algebra.product import mean
from chainrule.algebra.signature import FLOAT32
from chainrule.calculus.batch import batch
from chainrule.errors import SettingError
from chainrule.learn.train import Params
from chainrule.ner.corpus import Corpus
from chainrule.ner.drift import drift
from chainrule.ner.drift_words import advice, verdict
from chainrule.ner.model import Network
from chainrule.ner.remedies import anchor, dragged
from chainrule.ner.vectors import Floats, Vectors
from chainrule.ner.vocab import Embedding, Vocabulary

SMALL = 200_000  # tokens of training data below which given vectors stay as they are
SAMPLE = 1000  # trained words whose neighbours are looked at, to see whether many were left behind
BEFORE = "E0"  # the name of the vectors as they were, which an anchor holds on to

FINE_TUNE: Mapping[str, str] = {
    "auto": "by the size of the training data",
    "yes": "vectors are trained",
    "no": "vectors stay as they are",
}
REMEDIES: Mapping[str, str] = {
    "none": "words that training lacks are left behind",
    "anchor": "trained words are held to where they came from",
    "drag": "words that training lacks move along with those near them",
}


def policy(chosen: str, given: bool, train: Corpus) -> tuple[bool, str]:
    """Whether word vectors are trained, and why. Raises SettingError for none given that were to be kept."""
    if not given:
        if chosen == "no":
            raise SettingError("fine_tune 'no' needs vectors: give some to be kept, or leave fine_tune out")
        return True, "word vectors: random at first, trained"
    if chosen != "auto":
        return chosen == "yes", f"word vectors: given, {'fine-tuned' if chosen == 'yes' else 'kept fixed'}"
    if train.tokens < SMALL:
        return (
            False,
            f"word vectors: given, kept fixed ({train.tokens:,} training tokens are few; fine_tune yes)",
        )
    return True, f"word vectors: given, fine-tuned ({train.tokens:,} training tokens are enough; fine_tune no)"


@dataclass(frozen=True)
class FineTuning:
    """Given vectors that are trained: as they were, (V, D); which rows were given, and met in training, (V,)."""

    vocabulary: Vocabulary
    before: Floats
    known: NDArray[np.bool_]
    met: NDArray[np.bool_]
    remedy: str
    strength: float

    @classmethod
    def of(cls, vocabulary: Vocabulary, embedding: Embedding, remedy: str, strength: float) -> "FineTuning":
        """The vectors as they are before training."""
        met = np.array(vocabulary.counts) > 0
        return cls(vocabulary, embedding.matrix.copy(), embedding.known, met, remedy, strength)

    def held(self, loss: Node, network: Network) -> tuple[Node, Params]:
        """The loss with the anchor, if that is the remedy, and the values that it needs."""
        if self.remedy != "anchor":
            return loss, {}
        E, words = network.parameters["E"], network.data["words"]
        one = anchor(E, matrix(BEFORE, *E.shape, dtype=FLOAT32), words, self.strength)
        return loss + mean(batch(one, [words])), {BEFORE: self.before}

    def finish(self, params: Params) -> tuple[str, ...]:
        """Take the words along that are to be dragged, in place; what there is to say of those left behind."""
        params.pop(BEFORE, None)
        rows, E = np.flatnonzero(self.known), params["E"]
        if self.remedy == "drag":
            E[rows] = dragged(self.before[rows], E[rows], self.met[rows])
        words = [self.vocabulary.words[k] for k in rows.tolist()]
        trained = {word for word, met in zip(words, self.met[rows].tolist(), strict=True) if met}
        if not trained:
            return ()
        found = drift(Vectors(words, self.before[rows]), Vectors(words, E[rows]), trained, sample=SAMPLE)
        more = advice(found)
        return (verdict(found).en, *([more.en] if more else [])) if found.matters else ()
