"""The probability of a name where the tags of a sentence are scored together, against all paths."""

import numpy as np
import pytest
import window_by_hand as plain
from hypothesis import given, strategies as st

from chainrule.algebra.chain import expectations
from chainrule.compute.compile import has_numba
from chainrule.compute.spans import Spans
from chainrule.ner.architecture import Architecture
from chainrule.ner.decode import Decoder
from chainrule.ner.joint import Joint
from chainrule.ner.lattice import Lattice, Names
from chainrule.ner.model import Network
from chainrule.ner.tags import illegal_moves, tag_list

TAGS = tag_list(["PER"], "BIOES")  # O and four more
VANISHED = -640  # of log P: float64 has no such P but 0, or hardly
LEGAL = Lattice(TAGS, "BIOES").legal


def moves(rng, size=1.0):
    A = np.where(LEGAL, size * rng.normal(size=LEGAL.shape), -1e4)
    A[-1, -1] = -1e4
    return A


def decoder(objective="sentence"):
    return Decoder(
        Network(Architecture(window=1, dimension=2, hidden=2, objective=objective), 3, 5), TAGS, "BIOES"
    )


def sentences(rng, lengths, size=1.0):
    return size * rng.normal(size=(sum(lengths), 5)), np.array(lengths, np.int64)


def summed(s, A, wanted):
    """P of the paths with these tags, {token: tag}."""
    return sum(p for path, p in plain.all_paths(s, A).items() if all(path[t] == y for t, y in wanted.items()))


@pytest.mark.parametrize("T", [1.0, 0.5, 3.0])
@given(seed=st.integers(0, 10**6))
def test_it_is_the_share_of_all_paths_with_these_tags(seed, T):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 5, 4).tolist()
    s, sizes = sentences(rng, lengths, 2.0)
    A, made = moves(rng), decoder()
    line = made.line({"A": A}, s, sizes)
    names = made.lattice.names(line)
    found = made.chances({"A": A}, names, line.path, s, sizes, T)
    ends = np.cumsum(lengths)
    for start, end, p in zip(names.starts, names.ends, found, strict=True):
        k = int(ends.searchsorted(start, side="right"))
        first = int(ends[k] - lengths[k])
        wanted = {t - first: line.path[t] for t in range(start, end)}
        assert p == pytest.approx(summed(s[first : ends[k]] / T, A / T, wanted), rel=1e-9)


def test_of_one_token_it_is_what_is_expected_of_a_path(rng):
    s, sizes = sentences(rng, [7, 1, 4, 9])
    A, path = moves(rng), rng.integers(0, 5, 21)
    first = np.zeros(21, np.int64)
    first[np.cumsum(sizes) - sizes] = 1
    p, _ = expectations(s, A, first)
    every = np.arange(21)
    found = Joint(A).log_chances(Spans(every, every + 1, path), s, sizes)
    np.testing.assert_allclose(np.exp(found), p[every, path], rtol=1e-9, atol=1e-300)


def test_no_bit_depends_on_the_sentences_beside(rng):
    lengths = [5, 1, 12, 3, 3, 8, 1, 30, 2]
    s, sizes = sentences(rng, lengths, 3.0)
    A, made = moves(rng), decoder()
    line = made.line({"A": A}, s, sizes)
    names = made.lattice.names(line)
    together = made.chances({"A": A}, names, line.path, s, sizes).tolist()
    alone, start = [], 0
    for n in lengths:
        rows, one = s[start : start + n], np.array([n])
        each = made.line({"A": A}, rows, one)
        alone += made.chances({"A": A}, made.lattice.names(each), each.path, rows, one).tolist()
        start += n
    assert alone == together and len(alone) > 9


@pytest.mark.parametrize("size", [100.0, 1000.0, 3000.0])
def test_large_scores_lose_no_path(rng, size):
    """Where exponentials vanish, logarithms of numbers of any size do not: log-space by definition."""
    s, sizes = sentences(rng, [4, 3], size)
    A = moves(rng, size / 10)
    for seed in range(20):
        path = np.random.default_rng(seed).integers(0, 5, 7)
        spans = Spans(np.array([0, 2, 4]), np.array([2, 4, 6]), path[:6])
        found = Joint(A).log_chances(spans, s, sizes)
        for k, (start, end) in enumerate(((0, 2), (2, 4), (4, 6))):
            first, rows = (0, s[:4]) if end <= 4 else (4, s[4:])
            paths = list(plain.all_paths(rows, A))
            values = np.array([plain.path_score(rows, A, p) for p in paths])
            held = [all(p[t - first] == path[t] for t in range(start, end)) for p in paths]
            expected = np.logaddexp.reduce(values[held]) - np.logaddexp.reduce(values)
            if expected > VANISHED:
                assert found[k] == pytest.approx(expected, rel=1e-9, abs=1e-9)
            else:
                assert found[k] < VANISHED


@given(seed=st.integers(0, 10**6))
def test_the_best_path_is_the_best_of_all_and_legal(seed):
    rng = np.random.default_rng(seed)
    s, sizes = sentences(rng, rng.integers(1, 5, 3).tolist(), 5.0)
    A, start = moves(rng), 0
    path = decoder().line({"A": A}, s, sizes).path
    for n in sizes.tolist():
        rows, mine = s[start : start + n], tuple(path[start : start + n].tolist())
        every = {p: plain.path_score(rows, A, p) for p in plain.all_paths(rows, A)}
        assert every[mine] == pytest.approx(max(every.values()), rel=1e-12)
        assert illegal_moves([TAGS[k] for k in mine], "BIOES") == 0
        start += n


@pytest.mark.skipif(not has_numba(), reason="Numba is not installed")
@pytest.mark.parametrize("size", [1.0, 20.0, 400.0])
def test_machine_code_and_numpy_agree_in_every_bit(size, rng):
    """Also of tags that the path has not, and where the probabilities of some sentences need logarithms."""
    lengths = np.array([1, 40, 2, *rng.geometric(0.07, 60)])
    s, A = size * rng.normal(size=(lengths.sum(), 5)), moves(rng)
    starts = np.unique(rng.integers(0, lengths.sum(), 80))
    last = np.cumsum(lengths)[np.cumsum(lengths).searchsorted(starts, side="right")]
    ends = np.minimum(starts + rng.integers(1, 5, len(starts)), last)
    tags = rng.integers(0, 5, int((ends - starts).sum()))
    fast, plain = (Joint(A, 1.5, b).log_chances(Spans(starts, ends, tags), s, lengths) for b in ("numba", "numpy"))
    np.testing.assert_array_equal(fast, plain)
    assert np.isfinite(fast).sum() > 9


def test_without_moves_it_is_the_product_over_the_tokens(rng):
    s, sizes = sentences(rng, [6])
    made = decoder("softmax")
    line = made.line({}, s, sizes)
    names = made.lattice.names(line)
    found = made.chances({}, names, line.path, s, sizes, 2.0)
    log_p = np.array([plain.log_softmax(row / 2.0) for row in s])
    each = zip(names.starts, names.ends, strict=True)
    expected = [np.exp(sum(log_p[t, line.path[t]] for t in range(a, b))) for a, b in each]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert len(found)


def test_no_name_no_probability():
    made, A = decoder(), np.zeros((6, 6))
    none = Names(*(np.zeros(0, np.int64),) * 3)
    assert made.chances({"A": A}, none, np.zeros(3, np.int64), np.zeros((3, 5)), np.array([3])).tolist() == []
