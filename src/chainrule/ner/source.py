"""Files as people have them, read once from front to back: a path or standard input, plain or gzip, in UTF-8.

What a file begins with can be looked at before it is read; its lines come in memory bounded by the longest.
"""

import gzip
import io
import sys
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from chainrule.errors import DataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LONGEST_LINE = 1 << 20  # bytes
HEAD = 1 << 16  # bytes that can be looked at
BLOCK = 1 << 16

StrPath = str | Path

_ONE_TOKEN = "write one token on each line"


def place_of(path: StrPath) -> str:
    """How messages name a file."""
    return "standard input" if str(path) == "-" else str(path)


class Source:
    """An open file: its path, its place for messages, and its first bytes."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path, self.place = path, place_of(path)
        with self._reading():
            self.head = stream.read(HEAD)
        self._stream = io.BufferedReader(_Joined(self.head, stream), BLOCK)

    def lines(self, longest: int = LONGEST_LINE, advice: str = _ONE_TOKEN) -> Iterator[str]:
        """The lines without their ends; DataError for one that is too long, with advice, or is no text."""
        for number, line in enumerate(self.full_lines(longest, advice), 1):
            bare = line.rstrip("\r\n")
            if "\r" in bare:
                raise DataError(
                    f"{self.place}:{number}: a carriage return inside the line; end lines with \\n or \\r\\n"
                )
            yield bare

    def full_lines(self, longest: int, advice: str) -> Iterator[str]:
        """The lines with their ends as they are."""
        offset = 0
        with self._reading():
            for number, raw in enumerate(iter(partial(self._stream.readline, longest + 1), b""), 1):
                place = f"{self.place}:{number}"
                if len(raw) > longest:
                    raise DataError(f"{place}: a line of over {longest:,} bytes; {advice}")
                yield decoded(raw, place, offset)
                offset += len(raw)

    def text(self) -> str:
        """All of it."""
        with self._reading():
            return decoded(self._stream.read(), self.place, 0)

    def pieces(self, size: int = BLOCK) -> Iterator[str]:
        """All of it, in pieces of so many bytes."""
        offset, left = 0, b""
        with self._reading():
            while block := self._stream.read(size):
                raw = left + block
                end = len(raw) - _unfinished(raw)
                yield decoded(raw[:end], self.place, offset)
                offset, left = offset + end, raw[end:]
            if left:
                yield decoded(left, self.place, offset)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise DataError(
                f"{self.place}: the gzip data is cut off or damaged; copy or download it again"
            ) from None
        except OSError as error:
            raise DataError(f"{self.place}: cannot be read ({error.strerror}); copy it again") from None


class _Joined(io.RawIOBase):
    """Bytes that were read already, and the rest of their stream."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, room: "WriteableBuffer") -> int:
        view = memoryview(room)
        if self._head:
            part, self._head = self._head[: len(view)], self._head[len(view) :]
        else:
            part = self._rest.read(len(view))
        view[: len(part)] = part
        return len(part)


@contextmanager
def opened(path: StrPath) -> Iterator[Source]:
    """Open a file, `-` for standard input, and unpack it if it is gzip; DataError where that is refused."""
    path, place = Path(path), place_of(path)
    try:
        stream = nullcontext(_standard_input()) if str(path) == "-" else path.open("rb")
    except FileNotFoundError:
        raise DataError(f"{place}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise DataError(f"{place}: is a folder; name a file in it") from None
    except DataError:
        raise
    except ValueError:
        raise DataError(f"{str(path)!r}: is no name of a file; check the path") from None
    except OSError as error:
        raise DataError(f"{place}: cannot be read ({error.strerror}); check its name and permissions") from None
    with stream as file:
        yield Source(path, _unpacked(file, place))


def _unpacked(file: BinaryIO, place: str) -> BinaryIO:
    try:
        magic = file.read(2)
    except OSError as error:
        raise DataError(f"{place}: cannot be read ({error.strerror}); copy it again") from None
    stream = io.BufferedReader(_Joined(magic, file), BLOCK)
    return cast("BinaryIO", gzip.GzipFile(fileobj=stream) if magic == b"\x1f\x8b" else stream)


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise DataError("standard input: is closed; name a file")
    return sys.stdin.buffer


def _unfinished(raw: bytes) -> int:
    """How many bytes at the end begin a character of UTF-8 that goes on behind them."""
    for k in range(1, min(4, len(raw) + 1)):
        if raw[-k] & 0xC0 == 0xC0:  # where a character of several bytes begins
            return k if (raw[-k] >= 0xE0) + (raw[-k] >= 0xF0) + 2 > k else 0
    return 0


def decoded(raw: bytes, place: str, offset: int) -> str:
    """Bytes that stand at an offset of a file as text; DataError if they are not UTF-8, or hold a NUL."""
    if offset == 0:
        if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            raise DataError(f"{place}: the file is UTF-16; save it as UTF-8")
        bom = len(BOM_UTF8) if raw.startswith(BOM_UTF8) else 0
        raw, offset = raw[bom:], bom
    try:
        line = raw.decode()
    except UnicodeDecodeError as error:
        byte = f"0x{raw[error.start]:02x} at byte {offset + error.start:,} of the file"
        raise DataError(f"{place}: {byte} is not UTF-8; convert the file to UTF-8") from None
    if "\0" in line:
        raise DataError(f"{place}: a NUL byte at byte {offset + raw.index(0):,} of the file; remove it")
    return line
