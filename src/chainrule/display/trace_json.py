"""The trace as JSON: everything that the records hold, in a form that stays.

    format      "chainrule-trace", and `version`, a number that grows when a key changes its meaning
    formula     as it was typed ("" where it was built), `syntax` its spelling, `result` its name
    upstream    the letter of the upstream gradient in rules      start    what the backward pass begins with
    sizes       dimension → number      remarks   sentences      blocks   [{first, length, times}], ids of rows
    rows        in the order of computing, each
        id, name, role (input | constant | operation), op, symbol, gate, formula, latex, numbers, shape, dtype,
        value, gradient (null where none flows), spans ([[start, end]] in the formula), named, block (or null)
        inputs  [{source, operand, local, downstream, rule, slope}]; the upstream gradient is that of the row
    gradients   input → gradient
    poke        where asked for: moved (input → value), after, predicted and true change of the result

Arrays are nested lists; NaN and infinite numbers are the texts "NaN", "Infinity" and "-Infinity".
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.algebra.notation import latex, readable
from chainrule.display.trace_lines import equation, in_numbers, rule_text
from chainrule.display.trace_poke import Poke
from chainrule.display.trace_records import Flow, Passes, Row

FORMAT, VERSION = "chainrule-trace", 1


def to_dict(trace: Passes) -> dict[str, Any]:
    """The trace as lists, texts and numbers."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "formula": trace.text,
        "syntax": trace.syntax,
        "result": trace.result.name,
        "upstream": trace.upstream,
        "start": numbers(trace.start),
        "sizes": dict(trace.sizes),
        "remarks": list(trace.remarks),
        "blocks": [{"first": b.first, "length": b.length, "times": b.times} for b in trace.blocks],
        "rows": [_row(trace, row) for row in trace.rows],
        "gradients": {row.name: numbers(row.gradient) for row in trace.inputs if row.gradient is not None},
    }


def to_json(trace: Passes) -> str:
    """The trace as JSON."""
    return as_json(to_dict(trace))


def as_json(held: Mapping[str, Any]) -> str:
    """Lists, texts and numbers as JSON: one key in a line, and one row in a line."""
    lines = [f"{json.dumps(key)}: {_value(value)}" for key, value in held.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _value(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n " + ",\n ".join(_dumped(v) for v in value) + "\n]"
    return _dumped(value)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def poke_to_dict(poke: Poke) -> dict[str, Any]:
    """A what-if: `to` of every input that was moved, and the change of the result, predicted and true."""
    return {
        "moved": {moved.row.name: numbers(moved.to) for moved in poke.moved},
        "after": numbers(poke.after),
        "predicted": numbers(np.asarray(poke.predicted)),
        "true": numbers(np.asarray(poke.true)),
    }


def _row(trace: Passes, row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "role": row.role,
        "op": row.node.op.name,
        "symbol": row.symbol,
        "gate": row.gate,
        "formula": equation(row),
        "latex": latex(row.formula),
        "numbers": in_numbers(trace, row),
        "shape": list(row.shape),
        "dtype": row.value.dtype.name,
        "value": numbers(row.value),
        "gradient": None if row.gradient is None else numbers(row.gradient),
        "spans": [list(span) for span in row.spans],
        "named": row.named,
        "block": row.block,
        "inputs": [_flow(flow) for flow in row.inputs],
    }


def _flow(flow: Flow) -> dict[str, Any]:
    return {
        "source": flow.source,
        "operand": flow.operand,
        "local": None if flow.local is None else numbers(flow.local),
        "downstream": None if flow.downstream is None else numbers(flow.downstream),
        "rule": rule_text(flow),
        "slope": None if flow.slope is None else readable(flow.slope),
    }


def numbers(array: np.ndarray) -> Any:
    """An array as nested lists in which no number breaks JSON."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return array.tolist()
    return _safe(array.tolist())


def _safe(value: Any) -> Any:
    if isinstance(value, list):
        return [_safe(v) for v in value]
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
