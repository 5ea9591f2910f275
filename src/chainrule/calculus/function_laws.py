"""What functions of expressions are instead: log Σ exp is logsumexp, log det is logdet, inv inv X is X …

Every row is tried on numbers by the tests.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import EXP, log, softplus
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.matrix import INV, det, inv, kron, logdet
from chainrule.algebra.node import Node, constant, make, size
from chainrule.algebra.product import diag, sum as total, trace
from chainrule.algebra.reduce import LOG_SOFTMAX, LOGSUMEXP, SOFTMAX
from chainrule.algebra.select import JOIN, RESHAPE
from chainrule.algebra.signature import Axis
from chainrule.calculus.law import FunctionLaw
from chainrule.calculus.terms import chain, number_of

if TYPE_CHECKING:
    from chainrule.calculus.reading import Reader


def sum_of_exp(node: Node) -> tuple[Node, tuple[int, ...]] | None:
    """The x and the axes of a sum of exp(x) over axes."""
    if node.op is not PRODUCT_OP or len(node.inputs) != 1 or node.inputs[0].op is not EXP or node.attrs["sizes"]:
        return None
    (term,), out = letters_of(node.attrs["letters"])
    if len(set(term)) < len(term) or [c for c in term if c in out] != list(out) or term == out:
        return None
    return node.inputs[0].inputs[0], tuple(k - len(term) for k, c in enumerate(term) if c not in out)


def _log_of_sum_of_exp(reader: "Reader", node: Node) -> Node | None:
    found = sum_of_exp(node.inputs[0])
    return None if found is None else make(LOGSUMEXP, found[0], axes=found[1])


def _log_of_softmax(reader: "Reader", node: Node) -> Node | None:
    inner = node.inputs[0]
    return make(LOG_SOFTMAX, *inner.inputs, **inner.attrs) if inner.op is SOFTMAX else None


def _exp_of_log_softmax(reader: "Reader", node: Node) -> Node | None:
    inner = node.inputs[0]
    if inner.op is LOG_SOFTMAX:
        return make(SOFTMAX, *inner.inputs, **inner.attrs)
    return inner.inputs[0] if inner.op.name == "log" else None


def one_plus_exp(reader: "Reader", node: Node) -> tuple[Node, float] | None:
    """The x, and its sign, of 1 + exp(x)."""
    terms = reader.terms(node)
    if len(terms) != 2:
        return None
    one = [t for t in terms if not t.factors and t.number == 1]
    rest = [t for t in terms if len(t.factors) == 1 and t.number == 1 and t.factors[0].base.op is EXP]
    if len(one) != 1 or len(rest) != 1:
        return None
    (f,) = rest[0].factors
    if f.power not in (1, -1) or f.letters != tuple(range(node.ndim)):
        return None
    return f.base.inputs[0], f.power


def _log_of_one_plus_exp(reader: "Reader", node: Node) -> Node | None:
    x = node.inputs[0].inputs[0] if node.op.name == "log1p" and node.inputs[0].op is EXP else None
    if x is not None:
        return softplus(x)
    found = one_plus_exp(reader, node.inputs[0]) if node.op.name == "log" else None
    return None if found is None else softplus(found[0] if found[1] > 0 else minus(reader, found[0]))


def minus(reader: "Reader", node: Node) -> Node:
    """The shortest form of -node."""
    return reader.best(-node)


def _log_of_two_exp(reader: "Reader", node: Node) -> Node | None:
    """log(exp u + exp v) = u + softplus(v - u), which never overflows."""
    terms = reader.terms(node.inputs[0])
    if len(terms) != 2 or any(t.number != 1 or len(t.factors) != 1 for t in terms):
        return None
    bases = [t.factors[0] for t in terms]
    own = tuple(range(node.ndim))
    if any(f.base.op is not EXP or f.power != 1 or f.letters != own for f in bases):
        return None
    u, v = (f.base.inputs[0] for f in bases)
    return u + softplus(v - u)


def _log_of_sigmoid(reader: "Reader", node: Node) -> Node | None:
    """log σ(x) = −softplus(−x), and log (1 − σ(x)) = −softplus(x)."""
    terms = reader.terms(node.inputs[0])
    plain = [t for t in terms if len(t.factors) == 1 and t.factors[0].base.op.name == "sigmoid"]
    if len(plain) != 1 or plain[0].factors[0].power != 1:
        return None
    (f,) = plain[0].factors
    x = f.base.inputs[0]
    if f.letters != tuple(range(node.ndim)):
        return None
    if len(terms) == 1 and plain[0].number == 1:
        return -softplus(minus(reader, x))
    rest = [t for t in terms if not t.factors]
    if len(terms) == 2 and plain[0].number == -1 and rest and rest[0].number == 1:
        return -softplus(x)
    return None


def _log_of_det(reader: "Reader", node: Node) -> Node | None:
    inner = node.inputs[0]
    return logdet(inner.inputs[0]) if inner.op.name == "det" else None


def _of_inverse(reader: "Reader", node: Node) -> Node | None:
    inner = node.inputs[0]
    if inner.op is not INV:
        return None
    (x,) = inner.inputs
    return {"inv": lambda: x, "det": lambda: 1 / det(x), "logdet": lambda: -logdet(x)}[node.op.name]()


def _transposed_base(reader: "Reader", node: Node) -> Node | None:
    """The X of Xᵀ."""
    x = node.inputs[0]
    turned = x.op is PRODUCT_OP and x.attrs["letters"] == "ab->ba"
    return x.inputs[0] if turned else None


def _of_transpose(reader: "Reader", node: Node) -> Node | None:
    x = _transposed_base(reader, node)
    if x is None:
        return None
    return inv(x).T if node.op is INV else make(node.op, x)


def _of_identity(reader: "Reader", node: Node) -> Node | None:
    x = node.inputs[0]
    if x.op is not PRODUCT_OP or x.attrs["letters"] != "->aa" or number_of(x.inputs[0]) != 1:
        return None
    return x if node.op is INV else constant(1.0 if node.op.name == "det" else 0.0, node.dtype)


def _of_orthogonal(reader: "Reader", node: Node) -> Node | None:
    (x,) = node.inputs
    return x.T if reader.facts.holds("orthogonal", x) else None


def _of_square_product(reader: "Reader", node: Node) -> Node | None:
    """inv(A B) = inv(B) inv(A) and det(A B) = det(A) det(B) where every factor is square, if that is tried."""
    terms = reader.terms(node.inputs[0])
    if len(terms) != 1 or node.ndim not in (0, 2):
        return None
    term, n = terms[0], node.inputs[0].shape[-1]
    factors = chain(term)
    if factors is None or any(f.base.shape != (n, n) for f, _ in factors) or term.number != 1:
        return None
    reader.could_open.add(node.op.name)
    if node.op.name not in reader.opened:
        return None
    parts = [(inv(f.base).T if turned else inv(f.base)) for f, turned in factors]
    if node.op is INV:
        total = parts[-1]
        for part in parts[-2::-1]:
            total = total @ part
        return total
    values = [make(node.op, f.base) for f, _ in factors]
    result = values[0]
    for value in values[1:]:
        result = result * value if node.op.name == "det" else result + value
    return result


def _trace_of_kron(reader: "Reader", node: Node) -> Node | None:
    """tr(A ⊗ B) = tr(A) tr(B)."""
    found = _factors_of_kron(node.inputs[0]) if node.attrs["letters"] == "aa->" else None
    return None if found is None else trace(found[0]) * trace(found[1])


def _difference_and_zero(reader: "Reader", node: Node) -> Node | None:
    """0 < a - b  is  b < a."""
    left, right = node.inputs
    for zero, other, turned in ((left, right, False), (right, left, True)):
        if number_of(zero) == 0 and other.op.name == "subtract" and other.shape == node.shape:
            a, b = other.inputs
            return make(node.op, *((a, b) if turned else (b, a)))
    return None


def _of_diagonal(reader: "Reader", node: Node) -> Node | None:
    """inv diag(x) = diag(1 / x), and logdet diag(x) = Σ log x."""
    x = node.inputs[0]
    if x.op is not PRODUCT_OP or x.attrs["letters"] != "a->aa":
        return None
    (d,) = x.inputs
    return diag(1 / d) if node.op is INV else total(log(d))


def _compared_with_scalar(reader: "Reader", node: Node) -> Node | None:
    """A comparison with a repeated value is one with the value."""
    for k, (x, other) in enumerate((node.inputs, node.inputs[::-1])):
        spread = x.op is PRODUCT_OP and len(x.inputs) == 1 and x.attrs["letters"].startswith("->")
        if spread and other.shape == node.shape and len(set(x.attrs["letters"])) == len(x.attrs["letters"]):
            (value,) = x.inputs
            return make(node.op, *((other, value) if k else (value, other)))
    return None


def _factors_of_kron(node: Node) -> tuple[Node, Node] | None:
    """The square A and B of A ⊗ B."""
    if node.op is not RESHAPE or node.inputs[0].op is not PRODUCT_OP:
        return None
    inner = node.inputs[0]
    if inner.attrs["letters"] != "ab,cd->acbd" or any(x.shape[0] != x.shape[1] for x in inner.inputs):
        return None
    left, right = inner.inputs
    return left, right


def _of_kron(reader: "Reader", node: Node) -> Node | None:
    """inv(A ⊗ B) = inv(A) ⊗ inv(B), and logdet(A ⊗ B) = m logdet A + n logdet B for A n×n and B m×m."""
    found = _factors_of_kron(node.inputs[0])
    if found is None:
        return None
    a, b = found
    if node.op is INV:
        return kron(inv(a), inv(b))
    return size(b.shape[0], node.dtype) * logdet(a) + size(a.shape[0], node.dtype) * logdet(b)


def _part_of_join(reader: "Reader", node: Node) -> Node | None:
    """A slice of a join that is one of its parts."""
    whole = node.inputs[0]
    if whole.op is not JOIN:
        return None
    gone: Axis = 0
    axis = whole.attrs["axis"]
    for part in whole.inputs:
        if part.shape == node.shape:
            cuts = [slice(None)] * node.ndim
            cuts[axis] = slice(gone, gone + part.shape[axis])
            if whole[tuple(cuts)] is node:
                return part
        gone = gone + part.shape[axis]
    return None


FUNCTIONS: Sequence[FunctionLaw] = (
    FunctionLaw("inv diag(x) = diag(1 / x), logdet diag(x) = Σ log x", ("inv", "logdet"), _of_diagonal),
    FunctionLaw(
        "inv(A ⊗ B) = inv A ⊗ inv B, logdet(A ⊗ B) = m logdet A + n logdet B", ("inv", "logdet"), _of_kron
    ),
    FunctionLaw("x == ones c is x == c", ("equal", "less", "less_equal"), _compared_with_scalar),
    FunctionLaw("a slice of a join is its part", ("slice",), _part_of_join),
    FunctionLaw("0 < a - b is b < a", ("less", "less_equal"), _difference_and_zero),
    FunctionLaw("log Σ exp x = logsumexp x", ("log",), _log_of_sum_of_exp),
    FunctionLaw("log softmax x = log_softmax x", ("log",), _log_of_softmax),
    FunctionLaw("exp log_softmax x = softmax x, exp log x = x", ("exp",), _exp_of_log_softmax),
    FunctionLaw("log (1 + exp x) = softplus x", ("log", "log1p"), _log_of_one_plus_exp),
    FunctionLaw("log(exp u + exp v) = u + softplus(v - u)", ("log",), _log_of_two_exp),
    FunctionLaw("log σ(x) = -softplus(-x)", ("log",), _log_of_sigmoid),
    FunctionLaw("log det X = logdet X", ("log",), _log_of_det),
    FunctionLaw("inv inv X = X, det inv X = 1 / det X", ("inv", "det", "logdet"), _of_inverse),
    FunctionLaw("inv Xᵀ = (inv X)ᵀ, det Xᵀ = det X", ("inv", "det", "logdet"), _of_transpose),
    FunctionLaw("inv I = I", ("inv", "det", "logdet"), _of_identity),
    FunctionLaw("inv Q = Qᵀ for orthogonal Q", ("inv",), _of_orthogonal),
    FunctionLaw("tr(A ⊗ B) = tr(A) tr(B)", ("product",), _trace_of_kron),
    FunctionLaw("inv(A B) = inv(B) inv(A)", ("inv", "det", "logdet"), _of_square_product),
)


FUNCTION_LAWS: dict[str, list[FunctionLaw]] = {}
for _law in FUNCTIONS:
    for _name in _law.on:
        FUNCTION_LAWS.setdefault(_name, []).append(_law)
