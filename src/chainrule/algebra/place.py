"""Where in a formula something is wrong: its line, underlined."""

import unicodedata
from itertools import pairwise


def underlined(text: str, start: int, end: int) -> str:
    """The line of a formula with a part of it underlined, to stand below an error."""
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    line = text[first : len(text) if last < 0 else last]
    low, high = max(0, start - first - 50), min(len(line), max(end - first, start - first + 1) + 50)
    shown = ("…" if low else "") + line[low:high] + ("…" if high < len(line) else "")
    before = " " * (bool(low) + cells(line[low : start - first]))
    return f"\n  {shown}\n  {before}{'^' * max(1, cells(line[start - first : min(end - first, high)]))}"


def cells(text: str) -> int:
    """How many cells of a terminal a text fills: wide letters such as 한 two, marks upon letters none."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def located(text: str, message: str) -> tuple[int, int] | None:
    """Where the part lies that a message underlines, `text[start:end]`: the inverse of `underlined`."""
    lines = message.split("\n")
    for line, marks in pairwise(lines):
        if line.startswith("  ") and marks.strip(" ") and not marks.strip(" ^"):
            shown = line[2:]
            whole = f"\n{text}\n".find(f"\n{shown}\n")
            part = shown if whole >= 0 else shown.removeprefix("…").removesuffix("…")
            start = whole if whole >= 0 else text.find(part)
            if start >= 0:
                begin = len(marks) - len(marks.lstrip(" ")) - 2 - (part is not shown and shown.startswith("…"))
                ends = [begin, begin + marks.count("^")]
                low, high = (
                    next((k for k in range(len(part) + 1) if cells(part[:k]) >= e), len(part)) for e in ends
                )
                return start + low, start + high
    return None
