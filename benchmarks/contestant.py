"""What takes part in a contest: a piece of work that a system does, over and over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

Values: TypeAlias = Mapping[str, Any]  # what must agree with the other systems


def nothing() -> None:
    """What is done by systems that finish at once what they are told."""


@dataclass(frozen=True)
class Contestant:
    """A system made ready.

    run      does the work once
    wait     returns when all that was begun is done
    values   what the work results in; it is asked first, and may do the work
    held     bytes of parameters and optimiser state, which every system needs
    """

    run: Callable[[], Any]
    values: Callable[[], Values] = dict
    wait: Callable[[], Any] = nothing
    held: int = 0


class Role(Enum):
    """Why a system takes part."""

    OURS = "chainrule"
    EXPERT = "a peer as an expert writes it"
    DEFAULT = "a peer as most write it"
    FLOOR = "what cannot be gone below, or is compared with"
    PART = "a part of our own work"


class Entry(NamedTuple):
    """A system that takes part: how it is called, and `module:function` that makes its Contestant."""

    label: str
    role: Role
    make: str
    options: Mapping[str, Any] = {}


class Verdict(NamedTuple):
    """What was wanted, what came of it, and whether that is enough; None if nothing could be compared."""

    wanted: str
    found: str
    reached: bool | None


@dataclass(frozen=True)
class Contest:
    """Systems that do the same work.

    work        the name of the work, as in `--only`       setting   which variant of it
    threads     how many a system may use                  amount, unit   what one run does: 1000 words
    targets     judge the outcome                          seconds        that may be spent on it
    tolerance   of the values, relative; None: they cannot be compared
    measured    "time" or "memory" (bytes beyond what is held)
    base        the system whose figures the others are compared with, ours unless it is said
    """

    work: str
    setting: str
    entries: tuple[Entry, ...]
    threads: int = 1
    amount: float = 1.0
    unit: str = ""
    targets: tuple[Callable[["Outcome"], Verdict], ...] = ()
    seconds: float = 12.0
    tolerance: float | None = 1e-6
    measured: str = "time"
    base: str = ""


@dataclass
class Outcome:
    """What was measured: for every system the figure of each round, None in rounds that it sat out.

    faults   system → why it took no part
    """

    contest: Contest
    figures: dict[str, list[float | None]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    load: float = 0.0
