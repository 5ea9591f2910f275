"""Sentences in other letters: small ones, capitals, or as in a headline; to train on, and to be judged by.

Chats and what was spoken have no capitals, headlines may have nothing else, and a model that has learned to trust
capitals loses most names there. Copies of some sentences in training mend that (Mayhew, Tsygankova and Roth 2019,
"ner and pos when nothing is capitalized").
"""

from collections.abc import Callable, Mapping

from chainrule.errors import SettingError
from chainrule.learn.choose import choose, within
from chainrule.ner.corpus import Corpus
from chainrule.ner.metrics import Score, aligned

AS_IT_IS = "as it is"
FEW = 0.01  # of the tokens: where no more have letters with a case, a copy says nothing


def _title(token: str) -> str:
    return token[:1].upper() + token[1:].lower()


CASES: Mapping[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper, "title": _title}


def shares(spelt: str) -> dict[str, float]:
    """The share of each case in `lower:0.1,upper:0.05`. Raises SettingError."""
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in spelt.split(","))):
        name, colon, share = (side.strip() for side in part.partition(":"))
        choose("case", name, CASES)
        if name in found:
            raise SettingError(f"augment: {name} is there twice; keep one")
        try:
            number = float(share) if colon else None
        except ValueError:
            number = None
        if number is None:
            raise SettingError(f"augment: {part!r} says no share; write {name}:0.1 for a tenth of the sentences")
        found[name] = within(f"share of {name}", number, above=0, most=1)
    if sum(found.values()) > 1:
        raise SettingError(f"augment: {spelt} is more than all sentences; the shares sum to 1 at most")
    return found


def recased(corpus: Corpus, name: str) -> Corpus:
    """The corpus with every token in this case."""
    write = CASES[name]
    return corpus.of([s._replace(tokens=list(map(write, s.tokens))) for s in corpus.sentences])


def by_case(corpus: Corpus, judge: Callable[[Corpus], Score]) -> dict[str, Score]:
    """The figures of a corpus, and of its copies in each case; of copies in which some tokens differ alone."""
    copies = {name: recased(corpus, name) for name in CASES}
    differ = {name: copy for name, copy in copies.items() if _changed(corpus, copy) > FEW}
    return {name: judge(copy) for name, copy in {AS_IT_IS: corpus, **differ}.items()}


def _changed(corpus: Corpus, copy: Corpus) -> float:
    """The share of the tokens that a copy has in other letters."""
    pairs = zip(corpus.sentences, copy.sentences, strict=True)
    return sum(a != b for s, t in pairs for a, b in zip(s.tokens, t.tokens, strict=True)) / max(1, corpus.tokens)


def case_table(scores: Mapping[str, Score]) -> str:
    """Shares in percent, and what each case loses of F1."""
    plain = scores[AS_IT_IS]
    rows = [
        (
            name,
            *(f"{100 * share:.1f}" for share in (s.precision, s.recall, s.f1)),
            "" if s is plain else f"{100 * (s.f1 - plain.f1):+.1f}".replace("-", "−"),
        )
        for name, s in scores.items()
    ]
    return aligned(("letters", "precision", "recall", "F1", "change"), rows)
