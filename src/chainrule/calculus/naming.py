"""Which parts of a gradient get a name: what repeats is written once, as the course notes write it.

    s = uᵀ tanh(W x + b)     z = W x + b,  h = tanh(z),  δ = u ⊙ (1 − h²)     ∂s/∂W = δ xᵀ,  ∂s/∂x = Wᵀ δ

A part is named for what it is (a line of the user's, an error signal, an activation and its argument), or because
it repeats and is worth a line. One pass from the results down decides: what is inside a named part is written
once, so that it repeats only if it also stands elsewhere.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from chainrule.algebra.choice import CAST, MAXIMUM, MINIMUM
from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import (
    ADD,
    CLIP,
    DIVIDE,
    HARD_TANH,
    LEAKY_RELU,
    NEGATIVE,
    PARAMETRIC_RELU,
    RELU,
    SIGMOID,
    SOFTPLUS,
    SQRT,
    SUBTRACT,
    TANH,
)
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.matrix import DET, INV, LOGDET, SOLVE
from chainrule.algebra.node import CONSTANT, SIZE, VARIABLE, Node, topological, variable
from chainrule.algebra.op import Op
from chainrule.algebra.product import ROW
from chainrule.algebra.reduce import LOG_SOFTMAX, LOGSUMEXP, NORM, SOFTMAX
from chainrule.algebra.select import JOIN, RESHAPE
from chainrule.algebra.signature import FLOATS
from chainrule.calculus.names import Part, names_for, names_in
from chainrule.calculus.rewrite import remake


class Line(NamedTuple):
    """A name and what it stands for."""

    name: str
    value: Node
    """In variables and the names of earlier lines; a name is a variable node of that name."""
    whole: Node
    """The same in variables only."""
    role: str
    """`pre-activation`, `error signal at z1`, `defined`, `shared` …"""


@dataclass(frozen=True)
class Program:
    """Gradients with their shared parts named: lines in the order of computing, and results that speak of them."""

    lines: tuple[Line, ...]
    results: tuple[Node, ...]
    own: str = ""
    """What the expression that was differentiated is called, where it is a named part of its derivatives."""


def named(results: Sequence[Node], s: Node, defined: Mapping[str, Node], signals: Mapping[Node, Node]) -> Program:
    """The results with their shared parts named. Substituting the names gives back the very same expressions.

    results   gradients in textbook form, in variables only
    s         the expression that was differentiated
    defined   the names that the user's own lines define
    signals   pre-activation in s (see `pre_activations`) → its upstream gradient, in the form the results have
    """
    plan = _Plan(results, s, defined, signals)
    taken = names_in((*plan.order, *plan.forward)) | defined.keys()
    names = names_for(plan.parts(), plan.layers, taken)
    return replace(plan.program(names), own=names.get(s, ""))


def pre_activations(s: Node) -> list[Node]:
    """The compound arguments of the activations in an expression, in the forward order."""
    found = (_argument(n) for n in topological([s]) if _takes_argument(n))
    return list(dict.fromkeys(z for z in found if _is_compound(z)))


# ── what a node is ────────────────────────────────────────────────────────────────────────────────────

ACTIVATIONS = frozenset((TANH, SIGMOID, RELU, SOFTPLUS, HARD_TANH, LEAKY_RELU, PARAMETRIC_RELU, CLIP, SOFTMAX))
SOFT = frozenset((LOGSUMEXP, LOG_SOFTMAX))
"""Of the softmax kind: their arguments are pre-activations, but their values are no layer's output."""

DEAR = ACTIVATIONS | SOFT | {NORM, SQRT, INV, SOLVE, DET, LOGDET, JOIN}
"""Operations whose value is worth a name when it is used twice."""

LEAVES = frozenset((VARIABLE, CONSTANT, SIZE))

KINDS: Mapping[Op, str] = {INV: "inverse", SOLVE: "solution", NORM: "norm", SQRT: "root", JOIN: "joined"}


def _is_number(node: Node, levels: int = 3) -> bool:
    """Whether a node is a number, or made of few: 2, N, √d."""
    if node.shape or not node.inputs:
        return not node.shape and node.op in (CONSTANT, SIZE)
    return levels > 0 and all(_is_number(i, levels - 1) for i in node.inputs)


def _unsigned(node: Node) -> Node:
    return node.inputs[0] if node.op is NEGATIVE else node


def _is_activation(node: Node) -> bool:
    """Whether a node is an activation's value: tanh(z), max(z, 0)."""
    return node.op in ACTIVATIONS or (node.op in (MAXIMUM, MINIMUM) and any(map(_is_number, node.inputs)))


def _takes_argument(node: Node) -> bool:
    return node.op in SOFT or _is_activation(node)


def _argument(activation: Node) -> Node:
    """The pre-activation, without a sign."""
    first, *more = activation.inputs
    return _unsigned(more[0] if more and _is_number(first) else first)


def _view_of(node: Node) -> Node | None:
    """The operand that a node only shows in another way: −x, 2 x, x / 2, Xᵀ, diag(x), a vector as a column."""
    if node.op in (NEGATIVE, ROW, RESHAPE):
        return node.inputs[0]
    if node.op is DIVIDE:
        return node.inputs[0] if _is_number(node.inputs[1]) else None
    if node.op is not PRODUCT_OP:
        return None
    ins, out = letters_of(node.attrs["letters"])
    if len(ins) == 1:
        return node.inputs[0] if set(ins[0]) <= set(out) else None
    numbers = [_is_number(i) for i in node.inputs]
    return node.inputs[numbers[0]] if len(ins) == 2 and any(numbers) else None


def _core(node: Node) -> Node:
    """What is left of a node when numbers, signs and views are taken away."""
    inner = _view_of(node)
    while inner is not None:
        node, inner = inner, _view_of(inner)
    return node


def _is_compound(node: Node) -> bool:
    """Whether an argument of an activation is worth a letter: neither a leaf nor another activation's value."""
    core = _core(node)
    return core.op not in LEAVES and not _is_activation(core)


def _unscaled(node: Node) -> Iterator[Node]:
    """A node, and what is left of it as its sign and scalar factors are taken away one by one."""
    rest: Node | None = node
    while rest is not None:
        yield rest
        rest = _without_scalar(rest)


def _without_scalar(node: Node) -> Node | None:
    if node.op is NEGATIVE or (node.op is DIVIDE and not node.inputs[1].shape):
        return node.inputs[0]
    scalars = [not i.shape for i in node.inputs]
    scaled = node.op is PRODUCT_OP and len(scalars) == 2 and node.ndim and any(scalars)
    return node.inputs[scalars[0]] if scaled else None


def says_more(signal: Node) -> bool:
    """Whether an upstream gradient says more than a variable, an activation, [z > 0] or σ(z) − 1 does."""
    *_, core = map(_core, _unscaled(signal))
    if core.op in (ADD, SUBTRACT) and any(map(_is_number, core.inputs)):
        core = _core(core.inputs[_is_number(core.inputs[0])])
    return core.op not in LEAVES and core.op is not CAST and not _is_activation(core)


def _is_contraction(node: Node) -> bool:
    """Whether a node is a product of two factors that sums over what they share, such as A x."""
    if node.op is not PRODUCT_OP or len(node.inputs) != 2:
        return False
    ins, out = letters_of(node.attrs["letters"])
    return bool(node.ndim) and not set("".join(ins)) <= set(out)


def _is_difference(node: Node) -> bool:
    """Whether a node is a difference such as A x − b; 1 − h² is none."""
    return node.op is SUBTRACT and bool(node.ndim) and not any(map(_is_number, node.inputs))


def _is_softmax_jacobian(node: Node) -> bool:
    """Whether a node is diag(p) − p pᵀ."""
    if node.op is not SUBTRACT or node.ndim != 2 or any(i.op is not PRODUCT_OP for i in node.inputs):
        return False
    diagonal, outer = node.inputs
    letters = (diagonal.attrs["letters"], outer.attrs["letters"])
    return (
        letters == ("a->aa", "a,b->ab") and outer.inputs == diagonal.inputs * 2 and outer.inputs[0].op is SOFTMAX
    )


def _is_quotient(node: Node) -> bool:
    """Whether a node is a quotient of two products that are numbers, as Rayleigh's."""
    products = (i.op is PRODUCT_OP and len(i.inputs) > 1 and _view_of(i) is None for i in node.inputs)
    return node.op is DIVIDE and not node.shape and all(products)


def _is_sum(node: Node) -> bool:
    return node.op is PRODUCT_OP and len(node.inputs) == 1 and _view_of(node) is None


def _is_mean(node: Node) -> bool:
    return node.op is DIVIDE and _is_sum(node.inputs[0]) and _is_number(node.inputs[1])


def _is_direction(node: Node) -> bool:
    """Whether a node is a vector or matrix divided by its length, or by another number that is computed."""
    return node.op is DIVIDE and bool(node.ndim) and not node.inputs[1].ndim and _view_of(node) is None


def _is_solution(node: Node) -> bool:
    return node.op is PRODUCT_OP and node.ndim == 1 and any(i.op is INV for i in node.inputs)


def _kind(node: Node) -> str:
    """What a part is called after."""
    if node.op in KINDS:
        return KINDS[node.op]
    return next((kind for kind, fits in FORMS if fits(node)), "shared")


FORMS: Sequence[tuple[str, Callable[[Node], bool]]] = (
    ("solution", _is_solution),
    ("direction", _is_direction),
    ("quotient", _is_quotient),
    ("mean", _is_mean),
    ("softmax Jacobian", _is_softmax_jacobian),
    ("residual", _is_difference),
)


# ── what is worth a name ──────────────────────────────────────────────────────────────────────────────

MANY, LONG = 3, 5
"""Uses are counted up to MANY, operations up to LONG: so many make a difference worth a name even once."""


def _own_cost(node: Node) -> int:
    """The operations that a node itself adds to what is written; 1 − h² is read at a glance."""
    free = node.op in LEAVES or node.op is CAST or _view_of(node) is not None or _is_number(node)
    complement = node.op is SUBTRACT and _is_number(node.inputs[0])
    return 0 if free or complement else max(1, len(node.inputs) - 1)


def _costs(order: Sequence[Node], known: Container[Node] = ()) -> dict[Node, int]:
    """The operations that each node needs when those that are known cost nothing where they are used."""
    cost: dict[Node, int] = {}
    for n in order:
        inside = sum(0 if i in known else cost[i] for i in n.inputs)
        cost[n] = min(LONG, _own_cost(n) + inside)
    return cost


class _Plan:
    """Which nodes get names, and for what; then the program."""

    def __init__(
        self, results: Sequence[Node], s: Node, defined: Mapping[str, Node], signals: Mapping[Node, Node]
    ) -> None:
        self.results, self.s = results, s
        self.order = topological(results)
        self.forward = {n: k for k, n in enumerate(topological([s, *defined.values()]))}
        self.gaps = {n.inputs for n in self.forward if n.op is SUBTRACT}
        self.defined = {n: name for name, n in defined.items() if n.op not in LEAVES}
        takers = [n for n in (*self.forward, *self.order) if _takes_argument(n)]
        self.layers = dict.fromkeys([*map(_argument, takers), *map(_unsigned, signals)])
        self.deltas = self._deltas(signals)
        self.factors = {i for n in self.order if _is_contraction(n) for i in n.inputs}
        self.total = _costs(self.order)
        self.deep = self._is_deep()
        self.backward = any(map(says_more, self.deltas))
        self.roles: dict[Node, str] = {}
        for _ in range(2):  # at first nothing is known to have a name
            self.roles = self._roles()
            self.backward = "error signal" in self.roles.values()

    def _deltas(self, signals: Mapping[Node, Node]) -> dict[Node, tuple[Node, str]]:
        """Part of the results → the pre-activation whose upstream gradient it is, and but for what."""
        backward = set(self.order) - self.forward.keys()
        deltas: dict[Node, tuple[Node, str]] = {}
        for z, signal in signals.items():
            part = next((n for n in _unscaled(signal) if n in backward), None)
            if part is not None and _core(z).op not in LEAVES and not _is_activation(_core(part)):
                same, turned = _unsigned(part) is _unsigned(signal), (part is signal) == (z.op is NEGATIVE)
                but = "" if same and not turned else ", but for the sign" if same else ", but for a factor"
                deltas.setdefault(part, (_unsigned(z), but))
        return deltas

    def _is_deep(self) -> bool:
        """Whether one layer's activation stands inside another's."""
        depth: dict[Node, int] = {}
        for n in self.order:
            layer = _takes_argument(n) and _is_compound(_argument(n))
            depth[n] = layer + max((depth[i] for i in n.inputs), default=0)
        return max(depth.values(), default=0) > 1

    def _roles(self) -> dict[Node, str]:
        """The nodes that get a name, each with its role, from the results down."""
        cost, uses = _costs(self.order, self.roles), dict.fromkeys(self.order, 0)
        for root in self.results:
            uses[root] = min(MANY, uses[root] + 1)
        roles: dict[Node, str] = {}
        for node in reversed(self.order):
            role = self._role(node, uses[node], cost[node])
            if role:
                roles[node] = role
            for i in node.inputs:
                uses[i] = min(MANY, uses[i] + (1 if role else uses[node]))
        return roles

    def _role(self, node: Node, uses: int, cost: int) -> str:
        """What a node is named for; "" where it is not named."""
        if node in self.defined:
            return "defined"
        if node in self.deltas and (uses > 1 or says_more(node)):
            return "error signal"
        if (
            not self.total[node] or node.dtype not in FLOATS or node.ndim > 2
        ):  # tensors are written by their entries
            return ""
        layered = self.deep or self.backward
        if node in self.layers and _is_compound(node) and (uses > 1 or layered):
            return "pre-activation"
        if _is_activation(node) and (uses > 1 or (layered and _is_compound(_argument(node)))):
            return "probability" if self._is_probability(node) else "activation"
        pays = _view_of(node) is None and self._pays(node, uses, cost)
        kind = _kind(node) if pays else ""
        if node is self.s and node not in self.results and (kind == "shared" or (not kind and cost > 1)):
            return "formula"
        return "difference" if kind == "residual" and not self._is_residual(node) else kind

    def _is_residual(self, node: Node) -> bool:
        """Whether a difference, perhaps the other way round, is a part of the formula itself."""
        return node.inputs in self.gaps or node.inputs[::-1] in self.gaps

    def _pays(self, node: Node, uses: int, cost: int) -> bool:
        """Whether a part that is used again is worth a line."""
        if uses == 1:
            return self._pays_once(node, cost)
        known = _is_solution(node) or _is_direction(node) or _is_sum(node)
        upstream = self.backward and _is_contraction(node)
        table = node.ndim == 2 and _is_difference(node)
        return node.op in DEAR or known or upstream or table or (uses - 1) * cost > 1

    def _pays_once(self, node: Node, cost: int) -> bool:
        """Whether a part that is used once is worth a line for what it is."""
        if node.op is JOIN:
            return self.backward
        if _is_difference(node):
            return node in self.factors and (self.backward or self.total[node] == LONG)
        long = node.op is SQRT and not node.ndim and cost >= MANY
        return (long or _is_quotient(node)) and node not in self.results

    def _is_probability(self, node: Node) -> bool:
        """Whether an activation is a softmax, or the p of an error signal p − y."""
        z = _argument(node)
        errors = (_core(part) for part, (at, _) in self.deltas.items() if at is z)
        return node.op is SOFTMAX or any(e.op in (ADD, SUBTRACT) and node in e.inputs for e in errors)

    # ── the program ───────────────────────────────────────────────────────────────────────────────────

    def parts(self) -> list[Part]:
        """The nodes to be named in the order of computing: forward, then backward."""
        order = {n: (1, k) for k, n in enumerate(self.order)} | {n: (0, k) for n, k in self.forward.items()}
        ordered = sorted(self.roles, key=order.__getitem__)
        return [Part(n, self.roles[n], self._layer(n), self.defined.get(n, "")) for n in ordered]

    def _layer(self, node: Node) -> Node | None:
        if node in self.deltas:
            return self.deltas[node][0]
        return _argument(node) if _is_activation(node) else node if node in self.layers else None

    def program(self, names: Mapping[Node, str]) -> Program:
        """The lines and results that speak of these names."""
        done: dict[Node, Node] = {}
        values: dict[Node, Node] = {}
        for node in self.order:
            value = remake(node, [done[i] for i in node.inputs])
            if node in names:
                values[node], value = value, variable(names[node], node.shape, node.dtype)
            done[node] = value
        lines = (Line(names[p.node], values[p.node], p.node, self._said(p, names)) for p in self.parts())
        return Program(tuple(lines), tuple(done[r] for r in self.results))

    def _said(self, part: Part, names: Mapping[Node, str]) -> str:
        """The role as readers are told it."""
        if part.role != "error signal":
            return "softmax" if part.node.op is SOFTMAX and part.role == "probability" else part.role
        z, but = self.deltas[part.node]
        return f"error signal at {names.get(z, z)}{but}"
