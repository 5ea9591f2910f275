"""How right predicted tags are: precision, recall and F1 of whole names, as the scorer conlleval counts.

A name is right if its first token, its last token and its label are.  With g names in the gold tags, f found
and r right ones: precision = r / f, recall = r / g, F1 = 2 r / (g + f), each 0 where it is undefined.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple
from unicodedata import east_asian_width

from chainrule.errors import DataError
from chainrule.ner.corpus import check_tags, read_table
from chainrule.ner.notebook import shown_score
from chainrule.ner.source import StrPath
from chainrule.ner.tags import OUTSIDE, Scheme, detect, fault, illegal_moves, is_bare, spans, split


@dataclass(frozen=True)
class TypeScore:
    """How many names there are in the gold tags, how many were found, and how many of these are right."""

    gold: int
    found: int
    correct: int

    @property
    def precision(self) -> float:
        """The share of the found names that are right."""
        return _share(self.correct, self.found)

    @property
    def recall(self) -> float:
        """The share of the gold names that were found."""
        return _share(self.correct, self.gold)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _share(2 * self.correct, self.gold + self.found)

    def as_dict(self) -> dict[str, object]:
        """Shares and counts, for JSON."""
        shares = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return {**shares, "gold": self.gold, "found": self.found, "correct": self.correct}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


class Mistake(NamedTuple):
    """How many tokens of one type (O, or a label) were given another."""

    gold: str
    predicted: str
    tokens: int


@dataclass(frozen=True)
class Score(TypeScore):
    """The score of all types together, of each, and of the tokens.

    tokens, matched   how many there are, and how many have their very tag
    illegal           transitions in the predicted tags that the scheme of the gold tags forbids
    confusion         tokens by gold and predicted type, a label or O
    """

    by_type: Mapping[str, TypeScore] = field(default_factory=dict)
    tokens: int = 0
    matched: int = 0
    illegal: int = 0
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def accuracy(self) -> float:
        """The share of tokens that have their very tag."""
        return _share(self.matched, self.tokens)

    @property
    def mistakes(self) -> list[Mistake]:
        """Confused types of tokens, the commonest first."""
        cells = (Mistake(g, p, count) for g, row in self.confusion.items() for p, count in row.items())
        return sorted((m for m in cells if m.tokens and m.gold != m.predicted), key=lambda m: (-m.tokens, m))

    def as_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        return {
            **super().as_dict(),
            "accuracy": self.accuracy,
            "tokens": self.tokens,
            "illegal": self.illegal,
            "by_type": {label: s.as_dict() for label, s in self.by_type.items()},
            "confusion": {gold: dict(row) for gold, row in self.confusion.items()},
        }

    def _repr_html_(self) -> str:
        return shown_score(self)

    def table(self, title: str = "entities") -> str:
        """The figures of each type and of all; shares in percent."""
        head = (title, "precision", "recall", "F1", "gold", "found", "right")
        return aligned(head, [_figures(label, s) for label, s in (*self.by_type.items(), ("all", self))])

    def confusion_table(self) -> str:
        """Gold types down, predicted types across, in percent of each row; then the commonest mistakes."""
        rows = [
            (gold, *(f"{100 * _share(count, sum(row.values())):.1f}" for count in row.values()))
            for gold, row in self.confusion.items()
        ]
        common = " · ".join(f"{m.gold} → {m.predicted} {m.tokens:,}" for m in self.mistakes[:5])
        table = aligned(("gold ↓ predicted →", *self.confusion), rows)
        return f"{table}\n\n  commonest mistakes   {common or 'none'}"


def _figures(label: str, s: TypeScore) -> Sequence[str]:
    shares = (f"{100 * share:.1f}" for share in (s.precision, s.recall, s.f1))
    return (label, *shares, *(f"{count:,}" for count in (s.gold, s.found, s.correct)))


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns to the right, the first to the left, a rule below the head."""
    widths = [max(map(_width, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(_padded(cell, width, k > 0) for k, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in (head, *rows)
    ]
    return "\n".join(f"  {line}" for line in (lines[0], "─" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]))


def _padded(cell: str, width: int, right: bool) -> str:
    gap = " " * (width - _width(cell))
    return gap + cell if right else cell + gap


def _width(text: str) -> int:
    """Cells of a terminal; Asian letters take two."""
    return sum(1 + (east_asian_width(letter) in "WF") for letter in text)


def score(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: Scheme | None = None
) -> Score:
    """Judge predicted tags against gold tags, one sequence for each sentence, in any scheme.

    `scheme`, by which moves are illegal, is that of the gold tags if not given.  Raises DataError for
    sentences of unequal length and for illegal tags.
    """
    _check(gold, predicted)
    pairs: Counter[tuple[str, str]] = Counter()
    names: Counter[tuple[str, str]] = Counter()
    for g, p in zip(gold, predicted, strict=True):
        pairs.update(zip(g, p, strict=True))
        wanted, found = set(spans(g)), set(spans(p))
        for kind, group in (("gold", wanted), ("found", found), ("correct", wanted & found)):
            names.update((kind, name.label) for name in group)
    by_type = {
        label: TypeScore(names["gold", label], names["found", label], names["correct", label])
        for label in sorted({label for _, label in names})
    }
    rules = scheme or detect(gold).scheme
    return Score(
        gold=sum(s.gold for s in by_type.values()),
        found=sum(s.found for s in by_type.values()),
        correct=sum(s.correct for s in by_type.values()),
        by_type=by_type,
        tokens=pairs.total(),
        matched=sum(count for (g, p), count in pairs.items() if g == p),
        illegal=sum(illegal_moves(tags, rules) for tags in predicted),
        confusion=_confusion(pairs),
    )


def _check(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
    if len(gold) != len(predicted):
        raise DataError(f"{len(gold):,} gold sentences, but {len(predicted):,} predicted; give the same ones")
    seen: set[str] = set()
    for number, (g, p) in enumerate(zip(gold, predicted, strict=True), 1):
        if len(g) != len(p):
            raise DataError(
                f"sentence {number}: {len(g)} gold tags, but {len(p)} predicted; give a pair per token"
            )
        for tag in {*g, *p} - seen:
            if reason := fault(tag):
                raise DataError(f"sentence {number}: {reason}")
            seen.add(tag)


def _confusion(pairs: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    counts: Counter[tuple[str, str]] = Counter()
    for (g, p), count in pairs.items():
        counts[_type(g), _type(p)] += count
    types = sorted({kind for cell in counts for kind in cell}, key=lambda kind: (kind != OUTSIDE, kind))
    return {g: {p: counts[g, p] for p in types} for g in types}


def _type(tag: str) -> str:
    return split(tag).label or OUTSIDE


def read_scored(path: StrPath) -> Score:
    """Judge a file, `-` for standard input, whose last two columns are gold and predicted tags.

    As conlleval does, `-DOCSTART-` rows count as tokens.  Raises DataError, `path:line: cause; repair`.
    """
    table = read_table(path, documents=False)
    if table.width < 2:
        raise DataError(f"{table.at()}: one column; write token, gold tag and predicted tag on each line")
    for column in (-2, -1):
        check_tags(table, column)
    gold, predicted = ([[row[column] for row in block.rows] for block in table.blocks] for column in (-2, -1))
    words = any(map(is_bare, chain.from_iterable(gold))) and not any(map(is_bare, chain.from_iterable(predicted)))
    if table.width == 2 and words:
        raise DataError(
            f"{table.at()}: two columns, and the first holds words; write token, gold tag and predicted tag"
        )
    return score(gold, predicted)
