"""Tensors as safetensors, in files that are whole or not there.

safetensors accepts duplicate keys, NaN and hundreds of thousands of empty tensors; the header is therefore
checked here before anything is allocated, and the tensors are views of the bytes of the file, read once.
"""

import ctypes
import json
import math
import mmap as mapping
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedReader
from itertools import pairwise
from mmap import ACCESS_COPY, mmap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from chainrule.compute.files import written_whole
from chainrule.errors import ModelError

MOST_HEADER, MOST_TENSORS, MOST_AXES = 1 << 20, 256, 8
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "BOOL": "?", "U8": "u1"}
_EXPONENT = {2: 0x7C00, 4: 0x7F800000, 8: 0x7FF0000000000000}  # all ones in NaN and ∞, by the bytes of a number
_PART = 1 << 18  # numbers that are looked at together

Tensors = dict[str, NDArray[Any]]
Bytes = bytearray | mmap


def write_tensors(
    path: str | Path, tensors: Mapping[str, NDArray[Any]], about: Mapping[str, str] | None = None
) -> None:
    """Write arrays by name, and strings about them, as one safetensors file."""
    ordered = {name: np.asarray(tensors[name], order="C") for name in sorted(tensors)}
    with written_whole(path) as file:
        file.write(save(ordered, dict(about or {})))


def read_tensors(path: str | Path) -> tuple[Tensors, dict[str, str]]:
    """The arrays and the strings of a safetensors file.

    Raises ModelError for a file that is missing, cut, longer than it says, or holds NaN or ∞.
    """
    return tensors_in(path, read_bytes(path))


def read_bytes(path: str | Path) -> bytearray:
    """The bytes of a file, as memory that can be written to. Raises ModelError if it cannot be read."""
    with _opened(path) as file:
        raw = bytearray(os.fstat(file.fileno()).st_size)
        del raw[file.readinto(raw) :]
        raw += file.read()
        return raw


def mapped_bytes(path: str | Path) -> Bytes:
    """The same, read from the file where they are looked at, and again after `forget`; changes are not written.

    For files that are replaced, and never written into, as those of models are. Windows replaces no file that is
    mapped, so that it is read there.
    """
    if os.name == "nt" or not Path(path).is_file() or not Path(path).stat().st_size:
        return read_bytes(path)
    with _opened(path) as file:
        return mmap(file.fileno(), 0, access=ACCESS_COPY)


def forget(raw: Bytes) -> None:
    """Give back the memory of mapped bytes that nobody has changed; they are read again where they are needed."""
    if isinstance(raw, mmap) and hasattr(mapping, "MADV_DONTNEED"):
        raw.madvise(mapping.MADV_DONTNEED)


def release() -> None:
    """Give free memory back to the system, where the C library can: what is read and checked leaves holes."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def _opened(path: str | Path) -> Iterator[BufferedReader]:
    try:
        with Path(path).open("rb") as file:
            yield file
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); give the path of a saved model") from None


def tensors_in(path: str | Path, raw: Bytes) -> tuple[Tensors, dict[str, str]]:
    """The same, of the bytes of a file that is read already; the arrays are views of them."""
    header = _header(Path(path), raw)
    about = header.pop("__metadata__", {})
    start = 8 + int.from_bytes(raw[:8], "little")
    tensors: Tensors = {}
    for name in sorted(header):
        dtype, shape, (begin, _) = _Entry.of(header[name])
        array = np.frombuffer(raw, dtype, math.prod(shape), start + begin).reshape(shape)
        tensors[name] = np.require(array, requirements=("ALIGNED", "WRITEABLE"))
        if dtype.kind == "f" and not _finite(tensors[name]):
            raise ModelError(
                f"{path}: tensor {name} holds NaN or infinite numbers; restore the file or train again"
            )
    return tensors, about


def _finite(array: NDArray[Any]) -> bool:
    mask = np.array(_EXPONENT[array.itemsize], f"u{array.itemsize}")
    flat = array.reshape(-1).view(mask.dtype)
    return all(bool(((flat[k : k + _PART] & mask) != mask).all()) for k in range(0, len(flat), _PART))


def _header(path: Path, raw: Bytes) -> dict[str, Any]:
    """The header of a safetensors file, checked against the size of the file before anything is allocated."""

    def refuse(cause: str) -> ModelError:
        return ModelError(f"{path}: {cause}; restore the file or train again")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise refuse("a name occurs twice in its header")
        return dict(pairs)

    length = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or length > MOST_HEADER or 8 + length > len(raw):
        raise refuse("cut short, or no safetensors file")
    try:
        header = json.loads(raw[8 : 8 + length], object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise refuse("its header is damaged") from None
    if not isinstance(header, dict) or len(header) > MOST_TENSORS:
        raise refuse("its header lists no tensors, or too many")
    if not _strings(header.get("__metadata__", {})):
        raise refuse("what its header says about it is damaged")
    try:
        entries = [_Entry.of(entry) for name, entry in header.items() if name != "__metadata__"]
    except ValueError:
        raise refuse("its header describes an impossible tensor") from None
    if 8 + length + sum(entry.bytes for entry in entries) != len(raw):
        raise refuse(f"it holds {len(raw):,} bytes, but its header describes another number")
    if any(before != after for before, after in _borders(entries)):
        raise refuse("its tensors overlap, or leave gaps")
    return header


def _strings(about: Any) -> bool:
    return isinstance(about, dict) and all(isinstance(value, str) for value in about.values())


class _Entry(NamedTuple):
    """A tensor as the header describes it, and the place of its bytes behind the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    place: tuple[int, int]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @classmethod
    def of(cls, entry: Any) -> "_Entry":
        """Raises ValueError for what describes no tensor."""
        match entry:
            case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
                if dtype in _DTYPES and len(shape) <= MOST_AXES and all(map(_is_size, (*shape, begin))):
                    found = cls(np.dtype(_DTYPES[dtype]), tuple(shape), (begin, end))
                    if end - begin == found.bytes:
                        return found
        raise ValueError


def _is_size(n: Any) -> bool:
    return type(n) is int and n >= 0


def _borders(entries: list[_Entry]) -> Iterator[tuple[int, int]]:
    """Where tensors end, and where the next ones begin, in the order of the file."""
    places = sorted(entry.place for entry in entries)
    yield from ((before[1], after[0]) for before, after in pairwise([(0, 0), *places]))
