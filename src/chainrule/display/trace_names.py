"""Names for the rows of a trace: the user's own, and free letters for the rest: a, b, c, … and then v₁, v₂, …"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

from chainrule.algebra.contract import letters_of
from chainrule.algebra.label import label
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.names import spelt
from chainrule.algebra.node import CONSTANT, SIZE, VARIABLE, Node, make, variable
from chainrule.algebra.notation import HandName, phrase, set_in
from chainrule.algebra.op import Op
from chainrule.algebra.phrase import Phrase, infix
from chainrule.algebra.select import TAKE
from chainrule.algebra.signature import Dim

LETTERS = "abcdghkmnpqrtuvw"
"""What operations are called; e, i, j, l, o are read as something else, f and s are for results."""

RESULTS = ("fyFYzZ", "fsLJEy")
"""What an array, and a number, that nobody named is called, the first that is free."""

UPSTREAM = ("δ", "g", "G", "ḡ")


def is_plain(node: Node) -> bool:
    """Whether a leaf is written as the number that it is."""
    return node.op is SIZE or (node.op is CONSTANT and not node.shape)


def entry_number(node: Node) -> int | None:
    """Which entry or row an operation takes, if that is a plain number: 1 of z[1]."""
    if node.op is not TAKE or not is_plain(node.inputs[1]) or node.inputs[1].op is SIZE:
        return None
    return int(node.inputs[1].attrs["data"].array)


def taken_names(order: Sequence[Node], defined: Iterable[str]) -> set[str]:
    """Names that stand for something: variables, dimensions, and what the user defined."""
    dims = {d for n in order for a in n.shape if isinstance(a, Dim) for d in a.names}
    return {spelt(n.attrs["name"]) for n in order if n.op is VARIABLE} | dims | {spelt(name) for name in defined}


def free(letters: Iterable[str], taken: set[str]) -> str:
    """The first letter that stands for nothing yet, numbered if there is none; it is taken from now on."""
    known = list(letters)
    found = next(c for c in (*known, *(f"{known[0]}{k}" for k in range(len(taken) + 1))) if c not in taken)
    taken.add(found)
    return found


def name_rows(
    order: Sequence[Node], output: Node, defined: Mapping[str, Node], taken: set[str]
) -> dict[Node, str]:
    """A name for every node that is not a plain number; none of those that are taken is given anew."""
    names: dict[Node, str] = {n: n.attrs["name"] for n in order if n.op is VARIABLE}
    for name, node in defined.items():
        names.setdefault(node, name)
    open_ones = [n for n in order if n not in names and not is_plain(n)]
    if output in open_ones:
        names[output] = free(RESULTS[not output.shape], taken)
        open_ones.remove(output)
    fresh = _fresh(len(open_ones), taken)
    names.update((node, next(fresh)) for node in open_ones)
    return names


def _fresh(many: int, taken: set[str]) -> Iterator[str]:
    letters = [c for c in LETTERS if c not in taken]
    return iter(letters) if many <= len(letters) else (n for k in count(1) if (n := f"v{k}") not in taken)


# ── one operation on its operands' names ──────────────────────────────────────────────────────────────


def on_names(node: Node, names: Mapping[Node, str]) -> Node:
    """The operation with a variable of the row's name for every operand that is not a plain number."""
    return make(node.op, *(stand_in(i, names) for i in node.inputs), **node.attrs) if node.inputs else node


def stand_in(node: Node, names: Mapping[Node, str]) -> Node:
    """The variable that stands for a row; a plain number stands for itself."""
    return node if is_plain(node) or node.op is VARIABLE else variable(names[node], node.shape, node.dtype)


def multiplies_numbers(node: Node) -> bool:
    """Whether it is a product of numbers."""
    return node.op is PRODUCT_OP and len(node.inputs) > 1 and not any(i.shape for i in node.inputs)


def multiplies_entries(node: Node) -> bool:
    """Whether it is a product entry by entry of arrays that meet from the right, as NumPy's `*` has it."""
    if node.op is not PRODUCT_OP or len(node.inputs) < 2:
        return False
    ins, out = letters_of(node.attrs["letters"])
    return len(set(out)) == len(out) and out in ins and all(term and out.endswith(term) for term in ins)


def gate_phrase(node: Node, parts: Sequence[Phrase] | None = None) -> Phrase:
    """How one operation is written; products of numbers with a dot, so that `a · b` and `3 · 2` are alike."""
    parts = [phrase(i) for i in node.inputs] if parts is None else parts
    sign = "·" if multiplies_numbers(node) else "⊙" if multiplies_entries(node) else ""
    if not sign:
        return node.op.write(parts, node.inputs, **node.attrs)
    product = parts[0]
    for part in parts[1:]:
        product = infix(sign, product, part)
    return product


def equation_of(name: str, node: Node, hand: HandName = "echo") -> str:
    """`a = x + y` as this hand writes it."""
    text = set_in(Phrase("equation", parts=(label(name), gate_phrase(node))), hand)
    return re.sub(r"-(?!>)", "−", text) if hand == "echo" else text


# ── the sign in the circle ────────────────────────────────────────────────────────────────────────────

_SIGNS: Mapping[str, str] = {
    "minus": "−",
    "fraction": "÷",
    "opposite": "¬",
    "root": "√",
    "bracket": "[ ]",
    "indexed": "[ ]",
    "cases": "where",
}
_OF_OPS: Mapping[str, str] = {"power": "^", "negative": "−", "divide": "÷", "cast": "[ ]"}


def symbol_of(node: Node) -> str:
    """The sign or function of an operation, as it stands in its circle: `+`, `×`, `max`, `σ`."""
    if multiplies_numbers(node):
        return "×"
    if (entry := entry_number(node)) is not None:
        return f"[{entry}]"
    if node.op.name in _OF_OPS:
        return _OF_OPS[node.op.name]
    return _product_sign(node) if node.op is PRODUCT_OP else _sign(gate_phrase(node), node.op)


def _sign(written: Phrase, op: Op) -> str:
    match written.form:
        case "call" | "raised_call":
            return written.text
        case "infix":
            return "−" if written.text == "-" else written.text
        case "fence":
            return f"{written.text}·{written.text}"
    return _SIGNS.get(written.form, op.name)


def _product_sign(node: Node) -> str:
    """`·` of a contraction, `⊙` entry by entry, and what else one product can be."""
    left, _, out = node.attrs["letters"].partition("->")
    terms = left.split(",")
    summed = set(left) - set(out) - {","}
    if any(len(set(term)) < len(term) for term in terms):
        return "diag" if out else "tr"
    if len(terms) == 1:
        turned, diagonal = sorted(out) == sorted(left), len(set(out)) < len(out)
        return "Σ" if summed else "ᵀ" if turned else "diag" if diagonal else "⇉"
    if summed:
        return "·"
    return "×" if "" in terms else "⊙" if all(set(term) <= set(out) for term in terms) and _meet(terms) else "⊗"


def _meet(terms: Sequence[str]) -> bool:
    """Whether factors share an axis."""
    return any(set(a) & set(b) for k, a in enumerate(terms) for b in terms[k + 1 :])
