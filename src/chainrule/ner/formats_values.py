"""The values of a JSON file: one on each line, or those of an array, in memory bounded by the longest value.

Of an array as much is read as its next value needs: where the text ends within a value, as much again is read as
is held, and the value is begun anew. So no part is looked at more than three times.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from chainrule.errors import DataError
from chainrule.ner.source import Source

LONGEST_RECORD = 1 << 26  # bytes of a line, or characters of a value in an array
NEAR = 16  # characters before the end where a mistake may be one of what is not there yet
_PAIR = re.compile(r'\s*\[ *"')
_SPACE = re.compile(r"[ \t\r\n]*")


def values(source: Source) -> Iterator[tuple[Any, str]]:
    """The values on the lines of a file, or in its array, with their places."""
    head = source.head.decode("utf-8", "replace").removeprefix("\ufeff").lstrip()
    if head.startswith("[") and not is_pair(head.partition("\n")[0]):
        yield from _Array(source)
        return
    lines = source.full_lines(LONGEST_RECORD, "break it into records")
    for number, line in enumerate(lines, 1):
        if stripped := line.strip():
            try:
                value, end = _DECODER.raw_decode(stripped)
            except _MISTAKES as error:
                raise _mistake(error, stripped, 0, source.place, number) from None
            if end < len(stripped):
                raise DataError(f"{source.place}:{number}: more than one value; write one on each line")
            yield value, f"{source.place}:{number}"


def is_pair(line: str) -> bool:
    """Whether a line begins as a text and a dictionary of annotations do, which spaCy takes."""
    return _PAIR.match(line) is not None


def is_annotated(value: object) -> bool:
    """Whether a value is such a pair."""
    return isinstance(value, list) and [type(part) for part in value] == [str, dict]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for k, (key, _) in enumerate(pairs) if key in dict(pairs[:k]))
        raise DataError(f"the key {twice!r} is there twice; keep one")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)
_MISTAKES = (ValueError, DataError, RecursionError)


def _mistake(error: BaseException, text: str, at: int, place: str, line: int, before: int = 0) -> DataError:
    """What is wrong with the value at a position of a text, with place and line.

    before   how many characters of the line of `text[0]` were there before it
    """
    row, repair = line, "mend it"
    match error:
        case json.JSONDecodeError(pos=pos, msg=said):
            row, begin = line + text.count("\n", at, pos), text.rfind("\n", 0, pos)
            column = pos - begin + (before if begin < 0 else 0)
            cause, repair = f"no JSON at column {column} ({said})", "mend it, or write the file again"
            if pos >= len(text.rstrip()) or said.startswith("Unterminated string"):
                cause, repair = "the JSON is cut off", "one value stands on each line; write the file again"
        case DataError():
            cause, _, repair = str(error).partition("; ")
        case RecursionError():
            cause, repair = "JSON within JSON, too deep to read", "give a flat record"
        case _:  # a number of thousands of digits
            cause = f"JSON that cannot be read ({error})"
    return DataError(f"{place}:{row}: {cause}; {repair}")


class _Array:
    """The values of an array, with their places."""

    def __init__(self, source: Source) -> None:
        self._place, self._pieces = source.place, source.pieces()
        self._text, self._at, self._line = "", 0, 1
        self._before = 0
        """How many characters of the line in which the text begins are gone."""

    def __iter__(self) -> Iterator[tuple[Any, str]]:
        self._space()
        self._at += 1
        mark = self._space()
        while mark != "]":
            line = self._line
            yield self._value(), f"{self._place}:{line}"
            mark = self._space()
            if mark == ",":
                self._at += 1
                self._space()
            elif mark != "]":
                raise self._wrong(f"{mark!r} where a comma or ] belongs" if mark else "the JSON is cut off")
        self._at += 1
        if self._space():
            raise self._wrong("something follows the array")

    def _wrong(self, cause: str) -> DataError:
        return DataError(f"{self._place}:{self._line}: {cause}; write the file again")

    def _more(self) -> bool:
        """Forget what is done with, and read as much as is left; False at the end of the file."""
        begin = self._text.rfind("\n", 0, self._at)
        self._before = self._at - begin - 1 if begin >= 0 else self._before + self._at
        self._text, self._at = self._text[self._at :], 0
        if len(self._text) > LONGEST_RECORD:
            raise DataError(
                f"{self._place}:{self._line}: a value of over {LONGEST_RECORD:,} characters; break it into records"
            )
        parts, size = [self._text], 0
        for piece in self._pieces:
            parts.append(piece)
            size += len(piece)
            if size >= len(self._text):
                break
        self._text = "".join(parts)
        return size > 0

    def _space(self) -> str:
        """Pass over white space; the character behind it, none at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            end = found.end() if found else self._at
            self._pass(end)
            if end < len(self._text):
                return self._text[end]
            if not self._more():
                return ""

    def _pass(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _value(self) -> Any:
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except _MISTAKES as error:
                wrong = _mistake(error, self._text, self._at, self._place, self._line, self._before)
                if self._open(error) and self._more():
                    continue
                raise wrong from None
            rest = len(self._text) - end
            if rest < NEAR and isinstance(value, (int, float)) and self._more():  # perhaps more of a number
                continue
            self._pass(len(self._text) - rest)
            return value

    def _open(self, error: BaseException) -> bool:
        """Whether a mistake may be none once more of the text is there."""
        return isinstance(error, json.JSONDecodeError) and (
            error.msg.startswith("Unterminated string") or error.pos > len(self._text) - NEAR
        )
