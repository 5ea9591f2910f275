"""What training looks at: the values of the data of a network for some examples, by what is asked of its scores.

    windows     an example is a token with its window
    sentences   an example is a sentence: the windows of its tokens, one behind the other
    margin      an example is a token of a name: its window, and a corrupt one

A corrupt window is the window of another token, drawn from the data, or this one with the centre of that; whose
tag is not the right one here (CS224n notes, part 3, "Not all museums in Paris"; Collobert et al. 2011, §4.2).
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.chain import moves_of
from chainrule.errors import DataError
from chainrule.learn.gradients import Integers
from chainrule.ner.families import family
from chainrule.ner.features import LETTERS, Ids
from chainrule.ner.lattice import ranges
from chainrule.ner.model import CORRUPT, Network
from chainrule.ner.objectives import MARGIN
from chainrule.ner.vocab import UNKNOWN
from chainrule.ner.windows import Encoded

RARE = 0.5  # how often a word seen once is shown as the unknown word, so that its vector is trained too


class Feed:
    """The values of the data variables for a batch of examples."""

    def __init__(self, network: Network, encoded: Encoded, y: Ids, rare: NDArray[np.bool_]) -> None:
        """encoded N tokens with the right tags y (N,); rare (V,) the words that are hidden at times."""
        self.network, self.encoded, self.y, self.rare = network, encoded, y, rare
        self._named = np.flatnonzero(y) if network.architecture.objective == MARGIN else None
        self._lengths = np.array(encoded.lengths, np.int64)
        self._filled = np.flatnonzero(self._lengths)
        if self._named is not None and len(np.unique(y)) < 2:
            raise DataError("every token has the same tag, so that no window is corrupt; take another objective")

    @property
    def examples(self) -> int:
        """How many there are."""
        if self._named is not None:
            return len(self._named)
        return len(self._filled) if self.network.whole else len(self.y)

    def __call__(self, examples: Integers, rng: np.random.Generator) -> dict[str, Any]:
        """The values for these examples; what is random about them is drawn."""
        tokens = self.tokens(np.asarray(examples, np.int64))
        met = self._met(tokens)
        values: dict[str, Any] = {**self._windows(self.encoded.windows(tokens), met, rng), "y": self.y[tokens]}
        if self._named is not None:
            apart = np.arange(met.size).reshape(met.shape)
            corrupt = self._windows(self._corrupt(tokens, rng), apart, rng)
            values |= {name + CORRUPT: ids for name, ids in corrupt.items()}
        if self.network.whole:
            first = self.encoded.first[tokens]
            values |= {"first": first, "moves": moves_of(values["y"], first, self.network.C)}
        masks = self.network.masks(met, rng)
        for name in [n for n in masks if n.startswith("mask_direct")]:
            masks[name] *= values[name.removeprefix("mask_")] != self.network.unknown
        return {**values, **masks}

    def tokens(self, examples: Ids) -> Ids:
        """The tokens that examples are about."""
        if self._named is not None:
            return self._named[examples]
        if not self.network.whole:
            return examples
        sentences = self._filled[examples]
        return ranges(self.encoded.starts[sentences], self._lengths[sentences])

    def _met(self, tokens: Ids) -> Ids:
        """The tokens of the windows around these, (B, W), numbered from 0: what is random is so once for each."""
        reach = np.arange(-self.encoded.radius, self.encoded.radius + 1)
        places = self.encoded.positions[tokens][:, None] + reach
        numbers: Ids = np.unique(places, return_inverse=True)[1].reshape(places.shape)
        return numbers

    def _windows(self, windows: dict[str, Ids], met: Ids, rng: np.random.Generator) -> dict[str, Ids]:
        def often(share: float) -> NDArray[np.bool_]:
            hidden: NDArray[np.bool_] = (rng.random(int(met.max()) + 1, np.float32) < share)[met]
            return hidden

        words = windows["words"]
        shown = {**windows, "words": np.where(self.rare[words] & often(RARE), UNKNOWN, words)}
        for name in self.network.architecture.named:
            hidden = (windows[name] > UNKNOWN) & often(family(name)[0].hidden)
            shown[name] = np.where(hidden, UNKNOWN, windows[name])
        return self.network.inputs(shown)

    def _corrupt(self, tokens: Ids, rng: np.random.Generator) -> dict[str, Ids]:
        others = self._others(self.y[tokens], rng)
        here, there = self.encoded.windows(tokens), self.encoded.windows(others)
        whole, centre = rng.random(len(tokens)) < 0.5, self.encoded.radius
        found = {}
        for name, ids in here.items():
            if name == LETTERS:
                found[name] = ids
                continue
            found[name] = np.where(whole[:, None], there[name], ids)
            found[name][:, centre] = there[name][:, centre]
        return found

    def _others(self, y: Ids, rng: np.random.Generator) -> Ids:
        """For each tag a token that has another one, all of them equally likely."""
        counts, order = self._by_tag
        many, first = counts[y], (np.cumsum(counts) - counts)[y]
        drawn = rng.integers(len(self.y) - many)
        found: Ids = order[drawn + many * (drawn >= first)]
        return found

    @cached_property
    def _by_tag(self) -> tuple[Ids, Ids]:
        """How many tokens have each tag, and the tokens in the order of their tags."""
        return np.bincount(self.y), np.argsort(self.y, kind="stable")
