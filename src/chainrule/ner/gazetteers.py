"""Lists of names, each under a name of its own, and how the tokens of a text lie in what they list (gazetteers).

A list has one name on a line, which is cut into tokens as texts are; tokens are compared in normal form. Of what a
list finds in a sentence the longest names count, the first of equally long ones, that share no token with a longer
one. A token of a match with a capital is one of B I E S; of one in small letters, though it could have capitals,
one of b i e s: what is learned of `Apple` and of `apple` is apart. Among characters a match begins where a word
does, and may end within it, before a particle. Collobert et al. 2011, §6.3.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.context import CAPITALS, LISTED, MATCHES, SOLID, Context, Cut, Facts
from chainrule.ner.lattice import ranges
from chainrule.ner.tokenizer import CHARACTERS, PATTERNS
from chainrule.ner.trie import Trie
from chainrule.ner.vocab import LOWER, MIXED, SPECIAL, TITLE, UNKNOWN, UPPER, Vocabulary, kept, normals
from chainrule.ner.words import Words

Ids = NDArray[np.int64]
NONE = "none"
LYING = (NONE, *"BIES", *"bies")
BEGIN, INSIDE, END, SINGLE = range(1, 5)
SMALL = 4  # what a token of a match in small letters has more
APART = "\n\n"  # between names that are cut at once: no tokenizer looks across


class Gazetteers:
    """M lists of names, by the names of the lists."""

    def __init__(self, lists: Mapping[str, Iterable[str]], tokenizer: str) -> None:
        """Names without line breaks, which `tokenizer` cuts into tokens."""
        self.lists = {name: Words.of(dict.fromkeys(filter(str.strip, names))) for name, names in lists.items()}
        self.tokenizer = tokenizer

    def numbers(self, tokens: Sequence[str]) -> Ids:
        """The number of each token among the words of all names, 1 for others, (N,)."""
        found = map(self._made[0].lookup.get, normals(tokens), repeat(UNKNOWN))
        return np.fromiter(found, np.int64, len(tokens))

    def matches(self, facts: Facts, cut: Cut) -> Ids:
        """How long the longest name of each list is that begins at each token, (N, M)."""
        begins = np.ones(len(cut.sentence), np.bool_)
        if SOLID in facts:
            begins[1:] = (facts[SOLID][:-1] == 0) | cut.first[1:]
        return self._made[1].longest(facts[LISTED], cut.after, begins).astype(np.int64)

    @cached_property
    def contexts(self) -> dict[str, Context]:
        """What each list says of tokens."""
        facts = (LISTED, CAPITALS, *([SOLID] if self.tokenizer == CHARACTERS else []))
        return {name: Context(LYING, facts, partial(_lying, k)) for k, name in enumerate(self.lists)}

    def replaced(self, lists: Mapping[str, Iterable[str]]) -> "Gazetteers":
        """With others in the place of some lists."""
        return Gazetteers({**self.lists, **lists}, self.tokenizer)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gazetteers) and (self.lists, self.tokenizer) == (other.lists, other.tokenizer)

    def __hash__(self) -> int:
        return hash((tuple(self.lists), self.tokenizer))

    @cached_property
    def _made(self) -> tuple[Vocabulary, Trie]:
        """The words of all names, and the names as a tree of their numbers; made when first asked for."""
        single = self.tokenizer == CHARACTERS
        names = list(chain.from_iterable(self.lists.values()))
        tokens = PATTERNS[self.tokenizer].findall(APART.join(names))
        forms = normals([token for token in tokens if token != "\n"] if single else tokens)
        lookup = dict.fromkeys((*SPECIAL, *forms))
        words = Vocabulary(kept(Words.of(lookup).raw))
        lookup.update(zip(lookup, range(len(lookup)), strict=True))
        numbers = np.fromiter(map(lookup.__getitem__, forms), np.int64, len(forms))
        # only space lies between the tokens of a name, so that their widths say which are its own
        sizes = [0, *(len(name) if single else sum(map(len, name.split())) for name in names)]
        widths = np.fromiter(map(len, tokens if not single else filter("\n".__ne__, tokens)), np.int64, len(forms))
        bounds = np.searchsorted(np.cumsum(widths), np.cumsum(sizes), side="right")
        sets = np.repeat(np.arange(len(self.lists)), [len(listed) for listed in self.lists.values()])
        trie = Trie.of(numbers, bounds[:-1], np.diff(bounds), sets, len(words), len(self.lists))
        return words, trie


def _lying(k: int, facts: Facts, cut: Cut) -> Ids:
    """How tokens lie in the names of list k, as places in LYING, (N,)."""
    sizes, caps = facts[MATCHES][:, k], facts[CAPITALS]
    starts = np.flatnonzero(sizes)
    starts = starts[longest_apart(starts, sizes[starts], len(sizes))]
    lengths, found = sizes[starts], np.zeros(len(sizes), np.int64)
    tokens = ranges(starts, lengths)
    found[tokens] = INSIDE
    found[starts], found[starts + lengths - 1] = BEGIN, END
    found[starts[lengths == 1]] = SINGLE
    if len(starts):
        before = np.cumsum(lengths) - lengths
        capital, small = (
            np.logical_or.reduceat(np.isin(caps[tokens], kinds), before)
            for kinds in ([UPPER, TITLE, MIXED], [LOWER])
        )
        found[tokens] += SMALL * np.repeat(small & ~capital, lengths)
    return found


def longest_apart(starts: Ids, lengths: Ids, count: int) -> NDArray[np.bool_]:
    """Which of some stretches of `count` places stay: the longest first, then the first, none that meets another.

    In rounds: of those that are left each stays that is ahead of all that it meets.
    """
    stays = np.zeros(len(starts), np.bool_)
    left = np.lexsort((-starts, lengths))  # the best last, which is written over the others
    while len(left):
        sizes = lengths[left]
        places, of = ranges(starts[left], sizes), np.repeat(np.arange(len(left)), sizes)
        owner = np.full(count, -1)
        owner[places] = of
        own = np.bincount(of[owner[places] == of], minlength=len(left)) == sizes
        stays[left[own]] = True
        taken = np.zeros(count, np.bool_)
        taken[places[own[of]]] = True
        left = left[np.bincount(of[taken[places]], minlength=len(left)) == 0]
    return stays


def begun(ids: Ids, known: Vocabulary) -> tuple[Ids, int]:
    """Of a line of ids of a list: where the match of each place begins, and the id of none; see LYING."""
    within = [known.lookup.get(value, UNKNOWN) for value in "IEie"]
    places = np.where(np.isin(ids, [UNKNOWN, *within]), 0, np.arange(len(ids)))
    return np.maximum.accumulate(places), known.lookup.get(NONE, UNKNOWN)
