"""Ill-typed and ambiguous formulas: the message names what is asked, and an error underlines its place."""

import importlib.util
from pathlib import Path

import pytest

from chainrule.algebra.parse import formula
from chainrule.calculus.notes import notes
from chainrule.errors import ChainruleError

_spec = importlib.util.spec_from_file_location("formulas", Path(__file__).parents[1] / "formulas.py")
formulas = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(formulas)

OWN, SHARED = Path(__file__).parents[1] / "formula_errors.json", formulas.DATA / "formula_errors.json"
ABSENT = pytest.param(None, marks=pytest.mark.skip(f"{SHARED} is not here: the shared messages are read in place"))
ERRORS = [*formulas.load(OWN), *(formulas.load(SHARED) if SHARED.exists() else [ABSENT])]


@pytest.mark.parametrize("entry", ERRORS, ids=lambda e: e["id"] if e else "shared")
def test_the_message_names_what_is_asked(entry):
    shapes = {name: tuple(shape) for name, shape in entry["vars"].items()}
    try:
        read = formula(entry["expr"], shapes)
    except ChainruleError as error:
        message = str(error)
        assert entry["kind"] in ("shape", "square", "syntax")
        assert "\n" in message and "^" in message
    else:
        message = "\n".join(notes(read.result, [read.variables[entry["wrt"]]], entry["expr"]))
        assert entry["kind"] in ("note", "order 3", "order 4")
    for part in entry["message_should_name"]:
        assert formulas.names(message, part), (part, message)
