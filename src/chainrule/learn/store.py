"""Tensors as safetensors, in files that are whole or not there.

safetensors accepts duplicate keys, NaN and hundreds of thousands of empty tensors; the header is therefore
checked here before anything is allocated.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from chainrule.compute.files import written_whole
from chainrule.errors import ModelError

MOST_HEADER, MOST_TENSORS = 1 << 20, 256
_WIDTH = {"F64": 8, "F32": 4, "F16": 2, "I64": 8, "I32": 4, "BOOL": 1, "U8": 1}

Tensors = dict[str, NDArray[Any]]


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
    target = Path(path)
    try:
        raw = target.read_bytes()
    except OSError as error:
        raise ModelError(f"{target}: cannot be read ({error.strerror}); give the path of a saved model") from None
    header = _header(target, raw)
    try:
        tensors = load(raw)
    except (SafetensorError, KeyError, ValueError) as error:
        raise ModelError(f"{target}: damaged ({error}); restore the file or train again") from None
    for name, array in tensors.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelError(
                f"{target}: tensor {name} holds NaN or infinite numbers; restore the file or train again"
            )
    return tensors, header.get("__metadata__", {})


def _header(path: Path, raw: bytes) -> dict[str, Any]:
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
    sizes = [_bytes_of(entry) for name, entry in header.items() if name != "__metadata__"]
    if None in sizes:
        raise refuse("its header describes an impossible tensor")
    if 8 + length + sum(size for size in sizes if size is not None) != len(raw):
        raise refuse(f"it holds {len(raw):,} bytes, but its header describes another number")
    return header


def _bytes_of(entry: Any) -> int | None:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(), int()]} if dtype in _WIDTH:
            if all(isinstance(n, int) and n >= 0 for n in shape):
                return math.prod(shape) * _WIDTH[dtype]
    return None
