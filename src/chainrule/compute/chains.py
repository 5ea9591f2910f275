"""Chains of products in the order that takes the fewest multiplications: (A B) x is computed as A (B x).

A product whose only use is in another product is opened, and the factors of the whole are joined again, two by
two, in the best order (dynamic programming over groups of factors). A dimension without a number counts as a
usual size.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import prod
from typing import NamedTuple

from chainrule.algebra.contract import letters_of
from chainrule.algebra.letters import ALPHABET, PRODUCT_OP, build
from chainrule.algebra.node import Node, topological
from chainrule.calculus.cost import nominal
from chainrule.calculus.rewrite import remake

MOST = 8  # factors of a chain; a longer one is cut
GAIN = 0.9  # of the multiplications, or fewer: a reason to change the order


class Factor(NamedTuple):
    """A factor, and the letters of its axes."""

    node: Node
    letters: str


class Chain(NamedTuple):
    """A product with the products inside it opened, and the multiplications that it takes as it stands."""

    factors: tuple[Factor, ...]
    letters: str
    opened: tuple[Node, ...]
    cost: float


class Joined(NamedTuple):
    """A group of factors as one: its cost, the letters that it keeps, the two that it is made of, or the one."""

    cost: float
    letters: str
    left: "Joined | Factor"
    right: "Joined | None" = None


def associated(roots: Sequence[Node]) -> list[Node]:
    """The expressions with their chains of products in the cheapest order."""
    order = topological(roots)
    uses = Counter(chain(roots, *(node.inputs for node in order)))
    chains: dict[Node, Chain] = {}
    inside: set[Node] = set()
    for node in reversed(order):
        if node not in inside and _opens(node):
            chains[node] = _chain(node, uses)
            inside.update(chains[node].opened)
    done: dict[Node, Node] = {}
    for node in order:
        best = _better(chains[node]) if node in chains else None
        done[node] = _made(best, done) if best else remake(node, [done[i] for i in node.inputs])
    return [done[root] for root in roots]


def _opens(node: Node) -> bool:
    """Whether a node is a product whose value neither stretches nor lies on a diagonal."""
    if node.op is not PRODUCT_OP or node.attrs["sizes"]:
        return False
    out = letters_of(node.attrs["letters"])[1]
    return len(set(out)) == len(out)


def _chain(root: Node, uses: Mapping[Node, int]) -> Chain:
    ins, out = letters_of(root.attrs["letters"])
    names = iter(ALPHABET[len(set("".join(ins))) :])
    given = dict(zip(dict.fromkeys(out + "".join(ins)), ALPHABET, strict=False))
    factors = [Factor(x, "".join(given[c] for c in t)) for t, x in zip(ins, root.inputs, strict=True)]
    opened: list[Node] = []
    cost, k = _cost(root), 0
    while k < len(factors):
        node, letters = factors[k]
        own = letters_of(node.attrs["letters"]) if uses[node] == 1 and _opens(node) else ((), "")
        if not own[0] or node.dtype != root.dtype or len(factors) + len(own[0]) > MOST + 1:
            k += 1
            continue
        place = dict(zip(own[1], letters, strict=True))
        place |= dict(zip(dict.fromkeys(c for t in own[0] for c in t if c not in place), names, strict=False))
        opened.append(node)
        cost += _cost(node)
        inner = [Factor(x, "".join(place[c] for c in t)) for t, x in zip(own[0], node.inputs, strict=True)]
        factors[k : k + 1] = inner
    return Chain(tuple(factors), "".join(given[c] for c in out), tuple(opened), cost)


def _cost(node: Node) -> float:
    """The multiplications, or additions, of a product in one loop."""
    ins = letters_of(node.attrs["letters"])[0]
    sizes = {c: nominal(a) for t, x in zip(ins, node.inputs, strict=True) for c, a in zip(t, x.shape, strict=True)}
    return max(1, len(ins) - 1) * prod(sizes.values())


def _better(chain: Chain) -> Joined | None:
    """A cheaper order, or None."""
    if len(chain.factors) < 2 or (len(chain.factors) == 2 and not chain.opened):
        return None
    best = _cheapest(chain)
    return best if best.cost <= GAIN * chain.cost else None


def _cheapest(chain: Chain) -> Joined:
    factors, count = chain.factors, len(chain.factors)
    sizes = {c: nominal(a) for f in factors for c, a in zip(f.letters, f.node.shape, strict=True)}
    held = {
        mask: {c for k in range(count) if mask >> k & 1 for c in factors[k].letters} for mask in range(1 << count)
    }
    whole = (1 << count) - 1

    def kept(mask: int) -> str:
        outside = held[whole ^ mask] | set(chain.letters)
        letters = [
            c for c in dict.fromkeys(chain.letters + "".join(sorted(held[mask]))) if c in held[mask] & outside
        ]
        return chain.letters if mask == whole else "".join(letters)

    best: dict[int, Joined] = {}
    for mask in range(1, whole + 1):
        if mask & (mask - 1) == 0:
            factor = factors[mask.bit_length() - 1]
            alone = "".join(c for c in factor.letters if c in kept(mask))
            best[mask] = Joined(
                0.0 if alone == factor.letters else prod(sizes[c] for c in factor.letters), alone, factor
            )
            continue
        ways = (
            Joined(a.cost + b.cost + prod(sizes[c] for c in {*a.letters, *b.letters}), kept(mask), a, b)
            for a, b in ((best[part], best[mask ^ part]) for part in _parts(mask))
        )
        best[mask] = min(ways, key=lambda way: way.cost)
    return best[whole]


def _parts(mask: int) -> Iterator[int]:
    """The parts of a group that hold its first member, but for the group itself."""
    first, part = mask & -mask, (mask - 1) & mask
    while part:
        if part & first:
            yield part
        part = (part - 1) & mask


def _made(joined: Joined, done: Mapping[Node, Node]) -> Node:
    if isinstance(joined.left, Factor):
        node, letters = done[joined.left.node], joined.left.letters
        return node if letters == joined.letters else build((letters,), joined.letters, (node,))
    if joined.right is None:
        raise TypeError("a group of factors is made of two")
    terms = joined.left.letters, joined.right.letters
    return build(terms, joined.letters, (_made(joined.left, done), _made(joined.right, done)))
