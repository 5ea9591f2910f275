"""What is said of one row or one edge in a line of text: the same pieces in table, tree, steps and exports."""

import re
from collections.abc import Sequence
from typing import Any

from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import Node, variable
from chainrule.algebra.notation import HandName, echoed, set_in
from chainrule.algebra.phrase import Phrase
from chainrule.calculus.rewrite import substitute
from chainrule.display.trace_names import equation_of, gate_phrase, is_plain
from chainrule.display.trace_numbers import joined_sum, short, summary
from chainrule.display.trace_records import Flow, Passes, Row

HOLE = "(·)"
"""Where the upstream gradient goes in a local rule: `(·) xᵀ`."""

MOST_TERMS = 6


def equation(row: Row, hand: HandName = "echo") -> str:
    """`a = x + y`; of a leaf its name."""
    return equation_of(row.name, row.formula, hand) if row.role == "operation" else written_name(row)


def written_name(row: Row) -> str:
    """The name as it is written: `lam` is λ, `w_1` stays."""
    plain = row.role == "constant" and not row.shape
    return short(row.value[()]) if plain and row.value.dtype.kind != "O" else _symbol(row)


def _symbol(row: Row) -> str:
    return echoed(variable(row.name))


def in_numbers(trace: Passes, row: Row) -> str:
    """`1 + 2`: the operation on the numbers of its operands; "" for arrays."""
    operands = [trace.rows[flow.source].value for flow in row.inputs]
    if row.role != "operation" or row.shape or any(x.ndim or x.dtype.kind not in "fb" for x in operands):
        return ""
    return _minus(set_in(gate_phrase(row.formula, [_number(x[()]) for x in operands]), "echo"))


def _number(value: Any) -> Phrase:
    """A number rounded for reading, as a piece of notation."""
    text = short(value).replace("−", "-")
    return Phrase("number", text, positive=Phrase("number", text[1:]) if text.startswith("-") else None)


def _minus(text: str) -> str:
    return _MINUS.sub("−", text)


_MINUS = re.compile(r"-(?!>)")  # "ij,j->i" keeps its arrow


# ── local gradients and rules ─────────────────────────────────────────────────────────────────────────


def local_text(trace: Passes, flow: Flow) -> str:
    """The local gradient: `1`, `b = 2`, `f (1 − f) = 0.1966`; of arrays `[z > 0]`, `u`, `(·) xᵀ`."""
    if flow.slope is None:
        return hole_text(trace, flow)
    number = flow.local is not None and not flow.local.ndim
    if number and (is_plain(flow.slope) or trace.rows[flow.target].gate == "routes"):
        return short(flow.local[()])  # type: ignore[index]
    text = _minus(echoed(flow.slope))
    return f"{text} = {short(flow.local[()])}" if number else text  # type: ignore[index]


def hole_text(trace: Passes, flow: Flow) -> str:
    """The local rule with a place for the upstream gradient: `(·) xᵀ`, and `Wᵀ` where that place is behind."""
    if flow.rule is None:
        return ""
    (open_rule,) = substitute([flow.rule], {upstream_of(trace, flow): variable(HOLE, *_kind(trace, flow))})
    text = _minus(echoed(open_rule))
    behind = open_rule.op is PRODUCT_OP and text.endswith(f" {HOLE}") and text.count(HOLE) == 1
    return text.removesuffix(f" {HOLE}") if behind else text


def upstream_of(trace: Passes, flow: Flow) -> Node:
    """The variable that stands for the upstream gradient in the rule of an edge."""
    return variable(trace.upstream, *_kind(trace, flow))


def _kind(trace: Passes, flow: Flow) -> tuple[Any, Any]:
    node = trace.rows[flow.target].formula
    return node.shape, node.dtype


def rule_text(flow: Flow) -> str:
    """The downstream gradient in symbols: `δ xᵀ`, `Wᵀ δ`, `δ ⊙ [z > 0]`."""
    return "" if flow.rule is None else _minus(echoed(flow.rule))


def is_scalar(trace: Passes) -> bool:
    """Whether all values are numbers."""
    return not any(row.shape for row in trace.rows)


# ── what arrives ──────────────────────────────────────────────────────────────────────────────────────


def slope_name(trace: Passes, row: Row) -> str:
    """`∂f/∂y`."""
    return f"∂{written_name(trace.result)}/∂{written_name(row)}"


def part_name(trace: Passes, row: Row) -> str:
    """`∂s/∂W =`, and `∂s/∂W +=` where this edge brings one of several parts."""
    return f"{slope_name(trace, row)} {'+=' if len(row.uses) > 1 else '='}"


def gradient_sum(row: Row, uses: Sequence[Flow] | None = None) -> str:
    """`3 + 2 = 5`: what arrives over each edge, and the sum; "" where no gradient flows."""
    if row.gradient is None:
        return ""
    parts = [f.downstream for f in (row.uses if uses is None else uses) if f.downstream is not None]
    return joined_sum(parts, row.gradient) if len(parts) <= MOST_TERMS else summary(row.gradient)
