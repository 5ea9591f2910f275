"""Machine code is found again by the next process, which links it without Numba; what is foreign is made again."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.compute import disk, linking, native

pytest.importorskip("numba")

PROGRAM = """
import sys, numpy as np, chainrule as cr
from chainrule.compute import native
A, v, k = cr.matrix("A", "n", "n"), cr.vector("v", "n"), cr.index("k")
made = native._compiled
native._compiled = lambda *a: print("compiled") or made(*a)
f = cr.compile([cr.tanh(A @ v), cr.take(v, k)], backend="numba")
f._interpreted = lambda values: print("interpreted")
print(f(A=np.eye(2), v=[1, 2], k=1)[0].tolist())
print("numba" in sys.modules)
f(A=np.eye(2), v=[1, 2], k=5)
"""
NUMBERS = str(np.tanh([1.0, 2.0]).tolist())[:10]

A, x = cr.matrix("A", "n", "n"), cr.vector("x", "n")
HERE = np.array([1.0, 2.0])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.fixture
def compilations(monkeypatch):
    """The functions that are compiled, one by one."""
    made, seen = native._compiled, []
    monkeypatch.setattr(native, "_compiled", lambda *given: seen.append(given) or made(*given))
    return seen


def test_the_next_process_finds_the_machine_code_and_needs_no_numba(folder):
    first, second = run(), run()
    assert (first[0], first[2:]) == ("compiled", ["True", "interpreted"])
    assert (second[0][:10], second[1:]) == (NUMBERS, ["False", "interpreted"])
    assert len(list(folder.iterdir())) == 1


def test_processes_at_once_do_not_disturb_each_other(folder):
    started = [
        subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in started:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, b"") and NUMBERS in out.decode()
    assert len(list(folder.iterdir())) == 1


def test_linked_and_compiled_functions_live_side_by_side(folder, compilations):
    first, again = cr.compile(cr.sum(cr.tanh(x))), cr.compile(cr.sum(cr.tanh(x)))
    assert first(HERE) == again(HERE) == pytest.approx(np.tanh(HERE).sum(), rel=1e-15)
    assert len(compilations) == 1
    other = cr.compile(cr.sum(cr.exp(x)))
    assert other(HERE) == pytest.approx(np.exp(HERE).sum(), rel=1e-15)
    assert len(compilations) == 2
    del again
    assert first(HERE) == cr.compile(cr.sum(cr.tanh(x)))(HERE)


def test_what_calls_something_that_is_not_there_is_made_again(folder, compilations):
    wanted = cr.compile(cr.sum(cr.tanh(x)))(HERE)
    name = next(iter(folder.iterdir())).stem
    told, code, bitcode = linking.unpacked(disk.found(name))
    for change in ({"foreign": ["numba_never_heard_of"]}, {"wrapper": "_ZN_nowhere"}, {"environments": []}):
        head = json.dumps({**told, **change}).encode()
        disk.keep(name, len(head).to_bytes(4, "little") + head + code + bitcode)
        assert cr.compile(cr.sum(cr.tanh(x)))(HERE) == wanted
    assert len(compilations) == 4


@pytest.mark.parametrize("damage", [b"", b"\x10\0\0\0{}", b"\x02\0\0\0{}rest", bytes(9)])
def test_what_is_whole_but_means_nothing_is_made_again(damage, folder, compilations):
    wanted = cr.compile(cr.sum(cr.tanh(x)))(HERE)
    disk.keep(next(iter(folder.iterdir())).stem, damage)
    assert cr.compile(cr.sum(cr.tanh(x)))(HERE) == wanted
    assert len(compilations) == 2


@pytest.mark.parametrize("part", ["processor", "version", "setting", "kind"])
def test_code_is_found_by_everything_that_it_depends_on(part, folder, compilations, monkeypatch):
    cr.compile(cr.sum(cr.tanh(x)))(HERE)
    kind = np.float64
    if part == "processor":
        monkeypatch.setattr(linking, "processor", lambda: ("x86_64-unknown-linux-gnu", "i486", ""))
    if part == "version":
        monkeypatch.setattr(np, "__version__", "99")
    if part == "setting":
        monkeypatch.setitem(os.environ, "NUMBA_OPT", "3")
    if part == "kind":
        kind = np.float32
    y = cr.vector("x", "n", dtype=kind)
    cr.compile(cr.sum(cr.tanh(y)))(HERE.astype(kind))
    assert len(compilations) == 2 and len(list(folder.iterdir())) == 2


def test_numba_links_where_llvm_alone_does_not(folder, compilations, monkeypatch):
    monkeypatch.setattr(linking, "is_possible", lambda: False)
    twice(cr.tanh(A @ x), compilations)


def test_products_and_factorizations_are_linked(folder, compilations):
    twice(cr.inv(A) @ (A @ x), compilations)


def twice(expression, compilations):
    """A function and the same one from disk give the same bits."""
    given = {"A": HERE + np.eye(2), "x": HERE}
    first, again = cr.compile(expression), cr.compile(expression)
    np.testing.assert_array_equal(first(given), again(given))
    np.testing.assert_allclose(first(given), cr.evaluate(expression, given), rtol=1e-14)
    assert len(compilations) == 1


def test_where_versions_are_not_told_nothing_is_kept(folder, compilations, monkeypatch):
    def missing(*_):
        raise FileNotFoundError("_version.py")

    monkeypatch.setattr(native, "_makers", missing)
    for _ in range(2):
        assert cr.compile(cr.sum(cr.tanh(x)))(HERE) == pytest.approx(np.tanh(HERE).sum(), rel=1e-15)
    assert len(compilations) == 2 and not folder.exists()
