"""What is asked: a formula, the variables by which it is differentiated, and what is known of them."""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chainrule.algebra.names import GREEK, spelt
from chainrule.algebra.node import VARIABLE, Node, topological, variable, variables
from chainrule.algebra.notation import write
from chainrule.algebra.operand import listed
from chainrule.algebra.parse import Formula, formula
from chainrule.algebra.signature import FLOATS
from chainrule.calculus.facts import Facts, read_facts
from chainrule.calculus.rewrite import substitute
from chainrule.errors import FormulaError, GraphError, ShapeError

Remarks = tuple[str, ...]
Stated = Facts | Mapping[str, str | Iterable[str]] | Iterable[str]


@dataclass(frozen=True)
class Question:
    """A formula s, what its lines define, the variables to differentiate by, and what is known of them.

    source       the formula as it was typed, "" where it was built
    name         what s is called, "" where nobody said
    variables    all that s has, those first whose shapes were given
    """

    source: str
    name: str
    s: Node
    defined: Mapping[str, Node]
    wrt: tuple[Node, ...]
    variables: tuple[Node, ...]
    facts: Facts
    remarks: tuple[str, ...] = ()
    """How the formula was read, where that is not plain."""


SCORES = frozenset(("s", "J", "L", "E", "loss", "cost", "score", "objective"))
"""Names of what is a number: a score, a cost, a loss."""


def meant(text: str, shapes: Mapping[str, Any], syntax: Any) -> tuple[Formula, Remarks]:
    """A formula as its writer means it, and what is remarked on it: what can be a number is one."""
    read, remarks = _as_score(*_with_numbers(formula(text, shapes, syntax=syntax), shapes), shapes)
    _refuse_unknown(shapes, read)
    return read, remarks


def asked(
    s: Node | Formula | str,
    wrt: Node | str | Sequence[Node | str] | None,
    facts: Stated | None,
    shapes: Mapping[str, Any] | None,
    syntax: Any,
    defined: Mapping[str, Node] | None,
    name: str | None,
) -> Question:
    """Read a question; FormulaError for names that the formula does not have."""
    read: Node | Formula
    remarks: Remarks = ()
    if isinstance(s, str):
        read, remarks = meant(s, shapes or {}, syntax)
    else:
        read = s
    if isinstance(read, Formula):
        subject, lines, known, source = read.result, dict(read.definitions), dict(read.variables), read.text
    else:
        known = {v.attrs["name"]: v for v in variables(read)}
        subject, lines, source = read, {}, ""
    known = {name: known[name] for name in (*(shapes or ()), *known) if name in known}
    lines.update(defined or {})
    stated = Facts(facts.stated) if isinstance(facts, Facts) else read_facts(facts or (), known)
    chosen = [x for x in known.values() if x.dtype in FLOATS and not stated.holds("constant", x)]
    if wrt is not None:
        named = [wrt] if isinstance(wrt, (Node, str)) else listed(wrt, "wrt")
        chosen = [_meant(by, known, lines) for by in named]
    if not chosen:
        raise GraphError(f"{write(subject, 60)} has no variables to differentiate by")
    for x in chosen:
        if stated.holds("constant", x):
            raise FormulaError(f"{write(x)} is declared constant, so nothing is differentiated by it")
    title = name or _title(subject, lines)
    whole, kept, by = _with_parts_as_variables(subject, lines, chosen)
    inside = variables(whole)
    order = [*(x for x in known.values() if x in inside), *(x for x in inside if x not in known.values())]
    return Question(source, title, whole, kept, by, tuple(order), stated, remarks)


def _title(s: Node, lines: Mapping[str, Node]) -> str:
    """The last name that the formula gives to itself."""
    return next((name for name, node in [*lines.items()][::-1] if node is s), "")


def _refuse_unknown(shapes: Mapping[str, Any], read: Formula) -> None:
    """Raise FormulaError for a shape of what the formula does not have."""
    names = {spelt(name): name for name in read.variables}
    for name in shapes:
        if spelt(name) not in names:
            if name in read.definitions:
                raise FormulaError(f"{name} is defined by the formula, which gives it its shape")
            near = difflib.get_close_matches(name.lower(), [n.lower() for n in names.values()], n=1)
            meant = next((n for n in names.values() if near and n.lower() == near[0]), "")
            raise FormulaError(
                f"a shape is given of {name}, which the formula does not have: it has {', '.join(names.values())}"
                + (f"; did you mean {meant}?" if meant else "")
            )


def _with_numbers(read: Formula, shapes: Mapping[str, Any]) -> tuple[Formula, Remarks]:
    """`q.T @ x + r` with a number r: a small letter that meets only numbers is one, if it makes the rest one."""
    if not read.result.shape:
        return read, read.remarks
    given = {spelt(name) for name in shapes}
    sizes = Counter(a for node in read.variables.values() for a in set(node.shape))
    letters = {
        name: node.shape[0]
        for name, node in read.variables.items()
        if node.ndim == 1 and sizes[node.shape[0]] == 1 and spelt(name) not in given
    }
    with suppress(ShapeError):
        other = formula(read.text, {**shapes, **dict.fromkeys(letters, ())}, syntax=read.syntax)
        if letters and not other.result.shape and any(node.shape for node in other.variables.values()):
            title = _title(other.result, other.definitions) or "the formula"
            how = (
                f"{name} is read as a number, so that {title} is one; for a vector give {name}={axis}"
                for name, axis in letters.items()
            )
            return other, (*other.remarks, *how)
    return read, read.remarks


def _as_score(read: Formula, remarks: Remarks, shapes: Mapping[str, Any]) -> tuple[Formula, Remarks]:
    """`s = U.T @ h` with a vector U: what is named as a number, and can be one, is one."""
    title = _title(read.result, read.definitions)
    if not read.result.shape or title not in SCORES:
        return read, remarks
    for name, node in read.variables.items():
        for a in node.shape if node.ndim == 2 and name not in shapes else ():
            with suppress(ShapeError):
                other = formula(read.text, {**shapes, name: (a,)}, syntax=read.syntax)
                if not other.result.shape:
                    axes = ",".join(map(str, node.shape))
                    how = (
                        f"{name} is read as a vector, so that {title} is a number; for a matrix give {name}={axes}"
                    )
                    return other, (*remarks, how)
    return read, remarks


def _meant(by: Any, known: Mapping[str, Node], lines: Mapping[str, Node]) -> Node:
    """The variable, or the defined part, that is meant by a name or a node."""
    if isinstance(by, Node):
        if by.op is VARIABLE or by in lines.values():
            return by
        raise GraphError(
            f"derivatives are taken by variables, and {write(by, 60)} is none; give it a name with defined={{…}}"
        )
    names = {**known, **lines}
    spelt = [by, GREEK.get(by, by), *(name for name, letter in GREEK.items() if letter == by)]
    found = next((names[n] for n in spelt if n in names), None)
    if found is None:
        near = difflib.get_close_matches(str(by), names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise FormulaError(f"the formula has no {by!r:.40} to differentiate by: it has {', '.join(names)}{hint}")
    return found


def _with_parts_as_variables(
    s: Node, lines: Mapping[str, Node], wrt: Sequence[Node]
) -> tuple[Node, dict[str, Node], tuple[Node, ...]]:
    """The same with the parts that are differentiated by as variables of their own names."""
    names = {node: name for name, node in lines.items()}
    parts = {x: variable(names[x], x.shape, x.dtype) for x in wrt if x.op is not VARIABLE}
    if not parts:
        return s, dict(lines), tuple(wrt)
    if s in parts:
        raise GraphError(f"{names[s]} is the formula itself; differentiate by what it is made of")
    whole, *rest = substitute([s, *lines.values()], parts)
    below = set(topological([whole]))
    for x in wrt:
        if x not in parts and x not in below:
            raise GraphError(
                f"{write(x, 40)} stands in the formula only inside {', '.join(names[p] for p in parts)}; "
                "differentiate by it in a question of its own"
            )
    kept = {
        name: node for name, node in zip(lines, rest, strict=True) if node in below and node.op is not VARIABLE
    }
    return whole, kept, tuple(parts.get(x, x) for x in wrt)


def own_lines(question: Question, title: Node) -> list[tuple[Node, Node]]:
    """The lines of the formula that it rests on, each in the names of the ones before; the last is its own."""
    below = set(topological([question.s]))
    known: dict[Node, Node] = {}
    lines: list[tuple[Node, Node]] = []
    for name, node in question.defined.items():
        if node in below and node is not question.s and node.op is not VARIABLE and node not in known:
            left = variable(name, node.shape, node.dtype)
            lines.append((left, substitute([node], known)[0]))
            known[node] = left
    return [*lines, (title, substitute([question.s], known)[0])]
