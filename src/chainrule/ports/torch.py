"""PyTorch: expressions as an `autograd.Function` whose gradients are ours, and tensors in `evaluate`.

    f = chainrule.compile(s, backend="torch")        s = f(W=W, x=x)        s.backward()

Forward is the compiled value, backward the compiled gradients, which are expressions of the values and of the
upstream gradients: what is behind them is made in the same way, so that derivatives of any order go through. Of a
number, a loss, value and gradients are computed at once.
Tensors on the CPU are looked at where they lie, nothing is copied.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial, reduce
from typing import Any

import numpy as np

from chainrule.algebra.chain import CHAIN
from chainrule.algebra.node import Node, variable
from chainrule.algebra.op import OPS, Array, Namespace
from chainrule.algebra.signature import FLOATS
from chainrule.algebra.slice import PAD, SLICE, Cut
from chainrule.calculus.derive import gradient
from chainrule.calculus.pullback import pull_back
from chainrule.calculus.simplify import simplify
from chainrule.compute.arrays import Arrays
from chainrule.compute.calling import Compiled, Elsewhere
from chainrule.compute.compile import compile, inputs_of
from chainrule.compute.interpret import Interpreter, checked
from chainrule.errors import BindingError, GraphError
from chainrule.learn.backprop import scattered
from chainrule.ports.extra import needed

torch: Any = needed("torch", "chainrule.ports.torch")

Tensor = Any

# ── expressions and their gradients ───────────────────────────────────────────────────────────────────


class _Graph:
    """Expressions of some inputs, and behind them those of their gradients."""

    def __init__(self, outputs: Sequence[Node], inputs: Sequence[Node], backend: str) -> None:
        self.outputs, self.inputs, self.backend = list(outputs), list(inputs), backend
        self.names = [str(v.attrs["name"]) for v in inputs]
        self._run = compile(self.outputs, self.inputs, backend=backend)
        self._behind: dict[tuple[int, ...], _Behind] = {}
        self._with: dict[tuple[int, ...], Compiled] = {}

    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The values, in memory of their own."""
        return [_tensor(a) for a in self._run(*map(_array, tensors))]

    @property
    def is_loss(self) -> bool:
        """Whether there is one output, a number, so that its gradients can be computed with it."""
        return len(self.outputs) == 1 and not self.outputs[0].ndim and self.outputs[0].dtype in FLOATS

    def with_gradients(
        self, wanted: tuple[int, ...], tensors: Sequence[Tensor]
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """The number and its gradients, in one function that computes once what they share."""
        run = self._with.get(wanted)
        if run is None:
            grads = gradient(self.outputs[0], [self.inputs[k] for k in wanted])
            run = self._with[wanted] = compile([self.outputs[0], *grads], self.inputs, backend=self.backend)
        value, *found = map(_tensor, run(*map(_array, tensors)))
        return value, dict(zip(wanted, found, strict=True))

    def behind(self, wanted: tuple[int, ...], sparse: frozenset[str]) -> "_Behind":
        """The gradients in the inputs at these places."""
        known = self._behind.get(wanted)
        if known is None:
            known = self._behind[wanted] = _Behind(self, wanted, sparse)
        return known


class _Behind:
    """Gradients in some inputs, as expressions of the inputs and the upstream gradients of the outputs."""

    def __init__(self, graph: _Graph, wanted: tuple[int, ...], sparse: frozenset[str]) -> None:
        own = [k for k, y in enumerate(graph.outputs) if y.dtype in FLOATS]
        names = set(graph.names)
        seeds = {k: _upstream(k, graph.outputs[k], names) for k in own}
        self.upstream = own
        self.inputs = [*graph.inputs, *seeds.values()]
        upstream: dict[Node, Node] = {}
        for k, g in seeds.items():  # an expression may stand twice among the outputs
            y = graph.outputs[k]
            upstream[y] = upstream[y] + g if y in upstream else g
        flows = pull_back(upstream, [graph.inputs[k] for k in wanted])
        found = {k: flow for k, flow in zip(wanted, flows, strict=True) if flow is not None}
        self.gradients = dict(zip(found, simplify(list(found.values())), strict=True))
        self.rows = {k: _rows(graph.inputs[k], g) for k, g in self.gradients.items() if graph.names[k] in sparse}
        self.backend = graph.backend

    @lru_cache  # noqa: B019  one graph for as long as its function lives
    def dense(self) -> _Graph:
        """All gradients as arrays, which have gradients again."""
        return _Graph(list(self.gradients.values()), self.inputs, self.backend)

    @lru_cache  # noqa: B019  likewise
    def _sparse(self) -> tuple[_Graph, Interpreter]:
        whole = [g for k, g in self.gradients.items() if k not in self.rows]
        values = [values for parts in self.rows.values() for _, values in parts]
        rows = Interpreter([rows for parts in self.rows.values() for rows, _ in parts])
        return _Graph([*whole, *values], self.inputs, self.backend), rows

    def plain(self, tensors: Sequence[Tensor]) -> dict[int, Tensor]:
        """The gradients by the place of the input, row-sparse where asked; without gradients of their own."""
        if not self.gradients:
            return {}
        if not self.rows:
            return dict(zip(self.gradients, self.dense()(tensors), strict=True))
        graph, numbers = self._sparse()
        found = iter(graph(tensors))
        result = {k: next(found) for k in self.gradients if k not in self.rows}
        ids = iter(numbers(dict(zip(graph.names, map(_array, tensors), strict=True))))
        for k, parts in self.rows.items():
            table = tensors[k].shape
            rows = [torch.from_numpy(np.ravel(next(ids)).astype(np.int64)) for _ in parts]
            values = [next(found).reshape(-1, *table[1:]) for _ in parts]
            result[k] = torch.sparse_coo_tensor(
                torch.cat(rows)[None], torch.cat(values), table, check_invariants=True
            )
        return result


def _upstream(k: int, y: Node, names: set[str]) -> Node:
    """A variable for the upstream gradient of an output, under a name that no input has."""
    name = f"g_{k}"
    while name in names:
        name += "'"
    names.add(name)
    return variable(name, y.shape, y.dtype)


def _rows(x: Node, gradient: Node) -> list[tuple[Node, Node]]:
    parts = scattered(gradient)
    if parts is None:
        raise GraphError(
            f"the gradient of {x} is no row-sparse one: {x} is read otherwise than by take; "
            "leave it out of sparse="
        )
    return parts


def _array(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().numpy()
    return array


def _tensor(value: Array) -> Tensor:
    return (
        torch.from_numpy(value) if isinstance(value, np.ndarray) else torch.tensor(value, dtype=_kind(value.dtype))
    )


def _kind(dtype: np.dtype) -> Any:
    return getattr(torch, dtype.name)


class _Apply(torch.autograd.Function):  # type: ignore[misc]  # of a library without types
    """One call of a graph, as PyTorch's autograd sees it."""

    @staticmethod
    def forward(
        ctx: Any, graph: _Graph, sparse: frozenset[str], ahead: bool, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        """The values of the outputs; `ahead` says that gradients will be asked for."""
        ctx.graph, ctx.sparse, ctx.known = graph, sparse, None
        ctx.save_for_backward(*tensors)
        wanted = _wanted(ctx)
        if ahead and wanted and graph.is_loss and not sparse:
            value, ctx.known = graph.with_gradients(wanted, tensors)
            return (value,)
        values = graph(tensors)
        ctx.mark_non_differentiable(*[v for v in values if not v.is_floating_point()])
        return tuple(values)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of the inputs that need one."""
        again = torch.is_grad_enabled()
        if ctx.known is not None and not again:
            found = {k: upstream[0] * known for k, known in ctx.known.items()}
        else:
            behind = ctx.graph.behind(_wanted(ctx), ctx.sparse)
            given = [*ctx.saved_tensors, *(upstream[k] for k in behind.upstream)]
            if not again or not behind.gradients:
                found = behind.plain(given)
            else:
                found = dict(
                    zip(behind.gradients, _Apply.apply(behind.dense(), frozenset(), False, *given), strict=True)
                )
        return None, None, None, *(found.get(k) for k in range(len(ctx.saved_tensors)))


def _wanted(ctx: Any) -> tuple[int, ...]:
    return tuple(k for k, need in enumerate(ctx.needs_input_grad[3:]) if need)


# ── functions and modules ─────────────────────────────────────────────────────────────────────────────


class Function(Compiled):
    """Expressions as a function of tensors on the CPU; called as other compiled functions are.

    Values are tensors, arrays, numbers and lists; results are tensors with a history where a value has one.
    `gradcheck` and `gradgradcheck` pass. Raises BindingError, also for tensors on another device, DTypeError.
    """

    def __init__(
        self,
        outputs: Node | Sequence[Node],
        inputs: Sequence[Node] | None = None,
        *,
        sparse: Iterable[str] = (),
        backend: str = "auto",
    ) -> None:
        listed = [outputs] if isinstance(outputs, Node) else list(outputs)
        order = inputs_of(listed, inputs)
        wanted = outputs if isinstance(outputs, Node) else listed
        self._graph = _Graph(listed, order, backend)
        self._sparse = frozenset(sparse)
        inner = self._graph._run
        runner = Elsewhere("torch", inner.passes, lambda: inner.source)
        again = partial(function, wanted, order, sparse=sorted(self._sparse), backend=backend)
        super().__init__(wanted, order, lambda: runner, again)
        if unknown := self._sparse - set(self.inputs):
            raise GraphError(f"sparse names {min(unknown)}, but the function takes {', '.join(self.inputs)}")

    def __call__(self, /, *args: Any, **values: Any) -> Tensor | list[Tensor]:
        """The value of the expression, or the list of them. Raises BindingError, DTypeError."""
        given = [_given(v, a) for v, a in zip(self._variables, self.arguments(args, values), strict=True)]
        found = list(_Apply.apply(self._graph, self._sparse, torch.is_grad_enabled(), *given))
        return found[0] if self._alone else found


def function(
    outputs: Node | Sequence[Node],
    inputs: Sequence[Node] | None = None,
    *,
    sparse: Iterable[str] = (),
    backend: str = "auto",
) -> Function:
    """Expressions as a function of tensors: what `compile(…, backend="torch")` gives.

    sparse    names of tables that are read by `take`: their gradients are sparse COO tensors of the rows taken
    backend   who computes: that of `compile`, "numba", "numpy" or "auto"
    Raises GraphError, when gradients are asked for, where a gradient is not row-sparse.
    """
    return Function(outputs, inputs, sparse=sparse, backend=backend)


def _given(v: Node, value: Any) -> Tensor:
    """A value as a tensor of the kind of its variable, on the CPU."""
    if not isinstance(value, torch.Tensor):
        return torch.from_numpy(np.array(checked(v, value)))
    if value.device.type != "cpu":
        raise BindingError(
            f"{v} lies on {value.device}, and this function computes on the CPU: give {v}.cpu(); "
            'evaluate(…) computes where tensors lie, and compile(…, backend="jax") on GPUs'
        )
    wanted = _kind(v.dtype)
    if value.dtype == wanted:
        return value
    checked(v, _array(value))  # which says what is wrong
    return value.to(wanted)


class Module(torch.nn.Module):  # type: ignore[misc]  # of a library without types
    """Expressions as a module: some of their variables are its parameters, the others its arguments.

    weights   the parameters by name, a `ParameterDict`
    """

    def __init__(
        self,
        outputs: Node | Sequence[Node],
        parameters: Mapping[str, Any],
        *,
        sparse: Iterable[str] = (),
        backend: str = "auto",
    ) -> None:
        """`parameters` has the first values; the rest as for `function`. Raises GraphError, BindingError."""
        super().__init__()
        self.function = Function(outputs, sparse=sparse, backend=backend)
        known = dict(zip(self.function.inputs, self.function._variables, strict=True))
        if unknown := next((name for name in parameters if name not in known), None):
            raise GraphError(f"the expressions have no variable {unknown}; they have {', '.join(known)}")
        self.weights = torch.nn.ParameterDict(
            {name: torch.nn.Parameter(_given(known[name], value).clone()) for name, value in parameters.items()}
        )
        self.inputs = tuple(name for name in known if name not in parameters)

    def forward(self, *args: Any, **data: Any) -> Tensor | list[Tensor]:
        """The values; data by name, or in the order of `inputs`."""
        if len(args) > len(self.inputs):
            raise BindingError(
                f"{len(args)} values are given, but the module takes {', '.join(self.inputs) or 'none'}"
            )
        return self.function(**dict(self.weights.items()), **dict(zip(self.inputs, args, strict=False)), **data)


def module(
    outputs: Node | Sequence[Node],
    parameters: Mapping[str, Any],
    *,
    sparse: Iterable[str] = (),
    backend: str = "auto",
) -> Module:
    """Expressions as an `nn.Module` whose parameters begin with these values."""
    return Module(outputs, parameters, sparse=sparse, backend=backend)


# ── tensors in `evaluate` ─────────────────────────────────────────────────────────────────────────────


@lru_cache
def arrays() -> Arrays:
    """Tensors, for `evaluate`: on their device, without a history."""
    forms: dict[str, Callable[..., Tensor]] = {name: partial(_chain, name) for name in CHAIN}
    forms |= {SLICE.name: _slice, PAD.name: _pad}
    return Arrays("PyTorch", _Numpy(), forms, torch.no_grad)


class _Numpy:
    """PyTorch's functions under the names of the array API standard."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, _CALLED.get(name, name))

    def asarray(self, value: Any, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
        if isinstance(value, np.ndarray):
            value = np.array(value)  # which may be read-only
        return torch.asarray(value, dtype=dtype, device=device, copy=copy, requires_grad=False)

    def astype(self, x: Tensor, dtype: Any) -> Tensor:
        return x.to(dtype)

    def isdtype(self, dtype: Any, kind: str) -> bool:
        real = dtype.is_floating_point or dtype.is_complex
        kinds = {"real floating": dtype.is_floating_point, "bool": dtype == torch.bool}
        return bool(kinds.get(kind, not real and dtype != torch.bool))

    def max(self, x: Tensor, axis: Any = (), keepdims: bool = False) -> Tensor:
        return torch.amax(x, axis, keepdim=keepdims)

    def min(self, x: Tensor, axis: Any = (), keepdims: bool = False) -> Tensor:
        return torch.amin(x, axis, keepdim=keepdims)

    def take(self, x: Tensor, indices: Tensor, axis: int) -> Tensor:
        return torch.index_select(x, axis, indices)

    def add_rows(self, count: int, rows: Tensor, values: Tensor) -> Tensor:
        return values.new_zeros((count, *values.shape[1:])).index_add_(0, rows, values)

    def concat(self, parts: Sequence[Tensor], axis: int = 0) -> Tensor:
        return torch.cat(list(parts), dim=axis)

    def result_type(self, *arrays: Tensor) -> Any:
        return reduce(torch.promote_types, [x.dtype for x in arrays])


_CALLED = {"permute_dims": "permute", "expand_dims": "unsqueeze", "repeat": "repeat_interleave"}


def _chain(name: str, xp: Namespace, s: Tensor, A: Tensor, first: Tensor, *ways: Tensor) -> Tensor:
    """Where sentences begin is read on the CPU."""
    return OPS[name].forward(xp, s, A, first.cpu(), *ways)


def _forward(cuts: Sequence[Cut]) -> tuple[tuple[Cut, ...], list[int]]:
    """Cuts that step forward only, and the axes to be turned after them: tensors have no steps back."""
    rising = [
        Cut(c.start + (c.length - 1) * c.step, c.length, -c.step) if c.step < 0 and c.length else c for c in cuts
    ]
    return tuple(rising), [k - len(cuts) for k, c in enumerate(cuts) if c.step < 0 and c.length]


def _slice(xp: Namespace, x: Tensor, cuts: Sequence[Cut]) -> Tensor:
    rising, back = _forward(cuts)
    return torch.flip(SLICE.forward(xp, x, cuts=rising), back)


def _pad(xp: Namespace, x: Tensor, cuts: Sequence[Cut], shape: tuple[int, ...]) -> Tensor:
    rising, back = _forward(cuts)
    return PAD.forward(xp, torch.flip(x, back), cuts=rising, shape=shape)
