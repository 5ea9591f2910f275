"""The mistakes that are made in gradients by hand, as small edits of what was written: a table of rules.

    rules of a part      what may be wrong with a sum, a product, a function, a name, a number
    rules of any part    what may be missing: a transpose, a derivative, an inverse, a sum over the batch

Every rule yields the mended form and the sentence that says what was wrong. Whether an edit is right is not judged
here: that is a question of numbers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from chainrule.algebra.functions import FUNCTIONS
from chainrule.algebra.meaning import SHAPED
from chainrule.algebra.node import Node, topological
from chainrule.algebra.operand import lift
from chainrule.algebra.phrase import ATOM
from chainrule.compute.handwriting import Form, Handwriting, bare, made


class Change(NamedTuple):
    """A mended form, the mistake, how unusual it is, and where it shows: the whole, its sign, or an operand."""

    form: Form
    reason: str
    rank: float
    at: str = "whole"


DERIVATIVE, TRANSPOSE, TURNED, OPERATOR, SIGN, FACTOR, INVERSE, SUMMED, MISSING, NAME, EXTRA = range(11)
"""The kinds of mistakes: among edits that are equally right, the first kind is believed."""


class Slope(NamedTuple):
    """An activation of the formula: its name, its input, its value, and its derivative in the hand's signs."""

    name: str
    z: Node
    h: Node
    form: Form
    through: str


class Soft(NamedTuple):
    """A softmax p that the formula has, as the hand writes it, and 1 − p."""

    node: Node
    rest: Node
    form: Form


class Known(NamedTuple):
    """What a claim may speak of: names by their text, the slopes of the activations, and softmaxes."""

    names: Mapping[str, Form]
    slopes: Sequence[Slope]
    soft: Sequence[Soft] = ()
    parts: Sequence[Form] = ()
    """Parts of the formula that are no names."""
    dimensions: Sequence[str] = ()


# ── derivatives of functions of one variable ──────────────────────────────────────────────────────────

Derivative = Callable[[Handwriting, Form, Form], Form]  # of the hand, the argument and the value

DERIVATIVES: Mapping[str, tuple[Derivative, str]] = {
    "tanh": (lambda w, z, h: w.minus(w.number(1), w.squared(h)), "output"),
    "sigmoid": (lambda w, z, h: w.times(h, w.minus(w.number(1), h)), "output"),
    "relu": (lambda w, z, h: positive(z), "input"),
    "softplus": (lambda w, z, h: w.call("sigmoid", z), "input"),
    "exp": (lambda w, z, h: h, "output"),
    "log": (lambda w, z, h: w.over(w.number(1), z), "input"),
    "sqrt": (lambda w, z, h: w.over(w.number(0.5), h), "output"),
    "sin": (lambda w, z, h: w.call("cos", z), "input"),
    "cos": (lambda w, z, h: w.negative(w.call("sin", z)), "input"),
    "abs": (lambda w, z, h: w.call("sign", z), "input"),
}
"""Function → its derivative, and whether it is taken through the output or the input."""


def positive(z: Form) -> Form:
    """[z > 0], the derivative of relu."""
    node = made(lambda x: FUNCTIONS["cast"](FUNCTIONS["greater"](x, 0.0), x.dtype), z)
    return Form(f"({z.text} > 0)", ATOM, node, z.edits)


_LIKE: Mapping[str, Sequence[str]] = {
    "sum": ("mean",),
    "mean": ("sum",),
    "tanh": ("sigmoid",),
    "sigmoid": ("tanh", "softmax"),
    "softmax": ("sigmoid",),
    "sin": ("cos",),
    "cos": ("sin",),
    "exp": ("log",),
    "log": ("exp",),
    "det": ("logdet",),
    "logdet": ("det",),
    "norm1": ("norm2",),
}
"""Functions that are mistaken for one another."""


# ── what may be wrong with a part of each kind ────────────────────────────────────────────────────────


def of_sum(hand: Handwriting, sign: str, left: Form, right: Form) -> Iterator[Change]:
    """A sum or a difference: the sign, the order, a term that does not belong."""
    other = hand.minus(left, right) if sign == "+" else hand.plus(left, right)
    yield Change(other, f"the sign of {right.text}", SIGN, "signed")
    if sign == "-":
        back = hand.minus(right, left)
        yield Change(back, f"the sign: {back.text}, not {left.text} - {right.text}", SIGN - 0.5)
    yield Change(left, f"the term {right.text} does not belong here", EXTRA, "signed")
    rest = right if sign == "+" else hand.negative(right)
    yield Change(rest, f"the term {left.text} does not belong here", EXTRA, "left")


def of_product(hand: Handwriting, was: str, left: Form, right: Form, whole: Form) -> Iterator[Change]:
    """A product (⊙, @ or outer): of another kind, its factors exchanged, or with a factor that does not belong."""
    not_so = {"⊙": "not entry by entry", "@": "not the matrix product", "outer": "not the outer product"}[was]
    others = {
        "⊙": (hand.times(left, right), "⊙, the product entry by entry, belongs here"),
        "@": (hand.product(left, right), "a matrix product belongs here"),
        "outer": (hand.outer(left, right), "an outer product belongs here"),
    }
    scales = any(f.node is not None and not f.node.ndim for f in (left, right))
    for kind, (form, what) in others.items():
        if kind != was:
            text = "a number scales, and has no matrix product" if scales else f"{what}, {not_so}"
            yield Change(form, text, OPERATOR, "sign")
    back = hand.outer(right, left)
    if was == "outer":
        text = "the outer product is turned round (a missing transpose)"
        yield Change(back, text + _instead(back, whole), TRANSPOSE - 0.5)
    else:
        for first, second in ((right, left), (hand.turned(right), left), (right, hand.turned(left))):
            turned = hand.product(first, second)
            rank = (TURNED if was == "@" else OPERATOR + 0.3) + 0.2 * (first is not right or second is not left)
            yield Change(turned, f"the factors stand in the wrong order: {turned.text}", rank)
        yield Change(back, f"an outer product belongs here, {not_so}: {back.text}", OPERATOR + 0.5)
    yield Change(hand.over(left, right), "a quotient belongs here, not a product", OPERATOR + 0.5, "sign")
    for kept, gone, at in ((right, left, "left"), (left, right, "right")):
        yield Change(hand.column(kept), _too_many(gone), FACTOR if _is_number(gone) else EXTRA, at)


def _too_many(gone: Form) -> str:
    return f"a factor {gone.text} too many" if _is_number(gone) else f"the factor {gone.text} does not belong here"


def _is_number(form: Form) -> bool:
    return form.node is not None and form.node.op.name in ("constant", "size")


def of_quotient(hand: Handwriting, left: Form, right: Form) -> Iterator[Change]:
    """A quotient: turned round, a product, or without its denominator."""
    yield Change(hand.times(left, right), "a product belongs here, not a quotient", OPERATOR, "sign")
    yield Change(hand.over(right, left), "the quotient is turned round", TURNED)
    yield Change(left, f"a factor 1/{right.text} too many", FACTOR, "right")


def of_call(
    hand: Handwriting, name: str, arguments: Sequence[Form], axis: int | None, whole: Form
) -> Iterator[Change]:
    """A function: its derivative belongs here, its argument alone, another function, or another axis."""
    first = arguments[0]
    if name in DERIVATIVES:
        form = DERIVATIVES[name][0](hand, first, whole)
        yield Change(form, f"the derivative of {name}, {form.text}, belongs here, not {whole.text}", DERIVATIVE)
    yield Change(first, f"{first.text} belongs here, without {name}", EXTRA)
    if len(arguments) == 1:
        form = hand.call(name, hand.negative(first), axis=axis)
        yield Change(form, f"the sign inside {name}: {form.text}", SIGN + 0.5)
    kind = FACTOR + 0.3 if name in ("sum", "mean") else NAME
    for other in _LIKE.get(name, ()):
        yield Change(
            hand.call(other, *arguments, axis=axis), f"{other} belongs here, not {name}", kind, "function"
        )
    if name == "inv":
        form = hand.turned(first)
        yield Change(form, f"the transpose {form.text} belongs here, not the inverse", INVERSE)
    if name in ("sum", "mean") and first.node is not None:
        for other_axis in (None, *range(first.node.ndim)):
            form = hand.call(name, first, axis=other_axis)
            yield Change(form, f"the {name} is over another axis: {form.text}", TRANSPOSE - 0.5)


def of_name(name: str, known: Known, whole: Form) -> Iterator[Change]:
    """A name: another of the same shape, or else of as many axes."""
    for text, form in known.names.items():
        if whole.node is None or form.node is None or form.node.ndim != lift(whole.node).ndim or text == name:
            continue
        same = form.node.shape == whole.node.shape
        yield Change(form, f"{text} belongs here, not {name}", NAME if same else NAME + 0.5)
    for form in known.parts:
        if form.node is not None and whole.node is not None and whole.node in topological([form.node]):
            yield Change(form, f"{form.text} belongs here, not {name}", NAME + 0.3)


def of_number(hand: Handwriting, written: str, exponent: bool) -> Iterator[Change]:
    """A number: half, double, one more or less, the other sign."""
    value = float(written)
    for other in dict.fromkeys((2 * value, value / 2, value - 1, value + 1, -value, 1 / value if value else 1)):
        if other != value:
            form = hand.number(other)
            yield Change(form, f"the {'power' if exponent else 'number'} is {form.text}, not {written}", FACTOR)


def of_shaped(name: str, axes: Sequence[str], known: Known) -> Iterator[Change]:
    """ones(n), eye(n): another dimension."""
    for k, axis in enumerate(axes):
        for other in known.dimensions:
            if other != axis:
                changed = [*axes[:k], other, *axes[k + 1 :]]
                text = f"{name}({', '.join(changed)})"
                node = SHAPED[name](*(int(a) if a.isdigit() else a for a in changed))
                reason = f"{text} belongs here, not {name}({', '.join(axes)})"
                yield Change(Form(text, ATOM, node), reason, FACTOR + 0.2)


# ── what may be missing at any part ───────────────────────────────────────────────────────────────────


def missing(
    hand: Handwriting, form: Form, known: Known, *, common: bool = False, marked: bool = False
) -> Iterator[Change]:
    """What a form may lack; only the common mistakes if `common`, no transpose if it is `marked` as turned."""
    if form.node is None:
        return
    node, was = lift(form.node), form.text
    if node.ndim == 2 and not marked:
        yield from _of_matrix(hand, form, node)
    for slope in known.slopes:
        yield from _slopes(hand, form, node, slope)
    if node.ndim:
        for axis in (0, *((1, None) if node.ndim == 2 and not common else ())):
            total = hand.call("sum", form, axis=axis if node.ndim > 1 else None)
            yield Change(total, f"a sum over the batch is missing: {total.text}", SUMMED)
    if common:
        yield from _same_shape(hand, form, node, known)
        return
    if node.ndim == 1:
        diagonal = hand.call("diag", form)
        yield Change(diagonal, f"{was} belongs on a diagonal: {diagonal.text}", MISSING)
    if form.power == ATOM:
        square = hand.squared(form)
        yield Change(square, f"a missing square: {square.text}", FACTOR)
    if any(node is slope.h for slope in known.slopes):
        rest = hand.minus(hand.number(1), form)
        yield Change(rest, f"{rest.text} belongs here, not {was}", DERIVATIVE)
    yield from _factors(hand, form, node, known)
    yield from _terms(hand, form, node, known)


def _of_matrix(hand: Handwriting, form: Form, node: Node) -> Iterator[Change]:
    turned = hand.turned(form)
    what = "a missing transpose" if len(turned.text) > len(form.text) else "a transpose too many"
    rank = TRANSPOSE - 0.1 * (node.op.name == "inv")  # inv(X).T, rather than inv(X.T)
    yield Change(turned, what + _instead(turned, form), rank)
    if node.shape[0] == node.shape[1] and node.op.name != "inv":
        inverse = hand.call("inv", form)
        yield Change(inverse, "a missing inverse" + _instead(inverse, form), INVERSE)
        both = hand.turned(inverse)
        yield Change(both, "a missing transposed inverse" + _instead(both, form), INVERSE + 0.5)


def _instead(form: Form, wrong: Form) -> str:
    """What is right in the place of what is wrong, where that is short enough to be seen at a glance."""
    return f": {form.text}, not {bare(wrong)}" if len(form.text) < 40 else ""


def _slopes(hand: Handwriting, form: Form, node: Node, slope: Slope) -> Iterator[Change]:
    right = slope.form
    if right.node is None:
        return
    if node.shape == right.node.shape:
        parts = topological([node])
        if right.node in parts:
            text = f"{bare(right)} alone belongs here, not {bare(form)}"
            yield Change(right._replace(edits=form.edits), text, EXTRA)
        elif slope.z in parts:
            text = f"the derivative of {slope.name} through its {slope.through} is {bare(right)}, not {bare(form)}"
            yield Change(right._replace(edits=form.edits), text, DERIVATIVE)
        else:
            text = f"the derivative of {slope.name}, {bare(right)}, belongs here, not {bare(form)}"
            yield Change(right._replace(edits=form.edits), text, NAME)
    product = hand.times(form, right)
    if product.node is not None and product.node.ndim == node.ndim:
        rank = MISSING + 0.3 * (node.shape != right.node.shape)
        yield Change(product, f"the derivative of {slope.name} is missing: {bare(right)}", rank)


def _same_shape(hand: Handwriting, form: Form, node: Node, known: Known) -> Iterator[Change]:
    for text, other in known.names.items():
        if node.ndim and other.node is not None and other.node.shape == node.shape:
            yield Change(hand.times(form, other), f"a factor {text} is missing", MISSING + 0.5)


def _factors(hand: Handwriting, form: Form, node: Node, known: Known) -> Iterator[Change]:
    for text, other in known.names.items():
        if other.node is None:
            continue
        reason = f"a factor {text} is missing"
        if not other.node.ndim:
            yield Change(hand.times(other, form), reason, MISSING + 0.5)
            yield Change(hand.over(form, other), f"a factor 1/{text} is missing", MISSING + 0.5)
            continue
        if not node.ndim or other.node.shape == node.shape[-other.node.ndim :]:
            rank = MISSING + 0.5 + 0.2 * (node.shape != other.node.shape)
            yield Change(hand.times(form, other), reason, rank)
        if other.node.ndim == 2:
            for factor in (other, hand.turned(other)):
                yield Change(hand.product(factor, form), f"a factor {factor.text} is missing", MISSING + 0.5)
                if node.ndim == 2:
                    yield Change(hand.product(form, factor), f"a factor {factor.text} is missing", MISSING + 0.5)
        elif node.ndim == 1:
            yield Change(hand.outer(form, other), reason, MISSING + 0.7)
            yield Change(hand.outer(other, form), reason, MISSING + 0.7)


def _terms(hand: Handwriting, form: Form, node: Node, known: Known) -> Iterator[Change]:
    for text, other in known.names.items():
        if other.node is not None and other.node.shape == node.shape and other.node is not node:
            yield Change(hand.plus(form, other), f"a term is missing: + {text}", MISSING + 0.5)
            yield Change(hand.minus(form, other), f"a term is missing: − {text}", MISSING + 0.5)


def slopes_of(s: Node, hand: Handwriting, written: Callable[[Node], Form]) -> list[Slope]:
    """The activations of an expression, with their derivatives as the hand writes them."""
    found = []
    for node in topological([s]):
        name = node.op.name
        if name in DERIVATIVES and node.ndim:
            z, h = written(node.inputs[0]), written(node)
            derivative, through = DERIVATIVES[name]
            found.append(Slope(name, node.inputs[0], node, derivative(hand, z, h), through))
    return found


def softmaxes_of(s: Node, written: Callable[[Node], Form]) -> list[Soft]:
    """The softmaxes of vectors in an expression."""
    found = [node for node in topological([s]) if node.op.name == "softmax" and node.ndim == 1]
    return [Soft(node, 1 - node, written(node)) for node in found]
