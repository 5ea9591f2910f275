"""Machine code from text: what Numba makes of a function of arrays, and what of it is kept on disk.

Numba's dispatcher is left aside: the kinds of all arguments are known, so its compiler is called with them once,
told that no two arrays share memory, and the function that comes out is called as it is. Of a function from disk
only the object code is linked; Numba's type system stays asleep.

`numba` is the module, which only those import who compile.
"""

import gc
import hashlib
import importlib.machinery
import importlib.util
import json
import platform
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from chainrule.compute import disk, fetch, helpers, kernel_formats, kernel_native, kernels, symmetric
from chainrule.compute.emit import Emitted
from chainrule.compute.helpers import HELPERS

Native = Callable[..., Any]

_LOCK = threading.RLock()
_MODULE = "chainrule.compiled"


def native(
    numba: ModuleType,
    emitted: Emitted,
    kinds: Sequence[tuple[np.dtype, int]],
    function: Callable[..., Callable[..., Any]],
) -> Native:
    """The function of a text as machine code, for arguments of these dtypes and numbers of axes, row by row.

    function   makes the function of the text from the names that it finds
    The result takes arguments of exactly these kinds, and looks at nothing twice.
    """
    with _LOCK:
        _alone("scipy.linalg.cython_blas")
        target = numba.core.registry.cpu_target.target_context
        name = _file_name(numba, target, emitted, kinds)
        data = disk.found(name)
        if data is not None:
            with suppress(Exception):  # another Numba than the one that made it: it is made again
                return _linked(numba, target, data)
        result = _compiled(numba, target, function(_names(numba, emitted)), _signature(numba, kinds))
        with suppress(Exception):  # a Numba whose results cannot be taken apart: it is kept for this process alone
            disk.keep(name, _packed(result))
        made: Native = result.entry_point
        return made


def _signature(numba: ModuleType, kinds: Sequence[tuple[np.dtype, int]]) -> tuple[Any, ...]:
    made = numba.types.Array
    return tuple(
        made(numba.from_dtype(dtype), ndim, "C") if ndim else numba.from_dtype(dtype) for dtype, ndim in kinds
    )


def _compiled(numba: ModuleType, target: Any, function: Callable[..., Any], signature: tuple[Any, ...]) -> Any:
    typing = numba.core.registry.cpu_target.typing_context
    flags = numba.core.compiler.Flags()
    flags.nrt = True
    flags.release_gil = True
    flags.error_model = "numpy"  # without it no loop with a division becomes one of vectors
    flags.fastmath = {"contract"}  # NaN and ∞ stay what they are
    flags.noalias = True
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
    known = {"np": np, "float32": np.float32, "float64": np.float64, "int64": np.int64, "__name__": _MODULE}
    others = {"fetch": fetch.fetch(numba), "symmetric": symmetric.machine(numba)}
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


def _alone(name: str) -> None:
    """Load a module of an extension without its package, which takes longer than all else."""
    if name in sys.modules:
        return
    with suppress(Exception):  # then the package is imported, by those who need the module
        package = name.split(".", maxsplit=1)[0]
        importlib.import_module(package)
        folder = Path(sys.modules[package].__path__[0]).joinpath(*name.split(".")[1:-1])
        spec = importlib.machinery.PathFinder.find_spec(name, [str(folder)])
        if spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[name] = module


# ── on disk ───────────────────────────────────────────────────────────────────────────────────────────


def _file_name(numba: ModuleType, target: Any, emitted: Emitted, kinds: Sequence[tuple[np.dtype, int]]) -> str:
    constants = {name: str(value) for name, value in emitted.constants.items()}
    told = (
        emitted.source,
        *(f"{dtype.str}{ndim}" for dtype, ndim in kinds),
        json.dumps(constants, sort_keys=True),
        *map(str, target.codegen().magic_tuple()),
        *(
            numba.__version__,
            np.__version__,
            platform.python_version(),
            platform.platform(),
            sys.implementation.name,
        ),
        *(str(sys.flags.optimize), _makers()),
    )
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:40] + ".native"


@cache
def _makers() -> str:
    """What the files say that make the machine code, besides the text."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for module in (helpers, fetch, kernels, kernel_formats, kernel_native, symmetric):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


def _packed(result: Any) -> bytes:
    """Names and object code of what was compiled."""
    library, kind, (code, bitcode) = result.library.serialize_using_object_code()
    environments = (result.environment, *result._find_referenced_environments())
    if kind != "object" or result.lifted or result.reload_init or any(e.consts for e in environments):
        raise ValueError("more than object code")
    told = {
        "library": library,
        "wrapper": result.fndesc.llvm_cpython_wrapper_name,
        "environments": [e.env_name for e in environments],
        "code": len(code),
    }
    head = json.dumps(told).encode()
    return b"".join((len(head).to_bytes(4, "little"), head, code, bitcode))


def _linked(numba: ModuleType, target: Any, data: bytes) -> Native:
    size = int.from_bytes(data[:4], "little")
    told, rest = json.loads(data[4 : 4 + size]), data[4 + size :]
    numba.core.runtime.rtsys.initialize(target)
    codegen = target.codegen()
    library = codegen.unserialize_library(
        (told["library"], "object", (rest[: told["code"]], rest[told["code"] :]))
    )
    environments = [_environment(numba.core.environment.Environment, name) for name in told["environments"]]
    for environment in environments:
        codegen.set_env(environment.env_name, environment)
    pointer = library.get_pointer_to_function(told["wrapper"])
    own, *others = environments
    made: Native = numba._dynfunc.make_function(
        ModuleType(_MODULE), "compiled", "", pointer, own, (library, *others)
    )
    return made


def _environment(made: Any, name: str) -> Any:
    known = made._memo.get(name)
    if known is None:
        known = made({"__name__": _MODULE})
        known.env_name = name
        made._memo[name] = known
    return known
