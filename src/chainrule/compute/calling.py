"""Compiled expressions as a function: values in, numbers out, with as little as possible in between.

What values have to obey depends on their shapes and dtypes alone, so it is checked once for every set of sizes
that is met. Whatever is unusual, a list for an array, a missing value, an empty axis, a row that does not
exist, is left to the interpreter: it converts, computes, or says in its own words what is wrong.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, Protocol

import numpy as np

from chainrule.algebra.node import VARIABLE, Node, topological
from chainrule.algebra.notation import described, write
from chainrule.algebra.op import Array
from chainrule.algebra.signature import BOOLEAN, FLOAT32, FLOAT64, INTEGER, Axis, Binding, Dim, DType, shape_text
from chainrule.compute.interpret import Interpreter, checked
from chainrule.errors import BindingError, ChainruleError, GraphError

MOST_SIZES = 32  # sets of sizes whose working memory is kept
MOST_LOOKS = 8 * MOST_SIZES

_NUMBERS: Mapping[DType, frozenset[type]] = {
    FLOAT64: frozenset((float, np.float64)),
    FLOAT32: frozenset((np.float32,)),
    INTEGER: frozenset((int, np.int64)),
    BOOLEAN: frozenset((bool, np.bool_)),
}
"""The types of numbers that need no conversion, by the dtype of the variable."""

Run = Callable[[Sequence[Any]], list[Array]]
Sizes = tuple[tuple[int, ...], ...]
Look = tuple[tuple[int, ...] | type, ...]  # the shapes of arrays and the types of numbers


class Unmade(Exception):  # noqa: N818 — never seen outside: another runner takes over, or the cause is raised
    """The function could not be made."""


class Runner(Protocol):
    """A way to compute the outputs: it is told sizes once, and then called with values that are known to fit."""

    backend: str
    passes: tuple[str, ...]
    otherwise: "Callable[[], Runner] | None"
    """Another way, for when the function cannot be made."""

    @property
    def source(self) -> str:
        """The text of the function."""

    def sized(self, binding: Binding) -> "Run | None":
        """What computes the outputs at these sizes; None if the interpreter should.

        Any exception of it means that the interpreter should have a look.
        """


class Elsewhere:
    """In the place of a runner, where a function computes on arrays of another library by itself."""

    otherwise: "Callable[[], Runner] | None" = None

    def __init__(self, backend: str, passes: Sequence[str], text: Callable[[], str]) -> None:
        self.backend, self.passes, self._text = backend, tuple(passes), text

    @property
    def source(self) -> str:
        """The text that says what is computed."""
        return self._text()

    def sized(self, binding: Binding) -> "Run | None":
        """Never asked."""
        return None


class Compiled:
    """A function of arrays, `f(W=…, x=…)`, made from expressions; it gives what `evaluate` gives.

    Values are given by name, in the order of `inputs`, or as one mapping. The results are the caller's own. It can
    be called from many threads at once.

    source   the text of the function        backend  "numba" or "numpy"
    inputs   the names of the values         passes   what was done to the graph, in order
    """

    def __init__(
        self,
        outputs: Node | Sequence[Node],
        inputs: Sequence[Node],
        runner: Callable[[], Runner],
        again: "Callable[[], Compiled]",
    ) -> None:
        """`runner` makes what computes the outputs; `again` makes the same function, in another process too."""
        self._alone = isinstance(outputs, Node)
        self._outputs = (outputs,) if isinstance(outputs, Node) else tuple(outputs)
        self._again = again
        self.inputs = tuple(str(v.attrs["name"]) for v in inputs)
        self._variables = tuple(inputs)
        self._oracle = Interpreter([*self._outputs, *inputs])
        self._limits = Limits(topological([*self._outputs, *inputs]))
        self._arrays = [(k, v.dtype) for k, v in enumerate(inputs) if v.ndim]
        self._numbers = [(k, _NUMBERS[v.dtype]) for k, v in enumerate(inputs) if not v.ndim]
        self._runner = runner()
        self._known: dict[Sizes, Run | None] = {}
        self._met: dict[Look, Run] = {}

    @property
    def outputs(self) -> tuple[Node, ...]:
        """The expressions it computes."""
        return self._outputs

    @property
    def source(self) -> str:
        """The text of the function."""
        return self._runner.source

    @property
    def backend(self) -> str:
        """What runs it: "numba" or "numpy"."""
        return self._runner.backend

    @property
    def passes(self) -> tuple[str, ...]:
        """What was done to the graph, in order."""
        return self._runner.passes

    def __reduce__(self) -> "tuple[Callable[[], Compiled], tuple[()]]":
        return self._again, ()

    def __repr__(self) -> str:
        shapes = ", ".join(shape_text(o.shape) for o in self._outputs)
        return f"<compiled ({', '.join(self.inputs)}) → {shapes}; {self.backend}>"

    def _repr_html_(self) -> str:
        said, source = escape(repr(self)), escape(self.source)
        return f"<details><summary><code>{said}</code></summary><pre>{source}</pre></details>"

    def __call__(self, /, *args: Any, **values: Any) -> Array | list[Array]:
        """The value of the expression, or the list of them. Raises BindingError, DTypeError."""
        given: Sequence[Any] = args
        try:
            if values or len(args) != len(self.inputs):
                if args:
                    values, args = self._by_name(args, values), ()
                given = [values[name] for name in self.inputs]
            run = self._met[tuple([v.shape if type(v) is np.ndarray else type(v) for v in given])]
            for k, dtype in self._arrays:
                value = given[k]
                if value.dtype is not dtype or not value.flags.carray:
                    raise KeyError
        except KeyError:
            return self._converted(self._by_name(args, values) if args else values)
        return self._computed(given, run)

    def _computed(self, given: Sequence[Any], run: Run | None) -> Array | list[Array]:
        if run is not None:
            try:
                found = run(given)
                return found[0] if self._alone else found
            except Unmade as unmade:
                return self._otherwise(unmade, given)
            except Exception:
                return self._interpreted(given)  # whatever it was, the interpreter says it better
        return self._interpreted(given)

    def _otherwise(self, unmade: Unmade, given: Sequence[Any]) -> Array | list[Array]:
        other = self._runner.otherwise
        if other is None:
            raise unmade.__cause__ or unmade
        self._runner, self._known, self._met = other(), {}, {}
        return self._converted(dict(zip(self.inputs, given, strict=True)))

    def _interpreted(self, given: Sequence[Any]) -> Array | list[Array]:
        values = dict(zip(self.inputs, given, strict=True))
        found = [own(r) for r in self._oracle(values)[: len(self._outputs)]]
        return found[0] if self._alone else found

    def arguments(self, args: Sequence[Any], values: Mapping[str, Any]) -> list[Any]:
        """The values of a call in the order of `inputs`. Raises BindingError for one that is missing."""
        named = self._by_name(args, values) if args else values
        for v, name in zip(self._variables, self.inputs, strict=True):
            if name not in named:
                raise BindingError(f"no value for {described(v)}; the function takes {', '.join(self.inputs)}")
        return [named[name] for name in self.inputs]

    # ── what is not as it should be ───────────────────────────────────────────────────────────────────

    def _by_name(self, args: Sequence[Any], values: Mapping[str, Any]) -> dict[str, Any]:
        if len(args) == 1 and isinstance(args[0], Mapping):
            named = {self._name(key): value for key, value in args[0].items()}
            if len(named) < len(args[0]):
                raise BindingError(f"of {', '.join(map(str, args[0]))} two are the same variable; give it once")
        elif len(args) > len(self.inputs):
            known = ", ".join(self.inputs) or "none"
            raise BindingError(f"{len(args)} values are given, but the function takes {len(self.inputs)}: {known}")
        else:
            named = dict(zip(self.inputs, args, strict=False))
        twice = named.keys() & values.keys()
        if twice:
            raise BindingError(f"{min(twice)} is given twice, by place and by name; give it once")
        return {**named, **values}

    def _name(self, key: Any) -> Any:
        if not isinstance(key, Node):
            return key
        if key.op is not VARIABLE:
            raise GraphError(f"values are given for variables, and {write(key, 60)} is none")
        return key.attrs["name"]

    def _converted(self, values: Mapping[str, Any]) -> Array | list[Array]:
        """The outputs for values of any kind, at sizes that may be new. Raises BindingError, DTypeError."""
        given: list[Any] = []
        binding = Binding()
        for v, name, value in zip(self._variables, self.inputs, self.arguments((), values), strict=True):
            array = checked(v, value)
            binding.meet(name, v.shape, array.shape)
            given.append(plain(array) if array.ndim else array[()])
        binding.settle()
        sizes = tuple(np.shape(value) for value in given)
        if sizes not in self._known:
            if len(self._known) >= MOST_SIZES:
                self._known.clear()
                self._met.clear()
            self._known[sizes] = self._runner.sized(binding) if self._limits.hold(binding) else None
        run = self._known[sizes]
        if run is not None:
            self._meet([values[name] for name in self.inputs], run)
        return self._computed(given, run)

    def _meet(self, values: Sequence[Any], run: Run) -> None:
        """Remember how values look that need no conversion, so that others like them are not looked at again."""
        arrays = all(type(values[k]) is np.ndarray for k, _ in self._arrays)
        if arrays and all(type(values[k]) in kinds for k, kinds in self._numbers):
            if len(self._met) >= MOST_LOOKS:
                self._met.clear()
            self._met[tuple([v.shape if type(v) is np.ndarray else type(v) for v in values])] = run


def own(result: Any) -> Any:
    """A result in memory of its own."""
    array = np.array(result)
    return array if array.ndim else array[()]


class _Writable:
    """The memory of a read-only array as one that could be written: compiled functions never write to inputs."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        interface = dict(array.__array_interface__)
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


def plain(array: np.ndarray) -> np.ndarray:
    """The array as it lies in memory if that is row by row, else a copy."""
    if array.flags.c_contiguous and array.flags.aligned:
        return array if array.flags.writeable else np.asarray(_Writable(array))
    return np.array(array, order="C")


class Limits:
    """What sizes have to obey where the graph leaves them open: no axis is empty, no slice leaves its axis."""

    def __init__(self, order: Sequence[Node]) -> None:
        self.axes = tuple({a for node in order for a in node.shape})
        self.cuts = tuple({cut for node in order for cut in _cuts(node)})

    def hold(self, binding: Binding) -> bool:
        """Whether the sizes are usual ones."""
        size = binding.size
        try:
            return all(size(a) > 0 for a in self.axes) and all(
                0 <= size(start) + k * step < size(whole)
                for start, length, step, whole in self.cuts
                for k in (0, size(length) - 1)
            )
        except ChainruleError:
            return False


def _cuts(node: Node) -> Iterator[tuple[Axis, Axis, int, Axis]]:
    if node.op.name in ("slice", "pad"):
        whole = node.inputs[0].shape if node.op.name == "slice" else node.shape
        cuts = node.attrs["cuts"]
        for (start, length, step), a in zip(cuts, whole[len(whole) - len(cuts) :], strict=True):
            if any(isinstance(x, Dim) for x in (start, length, a)):
                yield start, length, step, a
