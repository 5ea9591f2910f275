"""What is left of a window when a word in it is not known.

    unknown    in place of a word the unknown one, in place of a value of a feature the unknown value; its shape is
               that of most words, small letters, and of most characters, none
    padding    what stands beside a sentence

A window of nothing else is where the score is explained from. Where one word is replaced, the sentence is read
anew, since features of the words near it, such as bigrams, may hold it; what its document says of other
words stays.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from chainrule.learn.choose import choose
from chainrule.ner.families import FAMILIES, Sight, alone, family
from chainrule.ner.features import Features, Ids
from chainrule.ner.vocab import LOWER, OTHER, PADDING, UNKNOWN
from chainrule.ner.windows import Encoded, encode, padded

BASELINES: Mapping[str, str] = {
    "unknown": "words that are not known",
    "padding": "what stands beside a sentence",
}
BEFORE, AFTER = "before", "after"  # beside a sentence
STRANGE = "\uffff"  # no character, and so in no vocabulary
SIGHT = max(max(kind.numbers) for kind in FAMILIES.values() if kind.sight is Sight.AHEAD)
"""How many tokens away from its own a feature looks, at most, or else as far as a space, or over the sentence."""
LETTERS, SPELT = "letters", "spelt"


class Surroundings:
    """The windows of a sentence of N tokens, and the same with unknown words in them."""

    def __init__(
        self,
        tokens: Sequence[str],
        features: Features,
        radius: int,
        baseline: str,
        characters: bool,
        ids: Mapping[str, Ids] | None = None,
    ) -> None:
        """`ids` are those of the features of the tokens, where the sentence is not by itself."""
        choose("baseline", baseline, BASELINES)
        self.tokens, self.features, self.radius = tokens, features, radius
        self._unknown, self._padding = baseline == "unknown", baseline == "padding"
        self._caps = OTHER if characters else LOWER
        self._encoded = padded(features.ids([tokens]) if ids is None else ids, (len(tokens),), radius)

    def windows(self, centres: Ids) -> dict[str, Ids]:
        """The windows around B tokens, (B, W) for each feature."""
        return self._with_blank(self._encoded, centres)

    def blank(self, windows: Mapping[str, Ids]) -> dict[str, Ids]:
        """Windows of nothing but what stands in for words."""
        return {
            name: ids if name == LETTERS else np.full_like(ids, self._blank(name, windows))
            for name, ids in windows.items()
        }

    def without(self, centres: Ids) -> dict[str, Ids]:
        """The windows around B tokens, each W times, the word at one place after another unknown: (B W, W)."""
        W = 2 * self.radius + 1
        windows = self._with_blank(self._encoded, np.repeat(centres, W))
        far = [n for n in self.features.values if not alone(n) and family(n)[0].sight is not Sight.DOCUMENT]
        if far:
            windows |= {name: ids for name, ids in self._anew(centres).items() if name in far}
        place = np.tile(np.arange(W), len(centres))
        for name, ids in windows.items():
            if name != LETTERS:
                ids[np.arange(len(ids)), place] = self._blank(name, windows)
        return windows

    def _anew(self, centres: Ids) -> dict[str, Ids]:
        """The windows of `without`, read from sentences with a word that nobody knows."""
        texts, positions = [], []
        for t in centres.tolist():
            first, after = self._seen(t)
            for p in range(t - self.radius, t + self.radius + 1):
                text = list(self.tokens[first:after])
                if 0 <= p < len(self.tokens):
                    text[p - first] = STRANGE
                positions.append(t - first)
                texts.append(text)
        encoded = encode(texts, self.features, self.radius)
        return encoded.windows(encoded.starts + np.array(positions, np.int64))

    def _seen(self, t: int) -> tuple[int, int]:
        """The tokens that the features in a window look at: so many on each side, and on to a space; or all."""
        if self.features.contexts:
            return 0, len(self.tokens)
        first = max(0, t - self.radius - SIGHT)
        after = min(len(self.tokens), t + self.radius + SIGHT + 1)
        while first > 0 and not self.tokens[first].isspace():
            first -= 1
        while after < len(self.tokens) and not self.tokens[after].isspace():
            after += 1
        return first, after

    def _with_blank(self, encoded: Encoded, centres: Ids) -> dict[str, Ids]:
        """Windows, with the spelling of an unknown word behind the others."""
        found = encoded.windows(centres)
        if LETTERS in found and self._unknown:
            blank = np.full((1, found[LETTERS].shape[1]), PADDING, np.int64)
            blank[0, 0] = UNKNOWN
            found[LETTERS] = np.concatenate([found[LETTERS], blank])
        return found

    def _blank(self, name: str, windows: Mapping[str, Ids]) -> int:
        """The number of what stands in for a value of a feature."""
        if self._padding:
            return PADDING
        if name == SPELT:
            return len(windows[LETTERS]) - 1
        return self._caps if name == "caps" else UNKNOWN
