"""Names that were found in texts."""

from typing import Any, NamedTuple

from chainrule.ner.lattice import Ids


class Entity(NamedTuple):
    """A name in a text: `text == document[start:end]`, in code points, end-exclusive.

    `score` is the probability of its tags, the product over its tokens.
    """

    start: int
    end: int
    label: str
    score: float
    text: str

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return self._asdict()


class Found(NamedTuple):
    """The names in T texts: how many each has, (T,); of every name its place, last tag by number, and score."""

    counts: Ids
    starts: Ids
    ends: Ids
    tags: Ids
    scores: list[float]
