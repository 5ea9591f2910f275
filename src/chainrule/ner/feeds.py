"""What training looks at: the values of the data of a network for some examples, by what is asked of its scores.

    windows     an example is a token with its window
    sentences   an example is a sentence: the windows of its tokens, one behind the other
    margin      an example is a token of a name: its window as often as there are corrupt ones, several, and those

A corrupt window is mostly the window of another token, drawn from the data, else this one with the centre of that,
whose tag is not the right one here (CS224n notes, part 3, "Not all museums in Paris"; Collobert et al. 2011, 4.2).
Some of these tokens are drawn among names: most tokens are O, and what is hard is to tell one label from another.
"""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.chain import moves_of
from chainrule.errors import DataError
from chainrule.learn.gradients import Integers
from chainrule.ner.dropped import masks
from chainrule.ner.families import family
from chainrule.ner.features import LETTERS, Ids
from chainrule.ner.lattice import ranges
from chainrule.ner.model import CORRUPT, Network
from chainrule.ner.objectives import MARGIN
from chainrule.ner.vocab import PADDING, UNKNOWN
from chainrule.ner.windows import Encoded

SEVERAL = 10  # corrupt windows for a true one, anew each time
REAL = 0.8  # how often a corrupt window is one of the data
NAMES = 0.3  # how often its centre is drawn among the tokens of names
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
        values: dict[str, Any] = {**self._windows(self._seen(tokens, rng), met, rng), "y": self.y[tokens]}
        if self._named is not None:
            apart = np.arange(met.size).reshape(met.shape)
            corrupt = self._windows(self._corrupt(tokens, rng), apart, rng)
            values |= {name + CORRUPT: ids for name, ids in corrupt.items()}
        if self.network.whole:
            first = self.encoded.first[tokens]
            values |= {"first": first, "moves": moves_of(values["y"], first, self.network.C)}
        dropped = masks(self.network, met, rng)
        for name in [n for n in dropped if n.startswith("mask_direct")]:
            dropped[name] *= values[name.removeprefix("mask_")] != self.network.unknown
        return {**values, **dropped}

    def tokens(self, examples: Ids) -> Ids:
        """The tokens that examples are about."""
        if self._named is not None:
            return np.repeat(self._named[examples], SEVERAL)
        if not self.network.whole:
            return examples
        sentences = self._filled[examples]
        return ranges(self.encoded.starts[sentences], self._lengths[sentences])

    def _met(self, tokens: Ids) -> Ids:
        """The tokens of the windows around these, (B, W), numbered from 0: what is random is so once for each."""
        places = self.encoded.places(tokens)
        numbers: Ids = np.unique(places, return_inverse=True)[1].reshape(places.shape)
        return numbers

    def _seen(self, tokens: Ids, rng: np.random.Generator) -> dict[str, Ids]:
        """The windows around tokens, with some of the matches of lists hidden, whole."""
        found, share = self.encoded.windows(tokens), self.network.architecture.gazetteer_dropout
        for name, (begins, none) in self.encoded.matches.items():
            met, which = np.unique(begins[self.encoded.places(tokens)], return_inverse=True)
            hidden = (rng.random(len(met), np.float32) < share)[which].reshape(found[name].shape)
            found[name] = np.where(hidden & (found[name] != PADDING), none, found[name])
        return found

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
        here, there = self._seen(tokens, rng), self._seen(others, rng)
        whole, centre = rng.random(len(tokens)) < REAL, self.encoded.radius
        found = {}
        for name, ids in here.items():
            if name == LETTERS:
                found[name] = ids
                continue
            found[name] = np.where(whole[:, None], there[name], ids)
            found[name][:, centre] = there[name][:, centre]
        return found

    def _others(self, y: Ids, rng: np.random.Generator) -> Ids:
        """For each tag a token that has another one, all of them equally likely, or all those of names."""
        everywhere, named = (pool.others(y, rng) for pool in self._pools)
        found: Ids = np.where((rng.random(len(y)) < NAMES) & (named >= 0), named, everywhere)
        return found

    @cached_property
    def _pools(self) -> tuple["_Pool", "_Pool"]:
        """All tokens, and those of names."""
        return _Pool.of(np.arange(len(self.y)), self.y), _Pool.of(np.flatnonzero(self.y), self.y)


class _Pool(NamedTuple):
    """Tokens in the order of their tags, and how many have each tag."""

    tokens: Ids
    counts: Ids

    @classmethod
    def of(cls, tokens: Ids, y: Ids) -> "_Pool":
        return cls(tokens[np.argsort(y[tokens], kind="stable")], np.bincount(y[tokens], minlength=y.max() + 1))

    def others(self, y: Ids, rng: np.random.Generator) -> Ids:
        """For each tag a token of another one; −1 where there is none."""
        many, first = self.counts[y], (np.cumsum(self.counts) - self.counts)[y]
        left = len(self.tokens) - many
        drawn = rng.integers(np.maximum(left, 1))
        places = np.minimum(drawn + many * (drawn >= first), len(self.tokens) - 1)
        return np.where(left > 0, self.tokens[places], -1)
