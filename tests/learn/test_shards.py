"""A batch is cut into contiguous shards whose shares add up to 1, or it is said why it cannot be."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

import chainrule as cr
from chainrule.algebra.chain import moves_of
from chainrule.algebra.node import index, matrix, vector
from chainrule.algebra.product import mean
from chainrule.algebra.select import take
from chainrule.calculus.batch import batch
from chainrule.errors import SettingError
from chainrule.learn.backprop import Backprop
from chainrule.learn.losses import sentence_log_likelihood
from chainrule.learn.shards import LEAST, SENTENCES, Sharded, Shards, hands, least
from chainrule.learn.team import Team

w, x, y = vector("w", 3), vector("x", 3), vector("y", 3)


def one():
    return cr.sum((w * x) ** 2)


@given(st.integers(1, 9), st.integers(1, 50))
def test_shards_follow_each_other_and_differ_by_one_example_at_most(count, n):
    shards = Shards(mean(batch(one(), [x])), [w], count)
    cut = shards.cut({"w": 0, "x": np.arange(3.0 * n).reshape(n, 3)})
    if n < count:
        assert cut is None
        return
    sizes = [len(part["x"]) for part in cut]
    assert np.array_equal(np.concatenate([part["x"] for part in cut]).ravel(), np.arange(3.0 * n))
    assert max(sizes) - min(sizes) <= 1 and len(cut) == count
    assert [part["/share"] for part in cut] == [size / n for size in sizes]


def test_values_of_several_sizes_are_not_cut():
    shards = Shards(mean(batch(cr.sum(w * x * y), [x, y])), [w], 2)
    assert shards.cut({"x": np.ones((4, 3)), "y": np.ones((5, 3))}) is None


# ── sentences whose tags are scored together ──────────────────────────────────────────────────────────

C = 3
U, moving = matrix("U", C, 3), matrix("A", C + 1, C + 1)


def together(first="first"):
    """The mean over tokens of −log P of the tags of sentences, whose scores are U x."""
    scores = matrix("x", "B", 3) @ U.T
    found = sentence_log_likelihood(scores, moving, index("y", "B"), index(first, "B"), index("moves", "M"))
    return found / cr.size(scores.shape[0]) + 0.5 * cr.sum(U * U)


def of_sentences(lengths, rng):
    """Values for sentences of these lengths."""
    n = sum(lengths)
    y, first = rng.integers(0, C, n), np.zeros(n, np.int64)
    first[np.cumsum([0, *lengths[:-1]])] = 1
    given = {"x": rng.normal(size=(n, 3)), "y": y, "first": first, "moves": moves_of(y, first, C)}
    return {"U": rng.normal(size=(C, 3)), "A": rng.normal(size=(C + 1, C + 1)), **given}


LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=12)


@given(st.integers(1, 5), LENGTHS)
def test_sentences_are_not_cut_and_their_moves_go_with_them(count, lengths):
    values = of_sentences(lengths, np.random.default_rng(0))
    cut = Shards(together(), [U, moving], count).cut(values)
    if len(lengths) < count:
        assert cut is None
        return
    assert len(cut) == count
    for name in ("x", "y", "first"):
        assert np.array_equal(np.concatenate([part[name] for part in cut]), values[name])
    for part in cut:
        assert part["first"][0] == 1
        assert np.array_equal(part["moves"], moves_of(part["y"], part["first"], C))
    assert [part["/share"] for part in cut] == [len(part["y"]) / sum(lengths) for part in cut]


@given(st.integers(2, 4), LENGTHS.filter(lambda lengths: len(lengths) > 3))
def test_shards_begin_at_the_sentence_nearest_to_an_equal_share(count, lengths):
    cut = Shards(together(), [U, moving], count).where(of_sentences(lengths, np.random.default_rng(0)))
    starts, n = np.cumsum([0, *lengths]), sum(lengths)
    nearest = [np.abs(starts - n * k // count).min() for k in range(1, count)]
    found = [abs(at - n * k // count) for k, at in enumerate(cut.examples[1:-1], 1)]
    if len({int(starts[np.abs(starts - n * k // count).argmin()]) for k in range(count + 1)}) == count + 1:
        assert found == nearest
    assert sorted(set(cut.examples)) == list(cut.examples)
    assert [starts[k] for k in cut.sentences] == list(cut.examples)


@pytest.mark.parametrize("backend", ["numpy", "interpreter"])
@pytest.mark.parametrize("count", [2, 3])
def test_gradients_of_shards_of_sentences_add_up_too(backend, count, rng):
    values = of_sentences([4, 1, 7, 2, 2, 9], rng)
    whole, expected = Backprop(together(), [U, moving])(values)
    with Team(count) as team:
        found, grads = Sharded(together(), [U, moving], backend, team)(values)
    assert found == pytest.approx(whole, rel=1e-13)
    for name in ("U", "A"):
        np.testing.assert_allclose(grads[name], expected[name], rtol=1e-12, atol=1e-14)


def test_a_sum_over_sentences_is_no_mean(rng):
    loss = together() * cr.size(index("y", "B").shape[0])
    with Team(2) as team, pytest.raises(SettingError, match="must be a mean over B"):
        Sharded(loss, [U, moving], "interpreter", team)(of_sentences([3, 5, 2], rng))


def test_where_sentences_begin_must_be_said_by_one_variable():
    with pytest.raises(SettingError, match=r"unless one variable \(B\) says where its .* or train with threads=1"):
        Shards(together() + together("second"), [U, moving], 2)


def test_a_shard_has_so_many_windows_or_sentences():
    assert least(together()) == SENTENCES
    assert least(mean(batch(one(), [x]))) == LEAST
    assert hands(2, 2 * SENTENCES, SENTENCES) == 2 == hands(2, 2 * LEAST)


@pytest.mark.parametrize(
    ("threads", "size", "used"),
    [(1, 10**6, 1), (2, 32, 1), (2, 2 * LEAST - 1, 1), (2, 2 * LEAST, 2), (8, 3 * LEAST, 3), (2, 10**6, 2)],
)
def test_threads_are_used_as_far_as_a_batch_goes(threads, size, used):
    assert hands(threads, size) == used


v = vector("v", "B")
REFUSED = [
    ("there is no batch to share among threads; write the loss of one example", one(), [w]),
    (
        r"x \(n×3\) and y \(m×3\) differ in their first dimension; call that of the batch B",
        mean(batch(one(), [x], "n")) + mean(batch(cr.sum(w * y), [y], "m")),
        [w],
    ),
    (
        r"x \(3×B\) has the batch dimension B elsewhere",
        cr.sum((w @ matrix("x", 3, "B")) * vector("z", "B")),
        [w],
    ),
    (r"v \(B\) has the batch dimension B elsewhere", mean(v * vector("x", "B")), [v]),
]


@pytest.mark.parametrize(("why", "loss", "trained"), REFUSED)
def test_what_cannot_be_shared_is_refused_in_a_sentence(why, loss, trained):
    with pytest.raises(SettingError, match=f"{why}.*, or train with threads=1"):
        Shards(loss, trained, 2)


def test_among_several_dimensions_in_front_b_is_that_of_the_batch():
    E, words = matrix("E", "V", 3), index("words")
    shards = Shards(mean(batch(cr.sum(take(E, words) * w), [words])), [w], 2)
    assert shards.data == ["words"] and str(shards.dimension) == "B"


@pytest.mark.parametrize("backend", ["numpy", "interpreter"])
@pytest.mark.parametrize("count", [2, 3])
def test_gradients_of_shards_add_up_to_those_of_the_batch(backend, count, rng):
    E, words = matrix("E", 9, 3), index("words", 2)
    loss = mean(batch(cr.sum((take(E, words) * w - x) ** 2), [words, x])) + 0.5 * cr.sum(w * w)
    values = {"E": rng.normal(size=(9, 3)), "w": rng.normal(size=3), "x": rng.normal(size=(7, 3))}
    values["words"] = rng.integers(0, 9, (7, 2))
    whole, expected = Backprop(loss, [E, w])(values)
    with Team(count) as team:
        found, grads = Sharded(loss, [E, w], backend, team)(values)
    assert found == pytest.approx(whole, rel=1e-14)
    np.testing.assert_allclose(grads["w"], expected["w"], rtol=1e-13)
    for grad in (grads["E"], expected["E"]):
        assert len(grad.indices) == 14
    tables = []
    for grad in (grads["E"], expected["E"]):
        tables.append(np.zeros((9, 3)))
        np.add.at(tables[-1], grad.indices, grad.values)
    np.testing.assert_allclose(*tables, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("loss", [cr.sum(batch(one(), [x])), cr.log(mean(batch(one(), [x])))])
def test_a_loss_that_is_no_mean_is_refused_before_anything_is_done_with_it(loss):
    values = {"w": np.ones(3), "x": np.arange(15.0).reshape(5, 3)}
    with Team(2) as team, pytest.raises(SettingError, match="must be a mean over B; write it as one, or train"):
        Sharded(loss, [w], "interpreter", team)(values)
