"""Lists of names: what tokens lie in against a plain search, and all that a model does with them."""

import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chainrule.errors import DataError, ModelError, SettingError
from chainrule.ner import Tagger, reading, sample
from chainrule.ner.families import family
from chainrule.ner.features import Features
from chainrule.ner.feeds import Feed
from chainrule.ner.folder import CONFIG, VALUES
from chainrule.ner.gazetteers import LYING, Gazetteers, longest_apart
from chainrule.ner.lookups import LISTS, LONGEST, Lookups, read_lists
from chainrule.ner.merge import merge
from chainrule.ner.prune import prune
from chainrule.ner.tags import spans
from chainrule.ner.tokenizer import CHARACTERS, TOKENIZER
from chainrule.ner.vocab import Vocabulary, normalise
from chainrule.ner.windows import encode

TRAIN = sample("en").train
CORPUS = TRAIN.of(TRAIN.sentences[:60])
CITIES = ["Berlin", "New York", "South Korea", "Washington, D.C.", "Rio de Janeiro", "U.S."]
TOKENS = st.sampled_from(
    ["new", "New", "york", "York", "YORK", "city", "City", "of", "rio", "Rio", "서울", "12", "34", ","]
)
NAMES = st.lists(st.lists(TOKENS, min_size=1, max_size=4).map(" ".join), max_size=6)
SENTENCES = st.lists(st.lists(TOKENS, max_size=8), max_size=4)


def values(lists, sentences, tokenizer=TOKENIZER):
    """What each list says of each token."""
    names = [f"gazetteer_{name}" for name in lists]
    made = Features.build(
        names, Vocabulary.build(sentences), sentences, 1, lookups=Lookups(lists=Gazetteers(lists, tokenizer))
    )
    ids = made.ids(sentences)
    return {name: [made.values[f"gazetteer_{name}"].words[k] for k in ids[f"gazetteer_{name}"]] for name in lists}


def plainly(names, sentence):
    """The same for one list and one sentence: all matches, the longest first, then the first, none over another."""
    wanted = {tuple(map(normalise, name.split())) for name in names}
    forms = [normalise(t) for t in sentence]
    every = [
        (k - j, j, k)
        for j in range(len(forms))
        for k in range(j + 1, len(forms) + 1)
        if tuple(forms[j:k]) in wanted
    ]
    found = ["none"] * len(sentence)
    for size, j, k in sorted(every, key=lambda m: (-m[0], m[1])):
        if all(value == "none" for value in found[j:k]):
            text = "".join(sentence[j:k])
            small = text == text.lower() != text.upper()
            lying = "S" if size == 1 else f"B{'I' * (size - 2)}E"
            found[j:k] = lying.lower() if small else lying
    return found


@given(NAMES, NAMES, SENTENCES)
def test_tokens_lie_in_the_longest_names(here, there, sentences):
    found = values({"A": here, "B": there}, sentences)
    for name, names in (("A", here), ("B", there)):
        assert found[name] == [value for s in sentences for value in plainly(names, s)]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), max_size=8, unique_by=lambda pair: pair[0]))
def test_the_longest_stretches_are_chosen_first(pairs):
    starts, lengths = np.array(sorted(pairs), np.int64).reshape(-1, 2).T
    taken, chosen = set(), set()
    for k in sorted(range(len(starts)), key=lambda k: (-lengths[k], starts[k])):
        places = set(range(starts[k], starts[k] + lengths[k]))
        if not places & taken:
            taken |= places
            chosen.add(k)
    assert set(np.flatnonzero(longest_apart(starts, lengths, 20)).tolist()) == chosen


def test_names_are_cut_into_tokens_as_texts_are():
    sentences = [
        ["Washington", ",", "D.C.", "1999"],
        ["In", "the", "U.S.", "NEW", "YORK"],
        ["new", "york", "1066"],
    ]
    found = values({"LOC": CITIES, "YEAR": ["2024"]}, sentences)
    assert found["LOC"] == ["B", "I", "E", "none", "none", "none", "S", "B", "E", "b", "e", "none"]
    assert found["YEAR"][3] == found["YEAR"][-1] == "S"  # every digit is 0, as in vectors


def test_among_characters_a_match_begins_with_a_word_and_may_end_in_it():
    sentences = [list("서울역에서 남서울 서울"), list("뉴욕 시 a서울"), list("울서울")]
    found = values({"LOC": ["서울", "뉴욕 시"]}, sentences, CHARACTERS)["LOC"]
    assert "".join(value[0] for value in found) == "BEnnnnnnnnBEBIIEnnnnnnn"


def test_a_list_without_names_says_nothing():
    assert values({"A": []}, [["a", "b"]]) == {"A": ["none", "none"]}


# ── a model with lists ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def listed():
    """A model that leans on two lists."""
    named = {
        label: sorted(
            {" ".join(s.tokens[a:b]) for s in CORPUS.sentences for a, b, x in spans(s.tags) if x == label}
        )
        for label in ("LOC", "PER")
    }
    return Tagger.train(
        CORPUS,
        CORPUS,
        gazetteers={**named, "LOC": CITIES + named["LOC"]},
        **{"hidden": 12, "dimension": 8, "learning_rate": 0.2, "dropout": 0.0, "epochs": 6},
        features="case, gazetteer_PER:6",
        gazetteer_dropout=0.1,
    )


TEXTS = [" ".join(s.tokens) for s in sample("en").dev.sentences[:40]] + ["", "new york", "Rio de Janeiro. Berlin"]


def test_lists_are_features_of_their_own(listed):
    assert listed.config.architecture.features == "case, gazetteer_PER:6,gazetteer_LOC"
    widths = listed.config.architecture.widths
    assert widths["gazetteer_PER",] == 6 and widths["gazetteer_LOC",] == family("gazetteer_LOC")[0].dimension
    assert set(listed.features.values["gazetteer_LOC"].words[2:]) <= set(LYING)
    assert listed.config.training["names in LOC"] == len(listed.features.lookups.lists.lists["LOC"]) > len(CITIES)


def test_text_is_tagged_as_its_tokens_are_and_company_changes_nothing(listed, monkeypatch):
    whole = list(listed.pipe(TEXTS, batch_size=len(TEXTS)))
    monkeypatch.setattr(reading, "SHORT", 0)
    assert list(replace(listed).pipe(TEXTS, batch_size=7)) == whole
    assert [replace(listed).tag(text) for text in TEXTS] == whole
    oracle = replace(listed, backend="interpreter")
    assert [[e[:3] for e in oracle.tag(text)] for text in TEXTS[:9]] == [
        [e[:3] for e in found] for found in whole[:9]
    ]


def test_lists_travel_with_the_model(listed, tmp_path):
    listed.save(tmp_path)
    lines = (tmp_path / LISTS).read_text().splitlines()
    assert lines[:2] == ["LOC\tBerlin", "LOC\tNew York"] and len(lines) > len(CITIES)
    loaded = Tagger.load(tmp_path)
    assert loaded.features.lookups == listed.features.lookups
    assert list(loaded.pipe(TEXTS)) == list(listed.pipe(TEXTS))


def test_a_list_is_swapped_without_training(listed, tmp_path):
    other = listed.with_gazetteers({"LOC": ["Zyxwvut", "Berlin"]})
    assert other.features.lookups.lists.lists["LOC"] == ("Zyxwvut", "Berlin")
    assert other.features.lookups.lists.lists["PER"] == listed.features.lookups.lists.lists["PER"]
    name = "gazetteer_LOC"
    known = other.features.values[name]
    ids = other.features.ids([["Zyxwvut", "New", "York"]])[name].tolist()
    assert [known.words[k] for k in ids] == ["S", "none", "none"]
    other.save(tmp_path)
    assert list(Tagger.load(tmp_path).pipe(TEXTS)) == list(other.pipe(TEXTS))
    assert listed.with_gazetteers({}).features.lookups is listed.features.lookups
    with pytest.raises(SettingError, match="unknown list of names in the model 'LOK'; did you mean LOC"):
        listed.with_gazetteers({"LOK": []})


def test_swapping_a_list_changes_what_is_said(listed):
    encoded = [
        encode([["Qrstu", "is", "here"]], t.features, 2).tables["gazetteer_PER"]
        for t in (listed, listed.with_gazetteers({"PER": ["Qrstu"]}))
    ]
    assert not np.array_equal(*encoded)


def test_smaller_and_joint_models_keep_their_lists(listed):
    small = prune(listed, words=30)
    assert small.features.lookups == listed.features.lookups
    assert [e[:3] for e in merge([listed, listed]).tag(TEXTS[0])] == [e[:3] for e in listed.tag(TEXTS[0])]
    with pytest.raises(SettingError, match="differ in their features"):
        merge([listed, listed.with_gazetteers({"LOC": ["Rome"]})])


def test_matches_are_hidden_whole(listed):
    sentences = [["Rio", "de", "Janeiro", "and", "Berlin"]] * 50
    encoded = encode(sentences, listed.features, 2)
    network = replace(listed.network, architecture=replace(listed.config.architecture, gazetteer_dropout=0.4))
    feed = Feed(network, encoded, np.zeros(len(encoded), np.int64), np.zeros(network.V, np.bool_))
    seen = feed._seen(np.arange(len(encoded)), np.random.default_rng(0))
    known = listed.features.values["gazetteer_LOC"].words
    for name, plain in encoded.windows(slice(None)).items():
        if not name.startswith("gazetteer"):
            np.testing.assert_array_equal(seen[name], plain)
    centre = [known[k].replace("<unk>", "I") for k in seen["gazetteer_LOC"][:, 2]]  # I is too rare here
    sentences = ["".join(v[0] for v in centre[k : k + 5]) for k in range(0, len(centre), 5)]
    assert set(sentences) <= {"BIEnS", "nnnnS", "BIEnn", "nnnnn"} and len(set(sentences)) == 4
    assert 0.2 < np.mean([s[0] == "n" for s in sentences]) < 0.6
    rows = seen["gazetteer_LOC"].reshape(50, 5, 5)
    np.testing.assert_array_equal(rows[:, 0, 2], rows[:, 1, 1])  # the same in all windows of a batch
    np.testing.assert_array_equal(rows[:, 2, 2], rows[:, 4, 0])


def test_explanations_have_the_lists(listed):
    found = listed.explain("Helen Marsh flew to Rio de Janeiro", every=True)
    pieces = {p.feature: p.value for r in found.reasons for w in r.words if w.text == "Rio" for p in w.pieces}
    assert pieces["gazetteer_LOC"] == "B" and pieces["gazetteer_PER"] == "none"
    assert all(r.proof.holds for r in found.reasons)


# ── damage, and what is not right ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def folder(listed, tmp_path):
    listed.save(tmp_path / "m")
    return tmp_path / "m"


@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-9], lambda raw: raw + b"LOC\tRome\n", lambda raw: raw.replace(b"B", b"b")]
)
def test_altered_lists_are_noticed(folder, change):
    (folder / LISTS).write_bytes(change((folder / LISTS).read_bytes()))
    with pytest.raises(ModelError, match=r"gazetteers.txt: has been altered or cut"):
        Tagger.load(folder)


@pytest.mark.parametrize(
    "text", ["", "LOC Rome\n", "XYZ\tRome\n", "LOC\tRome", "LOC\t" + "x" * 501 + "\n", "\xff"]
)
def test_damaged_lists_are_refused_even_with_their_hash(folder, text):
    raw = text.encode("latin-1")
    (folder / LISTS).write_bytes(raw)
    described = json.loads((folder / CONFIG).read_text())
    described["sha256"][LISTS] = sha256(raw).hexdigest()
    (folder / CONFIG).write_text(json.dumps(described))
    if not text:  # lists without names are lists
        assert len(Tagger.load(folder).features.lookups.lists.lists["LOC"]) == 0
        return
    with pytest.raises(ModelError, match=r"gazetteers.txt: damaged .*restore or train again"):
        Tagger.load(folder)


def test_missing_lists_and_hashes_are_refused(folder):
    described = json.loads((folder / CONFIG).read_text())
    hashes = described["sha256"]
    (folder / CONFIG).write_text(
        json.dumps({**described, "sha256": {k: v for k, v in hashes.items() if k != LISTS}})
    )
    with pytest.raises(ModelError, match="its hashes are damaged"):
        Tagger.load(folder)
    (folder / CONFIG).write_text(json.dumps(described))
    (folder / LISTS).unlink()
    with pytest.raises(ModelError, match=LISTS):
        Tagger.load(folder)


def test_a_model_without_lists_leaves_none_behind(folder, tagger):
    tagger.save(folder)
    assert not (folder / LISTS).exists() and (folder / VALUES).exists()
    Tagger.load(folder)


def test_files_are_read_line_by_line(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffNew  York \r\n\r\nParis\r\nParis\r\n서울".encode())
    assert read_lists({"LOC": tmp_path / "a.txt"}) == {"LOC": ["New York", "Paris", "서울"]}
    assert read_lists({"LOC": iter([" a\tb ", ""])}) == {"LOC": ["a b"]}


@pytest.mark.parametrize(
    ("lists", "error", "words"),
    [
        ({"LOC": "none.txt"}, DataError, "none.txt: there is no such file"),
        ({"LOC": "empty.txt"}, DataError, "empty.txt: holds no name; write one on each line"),
        (
            {"LOC": "long.txt"},
            DataError,
            f"long.txt:2: a name of over {LONGEST} characters; write one name on each",
        ),
        ({"LOC": "bad.txt"}, DataError, "bad.txt:1: 0xff at byte 1 of the file is not UTF-8"),
        ({"a b": []}, SettingError, "a list of names cannot be called 'a b'; take letters, digits and _"),
        ({"../x": []}, SettingError, "cannot be called"),
        ({"LOC": [3]}, SettingError, "list LOC, name 1: is 3; give names as strings"),
    ],
)
def test_what_is_no_list_is_refused(lists, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "long.txt").write_text("a\n" + "b" * (LONGEST + 1) + "\n")
    (tmp_path / "bad.txt").write_bytes(b"a\xff\n")
    with pytest.raises(error, match=words):
        read_lists(lists)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ("gazetteer", "write the name of a list behind it: gazetteer_LOC"),
        ("gazetteer_X", r"there is no list of this name; give one \(--gazetteer NAME=FILE\)"),
        ("shape_X", "feature 'shape_X': it has no list"),
        ("gazetteer2_X", "it has no number"),
    ],
)
def test_features_without_their_list_are_refused(features, words):
    with pytest.raises(SettingError, match=words):
        Tagger.train(CORPUS, CORPUS, features=features, epochs=1)
