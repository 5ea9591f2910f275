"""Words in little memory: the same answers as a tuple and a dict, in this process and in another."""

import pickle
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chainrule.errors import DataError
from chainrule.ner import Tagger, Vocabulary, words as module
from chainrule.ner.vocab import MANY, SPECIAL
from chainrule.ner.words import Index, Words

LINES = st.lists(st.text(st.characters(exclude_characters="\n")), unique=True)


@given(LINES)
def test_words_are_the_sequence_that_they_were_made_of(words):
    found = Words.of(words)
    assert len(found) == len(words)
    assert list(found) == words
    assert [found[k] for k in range(-len(words), len(words))] == words * 2
    assert found == words
    assert found == Words.of(words)
    assert hash(found) == hash(tuple(words))
    assert found != [*words, "more"]
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(IndexError):
        found[len(words)]


@given(LINES, st.slices(30))
def test_slices_are_those_of_a_tuple(words, part):
    assert Words.of(words)[part] == tuple(words)[part]


@given(LINES, st.integers(0, 3), st.integers(0, 9))
def test_an_index_answers_as_a_dict(words, first, last):
    last = min(last, len(words) - 1)
    made = Index(Words.of(words), first, last)
    plain = {word: min(k, last) for k, word in enumerate(words) if k >= first}
    for index in (made, pickle.loads(pickle.dumps(made))):
        assert dict(index) == plain
        assert len(index) == len(plain)
        for word in [*words, "", "never", "\ud800", "a\nb"]:
            assert index.get(word, -7) == plain.get(word, -7)
            assert (word in index) == (word in plain)
        assert 3 not in index
        with pytest.raises(KeyError):
            index["never\n"]


def test_words_whose_hashes_lead_to_one_slot_are_told_apart(monkeypatch):
    monkeypatch.setattr(module, "hash", lambda word: len(word) % 2, raising=False)
    words = [f"{k:0{3 + k % 4}d}" for k in range(200)]
    index = Index(Words.of(words))
    assert [index[word] for word in words] == list(range(200))
    assert "7" not in index


def test_a_word_that_is_there_twice_is_named():
    with pytest.raises(ValueError, match=r"^b$"):
        Index(Words.of(["a", "b", "c", "b"]))


def written(path, words) -> None:
    path.write_text("".join(f"{word}\n" for word in words), encoding="utf-8")


def test_a_vocabulary_of_many_words_is_that_of_a_tuple(tmp_path):
    plain = Vocabulary((*SPECIAL, *(f"w{k}" for k in range(MANY)), "new york", "", "back\\slash", "\ud800", "é"))
    plain.write(tmp_path / "v.txt")
    many = Vocabulary.read(tmp_path / "v.txt")
    assert isinstance(many.words, Words)
    assert many == plain
    tokens = [*plain.words, "W12", "#w5", "unseen", "New York"]
    assert many.ids(tokens).tolist() == plain.ids(tokens).tolist()
    assert ("<pad>" in many, "w7" in many) == (False, True)
    many.write(tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_bytes() == (tmp_path / "v.txt").read_bytes()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["w3"], "'w3' is there 2 times; keep one"),
        (["<pad>"], "'<pad>' is there 2 times; keep one"),
        (["a\\u000ab"], "'a\\nb' has a line break; split the token there"),
        (["a\\qb"], f":{MANY + 3}: 'a\\\\qb' has an escape that is not known"),
    ],
)
def test_many_words_that_are_damaged_are_refused(tmp_path, more, said):
    written(tmp_path / "v.txt", (*SPECIAL, *(f"w{k}" for k in range(MANY)), *more))
    with pytest.raises(DataError) as error:
        Vocabulary.read(tmp_path / "v.txt")
    assert str(error.value).startswith(str(tmp_path / "v.txt"))
    assert said in str(error.value)


def test_a_large_model_takes_little_memory(tagger, tmp_path):
    """Vectors stay in the file until they are looked at; a word takes its letters and 20 bytes."""
    count, letters = 30_000, 8
    words = (*SPECIAL, *(f"{k:0{letters}x}" for k in range(count)))
    rows = np.random.default_rng(0).normal(size=(len(words), tagger.params["E"].shape[1])).astype(np.float32)
    features = replace(tagger.features, vocabulary=Vocabulary(words))
    large = replace(tagger, features=features, params={**tagger.params, "E": rows})
    large.save(tmp_path / "large", bits=16)
    tagger.save(tmp_path / "small", bits=16)
    Tagger.load(tmp_path / "small").tag("Paris")
    taken = []
    for name in ("small", "large"):
        tracemalloc.start()
        model = Tagger.load(tmp_path / name)
        model.tag("Paris")
        taken.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert taken[1] - taken[0] < count * (letters + 1 + 24)
    assert model.vocabulary.words[77] == f"{75:08x}"


def test_a_model_in_use_may_be_replaced(tagger, tmp_path):
    tagger.save(tmp_path / "m")
    used = Tagger.load(tmp_path / "m")
    other = {name: -array for name, array in tagger.params.items()}
    replace(tagger, params=other).save(tmp_path / "m")
    assert all(np.array_equal(used.params[name], tagger.params[name]) for name in other)
    used.params["b"] += 1  # nobody else sees it
    assert np.array_equal(Tagger.load(tmp_path / "m").params["b"], other["b"])
