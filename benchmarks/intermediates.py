"""Whether a program names the intermediates that a reference derivation names.

The entries of the shared formulas that have `let` name parts of their derivative. A part counts as named if one
of the program's lines has its value, up to sign or transposition, at random values.
"""

import ast
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.algebra.signature import Binding, shape_of
from chainrule.calculus.naming import Program

_spec = importlib.util.spec_from_file_location("formulas", Path(__file__).parents[1] / "tests" / "formulas.py")
assert _spec is not None
assert _spec.loader is not None
formulas = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(formulas)


def shares(entry: Mapping[str, Any], program: Program, sizes: Mapping[str, int]) -> list[tuple[str, bool]]:
    """Every intermediate that the reference form really uses, and whether a line of the program is it.

    entry   one of the shared formulas       sizes   the size of every dimension
    """
    values = _drawn(entry, sizes)
    names = {**formulas.REFERENCE, **sizes, **values}
    for name, text in entry.get("let", {}).items():
        names[name] = eval(text, names)  # the shared file's own reference forms
    lines = cr.evaluate([line.whole for line in program.lines], values, dict(sizes)) if program.lines else []
    return [(name, any(_same(np.asarray(names[name]), np.asarray(v)) for v in lines)) for name in used(entry)]


def used(entry: Mapping[str, Any]) -> list[str]:
    """The intermediates that the reference form speaks of, itself or through others."""
    lets = entry.get("let", {})
    waiting, found = [entry["expected_gradient"]], set()
    while waiting:
        spoken = {n.id for n in ast.walk(ast.parse(waiting.pop(), mode="eval")) if isinstance(n, ast.Name)}
        waiting += [lets[n] for n in spoken & lets.keys() - found]
        found |= spoken & lets.keys()
    return [name for name in lets if name in found]


def _drawn(entry: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    rng, binding = np.random.default_rng(0), Binding(dict(sizes))
    kinds = entry.get("sample", {})
    shapes = {
        name: tuple(binding.size(a) for a in shape_of(axes)) for name, axes in formulas.shapes(entry).items()
    }
    return {name: np.asarray(formulas.drawn(kinds.get(name), shape, rng)) for name, shape in shapes.items()}


def _same(wanted: np.ndarray, value: np.ndarray) -> bool:
    forms = [value, -value] + ([value.T, -value.T] if value.ndim == 2 else [])
    return any(f.shape == wanted.shape and np.allclose(f, wanted, rtol=1e-8, atol=1e-10) for f in forms)
