"""The trace as a tree: the result at the root, its operands below; what stands twice is shown once."""

from collections.abc import Iterator
from typing import NamedTuple

from chainrule.algebra.place import cells
from chainrule.display.language import Words
from chainrule.display.trace_lines import equation, gradient_sum
from chainrule.display.trace_names import entry_number
from chainrule.display.trace_numbers import summary
from chainrule.display.trace_records import Passes, Row
from chainrule.display.trace_table import PLAIN, Style

ABOVE = Words("(above)", "(위에 있음)")
DEEPER = Words("… {count} more operations below (--full shows them)", "… 아래에 연산 {count}개 더 (--full로 표시)")

DEEPEST = 24


class _Branch(NamedTuple):
    row: Row
    stem: str
    """What stands before it: `├── `, and the bars of the branches above."""
    below: str
    """What stands before its own branches."""
    depth: int


def tree(trace: Passes, style: Style = PLAIN) -> str:
    """The result, its operands below it, each with its value and the gradient that arrives."""
    lines = list(_lines(trace, style))
    wide = max(cells(left) for left, *_ in lines)
    middle = max(cells(value) for _, value, _ in lines)
    right = not any(row.shape for row in trace.rows)
    found = []
    for left, value, gradient in lines:
        space = " " * (middle - cells(value))
        painted = style.paint(value, "value") if value else ""
        shown = space + painted if right else painted + space
        found.append(
            f"  {left}{' ' * (wide - cells(left))}   {shown}   {style.paint(gradient, 'gradient')}".rstrip()
        )
    return "\n".join(found)


def _lines(trace: Passes, style: Style) -> Iterator[tuple[str, str, str]]:
    """Left side, value and gradient of every line."""
    seen: set[int] = set()
    stack = [_Branch(trace.result, "", "", 0)]
    while stack:
        row, stem, below, depth = stack.pop()
        again = row.id in seen and row.role != "constant"
        yield stem + equation(row), summary(row.value), ABOVE[style.language] if again else _arrived(row)
        if again:
            continue
        seen.add(row.id)
        flows = row.inputs[:1] if entry_number(row.node) is not None else row.inputs
        operands = [trace.rows[flow.source] for flow in flows]
        if operands and depth >= DEEPEST and not style.full:
            yield below + "└── " + DEEPER[style.language].format(count=f"{_below(trace, row, seen):,}"), "", ""
            continue
        for k, operand in reversed(list(enumerate(operands))):
            last = k == len(operands) - 1
            turn, bar = ("└── ", "    ") if last else ("├── ", "│   ")
            stack.append(_Branch(operand, below + turn, below + bar, depth + 1))


def _arrived(row: Row) -> str:
    """`◂ 2 + 3 = 5`, in the order in which the tree comes to it."""
    text = gradient_sum(row, sorted(row.uses, key=lambda flow: (flow.target, flow.operand)))
    return f"◂ {text}" if text else ""


def _below(trace: Passes, row: Row, seen: set[int]) -> int:
    """How many operations below a row have not been shown."""
    waiting, met = [row.id], {row.id}
    while waiting:
        for flow in trace.rows[waiting.pop()].inputs:
            if flow.source not in met:
                met.add(flow.source)
                waiting.append(flow.source)
    return sum(trace.rows[k].role == "operation" for k in met - seen)
