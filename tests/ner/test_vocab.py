import os
import re
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chainrule.errors import DataError, SettingError
from chainrule.ner.vectors import Vectors, read_vectors
from chainrule.ner.vocab import CAPS, PAD, PADDING, UNK, UNKNOWN, Vocabulary, caps, caps_ids, embed, normalise

ODD = [
    "",
    " ",
    "\u2028",
    "#",
    "\\",
    "\\e",
    "\\u0020",
    "e",
    "\r",
    "\x85",
    "\ufeff",
    "\ud800",
    "\U0001d7d8\u0335",
]
SENTENCES = [["Paris", "is", "#big", "."], ["PARIS", "is", "in", "2024"], ["in", "1999", ".", "."]]


def vectors(*words: str, D: int = 4) -> Vectors:
    rows = np.arange(1, len(words) * D + 1, dtype=np.float32).reshape(len(words), D)
    return Vectors(list(words), rows)


def shared(*parts: str) -> Path:
    here = Path(__file__).parents[2].parent / "shared" / "data"
    path = Path(os.environ.get("CHAINRULE_DATA", here)).joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the shared data are not at {path}")
    return path


# normal forms


@pytest.mark.parametrize(
    ("word", "normal"),
    [
        ("", ""),
        ("Paris", "paris"),
        ("1,234.5", "0,000.0"),
        ("서울2024", "서울0000"),
        ("서울", "서울"),  # decomposed jamo join
        ("E\u0301cole", "école"),
        ("٣४𝟞５", "0000"),  # Arabic, Devanagari, mathematical and full-width digits
        ("x²½Ⅷ", "x²½ⅷ"),  # not decimal digits
        ("ISTANBUL", "istanbul"),
        ("İstanbul", "i̇stanbul"),
        ("ıI", "ıi"),  # the rules of no one language: I is small i
        ("Straße", "straße"),
        ("STRASSE", "strasse"),
        ("ẞ", "ß"),
        ("ΟΔΟΣ", "οδος"),  # final sigma
        ("😀👍🏻", "😀👍🏻"),
        ("a\n b", "a\n b"),
        ("X" * 100, "x" * 100),
    ],
)
def test_normal_forms(word, normal):
    assert normalise(word) == normal


@given(st.text())
def test_the_normal_form_of_a_normal_form_is_itself(word):
    normal = normalise(word)
    assert normalise(normal) == normal
    assert unicodedata.is_normalized("NFC", normal)
    assert all(digit == "0" for digit in re.findall(r"\d", normal))
    assert normalise(unicodedata.normalize("NFD", word)) == normal


# the vocabulary


def test_words_stand_by_frequency_then_alphabet_then_the_order_of_the_vectors():
    vocabulary = Vocabulary.build(SENTENCES, extra=["The", "paris", "the", "Zoo", PAD, "a"])
    expected = (PAD, UNK, ".", "0000", "in", "is", "paris", "#big", "the", "zoo", "a")
    assert vocabulary.words == expected
    assert len(vocabulary) == len(expected)
    assert vocabulary.counts == (0, 0, 3, 2, 2, 2, 2, 1, 0, 0, 0)


def test_rare_words_are_left_out_and_counted_as_unknown():
    vocabulary = Vocabulary.build([*SENTENCES, ["rare"], ["big"]], 2, extra=["big"])
    assert vocabulary.words == (PAD, UNK, ".", "0000", "in", "is", "paris", "big")
    assert vocabulary.counts == (0, 2, 3, 2, 2, 2, 2, 1)


def test_an_empty_training_set_gives_the_two_special_words():
    vocabulary = Vocabulary.build([])
    assert vocabulary.words == (PAD, UNK)
    assert vocabulary.ids([]).shape == (0,)


def test_tokens_become_ids():
    vocabulary = Vocabulary.build([["paris", "#big", "0000", "", "서울", "😀"]])
    tokens = [
        "PARIS",
        "#Paris",
        "@paris",
        "#BIG",
        "big",
        "1984",
        "#1984",
        "",
        "서울",
        "😀",
        "😁",
        "#",
        "##paris",
        "...Paris!!",
        "paaaaris",
        "bigggg",
        "Grand-Paris",
        "-",
    ]
    names = ["paris", "paris", "paris", "#big", UNK, "0000", "0000", "", "서울", "😀", UNK, UNK, "paris"]
    names += ["paris", "paris", UNK, "paris", UNK]
    ids = vocabulary.ids(tokens)
    assert [vocabulary.words[number] for number in ids] == names
    assert ids.dtype == np.int64
    assert [vocabulary.id(token) for token in tokens] == ids.tolist()
    assert [token in vocabulary for token in tokens] == [name != UNK for name in names]


def test_no_token_is_padding():
    vocabulary = Vocabulary.build([[PAD, UNK, "<PAD>", "#" + PAD, "a"]], extra=[PAD, UNK])
    assert vocabulary.words == (PAD, UNK, "#" + PAD, "a")
    assert vocabulary.ids([PAD, UNK, "<PAD>", "@" + PAD]).tolist() == [UNKNOWN] * 4
    assert vocabulary.counts[UNKNOWN] == 3


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\n"))), max_size=5), st.integers(1, 3))
def test_every_frequent_token_is_known_by_its_normal_form(sentences, minimum):
    vocabulary = Vocabulary.build(sentences, minimum)
    tokens = [normalise(token) for sentence in sentences for token in sentence]
    for token in set(tokens) - {PAD, UNK}:
        if tokens.count(token) >= minimum:
            assert vocabulary.words[vocabulary.id(token)] == token
    assert sum(vocabulary.counts) == len(tokens)


def test_a_minimum_below_one_is_refused():
    with pytest.raises(SettingError, match="minimum is 0; give 1 to keep every word, or more"):
        Vocabulary.build(SENTENCES, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "vocabulary: begins with (); put <pad> and <unk> first"),
        ((UNK, PAD), "vocabulary: begins with ('<unk>', '<pad>'); put <pad> and <unk> first"),
        ((PAD, UNK, "a", "b", "a"), "vocabulary: 'a' is there 2 times; keep one"),
        ((PAD, UNK, PAD), "vocabulary: '<pad>' is there 2 times; keep one"),
        ((PAD, UNK, "a\nb"), "vocabulary: 'a\\nb' has a line break; split the token there"),
    ],
)
def test_words_that_make_no_vocabulary_are_refused(words, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        Vocabulary(words)


# its file


def test_odd_words_survive_the_file(tmp_path):
    vocabulary = Vocabulary((PAD, UNK, *ODD, "서울", "😀", "👩\u200d💻", "a b"))
    vocabulary.write(tmp_path / "vocab.txt")
    assert Vocabulary.read(tmp_path / "vocab.txt") == vocabulary


@given(st.lists(st.text(st.characters(exclude_characters="\n", categories=None)), unique=True))
@settings(deadline=None)
def test_any_words_survive_the_file(tmp_path_factory, words):
    vocabulary = Vocabulary((PAD, UNK, *(word for word in words if word not in (PAD, UNK))))
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    vocabulary.write(path)
    assert Vocabulary.read(path) == vocabulary
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(vocabulary)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert Vocabulary.read(path) == vocabulary


def test_the_file_shows_what_cannot_be_seen(tmp_path):
    Vocabulary((PAD, UNK, "paris", "서울", *ODD)).write(tmp_path / "v")
    assert (tmp_path / "v").read_text(encoding="utf-8").split("\n") == [
        *(PAD, UNK, "paris", "서울", r"\e", r"\u0020", r"\u2028", "#", r"\\", r"\\e", r"\\u0020", "e"),
        *(r"\u000d", r"\u0085", r"\ufeff", r"\ud800", "\U0001d7d8\u0335", ""),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": begins with (); put <pad> and <unk> first"),
        (b"<pad>\n<unk>\npar", ":3: the last line has no end; copy the file again, whole"),
        (b"<pad>\n<unk>\na\na\n", ": 'a' is there 2 times; keep one"),
        (b"<pad>\n<unk>\na\\u000ab\n", ": 'a\\nb' has a line break; split the token there"),
        (b"<pad>\n<unk>\n\xff\n", ": byte 12 is not UTF-8; save the file as UTF-8"),
        *(
            (
                b"<pad>\n<unk>\n" + bad + b"\n",
                f":3: {bad.decode()!r} has an escape that is not known; write a backslash as \\\\",
            )
            for bad in (b"\\", b"a\\e", b"\\ea", b"\\x20", b"\\u12", b"\\U00110000", b"\\\\\\")
        ),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, message):
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        Vocabulary.read(path)
    assert str(caught.value) == f"{path}{message}"


def test_a_file_that_is_not_there_is_refused(tmp_path):
    message = f"{tmp_path}/no: cannot be read (No such file or directory); check the name"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        Vocabulary.read(tmp_path / "no")


# its vectors


def test_rows_come_from_the_word_else_from_its_normal_form_else_without_its_sign():
    vocabulary = Vocabulary.build([["paris", "rome", "#rome", "@oslo", "new", "0"]])
    source = vectors("Paris", "paris", "ROME", "oslo", "2", UNK, "unused")
    matrix, known, coverage = embed(vocabulary, source, 0)
    rows = {word: matrix[vocabulary.id(word)].tolist() for word in ("paris", "rome", "#rome", "@oslo", "0")}
    names = {"paris": "paris", "rome": "ROME", "#rome": "ROME", "@oslo": "oslo", "0": "2"}
    assert rows == {word: source.row(name).tolist() for word, name in names.items()}
    assert matrix[UNKNOWN].tolist() == source.row(UNK).tolist()
    assert matrix[PADDING].tolist() == [0] * 4
    assert [vocabulary.words[k] for k in np.flatnonzero(~known)] == [PAD, "new"]
    assert coverage == 5 / 6
    assert (matrix.dtype, matrix.shape) == (np.float32, (len(vocabulary), 4))


def test_drawn_rows_have_the_variance_of_the_known_ones():
    words = [f"w{chr(ord('a') + k // 26)}{chr(ord('a') + k % 26)}" for k in range(400)]
    rows = np.random.default_rng(0).normal(0, 0.3, (200, 50)).astype(np.float32)
    vocabulary = Vocabulary((PAD, UNK, *words))
    matrix, known, coverage = embed(vocabulary, Vectors(words[:200], rows), 0)
    drawn = matrix[~known][1:]
    assert drawn.std() == pytest.approx(rows.std(), rel=0.02)
    assert abs(drawn).max() <= np.sqrt(3) * 0.3 * 1.02
    assert abs(drawn.mean()) < 0.01
    assert coverage == 0.5


@pytest.mark.parametrize("source", [vectors("other"), Vectors([], np.zeros((0, 4), np.float32))])
def test_without_known_rows_the_drawn_ones_have_length_one_in_the_mean(source):
    vocabulary = Vocabulary((PAD, UNK, *map("x".__mul__, range(1, 2000))))
    matrix, known, coverage = embed(vocabulary, source, 0)
    assert not known.any()
    assert coverage == 0
    assert (matrix[1:] ** 2).sum(axis=1).mean() == pytest.approx(1, rel=0.03)


def test_scale_sets_the_range_and_the_seed_the_numbers():
    vocabulary = Vocabulary.build(SENTENCES)
    first, again, other = (embed(vocabulary, vectors("is"), seed, 0.01).matrix for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    unseen = np.array([word != "is" for word in vocabulary.words])
    assert 0 < abs(first[unseen]).max() <= 0.01
    generator = np.random.default_rng(1)
    np.testing.assert_array_equal(embed(vocabulary, vectors("is"), generator, 0.01).matrix, first)


def test_coverage_counts_training_tokens():
    vocabulary = Vocabulary.build(SENTENCES, 2, extra=["zoo"])
    assert embed(vocabulary, vectors("zoo", "in", ".", UNK), 0).coverage == 5 / 12
    assert embed(Vocabulary(vocabulary.words), vectors("zoo", "in", ".", UNK), 0).coverage == 3 / 6
    assert embed(Vocabulary((PAD, UNK)), vectors("zoo"), 0).coverage == 0


# the shapes of tokens


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("lower", ["paris", "covid19", "3rd", "ß", "ı", "e\u0301", "#tag", "don't", "ª"]),
        ("upper", ["NATO", "I", "U.S.", "B2B", "İ", "É", "E\u0301", "ẞ", "Ⅷ", "#USA"]),
        (
            "title",
            ["Paris", "McDonald", "O'Brien", "#Obama", "İstanbul", "E\u0301cole", "ǅ", "Straße", "東京Tower"],
        ),
        ("mixed", ["iPhone", "eBay", "ıI", "@paulWalk", "e\u0301É"]),
        ("digits", ["2024", "1,234.5", "10:30", "½", "٣", "-3%", "²"]),
        ("punctuation", [".", "...", "#", "\\", "``", "$", "+", "<", "—", "。", "_"]),
        (
            "other",
            [
                "",
                " ",
                "서울",
                "東京",
                "3월",
                "ا",
                "😀",
                "👍🏻",
                "👩\u200d💻",
                "\u2028",
                "\u0301",
                "\ud800",
                "."[:0],
            ],
        ),
    ],
)
def test_shapes_of_tokens(name, tokens):
    assert {token: CAPS[caps(token)] for token in tokens} == dict.fromkeys(tokens, name)


@given(st.text())
def test_every_token_has_a_shape_and_none_is_padding(token):
    assert 0 < caps(token) < len(CAPS)
    assert caps(unicodedata.normalize("NFC", token)) == caps(unicodedata.normalize("NFD", token))


def test_shapes_of_a_sentence():
    ids = caps_ids(["Paris", "is", "NATO", "", "서울" * 50])
    assert [CAPS[number] for number in ids] == ["title", "lower", "upper", "other", "other"]
    assert ids.dtype == np.int64
    assert caps_ids([]).shape == (0,)


# the shared data


def test_the_shared_vectors_cover_most_tokens_of_the_shared_news():
    lines = shared("ner", "wikigold", "wikigold.conll").read_text(encoding="utf-8").splitlines()
    tokens = [line.split()[0] for line in lines if line.strip()]
    source = read_vectors(shared("vectors", "enwiki-50d.bin"))
    vocabulary = Vocabulary.build([tokens], extra=source.words)
    embedding = embed(vocabulary, source, 0)
    assert 0.9 < embedding.coverage < 1
    assert embedding.known.sum() >= len(source)
    assert (vocabulary.ids(tokens) != UNKNOWN).all()


def test_looking_up_takes_time_in_proportion_and_little_more_than_a_dictionary():
    words = [f"Word{k}" for k in range(1000)]
    vocabulary = Vocabulary.build([words])
    plain = {word: k for k, word in enumerate(words)}

    def seconds(look, count):
        given, taken = words * count, []
        for _ in range(3):
            begun = time.process_time()
            look(given)
            taken.append(time.process_time() - begun)
        return min(taken)

    vocabulary.ids(words)
    short = seconds(vocabulary.ids, 10)
    assert seconds(vocabulary.ids, 80) < 24 * short + 0.02  # eight times as many; a square would be 64 times
    assert short < 100 * seconds(lambda given: [plain[word] for word in given], 10)  # fifteen on a quiet machine
