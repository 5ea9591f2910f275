"""Expressions as one function: compiled to machine code by Numba, or run as NumPy source where Numba is not there.

    f = compile([s, gradient(s, W)])     f(W=…, x=…)     print(f.source)

A size is a number that the function reads off its values when it is called, so that a new batch size compiles
nothing. Numba is imported when such a function is called for the first time. What it makes is kept on disk (see
`disk`), under a name that depends on the text, the kinds of its arguments, the versions of all that had a part
in it, and the processor.
"""

import builtins
import importlib.util
import linecache
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.algebra.node import CONSTANT, VARIABLE, Node, topological, variable, variables
from chainrule.algebra.notation import described, echoed
from chainrule.algebra.op import Array
from chainrule.algebra.signature import Binding, DType, Shape
from chainrule.calculus.naming import Line, Program
from chainrule.calculus.rewrite import remake
from chainrule.compute import adapters
from chainrule.compute.adapters import adapter, names
from chainrule.compute.calling import Compiled, Run, Runner, Unmade, plain
from chainrule.compute.emit import Emitted, Emitter
from chainrule.compute.native import kept as native_kept, native
from chainrule.compute.passes import FORMS, LAYOUTS, prepared
from chainrule.compute.plan import PASSES, nodes_of, plan, root_of
from chainrule.compute.source import python_source
from chainrule.compute.source_names import Names
from chainrule.compute.stems import stem_of, summands
from chainrule.errors import GraphError, SettingError

NAME = "compiled"
LONG = 25_000  # characters; a longer text is not worth the minutes that Numba takes for it
BACKENDS = ("auto", "numba", "numpy")


def compile(
    outputs: Node | Sequence[Node], inputs: Sequence[Node] | None = None, *, backend: str = "auto"
) -> Compiled:
    """A function that computes expressions, as `evaluate` does, many times and fast.

    inputs    the variables in the order in which they may be given; those of the expressions unless told
    backend   "numba", "numpy", or "auto": Numba where it is installed and the function not too long for it; or
              one that an extra or another package adds, as "jax", whose arrays the function then takes
    The graph is simplified, its products associated; for loops it is typed, lowered and contracted, values are
    stored, loops fused, what is local needs no memory, memory is shared, and row numbers are checked: `f.passes`
    has the names, `chainrule compile FORMULA` prints the program with a sentence for each.
    Raises GraphError for a variable that is missing among the inputs and for a size that no input tells,
    BindingError for two variables of one name, SettingError for an unknown backend.
    """
    if backend not in BACKENDS:
        added: Compiled = _added(backend)(outputs, inputs)
        return added
    listed = list(outputs) if isinstance(outputs, Iterable) and not isinstance(outputs, Node) else [outputs]
    order = inputs_of(listed, inputs)
    wanted = outputs if isinstance(outputs, Node) else listed
    return Compiled(
        wanted, order, partial(_runner, listed, order, backend), partial(compile, wanted, order, backend=backend)
    )


def _added(backend: str) -> Callable[..., Compiled]:
    found: Callable[..., Compiled] | None = adapter(adapters.BACKENDS, backend)
    if found is None:
        known = [*BACKENDS, *names(adapters.BACKENDS)]
        raise SettingError(f"the backend {backend!r} is unknown; choose one of {', '.join(known)}")
    return found


def inputs_of(outputs: Sequence[Node], inputs: Node | Iterable[Node] | None) -> list[Node]:
    """The variables that a function takes: those given, or those of the expressions. Raises GraphError."""
    needed = variables(*outputs)
    if inputs is None:
        return needed
    inputs = [inputs] if isinstance(inputs, Node) else list(inputs)
    for v in inputs:
        if not isinstance(v, Node) or v.op is not VARIABLE:
            raise GraphError(f"the inputs of a function are variables, and {v!r:.60} is none")
    for v in needed:
        if v not in inputs:
            given = ", ".join(str(w.attrs["name"]) for w in inputs) or "none"
            raise GraphError(f"the expressions need {described(v)}, which is not among the inputs: {given}")
    return list(dict.fromkeys(inputs))


def _runner(outputs: Sequence[Node], inputs: Sequence[Node], backend: str) -> Runner:
    if backend == "numpy" or (backend == "auto" and not has_numba()):
        return _Plain(outputs, inputs)
    if not has_numba():
        raise SettingError('the backend "numba" needs Numba and SciPy, pip install numba scipy; or choose "numpy"')
    runner = _Native(outputs, inputs)
    if backend == "auto":
        if len(runner.source) > LONG:
            return _Plain(outputs, inputs)
        runner.otherwise = lambda: _Plain(outputs, inputs)
    return runner


def has_numba() -> bool:
    """Whether functions can be compiled here."""
    try:
        return all(importlib.util.find_spec(name) is not None for name in ("numba", "scipy"))
    except ImportError:
        return False


def text_of(emitted: Emitted) -> str:
    """A function in text, and above it the numbers that it knows by name."""
    constants = [
        f"{name} = float32({value if np.isfinite(value) else f'np.{value}'})\n"
        for name, value in emitted.constants.items()
    ]
    return "".join(constants) + "\n\n" * bool(constants) + emitted.source


def machine(emitted: Emitted, kinds: Sequence[tuple[DType, int]]) -> Callable[..., Any]:
    """The function of a text as machine code, for arguments of these dtypes and numbers of axes, row by row."""

    def function(names: dict[str, Any]) -> Callable[..., Any]:
        return _function(text_of(emitted), emitted.name, names)

    return native(emitted, kinds, function)


def kept(emitted: Emitted, kinds: Sequence[tuple[DType, int]]) -> Callable[..., Any] | None:
    """The same, if it was made before and lies on disk."""
    return native_kept(emitted, kinds)


def _function(text: str, name: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function that a text defines, with its lines in tracebacks."""
    text = text.encode(errors="replace").decode().replace("\0", "?")  # names in comments may hold anything
    file = f"<{name} {hash(text) & 0xFFFFFFFF:08x}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(builtins.compile(text, file, "exec"), names)
    function: Callable[..., Any] = names[name]
    return function


# ── machine code ──────────────────────────────────────────────────────────────────────────────────────


class _Sized:
    """A function at one set of sizes, and the working memory that nobody uses now."""

    def __init__(self, native: "_Native", binding: Binding) -> None:
        def sizes(shape: Shape) -> tuple[int, ...]:
            return tuple(map(binding.size, shape))

        self.native = native
        self.outputs = [(sizes(home), dtype) for home, _, dtype in native.out]
        self.shown = [(k, sizes(shape)) for k, (home, shape, _) in enumerate(native.out) if home != shape]
        self.memory = [(sizes(shape), dtype) for shape, dtype in native.plan.memory]
        self.idle: list[list[np.ndarray]] = []

    def run(self, given: Sequence[Any]) -> list[Array]:
        """The outputs, from memory that no other call uses meanwhile."""
        native = self.native
        call = native.call or native.made()
        out = [np.empty(shape, dtype) for shape, dtype in self.outputs]
        try:
            memory = self.idle.pop()
        except IndexError:
            memory = [np.empty(shape, dtype) for shape, dtype in self.memory]
        found = call(*given, *native.arrays, *out, *memory)
        self.idle.append(memory)
        if len(native.numbers) == 1:
            found = (found,)
        for k, shape in self.shown:
            out[k] = out[k].reshape(shape)
        results = [out[k] if number is None else number(found[k]) for k, number in native.places]
        for k in native.repeated:
            results[k] = results[k].copy()
        return results

    def run_on_numbers(self, given: Sequence[Any]) -> list[Array]:
        """The outputs where neither they nor anything between has an axis."""
        native = self.native
        found = (native.call or native.made())(*given)
        if len(native.numbers) == 1:
            return [native.numbers[0](found)]
        return [number(found[k]) for k, number in native.places if number is not None]


class _Native:
    """Runs the text of a plan as machine code."""

    backend = "numba"
    passes = (*FORMS, *LAYOUTS, *PASSES)
    otherwise: Callable[[], Runner] | None = None

    def __init__(self, outputs: Sequence[Node], inputs: Sequence[Node]) -> None:
        made = prepared(outputs)
        self.plan = plan(made, inputs)
        emitter = Emitter(self.plan, NAME)
        self.emitted = emitter.emitted()
        self.source = text_of(self.emitted)
        self.arrays = [plain(a) for a in self.emitted.arrays.values()]
        distinct = [o for o in dict.fromkeys(made) if o.ndim]
        homes = [root_of(o) if emitter.lies_in(o) else o for o in distinct]
        self.out = [(home.shape, o.shape, o.dtype) for home, o in zip(homes, distinct, strict=True)]
        self._kinds = [(n.dtype, n.ndim) for n in inputs]
        self._kinds += [(a.dtype, a.ndim) for a in self.arrays]
        self._kinds += [(home.dtype, home.ndim) for home in homes]
        self._kinds += [(dtype, len(shape)) for shape, dtype in self.plan.memory]
        self.numbers = [o.dtype.type for o in made if not o.ndim]
        numbers = iter(enumerate(self.numbers))
        self.places: list[tuple[int, type | None]] = [
            (distinct.index(o), None) if o.ndim else next(numbers) for o in made
        ]
        self.repeated = [k for k, o in enumerate(made) if o.ndim and o in made[:k]]
        self.call: Callable[..., Any] | None = None

    def sized(self, binding: Binding) -> Run:
        """The function with shapes for outputs and working memory, and room for the latter."""
        sized = _Sized(self, binding)
        return sized.run if sized.outputs or sized.memory or self.arrays else sized.run_on_numbers

    def made(self) -> Callable[..., Any]:
        """The machine code. Raises Unmade."""
        try:
            self.call = machine(self.emitted, self._kinds)
        except Exception as error:
            raise Unmade from error
        return self.call


# ── NumPy ─────────────────────────────────────────────────────────────────────────────────────────────


class _Plain:
    """Runs NumPy source."""

    backend = "numpy"
    passes = tuple(FORMS)
    otherwise: Callable[[], Runner] | None = None

    def __init__(self, outputs: Sequence[Node], inputs: Sequence[Node]) -> None:
        made: Sequence[Node] = list(outputs)
        for change in FORMS.values():
            made = change(made)
        self._made, self._inputs = made, inputs
        self._numbers = [None if v.ndim else v.dtype.type for v in inputs]
        self._rows = plan(made, inputs).rows
        labels = [echoed(o, 60) for o in made]
        program = _program(made, inputs)
        self.source = python_source(NAME, inputs, program, labels, doc="\n".join(labels[:8]))
        self._call = _function(self.source, NAME, {})

    def sized(self, binding: Binding) -> Run | None:
        """The function with shapes of the outputs and how many rows there are to choose from."""
        if any(rows.op not in (VARIABLE, CONSTANT) for rows in self._rows):
            return None  # row numbers are computed
        rows = [(v, binding.size(count)) for v, counts in self._rows.items() for count in counts]
        if any(not _lie_within(v.attrs["data"].array, count) for v, count in rows if v.op is CONSTANT):
            return None
        shapes = [tuple(map(binding.size, o.shape)) for o in self._made]
        return partial(
            self._run, shapes, [(self._inputs.index(v), count) for v, count in rows if v.op is VARIABLE]
        )

    def _run(
        self, shapes: Sequence[tuple[int, ...]], rows: Sequence[tuple[int, int]], given: Sequence[Any]
    ) -> list[Array]:
        """The outputs, in memory of their own."""
        if not all(_lie_within(np.asarray(given[k]), count) for k, count in rows):
            raise IndexError("a row that does not exist")
        with np.errstate(all="ignore"):
            found = self._call(*(kind(v) if kind else v for kind, v in zip(self._numbers, given, strict=True)))
            values = found if len(shapes) > 1 else [found]
            results = [np.array(value, o.dtype) for value, o in zip(values, self._made, strict=True)]
        if [r.shape for r in results] != shapes:
            raise ValueError("another shape than was inferred")
        return [r if r.ndim else r[()] for r in results]


def _lie_within(rows: np.ndarray, count: int) -> bool:
    return not rows.size or bool(rows.min() >= 0 and rows.max() < count)


def _program(outputs: Sequence[Node], inputs: Sequence[Node]) -> Program:
    """The expressions with a line for every value that machine code would lay into memory."""
    steps = plan(outputs, inputs).steps
    parts = summands(outputs)
    stored = [node for step in steps for node in nodes_of(step) if node not in parts]
    names = Names([str(v.attrs["name"]) for v in variables(*outputs, *inputs)], [NAME])
    own = {node: names.new(stem_of(node)) for node in stored}
    spoken: dict[Node, Node] = {}
    lines = []
    for node in topological(outputs):
        value = remake(node, [spoken[i] for i in node.inputs])
        if node in own:
            lines.append(Line(own[node], value, node, "stored"))
            value = variable(own[node], node.shape, node.dtype)
        spoken[node] = value
    return Program(tuple(lines), tuple(spoken[o] for o in outputs))
