"""Gradients as they are printed: in textbook form, their shared parts named."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from chainrule.algebra.node import Node
from chainrule.calculus.alike import alike
from chainrule.calculus.facts import Facts
from chainrule.calculus.layers import gradients_by_layers
from chainrule.calculus.naming import Program, named
from chainrule.calculus.textbook import recognised


def answer(
    s: Node, wrt: Sequence[Node], defined: Mapping[str, Node] | None = None, facts: Facts | None = None
) -> Program:
    """The gradients of a scalar, with the names that its parts have wherever they are printed.

    defined   the names that the user's own lines define
    """
    lines, known = defined or {}, facts or Facts()
    whole, *parts = recognised([s, *lines.values()], known)
    return assembled(whole, dict(zip(lines, parts, strict=True)), *gradients_by_layers(whole, wrt, known))


def assembled(
    s: Node, defined: Mapping[str, Node], roots: Sequence[Node], signals: Mapping[Node, Node]
) -> Program:
    """Derivatives in textbook form with their shared parts named; `defined` and `signals` as in `named`."""
    s, *rest = alike([s, *defined.values(), *roots, *signals], list(signals.values()))
    a, b, c = accumulate(map(len, (defined, roots, signals)))
    lines = dict(zip(defined, rest[:a], strict=True))
    return named(rest[a:b], s, lines, dict(zip(rest[b:c], rest[c:], strict=True)))
