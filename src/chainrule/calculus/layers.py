"""Gradients layer by layer, as the course notes take them: every error signal δ once, then the layers before it.

    s = uᵀ tanh(W₂ tanh(W₁ x))     δ₂ = u ⊙ (1 − h₂²),  δ₁ = W₂ᵀ δ₂ ⊙ (1 − h₁²)     ∂s/∂W₂ = δ₂ h₁ᵀ, ∂s/∂W₁ = δ₁ xᵀ

The graph is cut at its pre-activations. Their values and their error signals are letters while a textbook form is
found, so that it speaks of them wherever it can; then the letters are put back.
"""

from collections.abc import Sequence

from chainrule.algebra.node import Node, constant, topological, variable
from chainrule.algebra.product import full
from chainrule.calculus.facts import Facts
from chainrule.calculus.naming import pre_activations, says_more
from chainrule.calculus.pullback import pull_back
from chainrule.calculus.rewrite import remake, substitute
from chainrule.calculus.textbook import textbook


def gradients_by_layers(
    s: Node, wrt: Sequence[Node], facts: Facts | None = None
) -> tuple[list[Node], dict[Node, Node]]:
    """∂s/∂x of a scalar s for every x in `wrt`, in textbook form, and the error signal of every pre-activation."""
    cut = _Cut(s, [z for z in pre_activations(s) if z is not s])
    for z in reversed(cut.layers):
        cut.pull_to(z, facts)
    flows = pull_back(cut.upstream, [cut.done.get(x, x) for x in wrt])
    zeros = (full(x.shape, constant(0, x.dtype)) for x in wrt)
    opened = cut.opened([*(z if f is None else f for f, z in zip(flows, zeros, strict=True)), *cut.parts])
    results = textbook(opened[: len(wrt)], facts, given=opened[len(wrt) :])
    wholes = cut.wholes()
    return substitute(results, wholes), {z: wholes[cut.delta[z]] for z in cut.layers if z in cut.signals}


class _Cut:
    """An expression cut at its layers: a letter for the value of each, and one for its error signal."""

    def __init__(self, s: Node, layers: Sequence[Node]) -> None:
        self.layers = layers
        self.letter = {z: variable(f"\N{COMBINING OVERLINE}z{k}", z.shape, z.dtype) for k, z in enumerate(layers)}
        self.delta = {z: variable(f"\N{COMBINING OVERLINE}δ{k}", z.shape, z.dtype) for k, z in enumerate(layers)}
        self.done: dict[Node, Node] = {}
        self.inside: dict[Node, Node] = {}
        for n in topological([s]):
            value = remake(n, [self.done[i] for i in n.inputs])
            if n in self.letter:
                self.inside[n], value = value, self.letter[n]
            self.done[n] = value
        self.upstream = {self.done[s]: constant(1, s.dtype)}
        self.users: dict[Node, list[Node]] = {letter: [] for letter in self.letter.values()}
        self.parts = (self.done[s], *self.inside.values())
        for part in self.parts:
            for n in topological([part]):
                if n in self.users:
                    self.users[n].append(part)
        self.signals: dict[Node, Node] = {}

    def pull_to(self, z: Node, facts: Facts | None) -> None:
        """The error signal of a layer from those of the layers that use it."""
        letter = self.letter[z]
        seeds = {part: self.upstream[part] for part in self.users[letter] if part in self.upstream}
        (flow,) = pull_back(seeds, [letter])
        if flow is not None:
            (self.signals[z],) = textbook([flow], facts, given=seeds)
            self.upstream[self.inside[z]] = self.delta[z] if says_more(self.signals[z]) else flow

    def opened(self, flows: Sequence[Node]) -> list[Node]:
        """The flows without the letters of layers that have no error signal worth a letter."""
        values: dict[Node, Node] = {}
        for z in self.layers:
            if z not in self.signals or not says_more(self.signals[z]):
                (values[self.letter[z]],) = substitute([self.inside[z]], values)
        return substitute(flows, values)

    def wholes(self) -> dict[Node, Node]:
        """What each letter stands for."""
        wholes = {letter: z for z, letter in self.letter.items()}
        for z, signal in self.signals.items():  # from the last layer to the first
            (wholes[self.delta[z]],) = substitute([signal], wholes)
        return wholes
