"""What a claim would be after small edits: each part of its tree with none, one or two mistakes mended.

The forms of a part are made of the forms of its parts, so that an edit deep inside costs no more than the way up
from it. Forms that are the same expression are kept once, with the fewest and likeliest edits.
"""

from collections.abc import Iterator, Sequence
from itertools import product

from chainrule.algebra.formula import Part
from chainrule.algebra.meaning import ALIASES, SHAPED, Reading
from chainrule.algebra.node import Node, topological
from chainrule.algebra.operand import lift
from chainrule.algebra.phrase import ATOM, BINDING, ENTRYWISE, POWER, PREFIX
from chainrule.compute.handwriting import ENTRY_SIGNS, MINUS, Edit, Form, Handwriting, bare, fits, made, wrapped
from chainrule.compute.mistakes import (
    DERIVATIVE,
    DERIVATIVES,
    EXTRA,
    FACTOR,
    SIGN as SIGNED,
    TURNED,
    Change,
    Known,
    missing,
    of_call,
    of_name,
    of_number,
    of_product,
    of_quotient,
    of_shaped,
    of_sum,
)

MOST_FORMS = 15_000
"""How many edited forms are made at most; what is not found among them is not found."""

MOST_PARTS = 300
"""A claim of more parts than this is judged, but not searched."""

PRODUCTS = frozenset((*ENTRY_SIGNS, "@", "beside"))

_FIRST_ALONE = frozenset(("matpow", "reshape", "clip"))  # what follows is no expression
_CLOSED = frozenset(("ones", "zeros", "eye", "full", "einsum", "concat"))


def operands(part: Part) -> Sequence[Part]:
    """The parts of a part that are expressions of their own."""
    if part.kind == "index" or part.value == "superscript":
        return part.parts[:1]
    if part.kind in ("infix", "prefix", "postfix"):
        return part.parts
    if part.kind == "call" and part.value not in _CLOSED:
        return part.parts[:1] if part.value in _FIRST_ALONE else part.parts
    return ()


def all_parts(tree: Part) -> list[Part]:
    """A part and every part of it, whatever it is."""
    found, waiting = [], [tree]
    while waiting:
        part = waiting.pop()
        found.append(part)
        waiting += [*part.parts, *(p for _, p in part.options)]
    return found


class Edits:
    """The edited forms of the parts of one text. `made` counts them, up to `MOST_FORMS`."""

    def __init__(
        self, text: str, parts: Sequence[Part], reading: Reading, hand: Handwriting, known: Known
    ) -> None:
        self.text, self.reading, self.hand, self.known = text, reading, hand, known
        self.count = 0
        self._marked = {id(part.parts[0]) for part in parts if part.kind == "postfix"}
        self._bases: dict[int, Form] = {}
        self._forms: dict[tuple[int, int, bool], list[Form]] = {}

    # ── as it stands ──────────────────────────────────────────────────────────────────────────────────

    def base(self, part: Part) -> Form:
        """The part as it was written."""
        if id(part) not in self._bases:
            self._bases[id(part)] = self._rebuilt(part, [self.base(p) for p in operands(part)])
        return self._bases[id(part)]

    def _rebuilt(self, part: Part, forms: Sequence[Form]) -> Form:
        """The part with other operands; the rest of its text is kept as it was written."""
        node = self._node(part, forms)
        if part.kind == "infix" and part.value == "@" and _is_outer(node, forms):
            return self.hand.join("@", *forms)
        pieces, at = [], part.start
        for operand, form, power in zip(operands(part), forms, _needs(part), strict=bool(forms)):
            pieces += [self.text[at : operand.start], wrapped(form, power) if form.edits else form.text]
            at = operand.end
        text = "".join([*pieces, self.text[at : part.end]])
        return Form(text, self._power(part), node, tuple(e for f in forms for e in f.edits))

    def _enclosed(self, part: Part) -> bool:
        return part.start < part.parts[0].start if part.kind == "infix" else self.text[part.start] == "("

    def _power(self, part: Part) -> int:
        if self._enclosed(part) or part.kind not in ("infix", "prefix"):
            return ATOM
        if part.kind == "prefix":
            return MINUS if part.value == "-" else PREFIX
        return BINDING.get(part.value, ATOM)

    def _node(self, part: Part, forms: Sequence[Form]) -> Node | None:
        def read(*nodes: Node) -> Node:
            self.reading.known = {id(p): node for p, node in zip(operands(part), nodes, strict=True)}
            return self.reading.node(part)

        if part.kind == "infix" and len(forms) == 2 and not fits(self._sign(part), *forms):
            return None
        return made(read, *forms)

    def _sign(self, part: Part) -> str:
        """The sign of an infix in Python's spelling, where `*` works entry by entry."""
        return "" if part.value == "*" and self.hand.syntax == "matlab" else part.value

    # ── edited ────────────────────────────────────────────────────────────────────────────────────────

    def forms(self, part: Part, edits: int, common: bool = False) -> list[Form]:
        """The part after so many edits, each expression once; only after common mistakes if `common`."""
        if not edits:
            return [self.base(part)]
        key = id(part), edits, common
        if key not in self._forms:
            found: dict[Node, Form] = {}
            base = self.base(part).node
            for form in self._made(part, edits, common):
                self.count += 1
                node = form.node
                if node is not None and node is not base and (node not in found or form.cost < found[node].cost):
                    found[node] = form
                if self.count > MOST_FORMS:
                    break
            self._forms[key] = sorted(found.values(), key=lambda form: form.cost)
        return self._forms[key]

    def _made(self, part: Part, edits: int, common: bool) -> Iterator[Form]:
        for form in self.forms(part, edits - 1, common):
            for change in missing(self.hand, form, self.known, common=common, marked=id(part) in self._marked):
                yield _noted(change, part.start, part.end)
        for forms in self._operands(part, edits - 1, common):
            for change in self._wrong(part, forms):
                if not (common and change.rank >= EXTRA):
                    yield _noted(change, *self._place(part, change.at))
        activation = part.kind == "call" and part.value in DERIVATIVES
        for forms in self._operands(part, edits, common):
            if not (
                activation and DERIVATIVE in [e.rank for e in forms[0].edits]
            ):  # tanh(1 - h**2) is nobody's mistake
                yield self._rebuilt(part, forms)

    def _operands(self, part: Part, edits: int, common: bool) -> Iterator[Sequence[Form]]:
        """The operands with so many edits in all of them together."""
        parts = operands(part)
        for share in product(range(edits + 1), repeat=len(parts)):
            if sum(share) == edits:
                yield from product(*(self.forms(p, n, common) for p, n in zip(parts, share, strict=True)))

    def _wrong(self, part: Part, forms: Sequence[Form]) -> Iterator[Change]:
        if part.kind == "number":
            yield from of_number(self.hand, part.value, False)
        elif part.kind == "name":
            yield from of_name(part.value, self.known, self.base(part))
        elif part.kind == "prefix" and part.value == "-":
            yield Change(forms[0], f"the sign of {forms[0].text}", SIGNED - 0.6)
        elif part.kind == "call" and part.value in SHAPED:
            axes = [p.value for p in part.parts if p.kind in ("name", "number")]
            yield from of_shaped(part.value, axes, self.known) if len(axes) == len(part.parts) else ()
        elif part.kind == "call" and forms:
            yield from self._call(part, forms)
        elif part.kind == "infix":
            yield from self._infix(part, forms[0], forms[-1])

    def _call(self, part: Part, forms: Sequence[Form]) -> Iterator[Change]:
        name = ALIASES.get(part.value, part.value)
        if name == "outer" and len(forms) == 2:
            yield from of_product(self.hand, "outer", forms[0], forms[1], self._rebuilt(part, forms))
        else:
            axis = next((p.value for option, p in part.options if option == "axis" and p.value.isdigit()), None)
            yield from of_call(
                self.hand, name, forms, None if axis is None else int(axis), self._rebuilt(part, forms)
            )

    def _infix(self, part: Part, left: Form, right: Form) -> Iterator[Change]:
        if part.value in ("+", "-"):
            yield from of_sum(self.hand, part.value, left, right)
        elif part.value in PRODUCTS:
            whole = self._rebuilt(part, (left, right))
            yield from of_product(self.hand, self._kind(part, left, right), left, right, whole)
            yield from self._inside(part, right)
            yield from self._through_softmax(part)
        elif part.value in ("/", "./"):
            yield from of_quotient(self.hand, left, right)
        elif part.value in ("^", ".^", "superscript"):
            yield Change(left, f"{left.text} belongs here, without a power", EXTRA)
            square = self.hand.squared(left)
            yield Change(square, f"a square belongs here: {square.text}", FACTOR)

    def _kind(self, part: Part, left: Form, right: Form) -> str:
        if part.value in ENTRY_SIGNS - {"*"} or (part.value == "*" and self.hand.syntax == "python"):
            return "⊙"
        if left.node is None or right.node is None:
            return "@"
        if part.value != "@" and not (left.node.ndim and right.node.ndim):
            return "⊙"
        return "outer" if _is_outer(self._node(part, (left, right)), (left, right)) else "@"

    def _inside(self, part: Part, right: Form) -> Iterator[Change]:
        """In a chain a b c: the last two factors exchanged, or both mended as one."""
        inner = part.parts[0]
        if inner.kind != "infix" or inner.value not in PRODUCTS or self._enclosed(inner) or right.edits:
            return
        first, second = (self.base(p) for p in inner.parts)
        if inner.value == part.value:
            sign = part.value
            back = self.hand.join(sign, self.hand.join(sign, first, right), second)
            yield Change(back, f"the factors stand in the wrong order: {back.text}", TURNED, "end")
        if part.value in ENTRY_SIGNS and inner.value in ENTRY_SIGNS:
            both = self.hand.join(part.value, second, right)
            for slope in self.known.slopes:
                form = self.hand.join(part.value, first, slope.form)
                if both.node is not None and slope.form.node in topological([both.node]):
                    yield Change(form, f"{slope.form.text} alone belongs here, not {both.text}", EXTRA, "end")
                else:
                    what = f"the derivative of {slope.name} through its {slope.through} is {bare(slope.form)}"
                    yield Change(form, f"{what}, not {both.text}", DERIVATIVE, "end")

    def _through_softmax(self, part: Part) -> Iterator[Change]:
        """p ⊙ (a − pᵀ a), where a ⊙ p or a ⊙ p ⊙ (1 − p) was written as for a function entry by entry."""
        factors = [self.base(p) for p in _factors(part)]
        for slope in self.known.soft:
            rest = [f for f in factors if f.node is not slope.node and f.node is not slope.rest]
            if slope.node not in [f.node for f in factors] or not rest:
                continue
            total = rest[0]
            for factor in rest[1:]:
                total = self.hand.times(total, factor)
            mean = self.hand.product(slope.form, total)
            form = self.hand.times(slope.form, self.hand.minus(total, mean))
            yield Change(form, f"softmax mixes the entries: {form.text} belongs here", DERIVATIVE)

    def _place(self, part: Part, at: str) -> tuple[int, int]:
        if part.kind == "call" and at in ("sign", "function"):
            return part.start, part.start + len(part.value)
        if part.kind != "infix" or at == "whole":
            return part.start, part.end
        left, right = part.parts
        sign = self.text[left.end : right.start]
        start = left.end + len(sign) - len(sign.lstrip())
        end = left.end + len(sign.rstrip())
        inner = left.parts[1] if at == "end" else left
        return {
            "sign": (start, end) if sign.strip() else (part.start, part.end),
            "signed": (start, right.end),
            "left": (left.start, left.end),
            "right": (right.start, right.end),
            "end": (inner.start, right.end),
        }[at]


def _factors(part: Part) -> list[Part]:
    """The factors of a product entry by entry."""
    if part.kind == "infix" and part.value in ENTRY_SIGNS:
        return [factor for side in part.parts for factor in _factors(side)]
    return [part]


def _needs(part: Part) -> Sequence[int]:
    """How tightly each operand must hold together where it stands."""
    if part.value == "superscript":
        return (ATOM,)
    if part.kind == "infix":
        power = BINDING[part.value]
        if power == POWER:
            return POWER + 1, POWER
        return power, POWER if part.value == "beside" else power + 1
    if part.kind == "prefix":
        return (ENTRYWISE if part.value == "-" else PREFIX,)
    return [0] * len(part.parts) if part.kind == "call" else (ATOM,)


def _is_outer(node: Node | None, forms: Sequence[Form]) -> bool:
    return (
        node is not None and node.ndim == 2 and all(f.node is not None and lift(f.node).ndim == 1 for f in forms)
    )


def _noted(change: Change, start: int, end: int) -> Form:
    """The form of a change, with the change noted as an edit of its place."""
    edits = dict.fromkeys((*change.form.edits, Edit(start, end, change.reason, change.rank)))
    return change.form._replace(edits=tuple(edits))
