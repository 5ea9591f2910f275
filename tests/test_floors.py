"""The tree explains the system: a file imports its own floor and the floors before it, by name, never after it."""

import ast
import sys
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

import chainrule

HOME = Path(chainrule.__file__).parent
FILES = sorted(HOME.rglob("*.py"))
FLOORS = ["errors", "algebra", "calculus", "compute", "display", "learn", "ner", "ports", "shell", "__main__"]
LIMIT = 400
EVERY = pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(HOME)))


def module(file: Path) -> str:
    parts = file.relative_to(HOME.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(f): f for f in FILES}


def floor(name: str) -> int:
    """The height of a module; the package itself stands on the ground."""
    parts = name.split(".")
    return FLOORS.index(parts[1]) if len(parts) > 1 else -1


def is_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(file: Path) -> list[tuple[str, int, bool]]:
    """What a file imports of our own: module, line, whether inside a function. Imports for types alone aside."""
    found: list[tuple[str, int, bool]] = []

    def walk(node: ast.AST, inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if is_checking(child):
                continue
            if isinstance(child, ast.Import):
                found.extend((alias.name, child.lineno, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = "chainrule" if child.level else child.module or ""
                found.extend(
                    (f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base, child.lineno, inside)
                    for alias in child.names
                )
            walk(child, inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))

    walk(ast.parse(file.read_text()), False)
    return [(name, line, inside) for name, line, inside in found if name.split(".")[0] == "chainrule"]


def test_the_floors_are_in_the_order_of_the_alphabet():
    assert all(a < b for a, b in pairwise(FLOORS[1:-1]))
    assert {p.name for p in HOME.iterdir() if p.is_dir() and p.name != "__pycache__"} <= set(FLOORS)
    assert {p.stem for p in HOME.glob("*.py")} <= {"__init__", *FLOORS}


@EVERY
def test_a_file_imports_only_what_lies_below(file):
    here = module(file)
    for name, line, _ in imports(file):
        assert floor(name) <= floor(here), f"{file}:{line}: {here} imports {name}, which lies above it"


@EVERY
def test_our_own_package_is_imported_at_the_head_of_a_file(file):
    assert [f"{file}:{line}" for _, line, inside in imports(file) if inside] == []


@EVERY
def test_imports_are_written_from_the_root(file):
    levels = [n.level for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.ImportFrom)]
    assert not any(levels)


def test_no_circle_of_imports():
    graph = {name: {other for other, _, _ in imports(file)} - {name} for name, file in MODULES.items()}
    heads = {name for name, file in MODULES.items() if file.name == "__init__.py"}  # they gather their own floor
    TopologicalSorter({name: below - heads for name, below in graph.items()}).prepare()


@EVERY
def test_no_text_is_run_as_code_and_no_pickle_is_read(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not {n.split(".")[0] for n in names} & {"pickle", "cPickle", "marshal", "shelve", "dill"}, file
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            ours = (
                {"exec"} if module(file) == "chainrule.compute.compile" else set()
            )  # text that we wrote ourselves
            assert node.func.id not in {"eval", "exec"} - ours, f"{file}:{node.lineno}"


@EVERY
def test_no_assert_stands_between_a_user_and_a_sentence(file):
    asserts = [n.lineno for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Assert)]
    assert asserts == [], file


@EVERY
def test_a_file_is_short(file):
    assert len(file.read_text().splitlines()) <= LIMIT


@EVERY
def test_a_file_says_what_it_is(file):
    assert ast.get_docstring(ast.parse(file.read_text()))


@EVERY
def test_a_file_keeps_its_global_state_to_tables_and_caches(file):
    """No `global`, and randomness only from a seed that is given."""
    tree = ast.parse(file.read_text())
    assert not any(isinstance(n, ast.Global) for n in ast.walk(tree))
    seeded = {"default_rng", "Generator", "SeedSequence", "PCG64", "Philox", "BitGenerator"}
    for n in ast.walk(tree):
        if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "np.random":
            assert n.attr in seeded, f"{file}:{n.lineno}: {ast.unparse(n)}"


def test_the_core_needs_numpy_alone():
    outside = set()
    for file in FILES:
        if file.relative_to(HOME).parts[0] in ("algebra", "calculus", "compute", "errors.py"):
            for n in ast.walk(ast.parse(file.read_text())):
                names = (
                    [a.name for a in n.names]
                    if isinstance(n, ast.Import)
                    else [n.module]
                    if isinstance(n, ast.ImportFrom)
                    else []
                )
                outside |= {name.split(".")[0] for name in names}
    standard = {n for n in outside if n in sys.stdlib_module_names}
    assert outside - standard <= {"numpy", "chainrule", "numba", "scipy"}
