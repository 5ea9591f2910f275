"""Brown clusters from a file: how words are looked up, how a file is read, and how it travels with a model."""

import json
from hashlib import sha256

import pytest
from hypothesis import given, strategies as st

from chainrule.errors import DataError, ModelError, SettingError
from chainrule.ner import Tagger, sample
from chainrule.ner.features import Features
from chainrule.ner.folder import CONFIG
from chainrule.ner.lookups import PATHS, Lookups
from chainrule.ner.paths import NONE, Paths, read_paths
from chainrule.ner.prune import prune
from chainrule.ner.vocab import UNKNOWN, Vocabulary

LINES = """
0010\tparis\t90
00110\tParis\t7
0111\t1999\t3
10\t2024\t30
1111111\t서울\t1
110\the-man\t5
"""
TRAIN = sample("en").train
CORPUS = TRAIN.of(TRAIN.sentences[:40])


@pytest.fixture
def file(tmp_path):
    (tmp_path / "paths").write_text(LINES)
    return tmp_path / "paths"


@pytest.mark.parametrize(
    ("token", "path"),
    [
        ("Paris", "00110"),
        ("paris", "0010"),
        ("PARIS", "0010"),
        ("#paris", "0010"),
        ("1999", "0111"),
        ("1066", "10"),  # the more frequent of 1999 and 2024
        ("서울", "1111111"),
        ("he-man", "110"),
        ("man", NONE),
        ("", NONE),
    ],
)
def test_a_word_is_looked_up_as_it_stands_and_then_in_other_spellings(file, token, path):
    found = read_paths(file)
    assert found.path(token) == path
    assert found.prefixes(3, [token]) == [path if path == NONE else path[:3]]


PATH = st.text("01", min_size=1, max_size=9)
WORD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5)


@given(st.dictionaries(WORD, PATH, min_size=1, max_size=9))
def test_what_is_written_reads_back(pairs):
    made = Paths.of(pairs)
    assert {word: made.path(word) for word in pairs} == pairs
    again = Paths.from_lines("".join(made.lines()).split("\n")[:-1])
    assert again == made and list(again.words) == list(pairs)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "01\ta\n",
            ":1: '01\\\\ta' has no three columns; write a path, a word and its count on each line, with tabs",
        ),
        ("01 a 3\n", ":1: '01 a 3' has no three columns"),
        ("01\ta\t3\n012\tb\t3\n", ":2: the path '012' is not of 0 and 1"),
        ("\ta\t3\n", ":1: the path '' is not of 0 and 1"),
        ("01\t\t3\n", ":1: .* has no three columns"),
        ("01\ta\tx\n", ":1: the count 'x' is no whole number"),
        ("01\ta\t-1\n", ":1: the count '-1' is no whole number"),
        ("01\ta\t1\n\n1\ta\t1\n", ":3: the word 'a' is there a second time; keep one line for it"),
        ("", ": holds no word"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, words):
    (tmp_path / "paths").write_text(text)
    with pytest.raises(DataError, match=f"paths{words}"):
        read_paths(tmp_path / "paths")


@given(st.text("01\tab9\n \ufeff", max_size=40))
def test_any_file_is_read_or_refused_with_its_line(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_text(text)
    rows = [line.split("\t") for line in text.removeprefix("\ufeff").split("\n") if line]
    good = all(len(r) == 3 and r[0] and not r[0].strip("01") and r[1] and r[2].isdigit() for r in rows)
    if rows and good and len({r[1] for r in rows}) == len(rows):
        found = read_paths(path)
        assert [found.path(word) for _, word, _ in rows] == [way for way, _, _ in rows]
    else:
        with pytest.raises(DataError, match=f"{path}:"):
            read_paths(path)


def test_values_are_beginnings_of_paths(file):
    sentences = [["Paris", "paris", "In", "1999", "2024", "서울"]] * 2
    made = Features.build(
        ["brown1", "brown4", "brown20"],
        Vocabulary.build(sentences),
        sentences,
        2,
        lookups=Lookups(read_paths(file)),
    )
    assert made.alone
    ids = made.ids([["Paris", "PARIS", "nowhere", "1066", "he-man"]])
    said = {name: [made.values[name].words[k] for k in ids[name]] for name in made.values}
    assert said["brown1"] == ["0", "0", NONE, "1", "1"]
    assert said["brown4"] == ["0011", "0010", NONE, "10", "<unk>"]
    assert said["brown20"] == ["00110", "0010", NONE, "10", "<unk>"]
    with pytest.raises(SettingError, match="feature brown4: paths of words are read from a file"):
        Features.build(["brown4"], Vocabulary.build(sentences), sentences)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    tokens = sorted({t for s in CORPUS.sentences for t in s.tokens})
    file = tmp_path_factory.mktemp("brown") / "paths"
    file.write_text("".join(f"{k % 64:06b}{k % 7:03b}\t{t}\t{k}\n" for k, t in enumerate([*tokens, "Zyxwv"])))
    return Tagger.train(CORPUS, CORPUS, brown=file, epochs=2, hidden=6, dimension=5)


def test_words_in_no_vocabulary_are_known_when_tagging(model, tmp_path):
    assert model.config.architecture.named == ["brown4", "brown6", "brown10", "brown20"]
    small = prune(model, words=10)
    small.save(tmp_path)
    loaded = Tagger.load(tmp_path)
    assert loaded.features.lookups == model.features.lookups
    ids = loaded.features.ids([["Zyxwv"]])
    assert ids["words"][0] == UNKNOWN and ids["brown4"][0] > UNKNOWN
    texts = [" ".join(s.tokens) for s in sample("en").dev.sentences[:20]]
    assert list(loaded.pipe(texts)) == list(small.pipe(texts))


@pytest.mark.parametrize("text", ["01\n", "01\ta\tb\n", "02\ta\n", "01\ta\n0\ta\n", "01\ta", "\ta\n", ""])
def test_damaged_paths_are_refused_even_with_their_hash(model, tmp_path, text):
    model.save(tmp_path)
    (tmp_path / PATHS).write_text(text)
    with pytest.raises(ModelError, match=r"brown.txt: has been altered or cut"):
        Tagger.load(tmp_path)
    described = json.loads((tmp_path / CONFIG).read_text())
    described["sha256"][PATHS] = sha256(text.encode()).hexdigest()
    (tmp_path / CONFIG).write_text(json.dumps(described))
    if not text:
        assert Tagger.load(tmp_path).features.lookups.paths.path("a") == NONE
        return
    with pytest.raises(ModelError, match=r"brown\.txt: damaged"):
        Tagger.load(tmp_path)
