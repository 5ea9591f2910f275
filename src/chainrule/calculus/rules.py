"""The sentences of a derivation: the rule that a differential follows, the move that turns it into a gradient.

The rules are derived from the operations (`differential`); stated here is what they are called.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from chainrule.algebra.entrywise import ADD, SUBTRACT
from chainrule.algebra.node import Node, is_number, topological
from chainrule.algebra.notation import write
from chainrule.algebra.select import JOIN, RESHAPE, TAKE
from chainrule.algebra.slice import SLICE
from chainrule.calculus.stages import active_nodes, is_linear, is_square_of_norm, multiplies

Sentence = str | Callable[[Node, Collection[Node]], str]


def _power(node: Node, active: Collection[Node]) -> str:
    if node.inputs[1] in active:
        return "an exponential, d aᵗ = aᵗ log a dt"
    return "d t² = 2 t dt" if is_number(node.inputs[1], 2) else "the power rule, d tᵖ = p tᵖ⁻¹ dt"


def _quotient(node: Node, active: Collection[Node]) -> str:
    if node.inputs[0] in active:
        return "the quotient rule: q = a / b gives dq = (da - q db) / b"
    return "q = a / t gives dq = -q dt / t"


_ROUTES = {"maximum": "larger", "minimum": "smaller", "max": "largest", "min": "smallest"}

SENTENCES: Mapping[str, Sentence] = {
    "exp": "exp is its own slope",
    "log": "log′(t) = 1 / t",
    "log1p": "d log(1 + t) = dt / (1 + t)",
    "expm1": "the slope of exp(t) - 1 is exp(t)",
    "sqrt": "d √t = dt / (2 √t)",
    "tanh": "tanh′ = 1 - tanh²",
    "sin": "sin′ = cos",
    "cos": "cos′ = -sin",
    "erf": "erf′(t) = 2 exp(-t²) / √π",
    "sigmoid": "σ′ = σ (1 - σ)",
    "softplus": "softplus′ = σ",
    "relu": "relu′(t) is 1 where t > 0, else 0",
    "hard_tanh": "its slope is 1 between -1 and 1, else 0",
    "leaky_relu": "its slope is 1 where t > 0, else the small one",
    "parametric_relu": "its slope is 1 where t > 0, else a",
    "clip": "its slope is 1 between the bounds, else 0",
    "abs": "|t|′ = sign(t)",
    "sign": "between its jumps sign stands still",
    "power": _power,
    "divide": _quotient,
    **{name: f"the {which} one passes on its change, the others nothing" for name, which in _ROUTES.items()},
    "where": "each entry moves with the branch that it is taken from",
    "logsumexp": "the slope of logsumexp is softmax",
    "softmax": "every pᵢ depends on every zⱼ: ∂p/∂z = diag(p) - p pᵀ",
    "log_softmax": "log softmax(z) = z - logsumexp(z), and the slope of logsumexp is softmax",
    "norm2": "‖r‖² = ⟨r, r⟩ gives d‖r‖ = ⟨r, dr⟩ / ‖r‖",
    "square of norm": "‖r‖² = ⟨r, r⟩ gives d‖r‖² = 2 ⟨r, dr⟩",
    "inv": "A A⁻¹ = I gives dA⁻¹ = -A⁻¹ dA A⁻¹",
    "det": "d det A = det A · tr(A⁻¹ dA)",
    "logdet": "d log det A = tr(A⁻¹ dA)",
    "log_partition": "d log Z is what a path is expected to move by: Σ P(y_n = c) ds_nc + Σ E(i → j) dA_ij",
    "expected_path": "what is expected of a path moves by its covariance with the path's score",
    "solve": "A x = b gives A dx = db - dA x",
}
"""What the differential of every operation that is not linear is called."""

_PARTS: Mapping[str, str] = {
    JOIN.name: "of what is joined only the part that moves has a differential",
    SLICE.name: "the differential of a part is the part of the differential",
    TAKE.name: "the same rows of the differential are taken",
    RESHAPE.name: "the entries of the differential are laid out in the same way",
}


def rule(name: Node, value: Node, inputs: Sequence[Node]) -> str:
    """The rule that the differential of a stage follows, in a sentence."""
    names = " and ".join(map(write, inputs))
    if value in inputs:
        return f"{write(name)} is {names} itself"
    order = topological([value])
    active = active_nodes(order, inputs)
    moving = [n for n in order if n in active and n not in inputs][::-1]
    norms = {n.inputs[0] for n in moving if is_square_of_norm(n)}
    said = [_sentence(n, active) for n in moving if not is_linear(n, active) and n not in norms]
    products = [n for n in moving if multiplies(n, active)]
    if products:
        said.append(_product_said(products))
    said += [text for op, text in _PARTS.items() if any(n.op.name == op for n in moving)]
    if said:
        return "; ".join(t for t in dict.fromkeys(said) if not any(o != t and o.endswith(t) for o in said))
    linear = f"{write(name)} is linear in {names}"
    if len(inputs) > 1:
        return f"{linear}, each term moves by itself"
    return (
        f"{linear}, which is added to every row" if any(_is_added_to_rows(n, active) for n in moving) else linear
    )


def _is_added_to_rows(node: Node, active: Collection[Node]) -> bool:
    return node.op in (ADD, SUBTRACT) and any(i in active and 0 < i.ndim < node.ndim for i in node.inputs)


def _product_said(products: Sequence[Node]) -> str:
    if len(products) == 1 and products[0].inputs[0] is products[0].inputs[-1] and not products[0].shape:
        return "product rule, with the same factor twice"
    return "product rule: the factors move one at a time"


def _sentence(node: Node, active: Collection[Node]) -> str:
    found = SENTENCES.get("square of norm" if is_square_of_norm(node) else node.op.name, "")
    text = found(node, active) if callable(found) else found
    if not node.shape or not node.op.entrywise or node.op.name in ("power", "divide", "where", *_ROUTES):
        return text or f"the local gradient of {node.op.name}"
    called = "σ" if node.op.name == "sigmoid" else "|t|" if node.op.name == "abs" else node.op.name
    return f"{called} works element by element" + (f": {text}" if text else "")
