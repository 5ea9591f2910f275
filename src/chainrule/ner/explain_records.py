"""What is said of a name: numbers for each word around it and each of its features, and what else it could be."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from chainrule.display.notebook import iframe
from chainrule.ner.entity import Entity
from chainrule.ner.explain_nearest import Near
from chainrule.ner.explain_page import page
from chainrule.ner.explain_path import CLOSE
from chainrule.ner.explain_scores import Doubles
from chainrule.ner.tokenizer import Token


class Piece(NamedTuple):
    """A feature of a word: its value, whether the model knows that, and method → what it adds.

    direct   through a row of L, scores of its own, and not through the vector of its value
    """

    feature: str
    direct: bool
    value: str
    known: bool
    adds: Mapping[str, float]


class Word(NamedTuple):
    """A word in the windows of a name, or what lies beyond the sentence: method → what it adds to F.

    token   its number in the text; None beyond the sentence, and then `side` is "before" or "after"
    delta   ∂F/∂x, the part of δ for this word (X,), and its length ‖∂F/∂x‖
    """

    token: int | None
    text: str
    side: str
    adds: Mapping[str, float]
    length: float
    delta: Doubles
    pieces: tuple[Piece, ...]


class Choice(NamedTuple):
    """A tag of a token: its score and its probability."""

    tag: str
    score: float
    probability: float


class Window(NamedTuple):
    """A token of a name: its tag, the best tags by their own scores, and the nearest windows of training."""

    token: int
    text: str
    chosen: Choice
    best: tuple[Choice, ...]
    nearest: tuple[Near, ...] = ()


class RunnerUp(NamedTuple):
    """What the tagger would have said otherwise: the best legal tags of the sentence that do not hold the name.

    tags     of the tokens of the name          names   those that share a token with it: (start, end, label)
    margin   by how much its score is less, the moves between tags included
    """

    tags: tuple[str, ...]
    names: tuple[tuple[int, int, str], ...]
    margin: float


class Proof(NamedTuple):
    """Σ of integrated gradients, the difference of F that it is to be, its relative error, points of the rule.

    A difference that is little but rounding has no relative error to speak of: none is taken of less than
    1e−7 of what words add.
    """

    sum: float
    difference: float
    error: float
    points: int

    @property
    def holds(self) -> bool:
        """Whether the sum is near enough."""
        return self.error <= CLOSE


class Reason(NamedTuple):
    """A name, or a single token, and why.

    tokens   their numbers in the text       start, end, text   where it stands
    label    O outside of names              probability        of the name; of a token, of its tag
    score    Σ s_y                           value, blank       F, and F where all words are unknown
    """

    tokens: range
    start: int
    end: int
    text: str
    label: str
    probability: float
    score: float
    value: float
    blank: float
    runner_up: RunnerUp | None
    words: tuple[Word, ...]
    windows: tuple[Window, ...]
    proof: Proof | None

    def shares(self, method: str) -> list[float]:
        """|what each word adds| / Σ of all; they sum to 1."""
        each = np.abs([word.adds[method] for word in self.words])
        found: list[float] = (each / (each.sum() or 1.0)).tolist()
        return found


class Sentence(NamedTuple):
    """A sentence: its tokens, the number of the first, P(label) of each, (N, labels), and the reasons in it."""

    tokens: Sequence[Token]
    first: int
    probabilities: Doubles
    reasons: Sequence[Reason]


class Explanation(NamedTuple):
    """A text and its names, each with the reasons for it.

    entities   all names       left   how many of them are not explained       labels   O, and the types of names
    tokens     how many there are in the text                                   sentences   those with reasons
    token      the one that was asked for, None for all names
    """

    text: str
    tokens: int
    labels: Sequence[str]
    entities: Sequence[Entity]
    sentences: Sequence[Sentence]
    left: int
    methods: Sequence[str]
    of: str
    baseline: str
    token: int | None

    def _repr_html_(self) -> str:
        return iframe(page(self, f"{len(self.entities)} names"))

    @property
    def reasons(self) -> list[Reason]:
        """The reasons of all sentences."""
        return [reason for sentence in self.sentences for reason in sentence.reasons]
