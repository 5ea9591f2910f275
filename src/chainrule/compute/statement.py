"""Claims as people write them: `delta = u * (1 - h**2); W: delta @ x.T`, and what the names in them mean."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from chainrule.algebra.formula import Definition, Part, Syntax, read, spelling
from chainrule.algebra.meaning import Reading
from chainrule.algebra.names import spelt
from chainrule.algebra.node import Node, topological
from chainrule.algebra.notation import write
from chainrule.algebra.operand import lift
from chainrule.algebra.parse import Formula
from chainrule.algebra.place import underlined
from chainrule.algebra.scope import Scope
from chainrule.algebra.signature import FLOAT64
from chainrule.calculus.derive import gradient
from chainrule.calculus.naming import pre_activations
from chainrule.compute.draw import dimensions
from chainrule.compute.edits import all_parts
from chainrule.compute.handwriting import SIGNS
from chainrule.errors import DTypeError, FormulaError, ShapeError


class Statement(NamedTuple):
    """A claim as it was written: the variable, the text with its label blanked, its own definitions, its tree."""

    name: str
    text: str
    definitions: Sequence[Definition]
    tree: Part
    syntax: Syntax

    @property
    def trees(self) -> list[Part]:
        """The trees of its lines, that of the gradient last."""
        return [*(line.tree for line in self.definitions), self.tree]

    def written(self, lines: Sequence[str]) -> str:
        """Its lines with other texts, as one text that the reader takes."""
        *defined, last = lines
        named = (f"{line.name} = {text}" for line, text in zip(self.definitions, defined, strict=True))
        return "; ".join([*named, last])


_LABEL = re.compile(r"(?:^|[;\n])[^\S\n]*(?:[∂d]s/[∂d])?([^\W\d]\w*)[^\S\n]*:(?!=)")


def statements(written: str, syntax: Syntax) -> list[Statement]:
    """The claims of a text: definitions, and one or more times NAME: GRADIENT.

    Raises FormulaError where no gradient is claimed, or the text cannot be read.
    """
    labels = list(_LABEL.finditer(written))
    if not labels:
        raise FormulaError(f"{written.strip()!r:.60}: write NAME: FORMULA, as in 'W: delta @ x.T'")
    text = written
    for label in labels:
        start = label.start() + (label[0][0] in ";\n")
        text = text[:start] + " " * (label.end() - start) + text[label.end() :]
    lines = read(text)
    own = spelling(text) if re.search(r"[@']|\.\*|\*\*|\.T\b", text) else syntax
    definitions = [line for line in lines if line.name is not None]
    gradients = [line.tree for line in lines if line.name is None]
    found = []
    for label, after in zip(labels, [*labels[1:], None], strict=True):
        end = len(text) if after is None else after.start()
        trees = [tree for tree in gradients if label.end() <= tree.start < end]
        if len(trees) != 1:
            raise FormulaError(f"{label[1]}: is followed by {len(trees)} formulas; write NAME: FORMULA")
        alone = text
        for tree in gradients:
            if tree is not trees[0]:
                alone = alone[: tree.start] + " " * (tree.end - tree.start) + alone[tree.end :]
        used = _used(trees[0], definitions)
        for line in lines:
            if line.name is not None and line not in used:
                start = text.rindex(line.name, 0, text.rindex("=", 0, line.tree.start))
                alone = alone[:start] + " " * (line.tree.end - start) + alone[line.tree.end :]
        found.append(Statement(label[1], alone, used, trees[0], own))
    return found


def _used(tree: Part, definitions: Sequence[Definition]) -> list[Definition]:
    """The definitions that a tree speaks of, also through one another."""
    names = {part.value for part in all_parts(tree)}
    used: list[Definition] = []
    for line in reversed(definitions):
        if line.name in names:
            names |= {part.value for part in all_parts(line.tree)}
            used.append(line)
    return used[::-1]


def names_in(statement: Statement) -> list[Part]:
    """The names that a claim speaks of and does not define, each once."""
    defined: set[str] = set()
    found: dict[str, Part] = {}
    for name, tree in (*statement.definitions, Definition(None, statement.tree)):
        for part in all_parts(tree):
            if part.kind == "name" and part.value not in (*defined, "None"):
                found.setdefault(part.value, part)
        defined |= {name} if name is not None else set()
    return list(found.values())


def reading(statement: Statement, names: Mapping[str, Node]) -> Reading:
    """A reading of a claim, on paper's terms, with its definitions read; those that do not fit are left out."""
    found = Reading(statement.text, statement.syntax, Scope(names, FLOAT64))
    found.signs = SIGNS[statement.syntax]
    for name, tree in statement.definitions:
        if name is not None:
            with suppress(ShapeError, DTypeError):
                found.defined[name] = lift(found.node(tree))
    return found


_LECTURE = re.compile(r"(δ|z|h|p)_?(\d*)")


class Words:
    """What names mean: those of the formula, and the lecture's δ, z, h, p where it does not define them."""

    def __init__(self, asked: Formula) -> None:
        self.asked = asked
        self.names = {**asked.variables, **asked.definitions}
        self.notes: list[str] = []
        self._dimensions = dimensions([*asked.variables.values(), *topological([asked.result])])

    def __getitem__(self, name: str) -> Node | None:
        """The expression of a name, in any of its spellings."""
        if name in self.names:
            return self.names[name]
        return next((node for other, node in self.names.items() if spelt(other) == spelt(name)), None)

    def claimed(self, name: str) -> Node:
        """What a gradient is claimed for: a name of the formula, or δ for the gradient at a pre-activation."""
        lecture = _LECTURE.fullmatch(spelt(name))
        node = self[name]
        if node is None and lecture is not None:
            node = self._layers().get(lecture[2])
        if node is None:
            raise FormulaError(f"a gradient is claimed for {name}, but the expression has {_listed(self.names)}")
        return node

    def complete(self, statement: Statement) -> None:
        """Give every name of a claim its meaning. Raises FormulaError for one that stands for nothing."""
        for part in names_in(statement):
            if self[part.value] is None and part.value not in self._dimensions:
                self._understand(part, statement)

    def _understand(self, part: Part, statement: Statement) -> None:
        name = part.value
        example = f"define it, as in '{name} = …; {statement.name}: …'"
        place = underlined(statement.text, part.start, part.end)
        lecture = _LECTURE.fullmatch(spelt(name))
        if lecture is None:
            near = difflib.get_close_matches(name, [*self.names, "delta"], n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; {example}"
            raise FormulaError(f"{name} stands for nothing: the formula has {_listed(self.names)}{hint}{place}")
        layers = self._layers()
        chosen = layers.get(lecture[2])
        if chosen is None:
            which = [f"delta{number}" for number in layers if number]
            known = f"the formula has {_listed(which)}" if which else "the formula has no activation"
            raise FormulaError(f"{name} is not defined, and {known}; {example}{place}")
        self._give(name, lecture[1], chosen)

    def _give(self, name: str, letter: str, z: Node) -> None:
        value = next((n for n in topological([self.asked.result]) if z in n.inputs and n.shape == z.shape), z)
        meaning = {"z": z, "h": value, "p": value}.get(letter)
        if meaning is None:
            at = next((n for n, node in self.asked.definitions.items() if node is z), write(z, 60))
            self.names[name] = gradient(self.asked.result, z)
            self.notes.append(f"{name} is read as the error signal at {at}")
        else:
            self.names[name] = meaning
            self.notes.append(f"{name} is read as {write(meaning, 60)}")

    def _layers(self) -> dict[str, Node]:
        """Number as it is written behind δ, z, h → pre-activation; without a number if there is one alone."""
        layers = {name[1:]: z for name, z in self.asked.definitions.items() if re.fullmatch(r"z\d*", name)}
        found = pre_activations(self.asked.result)
        for k, z in enumerate(found, 1):
            layers.setdefault(str(k), z)
        if len(found) == 1:
            layers.setdefault("", found[0])
        return layers


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
