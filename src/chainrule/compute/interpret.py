"""The interpreter: one array call per node, over any array namespace. It is the oracle of the fast paths."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, overload

import numpy as np

from chainrule.algebra.data import array_of, converted
from chainrule.algebra.node import VARIABLE, Node, topological
from chainrule.algebra.notation import described, write
from chainrule.algebra.op import Array, Namespace
from chainrule.algebra.recent import recall, remember
from chainrule.algebra.signature import BOOLEAN, FLOAT64, FLOATS, INTEGER, Binding, Dim
from chainrule.compute.arrays import NUMPY, Arrays, arrays_of, fed, library_of, placed
from chainrule.compute.typed import typed
from chainrule.errors import BindingError, ChainruleError, DTypeError, GraphError

Values = Mapping[Any, Any]  # the keys are names or variables


class Step(NamedTuple):
    """One array call: the place of its value, those of its operands, and of the operands that are needed no more.

    call    the operation with its attributes, but where these hold sizes that only the values tell
    sized   whether they do not
    """

    node: Node
    place: int
    call: Callable[..., Array]
    sized: bool
    operands: tuple[int, ...]
    done_with: tuple[int, ...]


class Interpreter:
    """Outputs made ready to be computed many times: the order of the calls is found once."""

    def __init__(self, outputs: Sequence[Node], arrays: Arrays = NUMPY) -> None:
        """`arrays` is the library whose arrays the values will be."""
        self.arrays = arrays
        outputs = outputs if arrays is NUMPY else typed(outputs)
        self.order = topological(outputs)
        place = {node: k for k, node in enumerate(self.order)}
        self.outputs = [place[node] for node in outputs]
        self.variables = [(place[n], n) for n in self.order if n.op is VARIABLE]
        self._named = {n.attrs["name"]: n for _, n in self.variables}
        self._steps = _steps(self.order, place, set(self.outputs), arrays)
        self._same_name()

    def _same_name(self) -> None:
        for _, node in self.variables:
            other = self._named[node.attrs["name"]]
            if other is not node:
                raise BindingError(
                    f"{node.attrs['name']} stands for two variables, {described(other)} {other.dtype} and "
                    f"{described(node)} {node.dtype}; give them different names"
                )

    def __call__(
        self, values: Values, sizes: Mapping[str, int] | None = None, xp: Namespace | None = None
    ) -> list[Array]:
        """The values of the outputs; `values` holds an array for every variable or its name.

        xp   a namespace to compute in with the values as they are, instead of that of the library
        Raises BindingError for a value that is missing or has the wrong shape, DTypeError for the wrong kind.
        """
        binding = Binding(sizes)
        values = _by_name(values, binding)
        feed = _fed
        if xp is not None:
            feed = _as_it_is
        elif self.arrays is NUMPY:
            xp = np
        else:
            xp = placed(self.arrays, {name: values[name] for name in self._named if name in values})
            feed = partial(_fed_elsewhere, xp)
        held = self._fed(values, binding, feed)
        binding.settle()
        with np.errstate(all="ignore"), self.arrays.within():
            _run(xp, self._steps, held, binding)
        return [held[k] for k in self.outputs]

    def _fed(self, values: Mapping[str, Any], binding: Binding, feed: Callable[[Node, Any], Array]) -> list[Any]:
        """Room for the values of all nodes, and in it those of the variables."""
        held: list[Any] = [None] * len(self.order)
        for k, node in self.variables:
            name = node.attrs["name"]
            if name not in values:
                raise BindingError(
                    f"no value for {described(node)}; the expression needs {', '.join(self._named)}"
                )
            array = held[k] = feed(node, values[name])
            if node.shape or array.shape:
                binding.meet(name, node.shape, tuple(array.shape))
        return held


class Kept:
    """The values of many expressions at one point, each computed once and kept as long as this lives."""

    def __init__(self, point: Mapping[Node, Array], sizes: Mapping[str, int] | None = None) -> None:
        """`point` holds an array for every variable."""
        self.binding = Binding(sizes)
        self._held: dict[Node, Array] = dict(point)
        for node, array in point.items():
            self.binding.meet(node.attrs["name"], node.shape, np.shape(array))
        self.binding.settle()

    def hold(self, node: Node, value: Array) -> None:
        """Take a value as known, so that it is not computed again."""
        self._held[node] = value

    def __call__(self, root: Node) -> Array:
        """The value of an expression. Raises BindingError where it has none."""
        if root not in self._held:
            with np.errstate(all="ignore"):
                self._compute(root)
        return self._held[root]

    def _compute(self, root: Node) -> None:
        waiting = [root]
        while waiting:
            node = waiting[-1]
            missing = [i for i in node.inputs if i not in self._held]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if node in self._held:
                continue
            if node.op is VARIABLE:
                raise BindingError(f"no value for {described(node)}")
            held = [*(self._held[i] for i in node.inputs), None]
            count = len(node.inputs)
            _run(np, [Step(node, count, *_call(node), tuple(range(count)), ())], held, self.binding)
            self._held[node] = held[count]


def _by_name(values: Values, binding: Binding) -> dict[str, Any]:
    """The values by name; those given for variables tell the sizes of their dimensions, used or not."""
    named: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(key, Node):
            if key.op is not VARIABLE:
                raise GraphError(f"values are given for variables, and {write(key, 60)} is none")
            binding.meet(key.attrs["name"], key.shape, tuple(np.shape(value)))
        named[key.attrs["name"] if isinstance(key, Node) else key] = value
    return named


def _steps(order: Sequence[Node], place: Mapping[Node, int], kept: set[int], arrays: Arrays = NUMPY) -> list[Step]:
    steps = [
        Step(node, place[node], *_call(node, arrays), tuple([place[i] for i in node.inputs]), ())
        for node in order
        if node.op is not VARIABLE
    ]
    alive = {place[node] for node in order if node.shape} - kept
    for k in range(len(steps))[::-1] if alive else ():  # from behind, the first use that is met is the last one
        last = alive.intersection(steps[k].operands)
        if last:
            steps[k] = steps[k]._replace(done_with=tuple(last))
            alive -= last
    return steps


def _call(node: Node, arrays: Arrays = NUMPY) -> tuple[Callable[..., Array], bool]:
    attrs, forward = node.attrs, arrays.forms.get(node.op.name, node.op.forward)
    if not attrs:
        return forward, True
    return (forward, False) if _is_symbolic(tuple(attrs.values())) else (partial(forward, **attrs), True)


def _is_symbolic(value: object) -> bool:
    return isinstance(value, Dim) or (isinstance(value, tuple) and True in [_is_symbolic(v) for v in value])


def _resolved(value: Any, binding: Binding) -> Any:
    if isinstance(value, Dim):
        return binding.size(value)
    if isinstance(value, tuple):
        parts = [_resolved(v, binding) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def _run(xp: Namespace, steps: Sequence[Step], held: list[Any], binding: Binding) -> None:
    """Fill in the values of the steps."""
    try:
        for node, place, call, sized, operands, done_with in steps:
            if not sized:
                attrs = {key: _resolved(value, binding) for key, value in node.attrs.items()}
                held[place] = call(xp, *[held[o] for o in operands], **attrs)
            elif len(operands) == 1:
                held[place] = call(xp, held[operands[0]])
            elif len(operands) == 2:  # most have one or two: no list is made for these
                held[place] = call(xp, held[operands[0]], held[operands[1]])
            else:
                held[place] = call(xp, *[held[o] for o in operands])
            for gone in done_with:
                held[gone] = None
    except ChainruleError as error:
        raise type(error)(f"{write(node, 60)}: {error}") from None
    except np.linalg.LinAlgError as error:
        raise BindingError(f"{write(node, 60)} has no value here: {str(error).lower()}") from None
    except (MemoryError, RuntimeError, ValueError) as error:
        raise BindingError(f"{write(node, 60)} cannot be computed: {error}") from None


def _as_it_is(node: Node, value: Any) -> Array:
    return value


def _fed_elsewhere(xp: Namespace, node: Node, value: Any) -> Array:
    """The value of a variable as an array of another library; numbers and lists become one."""
    if library_of(value) is None:
        return xp.asarray(checked(node, value))
    return fed(xp, node, value, _wrong_kind)


def _fed(node: Node, value: Any) -> Array:
    """`checked`, and one of NumPy's numbers where it is a scalar: the same arithmetic in a tenth of the time."""
    if node.shape:
        return checked(node, value)
    return np.float64(value) if type(value) is float and node.dtype is FLOAT64 else checked(node, value)[()]


def checked(node: Node, value: Any) -> np.ndarray:
    """The value of a variable as an array of its dtype; its shape is as given. Raises BindingError, DTypeError."""
    if not isinstance(value, (np.ndarray, np.generic)):
        return _from_python(node, value)
    array = array_of(value)
    if array.dtype == node.dtype:
        return array
    if node.dtype in FLOATS and array.dtype.kind == "f":
        return _fitted(node, array)
    if node.dtype == INTEGER and array.dtype.kind in "iu":
        return np.asarray(array, INTEGER)
    raise DTypeError(_wrong_kind(node, str(array.dtype)))


def _from_python(node: Node, value: Any) -> np.ndarray:
    try:
        array = np.array(value)
    except ValueError:
        raise BindingError(f"the value of {described(node)} is a ragged list; give rows of equal length") from None
    if (
        array.dtype.kind not in ("iuf" if node.dtype in FLOATS else "b" if node.dtype == BOOLEAN else "iu")
        and array.size
    ):
        raise DTypeError(_wrong_kind(node, f"{value!r:.40}"))
    return _fitted(node, array)


def _fitted(node: Node, array: np.ndarray) -> np.ndarray:
    """The array in the dtype of its variable, unless a number in it would become infinite."""
    try:
        return converted(array, node.dtype)
    except DTypeError as error:
        raise DTypeError(f"the value of {described(node)}: {error}") from None


def _wrong_kind(node: Node, given: str) -> str:
    wanted, repair = {
        BOOLEAN: ("truth values", "compare it, as in value > 0"),
        INTEGER: ("whole numbers", "use .astype(int)"),
    }.get(node.dtype, ("real numbers", "use .astype(float)"))
    return f"{described(node)} holds {wanted}, but the value given is {given}; {repair}"


@overload
def evaluate(outputs: Node, values: Values | None = None, sizes: Mapping[str, int] | None = None) -> Array: ...
@overload
def evaluate(
    outputs: Sequence[Node], values: Values | None = None, sizes: Mapping[str, int] | None = None
) -> list[Array]: ...
def evaluate(
    outputs: Node | Sequence[Node], values: Values | None = None, sizes: Mapping[str, int] | None = None
) -> Array | list[Array]:
    """The numbers that expressions have when variables take these values, by name.

    values   name or variable → array, list or number. Arrays may be NumPy's, those of any library that follows the
             array API standard, or PyTorch's; the results are of the same library, on the same device
    sizes    name → number, for dimensions that no value shows
    Inputs are never changed, and no result shares memory with them or with another. Raises BindingError,
    also for arrays of two libraries, and DTypeError.
    """
    given = {} if values is None else values
    if not isinstance(given, Mapping):
        raise BindingError(f"values are given by name, as in {{'x': 2.0}}, not as {given!r:.40}")
    listed: list[Any] = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    arrays = arrays_of(given)
    found = _prepared(listed, arrays)(given, sizes)
    if arrays is NUMPY:
        taken = set(map(id, given.values()))
        found = [_own(result, taken) for result in found]
    elif not arrays.immutable:
        found = [arrays.xp.asarray(result, copy=True) for result in found]
    return found if isinstance(outputs, (list, tuple)) else found[0]


def _prepared(outputs: Sequence[Any], arrays: Arrays) -> Interpreter:
    """The interpreter of these outputs, made once."""
    if not all(isinstance(node, Node) for node in outputs):
        return Interpreter(outputs)  # which says what is none
    key = ("interpreter", arrays.title, *outputs)
    known: Interpreter | None = recall(key)
    if known is None:
        known = Interpreter(outputs, arrays)
        remember(key, known, known.order)
    return known


def _own(result: Array, taken: set[int]) -> Array:
    """The result in memory of its own: a view, a constant, an input or an earlier result is copied."""
    if result.ndim == 0:
        return result[()]
    if result.base is not None or not result.flags.writeable or id(result) in taken:
        return result.copy()
    taken.add(id(result))
    return result
