"""What the figures say: medians, quartiles, ratios within a round, and whether a target is reached."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from benchmarks.contestant import Entry, Outcome, Role, Verdict

Target = Callable[[Outcome], Verdict]
UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


class Quartiles(NamedTuple):
    """A median and where half of the figures lie."""

    low: float
    median: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} ({self.low:{spec}}–{self.high:{spec}})"


def quartiles(figures: Iterable[float]) -> Quartiles | None:
    """The quartiles of figures; None if there are none."""
    given = list(figures)
    return Quartiles(*(float(q) for q in np.percentile(given, (25, 50, 75)))) if given else None


def figure(outcome: Outcome, label: str) -> Quartiles | None:
    """What was measured of a system."""
    return quartiles(f for f in outcome.figures.get(label, ()) if f is not None)


def ratio(outcome: Outcome, above: str, below: str) -> Quartiles | None:
    """One system's figure over another's, each pair from one round."""
    pairs = zip(outcome.figures.get(above, ()), outcome.figures.get(below, ()), strict=False)
    return quartiles(a / b for a, b in pairs if a is not None and b)


def of_role(outcome: Outcome, role: Role) -> list[Entry]:
    """The systems of a role."""
    return [e for e in outcome.contest.entries if e.role is role]


def base(outcome: Outcome) -> str:
    """The label of the system that the others are compared with; "" if there is none."""
    return outcome.contest.base or next((e.label for e in of_role(outcome, Role.OURS)), "")


def best(outcome: Outcome, *roles: Role) -> tuple[str, Quartiles] | None:
    """The best system of a role, and its ratio to ours."""
    own = base(outcome)
    found = [(e.label, r) for role in roles for e in of_role(outcome, role) if (r := ratio(outcome, e.label, own))]
    return min(found, key=lambda pair: pair[1].median, default=None)


# ── targets ───────────────────────────────────────────────────────────────────────────────────────────


def ahead(by: float, *roles: Role, of: str = "the best peer") -> Target:
    """We are so many times as good as the best of these roles."""

    def judged(outcome: Outcome) -> Verdict:
        found = best(outcome, *(roles or (Role.EXPERT,)))
        text = f"{found[1]:.2f}× {found[0]}" if found else ""
        return Verdict(f"≥ {by:g}× {of}", text, found[1].median >= by if found else None)

    return judged


def smaller(of: str = "peer") -> Target:
    """We need less than the best peer."""

    def judged(outcome: Outcome) -> Verdict:
        found = best(outcome, Role.EXPERT, Role.DEFAULT)
        text = f"1/{found[1].median:.1f} of {found[0]}" if found else ""
        return Verdict(f"less than {of}", text, found[1].median > 1 if found else None)

    return judged


def within(factor: float, label: str) -> Target:
    """We need at most so many times what another system needs."""

    def judged(outcome: Outcome) -> Verdict:
        found = ratio(outcome, base(outcome), label)
        text = f"{found:.2f}×" if found else ""
        return Verdict(f"≤ {factor:g}× {label}", text, found.median <= factor if found else None)

    return judged


def flat(factor: float, label: str) -> Target:
    """The last and largest of our own sizes costs at most so many times what the first does."""

    def judged(outcome: Outcome) -> Verdict:
        found = ratio(outcome, label, base(outcome))
        text = f"{found:.2f}×" if found else ""
        return Verdict(f"flat, ≤ {factor:g}×", text, found.median <= factor if found else None)

    return judged


def at_most(limit: float, unit: str, beyond: str = "", each: str = "") -> Target:
    """We need at most so much time, beyond another system's, or for each of the things that a run does."""

    def judged(outcome: Outcome) -> Verdict:
        taken = figure(outcome, base(outcome))
        less = figure(outcome, beyond) if beyond else quartiles([0.0])
        wanted = f"≤ {limit:g} {unit}" + (f" more than {beyond}" if beyond else f" {each}" if each else "")
        if taken is None or less is None:
            return Verdict(wanted, "", None)
        found = (taken.median - less.median) / UNITS[unit] / (outcome.contest.amount if each else 1)
        return Verdict(wanted, f"{found:.3g} {unit}", found <= limit)

    return judged


def rate(least: float) -> Target:
    """We do so many things a second."""

    def judged(outcome: Outcome) -> Verdict:
        taken = figure(outcome, base(outcome))
        wanted = f"≥ {least:,.0f} {outcome.contest.unit}/s"
        if taken is None:
            return Verdict(wanted, "", None)
        found = outcome.contest.amount / taken.median
        return Verdict(wanted, f"{found:,.0f}", found >= least)

    return judged
