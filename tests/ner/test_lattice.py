import numpy as np
import pytest
from hypothesis import given, strategies as st

from chainrule.errors import SettingError
from chainrule.ner.lattice import Lattice, Names, largest, ranges, trimmed, viterbi
from chainrule.ner.tags import best_path, legal, spans, split, tag_list

SCHEMES = ["BIOES", "IOB2", "IOB1", "IO", "BILOU"]


@st.composite
def problems(draw):
    """Tags of a scheme in any order, sentences of some lengths, and scores, with ties and with minus infinity."""
    scheme = draw(st.sampled_from(SCHEMES))
    tags = draw(st.permutations(tag_list(["A", "B", "C"][: draw(st.integers(1, 3))], scheme)))
    lengths = draw(st.lists(st.integers(0, 12), min_size=1, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.standard_normal((sum(lengths), len(tags))) * draw(st.sampled_from([0.5, 1, 6]))
    if draw(st.booleans()):
        scores = np.round(scores)
    if draw(st.integers(0, 3)) == 0:
        scores[rng.random(scores.shape) < 0.1] = -np.inf
    return scheme, tags, np.array(lengths), scores.astype(np.float32)


@given(problems())
def test_the_tags_of_many_sentences_are_those_of_each(problem):
    scheme, tags, lengths, scores = problem
    found = Lattice(tags, scheme).best(scores, lengths).path
    rules = legal(tags, scheme)
    each = [best_path(part, *rules) for part in np.split(scores, np.cumsum(lengths)[:-1])]
    np.testing.assert_array_equal(found, np.concatenate(each))


@given(problems())
def test_the_names_in_many_sentences_are_those_of_each(problem):
    scheme, tags, lengths, scores = problem
    lattice, path = Lattice(tags, scheme), scores.argmax(axis=1)  # legal or not
    expected, start = [], 0
    for length in lengths:
        names = spans([tags[k] for k in path[start : start + length]])
        expected += [(name.start + start, name.end + start, name.label) for name in names]
        start += length
    found = zip(*(column.tolist() for column in lattice.names(lattice.line(path, lengths))), strict=True)
    assert [(a, b, split(tags[k]).label) for a, b, k in found] == expected


def test_log_probabilities_are_asked_for_where_rules_are_broken_and_nowhere_else():
    asked = []
    scores = np.zeros((900, 5), np.float32)
    scores[:, 0] = 9  # O, B, I, E, S
    scores[400, 2] = 12

    def log_p(rows):
        asked.append(len(rows))
        return rows

    lattice = Lattice(["O", "B-A", "I-A", "E-A", "S-A"], "BIOES")
    assert lattice.best(scores, np.array([300, 300, 300]), log_p).path.tolist() == [0] * 900
    assert asked == [1]


def test_without_a_legal_path_the_error_says_what_is_missing():
    with pytest.raises(SettingError, match="add the tag O"):
        Lattice(["B-A", "I-A", "E-A"], "BIOES").best(np.zeros((3, 3)), np.array([1, 2]))
    free = np.ones((1, 1), bool)
    with pytest.raises(SettingError, match="add the tag O"):
        viterbi(np.zeros((2, 1)), np.array([2]), free, ~free, free)


def test_the_first_of_equals_is_the_largest():
    scores = np.random.default_rng(0).integers(0, 3, (500, 7)).astype(np.float32)
    np.testing.assert_array_equal(largest(scores), scores.argmax(axis=1))
    np.testing.assert_array_equal(largest(scores[:5]), scores[:5].argmax(axis=1))


def test_ranges_and_names_without_spaces():
    assert ranges(np.array([5, 1]), np.array([2, 3])).tolist() == [5, 6, 1, 2, 3]
    assert ranges(np.array([], int), np.array([], int)).tolist() == []
    names = Names(np.array([0, 3, 5]), np.array([2, 5, 8]), np.array([7, 8, 9]))
    spaces = np.array([1, 0, 0, 1, 1, 1, 0, 1], bool)
    assert [column.tolist() for column in trimmed(names, spaces)] == [[1, 6], [2, 7], [7, 9]]
