"""Functions written out in a product, such as exp x / Σ exp x, and functions that meet their like, sign(x) |x|."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainrule.algebra.entrywise import EXP, SIGN_OP, abs as absolute, exp, relu, sigmoid, tanh
from chainrule.algebra.node import VARIABLE, Node, make
from chainrule.algebra.reduce import SOFTMAX
from chainrule.calculus.function_laws import minus, one_plus_exp, sum_of_exp
from chainrule.calculus.law import TermLaw
from chainrule.calculus.terms import Factor, Term, number_of

if TYPE_CHECKING:
    from chainrule.calculus.reading import Reader


def _softmax_written_out(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """exp x / Σ exp x = softmax x."""
    f = term.factors[k]
    if f.power != 1:
        return None
    for i, g in enumerate(term.factors):
        found = sum_of_exp(g.base) if g.power == -1 else None
        if found is None or found[0] is not f.base.inputs[0] or len(found[1]) != 1:
            continue
        axis = found[1][0] % len(f.letters)
        if g.letters == f.letters[:axis] + f.letters[axis + 1 :]:
            p = make(SOFTMAX, found[0], axes=found[1])
            return [term.without(k, i).times(1.0, Factor(p, f.letters))]
    return None


def _sigmoid_written_out(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """1 / (1 + exp(-x)) = σ(x), exp x / (1 + exp x) = σ(x), and exp x / (1 + exp x)² = σ(x) - σ(x)²."""
    f = term.factors[k]
    if f.power >= 0:
        return None
    found = one_plus_exp(reader, f.base)
    if found is None:
        return None
    x, sign = found
    for i, g in enumerate(term.factors):
        if sign > 0 and g.base is exp(x) and g.letters == f.letters and -f.power - g.power in (0, 1):
            rest, h = term.without(k, i), Factor(sigmoid(x), f.letters, g.power)
            if g.power == -f.power:
                return [rest.times(1.0, h)]
            return [rest.times(1.0, h), rest.times(-1.0, h._replace(power=g.power + 1))]
    argument = x if sign < 0 else minus(reader, x)
    node = reader.best(sigmoid(argument))
    return [term.without(k).times(1.0, Factor(node, f.letters, -f.power))]


def _sigmoid_of_difference(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """exp u / (exp u + exp v) = σ(u - v)."""
    f = term.factors[k]
    pair = _two_exponents(reader, f.base) if f.power == -1 else None
    if pair is None:
        return None
    for u, v in (pair, pair[::-1]):
        for i, g in enumerate(term.factors):
            if g == Factor(exp(u), f.letters) and u.shape == v.shape:
                difference = reader.best(sigmoid(reader.best(u - v)))
                return [term.without(k, i).times(1.0, Factor(difference, f.letters))]
    return None


def _two_exponents(reader: "Reader", node: Node) -> tuple[Node, Node] | None:
    """The u and v of exp(u) + exp(v)."""
    terms = reader.terms(node)
    plain = [t.factors[0].base for t in terms if t.number == 1 and len(t.factors) == 1 and t.factors[0].power == 1]
    if len(terms) != 2 or len(plain) != 2 or any(base.op is not EXP for base in plain):
        return None
    return plain[0].inputs[0], plain[1].inputs[0]


def _exp_meets_sigmoid(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """exp(-x) σ(x) = 1 - σ(x)."""
    f = term.factors[k]
    for i, g in enumerate(term.factors):
        if f.power == -1 and g.letters == f.letters and g.power >= 1 and g.base is sigmoid(f.base.inputs[0]):
            rest = term.without(k, i)
            rest = rest.times(1.0, g._replace(power=g.power - 1)) if g.power != 1 else rest
            return [rest, rest._replace(number=-rest.number).times(1.0, g._replace(power=1.0))]
    return None


def _tanh_written_out(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ) = tanh x."""
    f = term.factors[k]
    below = _pair_of_exp(reader, f.base)
    if f.power != -1 or below is None or below[1] != (1.0, 1.0):
        return None
    for i, g in enumerate(term.factors):
        above = _pair_of_exp(reader, g.base) if g.power == 1 and g.letters == f.letters else None
        if above is not None and above[0] is below[0] and above[1] in ((1.0, -1.0), (-1.0, 1.0)):
            return [term.without(k, i).times(above[1][0], Factor(tanh(above[0]), f.letters))]
    return None


def _pair_of_exp(reader: "Reader", node: Node) -> tuple[Node, tuple[float, float]] | None:
    """The x and the numbers a, b of a exp(x) + b exp(-x)."""
    terms = reader.terms(node) if node.op.name in ("add", "subtract") else ()
    if len(terms) != 2 or any(len(t.factors) != 1 or t.factors[0].base.op is not EXP for t in terms):
        return None
    first, second = sorted(terms, key=lambda t: -t.factors[0].power)
    same = first.factors[0].base is second.factors[0].base
    powers = first.factors[0].power, second.factors[0].power
    return (first.factors[0].base.inputs[0], (first.number, second.number)) if same and powers == (1, -1) else None


def _sign_meets_abs(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """sign(x) |x| = x."""
    f = term.factors[k]
    x = f.base.inputs[0]
    for i, g in enumerate(term.factors):
        if (
            g.base.op is SIGN_OP
            and g.base.inputs[0] is x
            and g.power == 1
            and g.letters == f.letters
            and f.power >= 1
        ):
            rest = term.without(k, i).times(1.0, Factor(x, f.letters))
            return [rest.times(1.0, f._replace(power=f.power - 1)) if f.power != 1 else rest]
    if f.power > 0 and f.power % 2 == 0:
        return [term.without(k).times(1.0, Factor(x, f.letters, f.power))]
    return None


def _indicator(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """[c]² = [c], relu(x) [x > 0] = relu(x), and x [x > 0] = relu(x)."""
    f = term.factors[k]
    if f.power > 1:
        factors = tuple(g._replace(power=1.0) if i == k else g for i, g in enumerate(term.factors))
        return [term._replace(factors=factors)]
    condition = f.base.inputs[0]
    if condition.op.name != "less" or f.power != 1:
        return None
    low, high = condition.inputs
    for i, g in enumerate(term.factors):
        if g.letters == f.letters and g.power >= 1:
            if g.base.op.name == "relu" and _is_difference(g.base.inputs[0], high, low):
                return [term.without(k)]
            if g.power == 1 and g.base.op is not VARIABLE and _is_difference(g.base, high, low):
                return [term.without(k, i).times(1.0, Factor(relu(g.base), f.letters))]
    return None


def _is_difference(x: Node, high: Node, low: Node) -> bool:
    """Whether x is high - low."""
    return (x is high and number_of(low) == 0) or (x.op.name == "subtract" and x.inputs == (high, low))


def _sign_meets_its_argument(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """sign(x) x = |x|."""
    f = term.factors[k]
    x = f.base.inputs[0]
    for i, g in enumerate(term.factors):
        if g == Factor(x, f.letters) and f.power == 1:
            return [term.without(k, i).times(1.0, Factor(absolute(x), f.letters))]
    return None


WRITTEN_OUT: Sequence[TermLaw] = (
    TermLaw("sign(x) x = |x|", ("sign",), _sign_meets_its_argument),
    TermLaw("exp x / Σ exp x = softmax x", ("exp",), _softmax_written_out),
    TermLaw("1 / (1 + exp(-x)) = σ(x)", ("add",), _sigmoid_written_out),
    TermLaw("exp u / (exp u + exp v) = σ(u - v)", ("add",), _sigmoid_of_difference),
    TermLaw("exp(-x) σ(x) = 1 - σ(x)", ("exp",), _exp_meets_sigmoid),
    TermLaw("(eˣ - e⁻ˣ) / (eˣ + e⁻ˣ) = tanh x", ("add",), _tanh_written_out),
    TermLaw("sign(x) |x| = x, |x|² = x²", ("abs",), _sign_meets_abs),
    TermLaw("relu(x) [x > 0] = relu(x)", ("cast",), _indicator),
)
