"""What training moved: the moves and those left behind against brute force, the verdict, the picture, the page."""

import json

import numpy as np
import pytest

from chainrule.errors import DataError, SettingError
from chainrule.ner import Tagger, drift_words, sample
from chainrule.ner.drift import FALL, NEAR, SHARE, Drift, Left, drift, read_words
from chainrule.ner.drift_page import chosen, neighbours, page, pairs, record
from chainrule.ner.drift_picture import picture, plane
from chainrule.ner.nearest import nearest, unit
from chainrule.ner.vectors import Vectors, write_vectors

PITFALL = ("TV", "telly", "television")


@pytest.fixture
def pitfall():
    """TV and telly are trained and move; television stays; the radio is far from all."""
    before = np.array([[1, 0.3, 0], [1, -0.3, 0], [1, 0, 0.1], [-1, 0, 1]], np.float32)
    after = before.copy()
    after[:2] = [[-1, 1, 0], [-1, 0.8, 0]]
    words = ["tv", "telly", "television", "radio"]
    return drift(Vectors(words, before), Vectors(words, after), PITFALL[:2])


def cosine(a, b):
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def moved(seed=0, V=60, D=4, share=0.3):
    """Random vectors, some of which are moved."""
    rng = np.random.default_rng(seed)
    before = rng.normal(size=(V, D)).astype(np.float32)
    trained = rng.random(V) < share
    after = before + np.where(trained[:, None], rng.normal(size=(V, D)) * 0.7, 0).astype(np.float32)
    words = ["".join("abcdefghij"[int(c)] for c in f"{k:03d}") for k in range(V)]
    return Vectors(words, before), Vectors(words, after), trained


# ── who moved, and who was left ───────────────────────────────────────────────────────────────────────


def test_the_word_that_was_not_trained_is_left_behind_by_its_neighbours(pitfall):
    assert [each.word for each in pitfall.left] == ["television"]
    left = pitfall.left[0]
    e0, e = pitfall.before.astype(float), pitfall.after.astype(float)
    assert (
        left.by == "tv"
        if cosine(e[0], e[2]) - cosine(e0[0], e0[2]) < cosine(e[1], e[2]) - cosine(e0[1], e0[2])
        else "telly"
    )
    k = pitfall.lookup[left.by]
    assert (left.before, left.after) == pytest.approx((cosine(e0[k], e0[2]), cosine(e[k], e[2])), abs=1e-6)
    assert left.lost == 2
    assert pitfall.matters
    assert pitfall.trained.tolist() == [True, True, False, False]


@pytest.mark.parametrize("seed", range(4))
def test_moves_and_those_left_behind_are_those_of_brute_force(seed):
    before, after, trained = moved(seed)
    found = drift(before, after)
    np.testing.assert_array_equal(found.trained, trained)
    expected, near = {}, set()
    for t in np.flatnonzero(trained):
        alike = sorted((k for k in range(60) if k != t), key=lambda k: -cosine(before.matrix[k], before.matrix[t]))
        for u in alike[:NEAR]:
            a, b = (cosine(v.matrix[u], v.matrix[t]) for v in (before, after))
            if not trained[u]:
                near.add(u)
                if a - b >= FALL:
                    expected.setdefault(before.words[u], []).append((b - a, before.words[t], a, b))
    assert found.near == len(near)
    assert {each.word for each in found.left} == set(expected)
    for each in found.left:
        _, by, a, b = min(expected[each.word])
        assert (each.by, each.lost) == (by, len(expected[each.word]))
        assert (each.before, each.after) == pytest.approx((a, b), abs=1e-5)
    falls = [each.before - each.after for each in found.left]
    assert falls == sorted(falls, reverse=True)
    for k in range(60):
        m, old, new = found.move(before.words[k]), before.matrix[k].astype(float), after.matrix[k].astype(float)
        assert m.distance == pytest.approx(np.linalg.norm(new - old), abs=1e-6)
        assert m.share == pytest.approx(np.linalg.norm(new - old) / np.linalg.norm(old), abs=1e-6)
        assert m.cosine == pytest.approx(cosine(old, new), abs=1e-6)
    lengths = [m.distance for m in found.moves(60)]
    assert lengths == sorted(lengths, reverse=True)


def test_a_sample_finds_some_of_those_left_behind_and_a_large_one_all():
    before, after, _ = moved(1)
    whole = drift(before, after)
    same, some, one = (drift(before, after, sample=size) for size in (1000, 6, 1))
    assert (same.near, same.left) == (whole.near, whole.left)
    found = {each.word for each in some.left}
    assert found < {each.word for each in whole.left}
    assert 1 < some.near < whole.near and one.near <= NEAR
    assert drift(before, before, sample=3).left == ()
    with pytest.raises(SettingError, match="sample is 0; it must be a whole number at least 1"):
        drift(before, after, sample=0)


def test_what_is_rounded_to_sixteen_bits_has_not_moved():
    before, after, trained = moved()
    rounded = Vectors(after.words, after.matrix.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(drift(before, rounded).trained, trained)


def test_a_trained_word_is_never_left_behind_though_it_did_not_move():
    before, after, _ = moved()
    everything = drift(before, after, before.words)
    assert everything.trained.all()
    assert (everything.near, everything.left, everything.matters) == (0, (), False)


def test_words_are_paired_by_their_spelling_and_then_by_their_normal_form():
    before = Vectors(["TV", "Paris", "paris", "only"], np.arange(8, dtype=np.float32).reshape(4, 2) + 1)
    after = Vectors(["tv", "paris", "new"], np.ones((3, 2), np.float32))
    found = drift(before, after, ["#TV"])
    assert list(found.words) == ["tv", "paris"]
    np.testing.assert_array_equal(found.before, before.matrix[[0, 2]])
    assert found.alone == (2, 1)
    assert found.trained.tolist() == [True, False]
    assert found.move("TV").word == "tv"


@pytest.mark.parametrize(
    ("words", "matrix", "message"),
    [
        (
            ["a"],
            np.ones((1, 3)),
            "has 3 numbers a word, but before has 2; give the vectors that training began with",
        ),
        (["b"], np.ones((1, 2)), "has no word that is also in before"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(words, matrix, message):
    before = Vectors(["a"], np.ones((1, 2), np.float32))
    with pytest.raises(DataError, match=message):
        drift(before, Vectors(words, matrix.astype(np.float32)))


def test_a_word_that_is_not_there_is_refused(pitfall):
    with pytest.raises(DataError, match="there is no vector for 'wireless' both before and after"):
        pitfall.move("wireless")


def test_the_vectors_of_a_model_folder_are_those_of_its_words(tmp_path):
    parts = sample("en")
    corpus = parts.train.of(parts.train.sentences[:6])
    tagger = Tagger.train(corpus, corpus, epochs=1, hidden=3, dimension=4)
    tagger.save(tmp_path / "model")
    words = read_words(tmp_path / "model")
    lines = (tmp_path / "model" / "vocab.txt").read_text("utf-8").splitlines()
    assert words.words == lines[2:]
    np.testing.assert_array_equal(words.matrix, tagger.params["E"][2:])
    write_vectors(tmp_path / "v.bin", words)
    assert drift(read_words(tmp_path / "v.bin"), words).trained.sum() == 0


# ── neighbours ────────────────────────────────────────────────────────────────────────────────────────


def test_the_nearest_are_those_of_all_cosines_in_blocks_of_any_size(monkeypatch):
    forms = unit(np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32))
    all_cosines = forms @ forms.T
    np.fill_diagonal(all_cosines, -np.inf)
    order = np.argsort(-all_cosines, axis=1, kind="stable")[:, :5]
    for block in (1, 100, 1 << 20):
        monkeypatch.setattr("chainrule.ner.nearest.BLOCK", block)
        blocks = list(nearest(forms, forms, 5, but=np.arange(40)))
        assert len(blocks) == {1: 40, 100: 20}.get(block, 1)
        np.testing.assert_array_equal(np.concatenate([places for _, _, places in blocks]), order)
        cosines = np.concatenate([found for _, found, _ in blocks])
        np.testing.assert_allclose(cosines, np.take_along_axis(all_cosines, order, axis=1), atol=1e-6)


def test_there_are_no_more_neighbours_than_words():
    forms = unit(np.eye(3, dtype=np.float32))
    ((_, cosines, _),) = nearest(forms, forms, 10, but=np.arange(3))
    assert cosines.shape == (3, 2)
    assert list(nearest(forms[:1], forms[:1], 10, but=np.zeros(1, np.int64))) == []


# ── what is said ──────────────────────────────────────────────────────────────────────────────────────


def test_the_verdict_says_what_happened(pitfall):
    said = drift_words.verdict(pitfall, ("television",))
    assert "such as television: it is not in the training data" in said.en
    assert "television" in said.ko
    assert "anchor them" in drift_words.advice(pitfall).en
    same = Vectors(list(pitfall.words), pitfall.before)
    assert drift_words.verdict(drift(same, same)) is drift_words.STAYED
    assert drift_words.advice(drift(same, same)) is None
    nudged = Vectors(list(pitfall.words), pitfall.before * np.float32(1.01))
    together = drift(same, nudged, ["tv"])
    assert drift_words.verdict(together).en.startswith("Words moved: 1. None of the untrained words near them (3)")


def test_few_words_left_behind_do_not_matter():
    rows = np.ones((2, 2), np.float32)
    left = (Left("a", "b", 0.9, 0.2, 1),)
    few, many = (Drift(["a", "b"], rows, rows, np.array([False, True]), near, left) for near in (10, 9))
    assert (few.share, few.matters, many.matters) == (SHARE, False, True)


def test_what_is_shown_is_what_was_asked_for_or_what_was_left_behind(pitfall):
    assert chosen(pitfall, ("Television", "tv", "TV")) == ["television", "tv"]
    assert chosen(pitfall)[:2] == [pitfall.left[0].by, "television"]
    (before, after), *_ = neighbours(pitfall, ["television"], 2)
    assert {n.word for n in before} == {"tv", "telly"}
    assert after[0].word == "radio"
    ((a, b, old, new),) = pairs(pitfall, ["tv", "television"])
    assert (a, b) == ("tv", "television")
    assert (old, new) == pytest.approx(
        (cosine(pitfall.before[0], pitfall.before[2]), cosine(pitfall.after[0], pitfall.after[2])), abs=1e-6
    )


def test_the_record_is_json_and_agrees_with_the_drift(pitfall):
    found = json.loads(json.dumps(record(pitfall, ("television",))))
    assert (found["words"], found["trained"], found["moved"], found["left_behind"]) == (4, 2, 2, 1)
    assert found["matters"] is True
    assert found["chosen"][0]["word"] == "television"
    assert found["left"] == [pytest.approx(pitfall.left[0]._asdict())]
    assert found["moves"][0]["word"] == pitfall.moves(1)[0].word


# ── the picture ───────────────────────────────────────────────────────────────────────────────────────


def test_the_plane_is_the_one_on_which_both_together_keep_most():
    rng = np.random.default_rng(2)
    before, after = rng.normal(size=(2, 9, 5))
    old, new, share = plane(before, after)
    both = np.concatenate([before, after])
    both -= both.mean(axis=0)
    values, vectors = np.linalg.eigh(both.T @ both)
    assert share == pytest.approx(values[-2:].sum() / values.sum())
    placed = np.concatenate([old, new])
    for k in (0, 1):
        expected = both @ vectors[:, -1 - k]
        assert abs(placed[:, k] @ expected) == pytest.approx(
            np.linalg.norm(placed[:, k]) * np.linalg.norm(expected)
        )
    np.testing.assert_allclose(plane(before[:, :1], after[:, :1])[0][:, 1], 0)  # one number a word: a line


def test_a_word_that_did_not_move_stands_still_and_is_hollow(pitfall):
    drawn, share = picture(pitfall, range(4), [2])
    groups = {word: drawn.split(f">{word}</text>")[0].rsplit("<g ", 1)[1] for word in pitfall.words}
    assert 'class="behind"' in groups["television"] and "way" not in groups["television"]
    assert 'class="still"' in groups["radio"] and 'class="trained"' in groups["tv"]
    assert "marker-end" in groups["tv"] and "marker-end" in groups["telly"]
    assert "asked" in groups["television"] and "asked" not in groups["tv"]
    assert 0 < share <= 1


def test_the_page_escapes_words_and_holds_both_languages(tmp_path):
    words = ["<b>tv", "tel&ly", '"television"', "라디오"]
    before = np.array([[1, 0.3, 0], [1, -0.3, 0], [1, 0, 0.1], [-1, 0, 1]], np.float32)
    after = before * np.array([[-1], [-1], [1], [1]], np.float32)
    text = page(drift(Vectors(words, before), Vectors(words, after)), "a → b", language="ko")
    assert "<b>tv" not in text.replace("<b>&lt;b&gt;tv", "")
    assert "tel&amp;ly" in text
    assert '<html lang="ko">' in text
    assert drift_words.TITLE.en in text and drift_words.TITLE.ko in text
