"""Word vectors by several processes: as many as one likes for the same vectors, and no divergence of what is frequent."""

import numpy as np
import pytest
from crowd import Crowd

from chainrule.errors import NonFiniteError, SettingError
from chainrule.learn.collective import ALONE
from chainrule.learn.gradients import Rows
from chainrule.ner.similar import Similar
from chainrule.ner.word2vec import Word2Vec, train
from chainrule.ner.word2vec_ranks import OFTEN, Piece, SideBySide
from chainrule.ner.word_counts import numbered

CHUNK = 400


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch):
    monkeypatch.setattr("chainrule.ner.word2vec.CHUNK", CHUNK)


@pytest.fixture(scope="module")
def text_file(tmp_path_factory):
    """Two groups of words that stand together, and one word that stands everywhere."""
    rng = np.random.default_rng(0)
    groups = [[f"{name}{letter}" for letter in "pqrstuvw"] for name in "ab"]
    lines = [" ".join(["the", *rng.choice(groups[k % 2], 6), "the"]) for k in range(700)]
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(lines))
    return path


def learnt(path, world=None, stop=lambda: False, **settings):
    a = Word2Vec(**{"dimension": 8, "epochs": 2, "window": 3, "thin": 0.0, "pieces": 4, "rate": 0.02} | settings)

    def one(ranks):
        with numbered([path], 1) as text:
            return train(text, a, backend="numpy", ranks=ranks, stop=stop)

    return [one(ALONE)] if world is None else Crowd(world).run(one)


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_any_number_of_ranks_learns_the_same(text_file, model):
    wanted = learnt(text_file, model=model)[0]
    for world in (2, 3):
        for run in learnt(text_file, world, model=model):
            np.testing.assert_allclose(run.vectors.matrix, wanted.vectors.matrix, rtol=1e-10, atol=1e-10)
            assert run.losses == pytest.approx(wanted.losses, rel=1e-12)
            assert run.last.done == wanted.last.done == run.last.total


def test_what_is_learnt_side_by_side_is_worth_something(text_file):
    run = learnt(text_file, epochs=12)[0]
    assert run.losses[-1] < run.losses[0]
    near = [n.word for n in Similar(run.vectors).neighbours("ap", 7)]
    assert sum(word.startswith("a") for word in near) >= 6


class Summed:
    """A collective by which no word is frequent, so that each moves by the sum of what all pieces learnt."""

    rank, world = 0, 1

    def __getattr__(self, name):
        return getattr(ALONE, name)

    def allgather_rows(self, rows):
        values = rows.values.copy()
        values[:, -1] = 0
        return Rows(rows.indices, values)


def test_a_frequent_word_does_not_diverge_since_its_moves_are_averaged(text_file):
    def length(ranks, **settings):
        with numbered([text_file], 1) as text:
            run = train(text, Word2Vec(dimension=8, epochs=4, thin=0, **settings), backend="numpy", ranks=ranks)
        return float(np.linalg.norm(run.vectors.matrix[run.vectors.words.index("the")]))

    alone = length(ALONE, pieces=1)
    assert length(ALONE, pieces=20) < 1.5 * alone
    try:
        by_sums = length(Summed(), pieces=20)
    except NonFiniteError:
        by_sums = np.inf
    assert by_sums > 3 * alone


@pytest.mark.parametrize("times", [1, OFTEN])
def test_a_row_moves_by_the_mean_where_it_is_frequent_and_by_the_sum_where_it_is_rare(times):
    params = {"E": np.zeros((4, 2), np.float32)}

    class Drawn:
        def __init__(self, rows):
            self.words, self.around, self.against = np.repeat(rows, times), np.zeros(0, int), np.zeros(0, int)

    def learn(drawn, first, last):
        params["E"][drawn.words[0]] += first
        return np.array([1.0, 2.0])

    rows, far = [[0, 3], [0, 3], [1, 3]], [1.0, 3.0, 5.0]
    pieces = [Piece(1, k, None, 0, x, 0.0) for k, x in enumerate(far)]
    together = SideBySide(params, lambda piece: Drawn(rows[piece.number]), learn, ALONE)
    np.testing.assert_array_equal(together(pieces), [3, 6])
    both = 2 if times == OFTEN else 4 / (1 + 1 / OFTEN)
    np.testing.assert_allclose(params["E"], [[both] * 2, [5, 5], [0, 0], [0, 0]], rtol=1e-7)


def test_a_round_without_moves_changes_nothing():
    params = {"E": np.ones((3, 2), np.float32)}
    together = SideBySide(params, None, None, ALONE)
    np.testing.assert_array_equal(together([]), [0, 0])
    np.testing.assert_array_equal(params["E"], np.ones((3, 2)))


def test_only_rows_that_moved_are_sent(text_file):
    class Heard:
        rank, world = 0, 1
        rows = 0

        def __getattr__(self, name):
            return getattr(ALONE, name)

        def allgather_rows(self, rows):
            assert len(np.unique(rows.indices)) <= 17
            Heard.rows += len(rows.indices)
            return Rows(rows.indices, rows.values)

    with numbered([text_file], 1) as text:
        train(text, Word2Vec(dimension=4, epochs=1, pieces=2), backend="numpy", ranks=Heard())
    assert Heard.rows


def test_one_that_is_asked_to_stop_stops_all(text_file):
    crowd = Crowd(2)
    a = Word2Vec(dimension=4, epochs=3, pieces=4)

    def one(ranks):
        with numbered([text_file], 1) as text:
            return train(text, a, backend="numpy", ranks=ranks, stop=lambda: ranks.rank == 1)

    done = {run.last.done for run in crowd.run(one)}
    assert len(done) == 1
    assert 0 < done.pop() < 4 * CHUNK + CHUNK


def test_ranks_need_pieces(text_file):
    with pytest.raises(SettingError, match="2 processes share the pieces of a batch"):
        learnt(text_file, 2, pieces=0)
