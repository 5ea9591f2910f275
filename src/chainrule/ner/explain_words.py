"""What the windows of a name come to, word by word: a word that stands in several windows has the sum.

What lies beyond the sentence is one word in front and one behind.
"""

from collections.abc import Sequence

import numpy as np

from chainrule.ner.explain_methods import Shares
from chainrule.ner.explain_records import Piece, Word
from chainrule.ner.explain_scores import Part
from chainrule.ner.explain_unknown import AFTER, BEFORE, Surroundings
from chainrule.ner.features import Features
from chainrule.ner.tokenizer import Token
from chainrule.ner.vocab import CAPS, UNKNOWN


class Words:
    """Sums up by word for a model with these parts."""

    def __init__(self, parts: Sequence[Part], features: Features, radius: int) -> None:
        self._parts, self._features, self._radius = parts, features, radius

    def of(
        self, tokens: Sequence[Token], first: int, around: Surroundings, name: range, found: Shares
    ) -> tuple[Word, ...]:
        """The words in the windows of a name, in order; `first` is the number of the sentence's first token."""
        centres, reach = np.array(name, np.int64), np.arange(-self._radius, self._radius + 1)
        ids = around.windows(centres)
        places = np.clip(centres[:, None] + reach, -1, len(tokens))
        words = []
        for k in np.unique(places).tolist():
            here = np.nonzero(places == k)
            known = 0 <= k < len(tokens)
            delta = found.delta[here].sum(axis=0)
            values = {n: int(v[here][0]) for n, v in ids.items() if v.shape == places.shape}
            adds = {m: each[here].sum(axis=0) for m, each in found.parts.items()}
            pieces = [
                Piece(*part, *self._value(part, values), {m: float(a[f]) for m, a in adds.items()})
                for f, part in enumerate(self._parts)
            ]
            words.append(
                Word(
                    token=first + k if known else None,
                    text=tokens[k].text if known else "",
                    side="" if known else BEFORE if k < 0 else AFTER,
                    adds={m: float(each[here].sum()) for m, each in found.words.items()},
                    length=float(np.linalg.norm(delta)),
                    delta=delta,
                    pieces=tuple(pieces),
                )
            )
        return tuple(words)

    def _value(self, part: Part, ids: dict[str, int]) -> tuple[str, bool]:
        """The value of a feature, as the model knows it, and whether it does."""
        name = part.feature
        if name == "word":
            return self._features.vocabulary.words[ids["words"]], ids["words"] != UNKNOWN
        if name == "caps":
            return CAPS[ids["caps"]], True
        if name in self._features.values:
            return self._features.values[name].words[ids[name]], ids[name] != UNKNOWN
        return str(ids[name]) if name in ids else "", ids.get(name) != UNKNOWN
