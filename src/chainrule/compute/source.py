"""The NumPy function of a program of named lines, as an expert would write it by hand.

def gradient(W, x, b, u):
    h = np.tanh(W @ x + b)
    delta = u * (1 - h**2)
    return np.outer(delta, x), W.T @ delta
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from chainrule.algebra.node import VARIABLE, Node, topological
from chainrule.algebra.notation import write
from chainrule.algebra.signature import Axis
from chainrule.calculus.naming import Program
from chainrule.compute.source_forms import Piece, real
from chainrule.compute.source_names import Names
from chainrule.compute.source_rows import HELPERS, kind_of, numpy_of
from chainrule.compute.source_select import full
from chainrule.compute.source_sizes import Line, size_lines, size_text
from chainrule.errors import GraphError

LONGEST, DEEPEST = 88, 20  # characters and levels of one expression; the line holds a name and an indent too
REPEATED = 4  # a value that stands several times is computed once where that saves so many operators


def python_source(
    name: str, inputs: Sequence[Node], program: Program, labels: Sequence[str], doc: str = ""
) -> str:
    """The source of a function `name(inputs)` that computes the results of the program with NumPy.

    It returns the one result, or a tuple of them in the order of `labels`, which say what the results are.
    Raises GraphError for a variable or a size that the inputs do not give.
    """
    names = Names([node.attrs["name"] for node in inputs], HELPERS)
    writer = _Writer(inputs, names, program)
    results = [writer.result(root) for root in program.results]
    body = _needed(writer.statements, results)
    sizes = size_lines(inputs, names, _words([*(s.text for s in body), *results]))
    lines = [f"{s.target} = {s.text}" for s in (*sizes, *body)]
    lines += _returned(results, labels)
    spoken = _words(lines)
    helpers = [text for helper, text in HELPERS.items() if helper in spoken]
    imports = "import math\n\nimport numpy as np" if "erf" in spoken else "import numpy as np"
    head = f"def {name}({', '.join(names.inputs)}):"
    code = "\n    ".join([head, *_docstring(doc), *lines]).replace("\n    \n", "\n\n")
    return "\n\n\n".join([imports, *helpers, code]) + "\n"


def _docstring(doc: str) -> list[str]:
    first, *more = doc.replace("\\", "\\\\").replace('"""', "'''").strip().split("\n")
    if more:
        return [f'"""{first}', *more, '"""']
    return [f'"""{first}{" " if first.endswith(chr(34)) else ""}"""'] if first else []


def _returned(results: Sequence[str], labels: Sequence[str]) -> list[str]:
    line = f"return {', '.join(results)}"
    if len(line) <= LONGEST + len("return ") or len(results) == 1:
        return [line]
    return ["return (", *(f"    {text},  # {label}" for text, label in zip(results, labels, strict=True)), ")"]


def _words(texts: Iterable[str]) -> set[str]:
    """The names that source speaks of; not attributes, nor what stands in strings."""
    return {word for text in texts for word in re.findall(r"(?<![\w.])[^\W\d]\w*", re.sub(r'"[^"]*"', "", text))}


def _needed(statements: Sequence[Line], results: Sequence[str]) -> list[Line]:
    """The lines that the results rest on."""
    used = _words(results)
    kept = []
    for s in reversed(statements):
        if s.target in used:
            kept.append(s)
            used |= _words([s.text])
    return kept[::-1]


# ── values ────────────────────────────────────────────────────────────────────────────────────────────


class _Writer:
    """The source of nodes, line after line; long and repeated values get names of their own."""

    def __init__(self, inputs: Sequence[Node], names: Names, program: Program) -> None:
        self.names = names
        self.statements: list[Line] = []
        self.variables = {
            node.attrs["name"]: _named(ident, node) for node, ident in zip(inputs, names.inputs, strict=True)
        }
        self._pieces: dict[Node, Piece] = {}
        self._uses = _uses([*(line.value for line in program.lines), *program.results])
        for line in program.lines:
            names.of(line.name)  # before any other name that is thought up here
        for line in program.lines:
            piece = self._written(line.value)
            self.variables[line.name] = self._assigned(names.of(line.name), piece)

    def _assigned(self, target: str, piece: Piece) -> Piece:
        self.statements.append(Line(target, piece.text))
        return Piece(target, axes=piece.axes, kind=piece.kind)

    def result(self, root: Node) -> str:
        """A result in its full shape, as real numbers."""
        return real(full(self, self._written(root), root)).text

    def size(self, of: Axis) -> Piece:
        """The size of an axis: a number, `n`, `2 * n + 1`."""
        return size_text(of, self.names)

    def piece(self, node: Node) -> Piece:
        """The source of a node that has been written."""
        return self._pieces[node]

    def _written(self, root: Node) -> Piece:
        for node in topological([root]):
            if node not in self._pieces:
                self._pieces[node] = self._settled(node)
        return self._pieces[root]

    def _settled(self, node: Node) -> Piece:
        if node.op is VARIABLE:
            return self._variable(node)
        piece = self._row(node)
        while (len(piece.text) > LONGEST or piece.depth > DEEPEST) and (long := self._longest(node)) is not None:
            self._pieces[long] = self._temporary(self._pieces[long])
            piece = self._row(node)
        saved = (self._uses[node] - 1) * piece.cost
        return self._temporary(piece) if saved >= REPEATED else piece

    def _row(self, node: Node) -> Piece:
        return numpy_of(self, node, [self._pieces[i] for i in node.inputs])

    def _longest(self, node: Node) -> Node | None:
        """The operand that makes an expression too long or too deep."""
        compound = {i: self._pieces[i] for i in node.inputs if self._pieces[i].cost}
        return max(compound, key=lambda i: (compound[i].depth >= DEEPEST, len(compound[i].text)), default=None)

    def _temporary(self, piece: Piece) -> Piece:
        return self._assigned(self.names.fresh(), piece)

    def _variable(self, node: Node) -> Piece:
        name = node.attrs["name"]
        if name not in self.variables:
            raise GraphError(f"{write(node)} is neither an input of the function nor a line of the program")
        return self.variables[name]


def _named(ident: str, node: Node) -> Piece:
    return Piece(ident, axes=tuple(range(-node.ndim, 0)), kind=kind_of(node))


def _uses(roots: Sequence[Node]) -> Counter[Node]:
    """How often every node stands in the program."""
    uses = Counter(roots)
    for node in topological(roots):
        uses.update(node.inputs)
    return uses
