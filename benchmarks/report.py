"""The table of ratios, and the same as JSON."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from benchmarks.contestant import Outcome
from benchmarks.judge import UNITS, base, figure, ratio

MARK = {True: "✓", False: "✗", None: " "}
BLANK = "–"
NARROW = 9
CALM = 0.5  # cores in use besides ours, with which figures are still good


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Lines: for each work a head, for each setting our figure and those of the others as multiples of it."""
    for work, group in groupby(outcomes, key=lambda o: o.contest.work):
        together = list(group)
        labels = list(dict.fromkeys(e.label for o in together for e in o.contest.entries))
        own = base(together[0])
        shown = [label for label in labels if label != own]
        wide = max(len(setting(o)) for o in together)
        widths = [max(NARROW, len(label)) for label in shown]
        heads = "  ".join(f"{label:>{w}}" for label, w in zip(shown, widths, strict=True))
        yield ""
        yield f"{work:<{wide + 2}}{own or '':>12}  {heads}"
        for o in together:
            cells = "  ".join(f"{_cell(o, label):>{w}}" for label, w in zip(shown, widths, strict=True))
            yield f"  {setting(o):<{wide}}{_amount(o, base(o)):>12}  {cells}"
            for target in o.contest.targets:
                wanted, found, reached = target(o)
                yield f"  {'':<{wide}}  {MARK[reached]} {wanted}: {found or 'not compared'}"
    yield from faults(outcomes)
    busy = max((o.load - o.contest.threads for o in outcomes), default=0.0)
    if busy > CALM:
        yield ""
        yield f"Other programs were running ({busy:.1f} cores): these figures are rough."


def faults(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Who took no part, and why, each said once."""
    said = dict.fromkeys(
        f"  {label}: {why}" + ("" if why == "not installed" else f"  ({o.contest.work}, {setting(o)})")
        for o in outcomes
        for label, why in o.faults.items()
    )
    if said:
        yield ""
        yield "Not measured:"
        yield from said


def setting(outcome: Outcome) -> str:
    """The setting, with the threads if there are several."""
    contest = outcome.contest
    threads = "" if contest.threads == 1 else f", {contest.threads} threads"
    return contest.setting + threads


def _cell(outcome: Outcome, label: str) -> str:
    own = base(outcome)
    if not own:
        return _amount(outcome, label)
    found = ratio(outcome, label, own)
    return f"{found.median:.3g}×" if found else BLANK


def _amount(outcome: Outcome, label: str) -> str:
    found = figure(outcome, label)
    if found is None:
        return BLANK
    return f"{found.median / 2**20:.1f} MiB" if outcome.contest.measured == "memory" else seconds(found.median)


def seconds(value: float) -> str:
    """A time in the unit that suits it."""
    unit = next((u for u, size in UNITS.items() if value >= size), "ns")
    return f"{value / UNITS[unit]:.3g} {unit}"


def record(outcomes: Iterable[Outcome], machine: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, for JSON."""
    return {"machine": dict(machine), "contests": [_recorded(o) for o in outcomes]}


def _recorded(outcome: Outcome) -> dict[str, Any]:
    contest, own = outcome.contest, base(outcome)
    systems = {}
    for entry in contest.entries:
        held, times = figure(outcome, entry.label), ratio(outcome, entry.label, own)
        systems[entry.label] = {
            "role": entry.role.name.lower(),
            "figures": outcome.figures.get(entry.label, []),
            "quartiles": list(held) if held else None,
            "of_ours": list(times) if times else None,
            "absent": outcome.faults.get(entry.label),
        }
    return {
        "work": contest.work,
        "setting": contest.setting,
        "threads": contest.threads,
        "measured": "bytes" if contest.measured == "memory" else "seconds",
        "amount": contest.amount,
        "unit": contest.unit,
        "load": outcome.load,
        "systems": systems,
        "targets": [target(outcome)._asdict() for target in contest.targets],
    }
