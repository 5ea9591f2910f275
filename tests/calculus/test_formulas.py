"""The derivatives of our own and the shared formulas have the verified values and shapes, at three sets of sizes."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.parse import formula
from chainrule.algebra.signature import Binding, entries as count, shape_of

_spec = importlib.util.spec_from_file_location("formulas", Path(__file__).parents[1] / "formulas.py")
formulas = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(formulas)

OWN, SHARED = Path(__file__).parents[1] / "formulas.json", formulas.DATA / "formulas.json"
ABSENT = pytest.param(None, marks=pytest.mark.skip(f"{SHARED} is not here: the shared formulas are read in place"))
ENTRIES = [*formulas.load(OWN), *(formulas.load(SHARED) if SHARED.exists() else [ABSENT])]


def column_stacked(J, y, x):
    """∂ vec y / ∂ vec x, columns stacked, from the Jacobian with the axes of y before those of x."""
    turned = [*range(y.ndim)[::-1], *range(y.ndim, J.ndim)[::-1]]
    return cr.reshape(cr.transpose(J, turned), (count(y.shape), count(x.shape)))


def derivative(read, mode, wrt):
    s = read.result
    x = [read.variables[n] for n in wrt] if isinstance(wrt, list) else read.variables[wrt]
    match mode:
        case "gradient":
            return cr.gradient(s, x)
        case "gradient_symmetric":
            G = cr.gradient(s, x)
            return G + G.T - cr.diag(cr.diag(G))
        case "jacobian":
            return cr.jacobian(s, x)
        case "hessian":
            return cr.hessian(s, x)
        case "jacobian_vec":
            return column_stacked(cr.jacobian(s, x), s, x)
        case "hessian_vec":
            return column_stacked(cr.hessian(s, x), x, x)
    raise ValueError(mode)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e["id"] if e else "shared")
def test_the_derivative_is_right(entry):
    read = formula(entry["expr"], formulas.shapes(entry))
    found = derivative(read, entry["mode"], entry["wrt"])
    for more in (0, 1, 2):
        rng = np.random.default_rng(more)
        dims = {name: size + more for name, size in entry["dims"].items()}
        binding = Binding(dims)
        values = {}
        for name, shape in formulas.shapes(entry).items():
            size = tuple(binding.size(a) for a in shape_of(shape))
            values[name] = np.asarray(formulas.drawn(entry.get("sample", {}).get(name), size, rng))
        names = {**formulas.REFERENCE, **dims, **values}
        for name, text in entry.get("let", {}).items():
            names[name] = eval(text, names)
        wanted = np.asarray(eval(entry["expected_gradient"], names))
        got = cr.evaluate(found, values, dims)
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-9)
