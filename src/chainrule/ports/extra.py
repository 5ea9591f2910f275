"""Libraries that an extra brings, imported where they are used; one that is absent or too old is one sentence.

`LIBRARIES` says what each extra holds; a test compares it with pyproject.toml.
"""

import re
from collections.abc import Mapping
from importlib import import_module, metadata
from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple

from chainrule.errors import ExtraError


class Library(NamedTuple):
    """A library as people call it, the extra that brings it, and the versions least ≤ version < below."""

    title: str
    extra: str
    least: str
    below: str = ""
    distribution: str = ""
    """Its name for pip, where that is another than what is imported."""


LIBRARIES: Mapping[str, Library] = {
    "cupy": Library("CuPy", "cupy", "14", distribution="cupy-cuda12x"),
    "datasets": Library("Hugging Face's datasets", "hf", "3.0", "6"),
    "distributed": Library("Dask", "dask", "2024.8"),
    "huggingface_hub": Library("huggingface_hub", "hf", "0.25", "3", "huggingface-hub"),
    "jax": Library("JAX", "jax", "0.6", "1"),
    "mpi4py": Library("mpi4py", "mpi", "4"),
    "onnx": Library("ONNX", "onnx", "1.17", "2"),
    "onnxruntime": Library("ONNX Runtime", "onnx", "1.30", "2"),
    "pandas": Library("pandas", "parquet", "2.2", "4"),
    "pyarrow": Library("pyarrow", "parquet", "17"),
    "sklearn": Library("scikit-learn", "sklearn", "1.6", "2", "scikit-learn"),
    "spacy": Library("spaCy", "spacy", "3.8", "4"),
    "torch": Library("PyTorch", "torch", "2.4", "3"),
}


def needed(module: str, by: str) -> ModuleType:
    """Import a module of a library in `LIBRARIES`, on behalf of the module called `by`.

    Raises ExtraError, one sentence, where the library is absent, cannot be imported, or has another version.
    """
    check(module.partition(".")[0], by)
    try:
        return import_module(module)
    except ImportError as error:
        library = LIBRARIES[module.partition(".")[0]]
        raise ExtraError(f"{by} cannot import {library.title} ({error}): {_repair(library)}") from None


def check(name: str, by: str) -> None:
    """Raise ExtraError unless a library is there in a version that we know; it is not imported."""
    library = LIBRARIES[name]
    try:
        version = metadata.version(library.distribution or name)
    except metadata.PackageNotFoundError:
        if not _is_importable(name):
            raise ExtraError(f"{by} needs {library.title}: {_repair(library)}") from None
        return
    if _numbers(version) < _numbers(library.least) or (
        library.below and _numbers(version) >= _numbers(library.below)
    ):
        bound = f", below {library.below}" * bool(library.below)
        raise ExtraError(
            f"{by} needs {library.title} {library.least} or newer{bound}, and found {version}: {_repair(library)}"
        )


def _repair(library: Library) -> str:
    return f'pip install "chainrule[{library.extra}]"'


def _is_importable(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:
        return False


def _numbers(version: str) -> tuple[int, ...]:
    """1.6.1rc2 → (1, 6, 1), 3.0 → (3); versions compare by these."""
    found = re.match(r"\d+(\.\d+)*?(?=(\.0+)*(?!\.?\d))", version)
    return tuple(map(int, found[0].split("."))) if found else ()
