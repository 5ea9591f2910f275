"""Why a name: what each word around it, and each feature of these words, adds to the score of its tags.

    F = Σ_t s_{y_t}      over the tokens t of a name, y the tags that were chosen;
        Σ_t s_{y_t} − s_{r_t}    or how far they are ahead of the tags r of the runner-up

A word adds to F what it adds in all windows of the name in which it stands, by each of `METHODS`. All comes from
the tagger's own graph, in float64.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.errors import SettingError, counted
from chainrule.learn.choose import choose, within
from chainrule.ner.corpus import Corpus
from chainrule.ner.entity import Entity
from chainrule.ner.explain_methods import METHODS
from chainrule.ner.explain_records import Explanation
from chainrule.ner.explain_sentence import OF, Asked, Reader
from chainrule.ner.explain_unknown import BASELINES
from chainrule.ner.formats import read_any
from chainrule.ner.tokenizer import Token

if TYPE_CHECKING:
    from chainrule.ner.tagger import Tagger

MOST = 20  # names that are explained
WINDOWS = 4096  # and windows of all their tokens


def explain(
    tagger: "Tagger",
    text: str,
    token: int | None = None,
    *,
    methods: Sequence[str] = tuple(METHODS),
    of: str = "score",
    baseline: str = "unknown",
    most: int = MOST,
    every: bool = False,
    train: str | Path | Corpus | None = None,
    neighbours: int = 5,
) -> Explanation:
    """The names of a text and why; or why one token has its tag.

    token      the number of a token of the text, from 0; all names if None, `every` token outside of names too
    methods    some of METHODS                    of       the score of the tags, or how far they are ahead
    baseline   what stands in for words, see `explain_unknown`
    most       names that are explained           train    tagged data, whose nearest windows are looked up
    Raises SettingError, DataError.
    """
    for method in methods:
        choose("method", method, METHODS)
    choose("question", of, OF)
    choose("baseline", baseline, BASELINES)
    within("number of names", most, least=0, whole=True)
    within("number of neighbours", neighbours, least=1, whole=True)
    units = "characters" if tagger.characters else "words"
    corpus = read_any(train, tokens=units) if isinstance(train, (str, Path)) else train
    sentences, entities = tagger.tokenize(text), tagger.tag(text)
    first = [0, *accumulate(map(len, sentences))]
    if token is not None and not 0 <= token < first[-1]:
        raise SettingError(f"token {token} of {counted(first[-1], 'token')}; they are numbered from 0")
    names = [_within(tokens, entities) for tokens in sentences]
    asked, left = (_one(names, first, token), 0) if token is not None else _bounded(names, most)
    if every:
        asked = [_filled(each, len(tokens)) for each, tokens in zip(asked, sentences, strict=True)]
    reader = Reader(tagger, sentences, methods, of, baseline)
    found = [
        reader.sentence(text, tokens, start, each)
        for tokens, start, each in zip(sentences, first, asked, strict=False)
        if each
    ]
    if corpus is not None and found:
        found = reader.with_nearest(found, corpus, neighbours)
    return Explanation(text, first[-1], reader.labels, entities, found, left, tuple(methods), of, baseline, token)


def _within(tokens: Sequence[Token], entities: Sequence[Entity]) -> list[Asked]:
    """The names of a sentence; their ends may lie within tokens."""
    found = []
    for entity in entities[slice(*(bisect_left(entities, k, key=_start) for k in _ends(tokens)))]:
        first = bisect_right(tokens, entity.start, key=_start) - 1
        found.append(Asked(range(first, bisect_left(tokens, entity.end, key=_start)), entity.label, entity.score))
    return found


def _ends(tokens: Sequence[Token]) -> tuple[int, int]:
    return tokens[0].start, tokens[-1].end


def _start(what: "Token | Entity") -> int:
    return what.start


def _bounded(names: Sequence[Sequence[Asked]], most: int) -> tuple[list[list[Asked]], int]:
    """The first names, and how many are left."""
    found: list[list[Asked]] = []
    windows = left = 0
    for sentence in names:
        found.append([])
        for name in sentence:
            if most and windows + len(name.tokens) <= WINDOWS:
                found[-1].append(name)
                most, windows = most - 1, windows + len(name.tokens)
            else:
                left += 1
    return found, left


def _one(names: Sequence[Sequence[Asked]], first: Sequence[int], token: int) -> list[list[Asked]]:
    """A token of the text."""
    return [
        [Asked(range(token - start, token - start + 1))] if start <= token < end else []
        for start, end in pairwise(first)
    ]


def _filled(names: Sequence[Asked], count: int) -> list[Asked]:
    """The names of a sentence, and every token outside of them."""
    taken = {k for name in names for k in name.tokens}
    rest = [Asked(range(k, k + 1)) for k in range(count) if k not in taken]
    return sorted([*names, *rest], key=lambda asked: asked.tokens.start)
