"""Analogies: both methods against their formulas word by word, and files of questions with accuracy per section."""

import math

import numpy as np
import pytest

from chainrule.errors import DataError, SettingError
from chainrule.ner.analogies import ALL, Question, answered, read_questions
from chainrule.ner.similar import EPSILON, Similar
from chainrule.ner.vectors import Vectors

METHODS = pytest.mark.parametrize("method", ["add", "mul"])


@pytest.fixture(scope="module")
def similar():
    rng = np.random.default_rng(4)
    words = ["".join(map(chr, rng.integers(97, 123, 5))) for _ in range(50)]
    return Similar(Vectors(words, rng.normal(size=(50, 6)).astype(np.float32)))


def by_formula(similar, a, b, c, method):
    """Every word but the three with its score, the best first, in float64."""
    rows = {
        w: v / np.linalg.norm(v)
        for w, v in zip(similar.vectors.words, similar.vectors.matrix.astype(float), strict=True)
    }
    wanted = rows[b] - rows[a] + rows[c]
    scores = {}
    for word, x in rows.items():
        p, q, r = ((1 + x @ rows[w]) / 2 for w in (a, b, c))
        scores[word] = x @ wanted / np.linalg.norm(wanted) if method == "add" else q * r / (p + EPSILON)
    return sorted(((w, s) for w, s in scores.items() if w not in (a, b, c)), key=lambda each: -each[1])


@METHODS
def test_the_answers_are_those_of_the_formula(similar, method):
    a, b, c = similar.vectors.words[:3]
    found, expected = similar.analogy(a, b, c, 8, method), by_formula(similar, a, b, c, method)[:8]
    assert [each.word for each in found] == [word for word, _ in expected]
    np.testing.assert_allclose([each.cosine for each in found], [score for _, score in expected], rtol=1e-5)


def test_an_unknown_method_is_refused(similar):
    with pytest.raises(SettingError, match="unknown method 'mull'; did you mean mul"):
        similar.analogy(*similar.vectors.words[:3], method="mull")


@METHODS
@pytest.mark.parametrize("together", [1, 120, 1 << 20])
def test_the_figures_are_those_of_the_answers_one_by_one(similar, method, together, monkeypatch):
    monkeypatch.setattr("chainrule.ner.analogies.TOGETHER", together)
    rng = np.random.default_rng(5)
    sections = {}
    for name in ("one", "two"):
        asked = [rng.choice(similar.vectors.words, 3, replace=False).tolist() for _ in range(12)]
        best = [by_formula(similar, *q, method) for q in asked]
        right = [ranked[k % 2][0] for k, ranked in enumerate(best)]  # every other answer is the second best
        sections[name] = [Question(*q, d) for q, d in zip(asked, right, strict=True)]
    sections["one"].append(Question("zzz", *asked[0]))
    sections["none"] = [Question("zzz", "zzz", "zzz", "zzz")]
    found = answered(similar, sections, method)
    assert [tuple(each) for each in found] == [
        ("one", 6, 12, 13), ("two", 6, 12, 12), ("none", 0, 0, 1), (ALL, 12, 24, 26)
    ]  # fmt: skip
    assert (found[0].accuracy, math.isnan(found[2].accuracy)) == (0.5, True)


def test_words_are_found_by_their_normal_form_and_only_the_first_of_them_if_asked():
    vectors = Vectors(["a", "b", "c", "d"], np.eye(4, dtype=np.float32))
    sections = {"s": [Question("A", "B", "C", "D")]}
    assert answered(Similar(vectors), sections)[0][1:] == (1, 1, 1)
    assert answered(Similar(vectors.first(3)), sections)[0][1:] == (0, 0, 1)
    assert vectors.first(0) is vectors


def test_questions_are_read_by_section(tmp_path):
    path = tmp_path / "q.txt"
    path.write_text(
        "\ufeffa b c d\n\n: first one\r\na b c d\nb a d c\n:second\n서울 한국 도쿄 일본", encoding="utf-8"
    )
    found = read_questions(path)
    assert {name: len(questions) for name, questions in found.items()} == {
        "questions": 1,
        "first one": 2,
        "second": 1,
    }
    assert found["second"] == [("서울", "한국", "도쿄", "일본")]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "there is no question in it"),
        (b": only\n: sections\n", "there is no question in it"),
        (b": s\na b c d\na b c\n", ":3: 3 words, but 4 are due; write `a b c d`, or `: section`"),
        (b"a b c \xff", "byte 6 is not UTF-8"),
    ],
)
def test_what_is_no_file_of_questions_is_refused(tmp_path, raw, message):
    path = tmp_path / "q.txt"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=message):
        read_questions(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_questions(tmp_path)
