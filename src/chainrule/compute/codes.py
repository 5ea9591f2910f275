"""Functions of arrays as machine code, where so much is to do that it pays; until then they are done by NumPy.

Code is linked from disk where it was made once, which takes 40 ms and does not import Numba; to make it takes some
seconds. So of each function it is counted how long NumPy took for it, about.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.compute.compile import has_numba, kept, machine
from chainrule.compute.emit import Emitted

LINKED = 50_000  # µs, from which it pays to link what was made before
MADE = 2_000_000  # µs, one call after the other, from which it pays to make it

WHOLE, SHORT, SINGLE, REAL, TRUTH = map(np.dtype, (np.int64, np.int32, np.float32, np.float64, np.bool_))
Kind = tuple[np.dtype, int]
"""The dtype of an argument, and how many axes it has."""


class Code(NamedTuple):
    """A function that is compiled as it stands, the kernels that it calls, and the kinds of its arguments."""

    function: Callable[..., None]
    called: Sequence[str]
    kinds: Sequence[Kind]

    @property
    def program(self) -> tuple[Emitted, Sequence[Kind]]:
        """The text, and the kinds."""
        name = self.function.__name__
        source = f"from typing import Any\n\n\n{inspect.getsource(self.function)}"
        arguments = tuple(inspect.signature(self.function).parameters)
        return Emitted(name, source, arguments, {}, {}, frozenset(self.called)), self.kinds


class Codes:
    """What is known of some functions as machine code."""

    def __init__(self, backend: str = "auto") -> None:
        """`backend` is "numba" for machine code at once, "numpy" for none, "auto" for what pays."""
        self._backend = backend if has_numba() else "numpy"
        self._met: dict[str, int] = {}
        self._known: dict[str, Callable[..., Any] | None] = {}

    def __bool__(self) -> bool:
        return any(self._known.values())

    def get(self, name: str, codes: Mapping[str, Code], work: int) -> Callable[..., Any] | None:
        """The machine code for a function of a table, if it is to do what takes NumPy `work` µs."""
        known = self._known.get(name)
        if known is not None or self._backend == "numpy" or not work:
            return known if work else None
        met = self._met[name] = self._met.get(name, 0) + work
        if self._backend == "numba" or met >= MADE:
            self._known[name] = machine(*codes[name].program)
        elif name not in self._known and met >= LINKED:
            self._known[name] = kept(*codes[name].program)
        return self._known.get(name)
