"""What is known of variables beyond their shapes, and what follows: symmetric, positive definite, one-hot …

A fact is used as a law (`terms`, `laws`); the facts that an answer rests on are noted, in the order of use.
"""

import difflib
from collections.abc import Iterable, Mapping

from chainrule.algebra.node import VARIABLE, Node
from chainrule.algebra.notation import write
from chainrule.algebra.signature import shape_text
from chainrule.errors import FormulaError

IMPLIED: Mapping[str, tuple[str, ...]] = {
    "symmetric": (),
    "positive definite": ("symmetric",),
    "diagonal": ("symmetric",),
    "orthogonal": (),
    "idempotent": (),
    "one-hot": ("sums to one",),
    "sums to one": (),
    "rows sum to one": (),
    "positive": (),
    "constant": (),
}
"""Each fact, and the facts that follow from it."""

FACTS = tuple(IMPLIED)

SPELLINGS: Mapping[str, str] = {
    "spd": "positive definite",
    "psd": "positive definite",
    "positive-definite": "positive definite",
    "posdef": "positive definite",
    "onehot": "one-hot",
    "one hot": "one-hot",
    "sum to one": "sums to one",
    "sums to 1": "sums to one",
    "sum to 1": "sums to one",
    "rows sum to 1": "rows sum to one",
    "rows sums to one": "rows sum to one",
    "projector": "idempotent",
    "projection": "idempotent",
    "const": "constant",
}

_RANKS: Mapping[str, tuple[int, ...]] = {
    "symmetric": (2,),
    "positive definite": (2,),
    "diagonal": (2,),
    "orthogonal": (2,),
    "idempotent": (2,),
    "one-hot": (1, 2),
    "sums to one": (1,),
    "rows sum to one": (2,),
}


class Facts:
    """What was declared of variables. `holds` asks, `use` asks and notes that an answer rests on it."""

    def __init__(self, declared: Mapping[Node, Iterable[str]] | None = None) -> None:
        self.declared: dict[Node, frozenset[str]] = {}
        self.stated: dict[Node, tuple[str, ...]] = {}
        for node, facts in (declared or {}).items():
            self.stated[node] = tuple(_accepted(node, fact) for fact in facts)
            self.declared[node] = frozenset(f for fact in self.stated[node] for f in _closed(fact))
        self.used: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.declared)

    def holds(self, what: str, node: Node) -> bool:
        """Whether this was declared of a variable, or follows from what was."""
        return what in self.declared.get(node, ())

    def use(self, what: str, node: Node) -> bool:
        """The same as `holds`, and noted in `used`."""
        if not self.holds(what, node):
            return False
        self.note(what, node)
        return True

    def note(self, what: str, node: Node) -> None:
        """Note that an answer rests on a fact about a variable."""
        name = write(node, 40)
        text = f"{name} {what}" if what.startswith("sums") else f"{name} is {what}"
        if what == "rows sum to one":
            text = f"the rows of {name} sum to one"
        if text not in self.used:
            self.used.append(text)

    def of(self, node: Node) -> frozenset[str]:
        """All that is known of a variable."""
        return self.declared.get(node, frozenset())


def _closed(fact: str) -> Iterable[str]:
    yield fact
    for implied in IMPLIED[fact]:
        yield from _closed(implied)


def _accepted(node: Node, written: str) -> str:
    """The fact as the table names it; FormulaError if there is none, or it makes no sense of this shape."""
    fact = " ".join(written.lower().replace("_", " ").split())
    fact = SPELLINGS.get(fact, fact)
    name, shape = write(node, 40), shape_text(node.shape)
    if fact not in IMPLIED:
        near = difflib.get_close_matches(fact, [*FACTS, *SPELLINGS], n=1)
        hint = f"; did you mean {SPELLINGS.get(near[0], near[0])!r}?" if near else ""
        raise FormulaError(f"{written!r} is no fact about {name}{hint}; the facts are {', '.join(FACTS)}")
    ranks = _RANKS.get(fact)
    square = fact not in ("symmetric", "positive definite", "diagonal", "orthogonal", "idempotent")
    if ranks and (node.ndim not in ranks or not (square or node.shape[0] == node.shape[1])):
        what = {(1,): "a vector", (2,): "a matrix", (1, 2): "a vector, or of the rows of a matrix"}[ranks]
        raise FormulaError(
            f"{fact!r} is said of {what if square else 'a square matrix'}, and {name} is {shape}; "
            "give it another shape, or leave the fact out"
        )
    if fact == "one-hot" and node.ndim == 2:
        return "rows sum to one"
    return fact


def read_facts(written: Iterable[str] | Mapping[str, str | Iterable[str]], variables: Mapping[str, Node]) -> Facts:
    """Facts by name of variable: `["y: sums to one", "A: symmetric, positive"]` or `{"y": "sums to one"}`.

    Raises FormulaError for a name or a fact that is unknown, with the one that may be meant.
    """
    declared: dict[Node, list[str]] = {}
    for name, facts in _pairs(written):
        if name not in variables:
            near = difflib.get_close_matches(name, variables, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise FormulaError(
                f"a fact is stated of {name!r}, and the formula has only {', '.join(variables)}{hint}"
            )
        if variables[name].op is not VARIABLE:
            raise FormulaError(f"a fact is stated of {name}, which the formula defines; state it of variables")
        declared.setdefault(variables[name], []).extend(facts)
    return Facts(declared)


def _pairs(written: Iterable[str] | Mapping[str, str | Iterable[str]]) -> Iterable[tuple[str, list[str]]]:
    if isinstance(written, Mapping):
        for name, facts in written.items():
            yield name, _split(facts) if isinstance(facts, str) else list(facts)
        return
    for text in [written] if isinstance(written, str) else written:
        name, sign, facts = text.partition(":")
        if not (sign and name.strip() and facts.strip()):
            raise FormulaError(f"{text!r}: write NAME: FACT, as in 'y: sums to one'")
        yield name.strip(), _split(facts)


def _split(facts: str) -> list[str]:
    return [f.strip() for f in facts.split(",") if f.strip()]
