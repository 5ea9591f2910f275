from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chainrule.errors import DataError, SettingError
from chainrule.ner.tags import (
    SCHEMES,
    Part,
    Scheme,
    Span,
    best_path,
    convert,
    detect,
    fault,
    illegal_moves,
    legal,
    spans,
    split,
    tag_list,
    tags_of,
)

LABELS = ("PER", "LOC", "creative-work")
# two names of one type touch, one stands alone
WRITTEN: dict[Scheme, str] = {
    "IO": "I-PER I-PER I-PER O I-LOC",
    "IOB1": "I-PER I-PER B-PER O I-LOC",
    "IOB2": "B-PER I-PER B-PER O B-LOC",
    "BIOES": "B-PER E-PER S-PER O S-LOC",
    "BILOU": "B-PER L-PER U-PER O U-LOC",
    "bare": "PER PER PER O LOC",
}
NAMES = [Span(0, 2, "PER"), Span(2, 3, "PER"), Span(4, 5, "LOC")]
MELTED = [Span(0, 3, "PER"), Span(4, 5, "LOC")]


@st.composite
def sentences(draw, labels=LABELS):
    length = draw(st.integers(0, 12))
    cuts = sorted(draw(st.sets(st.integers(0, length), max_size=8)))
    names = [Span(a, b, draw(st.sampled_from(labels))) for a, b in pairwise(cuts) if draw(st.booleans())]
    return names, length


# ── single tags ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tag", ["O", "B-PER", "U-x", "L-가", "B-creative-work", "PER", "geo.loc", "B", "I-1"])
def test_legal_tags_have_no_fault(tag):
    assert fault(tag) is None


@pytest.mark.parametrize(
    "tag", ["X-PER", "B-", "-PER", "b-PER", "", "-", " ", "B-a b", "two words", "1", ".", "_"]
)
def test_illegal_tags_are_named_with_the_repair(tag):
    assert fault(tag) == f"illegal tag {tag!r}; a tag is O, or B- I- E- S- L- U- before a label, such as B-PER"
    with pytest.raises(DataError, match="illegal tag"):
        split(tag)


def test_a_long_illegal_tag_is_shortened():
    assert len(fault("X-" + "y" * 10_000)) < 150


def test_a_tag_is_split_at_its_first_hyphen():
    assert split("B-creative-work") == Part("B", "creative-work")
    assert split("U-PER") == Part("S", "PER")
    assert split("PER") == Part("I", "PER")
    assert split("B") == Part("B", "ENTITY")


# ── spans ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_reads_and_writes_the_same_names(scheme):
    written = WRITTEN[scheme].split()
    assert spans(written) == (MELTED if scheme in {"IO", "bare"} else NAMES)
    assert tags_of(NAMES, 5, scheme) == written


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O I-PER", [(1, 2, "PER")]),
        ("B-PER I-LOC I-LOC", [(0, 1, "PER"), (1, 3, "LOC")]),
        ("I-PER B-PER", [(0, 1, "PER"), (1, 2, "PER")]),
        ("E-PER E-PER I-PER O", [(0, 1, "PER"), (1, 2, "PER"), (2, 3, "PER")]),
        ("B-PER S-PER I-PER", [(0, 1, "PER"), (1, 2, "PER"), (2, 3, "PER")]),
        ("B-PER I-PER E-PER", [(0, 3, "PER")]),
        ("", []),
    ],
)
def test_illegal_sequences_are_read_leniently(tags, found):
    assert spans(tags.split()) == [Span(*names) for names in found]


@given(sentences(), st.sampled_from(["IOB1", "IOB2", "BIOES", "BILOU"]))
def test_what_is_written_reads_back(sentence, scheme):
    names, length = sentence
    tags = tags_of(names, length, scheme)
    assert spans(tags) == names
    assert illegal_moves(tags, scheme) == 0
    assert set(tags) <= set(tag_list(LABELS, scheme))


@given(sentences(("PER", "LOC")), st.sampled_from(SCHEMES), st.sampled_from(SCHEMES))
def test_converting_there_and_back_changes_nothing(sentence, scheme, other):
    tags = convert(tags_of(*sentence, scheme=scheme), scheme)
    if other not in {"IO", "bare"} or scheme in {"IO", "bare"}:
        assert convert(convert(tags, other), scheme) == tags


@pytest.mark.parametrize("names", [[(0, 2, "A"), (1, 3, "A")], [(2, 2, "A")], [(1, 4, "A")], [(-1, 1, "A")]])
def test_spans_that_do_not_fit_are_refused(names):
    with pytest.raises(SettingError, match="end-exclusive and disjoint"):
        tags_of([Span(*name) for name in names], 3)


def test_an_unknown_scheme_is_refused_with_the_list():
    with pytest.raises(SettingError, match="no scheme 'IOB'; the schemes are bare, IO, IOB1"):
        convert(["B-PER"], "IOB")


def test_a_bare_label_cannot_hold_a_hyphen():
    with pytest.raises(SettingError, match=r"creative-work.*IOB2"):
        convert(["B-creative-work"], "bare")


# ── detection ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("tags", "evidence"),
    [
        (WRITTEN["IO"], "IO: I- begins 2 spans, there is no B-"),
        (WRITTEN["IOB1"], "IOB1: I- begins 2 spans, B- only after a span of the same type"),
        (WRITTEN["IOB2"], "IOB2: B- begins all 3 spans"),
        (WRITTEN["BIOES"], "BIOES: 1 E- and 2 S- tags"),
        (WRITTEN["BILOU"], "BILOU: 1 L- and 2 U- tags"),
        (WRITTEN["bare"], "bare: 4 tags are labels without B- or I-"),
        ("O O", "IOB2: taken for granted, there are no names"),
        ("B-X O I-X O B-X", "IOB2: B- begins 2 spans; 1 illegal transition, read as conlleval does"),
        (
            "I-X O I-X B-X O I-X O B-X",
            "IOB1: I- begins 3 spans, B- in 1 of 2 cases after a span of the same type; "
            "1 illegal transition, read as conlleval does",
        ),
    ],
)
def test_the_scheme_is_detected_and_the_evidence_said(tags, evidence):
    found = detect([tags.split()])
    assert found.evidence == evidence
    assert found.scheme == evidence.split(":")[0]


def test_a_sentence_begins_after_nothing():
    assert detect([["I-X"], ["I-X"], ["I-X", "B-X"]]).scheme == "IOB1"
    assert detect([]).scheme == "IOB2"


@pytest.mark.parametrize("scheme", ["IOB2", "BIOES", "BILOU"])
@given(st.lists(sentences(), min_size=1))
def test_a_corpus_in_a_scheme_is_detected_as_that(scheme, corpus):
    written = [tags_of(*sentence, scheme=scheme) for sentence in corpus]
    found = detect(written)
    ends = any(tag[0] in "ELSU" for tags in written for tag in tags)
    assert found.scheme == scheme if ends or scheme == "IOB2" else "IOB2"
    assert found.illegal == 0


@given(st.lists(st.lists(st.sampled_from(tag_list(LABELS, "BIOES")), max_size=6)))
def test_any_corpus_has_a_scheme(corpus):
    assert detect(corpus).scheme in SCHEMES


# ── decoding ──────────────────────────────────────────────────────────────────────────────────────────


def by_hand(scheme):
    return {
        "IO": lambda a, b: True,
        "IOB1": lambda a, b: b[0] != "B" or a[1:] == b[1:],
        "IOB2": lambda a, b: b[0] != "I" or a[1:] == b[1:],
        "BIOES": lambda a, b: (b[0] in "IE" and a[1:] == b[1:]) if a[0] in "BI" else b[0] in "OBS",
    }[scheme]


@pytest.mark.parametrize("scheme", ["IO", "IOB1", "IOB2", "BIOES"])
def test_the_legal_moves_are_those_of_the_scheme(scheme):
    tags, may = tag_list(("A", "B"), scheme), by_hand(scheme)
    start, moves, end = legal(tags, scheme)
    assert start.tolist() == [may("O", b) for b in tags]
    assert moves.tolist() == [[may(a, b) for b in tags] for a in tags]
    assert end.tolist() == [may(a, "O") for a in tags]


@pytest.mark.parametrize(
    ("scheme", "read_as"), [("IO", "IO"), ("IOB2", "IOB2"), ("BIOES", "BIOES"), ("BILOU", "BIOES")]
)
def test_the_scheme_is_read_off_the_tags(scheme, read_as):
    tags = tag_list(LABELS, scheme)
    for ours, theirs in zip(legal(tags), legal(tags, read_as), strict=True):
        assert ours.tolist() == theirs.tolist()


def brute_force(scores, start, moves, end):
    def value(path):
        inside = all(moves[a, b] for a, b in pairwise(path))
        if not (start[path[0]] and end[path[-1]] and inside):
            return -np.inf
        return sum(scores[n, k] for n, k in enumerate(path))

    paths = product(range(scores.shape[1]), repeat=len(scores))
    return list(min(paths, key=lambda path: (-value(path), path[::-1])))


@given(st.integers(1, 4), st.sampled_from(["IOB1", "IOB2", "BIOES"]), st.integers(0, 2**32 - 1))
def test_the_best_path_is_that_of_brute_force_with_ties_to_the_lowest_index(length, scheme, seed):
    moves = legal(tag_list(("A",), scheme), scheme)
    scores = np.random.default_rng(seed).integers(-3, 1, (length, len(moves[0]))).astype(float)
    assert best_path(scores, *moves).tolist() == brute_force(scores, *moves)


@given(st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_a_best_path_is_legal(length, seed):
    tags = tag_list(LABELS, "BIOES")
    scores = np.random.default_rng(seed).normal(size=(length, len(tags))).astype(np.float32)
    path = best_path(scores, *legal(tags))
    assert illegal_moves([tags[k] for k in path], "BIOES") == 0
    assert len(path) == length


def test_impossible_tags_are_passed_over_even_if_all_are():
    tags = ["O", "I-A", "B-A"]
    scores = np.full((2, 3), -np.inf)
    assert best_path(scores, *legal(tags)).tolist() == [0, 0]
    scores[1, 1] = 0.0
    assert best_path(scores, *legal(tags)).tolist() == [2, 1]


def test_tags_without_a_legal_path_are_refused():
    with pytest.raises(SettingError, match="add the tag O"):
        best_path(np.zeros((2, 1)), *legal(["I-A"], "IOB2"))
