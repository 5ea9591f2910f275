"""Repetitions in a long trace: the steps of a loop, the terms of a long sum, many chains that are alike."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from chainrule.display.trace_records import Block, Row

LONGEST = 64  # operations in one repetition
FEWEST_TIMES, FEWEST_ROWS = 3, 12  # less than that is shown as it is


def blocks_of(rows: Sequence[Row]) -> tuple[Block, ...]:
    """The runs of operations that repeat, in order and apart from one another.

    Operations are alike where they do the same to operands of the same shapes: to leaves, to operations equally
    many rows before them, or to one operation that all of them share.
    """
    begin = next((row.id for row in rows if row.role == "operation"), len(rows))
    marks = [_mark(row, rows) for row in rows[begin:]]
    found: list[Block] = []
    place = 0
    while place + FEWEST_ROWS <= len(marks):
        length, times = _best(marks, place)
        if times >= FEWEST_TIMES and length * times >= FEWEST_ROWS:
            found.append(Block(begin + place, length, times))
            place += length * times
        else:
            place += 1
    return tuple(found)


class _Mark(NamedTuple):
    """What an operation does, and to leaves of which shapes; its other operands by distance and by number."""

    does: tuple[Any, ...]
    before: tuple[int, ...]
    at: tuple[int, ...]


def _mark(row: Row, rows: Sequence[Row]) -> _Mark:
    leaves = [None if rows[f.source].role == "operation" else rows[f.source].shape for f in row.inputs]
    sources = tuple(f.source for f in row.inputs if rows[f.source].role == "operation")
    does = (row.node.op.name, *row.node.attrs.values(), row.shape, *leaves)
    return _Mark(does, tuple(row.id - k for k in sources), sources)


def _alike(one: _Mark, other: _Mark) -> bool:
    if one.does != other.does:
        return False
    if one.before == other.before:
        return True
    pairs = zip(one.before, other.before, one.at, other.at, strict=True)
    return all(a == b or k == n for a, b, k, n in pairs)


def _best(marks: Sequence[_Mark], place: int) -> tuple[int, int]:
    """The period that covers most from here on, the shortest of equals, and how often it repeats."""
    best, covered = (1, 1), 1
    for length in range(1, min(LONGEST, (len(marks) - place) // 2) + 1):
        end = place
        while end + length < len(marks) and _alike(marks[end], marks[end + length]):
            end += 1
        times = (end - place) // length + 1
        if length * times > covered and times >= FEWEST_TIMES:
            best, covered = (length, times), length * times
    return best
