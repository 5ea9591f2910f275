"""Word vectors learnt from text: the graph against its formula and numbers, what is drawn, and what is learnt."""

import gzip
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DataError, NonFiniteError, SettingError
from chainrule.ner import word2vec
from chainrule.ner.similar import Similar
from chainrule.ner.tokenizer import tokenize, words
from chainrule.ner.vectors import Vectors
from chainrule.ner.word2vec import DRAWN, TOGETHER, Word2Vec, rows_at_once, train
from chainrule.ner.word2vec_draws import Draws
from chainrule.ner.word_counts import END, Cut, numbered

ANIMALS, TOOLS = ["cat", "dog", "fox", "owl", "hen", "pig"], ["saw", "axe", "nut", "bolt", "nail", "drill"]


MODELS = pytest.mark.parametrize("model", ["skipgram", "cbow"])


@pytest.fixture
def clusters(tmp_path):
    """Lines about animals, and lines about tools."""
    rng = np.random.default_rng(3)
    lines = [" ".join(rng.choice(group, 12)) for _ in range(400) for group in (ANIMALS, TOOLS)]
    path = tmp_path / "clusters.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def learnt(path, minimum=1, **settings):
    with numbered([path], minimum) as text:
        return train(text, Word2Vec(**settings), backend="numpy")


# ── the graph ─────────────────────────────────────────────────────────────────────────────────────────


def drawn_of(lines, window=2, thin=0.0, seed=0, V=9, drawn=DRAWN):
    """What is drawn for lines of numbers."""
    chunk = np.array([n for line in lines for n in (*line, END)], np.int32)
    draws = Draws(np.arange(V, 0, -1), window, thin, TOGETHER, drawn)
    return draws(chunk, np.random.default_rng(seed))


def pairs_of(drawn, window):
    """(row, word, neighbour) of every pair, and the places of both in the row."""
    for row, place, other in zip(*np.nonzero(drawn.near), strict=True):
        yield (
            int(row),
            int(drawn.words[row, place]),
            int(drawn.around[row, other]),
            int(place),
            int(other - window),
        )


def test_the_loss_is_that_of_the_pairs_one_by_one():
    a = Word2Vec(dimension=3, window=2)
    drawn = drawn_of([range(9), range(7), [2, 2, 5]], window=2)
    rng = np.random.default_rng(1)
    E, U = rng.normal(size=(2, 9, 3)).astype(np.float32)
    expected = 0.0
    for row, word, other, _, _ in pairs_of(drawn, 2):
        against = U[drawn.against[row]] @ E[word]
        expected += np.logaddexp(0, -(U[other] @ E[word])) + a.negatives / DRAWN * np.logaddexp(0, against).sum()
    found = cr.evaluate(a.loss, {"E": E, "U": U, **drawn[:]})
    np.testing.assert_allclose(found * len(drawn), expected, rtol=1e-5)


def test_the_loss_of_cbow_is_that_of_the_means_one_by_one():
    a = Word2Vec(model="cbow", dimension=3, window=2)
    drawn = drawn_of([range(9), [4], range(7), [2, 2, 5]], window=2)
    rng = np.random.default_rng(1)
    E, U = rng.normal(size=(2, 9, 3)).astype(np.float32)
    near, expected = {}, 0.0
    for row, word, other, place, _ in pairs_of(drawn, 2):
        near.setdefault((row, place, word), []).append(other)
    for (row, _, word), others in near.items():
        m = E[others].mean(axis=0)
        expected += np.logaddexp(0, -(U[word] @ m))
        expected += a.negatives / DRAWN * np.logaddexp(0, U[drawn.against[row]] @ m).sum()
    found = cr.evaluate(a.loss, {"E": E, "U": U, **drawn[:]})
    np.testing.assert_allclose(found * len(drawn), expected, rtol=1e-5)
    assert a.kind.terms(drawn.near) == len(near) == 9 + 7 + 3  # the word alone in its line has nothing near


@MODELS
def test_the_gradient_of_a_row_of_words_is_right(model):
    a = Word2Vec(model=model, dimension=2, window=1)
    drawn = drawn_of([[0, 1, 2, 3], [1, 2]], window=1, V=4)
    rng = np.random.default_rng(2)
    E, U = rng.normal(size=(2, 4, 2))
    values = {name: array[0] for name, array in drawn[:].items()}
    result = cr.check(a.one, {"E": E, "U": U, **values}, a.parameters)
    assert result.ok, str(result)


# ── what is drawn ─────────────────────────────────────────────────────────────────────────────────────


def test_pairs_lie_within_the_reach_and_within_the_line():
    lines = [list(range(40)), [], [41], list(range(50, 90))]
    drawn = drawn_of(lines, window=5, V=100)
    line = {n: k for k, numbers in enumerate(lines) for n in numbers}
    met = Counter()
    for _, word, other, place, at in pairs_of(drawn, 5):
        assert other - word == at - place != 0
        assert abs(other - word) <= 5
        assert line[word] == line[other]
        met[word] += 1
    assert 41 not in met
    assert set(met) == set(range(40)) | set(range(50, 90))
    for word in range(10, 30):  # as many to the left as to the right
        assert met[word] % 2 == 0
    assert {met[word] // 2 for word in range(10, 30)} == {1, 2, 3, 4, 5}


def test_a_reach_of_one_pairs_neighbours_and_nothing_else():
    line = [3, 1, 4, 1, 5]
    drawn = drawn_of([line], window=1)
    found = Counter((word, other) for _, word, other, _, _ in pairs_of(drawn, 1))
    assert found == Counter([pair for a, b in pairwise(line) for pair in ((a, b), (b, a))])


def test_words_are_drawn_by_their_counts_to_the_power_of_three_quarters():
    counts = np.array([1000, 100, 10, 1])
    draws = Draws(counts, 1, 0.0, TOGETHER, 64)
    chunk = np.zeros(TOGETHER * 500, np.int32)
    found = np.bincount(draws(chunk, np.random.default_rng(0)).against.ravel(), minlength=4)
    share = counts**0.75 / (counts**0.75).sum()
    assert np.abs(found / found.sum() - share).max() < 0.01


def test_frequent_words_are_left_out_as_often_as_the_formula_says_and_ends_of_lines_never():
    counts = np.array([9000, 900, 100])
    draws = Draws(counts, 1, 1e-2, TOGETHER, 1)
    stay = np.minimum(1, np.sqrt(0.01 / (counts / 10_000)) + 0.01 / (counts / 10_000))
    np.testing.assert_allclose(np.minimum(draws.stay, 1), [*stay, 1], rtol=1e-6)
    chunk = np.tile(np.array([0, END], np.int32), 10_000)
    drawn = draws(chunk, np.random.default_rng(0))
    assert np.count_nonzero(drawn.near) == 0  # each alone in its line
    assert abs(drawn.words.size / 10_000 - stay[0]) < 0.02


def test_a_piece_of_which_nothing_stays_has_no_rows():
    drawn = drawn_of([[], []])
    assert len(drawn) == np.count_nonzero(drawn.near) == 0


def test_a_step_meets_no_word_too_often():
    usual = Draws(np.full(10_000, 5), 5, 1e-3, TOGETHER, DRAWN)
    assert [rows_at_once(usual, threads) for threads in (1, 2)] == [word2vec.ROWS, 2 * word2vec.ROWS]
    few = Draws(np.array([1000, 10]), 5, 0.0, TOGETHER, DRAWN)
    assert rows_at_once(few, 1) == 1


# ── what is learnt ────────────────────────────────────────────────────────────────────────────────────


@MODELS
def test_words_of_one_kind_come_together(clusters, model):
    run = learnt(clusters, model=model, dimension=12, epochs=3, window=3)
    similar = Similar(run.vectors)
    for group in (ANIMALS, TOOLS):
        for word in group:
            nearest = {n.word for n in similar.neighbours(word, 5)}
            assert nearest == set(group) - {word}
    assert run.losses[-1] < 0.9 * run.losses[0]
    assert not run.interrupted
    assert run.last.done == run.last.total


def test_the_same_seed_gives_the_same_vectors_and_another_seed_others(clusters):
    same = [learnt(clusters, dimension=5, epochs=1, seed=seed).vectors.matrix.tobytes() for seed in (4, 4, 5)]
    assert same[0] == same[1] != same[2]


def test_two_threads_give_the_same_vectors_each_time(clusters):
    first, second = (learnt(clusters, dimension=5, epochs=1, threads=2).vectors.matrix for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_machine_code_gives_the_same_vectors_up_to_rounding(clusters):
    settings = Word2Vec(dimension=5, epochs=1)
    with numbered([clusters], 1) as text:
        first, second = (train(text, settings, backend=name).vectors.matrix for name in ("numba", "numpy"))
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_pieces_of_a_file_give_the_same_vectors_as_the_whole(clusters, monkeypatch):
    whole = learnt(clusters, dimension=5, epochs=1)
    monkeypatch.setattr("chainrule.ner.word_counts.PIECE", 1000)
    pieces = learnt(clusters, dimension=5, epochs=1)
    assert whole.vectors.words == pieces.vectors.words
    assert whole.vectors.matrix.tobytes() == pieces.vectors.matrix.tobytes()


def test_what_is_stopped_keeps_what_was_learnt(clusters):
    calls = iter([False, False, True])
    with numbered([clusters], 1) as text:
        start = Word2Vec(dimension=5).start(len(text.words))["E"]
        run = train(text, Word2Vec(dimension=5, epochs=50), stop=lambda: next(calls), backend="numpy")
    assert run.interrupted
    assert len(run.losses) == 3
    assert run.last.done == run.last.total * 3 / 50
    assert not np.array_equal(run.vectors.matrix, start)


@pytest.mark.parametrize("pieces", [0, 3])
def test_the_rate_falls_in_a_straight_line(clusters, monkeypatch, pieces):
    monkeypatch.setattr("chainrule.ner.word2vec.CHUNK", 1000)
    seen = []
    draw = word2vec._Learner.draw

    def noted(self, piece):
        seen.append(piece)
        return draw(self, piece)

    monkeypatch.setattr(word2vec._Learner, "draw", noted)
    learnt(clusters, dimension=2, epochs=2, rate=0.04, pieces=pieces)
    assert seen[0].first == 0.04
    assert seen[-1].last == pytest.approx(0.04 * word2vec.LEAST)
    assert all(before.last == after.first for before, after in pairwise(seen))
    slopes = [(piece.first - piece.last) / int((piece.chunk != END).sum()) for piece in seen[:-1]]
    assert len(slopes) > 15
    np.testing.assert_allclose(slopes, 0.04 / (2 * 800 * 12))


def test_numbers_that_are_not_finite_end_it_with_the_rate_that_was_given(clusters):
    with pytest.raises(NonFiniteError, match=r"lower the learning rate \(50\)"):
        learnt(clusters, dimension=2, rate=50.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dimension": 0},
        {"window": 0},
        {"negatives": 0},
        {"epochs": 0},
        {"thin": -1.0},
        {"rate": 0.0},
        {"threads": 0},
    ],
)
def test_settings_outside_their_range_are_refused(wrong):
    with pytest.raises(SettingError, match="it must be"):
        Word2Vec(**wrong)


def test_each_model_has_a_rate_of_its_own_unless_one_is_given():
    assert Word2Vec(model="cbow").at_first > Word2Vec().at_first == 0.025
    assert Word2Vec(model="cbow", rate=0.01).at_first == 0.01
    with pytest.raises(SettingError, match="unknown model 'cbw'; did you mean cbow"):
        Word2Vec(model="cbw")


# ── text ──────────────────────────────────────────────────────────────────────────────────────────────


def numbers_of(path, minimum=1, cut=None, **options):
    """Words, counts and lines of numbers."""
    with numbered([path], minimum, cut, **options) as text:
        chunks = [n for chunk in text.chunks(size=7) for n in chunk.tolist()]
        return text.words, text.counts.tolist(), chunks


def test_words_stand_in_the_order_of_their_counts_and_then_of_the_alphabet(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("b a\n\nb c d\nB 12\n", encoding="utf-8")
    words, counts, numbers = numbers_of(path)
    assert words == ["b", "00", "a", "c", "d"]
    assert counts == [3, 1, 1, 1, 1]
    assert numbers == [0, 2, END, 0, 3, 4, END, 0, 1, END]


def test_rare_words_are_left_out_of_the_text(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("a b x a b\ny\nb a", encoding="utf-8")
    assert numbers_of(path, minimum=2) == (["a", "b"], [3, 3], [0, 1, 0, 1, END, 1, 0, END])


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (Cut(), ["n't", "ca", "서울에", "yes"]),
        (Cut("spaces", "written"), ["Can't", "can't", "서울에", "yes"]),
        (Cut("spaces", "lower"), ["can't", "서울에", "yes"]),
        (Cut("characters", "lower"), ["'", "a", "c", "e", "n", "s", "t", "y", "서", "에", "울"]),
    ],
)
def test_text_is_cut_and_spelt_as_asked(tmp_path, cut, expected):
    path = tmp_path / "t.txt"
    path.write_text("Can't can't\r\nyes 서울에\u00a0yes 서울에 서울에", encoding="utf-8")
    assert sorted(numbers_of(path, cut=cut)[0]) == sorted(expected)


def test_words_are_those_of_the_tokenizer():
    text = "Dr. O'Brien couldn't pay $3.5m in the U.S., see http://a.org/b. 철수는 서울에"
    assert words(text) == [token.text for token in tokenize(text)]


def test_spellings_beyond_the_bound_are_forgotten_the_rarest_first(tmp_path, monkeypatch):
    monkeypatch.setattr("chainrule.ner.word_counts.PIECE", 500)
    path = tmp_path / "t.txt"
    path.write_text("\n".join(f"the cat w{k}x" for k in range(300)), encoding="utf-8")
    cut = Cut("spaces", "written")
    with numbered([path], 5, cut, forms=50) as text:
        assert (text.words, text.counts.tolist()) == (["cat", "the"], [300, 300])
        assert "forgotten" in text.notes[0]
    assert numbers_of(path, 5, cut, forms=50)[2] == [1, 0, END] * 300


def test_a_line_longer_than_a_piece_is_cut_at_a_space_and_no_word_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("chainrule.ner.word_counts.PIECE", 64)
    path = tmp_path / "t.txt"
    path.write_text("é단어 " * 200, encoding="utf-8")
    _, counts, numbers = numbers_of(path, cut=Cut("characters", "written"))
    assert counts == [200, 200, 200]
    assert [n for n in numbers if n != END] == numbers[:3] * 200


def test_gzip_is_unpacked_and_files_follow_each_other(tmp_path):
    (tmp_path / "a.txt").write_text("a b", encoding="utf-8-sig")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"b b"))
    with numbered([tmp_path / "a.txt", tmp_path / "b.gz"], 1) as text:
        assert (text.words, text.counts.tolist(), text.read) == (["b", "a"], [3, 1], 4)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "there is no word in it"),
        (b" \n\n ", "there is no word in it"),
        (b"word word word word word", "only 'word' of 1 word, of which"),
        (
            b"a b c a",
            "no word of 3 words, of which 'a' is the most frequent \\(2\\), occurs 5 times; give more text",
        ),
        (b"a\0b", "byte 1 is 0, so it is no text"),
        (b"caf\xe9 au lait", "byte 3 is not UTF-8; save the file as UTF-8"),
        ("café".encode()[:-1], "byte 3 is not UTF-8; the file is cut off"),
        (gzip.compress(b"a b c" * 99, mtime=0)[:-9], "the gzip data is cut off or damaged"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(tmp_path, raw, message):
    path = tmp_path / "t.txt"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=message) as found, numbered([path]):
        pass
    assert str(found.value).startswith(str(path))


def test_missing_files_and_folders_are_refused(tmp_path):
    for path, message in ((tmp_path / "none", "there is no such file"), (tmp_path, "is a folder")):
        with pytest.raises(DataError, match=message), numbered([path]):
            pass


def test_unknown_units_and_spellings_are_refused():
    with pytest.raises(SettingError, match="did you mean words"):
        Cut("word")
    with pytest.raises(SettingError, match="did you mean lower"):
        Cut(spelling="lowr")


# ── what vectors say ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def known():
    matrix = np.array([[1, 0], [2, 0.1], [0, 3], [-1, 0], [0, 0]], np.float32)
    return Similar(Vectors(["east", "eastern", "north", "west", "nowhere"], matrix))


def test_neighbours_are_in_the_order_of_their_cosines(known):
    found = known.neighbours("east")
    assert [n.word for n in found] == ["eastern", "north", "nowhere", "west"]
    np.testing.assert_allclose([n.cosine for n in found], [2 / np.hypot(2, 0.1), 0, 0, -1], atol=1e-6)
    assert len(known.neighbours("east", 2)) == 2


def test_an_analogy_is_the_word_nearest_to_the_sum_and_none_of_the_three():
    angle = {"man": 0.0, "woman": 0.5, "king": 1.0, "queen": 1.5, "cabbage": 3.0}
    vectors = np.array([[np.cos(t), np.sin(t), 0.3] for t in angle.values()], np.float32)
    found = Similar(Vectors(list(angle), vectors)).analogy("man", "woman", "king")
    assert [n.word for n in found] == ["queen", "cabbage"]


def test_a_word_is_found_by_its_normal_form_and_another_one_is_suggested(known):
    assert known.row("North") == 2
    with pytest.raises(DataError, match="there is no vector for 'nort'; did you mean north"):
        known.row("nort")
    with pytest.raises(DataError, match="there is no vector for 'zzz'; give words"):
        known.row("zzz")
