"""What gets a name in a gradient, which name, and that the names put back give the very same expressions."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.node import Node, topological, variable, variables
from chainrule.algebra.parse import formula
from chainrule.algebra.signature import Dim
from chainrule.calculus.facts import read_facts
from chainrule.calculus.layers import gradients_by_layers
from chainrule.calculus.naming import Program, named, pre_activations
from chainrule.calculus.rewrite import substitute
from chainrule.calculus.textbook import recognised, textbook


def _of_benchmarks(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


intermediates, random_expressions = map(_of_benchmarks, ("intermediates", "random_expressions"))

W, x, b, u = cr.matrix("W", "n", "m"), cr.vector("x", "m"), cr.vector("b", "n"), cr.vector("u", "n")
A, y = cr.matrix("A", "n", "m"), cr.vector("y", "n")
ONE = W @ x + b  # the pre-activation of one layer


def put_back(program: Program) -> list[Node]:
    """The results with every name replaced; a line that is not what it says it is, fails here."""
    wholes = {}
    for line in program.lines:
        (whole,) = substitute([line.value], wholes)
        assert whole is line.whole, line.name
        wholes[variable(line.name, whole.shape, whole.dtype)] = whole
    return substitute(program.results, wholes)


def plain(results, s=None, signals=None, **defined) -> Program:
    """The program of expressions as they are; the names put back give the very same nodes."""
    results = list(results)
    program = named(results, cr.sum(results[0]) if s is None else s, defined, signals or {})
    assert put_back(program) == results
    return program


def taught(s, wrt, facts=None, **defined) -> Program:
    """The program of the gradients of s in textbook form."""
    (s,) = recognised([s], facts)
    results, signals = gradients_by_layers(s, wrt, facts)
    program = named(results, s, defined, signals)
    assert put_back(program) == results
    return program


def names(program):
    return [line.name for line in program.lines]


def values(program):
    return {line.name: line.value for line in program.lines}


def roles(program):
    return {line.name: line.role for line in program.lines}


def like(name, node):
    return variable(name, node.shape, node.dtype)


# ── the notes ─────────────────────────────────────────────────────────────────────────────────────────


def test_one_layer_is_written_as_in_the_notes():
    s = u.T @ cr.tanh(ONE)
    z, h, d = (like(name, b) for name in "zhδ")
    program = taught(s, [W, b, x, u])
    assert values(program) == {"z": W @ x + b, "h": cr.tanh(z), "δ": u * (1 - h**2)}
    assert list(program.results) == [cr.outer(d, x), d, W.T @ d, h]
    assert roles(program) == {"z": "pre-activation", "h": "activation", "δ": "error signal at z"}


def test_two_layers_have_the_recursion_of_the_notes():
    W1, W2 = cr.matrix("W1", "n", "m"), cr.matrix("W2", "k", "n")
    b1, b2, U = cr.vector("b1", "n"), cr.vector("b2", "k"), cr.vector("U", "k")
    z1 = W1 @ x + b1
    h1 = cr.tanh(z1)
    z2 = W2 @ h1 + b2
    h2 = cr.tanh(z2)
    program = taught(U.T @ h2, [W2, b2, W1, b1, x, U])
    assert names(program) == ["z1", "h1", "z2", "h2", "δ2", "δ1"]
    d1, d2, g1, g2 = like("δ1", h1), like("δ2", h2), like("h1", h1), like("h2", h2)
    assert values(program)["δ2"] is U * (1 - g2**2)
    assert values(program)["δ1"] is (W2.T @ d2) * (1 - g1**2)
    assert list(program.results) == [cr.outer(d2, g1), d2, cr.outer(d1, x), d1, W1.T @ d1, g2]
    same = taught(U.T @ h2, [W2, b2, W1, b1, x, U], z1=z1, h1=h1, z2=z2, h2=h2)
    assert values(same) == values(program) and same.results == program.results
    assert [line.role for line in same.lines[:4]] == ["defined"] * 4


def test_softmax_and_cross_entropy():
    U, t = cr.matrix("U", "n", "m"), cr.vector("y", "n")
    s = -(t.T @ cr.log_softmax(U @ x))
    facts = read_facts({"y": "one-hot"}, {"y": t})
    program = taught(s, [U, x], facts)
    z, p, d = (like(name, t) for name in "zpδ")
    assert values(program) == {"z": U @ x, "p": cr.softmax(z), "δ": p - t}
    assert list(program.results) == [cr.outer(d, x), U.T @ d]
    assert roles(program)["p"] == "softmax"


def test_a_batch_has_capitals():
    X, V, G = cr.matrix("X", "N", "m"), cr.matrix("V", "m", "n"), cr.matrix("G", "N", "n")
    program = taught(cr.sum(G * cr.tanh(X @ V + b)), [V, b])
    Z = like("Z", G)
    assert names(program) == ["Z", "H", "Δ"] and values(program)["H"] is cr.tanh(Z)
    D = like("Δ", G)
    assert list(program.results) == [X.T @ D, cr.sum(D, axis=0)]


def test_the_p_of_logistic_regression_is_a_probability():
    X, w = cr.matrix("X", "n", "m"), cr.vector("w", "m")
    p = cr.sigmoid(X @ w)
    program = taught(-cr.sum(y * cr.log(p) + (1 - y) * cr.log(1 - p)), [w])
    assert values(program)["δ"] is like("p", y) - y
    assert roles(program)["p"] == "probability"


def test_shared_weights_and_gates():
    V, h0 = cr.matrix("V", "n", "n"), cr.vector("h0", "n")
    h1 = cr.tanh(V @ h0)
    program = taught(u.T @ cr.tanh(V @ h1), [V])
    assert names(program) == ["z1", "h1", "z2", "h2", "δ2", "δ1"]
    program = taught(u.T @ (cr.sigmoid(W @ x) * cr.tanh(A @ x)), [x])
    assert names(program) == ["z1", "h1", "z2", "h2", "δ1", "δ2"]
    assert values(program)["h1"] is cr.sigmoid(like("z1", u))


# ── what pays for a name ──────────────────────────────────────────────────────────────────────────────

r = W @ x - b


@pytest.mark.parametrize(
    "node",
    [
        cr.tanh(ONE),
        cr.outer(x, x),
        2 * (W.T @ r),
        cr.outer(x - cr.vector("v", "m"), x - cr.vector("v", "m")),
        W.T @ cr.softmax(ONE),
        1 - cr.tanh(x) ** 2,
        cr.outer(-x, 2 * x),
        W.T @ W,
    ],
    ids=str,
)
def test_a_short_formula_stays_as_it_is(node):
    program = plain([node])
    assert program.lines == () and program.results == (node,)


def test_what_repeats_is_named_for_what_it_is():
    C, v, t = cr.matrix("C", "m", "m"), cr.vector("v", "m"), cr.vector("t", "m")
    M = cr.inv(W.T @ W)
    a = cr.inv(C) @ v
    cases = {
        "r": (W.T @ (r / cr.sqrt(1 + r**2)), r, "residual"),
        "M": (W @ M @ M, M, "inverse"),
        "a": (cr.outer(a, a), a, "solution"),
        "p": (cr.diag(cr.softmax(x)) - cr.outer(cr.softmax(x), cr.softmax(x)), cr.softmax(x), "softmax"),
        "h": (cr.sigmoid(x) * (1 - cr.sigmoid(x)), cr.sigmoid(x), "activation"),
        "g": (cr.outer((C + C.T) @ v, (C + C.T) @ v), (C + C.T) @ v, "shared"),
        "ρ": (C @ v - ((v @ C @ v) / (v @ v)) * v, (v @ C @ v) / (v @ v), "quotient"),
        "R": (W.T @ (A - W) @ A.T @ (A - W), A - W, "residual"),
        "e": (v - (v @ (t / cr.norm2(t))) * (t / cr.norm2(t)), t / cr.norm2(t), "direction"),
        "c": (cr.outer(x / cr.sum(v), cr.exp(x)) * cr.sum(v), cr.sum(v), "shared"),
        "ν": (cr.outer(r, x) / cr.norm2(r) + W * cr.norm2(r), cr.norm2(r), "norm"),
    }
    for name, (node, whole, role) in cases.items():
        lines = {line.name: (line.whole, line.role) for line in plain([node]).lines}
        assert lines.get(name) == (whole, role), (name, lines)


def test_the_largest_part_is_named_and_what_no_longer_repeats_is_not():
    part = cr.exp(cr.sin(A @ x) + y)
    program = plain([part * cr.sum(part)])
    assert values(program) == {"g": part}
    program = plain([part * cr.sum(part), cr.sin(A @ x)])
    assert values(program) == {"v": cr.exp(like("g", y) + y), "g": cr.sin(A @ x)}


def test_what_is_cheap_beside_names_is_written_again():
    h = cr.tanh(A @ x)
    program = plain([u * h * (1 - h), y * (1 - h)])
    assert names(program) == ["h"]  # 1 − h twice is easier to read than one more letter


def test_transposes_numbers_and_signs_are_no_parts_of_their_own():
    D = A + W * y[:, None]
    program = plain([D.T @ y, -D @ x, 2 * D])
    assert values(program) == {"G": D}


def test_an_error_signal_that_is_a_result_is_still_named():
    h = cr.tanh(ONE)
    d = u * (1 - h**2)
    program = plain([d], u.T @ h, {ONE: d})
    assert names(program) == ["z", "h", "δ"] and program.results == (like("δ", b),)


def test_a_signal_that_says_nothing_new_is_none():
    mask = cr.cast(ONE > 0, "float64")
    assert plain([W.T @ mask], cr.sum(cr.relu(ONE)), {ONE: mask}).lines == ()
    p = cr.sigmoid(ONE)
    assert plain([W.T @ p], cr.sum(cr.softplus(ONE)), {ONE: p}).lines == ()
    assert plain([W.T @ (p - 1)], cr.sum(cr.softplus(-ONE)), {ONE: p - 1}).lines == ()
    assert plain([W.T @ r], r @ r + cr.sum(cr.tanh(ONE)), {ONE: r}).lines == ()  # r is a part of s
    d = x * (1 - cr.tanh(x) ** 2)
    assert plain([2 * d], x @ cr.tanh(x), {x: d}).lines == ()  # nor has a variable one
    program = plain([W.T @ (p - 1), p - 1], cr.sum(cr.softplus(-ONE)), {ONE: p - 1})
    assert roles(program)["δ"] == "error signal at z"


def test_a_factor_or_sign_of_the_signal_is_told():
    h = cr.tanh(ONE)
    d = u * (1 - h**2)
    s = u.T @ h
    for signals, but in [
        ({ONE: d / 2}, ", but for a factor"),
        ({ONE: -d}, ", but for the sign"),
        ({-ONE: d}, ", but for the sign"),
        ({-ONE: -d}, ""),
    ]:
        assert roles(plain([W.T @ d], s, signals))["δ"] == f"error signal at z{but}"


def test_a_long_root_is_named_though_it_stands_once():
    deviation = cr.sqrt(cr.mean(x**2) + 0.1)
    assert values(plain([x / deviation])) == {"ν": deviation}
    assert plain([x / cr.sqrt(x @ x)]).lines == () and plain([deviation]).lines == ()
    assert plain([r / cr.sqrt(1 + b**2)]).lines == ()


def test_the_error_of_an_output_is_named_in_a_network():
    V, t = cr.matrix("V", "k", "n"), cr.vector("t", "k")
    program = taught(0.5 * cr.norm2(V @ cr.tanh(ONE) - t) ** 2, [W])
    assert names(program) == ["z", "h", "r", "δ"] and roles(program)["r"] == "residual"
    assert values(program)["δ"] is (V.T @ like("r", t)) * (1 - like("h", b) ** 2)


def test_layers_in_layers_are_named_without_an_error_signal():
    V = cr.matrix("V", "n", "n")
    program = plain([cr.tanh(V @ cr.tanh(ONE))])
    assert names(program) == ["z1", "h1", "z2", "h2"] and program.results == (like("h2", b),)


def test_a_window_is_named_in_a_network_alone():
    x1, x2, V = cr.vector("x1", "m"), cr.vector("x2", "m"), cr.matrix("V", "n", "2m")
    window = cr.concat([x1, x2])
    assert plain([V @ window]).lines == ()
    program = taught(u.T @ cr.tanh(V @ window + b), [x1])
    assert names(program) == ["x", "z", "h", "δ"] and program.lines[0].role == "joined"


def test_definitions_of_the_user_keep_their_names_where_they_occur():
    program = plain([2 * (W.T @ r)], residual=r, unused=cr.exp(x), alias=x)
    assert values(program) == {"residual": r}
    part = cr.tanh(ONE)
    program = plain([cr.outer(part * u, part)], cr.sum(part), {}, hidden=part)
    assert names(program) == ["hidden"]


def test_lines_come_forward_first_then_backward():
    h, k = cr.tanh(ONE), cr.exp(cr.sin(A @ x))
    d = u * (1 - h**2)
    program = plain([cr.outer(d, x), cr.outer(k, k)], u.T @ h + cr.sum(k), {ONE: d})
    assert names(program) == ["z", "h", "g", "δ"]


def test_pre_activations_are_compound_and_in_order():
    s = cr.sum(cr.tanh(A @ cr.tanh(x)) + cr.relu(-(W @ x))) + cr.logsumexp(cr.tanh(x)) + cr.sum(cr.maximum(r, 0))
    assert pre_activations(s) == [A @ cr.tanh(x), W @ x, r]


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────


def test_no_name_is_in_use_already():
    delta, z, h, k = cr.vector("delta", "n"), cr.vector("z", "n"), cr.vector("h", "m"), cr.matrix("V", "n", "m")
    program = taught(delta.T @ cr.tanh(k @ h + z), [k, h])
    assert names(program) == ["a", "o", "ε"]  # δ is delta
    assert roles(program)["ε"] == "error signal at a"
    g = cr.vector("x", "g")  # the dimension is called g
    part = cr.exp(cr.sin(g)) * g
    assert names(plain([cr.outer(part, part)])) == ["v"]


def test_one_number_for_the_names_of_one_layer():
    h1 = cr.vector("h1", "m")
    s = u.T @ cr.tanh(cr.matrix("V", "n", "n") @ cr.relu(W @ h1))
    program = taught(s, [W])
    assert names(program) == ["z1", "a1", "z2", "a2", "δ2", "δ1"]


def test_signals_of_layers_with_names_of_the_user():
    c2 = cr.sigmoid(A @ x) * y + cr.tanh(W @ x)
    program = taught(u.T @ cr.tanh(c2), [A, W], c2=c2)
    assert [n for n in names(program) if n.startswith("δ")] == ["δ3", "δ1", "δ2"]
    assert roles(program)["δ3"] == "error signal at c2"


def test_more_parts_than_letters_are_numbered():
    parts = [cr.exp(cr.sin(x) + float(k)) for k in range(12)]
    program = plain([cr.outer(p, p) for p in parts])
    assert len(set(names(program))) == len(program.lines) >= 12
    assert not set(names(program)) & {"x", "m", "s"}


def test_names_have_the_kind_of_what_they_stand_for():
    a = cr.vector("a", "n", dtype="float32")
    program = plain([cr.outer(cr.exp(cr.sin(a)), cr.exp(cr.sin(a)))])
    (name,) = [n for n in topological(program.results) if n.op.name == "variable"]
    assert (name.shape, name.dtype) == (a.shape, a.dtype)


# ── many formulas ─────────────────────────────────────────────────────────────────────────────────────

SHARED, OWN = intermediates.formulas.DATA / "formulas.json", Path(__file__).parents[1] / "formulas.json"
ENTRIES = intermediates.formulas.load(SHARED if SHARED.exists() else OWN)


def derived(entry):
    """The program of an entry's derivative in textbook form, what it should compute, and its formula."""
    read = formula(entry["expr"], intermediates.formulas.shapes(entry))
    facts = read_facts(entry.get("assume", {}), read.variables)
    (s,) = recognised([read.result], facts)
    wrt = [entry["wrt"]] if isinstance(entry["wrt"], str) else entry["wrt"]
    by = [read.variables[name] for name in wrt]
    if entry["mode"] == "gradient":
        results, signals = gradients_by_layers(s, by, facts)
    elif entry["mode"] == "jacobian":
        results, signals = textbook([cr.jacobian(s, by[0])], facts), {}
    else:
        results, signals = textbook([cr.hessian(s, by if len(by) > 1 else by[0])], facts), {}
    return named(results, s, {}, signals), results, read


@pytest.fixture(scope="module")
def programs():
    return {e["id"]: derived(e) for e in ENTRIES if e["mode"] in ("gradient", "jacobian", "hessian")}


def test_the_names_put_back_give_the_very_same_expressions(programs):
    for program, results, _ in programs.values():
        assert put_back(program) == list(results)


@pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not here: the shared formulas are read in place")
def test_nine_of_ten_reference_forms_name_the_same(programs):
    counted = [e for e in ENTRIES if "let" in e and e["id"] in programs]
    missed = {}
    for entry in counted:
        shared = intermediates.shares(entry, programs[entry["id"]][0], entry["dims"])
        assert shared, entry["id"]
        if not all(found for _, found in shared):
            missed[entry["id"]] = [name for name, found in shared if not found]
    assert len(missed) <= 0.1 * len(counted), missed


def test_formulas_without_shared_parts_do_not_drown_in_names(programs):
    lines = [len(programs[e["id"]][0].lines) for e in ENTRIES if "let" not in e and e["id"] in programs]
    assert max(lines) <= 5 and np.mean(lines) < 0.5


def test_names_of_formulas_are_single_and_free(programs):
    for program, _, read in programs.values():
        taken = {d for v in read.variables.values() for a in v.shape if isinstance(a, Dim) for d in a.names}
        found = names(program)
        assert len(set(found)) == len(found) and not set(found) & (taken | set(read.variables))


def test_a_line_speaks_only_of_what_stands_before_it(programs):
    for program, _, read in programs.values():
        known = {v.attrs["name"] for v in read.variables.values()}
        for line in program.lines:
            assert {v.attrs["name"] for v in topological([line.value]) if v.op.name == "variable"} <= known
            known.add(line.name)


def test_the_same_question_has_the_same_answer(programs):
    for entry in ENTRIES[::10]:
        if entry["id"] in programs:
            again, before = derived(entry)[0], programs[entry["id"]][0]
            assert (names(again), values(again)) == (names(before), values(before))


def test_names_of_random_gradients_put_back_give_the_very_same_expressions(rng):
    lines = 0
    for node in random_expressions.expressions(rng, 200):
        s = cr.sum(node)
        by = variables(s)
        if by:
            layers = pre_activations(s)
            signals = dict(zip(layers, cr.gradient(s, layers), strict=True)) if layers else {}
            program = plain(cr.gradient(s, by), s, signals)
            lines += len(program.lines)
            assert len({*names(program), *(v.attrs["name"] for v in by)}) == len(program.lines) + len(by)
    assert lines > 200


# ── deep graphs ───────────────────────────────────────────────────────────────────────────────────────


def test_a_chain_of_twenty_thousand_nodes():
    node = x
    for _ in range(10_000):
        node = cr.sin(node) + 0.5
    program = plain([node, cr.outer(node, node)])
    assert len(program.lines) == 1
    node = x
    for _ in range(2_000):
        node = cr.tanh(node)
    assert plain([node], cr.sum(node)).lines == ()


def test_a_network_of_two_thousand_layers():
    V, node = cr.matrix("V", "m", "m"), x
    for _ in range(2_000):
        node = cr.tanh(V @ node)
    program = plain([node], cr.sum(node))
    assert len(program.lines) == 4_000 and names(program)[-1] == "h2000"


def test_repetition_that_doubles_at_every_step_stays_small():
    node = x
    for _ in range(200):
        node = cr.sin(node * cr.exp(node))
    program = plain([node])
    assert len(program.lines) <= 200


def test_a_difference_is_a_residual_where_it_is_a_part_of_the_formula():
    b, y = cr.vector("b", "n"), cr.vector("y", "m")
    for r in (A @ x - b, b - A @ x):
        (line,) = plain([cr.outer(r, r), cr.exp(r), r * cr.sum(r)], s=cr.norm2(A @ x - b)).lines
        assert (line.name, line.role) == ("r", "residual")
        (line,) = plain([cr.outer(r, r), cr.exp(r), r * cr.sum(r)], s=cr.sum(y)).lines
        assert (line.name, line.role) == ("g", "difference")
