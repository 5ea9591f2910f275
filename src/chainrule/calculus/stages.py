"""An expression cut into stages, so that the differential of each stage is one rule.

    s = uᵀ tanh(W x + b)      z = W x + b      h = tanh(z)      s = uᵀ h

A stage is what the program names, the argument of a function, a function's value, a sum that is a factor of a
product, a part that is used twice. Sums and products stay together: the product rule is one rule.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from chainrule.algebra.choice import CAST
from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import ADD, DIVIDE, NEGATIVE, POWER_OP, SIGN_OP, SUBTRACT
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.matrix import INV, SOLVE
from chainrule.algebra.node import VARIABLE, Node, is_number, topological, variable, variables
from chainrule.algebra.op import Op
from chainrule.algebra.product import ROW
from chainrule.algebra.reduce import NORM, SOFTMAX
from chainrule.algebra.select import JOIN, RESHAPE, SCATTER, TAKE
from chainrule.algebra.signature import FLOATS
from chainrule.algebra.slice import PAD, SLICE
from chainrule.calculus.names import LETTERS, names_in
from chainrule.calculus.naming import ACTIVATIONS, Line, Program
from chainrule.calculus.rewrite import remake

LINEAR = frozenset((ADD, SUBTRACT, NEGATIVE, PRODUCT_OP, CAST, ROW, RESHAPE, SLICE, PAD, JOIN, TAKE, SCATTER))
"""Operations that are linear in each operand; a quotient is in its first one."""


class Stage(NamedTuple):
    """A part of the expression that x moves."""

    name: Node
    """A variable of the name of the stage."""
    value: Node
    """In variables and the names of earlier stages."""
    whole: Node
    """In variables only."""
    inputs: tuple[Node, ...]
    """The names that move it: of earlier stages, and of x."""
    fresh: bool
    """Whether the program has no such name."""


class Cut(NamedTuple):
    """An expression in stages, in the order of computing; the last is the expression itself."""

    x: Node
    """x, or a variable of its name where it is a part of the expression."""
    stages: tuple[Stage, ...]
    labels: Mapping[Node, Node]
    """Every node of the expression in variables and names, the named ones as their names."""


def cut(s: Node, x: Node, program: Program, *, every: bool = False, letter: str = "") -> Cut:
    """The stages of s on the paths from x; with `every`, each operation is one.

    letter    what s itself is called; found if it is not given
    """
    return _Cutter(s, x, program, every).cut(letter)


def active_nodes(order: Iterable[Node], sources: Collection[Node]) -> set[Node]:
    """The nodes that move when the sources do, themselves among them."""
    active = set(sources)
    for node in order:
        if node.dtype in FLOATS and node.op is not SIGN_OP and any(i in active for i in node.inputs):
            active.add(node)
    return active


def _leading_to(s: Node, active: Collection[Node], order: Sequence[Node]) -> set[Node]:
    """The active nodes that move s."""
    leading = {s} & set(active)
    for node in reversed(order):
        if node in leading:
            leading.update(i for i in node.inputs if i in active)
    return leading


def is_linear(node: Node, active: Collection[Node]) -> bool:
    """Whether an operation is linear in each of its operands that move."""
    if node.op in (DIVIDE, SOLVE):
        return node.inputs[node.op is DIVIDE] not in active
    return node.op in LINEAR


def is_square_of_norm(node: Node) -> bool:
    """Whether a node is ‖r‖²."""
    square = node.op is POWER_OP and is_number(node.inputs[1], 2)
    return square and node.inputs[0].op is NORM and not node.shape


def multiplies(node: Node, active: Collection[Node]) -> bool:
    """Whether a node is a product of several factors that move."""
    return node.op is PRODUCT_OP and sum(i in active for i in node.inputs) > 1


def is_view(node: Node) -> bool:
    """Whether a node is its one operand with another sign, in another shape or turned."""
    if node.op is PRODUCT_OP and len(node.inputs) == 1:
        ins, out = letters_of(node.attrs["letters"])
        return sorted(ins[0]) == sorted(out)
    return node.op in (NEGATIVE, CAST, ROW, RESHAPE)


class _Cutter:
    def __init__(self, s: Node, x: Node, program: Program, every: bool) -> None:
        self.s, self.x, self.program, self.every = s, x, program, every
        self.order = topological([s])
        self.active = _leading_to(s, active_nodes(self.order, [x]), self.order)
        self.users: dict[Node, list[Node]] = {n: [] for n in self.order}
        for node in self.order:
            for i in node.inputs:
                if node in self.active and i in self.active and node is not x:
                    self.users[i].append(node)
        held = set(self.order)
        self.named = {line.whole: line for line in program.lines if line.whole in held and line.whole is not x}

    def cut(self, letter: str) -> Cut:
        chosen = self._chosen()
        names = _Names([self.s, self.x, *self.program.results], self.program.lines)
        own = self._line_name(self.x) or names.free("x", "x")
        called = {self.x: self.x if self.x.op is VARIABLE else names.variable(own, self.x)}
        for node in chosen:
            line = self.named.get(node)
            name = line.name if line else names.fresh(node, self.users[node])
            called[node] = names.variable(name, node)
        root = letter or self._line_name(self.s) or names.of_root(self.s)
        return self._labelled(chosen, called, names.variable(root, self.s))

    def _line_name(self, node: Node) -> str:
        return next((line.name for line in self.program.lines if line.whole is node), "")

    def _labelled(self, chosen: Sequence[Node], called: Mapping[Node, Node], root: Node) -> Cut:
        stages: list[Stage] = []
        stage_of = set(chosen)
        labels: dict[Node, Node] = {self.x: called[self.x]}
        sources = {called[n] for n in (*chosen, self.x)}
        for node in self.order:
            if node is self.x:
                if node is self.s:
                    stages.append(Stage(root, called[node], node, (called[node],), False))
                continue
            value = remake(node, [labels[i] for i in node.inputs])
            labels[node] = value
            if node in stage_of or (node is self.s and node in self.active):
                labels[node] = root if node is self.s else called[node]
                inputs = tuple(n for n in topological([value]) if n in sources)
                fresh = node is not self.s and node not in self.named
                stages.append(Stage(labels[node], value, node, inputs, fresh))
            elif node in self.named:
                labels[node] = variable(self.named[node].name, node.shape, node.dtype)
        return Cut(called[self.x], tuple(stages), labels)

    # ── which nodes are stages ────────────────────────────────────────────────────────────────────────

    def _chosen(self) -> list[Node]:
        chosen: dict[Node, None] = {}
        views = {self.x}
        for node in self.order:
            if node not in self.active or node is self.x or node is self.s:
                continue
            is_named = node in self.named
            if not is_named and not self.every and is_view(node) and node.inputs[0] in views:
                views.add(node)
            elif is_named or (self._is_operation(node) if self.every else self._is_worth(node)):
                chosen[node] = None
                views.add(node)
        return list(chosen)

    def _is_operation(self, node: Node) -> bool:
        return node.op is not ROW and not any(map(is_square_of_norm, self.users[node]))

    def _is_worth(self, node: Node) -> bool:
        users = self.users[node]
        if any(not is_linear(u, self.active) for u in users):
            return not any(map(is_square_of_norm, users))
        if not is_linear(node, self.active):
            return not self._joins(node)
        is_sum = node.op in (ADD, SUBTRACT)
        return len(users) > 1 or (is_sum and any(multiplies(u, self.active) for u in users))

    def _joins(self, node: Node) -> bool:
        """Whether a function's value is only scaled, summed and added on its way up, so that it needs no name."""
        is_activation = node.op in ACTIVATIONS
        while node is not self.s and node not in self.named:
            if len(self.users[node]) != 1:
                return False
            node = self.users[node][0]
            if not is_linear(node, self.active):
                return True
            contracts = node.op is PRODUCT_OP and len(node.inputs) > 1 and all(i.shape for i in node.inputs)
            if multiplies(node, self.active) or (contracts and is_activation):
                return False
        return True


# ── what they are called ──────────────────────────────────────────────────────────────────────────────

_ROOTS = (("s", "J", "f", "L", "c"), ("y", "f", "v", "g"), ("Y", "F", "Q", "R"))

_ROLES: Mapping[Op, str] = {
    **dict.fromkeys(ACTIVATIONS, "activation"),
    SOFTMAX: "probability",
    INV: "inverse",
    NORM: "norm",
    SUBTRACT: "residual",
}


class _Names:
    """Names for nodes, none of which is in use."""

    def __init__(self, nodes: Sequence[Node], lines: Iterable[Line]) -> None:
        self.taken = names_in(topological(nodes)) | {line.name for line in lines}
        self.counts: dict[str, int] = {}

    def variable(self, name: str, like: Node) -> Node:
        """The name as a node of this shape."""
        self.taken.add(name)
        return variable(name, like.shape, like.dtype)

    def free(self, names: Iterable[str], letter: str) -> str:
        """The first of some names that is free, else the letter with a number."""
        found = next((c for c in names if c not in self.taken), "")
        while not found or found in self.taken:
            self.counts[letter] = self.counts.get(letter, 0) + 1
            found = f"{letter}{self.counts[letter]}"
        return found

    def of_root(self, s: Node) -> str:
        """What an expression without a name is called."""
        letters = _ROOTS[min(s.ndim, 2)]
        return self.free(letters, letters[0])

    def fresh(self, node: Node, users: Sequence[Node]) -> str:
        """A name for a stage: a letter for what it is, or t1, t2 …"""
        role = _ROLES.get(node.op, "")
        if role == "residual" and not variables(node.inputs[0]):
            role = ""
        if not role and any(u.op in ACTIVATIONS for u in users):
            role = "pre-activation"
        return self.free(LETTERS[role][min(node.ndim, 2)] if role else "", "T" if node.ndim > 1 else "t")
