"""Names that were found in texts."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from chainrule.ner.lattice import Ids
from chainrule.ner.notebook import shown_entity, shown_text

FIELDS = ("start", "end", "label", "score", "text")
"""What there is to every name, asked or not."""


class Alternative(NamedTuple):
    """What a name could be instead: another label, or O for none, with the probability of its tags."""

    label: str
    score: float


class Entity(NamedTuple):
    """A name in a text: `text == document[start:end]`, in code points, end-exclusive.

    `score` is the probability of its tags: the product over its tokens or, where sentences are tagged as a whole,
    the share of all paths. `alternatives` are there if they were asked for, the likeliest first.
    """

    start: int
    end: int
    label: str
    score: float
    text: str
    alternatives: tuple[Alternative, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON has it; with alternatives, if there are any."""
        found = dict(zip(FIELDS, self, strict=False))
        return found | ({"alternatives": [a._asdict() for a in self.alternatives]} if self.alternatives else {})

    def _repr_html_(self) -> str:
        return shown_entity(self)


class Entities(list[Entity]):
    """The names of a text, in order; `text` is what they were found in."""

    text: str = ""

    def _repr_html_(self) -> str:
        return shown_text(self.text, self)


class Found(NamedTuple):
    """The names in T texts: how many each has, (T,); of every name its place, last tag by number, and score.

    others   what each could be instead, where that was asked for
    """

    counts: Ids
    starts: Ids
    ends: Ids
    tags: Ids
    scores: list[float]
    others: Sequence[tuple[Alternative, ...]] = ()
