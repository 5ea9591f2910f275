"""The linear chain in compiled code is the interpreter's to rounding, whatever the number of tokens."""

import importlib.util

import numpy as np
import paths
import pytest

import chainrule as cr
from chainrule.algebra.chain import moves_of
from chainrule.compute import compile as compiling
from chainrule.learn.advance import advance
from chainrule.learn.losses import sentence_log_likelihood
from chainrule.learn.optim import optimizer

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")
BACKENDS = [pytest.param("numba", marks=needs_numba), "numpy"]


def never(*_):
    raise AssertionError("another way was taken")


@pytest.fixture(scope="module")
def compiled():
    """log Z with its gradient, and derivatives along one direction and two, in float32, by either backend."""
    s, A = cr.matrix("s", "N", "C", dtype="float32"), cr.matrix("A", "C + 1", "C + 1", dtype="float32")
    first, made = cr.index("first", "N"), {}
    v, w = (cr.matrix(name, "N + C + 1", "C + 1", dtype="float32") for name in "vw")
    log_z = cr.log_partition(s, A, first)
    outputs = [log_z, *cr.gradient(log_z, [s, A])]
    outputs += [cr.expected_path(s, A, first, v), cr.expected_path(s, A, first, v, w)]

    def get(backend):
        if backend not in made:
            made[backend] = cr.compile(outputs, backend=backend)
        return outputs, made[backend]

    return get


@pytest.mark.parametrize("backend", BACKENDS)
def test_any_number_of_tokens_without_compiling_again(backend, compiled, monkeypatch, rng):
    outputs, f = compiled(backend)
    monkeypatch.setattr(f, "_interpreted", never)
    for count, size, scale in [(7, 3, 1), (1, 1, 1), (40, 9, 3), (60, 5, 150), (13, 3, 1000), (90, 17, 2)]:
        given = paths.example(count, size, rng, scale)
        if size > 3:
            given["A"][rng.random(given["A"].shape) < 0.2] = [-np.inf, -1e4, -1e12][count % 3]
            given["A"][0] = given["A"][:, 0] = 0
        given |= {name: rng.standard_normal((count + size + 1, size + 1)) for name in "vw"}
        given = {name: a.astype(np.float32) if a.dtype == float else a for name, a in given.items()}
        for got, wanted in zip(f(given), cr.evaluate(outputs, given), strict=True):
            assert (got.dtype, np.shape(got)) == (wanted.dtype, np.shape(wanted))
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6 * max(1, np.abs(wanted).max()))
        if backend == "numba":
            monkeypatch.setattr(compiling, "machine", never)


def test_one_sweep_gives_log_z_and_its_gradient():
    s, A, first = cr.matrix("s", "N", "C"), cr.matrix("A", "C + 1", "C + 1"), cr.index("first", "N")
    log_z = cr.log_partition(s, A, first)
    alone, both = (cr.compile(o, backend="numba").source for o in (log_z, [log_z, *cr.gradient(log_z, [s, A])]))
    assert alone.count("swept(") == both.count("swept(") == 1


# ── training ──────────────────────────────────────────────────────────────────────────────────────────


def tagger():
    """A linear tagger of whole sentences: loss and parameters."""
    x, y = cr.matrix("x", "N", 4, dtype="float32"), cr.index("y", "N")
    W, A = cr.matrix("W", 3, 4, dtype="float32"), cr.matrix("A", 4, 4, dtype="float32")
    return sentence_log_likelihood(x @ W.T, A, y, cr.index("first", "N"), cr.index("moves", "M")), [W, A]


def feed(count, seed):
    rng = np.random.default_rng(seed)
    x, first = rng.standard_normal((count, 4)).astype(np.float32), (rng.random(count) < 0.3).astype(np.int64)
    up = x[:, 0] > 0
    y = np.where(up, 1, 2 * (np.roll(up, 1) & (first == 0)))  # 2 behind a 1 alone: no word says so by itself
    return {"x": x, "y": y, "first": first, "moves": moves_of(y, first, 3)}


def trained(backend, counts):
    loss, parameters = tagger()
    step = advance(loss, parameters, optimizer("adam"), 5.0, backend)
    held = {"W": np.zeros((3, 4), np.float32), "A": np.zeros((4, 4), np.float32)}
    state = step.optimizer.start(held, step.backprop.sparse)
    losses = [step({**held, **feed(n, k % 10)}, state, 0.05)[0] / n for k, n in enumerate(counts)]
    return held, losses


@needs_numba
def test_a_fused_step_takes_batches_of_any_number_of_tokens(monkeypatch):
    counts = [30, 17, 30, 44, 1, 60, 9, 23, 30, 51]
    plain, fused = trained("interpreter", counts), trained("numba", counts)
    np.testing.assert_allclose(fused[1], plain[1], rtol=2e-4)
    for name in ("W", "A"):
        np.testing.assert_allclose(fused[0][name], plain[0][name], rtol=1e-2, atol=2e-3)


def test_training_learns_from_the_words_before():
    _, losses = trained("numpy", [40] * 100)
    assert np.mean(losses[-10:]) < 0.2 * np.mean(losses[:10])
