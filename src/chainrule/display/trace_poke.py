"""What if: inputs are moved, and the change that the gradient predicts is compared with the true one."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.names import spelt
from chainrule.algebra.place import cells
from chainrule.compute.interpret import evaluate
from chainrule.display.language import Words
from chainrule.display.trace_lines import slope_name, written_name
from chainrule.display.trace_numbers import short, summary
from chainrule.display.trace_records import Passes, Row
from chainrule.display.trace_table import PLAIN, Style
from chainrule.display.writing import padded
from chainrule.errors import BindingError, FormulaError, SettingError


class Moved(NamedTuple):
    """An input that was moved: its row, its value then, and what its gradient says that this changes."""

    row: Row
    to: np.ndarray
    predicted: float


class Poke(NamedTuple):
    """Inputs moved together.

    after       the value of the result then
    predicted   Σ ∂f/∂x Δx over the entries of all that was moved      true   the change that came of it
    changed     the operations whose value is another, and their value then
    """

    trace: Passes
    moved: tuple[Moved, ...]
    after: np.ndarray
    predicted: float
    true: float
    changed: tuple[tuple[Row, np.ndarray], ...]

    def __str__(self) -> str:
        return poke_text(self)


def poke(trace: Passes, values: Mapping[str, Any]) -> Poke:
    """Move inputs to other values, by name; the names of dimensions keep their sizes.

    Raises FormulaError for a name that is no input, BindingError for a value of another shape.
    """
    if not values:
        raise SettingError("nothing is moved; name an input and its new value, as in poke(x=1.1)")
    inputs = {spelt(row.name): row for row in trace.inputs}
    moved: list[Moved] = []
    for name, value in values.items():
        row = inputs.get(spelt(name))
        if row is None or row.gradient is None:
            known = ", ".join(r.name for r in trace.inputs if r.gradient is not None)
            raise FormulaError(f"{name} is no real input that could be moved; there are {known}")
        try:
            to = np.asarray(value, row.value.dtype)
        except (TypeError, ValueError):
            raise BindingError(f"the value of {name} is numbers, not {value!r:.40}") from None
        if to.shape != row.shape:
            raise BindingError(f"{name} has the shape {list(row.shape)}, and is moved to one of {list(to.shape)}")
        with np.errstate(all="ignore"):
            moved.append(Moved(row, to, float(np.sum(row.gradient * (to - row.value)))))
    then = {**{row.name: row.value for row in trace.inputs}, **{m.row.name: m.to for m in moved}}
    rows = [*trace.operations, trace.result]
    *found, after = evaluate([row.node for row in rows], then, trace.sizes)
    with np.errstate(all="ignore"):
        true = float(np.sum(trace.start * (np.asarray(after) - trace.result.value)))
    changed = tuple(
        (row, np.asarray(value))
        for row, value in zip(trace.operations, found, strict=True)
        if not np.array_equal(row.value, value, equal_nan=row.value.dtype.kind == "f")
    )
    return Poke(trace, tuple(moved), np.asarray(after), sum(m.predicted for m in moved), true, changed)


TITLE = Words("what if", "만약")
PREDICTED = Words("predicted", "예측")
TRUE = Words("true", "실제")
LINEAR = Words(
    "the gradient is exact here: along this way the formula is a line", "이 방향으로 식이 직선이므로 예측이 정확함"
)
NOWHERE = Words("the formula has no finite value there", "그곳에서 식은 유한한 값이 없음")
CURVED = Words(
    "they differ by {difference}: the gradient is the slope at the start, and the formula bends on the way",
    "차이 {difference}: 기울기는 출발점의 경사이고, 가는 길에 식이 휘기 때문",
)


def poke_text(poke: Poke, style: Style = PLAIN) -> str:
    """The comparison as text."""
    k, trace = style.language, poke.trace
    result = written_name(trace.result)
    total = result if not trace.result.shape else f"sum({result})"
    lines = [
        f"{written_name(m.row)}: {summary(m.row.value)} → {style.paint(summary(m.to), 'value')}"
        for m in poke.moved
    ]
    lines += [
        f"{written_name(row)}: {summary(row.value)} → {style.paint(summary(value), 'value')}"
        for row, value in poke.changed
        if row.id != trace.output
    ][:12]
    lines.append(f"{result}: {summary(trace.result.value)} → {style.paint(summary(poke.after), 'value')}")
    symbols, numbers = (" + ".join(parts) for parts in zip(*(_term(trace, m) for m in poke.moved), strict=True))
    middle = "" if any(m.row.shape for m in poke.moved) else f" = {numbers}"
    wide = max(cells(PREDICTED[k]), cells(TRUE[k]))
    lines += [
        "",
        f"{padded(PREDICTED[k], wide)}  Δ{total} ≈ {symbols}{middle} = "
        f"{style.paint(short(poke.predicted), 'gradient')}",
        f"{padded(TRUE[k], wide)}  Δ{total} = {style.paint(short(poke.true), 'value')}",
        _verdict(poke, style),
    ]
    return "\n".join(f"  {line}".rstrip() for line in lines)


def _term(trace: Passes, moved: Moved) -> tuple[str, str]:
    """What one input brings, in symbols and in numbers."""
    slope, name = slope_name(trace, moved.row), written_name(moved.row)
    if moved.row.shape:
        return f"⟨{slope}, Δ{name}⟩", ""
    change = short(float(moved.to) - float(moved.row.value))
    gradient = "" if moved.row.gradient is None else short(moved.row.gradient[()])
    return f"{slope} · Δ{name}", f"{gradient} · {f'({change})' if change.startswith('−') else change}"


def _verdict(poke: Poke, style: Style) -> str:
    difference = abs(poke.predicted - poke.true)
    if not math.isfinite(difference):
        return NOWHERE[style.language]
    size = max(
        abs(poke.predicted), abs(poke.true), float(np.max(np.abs(poke.trace.result.value), initial=0)) * 1e-6
    )
    if difference <= 1e-9 * max(size, 1e-300):
        return LINEAR[style.language]
    return CURVED[style.language].format(difference=short(poke.true - poke.predicted, 3))
