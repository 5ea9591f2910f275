"""The linear chain: against all paths written out, the recursion as an expression, and slopes."""

import re

import numpy as np
import paths
import pytest

import chainrule as cr
from chainrule.algebra.chain import log_partitions, moves_of
from chainrule.algebra.forward_backward import exact, scaled, steps_of

S, A, FIRST = cr.matrix("s", "N", "C"), cr.matrix("A", "C + 1", "C + 1"), cr.index("first", "N")
LOG_Z = cr.log_partition(S, A, FIRST)
SLOPES = cr.gradient(LOG_Z, [S, A])


@pytest.mark.parametrize("scale", [1, 30, 1000])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_values_and_slopes_are_those_of_all_paths(size, scale, rng):
    for count in (1, 2, 5, 7):
        given = paths.example(count, size, rng, scale)
        log_z, p, moves = paths.by_hand(**given)
        value, *slopes = cr.evaluate([LOG_Z, *SLOPES], given)
        np.testing.assert_allclose(value, log_z.sum(), rtol=1e-13)
        np.testing.assert_allclose(log_partitions(**given), log_z, rtol=1e-13)
        np.testing.assert_allclose(slopes[0], p, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(slopes[1], moves, rtol=1e-10, atol=1e-14)


def test_it_is_the_recursion_written_out(rng):
    given = paths.example(9, 4, rng)
    s, moves = cr.matrix("s", 9, 4), cr.matrix("A", 5, 5)
    written = paths.unrolled(s, moves, given["first"])
    values = {"s": given["s"], "A": given["A"]}
    expected = cr.evaluate([written, *cr.gradient(written, [s, moves])], values)
    for found, value in zip(cr.evaluate([LOG_Z, *SLOPES], given), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-12, atol=1e-15)


def test_second_derivatives_are_those_of_the_recursion_written_out(rng):
    given = paths.example(5, 2, rng)
    s, moves = cr.matrix("s", 5, 2), cr.matrix("A", 3, 3)
    written = paths.unrolled(s, moves, given["first"])
    values = {"s": given["s"], "A": given["A"]}
    here = cr.log_partition(s, moves, given["first"])
    pairs = ([s, s], [moves, moves], [s, moves])
    for x, y in pairs:
        ours, theirs = (cr.evaluate(cr.hessian(e, [x, y]), values) for e in (here, written))
        for a, b in zip(np.ravel(ours), np.ravel(theirs), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("count", [1, 6, 400])
def test_the_check_agrees(count, rng):
    given = paths.example(count, 3, rng)
    loss = LOG_Z - cr.path_score(S, A, cr.index("y", "N"), cr.index("moves", "M"))
    y = rng.integers(0, 3, count)
    assert cr.check(loss, {**given, "y": y, "moves": moves_of(y, given["first"], 3)}).ok


def test_a_path_has_its_score(rng):
    given, y = paths.example(8, 3, rng), rng.integers(0, 3, 8)
    score = cr.path_score(S, A, cr.index("y", "N"), cr.index("moves", "M"))
    listed = moves_of(y, given["first"], 3)
    expected = given["s"][np.arange(8), y].sum()
    for start, stop in paths.sentences(given["first"]):
        expected += sum(given["A"][move] for move in paths.moves(y[start:stop], 3))
    np.testing.assert_allclose(
        cr.evaluate(score, {"s": given["s"], "A": given["A"], "y": y, "moves": listed}), expected, rtol=1e-13
    )
    assert len(listed) == 8 + len(paths.sentences(given["first"]))


# ── what is forbidden, far apart, long, or not there ──────────────────────────────────────────────────


@pytest.mark.parametrize("worst", [-1e4, -1e12, -np.inf])
def test_forbidden_moves_have_no_part(worst, rng):
    given = paths.example(7, 4, rng, 2.0)
    forbidden = rng.random((5, 5)) < 0.4
    forbidden[0] = forbidden[:, 0] = False
    given["A"][forbidden] = worst
    log_z, p, moves = paths.by_hand(**given)
    value, *slopes = cr.evaluate([LOG_Z, *SLOPES], given)
    np.testing.assert_allclose(value, log_z.sum(), rtol=1e-13)
    np.testing.assert_allclose(slopes[0], p, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(slopes[1], moves, rtol=1e-10, atol=1e-14)
    assert not slopes[1][forbidden].any()


def test_a_sentence_without_a_legal_path_is_impossible_and_no_number_is_lost():
    given = {"s": np.zeros((3, 2)), "A": np.full((3, 3), -np.inf), "first": np.array([1, 1, 0])}
    value, *slopes = cr.evaluate([LOG_Z, *SLOPES], given)
    assert value == -np.inf and not any(slope.any() for slope in slopes)
    given["A"][:] = -1e4
    value, *slopes = cr.evaluate([LOG_Z, *SLOPES], given)
    np.testing.assert_allclose(value, -5e4 + 3 * np.log(2))
    np.testing.assert_allclose(slopes[0], np.full((3, 2), 0.5))


def test_scores_that_lead_astray_by_more_than_a_float_holds_are_followed_back():
    """What is best at first leads nowhere: in exp-space the path that remains has underflowed."""
    s = np.array([[2000.0, 0], [0, 0], [1500, 0]])
    A = np.array([[0.0, -1e4, -1e4], [-1e4, 0, 0], [0, 0, 0]])
    assert scaled(s, A, steps_of([1, 0, 0])) is None
    value, slope, _ = cr.evaluate([LOG_Z, *SLOPES], {"s": s, "A": A, "first": [1, 0, 0]})
    assert value == pytest.approx(np.log(1), abs=1e-12)
    np.testing.assert_allclose(slope, [[0, 1]] * 3, atol=1e-12)


def test_the_fast_way_is_the_exact_one_or_declines(rng):
    took = 0
    for scale in (0.1, 1, 10, 50, 100, 200, 400, 1000):
        given = paths.example(60, 5, rng, scale)
        steps = steps_of(given["first"])
        fast = scaled(given["s"], given["A"], steps)
        if fast is not None:
            took += 1
            np.testing.assert_allclose(fast.log_z, exact(np, given["s"], given["A"], steps)[0], rtol=1e-12)
    assert 3 <= took < 8


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_long_sentences(scale, rng):
    given = paths.example(6000, 4, rng, scale)
    given["first"] = np.zeros(6000, np.int64)
    given["first"][5000:] = 1
    value, p, moves = cr.evaluate([LOG_Z, *SLOPES], given)
    apart = [
        cr.evaluate(LOG_Z, {**given, "s": given["s"][rows], "first": given["first"][rows]})
        for rows in (slice(5000), slice(5000, None))
    ]
    np.testing.assert_allclose(value, sum(apart), rtol=1e-12)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-9)
    np.testing.assert_allclose(moves.sum(), 6000 + 1001, rtol=1e-9)


def test_probabilities_sum_to_one_and_moves_are_as_many_as_tokens_and_borders(rng):
    given = paths.example(200, 7, rng, 3.0)
    _, p, moves = cr.evaluate([LOG_Z, *SLOPES], given)
    assert (p >= 0).all() and (moves >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(moves[:-1].sum(axis=1), p.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moves[:, :-1].sum(axis=0), p.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moves[-1].sum(), len(paths.sentences(given["first"])), rtol=1e-12)


def test_float32_comes_out_as_it_came_in(rng):
    given = paths.example(50, 5, rng)
    single = {name: v.astype(np.float32) if v.dtype == float else v for name, v in given.items()}
    s, moves = cr.matrix("s", "N", "C", dtype="float32"), cr.matrix("A", "C + 1", "C + 1", dtype="float32")
    node = cr.log_partition(s, moves, FIRST)
    found = cr.evaluate([node, *cr.gradient(node, [s, moves])], single)
    assert {np.asarray(x).dtype for x in found} == {np.dtype(np.float32)}
    for a, b in zip(found, cr.evaluate([LOG_Z, *SLOPES], given), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_no_token_at_all():
    value, p, moves = cr.evaluate(
        [LOG_Z, *SLOPES], {"s": np.zeros((0, 2)), "A": np.zeros((3, 3)), "first": np.zeros(0, np.int64)}
    )
    assert value == 0 and p.shape == (0, 2) and not moves.any()
    assert not len(moves_of(np.zeros(0, np.int64), np.zeros(0, np.int64), 2))


def test_what_is_no_number_stays_none(rng):
    given = paths.example(5, 3, rng)
    given["s"][2, 1] = np.nan
    assert np.isnan(cr.evaluate(LOG_Z, given))


# ── writing, and mistakes ─────────────────────────────────────────────────────────────────────────────


def test_it_is_written_and_read_back():
    v = cr.matrix("v", "N + C + 1", "C + 1")
    variables = {"s": S, "A": A, "first": FIRST, "v": v}
    assert str(LOG_Z) == "log_partition(s, A, first)"
    for node in (LOG_Z, *SLOPES, cr.expected_path(S, A, FIRST, v)):
        assert cr.parse(str(node), shapes=variables) is node


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ((S, cr.matrix("T", "C", "C"), FIRST), cr.ShapeError, "need scores (C + 1)×(C + 1), not T (C×C)"),
        (
            (S, A, cr.index("first", "M")),
            cr.ShapeError,
            "of every token of s (N×C), by N whole numbers, not first (M)",
        ),
        ((S, A, S), cr.DTypeError, "must be whole numbers"),
        ((cr.vector("z", "N"), A, FIRST), cr.ShapeError, "a row for every token"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(given, kind, said):
    with pytest.raises(kind, match=re.escape(said)):
        cr.log_partition(*given)


def test_a_direction_has_the_shape_of_what_is_expected():
    with pytest.raises(cr.ShapeError, match=re.escape("is (C + N + 1)×(C + 1), not s (N×C)")):
        cr.expected_path(S, A, FIRST, S)
