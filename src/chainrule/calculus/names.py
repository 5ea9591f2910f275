"""Which letters parts of a gradient get: z h p δ as in the course notes, r for a residual, M for an inverse …

A letter that the formula uses already is passed over; several of one role carry the numbers of their layers.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from chainrule.algebra.names import GREEK
from chainrule.algebra.node import VARIABLE, Node
from chainrule.algebra.signature import Dim


class Part(NamedTuple):
    """A node that is to have a name, and what it is."""

    node: Node
    role: str
    layer: Node | None = None
    """The pre-activation of the layer that it belongs to."""
    name: str = ""
    """The name that it has already."""


LETTERS: Mapping[str, tuple[str, str, str]] = {
    "pre-activation": ("zav", "zav", "ZAV"),
    "activation": ("hao", "hao", "HAO"),
    "probability": ("pqπ", "pqπ", "PQΠ"),
    "error signal": ("δεη", "δεη", "ΔEH"),
    "residual": ("rec", "reg", "RED"),
    "difference": ("ckqtab", "gvqacwt", "GMQSTKFJ"),
    "softmax Jacobian": ("", "", "SJG"),
    "inverse": ("q", "q", "MQN"),
    "solution": ("a", "avg", "AYV"),
    "norm": ("rνℓ", "rνℓ", "Rν"),
    "direction": ("enq", "enq", "ENQ"),
    "root": ("νcκ", "vg", "GMQ"),
    "mean": ("mμ", "mμ", "M"),
    "quotient": ("ρκ", "ρκ", "ρκ"),
    "formula": ("JsLF", "fyFY", "fyFY"),
    "joined": ("xcv", "xcv", "XCV"),
    "shared": ("ckqtab", "gvqacwt", "GMQSTKFJ"),
}
"""The letters for numbers, vectors and matrices in each role, the first free one is taken."""

NUMBERED = ("pre-activation", "activation", "probability", "error signal")
"""The roles whose names carry the number of their layer where there are several."""

DIGITS = "0123456789"


def names_for(parts: Sequence[Part], layers: Iterable[Node], taken: Iterable[str]) -> dict[Node, str]:
    """A name for every part, none of them twice, and none that is taken.

    parts    in the order of computing      layers    the pre-activations, in the forward order
    """
    chooser = _Chooser(parts, layers, taken)
    for role, large in product(NUMBERED, (False, True)):
        chooser.family([p for p in parts if p.role == role and (p.node.ndim > 1) == large])
    for part in parts:
        if part.node not in chooser.names:
            chooser.give(part, chooser.free(LETTERS[part.role][min(part.node.ndim, 2)]))
    return {p.node: chooser.names[p.node] for p in parts}


def names_in(nodes: Iterable[Node]) -> set[str]:
    """The names of the variables and dimensions among nodes."""
    found: set[str] = set()
    for n in nodes:
        if n.op is VARIABLE:
            found.add(n.attrs["name"])
        found.update(d for a in n.shape if isinstance(a, Dim) for d in a.names)
    return found


def _spellings(name: str) -> set[str]:
    """A name, and the same in Greek or in Latin letters: λ and lam are one."""
    return {name, GREEK.get(name, name), *(spelt for spelt, letter in GREEK.items() if letter == name)}


class _Chooser:
    def __init__(self, parts: Sequence[Part], layers: Iterable[Node], taken: Iterable[str]) -> None:
        self.names: dict[Node | None, str] = {p.node: p.name for p in parts if p.name}
        self.taken = {s for name in (*taken, *self.names.values()) for s in _spellings(name)}
        spoken = {p.layer for p in parts if p.role in NUMBERED}
        self.number: dict[Node | None, int] = {z: k for k, z in enumerate((z for z in layers if z in spoken), 1)}

    def family(self, members: Sequence[Part]) -> None:
        """One letter for all of a role, numbered if there are several."""
        letters = LETTERS[members[0].role][min(2, members[0].node.ndim)] if members else ""
        for letter, ends in product(letters, self._ends(members)):
            wanted = [letter + end for end in ends]
            if len(set(wanted)) == len(wanted) and not self.taken & set(wanted):
                for part, name in zip(members, wanted, strict=True):
                    self.give(part, name)
                return

    def _ends(self, members: Sequence[Part]) -> tuple[list[str], list[str]]:
        """What the names may end in: error signals as their pre-activations do; all in the numbers of layers."""
        numbers = [str(self.number.get(p.layer, "")) if len(members) > 1 else "" for p in members]
        z = [self.names.get(p.layer, "") if p.role == "error signal" else "" for p in members]
        return [name[len(name.rstrip(DIGITS)) :] or k for name, k in zip(z, numbers, strict=True)], numbers

    def free(self, letters: str) -> str:
        """The first letter that is free, or the first one with a number."""
        free = next((c for c in letters if c not in self.taken), "")
        k = 1
        while not free:
            free = f"{letters[0]}{k}" if f"{letters[0]}{k}" not in self.taken else ""
            k += 1
        return free

    def give(self, part: Part, name: str) -> None:
        """Note the name of a part."""
        self.names[part.node] = name
        self.taken |= _spellings(name)
