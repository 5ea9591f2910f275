"""chainrule: the default network, the recipe `best`, and the mean of several of these."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.ner.words import Tagging

from chainrule.ner import Tagger
from chainrule.ner.merge import merge

if TYPE_CHECKING:
    from benchmarks.ner.data import Data


def learn(data: "Data", seed: int, folder: Path, **settings: Any) -> None:
    """Train, as `chainrule train` does."""
    train, dev, _ = data.parts
    Tagger.train(train, dev, vectors=data.vectors, out=folder, seed=seed, **settings)


def learn_mean(data: "Data", seed: int, folder: Path, members: Sequence[Path]) -> None:
    """The mean of trained models, as `chainrule merge` writes it."""
    merge([Tagger.load(member) for member in members], data.parts.dev).save(folder)


def tagging(folder: Path) -> Tagging:
    """A function of sentences that gives their tags."""
    return Tagger.load(folder).tag_tokens
