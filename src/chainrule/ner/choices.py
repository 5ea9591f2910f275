"""Settings of a training by name: those of the network, of the loop, and of what is made of the data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from chainrule.errors import SettingError
from chainrule.learn.choose import choose, within
from chainrule.learn.train import Plan
from chainrule.ner.architecture import Architecture
from chainrule.ner.cases import shares
from chainrule.ner.finetune import FINE_TUNE, REMEDIES
from chainrule.ner.folder import Config
from chainrule.ner.lookups import NOTHING, Lookups
from chainrule.ner.partial import MISSING
from chainrule.ner.recipes import FEW, LECTURE, RECIPES, variant
from chainrule.ner.tags import SCHEMES, Scheme
from chainrule.ner.vectors import Vectors

DROPOUT_GIVEN = 0.0  # given vectors are no free parameters: dropping their entries only loses what they say


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What to make of the data; raises SettingError outside the range."""

    recipe: str = LECTURE
    scheme: Scheme = "BIOES"
    fine_tune: str = "auto"
    remedy: str = "none"
    anchor: float = 0.01
    minimum: int = 1
    rare: int = 2
    held_out: float = 0.1
    augment: str = ""
    missing_labels: str = "auto"
    rehearsal: float = 1.0

    def __post_init__(self) -> None:
        choose("recipe", self.recipe, RECIPES)
        choose("scheme", self.scheme, dict.fromkeys(SCHEMES))
        choose("fine-tuning policy", self.fine_tune, FINE_TUNE)
        choose("remedy", self.remedy, REMEDIES)
        within("anchor", self.anchor, least=0)
        within("minimum", self.minimum, least=1, whole=True)
        within("rare", self.rare, least=1, whole=True)
        within("held_out", self.held_out, above=0, below=1)
        within("rehearsal", self.rehearsal, least=0)
        choose("meaning of O where labels are missing", self.missing_labels, MISSING)
        shares(self.augment)


def settings_of(
    given: Mapping[str, Any],
    vectors: Vectors | None = None,
    *,
    characters: bool = False,
    tokens: int = FEW,
    lookups: Lookups = NOTHING,
) -> tuple[Architecture, Plan, Choices]:
    """Sort settings by name into those of the network, of the loop and of the data; SettingError for others.

    Given vectors decide the dimension, and that nothing is dropped unless it is asked for; a recipe says what is
    usual for so many tokens that are words or `characters`. What is looked up is a feature, if it is not among
    them.
    """
    recipe = given.get("recipe", LECTURE)
    usual = variant(recipe, characters=characters, vectors=vectors is not None, tokens=tokens).settings
    given = {**usual, **given}
    if vectors is not None:
        if given.get("dimension", vectors.dimension) != vectors.dimension:
            raise SettingError(
                f"dimension is {given['dimension']}, but {vectors.path or 'the vectors'} has "
                f"{vectors.dimension} numbers a word; leave it out, or choose other vectors"
            )
        given = {"dropout": DROPOUT_GIVEN, **given, "dimension": vectors.dimension}
    given = {name: v.item() if isinstance(v, np.generic) else v for name, v in given.items()}
    spelt = str(given.get("features", ""))
    known = Architecture(features=spelt, short_circuit=str(given.get("short_circuit", ""))).named
    if more := lookups.named(known):
        given = {**given, "features": ",".join(filter(None, (spelt, *more)))}
    kinds = (Architecture, Plan, Choices)
    home = {f.name: kind for kind in kinds for f in fields(kind)}
    for name in given:
        choose("setting", name, home)
    a, p, c = ({name: value for name, value in given.items() if home[name] is kind} for kind in kinds)
    return Architecture(**a), Plan(**p), Choices(**c)


FREE = ("dropout", "feature_dropout", "gazetteer_dropout", "l2", "margin")
"""Settings of a network that say nothing of its sizes."""
STEP = 0.5  # of the learning rate, where a network is not new
RISE = 2  # epochs of a warm-up, in which an optimiser without a past learns how large gradients are


def settings_on(config: Config, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name for training on from a model: those given, and those it was trained with.

    The learning rate is half of what it was, after a warm-up in which patience does not count, unless they are
    given: the first steps of Adagrad or Adam are of one size in all directions, and undo what was learned.
    Raises SettingError for another network.
    """
    own = {**asdict(config.architecture), "scheme": config.scheme}
    for name, value in given.items():
        if name in own and name not in FREE and value != own[name]:
            raise SettingError(
                f"{name} is {value}, but {own[name]} in the model that training begins from; leave it out, "
                "or train a new one"
            )
    known = {f.name for kind in (Plan, Choices) for f in fields(kind)}
    before = {n: v for n, v in dict(config.training.get("settings", {})).items() if n in known}
    usual = {f.name: f.default for f in fields(Plan)}
    rates = {n: STEP * before.get(n, usual[n]) for n in ("learning_rate", "linear_rate")}
    rates["patience"] = RISE + before.get("patience", usual["patience"])
    schedule = str(before.get("schedule", usual["schedule"]))
    risen = schedule if "," in schedule else f"{schedule},rise:{RISE}"
    return {**own, **before, **rates, "schedule": risen, **given}
