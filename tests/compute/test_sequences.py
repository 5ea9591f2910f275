"""Best paths and probabilities under scores of moves: against all paths, and every way against the others."""

import importlib.util
import subprocess
import sys

import numpy as np
import paths
import pytest

from chainrule.compute import codes
from chainrule.compute.sequences import Sequences
from chainrule.errors import SettingError

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")
BACKENDS = [pytest.param("numba", marks=needs_numba), "numpy"]


def begun(lengths):
    first = np.zeros(int(lengths.sum()), np.int64)
    first[np.cumsum(lengths) - lengths] = 1
    return first


def bioes(labels, rng):
    """Random scores of the moves that BIOES allows: O, then B, I, E and S of every label."""
    size = 4 * labels + 1
    A = np.full((size + 1, size + 1), -np.inf)
    tags = np.arange(1, size).reshape(labels, 4)
    closed, opening = [0, size, *tags[:, 2:].ravel()], [0, size, *tags[:, [0, 3]].ravel()]
    A[np.ix_(closed, opening)] = rng.standard_normal((len(closed), len(opening)))
    for own in tags:
        A[np.ix_(own[:2], own[1:3])] = rng.standard_normal((2, 2))
    return A


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("whole", [False, True], ids=["any scores", "many ties"])
def test_the_best_path_is_the_best_of_all(backend, whole, rng):
    for trial in range(40):
        size, lengths = int(rng.integers(1, 5)), rng.integers(1, 6, 4)
        s, A = rng.standard_normal((lengths.sum(), size)), rng.standard_normal((size + 1, size + 1))
        if whole:
            s, A = s.round(), A.round()
        if trial % 3 == 0:
            A[rng.random(A.shape) < 0.3] = -np.inf
            A[0] = A[:, 0] = 0.0
        found = Sequences(A, backend).best(s, lengths)
        assert found.tolist() == paths.best(s, A, begun(lengths))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scale", [1, 300])
def test_marginals_are_those_of_all_paths(backend, scale, rng):
    lengths = np.array([1, 4, 3, 1, 5])
    given = paths.example(int(lengths.sum()), 3, rng, scale)
    given["s"] = given["s"].astype(np.float32)
    log_z, p, _ = paths.by_hand(given["s"], given["A"], begun(lengths))
    found = Sequences(given["A"], backend).marginals(given["s"], lengths)
    np.testing.assert_allclose(found.log_z, log_z, rtol=1e-12)
    np.testing.assert_allclose(found.tokens, p, rtol=1e-9, atol=1e-13)


@needs_numba
@pytest.mark.parametrize("labels", [1, 4, 6])
def test_machine_code_and_numpy_agree_on_long_texts(labels, rng):
    lengths, A = np.array([700, *rng.geometric(0.07, 300), 0, 2]), bioes(labels, rng)
    s = (3 * rng.standard_normal((lengths.sum(), len(A) - 1))).astype(np.float32)
    fast, plain = (Sequences(A, backend) for backend in ("numba", "numpy"))
    np.testing.assert_array_equal(fast.best(s, lengths), plain.best(s, lengths))
    lengths = lengths[lengths > 0]
    for a, b in zip(fast.marginals(s, lengths), plain.marginals(s, lengths), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert (A[:-1, :-1][fast.best(s, lengths)[:699], fast.best(s, lengths)[1:700]] > -np.inf).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_forbidden_move_is_made_only_where_there_is_no_other(backend):
    A = np.zeros((3, 3))
    A[1, 2], A[0, 1] = -1e4, -1e4  # 1 may not end, 1 may not follow 0
    s = np.array([[0.0, 3], [0, 9]])
    assert Sequences(A, backend).best(s, np.array([2])).tolist() == [1, 0]
    s[1, 0] = -np.inf
    assert Sequences(A, backend).best(s, np.array([2])).tolist() == [1, 1]
    A[1, 2] = -np.inf
    with pytest.raises(SettingError, match="no sequence of these tags is legal"):
        Sequences(A, backend).best(s, np.array([2]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_forced_has_the_probability_of_its_share(backend, rng):
    """log Z of the paths that keep to what is forced, less log Z, is the log of its probability."""
    given = paths.example(4, 3, rng)
    given["s"] = given["s"].astype(np.float32)
    chain, lengths = Sequences(given["A"], backend), np.array([4])
    forced = given["s"].copy()
    forced[2, [0, 2]] = -np.inf
    (whole,), (kept,) = (chain.marginals(s, lengths).log_z for s in (given["s"], forced))
    np.testing.assert_allclose(np.exp(kept - whole), chain.marginals(given["s"], lengths).tokens[2, 1], rtol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_has_no_tags(backend):
    chain, none = Sequences(np.zeros((3, 3)), backend), np.zeros(0, np.int64)
    assert chain.best(np.zeros((0, 2)), none).shape == (0,)
    assert chain.marginals(np.zeros((0, 2)), none).tokens.shape == (0, 2)


def test_short_texts_need_no_machine_code(monkeypatch, rng):
    asked = []
    monkeypatch.setattr(codes, "kept", lambda *_: asked.append("kept"))
    monkeypatch.setattr(codes, "machine", lambda *_: asked.append("made"))
    monkeypatch.setattr(codes, "has_numba", lambda: True)
    monkeypatch.setattr(codes, "LINKED", 30)
    monkeypatch.setattr(codes, "MADE", 100)
    chain, lengths = Sequences(np.zeros((3, 3))), np.array([10])
    wanted = []
    for _ in range(12):
        s = rng.standard_normal((10, 2))
        np.testing.assert_array_equal(chain.best(s, lengths), s.argmax(axis=1))
        wanted.append(list(asked))
    assert wanted[1] == [] and wanted[2] == wanted[8] == ["kept"] and wanted[9] == ["kept", "made"]


@needs_numba
def test_what_was_made_is_linked_without_numba(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from chainrule.compute import codes, sequences\n"
        "codes.LINKED = 1\n"
        "c = sequences.Sequences(np.zeros((4, 4)), sys.argv[1])\n"
        "print(c.best(np.eye(3, dtype='f'), np.array([3])).tolist(), 'numba' in sys.modules, bool(c._codes))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code, backend],
            capture_output=True,
            text=True,
            check=True,
            env={"CHAINRULE_CACHE": str(tmp_path / "cache"), "PATH": ""},
        ).stdout
        for backend in ("numba", "auto")
    ]
    assert told == ["[0, 1, 2] True True\n", "[0, 1, 2] False True\n"]
