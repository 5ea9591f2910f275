"""The notebook runs from top to bottom, and what its cells end with shows itself."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from pages import run_python

import chainrule as cr

PATH = Path(__file__).parents[1] / "docs" / "tour.ipynb"
NOTEBOOK = json.loads(PATH.read_text(encoding="utf-8"))


def shown(thing: Any) -> dict[str, str]:
    """What a notebook is given to show, by its kind."""
    if hasattr(thing, "_repr_mimebundle_"):
        return dict(thing._repr_mimebundle_())
    kinds = {"_repr_html_": "text/html", "_repr_latex_": "text/latex"}
    return {kind: getattr(thing, name)() for name, kind in kinds.items() if hasattr(thing, name)}


def test_it_is_a_notebook_without_output_of_a_machine():
    assert NOTEBOOK["nbformat"] == 4 and len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    code = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_every_cell_runs_and_shows_what_it_ends_with(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    kinds = []
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        *_, last = ast.parse(source).body
        if not isinstance(last, ast.Expr) or ast.unparse(last).startswith("print("):
            run_python(source, PATH, names, capsys)
            continue
        start = source.rindex(ast.get_source_segment(source, last))
        run_python(f"{source[:start]}shown = ({source[start:]}\n)", PATH, names, capsys)
        found = shown(names["shown"])
        assert found.keys() & {"text/html", "text/latex", "image/svg+xml"}, source
        assert all(found.values())
        kinds.append(type(names["shown"]).__name__)
    assert {"Node", "Derivation", "Trace", "Check", "Compiled", "Corpus", "Tagger", "Score", "Run"} <= set(kinds)


def test_expressions_are_formulas():
    W, x = cr.matrix("W", "n", "m"), cr.vector("x", "m")
    assert cr.tanh(W @ x)._repr_latex_() == r"$\displaystyle \tanh(W x)$"
    long = sum((cr.tanh(cr.vector(f"v{k}", 3)) for k in range(2000)), cr.zeros(3))
    assert len(long._repr_latex_()) < 60_000


def test_a_solution_is_a_formula():
    x, A, b = cr.vector("x", "n"), cr.matrix("A", "n", "n"), cr.vector("b", "n")
    found = cr.derive(0.5 * cr.norm2(A @ x - b) ** 2, x).solve()
    assert found._repr_latex_().startswith(r"$\displaystyle x = ")


def test_what_stands_in_tables_is_text():
    x = cr.vector("x", 2)
    table = cr.check(cr.sum(cr.tanh(x)), {"x": [0.1, 0.2]})._repr_html_()
    assert table.startswith("<pre>") and "agree" in table
    program = cr.compile(cr.sum(cr.tanh(x)), backend="numpy")
    assert "&lt;compiled" in program._repr_html_() and "<compiled" not in program._repr_html_()


@pytest.mark.parametrize("name", [n for n in cr.__all__ if isinstance(getattr(cr, n), type)])
def test_every_public_object_shows_itself(name):
    kind = getattr(cr, name)
    ways = ("_repr_html_", "_repr_latex_", "_repr_mimebundle_")
    assert issubclass(kind, Exception) or any(hasattr(kind, way) for way in ways)
