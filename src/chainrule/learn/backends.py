"""Who computes: the names that people choose among, and what is made of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.algebra.node import Node
from chainrule.algebra.op import Array
from chainrule.compute.compile import compile, has_numba
from chainrule.compute.interpret import Interpreter
from chainrule.learn.choose import choose

BACKENDS: Mapping[str, str] = {
    "auto": "numba for a long training where it is installed, else numpy",
    "numba": "functions compiled to machine code; the training step is one",
    "numpy": "generated NumPy code",
    "interpreter": "an array function for every node of the graph",
}
"""The results differ by rounding alone."""

LONG = 2000  # steps of training from which it pays to compile

Runner = Callable[[Mapping[str, Any]], Sequence[Array]]


def chosen(backend: str, steps: int = 0) -> str:
    """What "auto" stands for in a run of so many steps; other names are themselves. SettingError if unknown."""
    choose("backend", backend, BACKENDS)
    if backend != "auto":
        return backend
    return "numba" if steps >= LONG and has_numba() else "numpy"


def runner(outputs: Sequence[Node], backend: str) -> Runner:
    """Expressions made ready to be computed for many values, by name."""
    return Interpreter(outputs) if backend == "interpreter" else compile(outputs, backend=backend)
