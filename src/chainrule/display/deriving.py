"""From a question to its derivatives in textbook form: recognise, pull back, shorten, name parts."""

from collections.abc import Sequence
from typing import Literal

from chainrule.algebra.node import VARIABLE, Node, topological, variable
from chainrule.algebra.notation import write
from chainrule.algebra.select import vec as columns
from chainrule.algebra.signature import Dim, shape_text
from chainrule.calculus.answer import assembled
from chainrule.calculus.derive import gradient, jacobian
from chainrule.calculus.facts import Facts
from chainrule.calculus.kronecker import column_stacked, vec_layout
from chainrule.calculus.layers import gradients_by_layers
from chainrule.calculus.naming import Program, named
from chainrule.calculus.rewrite import substitute
from chainrule.calculus.textbook import recognised, textbook
from chainrule.display.question import Question
from chainrule.errors import GraphError, SettingError

Kind = Literal["gradient", "jacobian", "hessian"]
By = tuple[Node, ...]


def kind_of(question: Question, kind: Kind | None) -> Kind:
    """The kind of derivative that is asked for: of scalars the gradient, of the rest the Jacobian."""
    s = question.s
    if kind is None:
        return "jacobian" if s.shape else "gradient"
    if kind not in ("gradient", "jacobian", "hessian"):
        raise SettingError(f"kind is gradient, jacobian or hessian, not {kind!r:.40}")
    if s.shape and kind != "jacobian":
        what, text = {"gradient": "gradient", "hessian": "Hessian"}[kind], write(s, 60)
        raise GraphError(
            f"a {what} is of a scalar, and {text} is {shape_text(s.shape)}; "
            f"take its Jacobian, or the {what} of sum({text})"
        )
    return kind


def orders_of(question: Question, kind: Kind, *, chosen: bool) -> list[By]:
    """For each result the variables that it is differentiated by, one after the other.

    chosen    whether somebody chose the variables: two of them then make one mixed Hessian
    """
    wrt = question.wrt
    if kind != "hessian":
        return [(x,) for x in dict.fromkeys(wrt)]
    if not chosen or len(wrt) == 1:
        return [(x, x) for x in wrt]
    if len(wrt) != 2:
        names = ", ".join(write(x) for x in wrt)
        raise GraphError(f"a Hessian is by one variable, or mixed by two, not by {names}; choose one or two")
    return [wrt]


def derived(question: Question, kind: Kind, orders: Sequence[By], *, vec: bool) -> Program:
    """The derivatives in textbook form with their shared parts named."""
    s, *parts = recognised([question.s, *question.defined.values()], question.facts)
    defined = dict(zip(question.defined, parts, strict=True))
    return assembled(s, defined, *_DERIVING[kind](s, orders, question.facts, vec))


def plain(question: Question, kind: Kind, orders: Sequence[By], *, vec: bool) -> Program:
    """The derivatives as the reverse sweep gives them, with their shared parts named."""
    s = question.s
    firsts = gradient(s, [by[0] for by in orders]) if not s.shape else [s] * len(orders)
    if kind == "gradient":
        roots = [columns(g) if vec and g.ndim > 1 else g for g in firsts]
    else:
        roots = [jacobian(y, by[-1]) for y, by in zip(firsts, orders, strict=True)]
        if vec:
            ranks = [(y.ndim, by[-1].ndim) for y, by in zip(firsts, orders, strict=True)]
            roots = [column_stacked(J, *rank) if J.ndim > 2 else J for J, rank in zip(roots, ranks, strict=True)]
    return named(roots, s, question.defined, {})


Derived = tuple[list[Node], dict[Node, Node]]


def _gradients(s: Node, orders: Sequence[By], facts: Facts, vec: bool) -> Derived:
    """The gradients, and the error signals that they speak of."""
    roots, signals = gradients_by_layers(s, [x for (x,) in orders], facts)
    return textbook([columns(g) if g.ndim > 1 else g for g in roots], facts) if vec else roots, signals


def _jacobians(s: Node, orders: Sequence[By], facts: Facts, vec: bool) -> Derived:
    tensors = textbook([jacobian(s, x) for (x,) in orders], facts, given=[s])
    return [_laid_out(J, s, x, facts, vec) for J, (x,) in zip(tensors, orders, strict=True)], {}


def _hessians(s: Node, orders: Sequence[By], facts: Facts, vec: bool) -> Derived:
    """The Jacobians of the gradients in textbook form."""
    slopes = textbook(gradient(s, [x for x, _ in orders]), facts, given=[s])
    tensors = textbook([jacobian(g, y) for g, (_, y) in zip(slopes, orders, strict=True)], facts, given=[s])
    return [_laid_out(H, x, y, facts, vec) for H, (x, y) in zip(tensors, orders, strict=True)], {}


_DERIVING = {"gradient": _gradients, "jacobian": _jacobians, "hessian": _hessians}


def _laid_out(derivative: Node, y: Node, x: Node, facts: Facts, vec: bool) -> Node:
    """∂ vec y / ∂ vec x from the derivative with the axes of y before those of x, if there are more than two."""
    return vec_layout(derivative, y.shape, x.shape, facts) if vec and derivative.ndim > 2 else derivative


def expanded(program: Program) -> list[Node]:
    """The results with every name replaced by what its line says."""
    known: dict[Node, Node] = {}
    for line in program.lines:
        (known[variable(line.name, line.value.shape, line.value.dtype)],) = substitute([line.value], known)
    return substitute(program.results, known)


def free_name(letters: str, question: Question, program: Program) -> str:
    """The first letter that stands for nothing yet."""
    nodes = topological([question.s])
    taken = {n.attrs["name"] for n in nodes if n.op is VARIABLE}
    taken |= {d for n in nodes for a in n.shape if isinstance(a, Dim) for d in a.names}
    taken |= {*(line.name for line in program.lines), *question.defined}
    return next((c for c in letters if c not in taken), f"{letters[0]}0")
