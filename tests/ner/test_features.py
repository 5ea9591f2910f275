"""Features: each family against its plain definition, how they are spelt, numbered and put into windows."""

from collections import Counter
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chainrule.errors import SettingError
from chainrule.ner.architecture import Architecture
from chainrule.ner.clusters import clustered
from chainrule.ner.families import FAMILIES, dimensions, family
from chainrule.ner.features import Features
from chainrule.ner.vocab import PADDING, SPECIAL, UNKNOWN, Embedding, Vocabulary, caps_ids, normalise

WORDS = [
    "Paris",
    "PARIS",
    "U.S.",
    "1,000",
    "a-b",
    "서울역",
    "ㅋㅋ",
    "東京",
    "カナ",
    "é",
    "E\u0301",
    " ",
    "\u3000",
    "x" * 70,
]
PARTS = st.sampled_from(WORDS) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
SENTENCES = st.lists(st.lists(PARTS.filter(lambda t: "\n" not in t), max_size=8), max_size=5)


# ── the values ────────────────────────────────────────────────────────────────────────────────────────


def sign(c):
    if c.isalpha() and c.isupper():
        return "X"
    if c.isalpha():
        blocks = {"가": (0xAC00, 0xD7A3), "ㄱ": (0x3131, 0x318E), "字": (0x3400, 0x9FFF), "あ": (0x3041, 0x30FF)}
        return next((s for s, (first, last) in blocks.items() if first <= ord(c) <= last), "x")
    return "0" if c.isdigit() else c


def shape(token):
    return "".join(s for s, _ in groupby(map(sign, token)))


def from_here(values, k, n):
    return "\u241f".join(values[k : k + n]) if n else values[k]


def spaces_apart(tokens, k, most):
    """How many tokens one can go from token k before a space or an end of the sentence, at most so many."""
    if tokens[k].isspace():
        return " "
    left = next((d for d in range(most) if k - d == 0 or tokens[k - d - 1].isspace()), most)
    right = next((d for d in range(most) if k + d + 1 == len(tokens) or tokens[k + d + 1].isspace()), most)
    return f"{left}{right}"


def between(tokens, k):
    """The normal forms of the tokens between the spaces around token k: all, those up to it, and the rest."""
    left, right = k, k
    while left > 0 and not tokens[left - 1].isspace():
        left -= 1
    while right + 1 < len(tokens) and not tokens[right + 1].isspace():
        right += 1
    forms = [normalise(t) for t in tokens]
    return forms[left : right + 1], forms[left : k + 1], forms[k + 1 : right + 1]


PLAIN = {
    "shape": lambda tokens, k, n: from_here([shape(t) for t in tokens], k, n),
    "prefix": lambda tokens, k, n: normalise(tokens[k])[0:n],
    "suffix": lambda tokens, k, n: "".join(list(normalise(tokens[k]))[::-1][:n][::-1]),
    "form": lambda tokens, k, n: normalise(tokens[k]),
    "gram": lambda tokens, k, n: from_here([normalise(t) for t in tokens], k, n),
    "place": spaces_apart,
    "head": lambda tokens, k, n: " " if tokens[k].isspace() else "".join(between(tokens, k)[0][:n]),
    "tail": lambda tokens, k, n: " " if tokens[k].isspace() else "".join(between(tokens, k)[0][::-1][:n][::-1]),
    "upto": lambda tokens, k, n: " " if tokens[k].isspace() else "".join(between(tokens, k)[1][::-1][:n][::-1]),
    "rest": lambda tokens, k, n: " " if tokens[k].isspace() else "".join(between(tokens, k)[2][:n]),
}
NAMES = [
    "shape",
    "shape2",
    "prefix1",
    "prefix8",
    "suffix1",
    "suffix3",
    "form",
    "gram2",
    "gram3",
    "place1",
    "place4",
    "head1",
    "head3",
    "tail1",
    "tail3",
    "upto1",
    "upto3",
    "rest1",
    "rest3",
]


def test_every_family_of_strings_has_a_plain_definition():
    strings = {name for name, kind in FAMILIES.items() if callable(kind.values)}
    assert set(PLAIN) == strings == {name.rstrip("0123456789") for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
@given(tokens=st.lists(PARTS, max_size=9))
def test_values_are_those_of_the_plain_definition(name, tokens):
    kind, number = family(name)
    plain = PLAIN[name.rstrip("0123456789")]
    assert kind.values(number, tokens) == [plain(tokens, k, number) for k in range(len(tokens))]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("shape", ["X.X.", "Xx", "0,0", "x", "가", "字"]),
        ("prefix2", ["u.", "he", "0,", "of", "서울", "東京"]),
        ("suffix2", ["s.", "en", "00", "of", "울역", "東京"]),
        ("gram2", ["u.s.␟helen", "helen␟0,000", "0,000␟of", "of␟서울역", "서울역␟東京", "東京"]),
        ("shape3", ["X.X.␟Xx␟0,0", "Xx␟0,0␟x", "0,0␟x␟가", "x␟가␟字", "가␟字", "字"]),
        ("place2", ["02", "12", "22", "22", "21", "20"]),
    ],
)
def test_values_of_a_sentence(name, values):
    kind, number = family(name)
    assert kind.values(number, ["U.S.", "Helen", "1,000", "of", "서울역", "東京"]) == values


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("head2", ["우리", "우리", " ", "은행", "은행", "은행", " "]),
        ("tail2", ["우리", "우리", " ", "행에", "행에", "행에", " "]),
        ("upto2", ["우", "우리", " ", "은", "은행", "행에", " "]),
        ("rest2", ["리", "", " ", "행에", "에", "", " "]),
    ],
)
def test_what_stands_between_spaces(name, values):
    kind, number = family(name)
    assert kind.values(number, list("우리 은행에 ")) == values


def test_places_of_characters_are_counted_from_spaces():
    kind, _ = family("place3")
    assert kind.values(3, list("가나 다라마바사 ")) == ["01", "10", " ", "03", "13", "22", "31", "30", " "]


# ── how they are spelt ────────────────────────────────────────────────────────────────────────────────


def test_spelt_features_have_their_width_or_that_of_their_family():
    assert dimensions("") == dimensions(" , ") == {}
    assert dimensions("shape, suffix3:12,prefix1:1") == {("shape",): 8, ("suffix3",): 12, ("prefix1",): 1}
    assert list(dimensions("gram2,shape,cluster64")) == [("gram2",), ("shape",), ("cluster64",)]
    usual = FAMILIES["suffix"].dimension
    assert dimensions("suffix1,suffix2") == {("suffix1",): usual, ("suffix2",): usual}


def test_features_that_are_added_have_one_width():
    assert dimensions("shape + suffix3:12, form") == {
        ("shape", "suffix3"): 12,
        ("form",): FAMILIES["form"].dimension,
    }
    widest = max(FAMILIES["shape"].dimension, FAMILIES["gram"].dimension)
    assert dimensions("shape+gram2") == {("shape", "gram2"): widest}
    affixes = tuple(f"{kind}{n}" for kind in ("prefix", "suffix") for n in (1, 2, 3, 4))
    assert dimensions("affix:7") == {affixes: 7}
    assert dimensions("shape+affix:7") == {("shape", *affixes): 7}


@pytest.mark.parametrize(
    ("spelt", "message"),
    [
        ("shap", "unknown feature 'shap'; did you mean shape?"),
        ("Shape", "unknown feature 'Shape'"),
        ("suffix-3", "unknown feature 'suffix-3'"),
        ("shape suffix3", "unknown feature 'shape suffix3'"),
        ("words", "unknown feature 'words'"),
        ("suffix", "feature 'suffix': end it with a number, 1 to 8"),
        ("suffix0", "feature 'suffix0': end it with a number, 1 to 8"),
        ("suffix9", "feature 'suffix9': end it with a number, 1 to 8"),
        ("gram1", "feature 'gram1': end it with a number, 2 to 8"),
        ("shape1", "feature 'shape1': end it with a number, 2 to 8"),
        ("cluster1", "feature 'cluster1': end it with a number, 2 to 65535"),
        ("cluster65536", "feature 'cluster65536': end it with a number"),
        ("form2", "feature 'form2': it has no number"),
        ("shape,shape:3", "feature shape is there twice; keep one"),
        ("shape+form+shape", "feature shape is there twice; keep one"),
        ("affix,prefix4", "feature prefix4 is there twice; keep one"),
        ("shape+", "unknown feature ''"),
        ("shape+form:x", "feature 'shape+form:x': its width is no whole number; write shape+form:25"),
        ("shape:x", "feature 'shape:x': its width is no whole number; write shape:8"),
        ("shape:", "feature 'shape:': its width is no whole number; write shape:8"),
        ("shape:-1", "feature 'shape:-1': its width is no whole number"),
        ("shape:²", "feature 'shape:²': its width is no whole number"),
        ("shape:0", "width of shape is 0; it must be a whole number at least 1"),
    ],
)
def test_what_is_no_feature_is_refused(spelt, message):
    with pytest.raises(SettingError) as error:
        Architecture(features=spelt)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("spelt", "message"),
    [
        ("shap", "unknown feature 'shap'; did you mean shape?"),
        ("suffix", "feature 'suffix': end it with a number, 1 to 8"),
        ("caps,form,caps", "short_circuit: a feature is there twice; keep one"),
    ],
)
def test_what_is_no_feature_has_no_scores_of_its_own_either(spelt, message):
    with pytest.raises(SettingError) as error:
        Architecture(short_circuit=spelt)
    assert str(error.value).startswith(message)


def test_an_architecture_knows_its_features():
    made = Architecture(
        features="shape+form:3,gram2", short_circuit="caps, suffix2", window=3, dimension=4, caps=2
    )
    assert made.widths == {("caps",): 2, ("shape", "form"): 3, ("gram2",): FAMILIES["gram"].dimension}
    assert made.direct == ("caps", "suffix2")
    assert made.named == ["shape", "form", "gram2", "suffix2"]
    assert made.width == 3 * (4 + 2 + 3 + FAMILIES["gram"].dimension)


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────


@given(SENTENCES, st.integers(1, 3))
def test_values_are_numbered_where_they_are_often_enough(sentences, minimum):
    names = ["shape", "suffix2", "gram2", "place2"]
    made = Features.build(names, Vocabulary.build(sentences), sentences, minimum)
    assert list(made.values) == names and made.clusters == {}
    for name in names:
        n, plain = family(name)[1], PLAIN[name.rstrip("0123456789")]
        seen = Counter(plain(s, k, n) for s in sentences for k in range(len(s)))
        words = made.values[name].words[len(SPECIAL) :]
        assert set(words) == {value for value, count in seen.items() if count >= minimum and value not in SPECIAL}
        assert list(words) == sorted(words, key=lambda value: (-seen[value], value))
        assert made.rows[name] == len(words) + len(SPECIAL)


@given(SENTENCES, SENTENCES)
def test_numbers_are_those_of_the_loop_over_tokens(known, sentences):
    for names in (["shape", "prefix1", "suffix2", "form"], ["suffix2", "gram2", "place1"]):
        made = Features.build(names, Vocabulary.build(known), known, 1)
        found = made.ids(sentences)
        assert list(found) == ["words", "caps", *names]
        tokens = [t for s in sentences for t in s]
        assert found["words"].tolist() == [made.vocabulary.id(t) for t in tokens]
        assert found["caps"].tolist() == caps_ids(tokens).tolist()
        for name in names:
            n, plain = family(name)[1], PLAIN[name.rstrip("0123456789")]
            values = [plain(s, k, n) for s in sentences for k in range(len(s))]
            lookup = made.values[name].lookup
            assert found[name].tolist() == [lookup.get(value, UNKNOWN) for value in values]
            assert found[name].dtype == np.int64


def test_padding_cannot_be_forged():
    sentences = [["<pad>", "<unk>"] * 3]
    made = Features.build(["form", "suffix5"], Vocabulary.build(sentences), sentences, 1)
    assert made.values["form"].words == SPECIAL
    assert {n: ids.tolist() for n, ids in made.ids([["<pad>", "<unk>"]]).items() if n != "caps"} == {
        "words": [UNKNOWN] * 2,
        "form": [UNKNOWN] * 2,
        "suffix5": [UNKNOWN] * 2,
    }


@pytest.mark.parametrize(
    ("names", "alone"),
    [
        ([], True),
        (["shape", "prefix1", "suffix8", "form"], True),
        (["gram2"], False),
        (["shape", "shape2"], False),
        (["place1"], False),
        (["tail2"], False),
        (["case"], False),
    ],
)
def test_features_of_a_token_alone_are_known_as_such(names, alone):
    sentences = [["Helen", "Marsh", " ", "in", "Paris"], ["Paris", "Marsh"]]
    made = Features.build(names, Vocabulary.build(sentences), sentences, 1)
    assert made.alone is alone
    together = made.ids(sentences)
    single = made.ids([[t] for s in sentences for t in s])
    assert all((together[n] == single[n]).all() for n in together) is alone


# ── clusters ──────────────────────────────────────────────────────────────────────────────────────────


def bunches(rng, count=5, size=30, dimension=6):
    """Words around `count` directions that lie far apart, and which of them each belongs to."""
    centres = np.eye(dimension)[:count]
    which = rng.integers(0, count, count * size)
    lengths = rng.uniform(0.1, 9, (len(which), 1))
    return ((centres[which] + 0.05 * rng.normal(size=(len(which), dimension))) * lengths).astype(np.float32), which


@pytest.mark.parametrize(("count", "clusters"), [(2, 2), (5, 20)])
def test_no_cluster_has_words_of_several_bunches_and_it_is_the_same_each_time(rng, count, clusters):
    rows, which = bunches(rng, count)
    vectors = np.concatenate([np.zeros((2, 6), np.float32), rows])
    known = np.arange(len(vectors)) >= 2
    found = clustered(vectors, known, clusters)
    again = clustered(vectors.copy(), known.copy(), clusters)
    assert found.dtype == np.int64 and found.tobytes() == again.tobytes()
    assert found[:2].tolist() == [PADDING, UNKNOWN]
    assert found[2:].min() >= 2 and found[2:].max() < clusters + 2
    assert all(len(np.unique(which[found[2:] == number])) == 1 for number in np.unique(found[2:]))
    norms = np.linalg.norm(rows, axis=1)
    scaled = np.concatenate([vectors[:2], rows / norms[:, None] * rng.uniform(1, 5, (len(rows), 1)).astype("f4")])
    np.testing.assert_array_equal(clustered(scaled, known, clusters), found)  # lengths are nothing


def test_every_word_is_in_the_cluster_of_the_nearest_centre(rng):
    rows = rng.normal(size=(400, 5)).astype(np.float32)
    found = clustered(np.concatenate([np.zeros((2, 5), np.float32), rows]), np.arange(402) >= 2, 7)[2:] - 2
    forms = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    centres = np.stack([forms[found == k].sum(0) / np.linalg.norm(forms[found == k].sum(0)) for k in range(7)])
    settled = (forms @ centres.T).argmax(1) == found
    assert settled.mean() > 0.9  # twelve rounds come close to a fixed point
    assert (forms * centres[found]).sum() > 0.99 * max(
        (forms * centres[np.random.default_rng(k).permutation(found)]).sum() for k in range(5)
    )


def test_words_without_a_vector_are_in_none_and_few_words_make_few_clusters(rng):
    vectors = rng.normal(size=(9, 4)).astype(np.float32)
    known = np.array([0, 0, 1, 0, 1, 1, 0, 1, 0], bool)
    found = clustered(vectors, known, 50)
    assert found[~known].tolist() == [PADDING] + [UNKNOWN] * 4
    assert sorted(found[known].tolist()) == [2, 3, 4, 5]  # each its own
    assert clustered(vectors, np.zeros(9, bool), 3).tolist() == [PADDING] + [UNKNOWN] * 8
    zero = clustered(np.zeros((4, 3), np.float32), np.array([0, 0, 1, 1], bool), 2)
    assert zero[2] == zero[3] >= 2


def test_clusters_are_looked_up_by_the_word():
    vocabulary = Vocabulary.build([["Helen", "Marsh", "Paris"]])
    matrix = np.array([[0, 0], [0, 0], [1, 0], [9, 0.1], [0, 1]], np.float32)
    given = Embedding(matrix, np.array([False, False, True, True, True]), 1.0)
    made = Features.build(["cluster2", "suffix1"], vocabulary, [["Helen"]], 1, given)
    ids = made.ids([["Paris", "HELEN", "nobody"], ["marsh"]])["cluster2"].tolist()
    words = dict(zip(vocabulary.words, made.clusters["cluster2"].tolist(), strict=True))
    assert ids == [words["paris"], words["helen"], UNKNOWN, words["marsh"]]
    assert words["helen"] == words["marsh"] != words["paris"]
    assert made.rows == {"suffix1": 3, "cluster2": 4}
    assert made.alone


def test_clusters_need_vectors():
    with pytest.raises(SettingError, match="feature cluster8: clusters are those of given vectors; give vectors"):
        Features.build(["cluster8"], Vocabulary.build([["a"]]), [["a"]])
