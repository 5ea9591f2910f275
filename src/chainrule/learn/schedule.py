"""How the learning rate moves: a factor on the base rate as a pure function of progress.

A schedule is called with `step` (the steps already taken, from 0), `steps_per_epoch` and `total_steps`. It
keeps no state, so training that is resumed continues with the same rates.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from chainrule.errors import SettingError
from chainrule.learn.choose import choose, within

Schedule: TypeAlias = Callable[[int, int, int], float]


def constant() -> Schedule:
    """1 throughout."""
    return lambda step, steps_per_epoch, total_steps: 1.0


def decay(factor: float, epochs: float) -> Schedule:
    """Multiply by `factor` (0 < factor < 1) each time `epochs` have passed."""
    within("the decay factor", factor, above=0, below=1)
    within("the number of epochs between decays", epochs, above=0)
    return lambda step, steps_per_epoch, total_steps: factor ** (step // (steps_per_epoch * epochs))


def halve(epochs: float) -> Schedule:
    """Halve each time `epochs` have passed."""
    return decay(0.5, epochs)


def cosine(floor: float = 0.0) -> Schedule:
    """floor + (1 − floor) · ½(1 + cos(π step / total_steps)): from 1 down to `floor`, 0 ≤ floor < 1.

    Loshchilov & Hutter 2017, "SGDR", equation 5, without restarts.
    """
    within("the floor of the cosine", floor, least=0, below=1)

    def schedule(step: int, steps_per_epoch: int, total_steps: int) -> float:
        progress = min(step / max(total_steps, 1), 1.0)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))

    return schedule


def linear(floor: float = 0.0) -> Schedule:
    """1 − (1 − floor) · step / total_steps: a straight line from 1 to `floor`, 0 ≤ floor < 1."""
    within("the floor of the line", floor, least=0, below=1)
    return lambda step, steps_per_epoch, total_steps: 1 - (1 - floor) * min(step / max(total_steps, 1), 1.0)


def inverse(steps: float) -> Schedule:
    """τ / max(t, τ) with t = `step`, τ = `steps`: flat, then falling as 1/t (CS224n notes on annealing)."""
    within("the number of steps before the decay", steps, above=0)
    return lambda step, steps_per_epoch, total_steps: steps / max(step, steps)


def warmup(schedule: Schedule, steps: float) -> Schedule:
    """`schedule` times min(1, (step + 1) / steps), which rises in a straight line (Goyal et al. 2017)."""
    within("the number of warm-up steps", steps, above=0)
    return lambda step, *progress: min(1.0, (step + 1) / steps) * schedule(step, *progress)


def rise(schedule: Schedule, epochs: float) -> Schedule:
    """`schedule` times min(1, (step + 1) / steps in so many epochs): a warm-up of the same length for any data."""
    within("the number of epochs to rise in", epochs, above=0)
    return lambda step, each, total: min(1.0, (step + 1) / (each * epochs)) * schedule(step, each, total)


SCHEDULES: Mapping[str, Callable[..., Schedule]] = {
    "constant": constant,
    "cosine": cosine,
    "halve": halve,
    "inverse": inverse,
    "linear": linear,
    "step": decay,
}

WRAPPERS: Mapping[str, Callable[..., Schedule]] = {"rise": rise, "warmup": warmup}


def parse(text: str) -> Schedule:
    """The schedule written as `constant`, `halve:3`, `step:0.5:10`, `cosine`, `cosine:0.1`, `linear`, `inverse:9`.

    Each may be followed by `,warmup:500` or `,rise:2`. Raises SettingError listing the forms.
    """
    wrapped = [f"each also followed by ,{_form(name, maker)}" for name, maker in WRAPPERS.items()]
    if not isinstance(text, str):
        forms = ", ".join([*map(_form, SCHEDULES, SCHEDULES.values()), *wrapped])
        raise SettingError(f"schedule is {text!r}; give one of: {forms}")
    first, *rest = text.split(",")
    schedule = _read("schedule", first, SCHEDULES, hints=wrapped)
    for part in rest:
        schedule = _read("addition to a schedule", part, WRAPPERS, schedule)
    return schedule


def _read(
    kind: str,
    text: str,
    table: Mapping[str, Callable[..., Schedule]],
    *inner: Schedule,
    hints: Sequence[str] = (),
) -> Schedule:
    """The maker that `text` names, called on `inner` and on the numbers after the colons."""
    name, *words = text.strip().split(":")
    maker = choose(kind, name, table, spelt=[*map(_form, table, table.values()), *hints])
    try:
        arguments = inspect.signature(maker).bind(*inner, *map(float, words)).args
    except (TypeError, ValueError):
        raise SettingError(f"{text.strip()!r} does not read as {_form(name, maker)}") from None
    return maker(*arguments)


def _form(name: str, maker: Callable[..., Schedule]) -> str:
    """How the arguments of `maker` are written: `step:FACTOR:EPOCHS`, `cosine[:FLOOR]`."""
    numbers = [p for p in inspect.signature(maker).parameters.values() if p.name != "schedule"]
    parts = [f":{p.name.upper()}" if p.default is p.empty else f"[:{p.name.upper()}]" for p in numbers]
    return name + "".join(parts)
