"""What tagged sentences say of their tokens, to a model that goes on: sets of tags, and dev with all names."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.corpus import Corpus
from chainrule.ner.decode import Decoder
from chainrule.ner.features import Ids
from chainrule.ner.judge import tag_numbers
from chainrule.ner.judged import Judged
from chainrule.ner.metrics import Score
from chainrule.ner.objectives import MARGIN
from chainrule.ner.partial import Said, barred, sets
from chainrule.ner.tags import Scheme
from chainrule.ner.trained import Model

AUTO, TAUGHT, OUTSIDE = "auto", "taught", "outside"


class Told(NamedTuple):
    """The tag of every token (N,), O where it may have several; `barred` (N, C) if there are such; and dev.

    most   the labels whose names in dev are those that a model finds, and the F1 that it had by its own dev
    """

    y: Ids
    barred: NDArray[np.float32] | None
    dev: Corpus
    notes: tuple[str, ...] = ()
    most: Mapping[str, float] = {}

    def rank(self, found: Score) -> float:
        """The mean F1 of the labels, so that a new one counts beside old ones with many names.

        To agree with a model by more than its own F1 is no merit: its mistakes are there too.
        """
        shares = [min(s.f1, self.most.get(label, 1.0)) for label, s in found.by_type.items()]
        return float(np.mean(shares)) if shares else 0.0


def at_its_word(corpora: Sequence[Corpus], dev: Corpus, decoder: Decoder, scheme: Scheme) -> Told:
    """Data that is tagged with all labels: O is O."""
    return Told(np.concatenate([tag_numbers(corpus, decoder.tags, scheme) for corpus in corpora]), None, dev)


def told(
    model: Model,
    corpora: Sequence[Corpus],
    dev: Corpus,
    decoder: Decoder,
    scheme: Scheme,
    missing: str,
    held_out: bool,
) -> Told:
    """Data whose labels may be some of those of the decoder; new sentences first, perhaps old ones behind them.

    missing    what O stands for where labels are missing, see `partial.MISSING`; by itself a model teaches what no
               old data shows, for its mistakes would be learned too (and under `margin`, which has no sets)
    held_out   whether dev is a part of the first corpus
    """
    if missing == OUTSIDE:
        return at_its_word(corpora, dev, decoder, scheme)
    labels = sorted({tag.partition("-")[2] for tag in decoder.tags} - {""})
    here = [{*corpus.labels} for corpus in corpora]
    here[0] |= {*dev.labels} if held_out else set()
    margin = decoder.network.architecture.objective == MARGIN
    shown = {label for own in here[1:] for label in own if not margin}
    parts, notes = [], []
    for corpus, own in zip(corpora, here, strict=True):
        lacks = [label for label in labels if label not in own]
        teach = missing == TAUGHT or (missing == AUTO and not {*lacks} & {*model.config.labels} <= shown)
        said = _said(model, corpus, lacks) if teach else None
        parts.append(sets(corpus, decoder.tags, scheme, own, said))
        if lacks:
            notes.append(_note(corpus, lacks, parts[-1], said is not None, bool({*lacks} & shown)))
    every = np.concatenate(parts)
    alone = every.sum(axis=1) == 1
    y = np.where(alone, every.argmax(axis=1), 0)
    own = here[0] | {*dev.labels}
    judged = _said(model, dev, [label for label in labels if label not in own])
    found = Told(y, None if alone.all() else barred(every), dev, tuple(notes))
    if judged is None:
        return found
    lent, own_f1 = sorted({*model.config.labels} - own), float(model.config.figures.get("dev_f1", 1.0))
    note = f"dev lacks {', '.join(lent)}: the model's names stand there; to agree by more than its F1 is no merit"
    return found._replace(dev=judged.completed(own), notes=(*notes, note), most=dict.fromkeys(lent, own_f1))


def _said(model: Model, corpus: Corpus, missing: Collection[str]) -> Said | None:
    """What a model says of a corpus that lacks labels which it knows."""
    if not {*missing} & {*model.config.labels}:
        return None
    return Said(Judged.by(model, corpus), model.config.labels)


def _note(corpus: Corpus, missing: Sequence[str], sets: NDArray[np.bool_], taught: bool, shown: bool) -> str:
    names = ", ".join(missing)
    said = f"{corpus.path.name} lacks {names}: O there may be one of these"
    if not taught:
        return f"{said}; the old data shows which" if shown else said
    sure = float((sets.sum(axis=1) == 1).mean())
    return f"{said}, as the model finds them where it is sure ({sure:.1%} of the tokens)"
