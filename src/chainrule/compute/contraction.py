"""Products of any letters as matrix products: what BLAS computes, once axes are in its order.

A product of two has four kinds of letters: those of both operands and the value (for each of them one matrix
product), those of the left, those of the right, and those that are summed. Where every kind stands together and in
one order, the operands are matrices as they lie in memory, perhaps the other way round. Otherwise copies are laid
out.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from chainrule.algebra.contract import letters_of
from chainrule.algebra.letters import ALPHABET, PRODUCT_OP, build
from chainrule.algebra.node import Node, make, topological
from chainrule.algebra.signature import Axis, Shape

SMALL = 4096  # multiplications in one matrix product of many; below this, loops are faster than calls


class Matrices(NamedTuple):
    """A product as matrix products: for every index of `batch` one of left × summed with summed × right.

    turned    whether an operand lies in memory the other way round
    swapped   whether the value does
    """

    batch: str
    left: str
    summed: str
    right: str
    turned: tuple[bool, bool] = (False, False)
    swapped: bool = False


def sizes_of(node: Node) -> dict[str, Axis]:
    """The size of every letter of a product."""
    ins, out = letters_of(node.attrs["letters"])
    found = {c: a for t, x in zip(ins, node.inputs, strict=True) for c, a in zip(t, x.shape, strict=True)}
    return found | dict(zip(out, node.shape, strict=True))


def as_matrices(node: Node) -> Matrices | None:
    """How a product is computed as matrix products, or None."""
    if (
        node.op is not PRODUCT_OP
        or len(node.inputs) != 2
        or len({node.dtype, *(x.dtype for x in node.inputs)}) > 1
    ):
        return None
    (left, right), out = letters_of(node.attrs["letters"])
    kinds = _kinds(left, right, out)
    if not _is_worth(kinds, sizes_of(node)) or any(len(set(t)) < len(t) for t in (left, right, out)):
        return None
    for order in (kinds.summed, "".join(c for c in right if c in kinds.summed)):
        b, i, j = kinds.batch, kinds.left, kinds.right
        straight, turned = (b + i + order, b + order + j), (b + order + i, b + j + order)
        if (
            left in (straight[0], turned[0])
            and right in (straight[1], turned[1])
            and out in (b + i + j, b + j + i)
        ):
            return Matrices(b, i, order, j, (left != straight[0], right != straight[1]), out != b + i + j)
    return None


def _kinds(left: str, right: str, out: str) -> Matrices:
    """The letters of each kind, in the order of the value; those that are summed in the order of the left."""
    both = "".join(dict.fromkeys(c for c in out if c in left and c in right))
    ours, theirs = ("".join(dict.fromkeys(c for c in out if c in t and c not in both)) for t in (left, right))
    return Matrices(both, ours, "".join(dict.fromkeys(c for c in left if c in right and c not in out)), theirs)


def _is_worth(kinds: Matrices, sizes: dict[str, Axis]) -> bool:
    """Whether a call of BLAS is better than loops: not for inner products, nor for many small ones."""
    if not kinds.summed or not kinds.left + kinds.right:
        return False
    count: Axis = 1
    for c in kinds.left + kinds.summed + kinds.right:
        count = count * sizes[c]
    return not (kinds.batch and isinstance(count, int) and count < SMALL)


# ── the pass ──────────────────────────────────────────────────────────────────────────────────────────


def contracted(roots: Sequence[Node]) -> list[Node]:
    """The expressions with every product of two in a form that `as_matrices` reads, where it pays."""
    done: dict[Node, Node] = {}
    order = topological(roots)
    uses = Counter(chain(roots, *(node.inputs for node in order)))
    for node in order:
        inputs = [done[i] for i in node.inputs]
        made = make(node.op, *inputs, **node.attrs) if node.inputs else node
        if node.op is PRODUCT_OP and len(inputs) == 2:
            made = _laid_out(made)
            if as_matrices(made):
                made = _along_memory(
                    made, [uses[i] == 1 and done[i] is x for i, x in zip(node.inputs, made.inputs, strict=False)]
                )
        done[node] = made
    return [done[root] for root in roots]


def _along_memory(node: Node, alone: Sequence[bool]) -> Node:
    """The product of matrices with operands that are needed here `alone` laid out as what they are made of.

    Xᵀ diag(v) in Xᵀ diag(v) X is kept as diag(v) X, which is read and written row by row.
    """
    terms, out = letters_of(node.attrs["letters"])
    made, letters = list(node.inputs), list(terms)
    for k, (x, own) in enumerate(zip(node.inputs, terms, strict=True)):
        if not alone[k] or x.op is not PRODUCT_OP or x.attrs["sizes"]:
            continue
        inner, whole = letters_of(x.attrs["letters"])
        wide = next((t for t in inner if set(t) == set(whole) and len(t) == len(whole)), whole)
        if wide != whole and len(set(whole)) == len(whole) and set("".join(inner)) == set(whole):
            made[k] = build(inner, wide, x.inputs)
            letters[k] = wide.translate(str.maketrans(whole, own))
    other = _made(letters, out, made)
    return other if as_matrices(other) else node


def _laid_out(node: Node) -> Node:
    (left, right), out = letters_of(node.attrs["letters"])
    if set(left + right) <= set(out) or as_matrices(node):
        return node
    a, left = _without_lone(node.inputs[0], left, right + out, set(right) - set(left))
    b, right = _without_lone(node.inputs[1], right, left + out, set(left) - set(right))
    core = "".join(dict.fromkeys(c for c in out if c in left + right))
    kinds = _kinds(left, right, core)
    if _is_worth(kinds, sizes_of(node)):
        placed, value = _in_order(a, left, b, right, core, kinds)
    else:
        placed, value = _made([left, right], core, [a, b]), core
    return placed if value == out else _made([value], out, [placed], sizes_of(node))


def _without_lone(x: Node, term: str, others: str, spread: set[str]) -> tuple[Node, str]:
    """An operand with its diagonals taken, and summed over letters that nothing else has."""
    kept = "".join(dict.fromkeys(c for c in term if c in others or not spread))
    return (x, term) if kept == term else (_made([term], kept, [x]), kept)


def _in_order(a: Node, left: str, b: Node, right: str, core: str, kinds: Matrices) -> tuple[Node, str]:
    """The product of operands whose axes are moved so that it is one of matrices, and its letters."""
    batch, i, order, j = kinds.batch, kinds.left, kinds.summed, kinds.right
    fits = (batch + i + order, batch + order + i)
    if left not in fits:
        order = "".join(c for c in right if c in order)
        fits = (batch + i + order, batch + order + i)
    if left not in fits:
        a, left = _made([left], fits[0], [a]), fits[0]
    if right not in (batch + order + j, batch + j + order):
        b, right = _made([right], batch + order + j, [b]), batch + order + j
    value = batch + j + i if core == batch + j + i else batch + i + j
    return _made([left, right], value, [a, b]), value


def _made(terms: Sequence[str], out: str, inputs: Sequence[Node], sizes: dict[str, Axis] | None = None) -> Node:
    """The product with these letters, exactly: nothing is absorbed from the operands."""
    names = dict(zip(dict.fromkeys("".join(terms) + out), ALPHABET, strict=False))
    letters = ",".join("".join(names[c] for c in t) for t in terms) + "->" + "".join(names[c] for c in out)
    held = "".join(terms)
    new: Shape = tuple((sizes or {})[c] for c in dict.fromkeys(out) if c not in held)
    return make(PRODUCT_OP, *inputs, letters=letters, sizes=new)
