"""The order in which a trace is walked, forward and back, and what is known at which step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from chainrule.display.trace_numbers import short
from chainrule.display.trace_records import Flow, Passes, Row

MOST_PARTS = 12  # contributions to a gradient that are written one by one
Kind = Literal["start", "forward", "seed", "backward", "done"]


class Step(NamedTuple):
    """One step: the operation it computes, or sends gradients down from."""

    kind: Kind
    row: Row | None = None


@dataclass(frozen=True)
class Walk:
    """The steps, and the step by which each value and each gradient is there.

    forward    row → step of its value; leaves have theirs at the start
    backward   row → step at which its operands receive theirs
    """

    steps: tuple[Step, ...]
    forward: Mapping[int, int]
    backward: Mapping[int, int]
    seed: int
    last: int

    def value(self, row: Row) -> int:
        """The step by which the value of a row is known."""
        return self.forward.get(row.id, 0)

    def sent(self, flow: Flow) -> int:
        """The step by which a flow has gone down."""
        return self.backward.get(flow.target, self.last)

    def gradient(self, row: Row) -> int:
        """The step by which all of a row's gradient has arrived."""
        return max((self.sent(flow) for flow in row.uses), default=self.seed if row.gradient is not None else 0)

    def arrivals(self, row: Row) -> str:
        """What arrives at a row of one number, and when: `8 3;9 2`; the script writes the sum so far.

        Of very many contributions the last alone, with the sum.
        """
        if len(row.uses) > MOST_PARTS and row.gradient is not None:
            return f"{self.gradient(row)} {short(row.gradient[()])}"
        parts = [(self.sent(f), short(f.downstream[()])) for f in row.uses if f.downstream is not None]
        return ";".join(f"{step} {text}" for step, text in parts) or f"{self.gradient(row)} 0"


def walk(trace: Passes) -> Walk:
    """The steps of a trace."""
    forward = [Step("forward", row) for row in trace.operations]
    backward = [Step("backward", row) for row in trace.backward]
    seed = [Step("seed", trace.result)] if trace.result.gradient is not None else []
    steps = (Step("start"), *forward, *seed, *backward, Step("done"))
    at = {(step.kind, step.row.id): k for k, step in enumerate(steps) if step.row}
    return Walk(
        steps,
        {row: k for (kind, row), k in at.items() if kind == "forward"},
        {row: k for (kind, row), k in at.items() if kind == "backward"},
        1 + len(forward),
        len(steps) - 1,
    )
