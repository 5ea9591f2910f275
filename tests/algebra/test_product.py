"""The product against `numpy.einsum`, over random letters."""

from itertools import pairwise

import numpy as np
import pytest
from helpers import assert_slope, contracted
from hypothesis import given, strategies as st

import chainrule as cr
from chainrule.algebra.contract import contract, letters_of
from chainrule.algebra.letters import PRODUCT_OP, build, spread, sum_to
from chainrule.algebra.node import constant, make, topological, variable

SIZE = dict(zip("abcde", (2, 3, 1, 4, 2), strict=True))


def reference(letters: str, arrays: list[np.ndarray]) -> np.ndarray:
    """`numpy.einsum`, which lacks letters of the output alone and repeated letters in it: given as further operands."""
    ins, out = letters_of(letters)
    first = {}
    unique, identities = "", []
    for c, spare in zip(out, "stuvwxyz", strict=False):
        if c in first:
            identities.append((c + spare, np.eye(SIZE[c])))
            unique += spare
        else:
            first[c] = c
            unique += c
    new = [(c, np.ones(SIZE[c])) for c in dict.fromkeys(out) if c not in "".join(ins)]
    terms = [*ins, *(t for t, _ in identities), *(t for t, _ in new)]
    operands = [*arrays, *(a for _, a in identities), *(a for _, a in new)]
    return np.einsum(",".join(terms) + "->" + unique, *operands)


@st.composite
def products(draw, fewest=1, most=3):
    """Random letters, with repeated ones, ones that are summed and ones that only the output has."""
    ins = [draw(st.text("abcde", max_size=3)) for _ in range(draw(st.integers(fewest, most)))]
    out = draw(st.text("abcde", max_size=4))
    return ",".join(ins) + "->" + out, draw(st.integers(0, 2**32 - 1))


def arrays_for(letters: str, rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.standard_normal(tuple(SIZE[c] for c in term)) for term in letters_of(letters)[0]]


def node_for(letters: str, arrays: list[np.ndarray]) -> tuple:
    nodes = [variable("xyz"[k], a.shape) for k, a in enumerate(arrays)]
    values = {"xyz"[k]: a for k, a in enumerate(arrays)}
    return cr.einsum(letters, *nodes, sizes=SIZE), nodes, values


@given(products())
def test_the_value_is_that_of_einsum(case):
    letters, seed = case
    arrays = arrays_for(letters, np.random.default_rng(seed))
    node, _, values = node_for(letters, arrays)
    expected = reference(letters, arrays)
    assert node.shape == expected.shape
    np.testing.assert_allclose(cr.evaluate(node, values), expected, rtol=1e-12, atol=1e-13)


@given(products())
def test_contract_alone_is_einsum(case):
    letters, seed = case
    arrays = arrays_for(letters, np.random.default_rng(seed))
    ins, out = letters_of(letters)
    sizes = [SIZE[c] for c in dict.fromkeys(out) if c not in "".join(ins)]
    before = [a.copy() for a in arrays]
    np.testing.assert_allclose(
        contract(np, letters, arrays, sizes), reference(letters, arrays), rtol=1e-12, atol=1e-13
    )
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)


@given(products())
def test_the_gradient_is_the_slope(case):
    letters, seed = case
    rng = np.random.default_rng(seed)
    node, nodes, values = node_for(letters, arrays_for(letters, rng))
    s = contracted(node, rng)
    for x in nodes:
        assert_slope(s, x, values, rng)


@given(products(), st.data())
def test_transposes_diagonals_and_identities_among_the_inputs_become_letters(case, data):
    letters, seed = case
    rng = np.random.default_rng(seed)
    ins, _ = letters_of(letters)
    nodes, plain, values = [], [], {}
    for k, term in enumerate(ins):
        name, shape = "xyz"[k], tuple(SIZE[c] for c in term)
        x = variable(name, shape)
        forms = ["plain"]
        if len(term) >= 2:
            forms.append("turned")
            if shape[0] == shape[1]:
                forms += ["diagonal", "identity"] if len(term) == 2 else []
        if term:
            forms.append("repeated")
        form = data.draw(st.sampled_from(forms))
        if form == "turned":
            values[name] = rng.standard_normal(shape[::-1])
            nodes.append(variable(name, shape[::-1]).T)
            plain.append(values[name].T)
        elif form == "diagonal":
            values[name] = rng.standard_normal(shape[:1])
            nodes.append(cr.diag(variable(name, shape[:1])))
            plain.append(np.diag(values[name]))
        elif form == "identity":
            nodes.append(cr.eye(shape[0]))
            plain.append(np.eye(shape[0]))
        elif form == "repeated":
            values[name] = rng.standard_normal(shape[1:])
            nodes.append(cr.broadcast_to(variable(name, shape[1:]), shape))
            plain.append(np.broadcast_to(values[name], shape))
        else:
            values[name] = rng.standard_normal(shape)
            nodes.append(x)
            plain.append(values[name])
    node = cr.einsum(letters, *nodes, sizes=SIZE)
    expected = reference(letters, plain)
    assert node.shape == expected.shape
    np.testing.assert_allclose(cr.evaluate(node, values), expected, rtol=1e-12, atol=1e-13)


@given(products(2, 2), st.permutations("abcde"))
def test_equal_products_have_equal_letters(case, names):
    letters, seed = case
    arrays = arrays_for(letters, np.random.default_rng(seed))
    table = str.maketrans("abcde", "".join(names))
    node, nodes, _ = node_for(letters, arrays)
    renamed = {c.translate(table): a for c, a in SIZE.items()}
    assert cr.einsum(letters.translate(table), *nodes, sizes=renamed) is node


def test_structure_is_absorbed_and_not_computed():
    A, x, n = cr.matrix("A", "n", "n"), cr.vector("x", "n"), "n"
    assert A.T.T is A
    assert cr.eye(n) @ x is x
    assert A @ cr.eye(n) is A
    assert cr.diag(cr.diag(x)) is x
    assert str(cr.diag(x) @ A) == "diag(x) A"
    assert len(topological([cr.diag(x) @ A])) == 3
    assert len(topological([A.T @ x])) == 3
    assert cr.ones(n) @ x is cr.sum(x)
    assert cr.outer(x, cr.ones(n)) @ x is not x * x


@pytest.mark.parametrize(
    ("left", "right"), [((3, 4), (4, 2)), ((3, 4), (4,)), ((4,), (4, 2)), ((4,), (4,)), ((5, 3, 4), (4, 2)), ((5, 3, 4), (5, 4, 2)), ((1, 3, 4), (5, 4, 2)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (5, 4, 2)), ((5, 3, 4), (4,))]
)  # fmt: skip
def test_matmul_is_numpys(left, right, rng):
    a, b = rng.standard_normal(left), rng.standard_normal(right)
    A, B = variable("A", left), variable("B", right)
    node = A @ B
    assert node.shape == (a @ b).shape
    np.testing.assert_allclose(cr.evaluate(node, {"A": a, "B": b}), a @ b, rtol=1e-13)
    for x in (A, B):
        assert_slope(contracted(node, rng), x, {"A": a, "B": b}, rng)


@pytest.mark.parametrize(
    "shapes", [((2, 3), (3,)), ((2, 1), (1, 3)), ((), (3,)), ((4, 1, 2), (3, 1)), ((0,), (1,)), ((1,), ())]
)
def test_multiplication_broadcasts_as_numpys(shapes, rng):
    a, b = (rng.standard_normal(s) for s in shapes)
    A, B = (variable(n, s) for n, s in zip("AB", shapes, strict=True))
    assert (A * B).shape == (a * b).shape
    np.testing.assert_allclose(cr.evaluate(A * B, {"A": a, "B": b}), a * b, rtol=1e-14)
    for x in (A, B):
        assert_slope(contracted(A * B, rng), x, {"A": a, "B": b}, rng)


def test_sizes_zero_and_one_are_sizes_like_others():
    x, W = cr.vector("x", "n"), cr.matrix("W", "m", "n")
    for n, m in [(0, 2), (2, 0), (0, 0), (1, 1)]:
        values = {"x": np.ones(n), "W": np.ones((m, n))}
        y = W @ x
        np.testing.assert_array_equal(cr.evaluate(y, values), np.full(m, float(n)))
        dW, dx = cr.evaluate(cr.gradient(cr.sum(y), [W, x]), values)
        np.testing.assert_array_equal(dW, np.ones((m, n)))
        np.testing.assert_array_equal(dx, np.full(n, float(m)))


def test_reduced_axes_come_back_and_stretched_ones_go(rng):
    x = variable("x", (2, 3, 4))
    v = rng.standard_normal((2, 3, 4))
    total = cr.sum(x, axis=(0, 2))
    np.testing.assert_allclose(
        cr.evaluate(spread(total, x, (0, 2)), {"x": v}),
        np.broadcast_to(v.sum((0, 2), keepdims=True), v.shape), rtol=1e-14,
    )  # fmt: skip
    for shape in [(4,), (3, 1), (2, 1, 4), (), (1, 1, 1), (2, 3, 4)]:
        expected = v
        expected = expected.sum(tuple(range(3 - len(shape))))
        expected = expected.sum(
            tuple(i for i, a in enumerate(shape) if a == 1 and expected.shape[i] > 1), keepdims=True
        )
        np.testing.assert_allclose(cr.evaluate(sum_to(x, shape), {"x": v}), expected, rtol=1e-13)


def test_whole_numbers_and_truth_values_are_rearranged_and_never_multiplied():
    rows, x = cr.index("I", 2, 3), cr.matrix("x", 2, 3)
    v = np.arange(6).reshape(2, 3)
    assert rows.T.dtype == np.int64
    np.testing.assert_array_equal(
        cr.evaluate(cr.take(cr.vector("t", 9), rows.T), {"I": v, "t": np.arange(9.0)}), v.T
    )
    assert (x > 0).T.dtype == np.bool_
    np.testing.assert_array_equal(cr.evaluate(cr.where((x > 2).T, 1.0, 0.0), {"x": v * 1.0}), (v > 2).T)
    assert cr.evaluate((x[0] > 0) @ (x[1] > 3), {"x": v * 1.0}) == 2.0
    with pytest.raises(cr.DTypeError, match="holds whole numbers, which select and have no gradient"):
        rows @ x


def test_many_axes_are_no_different_and_too_many_are_refused():
    shape = (1,) * 19 + (2,)
    x, y = variable("x", shape), variable("y", shape)
    v = np.ones(shape)
    values = {"x": 2 * v, "y": 3 * v}
    assert cr.evaluate(cr.sum(x * y), values) == 12
    np.testing.assert_array_equal(cr.evaluate(cr.gradient(cr.sum(x * y.T.T), x), values), 3 * v)
    with pytest.raises(cr.ShapeError, match="an expression has at most 20 axes, and this variable would have 21"):
        variable("x", (1,) * 21)
    with pytest.raises(cr.ShapeError, match="an expression has at most 20 axes"):
        cr.einsum(
            "abcdefghijklmno,pqrstuvwxyz->abcdefghijklmnopqrstuvwxyz",
            variable("x", (1,) * 15),
            variable("y", (1,) * 11),
        )


def test_a_product_that_only_names_its_input_is_its_input():
    x = cr.matrix("x", 2, 3)
    assert build(("ab",), "ab", (x,)) is x
    assert cr.einsum("ij->ij", x) is x
    assert make(PRODUCT_OP, x, letters="ab->ba", sizes=()) is x.T


def test_axes_are_those_of_numpy(rng):
    x = variable("x", (2, 3, 4))
    v = rng.standard_normal((2, 3, 4))
    for axis in (None, 0, -1, 1, (0, 1), (2, 0), (), (0, 1, 2), np.int64(1), [0, 1]):
        numpy_axis = tuple(axis) if isinstance(axis, list) else axis
        np.testing.assert_allclose(cr.evaluate(cr.sum(x, axis=axis), {"x": v}), v.sum(axis=numpy_axis), rtol=1e-13)
        np.testing.assert_allclose(
            cr.evaluate(cr.mean(x, axis=axis), {"x": v}), v.mean(axis=numpy_axis), rtol=1e-13
        )
    for bad in (3, -4, (0, 0), (0, -3), 1.0, "0", True):
        with pytest.raises(cr.ShapeError):
            cr.sum(x, axis=bad)


def test_constants_of_any_shape():
    np.testing.assert_array_equal(cr.evaluate(cr.ones(2, 3)), np.ones((2, 3)))
    np.testing.assert_array_equal(cr.evaluate(cr.zeros("n"), sizes={"n": 3}), np.zeros(3))
    np.testing.assert_array_equal(cr.evaluate(cr.full((2, "n"), 2.5), sizes={"n": 1}), np.full((2, 1), 2.5))
    np.testing.assert_array_equal(cr.evaluate(cr.eye("n"), sizes={"n": 3}), np.eye(3))
    assert cr.evaluate(cr.ones()) == 1.0
    assert cr.full("n", constant(0.5, "float32")).dtype == np.float32


def test_a_letter_of_the_output_alone_needs_a_size():
    with pytest.raises(cr.ShapeError) as caught:
        cr.einsum("i->ij", cr.vector("x", 3))
    assert str(caught.value) == "letter j of 'i->ij' is in no operand; give its size: sizes={'j': …}"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: cr.einsum("ij,jk", x, x), cr.GraphError, "'ij,jk' are no index letters; write them as in 'ij,j->i'"),
        (lambda x: cr.einsum("i1->i", x), cr.GraphError, "'i1->i' are no index letters; write them as in 'ij,j->i'"),
        (lambda x: cr.einsum("ij->i->j", x), cr.GraphError, "'ij->i->j' are no index letters; write them as in 'ij,j->i'"),
        (lambda x: cr.einsum(x, [0]), cr.GraphError, "einsum begins with index letters such as 'ij,j->i', not x"),
        (lambda x: cr.einsum("ij,jk->ik", x), cr.GraphError, "'ij,jk->ik' names 2 operands, 1 are given"),
        (lambda x: cr.einsum("i->i", x), cr.ShapeError, "the letters 'i' name 1 axes, but x (2×3) has 2"),
        (lambda x: cr.einsum("ii->i", x), cr.ShapeError, "letter i of ii is 2 and also 3 in x (2×3)"),
    ],
)  # fmt: skip
def test_letters_that_do_not_fit_are_refused(call, error, text):
    with pytest.raises(error) as caught:
        call(cr.matrix("x", 2, 3))
    assert str(caught.value) == text


def test_written_products_follow_the_book():
    W, V, x, y = cr.matrix("W", "n", "m"), cr.matrix("V", "n", "m"), cr.vector("x", "m"), cr.vector("y", "n")
    s, A = cr.scalar("s"), cr.matrix("A", "k", "k")
    forms = {
        "W x": W @ x,
        "Wᵀ y": W.T @ y,
        "yᵀ (W x)": y @ (W @ x),
        "y xᵀ": cr.outer(y, x),
        "W ⊙ V": W * V,
        "W Vᵀ": W @ V.T,
        "tr(A)": cr.trace(A),
        "diag(y) W": cr.diag(y) @ W,
        "W diag(x)": W @ cr.diag(x),
        "s x": s * x,
        "2 x": 2 * x,
        "⟨W, V⟩": cr.inner(W, V),
        "sum(W)": cr.sum(W),
        "sum(W, axis=1)": cr.sum(W, axis=1),
    }
    for text, node in forms.items():
        assert str(node) == text
    for left, right in pairwise([W, V]):
        assert str(left * right) != str(right * left)
