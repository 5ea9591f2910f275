"""What is said at each step, in both languages: `Backward 2 of 3. b receives 3 and sends 3 to y and 0 to z.`"""

from typing import Any

from chainrule.display.draw_steps import Step, Walk
from chainrule.display.language import LANGUAGES, Words
from chainrule.display.page_words import SAID
from chainrule.display.trace_lines import in_numbers
from chainrule.display.trace_names import equation_of
from chainrule.display.trace_numbers import axes, summary
from chainrule.display.trace_records import Passes, Row

MOST, SHORT = 4, 6  # gradients, and inputs used several times, that the last step names; entries of an array


def captions(trace: Passes, steps: Walk) -> list[dict[str, Any]]:
    """For each step its kind `k`, its row `n`, and what is said of it, `[English, Korean]`."""
    return [
        {"k": step.kind, "n": None if step.row is None else step.row.id, "say": list(_said(trace, steps, step, k))}
        for k, step in enumerate(steps.steps)
    ]


def _said(trace: Passes, steps: Walk, step: Step, k: int) -> Words:
    match step.kind, step.row:
        case "forward", Row() as row:
            inside = in_numbers(trace, row)
            return SAID["at forward"].filled(
                k=k,
                all=steps.seed - 1,
                equation=equation_of(row.name, row.formula),
                numbers=f" = {inside}" if inside else "",
                value=summary(row.value),
            )
        case "seed", _:
            return SAID["at seed"].filled(output=trace.result.name, seed=summary(trace.start))
        case "backward", Row() as row:
            flows = [flow for flow in row.inputs if flow.downstream is not None]
            parts = [
                SAID["to"].filled(amount=summary(flow.downstream, shape=False), name=trace.rows[flow.source].name)  # type: ignore[arg-type]
                for flow in flows
            ]
            sent = Words(*(SAID["and"][i].join(part[i] for part in parts) for i in range(len(LANGUAGES))))
            received = summary(row.gradient, shape=False) if row.gradient is not None else "0"
            return SAID["at backward"].filled(
                k=k - steps.seed, all=steps.last - 1 - steps.seed, name=row.name, gradient=received, sent=sent
            )
        case "done", _:
            return _at_end(trace)
    return SAID["at start"]


def _at_end(trace: Passes) -> Words:
    if trace.result.gradient is None:
        return SAID["at end"].filled(gradients=SAID["none"])
    moved = [row for row in trace.inputs if row.gradient is not None]
    gradients = ", ".join(f"∂{trace.result.name}/∂{row.name}{_amount(row)}" for row in moved[:MOST])
    more = ", …" if len(moved) > MOST else "."
    text = SAID["at end"].filled(gradients=gradients + more)
    shared = [
        SAID["summed"].filled(name=row.name, times=len(row.uses)) for row in moved[:MOST] if len(row.uses) > 1
    ]
    return Words(*("".join((text[i], *(s[i] for s in shared[:2]))) for i in range(len(LANGUAGES))))


def _amount(row: Row) -> str:
    """`= 3`; of a large array its shape."""
    if row.gradient is None:
        return ""
    return f" = {summary(row.gradient, shape=False)}" if row.gradient.size <= SHORT else f" ({axes(row.shape)})"
