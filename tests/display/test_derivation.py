"""Derivations: textbook form with named parts, proved before it is shown; questions that make no sense refused."""

import json
import re
import unicodedata
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.parse import formula
from chainrule.algebra.place import cells
from chainrule.calculus import answer, textbook as home
from chainrule.display import derivation, deriving
from chainrule.display.writing import in_text, padded
from chainrule.errors import FormulaError, GraphError, ProofError, SettingError

AFFINE = "u' * tanh(W*x + b)"
DEEP = "z1 = W1@x + b1; h1 = tanh(z1); z2 = W2@h1 + b2; h2 = tanh(z2); s = U.T@h2"


def lines(found):
    return [line.strip() for line in str(found).splitlines() if line.strip()]


# ── what is answered ──────────────────────────────────────────────────────────────────────────────────


def test_all_gradients_at_once_with_the_parts_that_they_share():
    assert lines(cr.derive(AFFINE)) == [
        "J = uᵀ tanh(W x + b)      u: n   W: n×m   x: m   b: n   J: scalar",
        "with   z = W x + b        n   pre-activation",
        "h = tanh(z)        n   activation",
        "δ = u ⊙ (1 - h²)   n   error signal at z",
        "∂J/∂u = h      n",
        "∂J/∂W = δ xᵀ   n×m",
        "∂J/∂x = Wᵀ δ   m",
        "∂J/∂b = δ      n",
        str(cr.derive(AFFINE).proof),
    ]


def test_the_recursion_of_the_notes():
    found = cr.derive(DEEP)
    assert found.name == "s" and not found.expression.shape
    shown = {line.name: str(line.value) for line in found.shared}
    assert shown["δ2"] == "U ⊙ (1 - h2²)" and shown["δ1"].replace("(W2ᵀ δ2)", "W2ᵀ δ2") == "W2ᵀ δ2 ⊙ (1 - h1²)"
    assert [str(r) for r in found.program.results] == ["δ1 xᵀ", "W1ᵀ δ1", "δ1", "δ2 h1ᵀ", "δ2", "h2"]
    assert "U is read as a vector, so that s is a number; for a matrix give U=k,p" in found.notes


def test_a_matrix_that_is_declared_stays_one():
    found = cr.derive(DEEP, "x", shapes={"U": ("k", "p")})
    assert found.kind == "jacobian" and found.result.ndim == 2


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0.5*x.T@P@x + q.T@x + r", "r"),
        ("c.T@x - t*sum(log(b - A@x))", "t"),
        ("log(1+exp(-y*(w.T@x)))", "y"),
        ("s = y * (w.T@x)", "y"),
    ],
)
def test_a_letter_that_meets_numbers_alone_is_a_number(text, name):
    found = cr.derive(text)
    assert found.kind == "gradient" and found[name].shape == ()
    title = "s" if text[0] == "s" else "the formula"
    assert f"{name} is read as a number, so that {title} is one; for a vector give {name}=" in str(found.notes)
    assert cr.derive(text, shapes={name: ("k",)}).kind == "jacobian"


@pytest.mark.parametrize("text", ["tanh(x)", "x * y", "tanh(W@x) + b", "x * (x.T@y)", "a * tanh(x)"])
def test_other_vectors_stay_vectors(text):
    assert cr.derive(text).kind == "jacobian"


@pytest.mark.parametrize(
    ("text", "result", "paper"),
    [
        ("x[0]", "eye(n)[0]", "e_{1}"),
        ("x[-1]**2", "2 x[-1] eye(n)[-1]", "2 x_{n} e_{n}"),
        ("A[:,0]@x", "x eye(m)[0]ᵀ", r"x e_{1}^{\top}"),
        ("A[0]@x", "eye(n)[0] xᵀ", r"e_{1} x^{\top}"),
        ("A[0,-1]", "eye(n)[0] eye(m)[-1]ᵀ", r"e_{1} e_{m}^{\top}"),
        ("sum(A[:,0:2])", "pad(ones(n, 2), :, 0:2, shape=(n, m))", ""),
        ("pi*x.T@x", "2 π x", r"2 \pi x"),
        ("-x.T@x*pi/4", "-0.5 π x", r"-\tfrac{1}{2} \pi x"),
    ],
)
def test_entries_and_pi_are_written_as_a_person_writes_them(text, result, paper):
    found = cr.derive(text)
    slope = found.slopes[0]
    assert f"{slope} = {result} " in str(found) and paper in found.latex()


def test_an_entry_counted_from_the_end_is_echoed_so():
    assert lines(cr.derive("x[-1]**2"))[0].startswith("J = x[-1]² ")


def test_a_vector_that_fills_a_matrix_does_so_in_answers_and_is_remarked_on():
    found = cr.derive("sum(tanh(X@W + b)**2)")
    assert lines(found)[0].startswith("J = sum(tanh(X W + b)²) ")
    assert lines(found)[1].startswith("with   Z = X W + ones(n) bᵀ ")
    assert "b is added to every row of X W" in found.notes


@pytest.mark.parametrize(
    ("text", "name", "shared"),
    [
        ("softmax(W@x)", "p", [("S", "softmax Jacobian")]),
        ("sigmoid(W@x)", "h", []),
        ("(x.T@A@x)/(x.T@B@x)", "ρ", [("c", "shared")]),
        ("exp(W@x)", "f", []),
        ("exp(-0.5*(x - y).T@P@(x - y))", "J", [("r", "residual")]),
        ("exp(x.T@A@x)", "J", []),
        ("f = softmax(W@x)", "f", [("S", "softmax Jacobian")]),
    ],
)
def test_the_formula_is_not_named_twice(text, name, shared):
    found = cr.derive(text, "x")
    assert found.name == name
    assert [(line.name, line.role) for line in found.shared if line.name != name] == shared
    assert str(found).count(f"  {name} = ") == 1 and found.latex().count(r" &= \operatorname{softmax}") < 2


def test_how_a_formula_was_read_is_said():
    assert cr.derive("sum(sum(A, 1)**2)").notes[0] == "sum(A, 1) is along axis 1, counted from 0 as in NumPy"


def test_nodes_formulas_and_texts_are_one_question():
    read = formula(AFFINE)
    W = read.variables["W"]
    for question, by in ((AFFINE, "W"), (read, W), (read.result, W), (read.result, "W")):
        assert cr.derive(question, by).result is cr.derive(AFFINE, "W").result


def test_results_are_expressions_in_variables():
    found = cr.derive(AFFINE, ["W", "b"])
    assert found.result == found.results and len(found.results) == 2 and found["b"] is found.results[1]
    one = cr.derive(AFFINE, "W")
    assert one.result is one.results[0] is one["W"] is one[one.wrt[0]]
    rng = np.random.default_rng(0)
    values = {
        "W": rng.normal(size=(3, 2)),
        "x": rng.normal(size=2),
        "b": rng.normal(size=3),
        "u": rng.normal(size=3),
    }
    expected = cr.evaluate(cr.gradient(one.expression, one.wrt[0]), values)
    np.testing.assert_allclose(cr.evaluate(one.result, values), expected, rtol=1e-13)


def test_vectors_and_matrices_have_jacobians_and_it_is_said():
    found = cr.derive("tanh(W@x + b)", "x")
    assert found.kind == "jacobian" and found.name == "f"
    assert str(found.result) == "diag(1 - tanh(W x + b)²) W"
    assert found.notes[0] == "f has shape n: Jacobians, the axes of f before those of the variable"


def test_hessians_of_one_variable_and_mixed():
    one = cr.derive("logsumexp(z)", "z", kind="hessian")
    assert "∂²J/∂z∂zᵀ = diag(p) - p pᵀ" in str(one)
    mixed = cr.derive("u.T @ tanh(W @ x)", ["u", "x"], kind="hessian")
    assert "∂²J/∂u∂xᵀ" in str(mixed) and mixed.results[0].shape == cr.parse("W @ eye(m)", {"W": ("n", "m")}).shape
    each = cr.derive("u.T @ tanh(W @ x)", kind="hessian")
    assert [str(s) for s in each.slopes] == ["∂²J/∂u∂uᵀ", "∂²J/∂W∂W", "∂²J/∂x∂xᵀ"]


def test_a_hessian_keeps_its_structure():
    found = cr.derive("norm2(T - U@V.T)**2", "U", kind="hessian")
    assert str(found.structure) == "2 Vᵀ V ⊗ I" and "∂²J/∂U∂U is a tensor" in str(found)
    values = {"T": np.ones((4, 3)), "U": np.ones((4, 2)), "V": np.arange(6.0).reshape(3, 2)}
    stacked = cr.derive(found.expression, "U", kind="hessian", vec=True).result
    np.testing.assert_allclose(found.structure.at(values).dense(), cr.evaluate(stacked, values, {"n": 4}))
    with pytest.raises(GraphError, match="structure is that of a Hessian by one variable"):
        _ = cr.derive(AFFINE).structure


def test_the_vec_layout():
    found = cr.derive("A @ X @ B", "X", vec=True)
    values = {"A": np.arange(6.0).reshape(2, 3), "X": np.ones((3, 4)), "B": np.arange(8.0).reshape(4, 2)}
    np.testing.assert_array_equal(cr.evaluate(found.result, values), np.kron(values["B"].T, values["A"]))
    assert "∂vec(f)/∂vec(X)" in str(found)
    hessian = cr.derive("-logdet(X)", "X", kind="hessian", vec=True)
    assert str(hessian.slopes[0]) == "∂²J/∂vec(X)∂vec(X)ᵀ" and hessian.result.ndim == 2
    assert cr.derive("logdet(X)", "X", vec=True).result.ndim == 1


def test_facts_are_used_and_listed():
    found = cr.derive("-y.T @ log(softmax(z))", "z", facts=["y: sums to one"])
    assert found.facts == ("y sums to one",) and "facts used: y sums to one" in str(found)
    assert re.search(r"= (softmax\(z\)|p) - y", str(found))
    unused = cr.derive("logsumexp(z) - y.T @ z", "z", facts={"y": "sums to one"})
    assert unused.facts == () and "facts used: none" in str(unused)
    assert "facts" not in str(cr.derive("logsumexp(z)", "z"))


def test_nothing_is_differentiated_by_a_constant():
    assert [x.attrs["name"] for x in cr.derive("a.T @ x", facts={"a": "constant"}).wrt] == ["x"]
    with pytest.raises(FormulaError, match="a is declared constant"):
        cr.derive("a.T @ x", "a", facts={"a": "constant"})


def test_a_fact_leaves_the_entries_of_a_variable_free():
    found = cr.derive("logdet(S) + a.T @ S @ b", "S", facts={"S": "positive definite"})
    assert {"S⁻¹ + a bᵀ", "a bᵀ + S⁻¹"} & {str(found.result)}


def test_derivatives_by_parts_that_have_a_name():
    text = "z = W@x + b; h = tanh(z); s = u.T@h"
    assert str(cr.derive(text, "z").program.results[0]) == "u ⊙ (1 - h²)"
    assert str(cr.derive(text, "h").result) == "u"
    x, W = cr.vector("x", "m"), cr.matrix("W", "n", "m")
    z = W @ x
    assert str(cr.derive(cr.sum(cr.exp(z)), z, defined={"z": z}).result) == "exp(z)"
    with pytest.raises(
        GraphError, match="W stands in the formula only inside h; differentiate by it in a question"
    ):
        cr.derive(text, ["h", "W"])
    with pytest.raises(GraphError, match="s is the formula itself"):
        cr.derive(text, "s")


def test_the_value_itself_may_stand_in_its_derivative():
    assert str(cr.derive("s = exp(x.T @ x)").program.results[0]) == "2 s x"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("x.T @ x", "J"),
        ("L = x.T @ x", "L"),
        ("x.T @ J @ x", "s"),
        ("tanh(x)", "f"),
        ("f @ x * f", "y"),
        ("h = tanh(x); h", "h"),
        ("손실 = x.T @ x", "손실"),
    ],
)
def test_what_has_no_name_gets_one_that_is_free(text, name):
    assert cr.derive(text).name == name
    assert cr.derive(text, name="Q").name == "Q"


def test_declared_shapes_say_the_order_of_the_variables():
    found = cr.derive(AFFINE, shapes={"W": ("n", "m"), "x": ("m",), "b": ("n",), "u": ("n",)})
    assert [x.attrs["name"] for x in found.wrt] == ["W", "x", "b", "u"]
    assert "W: n×m   x: m   b: n   u: n" in str(found)
    assert "def gradient(W, x, b, u):" in found.python()


def test_numbers_may_be_float32():
    x = cr.vector("x", "n", dtype="float32")
    found = cr.derive(cr.sum(cr.tanh(x)), x)
    assert found.proof.ok and found.result.dtype == np.float32


def test_a_variable_that_plays_no_part_has_the_derivative_zero():
    x, y = cr.vector("x", "n"), cr.vector("y", "m")
    found = cr.derive(x @ x, y)
    assert not np.any(cr.evaluate(found.result, {"y": np.ones(3)}, {"m": 3}))


# ── the proof ─────────────────────────────────────────────────────────────────────────────────────────


def test_every_answer_says_how_it_was_proved():
    found = cr.derive(AFFINE)
    assert found.proof.draws == 6 and found.proof.error < 1e-13
    assert str(found).rstrip().splitlines()[-1].strip() == str(found.proof)
    assert found.check() and found.check(seed=7).error != found.proof.error


def slightly(right):
    return lambda roots, facts=None, given=(): [1.01 * g for g in right(roots, facts, given)]


QUESTIONS = [(AFFINE, "W", None), ("tanh(W @ x)", "x", None), ("logsumexp(z)", "z", "hessian")]


@pytest.mark.parametrize(("text", "by", "kind"), QUESTIONS)
def test_a_wrong_textbook_form_is_never_given(text, by, kind, monkeypatch):
    monkeypatch.setattr(deriving, "textbook", wrong := slightly(home.textbook))
    monkeypatch.setattr(
        deriving, "gradients_by_layers", lambda s, wrt, facts: (wrong(cr.gradient(s, wrt), facts), {})
    )
    found = cr.derive(text, by, kind=kind)
    assert found.notes[0].startswith("the textbook form fails its proof, which is a defect of chainrule")
    assert found.proof.ok and found.check() and "fails its proof" in str(found)
    monkeypatch.setattr(deriving, "gradient", lambda s, wrt: [1.01 * g for g in cr.gradient(s, wrt)])
    monkeypatch.setattr(deriving, "jacobian", lambda y, x: 1.01 * cr.jacobian(y, x))
    with pytest.raises(ProofError, match=r"the answer found for ∂.*fails its proof"):
        cr.derive(text, by, kind=kind)


def test_names_that_say_something_else_are_caught(monkeypatch):
    right = answer.named

    def wrong(results, s, defined, signals):
        program = right(results, s, defined, signals)
        *lines, last = program.lines
        return type(program)((*lines, last._replace(value=2 * last.value)), program.results)

    for home_of_named in (answer, deriving):
        monkeypatch.setattr(home_of_named, "named", wrong)
    with pytest.raises(ProofError):
        cr.derive(AFFINE)


def test_a_textbook_form_that_breaks_leaves_the_plain_one(monkeypatch):
    def broken(*_):
        raise KeyError("no such term")

    monkeypatch.setattr(deriving, "recognised", broken)
    found = cr.derive(AFFINE, "x", vec=True)
    assert "the textbook form is not found (KeyError: 'no such term')" in found.notes[0] and found.proof.ok


def test_what_cannot_be_proved_is_said_to_be_so():
    found = cr.derive("sum(log(-exp(x)))", "x")
    assert not found.proof.ok and "not proved: no values were found" in str(found)


def test_every_step_is_proved(monkeypatch):
    found = cr.derive(AFFINE, "W")
    assert found.steps[-1].right is found.program.results[0]
    assert "put 2 in 1" in found.text(2) and "∂J/∂W = δ xᵀ" in found.text(2)
    assert len(found.derivations(3)[0]) > len(found.derivations(2)[0]) > len(found.derivations(1)[0])
    right = derivation.derivation_steps

    def wrong(*arguments, **more):
        first, *rest = right(*arguments, **more)
        return [first._replace(claim=(first.claim[0], 2 * first.claim[1])), *rest]

    monkeypatch.setattr(derivation, "derivation_steps", wrong)
    with pytest.raises(ProofError, match="the equation"):
        _ = cr.derive(AFFINE, "W").steps


@pytest.mark.parametrize("kind", ["hessian", "jacobian"])
def test_steps_lead_to_every_kind(kind):
    text = "logsumexp(A @ x) + y.T @ x" if kind == "hessian" else "tanh(W @ x)"
    found = cr.derive(text, "x", kind=kind)
    for detail in (1, 2, 3):
        assert str(found.slopes[0]) in found.text(detail)


# ── questions that make no sense ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("question", "options", "error", "message"),
    [
        ((AFFINE, "V"), {}, FormulaError, "the formula has no 'V' to differentiate by: it has u, W, x, b"),
        (("alpha * x.T @ x", "alpa"), {}, FormulaError, "did you mean alpha"),
        (("1 + 2",), {}, GraphError, "has no variables to differentiate by"),
        (("tanh(x)",), {"kind": "gradient"}, GraphError, "a gradient is of a scalar, and tanh(x) is n; take its"),
        (("tanh(x)",), {"kind": "hessian"}, GraphError, "or the Hessian of sum(tanh(x))"),
        (("tanh(x)",), {"kind": "slope"}, SettingError, "kind is gradient, jacobian or hessian, not 'slope'"),
        (
            (AFFINE, ["u", "W", "x"]),
            {"kind": "hessian"},
            GraphError,
            "by one variable, or mixed by two, not by u, W, x",
        ),
        ((AFFINE,), {"facts": {"q": "symmetric"}}, FormulaError, "a fact is stated of 'q'"),
        (("x.T @ y",), {"shapes": {"x": "n", "y": "m"}}, ValueError, "the inner axes n and m differ"),
        (("x.T @ x",), {"shapes": {"x": (10**12,)}}, SettingError, "too large to be tried"),
        (("sum(tanh(x))",), {"shapes": {"x": (10**4,)}, "kind": "hessian"}, SettingError, "too large to be tried"),
    ],
)
def test_questions_that_make_no_sense_are_refused(question, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        cr.derive(*question, **options)


def test_an_expression_without_a_name_is_no_variable():
    x = cr.vector("x", "n")
    with pytest.raises(GraphError, match="give it a name with defined="):
        cr.derive(cr.sum(cr.exp(2 * x)), 2 * x)


def test_unknown_results_are_refused():
    with pytest.raises(GraphError, match="the derivatives are by W, and 'b' is none of these"):
        cr.derive(AFFINE, "W")["b"]


# ── how it is written ─────────────────────────────────────────────────────────────────────────────────


def test_columns_stand_below_one_another_even_where_letters_are_wide():
    text = str(cr.derive("층1 = tanh(가중치@입력); 손실 = 끝.T@층1", shapes={"가중치": ("n", "m")}))
    named = [line for line in text.splitlines() if re.match(r"  ∂손실/∂\w+ +=", line)]
    assert len(named) == 3 and len({cells(line.split("=")[0]) for line in named}) == 1
    assert len({len(line.split("=")[0]) for line in named}) > 1


def test_cells_are_counted():
    assert cells("δ xᵀ") == 4 and cells("손실") == 4 and cells("e\N{COMBINING ACUTE ACCENT}") == 1
    assert padded("손", 4) == "손  " and padded("abc", 2) == "abc"


def test_long_lines_do_not_push_the_others():
    text = cr.derive("norm2(matpow(X,2) @ b)**2 + sum(A @ X @ B @ X.T @ C)", "X").text()
    assert all("\t" not in line for line in text.splitlines())


def test_the_page_fits_the_width_that_is_asked_for():
    page = cr.derive("sum(abs(X @ w)) + sum(relu(X @ w)) + max(w)", "w").page()
    for block in in_text(page, 60).split("\n\n"):
        if block.strip().startswith(("note", "agrees")):
            assert max(map(len, block.splitlines())) <= 62


def test_python_is_a_function_that_computes_the_derivatives():
    found = cr.derive(DEEP, ["W1", "W2"])
    names: dict = {}
    exec(found.python(), names)
    rng = np.random.default_rng(0)
    sizes = {"n": 3, "m": 2, "k": 4}
    values = [rng.normal(size=[sizes[str(a)] for a in x.shape]) for x in found.question.variables]
    named = {x.attrs["name"]: v for x, v in zip(found.question.variables, values, strict=True)}
    for got, wanted in zip(names["gradient"](*values), cr.evaluate(list(found.results), named), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-13)


def test_all_of_it_as_json():
    found = cr.derive("-y.T @ log_softmax(W @ x)", "W", facts={"y": "one-hot"}).to_dict(2)
    assert json.loads(json.dumps(found)) == found
    assert found["variables"] == {"y": ["n"], "W": ["n", "m"], "x": ["m"]}
    assert found["results"][0]["name"] == "∂J/∂W" and found["results"][0]["shape"] == ["n", "m"]
    assert found["proof"]["draws"] == 6 and found["facts"] and found["steps"][0]["lines"]


def test_notebooks_get_text_and_mathematics():
    bundle = cr.derive(AFFINE)._repr_mimebundle_()
    assert bundle.keys() == {"text/plain", "text/latex", "text/html"}
    assert bundle["text/latex"].startswith("$\\displaystyle \\begin{aligned}")


def test_latex_is_an_aligned_environment():
    for detail in (0, 1, 2, 3):
        text = cr.derive(AFFINE, "W").latex(detail)
        body = text.removeprefix("\\begin{aligned}\n").removesuffix("\n\\end{aligned}")
        assert text != body and "\\frac{\\partial J}{\\partial W} &= \\delta x^{\\top}" in body
        assert body.count("{") == body.count("}") and all("&=" in row for row in body.split("\\\\\n"))
        assert text.isascii(), {c: unicodedata.name(c) for c in text if not c.isascii()}


def test_mathml_is_one_element():
    for detail in (0, 2):
        root = ElementTree.fromstring(cr.derive(AFFINE, "W").mathml(detail))
        assert root.tag.endswith("math") and "δ" in "".join(root.itertext())


def test_a_derivation_prints_itself():
    found = cr.derive(AFFINE)
    assert repr(found) == str(found) == found.text() == in_text(found.page())
