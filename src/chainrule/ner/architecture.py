"""The settings of the window network."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Literal

from chainrule.errors import SettingError
from chainrule.learn.choose import choose, within
from chainrule.learn.layers import ACTIVATIONS, PARAMETRIC
from chainrule.ner.families import Group, dimensions, family
from chainrule.ner.objectives import OBJECTIVES

COMBINATIONS: Mapping[str, str] = {"concatenate": "side by side", "average": "their mean"}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The settings of the network; raises SettingError outside their range."""

    window: int = 5
    combine: Literal["concatenate", "average"] = "concatenate"
    dimension: int = 50
    caps: int = 5
    features: str = ""
    spread: float = 0.5
    """Vectors of features begin within ±spread; given vectors of words drown in many that are as large."""
    letters: int = 0
    hidden: int = 100
    layers: int = 1
    activation: str = "tanh"
    short_circuit: str = ""
    objective: str = "softmax"
    margin: float = 1.0
    dropout: float = 0.5
    feature_dropout: float = 0.5
    gazetteer_dropout: float = 0.2
    l2: float = 0.0

    def __post_init__(self) -> None:
        within("window", self.window, least=1, whole=True)
        if self.window % 2 == 0:
            raise SettingError(
                f"a window has a centre, so its size is odd; {self.window} could be {self.window + 1}"
            )
        within("dimension", self.dimension, least=1, whole=True)
        within("hidden", self.hidden, least=1, whole=True)
        within("layers", self.layers, least=1, most=2, whole=True)
        within("caps", self.caps, least=0, whole=True)
        within("letters", self.letters, least=0, whole=True)
        within("dropout", self.dropout, least=0, below=1)
        within("l2", self.l2, least=0)
        within("margin", self.margin, above=0)
        within("spread", self.spread, above=0)
        choose("way to combine a window", self.combine, COMBINATIONS)
        choose("activation", self.activation, {**ACTIVATIONS, **PARAMETRIC})
        choose("objective", self.objective, OBJECTIVES)
        within("feature_dropout", self.feature_dropout, least=0, below=1)
        within("gazetteer_dropout", self.gazetteer_dropout, least=0, below=1)
        _check_features(self)

    @property
    def radius(self) -> int:
        """Words on each side of the centre."""
        return self.window // 2

    @cached_property
    def widths(self) -> dict[Group, int]:
        """The features besides the word, in groups that are added, and the width of their vectors."""
        caps: dict[Group, int] = {("caps",): self.caps} if self.caps else {}
        return caps | dimensions(self.features)

    @cached_property
    def direct(self) -> tuple[str, ...]:
        """The features with scores of their own."""
        return tuple(name.strip() for name in self.short_circuit.split(",") if name.strip())

    @property
    def named(self) -> list[str]:
        """All features besides the word and its capitals."""
        return [name for name in dict.fromkeys(chain(*self.widths, self.direct)) if name != "caps"]

    @property
    def clusters(self) -> list[str]:
        """The features that are clusters of words."""
        return [name for name in self.named if name.startswith("cluster")]

    @property
    def width(self) -> int:
        """The numbers of x, the vectors of one window."""
        width = self.dimension + sum(self.widths.values()) + self.letters
        return width * (self.window if self.combine == "concatenate" else 1)


def _check_features(architecture: Architecture) -> None:
    dimensions(architecture.features)
    for name in architecture.direct:
        if name != "caps":
            family(name)
    if len(set(architecture.direct)) < len(architecture.direct):
        raise SettingError("short_circuit: a feature is there twice; keep one")
