"""Object code of functions as functions again, by LLVM's linker alone: Numba, which made it, is not imported.

What the code calls lies in extensions of Numba, in the C library and in SciPy's BLAS. The extensions are loaded
without the packages around them, which is nine tenths of the time. An address that is missing would end the
process, so that every name is looked up before anything is linked.
"""

import builtins
import ctypes
import importlib.machinery
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

BLAS = "scipy.linalg.cython_blas"
MODULE = "chainrule.compiled"
_HELPERS = {"numba._helperlib": "numba_", "numba._dynfunc": "numba_", "numba.core.runtime._nrt_python": "NRT_"}
"""The extensions with the functions that compiled code calls, and what their names begin with there."""


def is_possible() -> bool:
    """Whether this is tried and known to work here; Numba itself links elsewhere."""
    return sys.platform == "linux"


def folder(package: str) -> Path:
    """Where a package lies; it is not imported. Raises ModuleNotFoundError."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not a package")
    return Path(spec.submodule_search_locations[0])


def alone(name: str) -> ModuleType:
    """A module of an extension, loaded without the package that it lies in. Raises ImportError."""
    if name not in sys.modules:
        package, *inner = name.split(".")
        spec = importlib.machinery.PathFinder.find_spec(name, [str(folder(package).joinpath(*inner[:-1]))])
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(f"{name} is not there")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name]


def blas() -> None:
    """Load the functions of matrix products, which compiled code finds by name."""
    with suppress(Exception):  # then the package is imported, by those who need the module
        alone(BLAS)


@cache
def processor() -> tuple[str, str, str]:
    """The system, the processor and its instructions, as LLVM calls them."""
    llvm = import_module("llvmlite.binding")
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


# ── what is kept ──────────────────────────────────────────────────────────────────────────────────────


def packed(result: Any) -> bytes:
    """What Numba compiled, as bytes. Raises ValueError if it is more than object code."""
    library, kind, (code, bitcode) = result.library.serialize_using_object_code()
    environments = (result.environment, *result._find_referenced_environments())
    if kind != "object" or result.lifted or result.reload_init or any(e.consts for e in environments):
        raise ValueError("more than object code")
    names = [e.env_name for e in environments]
    told = {
        "library": library,
        "wrapper": result.fndesc.llvm_cpython_wrapper_name,
        "environments": names,
        "foreign": sorted(set(_foreign(result.library._final_module)) - set(names)),
        "code": len(code),
    }
    head = json.dumps(told).encode()
    return b"".join((len(head).to_bytes(4, "little"), head, code, b"" if is_possible() else bitcode))


def _foreign(module: Any) -> Iterator[str]:
    """The names that a module uses and does not define."""
    for values in (module.functions, module.global_variables):
        yield from (v.name for v in values if v.is_declaration and not v.name.startswith("llvm."))


def unpacked(data: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    """What is told of a function, its object code, and its intermediate code where that is needed."""
    size = int.from_bytes(data[:4], "little")
    told, rest = json.loads(data[4 : 4 + size]), data[4 + size :]
    return told, rest[: told["code"]], rest[told["code"] :]


# ── linked ────────────────────────────────────────────────────────────────────────────────────────────


def linked(data: bytes) -> Callable[..., Any]:
    """The function from bytes. Raises ImportError where a part of it is not found, and what LLVM raises."""
    told, code, _ = unpacked(data)
    llvm, addresses, extension = import_module("llvmlite.binding"), _addresses(), alone("numba._dynfunc")
    target = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)  # it knows the C library too
    for name in told["foreign"]:
        if name not in addresses and not llvm.address_of_symbol(name):
            raise ImportError(f"there is no {name}")
    if any(name.startswith("numba_xx") for name in told["foreign"]):
        blas()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    environments = {name: extension.Environment({"__name__": MODULE}) for name in told["environments"]}
    places = {name: engine.get_global_value_address(name) for name in environments}
    start = engine.get_function_address(told["wrapper"])
    if not all((start, *places.values())):
        raise ImportError("the code has not what is told of it")
    for name, place in places.items():
        ctypes.c_void_p.from_address(place).value = id(environments[name])
    made: Callable[..., Any] = extension.make_function(
        ModuleType(MODULE),
        "compiled",
        "",
        start,
        environments[told["environments"][0]],
        (engine, *environments.values()),
    )
    return made


@cache
def _addresses() -> Mapping[str, int]:
    """The functions and exceptions that compiled code calls by name, once LLVM knows of them."""
    llvm = import_module("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    found = {"_Py_NoneStruct": id(None)}
    for module, prefix in _HELPERS.items():
        for name, address in alone(module).c_helpers.items():
            found[name if prefix == "NRT_" and name.startswith("_") else prefix + name] = address
    for kind in vars(builtins).values():
        if isinstance(kind, type) and issubclass(kind, BaseException):
            found[f"PyExc_{kind.__name__}"] = id(kind)
    for name, address in found.items():
        llvm.add_symbol(name, address)
    return found
