"""Repetitions in a long trace: the steps of a loop, the terms of a long sum, many chains that are alike."""

from collections.abc import Sequence
from typing import Any

from chainrule.display.trace_records import Block, Row

LONGEST = 64  # operations in one repetition
FEWEST_TIMES, FEWEST_ROWS = 3, 12  # less than that is shown as it is


def blocks_of(rows: Sequence[Row]) -> tuple[Block, ...]:
    """The runs of operations that repeat, in order and apart from one another.

    Operations are alike where they do the same to operands of the same shapes, which are leaves, or lie equally
    many rows before them.
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


def _mark(row: Row, rows: Sequence[Row]) -> tuple[Any, ...]:
    operands = (
        row.id - flow.source if rows[flow.source].role == "operation" else rows[flow.source].shape
        for flow in row.inputs
    )
    return (row.node.op.name, *row.node.attrs.values(), row.shape, *operands)


def _best(marks: Sequence[Any], place: int) -> tuple[int, int]:
    """The period that covers most from here on, the shortest of equals, and how often it repeats."""
    best, covered = (1, 1), 1
    for length in range(1, min(LONGEST, (len(marks) - place) // 2) + 1):
        if marks[place] != marks[place + length]:
            continue
        end = place
        while end + length < len(marks) and marks[end] == marks[end + length]:
            end += 1
        times = (end - place) // length + 1
        if length * times > covered and times >= FEWEST_TIMES:
            best, covered = (length, times), length * times
    return best
