"""The public face: one sorted list of names, importable, documented, and cheap to import."""

import ast
import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

STUB = Path(cr.__file__).with_suffix(".pyi")


def listed() -> dict[str, str]:
    """name → home, as the stub lists them."""
    return {
        alias.asname or alias.name: f"chainrule.{node.module}"
        for node in ast.parse(STUB.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_the_list_is_sorted_and_whole():
    assert list(cr.__all__) == sorted(set(cr.__all__))
    assert set(cr.__all__) == set(listed())
    assert set(cr.__all__) <= set(dir(cr))


@pytest.mark.parametrize("name", sorted(listed()))
def test_every_name_is_importable_documented_and_at_home(name):
    thing, home = getattr(cr, name), import_module(listed()[name])
    assert getattr(home, name) is thing
    if not callable(thing):
        return
    assert inspect.getdoc(thing), name
    if hasattr(thing, "__module__") and inspect.isclass(thing):
        assert thing.__module__ == listed()[name]


@pytest.mark.parametrize("name", sorted(n for n in listed() if inspect.isfunction(getattr(cr, n))))
def test_every_function_is_named_as_it_is_called_and_typed(name):
    f = getattr(cr, name)
    assert f.__name__ == name
    inner = inspect.signature(f)
    assert inner.return_annotation is not inspect.Signature.empty
    assert all(p.annotation is not inspect.Parameter.empty for p in inner.parameters.values())


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError):
        cr.no_such_name  # noqa: B018
    with pytest.raises(ImportError):
        exec("from chainrule import no_such_name")


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, chainrule; print(sorted({m.split('.')[0] for m in sys.modules} & {'numpy', 'scipy', 'numba', 'rich', 'click', 'safetensors'}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_using_the_core_loads_numpy_alone():
    code = "import sys, chainrule as cr; cr.gradient(cr.sum(cr.vector('x', 3)), cr.vector('x', 3)); print(sorted({m.split('.')[0] for m in sys.modules} & {'numpy', 'scipy', 'numba', 'rich', 'click', 'safetensors'}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "['numpy']"


def test_a_star_import_is_the_list():
    names: dict[str, object] = {}
    exec("from chainrule import *", names)
    assert set(names) - {"__builtins__"} == set(cr.__all__)


def test_the_errors_form_one_tree():
    errors = [getattr(cr, name) for name in cr.__all__ if name.endswith("Error")]
    assert all(issubclass(e, cr.ChainruleError) for e in errors)
    tree = import_module("chainrule.errors").__doc__
    for e in errors:
        assert re.search(rf"\b{e.__name__}\b", tree), f"{e.__name__} is not drawn in the tree"


def test_the_version_is_a_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", cr.__version__)


def test_the_package_is_typed():
    assert Path(cr.__file__).with_name("py.typed").exists()


def test_functions_of_the_core_do_not_print(capsys):
    x = cr.vector("x", 3)
    cr.check(cr.sum(cr.tanh(x)), {"x": np.zeros(3)})
    assert capsys.readouterr() == ("", "")
