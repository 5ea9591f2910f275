"""Claims as people write them: `delta = u * (1 - h**2); W: delta @ x.T`, and what the names in them mean."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

from chainrule.algebra.entrywise import SUBTRACT
from chainrule.algebra.formula import Definition, Part, Syntax, read, spelling
from chainrule.algebra.meaning import Reading
from chainrule.algebra.names import spelt
from chainrule.algebra.node import VARIABLE, Node, make, topological
from chainrule.algebra.notation import write
from chainrule.algebra.operand import lift
from chainrule.algebra.parse import Formula
from chainrule.algebra.place import underlined
from chainrule.algebra.reduce import SOFTMAX
from chainrule.algebra.scope import Scope
from chainrule.algebra.signature import FLOAT64, FLOATS
from chainrule.calculus.answer import answer
from chainrule.calculus.derive import gradient
from chainrule.calculus.facts import Facts
from chainrule.calculus.naming import SOFT, Line, pre_activations
from chainrule.calculus.textbook import recognised
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
        parts = all_parts(tree)
        axes = {id(p) for part in parts if part.kind == "index" for p in part.parts[1:]}  # u[:, None]
        for part in parts:
            new = part.value == "None" and id(part) in axes
            if part.kind == "name" and part.value not in defined and not new:
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


_LECTURE = re.compile(r"(δ|z|h|p)(\d*)")
_PREDICTIONS = ("yhat", "y_hat", "ŷ")
_CALLED = {"a": "h", "o": "h", **dict.fromkeys(_PREDICTIONS, "p"), **dict.fromkeys(("e", "res", "residual"), "r")}
"""Other names in use for an activation, a probability and a residual."""


class Words:
    """What names mean: the formula's, those that its gradients are printed with, and the lecture's δ, z, h, p."""

    def __init__(self, asked: Formula, facts: Facts | None = None) -> None:
        self.asked, self.facts = asked, facts or Facts()
        self.names = {**asked.variables, **asked.definitions}
        self.notes: list[str] = []
        self._dimensions = dimensions([*asked.variables.values(), *topological([asked.result])])

    def __getitem__(self, name: str) -> Node | None:
        """The expression of a name, in any of its spellings."""
        if name in self.names:
            return self.names[name]
        return next((node for other, node in self.names.items() if spelt(other) == spelt(name)), None)

    def claimed(self, name: str) -> Node:
        """What a gradient is claimed for: a name of the formula, or a part that its gradients are printed with.

        The gradient at a pre-activation is claimed for z as well as for δ.
        """
        node = self[name]
        if node is None:
            inside = set(topological([self.asked.result]))
            node = next((n for n in self._parts(_usual(_plain(name))) if n in inside), None)
        if node is None:
            raise FormulaError(f"a gradient is claimed for {name}, but the expression has {_listed(self.names)}")
        return node

    def _parts(self, letter: str) -> Iterator[Node]:
        """The parts of the formula that a letter may stand for; δ stands for its pre-activation."""
        lines = self._lines(self._real)
        if letter in lines:
            _, at, name = lines[letter].role.partition(" at ")
            line = lines.get(name) if at else lines[letter]
            yield from [line.whole] if line else []
        lecture = _LECTURE.fullmatch(letter)
        z = self._layers().get(lecture[2]) if lecture else None
        if lecture and z is not None:
            yield z if lecture[1] in "zδ" else self._value(z)

    def complete(self, statement: Statement) -> None:
        """Give every name of a claim its meaning. Raises FormulaError for one that stands for nothing."""
        for part in names_in(statement):
            if self[part.value] is None and part.value not in self._dimensions:
                self._understand(part, statement)

    def _understand(self, part: Part, statement: Statement) -> None:
        name = part.value
        for letter in dict.fromkeys((_plain(name), _usual(_plain(name)))):
            if self._predicted(name) or self._printed(name, letter, statement.name) or self._taught(name, letter):
                return
        example = f"define it, as in '{name} = …; {statement.name}: …'"
        place = underlined(statement.text, part.start, part.end)
        if _LECTURE.fullmatch(_usual(_plain(name))) is None:
            near = difflib.get_close_matches(name, [*self.names, "delta"], n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; {example}"
            raise FormulaError(f"{name} stands for nothing: the formula has {_listed(self.names)}{hint}{place}")
        which = [f"delta{number}" for number in self._layers() if number]
        known = f"the formula has {_listed(which)}" if which else "the formula has no activation"
        raise FormulaError(f"{name} is not defined, and {known}; {example}{place}")

    # ── the names that the gradients are printed with ─────────────────────────────────────────────────

    def _printed(self, name: str, letter: str, claimed: str) -> bool:
        """Whether a name is one that the gradients are printed with: all of them, or the claimed one alone."""
        x = self[claimed]
        alone = [] if x is None or x.op is not VARIABLE else [[x]]
        for wrt in (self._real, *alone):
            lines = self._lines(tuple(wrt))
            if letter in lines:
                self._give(name, lines[letter], lines)
                return True
        return False

    @cached_property
    def _real(self) -> list[Node]:
        return [x for x in self.asked.variables.values() if x.dtype in FLOATS]

    def _lines(self, wrt: Sequence[Node]) -> Mapping[str, Line]:
        """The lines that gradients are printed with, by name; what needs no fact, without it."""
        s, defined = self.asked.result, self.asked.definitions
        with_facts, without = (
            {line.name: line for line in answer(s, wrt, defined, facts).lines}
            for facts in (Facts(self.facts.stated), None)
        )
        same = {name: line for name, line in without.items() if name in with_facts}
        return {
            name: same[name] if name in same and same[name].role == line.role else line
            for name, line in with_facts.items()
        }

    def _give(self, name: str, line: Line, lines: Mapping[str, Line]) -> None:
        self.names[name] = line.whole
        what, at, where = line.role.partition(" at ")
        z, sign, but = where.partition(",")
        if at and z in lines and z not in self.asked.definitions:
            z = write(lines[z].whole, 60)
        said = f"the {what} at {z}{sign}{but}" if at else write(line.whole, 60)
        self.notes.append(f"{name} is read as {said}")

    # ── the names of the lecture ──────────────────────────────────────────────────────────────────────

    def _taught(self, name: str, letter: str) -> bool:
        """Whether a name is one of the lecture's, and the formula says for what."""
        lecture = _LECTURE.fullmatch(letter)
        if lecture is None:
            return False
        value, said = self._meant(lecture[1], self._layers().get(lecture[2]))
        if value is None:
            return False
        self.names[name] = value
        self.notes.append(f"{name} is read as {said}")
        return True

    def _meant(self, letter: str, z: Node | None) -> tuple[Node | None, str]:
        """What δ, z, h or p is at a pre-activation, and how that is said."""
        s = self.asked.result
        value = self._probability() if letter == "p" else None
        if value is None and z is not None:
            if letter == "δ":
                at = next((n for n, node in self.asked.definitions.items() if node is z), write(z, 60))
                return gradient(s, z), f"the error signal at {at}"
            value = z if letter == "z" else self._value(z)
        return value, "" if value is None else write(value, 60)

    def _value(self, z: Node) -> Node:
        """The activation at a pre-activation."""
        return next((n for n in topological([self.asked.result]) if z in n.inputs and n.shape == z.shape), z)

    def _predicted(self, name: str) -> bool:
        """Whether a name is ŷ, and the formula compares something with y."""
        if _plain(name) not in _PREDICTIONS or (y := self["y"]) is None:
            return False
        apart = [n for n in topological([self.asked.result]) if n.op is SUBTRACT and y in n.inputs]
        others = dict.fromkeys(n.inputs[n.inputs[0] is y] for n in apart)
        value = next(iter(others)) if len(others) == 1 else None
        if value is None or value.shape != y.shape:
            return False
        self.names[name] = value
        self.notes.append(f"{name} is read as {write(value, 60)}")
        return True

    def _probability(self) -> Node | None:
        """The one softmax of the formula, also where only its logarithm is written."""
        found = [n for n in topological(recognised([self.asked.result])) if n.op is SOFTMAX or n.op in SOFT]
        several = dict.fromkeys(make(SOFTMAX, *n.inputs, axes=n.attrs["axes"]) for n in found)
        return next(iter(several)) if len(several) == 1 else None

    def _layers(self) -> dict[str, Node]:
        """Number as it is written behind δ, z, h → pre-activation; without a number if there is one alone."""
        layers = {name[1:]: z for name, z in self.asked.definitions.items() if re.fullmatch(r"z\d*", name)}
        found = pre_activations(self.asked.result)
        for k, z in enumerate(found, 1):
            layers.setdefault(str(k), z)
        if len(found) == 1:
            layers.setdefault("", found[0])
        return layers


def _plain(name: str) -> str:
    """The name in Greek letters, its number behind it: `delta_1` → `δ1`."""
    return re.sub(r"_(\d+)$", r"\1", spelt(name))


def _usual(name: str) -> str:
    """The name that the gradients have for what others call so: `a1` → `h1`."""
    letter = name.rstrip("0123456789")
    return _CALLED.get(letter, letter) + name[len(letter) :]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
