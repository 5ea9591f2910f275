"""`chainrule compile`: a page with the program of a formula and its gradients, which runs as it stands."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.compute.helpers import HELPERS

NETWORK = "z = W@x + b; h = tanh(z); s = u.T@h"
LAYERS = "z1 = W@x + b1; h1 = tanh(z1); z2 = U@h1 + b2; J = logsumexp(z2) - y.T@z2"
KERNELS = {"tanh64": np.tanh, "exp64": np.exp, "log64": np.log, "np": np}
SIZES = {"n": 3, "m": 2, "k": 4, "scalar": None}

PAGE = """# s = uᵀ tanh(W x + b)
#
#   given     W: n×m   x: m   b: n   u: n
#   returned  s: scalar
#   written   dW = ∂s/∂W: n×m   dx = ∂s/∂x: m   delta = ∂s/∂b: n   h = ∂s/∂u: n
#   memory    Wx: n

def forward_and_backward(W, x, b, u, dW, dx, delta, h, Wx):
"""


def test_the_page_of_the_lectures_network(cli):
    done = cli("compile", NETWORK, "--backend", "numba")
    assert (done.code, done.err) == (0, "") and done.out.startswith(PAGE)
    assert re.findall(r"# ── ([a-z ]+) ─", done.out) == ["forward", "forward and backward", "backward"]
    assert "    # dW = δ xᵀ   n×m\n" in done.out and "    # delta = u ⊙ (1 - h²)   n\n" in done.out


def test_the_passes_are_listed_by_name_with_a_sentence_each(cli):
    for backend in ("numba", "numpy"):
        pytest.importorskip(backend)
        done = cli("compile", NETWORK, "--backend", backend)
        listed = re.findall(r"^#   (\w+)  +\w", done.out[done.out.index("# The graph was") :], re.MULTILINE)
        assert tuple(listed) == cr.compile(cr.parse(NETWORK), backend=backend).passes


def told(page, row):
    """The names and shapes of a row of the head: what is told of them, before and behind the colon."""
    (line,) = re.findall(rf"^#   {row} +(.*)$", page, re.MULTILINE) or [""]
    parts = (part.split(": ") for part in line.split("   ") if part)
    return {name: tuple(SIZES[a] for a in shape.split("×") if SIZES[a]) for name, shape in parts}


@pytest.mark.parametrize("formula", [NETWORK, LAYERS, "sum(c * exp(c))", "sum(exp(dx * x))"])
def test_the_page_of_loops_runs_and_gives_the_values_of_evaluate(cli, formula, rng):
    page = cli("compile", formula, "--backend", "numba").out
    names = {**KERNELS, **HELPERS}
    exec(page, names)
    values = {name: rng.standard_normal(shape) for name, shape in told(page, "given").items()}
    written = {name.split(" = ")[0]: np.empty(shape) for name, shape in told(page, "written").items()}
    memory = [np.empty(shape) for shape in told(page, "memory").values()]
    found = names["forward_and_backward"](*values.values(), *written.values(), *memory)
    s = cr.parse(formula)
    variables = {str(v.attrs["name"]): v for v in cr.variables(s)}
    assert np.ravel(found)[0] == pytest.approx(cr.evaluate(s, values), rel=1e-12)
    for name in told(page, "written"):
        target, slope = name.split(" = ")
        wanted = cr.evaluate(cr.gradient(s, variables[slope.rpartition("∂")[2]]), values)
        np.testing.assert_allclose(written[target], wanted, rtol=1e-12)


def test_the_page_of_numpy_runs_and_gives_the_values_of_evaluate(cli, rng):
    page = cli("compile", NETWORK, "--backend", "numpy", "--wrt", "W,b").out
    names = {}
    exec(page, names)
    values = {name: rng.standard_normal(shape) for name, shape in told(page, "given").items()}
    s = cr.parse(NETWORK)
    W, b = (v for v in cr.variables(s) if v.attrs["name"] in "Wb")
    wanted = cr.evaluate([s, *cr.gradient(s, [W, b])], values)
    for got, want in zip(names["compiled"](*values.values()), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["W @ x"], "error: a gradient is of a scalar, and W x is"),
        (["x.T @"], "error:"),
        ([NETWORK, "--wrt", "V"], "error:"),
        ([NETWORK, "--backend", "gpu"], "error: Invalid value for '--backend'"),
    ],
)
def test_what_cannot_be_compiled_is_explained(cli, arguments, message):
    done = cli("compile", *arguments)
    assert (done.code, done.out) == (2, "") and done.err.startswith(message)
