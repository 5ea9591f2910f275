"""What a model says of tagged sentences that another one said otherwise: names gained, and names forgotten.

A name is gained if it is found rightly now and was not before, forgotten if it was and is not now. Labels that the
data lacks are compared with what the model before finds, which is no truth; the sum of all leaves them out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from chainrule.ner.corpus import Corpus
from chainrule.ner.judged import Judged
from chainrule.ner.metrics import TypeScore, aligned
from chainrule.ner.notebook import shown_changes
from chainrule.ner.partial import Said
from chainrule.ner.tags import Span
from chainrule.ner.trained import Model

ALL = "all"
UNTAGGED = "*"
REMARK = f"{UNTAGGED} not tagged in this data: compared with what the model found before"


class Place(NamedTuple):
    """A name by the number of its sentence, and the labels that tokens of it have now, if they have any."""

    sentence: int
    name: Span
    now: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """What became of the names of a label; `tagged` says whether the data has it."""

    label: str
    before: TypeScore
    after: TypeScore
    gained: tuple[Place, ...]
    forgotten: tuple[Place, ...]
    tagged: bool = True

    @property
    def f1(self) -> float:
        """F1 after less F1 before."""
        return self.after.f1 - self.before.f1


@dataclass(frozen=True)
class Changes:
    """Two models on the same sentences; `labels` are those that the one before knows."""

    before: Judged
    after: Judged
    labels: Sequence[str]

    @classmethod
    def of(cls, before: Model, after: Model, corpus: Corpus) -> "Changes":
        """What both say of a corpus."""
        return cls(Judged.by(before, corpus), Judged.by(after, corpus), before.config.labels)

    @cached_property
    def rows(self) -> tuple[Change, ...]:
        """A change for each label: of those of the data, then of others that the model before knew."""
        here = self.before.corpus.labels
        others = [label for label in self.labels if label not in here]
        completed = Said(self.before, self.labels).completed(here)
        known = replace(self.before, corpus=completed)
        gold = [set(known.gold(k)) for k in range(len(completed.sentences))]
        old, new = ([{n for n, _ in judged.found(k)} for k in range(len(gold))] for judged in (known, self.after))
        return tuple(_change(label, gold, old, new, label in here) for label in (*here, *others))

    @cached_property
    def whole(self) -> Change:
        """All labels of the data together."""
        told = [row for row in self.rows if row.tagged]
        scores = [[getattr(row, side) for row in told] for side in ("before", "after")]
        before, after = (
            TypeScore(sum(s.gold for s in part), sum(s.found for s in part), sum(s.correct for s in part))
            for part in scores
        )
        gained, forgotten = (
            tuple(sorted(p for row in told for p in getattr(row, kind))) for kind in ("gained", "forgotten")
        )
        return Change(ALL, before, after, gained, forgotten)

    def _repr_html_(self) -> str:
        return shown_changes(self)

    def table(self, title: str) -> str:
        """F1 in percent of each label, and how many names came and went."""
        head = (title, "gold", "before", "after", "change", "gained", "forgotten")
        table = aligned(head, [_figures(row) for row in (*self.rows, self.whole)])
        return table if all(row.tagged for row in self.rows) else f"{table}\n  {REMARK}"

    def as_dict(self) -> dict[str, object]:
        """Everything, for JSON; the labels of the data, those that it lacks, and all together."""
        return {
            "by_label": {row.label: self._of(row) for row in self.rows if row.tagged},
            "not_tagged": {row.label: self._of(row) for row in self.rows if not row.tagged},
            "all": self._of(self.whole),
        }

    def _of(self, row: Change) -> dict[str, object]:
        places = {"gained": row.gained, "forgotten": row.forgotten}
        listed = {kind: [self._named(place) for place in found] for kind, found in places.items()}
        return {"before": row.before.as_dict(), "after": row.after.as_dict(), **listed}

    def _named(self, place: Place) -> dict[str, object]:
        sentence, name = self.before.sentence(place.sentence), place.name
        between = "" if self.before.corpus.characters else " "
        return {
            "line": sentence.line + name.start,
            "label": name.label,
            "text": between.join(sentence.tokens[name.start : name.end]),
            "now": list(place.now),
        }


def _change(
    label: str, gold: Sequence[set[Span]], old: Sequence[set[Span]], new: Sequence[set[Span]], tagged: bool
) -> Change:
    def own(names: Sequence[set[Span]]) -> list[set[Span]]:
        return [{name for name in found if name.label == label} for found in names]

    right, was, now = own(gold), own(old), own(new)
    gained, forgotten = [], []
    for k, (g, a, b) in enumerate(zip(right, was, now, strict=True)):
        gained += [Place(k, name, (label,)) for name in sorted(g & b - a)]
        forgotten += [Place(k, name, _now(name, new[k])) for name in sorted(g & a - b)]
    return Change(label, _score(right, was), _score(right, now), tuple(gained), tuple(forgotten), tagged)


def _now(name: Span, found: set[Span]) -> tuple[str, ...]:
    """The labels of names that share tokens with this one, in order."""
    return tuple(n.label for n in sorted(found) if n.start < name.end and name.start < n.end)


def _score(gold: Sequence[set[Span]], found: Sequence[set[Span]]) -> TypeScore:
    right = sum(len(g & f) for g, f in zip(gold, found, strict=True))
    return TypeScore(sum(map(len, gold)), sum(map(len, found)), right)


def _figures(row: Change) -> tuple[str, ...]:
    name = row.label if row.tagged else f"{row.label} {UNTAGGED}"
    change = f"{100 * row.f1:+.1f}".replace("-", "−")
    counts = (f"{len(row.gained):,}", f"{len(row.forgotten):,}")
    return name, f"{row.after.gold:,}", f"{100 * row.before.f1:.1f}", f"{100 * row.after.f1:.1f}", change, *counts
