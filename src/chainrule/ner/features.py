"""The values of features, numbered: what a network is told of the tokens of sentences.

The values that the training data holds often enough are numbered as words are (0 padding, 1 unknown, then the
values), and each selects a row of the table of its feature, at every place of the window. A cluster is a feature
of the word, and looked up by the number of the word.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, repeat
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import SettingError
from chainrule.ner.clusters import clustered
from chainrule.ner.context import CAPITALS, FACTS, FORM, LISTED, MATCHES, Context, Cut, Facts
from chainrule.ner.families import Spelling, Tokens, alone, family
from chainrule.ner.lookups import NOTHING, Lookups
from chainrule.ner.vocab import PADDING, SPECIAL, UNKNOWN, Embedding, Vocabulary, caps_ids

SPELT = 15  # letters that are looked at
LETTERS = "letters"
WIDTHS = {LETTERS: SPELT, FORM: 2}
"""How many numbers those have that are not one for each token."""

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Features:
    """The words that a model knows, and the values of its other features.

    values     feature → its values, numbered
    clusters   feature → the number of the cluster of each word, (V,)
    letters    the letters that words are spelt with, where the network reads them; capitals are their own
    lookups    what else they are looked up in
    """

    vocabulary: Vocabulary
    values: Mapping[str, Vocabulary] = field(default_factory=dict)
    clusters: Mapping[str, Ids] = field(default_factory=dict)
    letters: Vocabulary | None = None
    lookups: Lookups = NOTHING

    @classmethod
    def build(
        cls,
        names: Sequence[str],
        vocabulary: Vocabulary,
        sentences: Sequence[Tokens],
        minimum: int = 2,
        given: Embedding | None = None,
        *,
        spelt: bool = False,
        lookups: Lookups = NOTHING,
        documents: Sequence[int] | None = None,
    ) -> Self:
        """Number the values that sentences have at least `minimum` times, the commonest first.

        given       the vectors of the words, for clusters        spelt   whether letters are numbered too
        documents   that of each sentence, see `context.Cut`
        Raises SettingError for a feature without what it is looked up in.
        """
        clusters = {
            name: clustered(given.matrix, given.known, number)
            for name, (_, number) in zip(names, map(family, names), strict=True)
            if name.startswith("cluster") and given is not None
        }
        unknown = {name: Vocabulary(SPECIAL) for name in names if name not in clusters}
        blank = cls(vocabulary, unknown, lookups=lookups)
        values = {name: _numbered(seen, minimum) for name, seen in blank.seen(sentences, documents).items()}
        letters = _numbered(Counter(chain.from_iterable(chain.from_iterable(sentences))), minimum)
        return cls(vocabulary, values, clusters, letters if spelt else None, lookups)

    def seen(self, sentences: Sequence[Tokens], documents: Sequence[int] | None = None) -> dict[str, Counter[str]]:
        """How often sentences have each value of each feature, known or not."""
        cut, found = Cut.of(sentences, documents), {}
        facts = self._found(_once(self.known, list(chain.from_iterable(sentences))), cut)
        for name in self.values:
            if context := self.contexts.get(name):
                counts = np.bincount(context.of(facts, cut), minlength=len(context.names)).tolist()
                found[name] = Counter(dict(zip(context.names, counts, strict=True)))
            else:
                found[name] = Counter(self._spelt(name, sentences))
        return found

    @property
    def numbered(self) -> dict[str, Vocabulary]:
        """All values that are numbered, of features and of letters."""
        return {**self.values, **({} if self.letters is None else {LETTERS: self.letters})}

    @property
    def rows(self) -> dict[str, int]:
        """The rows of the table of each feature besides the word and its capitals, and of the letters."""
        clusters = {name: family(name)[1] + len(SPECIAL) for name in self.clusters}
        return {name: len(known) for name, known in self.numbered.items()} | clusters

    @property
    def alone(self) -> bool:
        """Whether all features of a token depend on that token alone."""
        return all(map(alone, self.values))

    # ── numbers of tokens ─────────────────────────────────────────────────────────────────────────────

    def ids(self, sentences: Sequence[Tokens], documents: Sequence[int] | None = None) -> dict[str, Ids]:
        """The numbers of all features of all tokens, (N,) each; `documents` are those of the sentences."""
        tokens = list(chain.from_iterable(sentences))
        found = _once(self.of_tokens, tokens) if self.apart else self._of(tokens, sentences)
        if self.contexts:
            found |= self.around(found, Cut.of(sentences, documents))
        names = ["words", CAPITALS, *self.values, *self.clusters, *([] if self.letters is None else [LETTERS])]
        return {name: found[name] for name in names}

    def of_tokens(self, tokens: Tokens) -> dict[str, Ids]:
        """The numbers of the features of tokens by themselves, and what those of the surroundings follow from."""
        return self._of(tokens, [tokens])

    def _of(self, tokens: Tokens, sentences: Sequence[Tokens]) -> dict[str, Ids]:
        words = self.vocabulary.ids(tokens)
        found = {"words": words, CAPITALS: caps_ids(tokens)}
        for name, known in self.values.items():
            if name not in self.contexts:
                spellings = list(self._spelt(name, sentences))
                distinct = dict.fromkeys(spellings)
                numbers = dict(zip(distinct, map(known.lookup.get, distinct, repeat(UNKNOWN)), strict=True))
                found[name] = np.fromiter(map(numbers.__getitem__, spellings), np.int64, len(tokens))
        found |= {name: numbers[words] for name, numbers in self.clusters.items()} | self.known(tokens)
        return found if self.letters is None else found | {LETTERS: spelt(tokens, self.letters)}

    def _spelt(self, name: str, sentences: Sequence[Tokens]) -> Iterator[str]:
        """The value of every token."""
        values, number = cast(Spelling, self._sources[name]), family(name)[1]
        return chain.from_iterable(values(number, sentence) for sentence in sentences)

    @cached_property
    def _sources(self) -> dict[str, Spelling | Context]:
        """Where the values of each feature come from. Raises SettingError for one that is not given."""
        found: dict[str, Spelling | Context] = {}
        for name in self.values:
            values = family(name)[0].values
            if isinstance(values, str):
                source = self.lookups.source(name)
                if source is None:
                    raise SettingError(f"feature {name}: {values}")
                values = source
            found[name] = values
        return found

    # ── what surrounds them ───────────────────────────────────────────────────────────────────────────

    @cached_property
    def contexts(self) -> dict[str, Context]:
        """The features of the surroundings."""
        return {name: values for name, values in self._sources.items() if isinstance(values, Context)}

    @cached_property
    def apart(self) -> bool:
        """Whether all others depend on their token alone."""
        return all(alone(name) for name in self.values if name not in self.contexts)

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """What of tokens by themselves they follow from."""
        return tuple(dict.fromkeys(chain.from_iterable(context.facts for context in self.contexts.values())))

    def known(self, tokens: Tokens) -> dict[str, Ids]:
        """The facts of tokens, (N, …) each."""
        lists = self.lookups.lists
        read = FACTS if lists is None else {**FACTS, LISTED: lists.numbers}
        return {name: read[name](tokens) for name in self.facts}

    def _found(self, facts: Facts, cut: Cut) -> Facts:
        """The facts, and what lists say."""
        lists = self.lookups.lists
        return {**facts, MATCHES: lists.matches(facts, cut)} if lists is not None and LISTED in facts else facts

    def around(self, facts: Facts, cut: Cut) -> dict[str, Ids]:
        """The numbers of the features of the surroundings, (N,) each."""
        facts = self._found(facts, cut)
        return {name: self._numbers[name][context.of(facts, cut)] for name, context in self.contexts.items()}

    @cached_property
    def _numbers(self) -> dict[str, Ids]:
        """The number of each value of these features."""
        return {
            name: np.array([self.values[name].lookup.get(value, UNKNOWN) for value in context.names])
            for name, context in self.contexts.items()
        }


def _once(read: Callable[[Tokens], dict[str, Ids]], tokens: Tokens) -> dict[str, Ids]:
    """What is read of tokens, found out once for each different one."""
    distinct = list(dict.fromkeys(tokens))
    place = dict(zip(distinct, range(len(distinct)), strict=True))
    where = np.fromiter(map(place.__getitem__, tokens), np.int64, len(tokens))
    return {name: ids[where] for name, ids in read(distinct).items()}


def _numbered(seen: Counter[str], minimum: int) -> Vocabulary:
    """The values that are there often enough, the commonest first."""
    often = [value for value in seen if seen[value] >= minimum and value not in SPECIAL]
    return Vocabulary((*SPECIAL, *sorted(often, key=lambda value: (-seen[value], value))))


def spelt(tokens: Tokens, letters: Vocabulary) -> Ids:
    """The letters of each token, of a long one the first and the last ones, with paddings behind, (N, SPELT)."""
    cut = [t if len(t) <= SPELT else t[: SPELT - SPELT // 3] + t[-(SPELT // 3) :] for t in tokens]
    found = np.full((len(tokens), SPELT), PADDING, np.int64)
    sizes = np.fromiter(map(len, cut), np.int64, len(cut))
    numbers = map(letters.lookup.get, chain.from_iterable(cut), repeat(UNKNOWN))
    found[np.arange(SPELT) < sizes[:, None]] = np.fromiter(numbers, np.int64, int(sizes.sum()))
    return found
