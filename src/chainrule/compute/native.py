"""Machine code from text: what Numba makes of a function of arrays, and what of it is kept on disk.

Numba's dispatcher is left aside: the kinds of all arguments are known, so its compiler is called with them once,
told that no two arrays share memory, and the function that comes out is called as it is. Of a function from disk
only the object code is linked (see `linking`).

`numba` is the module, which is imported where something is compiled and nowhere else.
"""

import gc
import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from chainrule.compute import (
    blas,
    blocks,
    disk,
    fetch,
    helpers,
    kernel_formats,
    kernel_native,
    kernels,
    linking,
    paths,
    spans,
    symmetric,
)
from chainrule.compute.emit import Emitted
from chainrule.compute.helpers import HELPERS

Native = Callable[..., Any]

_LOCK = threading.RLock()


def native(
    emitted: Emitted, kinds: Sequence[tuple[np.dtype, int]], function: Callable[..., Callable[..., Any]]
) -> Native:
    """The function of a text as machine code, for arguments of these dtypes and numbers of axes, row by row.

    function   makes the function of the text from the names that it finds
    The result takes arguments of exactly these kinds, and looks at nothing twice.
    """
    with _LOCK:
        name, found = _looked_up(emitted, kinds)
        if found is not None:
            return found
        numba = import_module("numba")
        linking.blas()
        result = _compiled(numba, function(_names(numba, emitted)), _signature(numba, kinds))
        with suppress(Exception):  # a Numba whose results cannot be taken apart: it is kept for this process alone
            if name:
                disk.keep(name, linking.packed(result))
        made: Native = result.entry_point
        return made


def kept(emitted: Emitted, kinds: Sequence[tuple[np.dtype, int]]) -> Native | None:
    """The same function, if it was kept on disk."""
    with _LOCK:
        return _looked_up(emitted, kinds)[1]


def _looked_up(emitted: Emitted, kinds: Sequence[tuple[np.dtype, int]]) -> tuple[str | None, Native | None]:
    """The name under which a function is kept, and the function if it is."""
    with suppress(Exception):  # of an installation that does not tell its versions nothing is kept
        name = _file_name(emitted, kinds)
        return name, _found(name)
    return None, None


def _signature(numba: ModuleType, kinds: Sequence[tuple[np.dtype, int]]) -> tuple[Any, ...]:
    made = numba.types.Array
    return tuple(
        made(numba.from_dtype(dtype), ndim, "C") if ndim else numba.from_dtype(dtype) for dtype, ndim in kinds
    )


def _compiled(numba: ModuleType, function: Callable[..., Any], signature: tuple[Any, ...]) -> Any:
    registered = numba.core.registry.cpu_target
    typing, target = registered.typing_context, registered.target_context
    flags = numba.core.compiler.Flags()
    flags.nrt = True
    flags.release_gil = True
    flags.error_model = "numpy"  # without it no loop with a division becomes one of vectors
    flags.fastmath = {"contract"}  # NaN and ∞ stay what they are
    flags.noalias = True
    flags.no_cfunc_wrapper = True  # nobody calls it from C
    with numba.core.compiler_lock.global_compiler_lock, _undisturbed():
        typing.refresh()
        target.refresh()
        return numba.core.compiler.compile_extra(typing, target, function, signature, None, flags, {})


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without the search for circles among objects, which takes a quarter of the time that Numba takes."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


# ── what the text finds by name ───────────────────────────────────────────────────────────────────────


def _names(numba: ModuleType, emitted: Emitted) -> dict[str, Any]:
    known = {
        "np": blas.numpy(numba),
        "float32": np.float32,
        "float64": np.float64,
        "int64": np.int64,
        "__name__": linking.MODULE,
    }
    others = {
        "fetch": fetch.fetch(numba),
        "symmetric": symmetric.machine(numba),
        "add_dot": blocks.machine(numba),
        "dot_by_rows": blocks.by_rows(numba),
        "swept": paths.machine(numba),
        "spanned": spans.machine(numba),
    }
    table = {**kernel_native.kernels(numba), **_helpers(numba), **others}
    return known | {name: table[name] for name in emitted.kernels} | dict(emitted.constants)


@cache
def _helpers(numba: ModuleType) -> Mapping[str, Any]:
    """The helpers as instructions where they are one, else as functions of their own."""

    def one(name: str, write: Callable[[Any, Any, Any], Any]) -> Any:
        def typed(typing: Any, a: Any, b: Any) -> Any:
            return a(a, a), lambda context, builder, signature, args: write(builder, *args)

        typed.__name__ = typed.__qualname__ = name
        return numba.extending.intrinsic(typed)

    def called(name: str) -> Callable[[Any, Any, Any], Any]:
        def write(builder: Any, a: Any, b: Any) -> Any:
            kind = numba.core.cgutils.ir.FunctionType(a.type, (a.type, a.type))
            return builder.call(builder.module.declare_intrinsic(name, (a.type,), kind), (a, b))

        return write

    instructions = {
        "plus": lambda builder, a, b: builder.fadd(a, b, flags=("reassoc", "contract")),
        "larger": called("llvm.maximum"),
        "smaller": called("llvm.minimum"),
    }
    compiled = numba.njit(error_model="numpy")
    return {
        name: one(name, instructions[name]) if name in instructions else compiled(function)
        for name, function in HELPERS.items()
    }


# ── on disk ───────────────────────────────────────────────────────────────────────────────────────────


def _file_name(emitted: Emitted, kinds: Sequence[tuple[np.dtype, int]]) -> str:
    """The name under which machine code is kept. Raises OSError where an installed version is not told."""
    constants = {name: str(value) for name, value in emitted.constants.items()}
    told = (
        emitted.source,
        *(f"{dtype.str}{ndim}" for dtype, ndim in kinds),
        json.dumps(constants, sort_keys=True),
        *linking.processor(),
        *(np.__version__, sys.version, sys.implementation.cache_tag, str(sys.flags.optimize)),
        *(f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("NUMBA_")),
        _makers(),
    )
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:40]


@cache
def _makers() -> str:
    """What the files say that make the machine code, besides the text."""
    ours = (
        sys.modules[__name__],
        blas,
        linking,
        helpers,
        blocks,
        fetch,
        symmetric,
        kernels,
        kernel_formats,
        kernel_native,
        paths,
        spans,
    )
    theirs = (linking.folder(package) / "_version.py" for package in ("numba", "llvmlite"))
    digest = hashlib.sha256()
    for file in (*(Path(str(module.__file__)) for module in ours), *theirs):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _found(name: str) -> Native | None:
    """The function that was kept, unless it was damaged or another Numba made it."""
    data = disk.found(name)
    if data is not None:
        with suppress(Exception):
            return linking.linked(data) if linking.is_possible() else _linked(data)
    return None


def _linked(data: bytes) -> Native:
    """The function as Numba links it."""
    numba = import_module("numba")
    linking.blas()
    told, code, bitcode = linking.unpacked(data)
    target = numba.core.registry.cpu_target.target_context
    numba.core.runtime.rtsys.initialize(target)
    codegen = target.codegen()
    library = codegen.unserialize_library((told["library"], "object", (code, bitcode)))
    environments = [_environment(numba.core.environment.Environment, name) for name in told["environments"]]
    for environment in environments:
        codegen.set_env(environment.env_name, environment)
    pointer = library.get_pointer_to_function(told["wrapper"])
    own, *others = environments
    made: Native = linking.alone("numba._dynfunc").make_function(
        ModuleType(linking.MODULE), "compiled", "", pointer, own, (library, *others)
    )
    return made


def _environment(made: Any, name: str) -> Any:
    known = made._memo.get(name)
    if known is None:
        known = made({"__name__": linking.MODULE})
        known.env_name = name
        made._memo[name] = known
    return known
