"""Hessians that keep their structure: read from the index letters of the symbolic Hessian, never formed.

    structure = hessian_operator(s, U)      2 Vᵀ V ⊗ I
    H = structure.at(values)                numbers: tens of microseconds, whatever the size of U
    H @ v, H.solve(g), H.diagonal(), H.trace(), H.logdet(), H.dense()

As a matrix the Hessian acts on vec x, the columns of x stacked, as `vec` and `kron` have it.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from chainrule.algebra.node import CONSTANT, Node, topological, variable, variables
from chainrule.algebra.signature import Binding
from chainrule.calculus.derive import gradient
from chainrule.calculus.facts import Facts
from chainrule.calculus.linear import Affine, affine, dependents, node_of
from chainrule.calculus.pullback import pull_back
from chainrule.calculus.reading import Reader
from chainrule.calculus.rewrite import substitute
from chainrule.calculus.textbook import textbook
from chainrule.compute.bound import Hessian
from chainrule.compute.compile import compile
from chainrule.compute.interpret import Interpreter, Values
from chainrule.compute.parts import Part, structure_of
from chainrule.compute.pieces import Array
from chainrule.errors import BindingError, counted

Program: TypeAlias = Callable[[Values, Mapping[str, int]], Sequence[Array]]
"""Values by name and sizes of dimensions in, the values of expressions out."""


def hessian_operator(s: Node, x: Node, facts: Facts | None = None) -> "HessianOperator":
    """The Hessian ∂²s/∂x∂x of a scalar s by its structure: a sum of diagonals, low-rank and Kronecker products.

    `hessian_operator(s, x).at(values)` has products, solutions, diagonal and trace, and never forms the matrix.
    For many values `hessian_operator(s, x).compiled()` is faster. Raises GraphError if s is no scalar.
    """
    return HessianOperator(s, x, facts)


class HessianOperator:
    """The structure of a Hessian before there are numbers.

    Terms without structure are left to a sweep, which takes a direction v through the gradient's graph to H v.
    """

    def __init__(self, s: Node, x: Node, facts: Facts | None = None) -> None:
        (slope,) = textbook([gradient(s, x)], facts)
        self.s, self.x = s, x
        self._ready: Callable[[Sequence[Node]], Program] = Interpreter
        self._direction = variable("\N{COMBINING OVERLINE}v", x.shape, x.dtype)
        (product,) = pull_back({slope: self._direction}, [x], linear=True)
        self._parts: list[Part] = []
        self._swept: Node | None = None
        self._diagonal: Node | None = None
        self._without = ""
        if product is not None:
            self._read(textbook([product], facts)[0], facts or Facts())

    def _read(self, product: Node, facts: Facts) -> None:
        reader = Reader(facts)
        reader.dtype = self.x.dtype
        found = affine(product, self._direction, reader)
        if not isinstance(found, Affine):
            self._swept, self._without = product, "a sweep without structure"
            return
        self._parts, rest = structure_of(found.linear, self.x, reader)
        if rest:
            n = self.x.ndim
            once = [t.renamed({c + n: c for c in range(n)}) for t in rest]
            self._swept, self._without = product, f"{counted(len(rest), 'term')} without structure"
            self._diagonal = node_of(once, range(n), self.x.shape, reader)

    def __repr__(self) -> str:
        texts = [p.text for p in self._parts] + ([self._without] if self._without else [])
        return " + ".join(texts).replace("+ -", "- ") or "0"

    def compiled(self, backend: str = "auto") -> "HessianOperator":
        """The same with its numbers made by compiled functions: seconds once, then faster at every point.

        Raises what `compile` raises: sizes must be told by the variables' values.
        """

        def ready(outputs: Sequence[Node]) -> Program:
            function = compile(outputs, backend=backend)
            return lambda values, _: function(values)

        other = copy(self)
        other._ready = ready
        for made in ("_program", "_sweeper"):
            vars(other).pop(made, None)
        return other

    @property
    def is_structured(self) -> bool:
        """Whether all of the Hessian has a structure, so that no sweep through the graph is needed."""
        return self._swept is None

    def __call__(self, values: Values, sizes: Mapping[str, int] | None = None) -> Hessian:
        """The same as `at`."""
        return self.at(values, sizes)

    def at(self, values: Values, sizes: Mapping[str, int] | None = None) -> Hessian:
        """The Hessian at values of the variables, by name. Raises what `evaluate` raises."""
        binding = self._bound(values, sizes)
        shape = tuple(binding.size(a) for a in self.x.shape)
        arrays = iter(self._program(values, binding.sizes))
        pieces = [part.piece([next(arrays) for _ in part.nodes]) for part in self._parts]
        if self._swept is None:
            return Hessian(self, shape, pieces)
        diagonal = None if self._diagonal is None else next(arrays)
        return Hessian(self, shape, pieces, self._sweep(list(arrays), binding.sizes), diagonal)

    def _bound(self, values: Values, sizes: Mapping[str, int] | None) -> Binding:
        if not isinstance(values, Mapping):
            raise BindingError(f"values are given by name, as in {{'x': 2.0}}, not as {values!r:.40}")
        binding = Binding(sizes)
        for name, node in self._variables:
            value = values.get(name, values.get(node))
            if value is not None:
                binding.meet(name, node.shape, np.shape(value))
        binding.settle()
        return binding

    @cached_property
    def _variables(self) -> list[tuple[str, Node]]:
        return [(n.attrs["name"], n) for n in variables(self.s, self.x)]

    @cached_property
    def _held(self) -> list[Node]:
        """What a sweep needs whatever its direction."""
        if self._swept is None:
            return []
        moved = dependents([self._swept], self._direction)
        inputs = dict.fromkeys(i for n in topological([self._swept]) if n in moved for i in n.inputs)
        return [i for i in inputs if i not in moved and i.op is not CONSTANT]

    @cached_property
    def _program(self) -> Program:
        diagonal = [] if self._diagonal is None else [self._diagonal]
        return self._ready([*(n for p in self._parts for n in p.nodes), *diagonal, *self._held])

    @cached_property
    def _sweeper(self) -> Program:
        names = {n: variable(f"part {k}", n.shape, n.dtype) for k, n in enumerate(self._held)}
        return self._ready(substitute([] if self._swept is None else [self._swept], names))

    def _sweep(self, held: Sequence[Array], sizes: Mapping[str, int]) -> Callable[[Array], Array]:
        program, name = self._sweeper, self._direction.attrs["name"]
        given: dict[str, Any] = {f"part {k}": a for k, a in enumerate(held)}

        def swept(v: Array) -> Array:
            return np.asarray(program({**given, name: v}, sizes)[0])

        return swept
