"""The trace as text: the two passes as a table, the graph as a tree."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from chainrule.algebra.place import cells
from chainrule.display.language import Words
from chainrule.display.trace_lines import (
    MOST_TERMS,
    equation,
    gradient_sum,
    in_numbers,
    is_scalar,
    local_text,
    part_name,
    rule_text,
    slope_name,
    written_name,
)
from chainrule.display.trace_numbers import entries, summary
from chainrule.display.trace_records import Flow, Passes, Row
from chainrule.display.trace_words import remark, trouble

Paint = Callable[[str, str], str]
"""Text and what it is (`value`, `gradient`, `local`, `mute`) → the text in its colour."""


def plain(text: str, _: str) -> str:
    """No colour."""
    return text


class Style(NamedTuple):
    """How a table is set: columns of the terminal, whether all entries are shown, colours, the language."""

    width: int = 100
    full: bool = False
    paint: Paint = plain
    language: int = 0


PLAIN = Style()

FORWARD, BACKWARD = Words("forward", "순전파"), Words("backward", "역전파")
VALUE = Words("value", "값")
UPSTREAM, LOCAL, DOWNSTREAM = Words("upstream", "상류"), Words("local", "국소"), Words("downstream", "하류")
SEED = Words("(seed)", "(시작)")
MORE = Words("⋮  {times} more times the same {operations}", "⋮  같은 연산 {length}개가 {times}번 더 되풀이됨")
TERMS = Words("  (a sum of {count} terms)", "  (항 {count}개의 합)")


class Cell(NamedTuple):
    """A piece of a line, what it is, and whether it stands at the right of its column."""

    text: str
    kind: str = ""
    right: bool = False


Line = Sequence[Cell]


def table(trace: Passes, style: Style = PLAIN) -> str:
    """The forward pass, the backward pass and the gradients of the inputs."""
    passes = [_forward(trace, style), _backward(trace, style), _gradients(trace, style), _remarks(trace, style)]
    blocks = [_inputs(trace, style), *passes] if style.full else passes
    return "\n\n".join("\n".join(f"  {line}".rstrip() for line in block) for block in blocks if block)


def _remarks(trace: Passes, style: Style) -> list[str]:
    return [style.paint(f"note: {text}", "mute") for text in trace.remarks]


def _inputs(trace: Passes, style: Style) -> list[str]:
    """The inputs with all their entries, where there are arrays among them."""
    found: list[str] = []
    for row in trace.inputs if any(row.shape for row in trace.inputs) else ():
        found.append(f"{written_name(row)} = {style.paint(summary(row.value), 'value')}")
        found += [f"     {style.paint(text, 'value')}" for text in entries(row.value) if row.shape]
    return found


# ── columns ───────────────────────────────────────────────────────────────────────────────────────────


def _set(lines: Sequence[Line | str], style: Style, gaps: Sequence[int]) -> list[str]:
    """Lines with their cells below one another; a text stands as it is."""
    columns = max((len(line) for line in lines if not isinstance(line, str)), default=0)
    wide = [0] * columns
    for line in lines:
        for k, cell in enumerate(() if isinstance(line, str) else line):
            last = k + 1 == len(line)
            wide[k] = wide[k] if last and not cell.right else max(wide[k], cells(cell.text))
    return [line if isinstance(line, str) else _joined(line, wide, style, gaps) for line in lines]


def _joined(line: Line, wide: Sequence[int], style: Style, gaps: Sequence[int]) -> str:
    parts: list[str] = []
    for k, (cell, width) in enumerate(zip(line, wide, strict=False)):
        space = " " * max(0, width - cells(cell.text))
        painted = style.paint(cell.text, cell.kind) if cell.kind and cell.text else cell.text
        parts.append((" " * gaps[k] if k else "") + (space + painted if cell.right else painted + space))
    return "".join(parts)


def _cut(text: str, most: int) -> str:
    """The text, its end left out where it is longer than this."""
    if cells(text) <= most:
        return text
    kept = text[: max(most - 1, 1)]
    while cells(kept) > most - 1 and len(kept) > 1:
        kept = kept[:-1]
    return kept + "…"


def _titled(title: str, lines: Sequence[Line | str], style: Style, gaps: Sequence[int]) -> list[str]:
    """Lines below their heads, the first of them, in which the title stands at the left."""
    bare, found = _set(lines, style._replace(paint=plain), gaps), _set(lines, style, gaps)
    head = bare[0] if not bare[0][: cells(title) + 1].strip() else f"{' ' * (cells(title) + 2)}{bare[0].strip()}"
    rule = "─" * min(max(cells(line.rstrip()) for line in (head, *bare)), style.width - 2)
    return [title + head[len(head) - len(head[cells(title) :]) :], style.paint(rule, "mute"), *found[1:]]


def _is_wide(lines: Sequence[Line | str], style: Style, gaps: Sequence[int]) -> bool:
    return max(cells(line.rstrip()) for line in _set(lines, style._replace(paint=plain), gaps)) > style.width - 2


def _visible(trace: Passes, style: Style, *, backward: bool = False) -> Iterator[Row | Words]:
    """The operations in the order of a pass; of long repetitions the first and last time, a line between."""
    rows = trace.backward if backward else trace.operations
    if style.full or not trace.blocks:
        yield from rows
        return
    said: set[int] = set()
    for row in rows:
        if row.block is None:
            yield row
            continue
        block = trace.blocks[row.block]
        inside = (row.id - block.first) // block.length
        if inside in (0, block.times - 1):
            yield row
        elif row.block not in said:
            said.add(row.block)
            operations = "operation" if block.length == 1 else f"{block.length} operations"
            yield MORE.filled(times=f"{block.times - 2:,}", length=block.length, operations=operations)


# ── the forward pass ──────────────────────────────────────────────────────────────────────────────────


def _forward(trace: Passes, style: Style) -> list[str]:
    if not trace.operations:
        leaf = trace.result
        alone = leaf.role == "constant" and not leaf.shape
        return [summary(leaf.value) if alone else f"{written_name(leaf)} = {summary(leaf.value)}"]
    k, numbers = style.language, is_scalar(trace)
    places = {row.id: n + 1 for n, row in enumerate(trace.operations)}
    wide = len(str(len(trace.operations) + len(trace.backward)))
    room = max(style.width // 2, 16)
    lines: list[Line | str] = [(Cell(""), Cell(""), Cell(""), Cell(VALUE[k], right=numbers))]
    for row in _visible(trace, style):
        if isinstance(row, Words):
            lines.append(" " * (wide + 2) + style.paint(row[k], "mute"))
            continue
        number, wrong = in_numbers(trace, row), trouble(trace, row)
        lines.append(
            (
                Cell(str(places[row.id]), right=True),
                Cell(_cut(equation(row), room)),
                Cell(_cut(f"= {number}", room - 8) if number else "", "mute"),
                Cell(summary(row.value), "value", right=numbers),
                *([Cell(wrong[k], "mute")] if wrong else []),
            )
        )
        if style.full and row.value.ndim:
            lines += [f"{' ' * (wide + 4)}{style.paint(text, 'value')}" for text in entries(row.value)]
    shown = any(not isinstance(line, str) and line[2].text for line in lines)
    gaps: tuple[int, ...] = (0, 2, 4 if shown else 0, 4, 3)
    if _is_wide(lines, style, gaps):
        lines = [line if isinstance(line, str) else (*line[:2], *line[3:]) for line in lines]
        gaps = (0, 2, 3, 3)
    return _titled(FORWARD[k], lines, style, gaps)


# ── the backward pass ─────────────────────────────────────────────────────────────────────────────────


def _backward(trace: Passes, style: Style) -> list[str]:
    if not trace.backward:
        return []
    k = style.language
    numbers = is_scalar(trace)
    wide = len(str(len(trace.operations) + len(trace.backward)))
    begun = len(trace.operations) + 1
    places = {row.id: begun + n for n, row in enumerate(trace.backward)}
    room = max(style.width // 3, 12)
    result = written_name(trace.result)
    head = (
        Cell(""),
        Cell(""),
        Cell(UPSTREAM[k], right=numbers),
        Cell("×"),
        Cell(LOCAL[k]),
        Cell("="),
        Cell(DOWNSTREAM[k], right=numbers),
    )
    seed = (
        *(Cell(""), Cell(result), Cell(""), Cell(""), Cell(""), Cell("")),
        Cell(summary(trace.start), "gradient", right=numbers),
        Cell(SEED[k], "mute"),
    )
    lines: list[Line | str] = [head, seed]
    for row in _visible(trace, style, backward=True):
        if isinstance(row, Words):
            lines.append(" " * (wide + 2) + style.paint(row[k], "mute"))
            continue
        said = remark(trace, row)
        moving = [flow for flow in row.inputs if flow.downstream is not None]
        for n, flow in enumerate(moving):
            first = n == 0
            words = said[k] if said and first else "" if numbers else _rule(trace, flow)
            lines.append(
                (
                    Cell(str(places[row.id]) if first else "", right=True),
                    Cell(_cut(equation(row), room) if first else ""),
                    *_edge(trace, flow, numbers),
                    Cell(f"◂ {written_name(trace.rows[flow.source])}", "gradient"),
                    *([Cell(words, "mute")] if words else []),
                )
            )
            if style.full and flow.downstream is not None and flow.downstream.ndim:
                lines += [f"{' ' * (wide + 4)}{style.paint(t, 'gradient')}" for t in entries(flow.downstream)]
    gaps = (0, 2, 3, 2, 2, 2, 1, 3, 3)
    if _is_wide(lines, style, gaps) and not numbers:  # what comes from above stands above already: only its shape
        lines = [_shorter(line, trace) for line in lines]
    if _is_wide(lines, style, gaps):  # the remarks go below their lines
        lines = [below for line in lines for below in _remark_below(line, wide + 4, style)]
    if _is_wide(lines, style, gaps) and not numbers:
        lines = [_without_entries(line) for line in lines]
    return _titled(BACKWARD[k], lines, style, gaps)


def _remark_below(line: Line | str, indent: int, style: Style) -> list[Line | str]:
    if isinstance(line, str) or len(line) < 9:
        return [line]
    return [line[:8], " " * indent + style.paint(line[8].text, "mute")]


def _shorter(line: Line | str, trace: Passes) -> Line | str:
    """The line with the upstream gradient by its letter and its shape."""
    if isinstance(line, str) or not line[2].text or line[2].kind != "gradient":
        return line
    shape, space, _ = line[2].text.partition(" [")
    return (*line[:2], line[2]._replace(text=f"{trace.upstream} {shape}" if space else line[2].text), *line[3:])


def _without_entries(line: Line | str) -> Line | str:
    """The line with the shape and the length of the downstream gradient alone: `3×4 |g| 5.48`."""
    if isinstance(line, str) or line[6].kind != "gradient":
        return line
    shape, space, rest = line[6].text.partition(" [")
    length = rest.partition("|g|")[2]
    short = f"{shape} |g|{length}" if length else shape
    return (*line[:6], line[6]._replace(text=short if space else line[6].text), *line[7:])


def _edge(trace: Passes, flow: Flow, numbers: bool) -> tuple[Cell, ...]:
    above, below = ("" if x is None else summary(x) for x in (flow.upstream, flow.downstream))
    return (
        Cell(above, "gradient", right=numbers),
        Cell("×"),
        Cell(local_text(trace, flow), "local"),
        Cell("="),
        Cell(below, "gradient", right=numbers),
    )


def _rule(trace: Passes, flow: Flow) -> str:
    """The downstream gradient in symbols, where local says less."""
    text = rule_text(flow)
    return f"{part_name(trace, trace.rows[flow.source])} {text}" if flow.slope is None else ""


# ── what arrives at the inputs ────────────────────────────────────────────────────────────────────────


def _gradients(trace: Passes, style: Style) -> list[str]:
    found: list[str] = []
    for row in trace.inputs:
        if row.gradient is None:
            continue
        name = slope_name(trace, row)
        if row.shape:
            terms = TERMS[style.language].format(count=f"{len(row.uses):,}") if len(row.uses) > 1 else ""
            found.append(f"{name} = {style.paint(summary(row.gradient), 'gradient')}{terms}")
        else:
            many = len(row.uses) > MOST_TERMS
            terms = TERMS[style.language].format(count=f"{len(row.uses):,}") if many else ""
            found.append(f"{name} = {style.paint(gradient_sum(row), 'gradient')}{terms}")
    if is_scalar(trace):
        return _wrapped(found, style.width - 2)
    return found


def _wrapped(pieces: Sequence[str], width: int) -> list[str]:
    """Pieces side by side, as many in a line as fit."""
    lines: list[str] = []
    for piece in pieces:
        if lines and cells(lines[-1]) + 6 + cells(piece) <= width:
            lines[-1] += " " * 6 + piece
        else:
            lines.append(piece)
    return lines
