import bz2
import gzip
import lzma
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from chainrule.compute.files import written_whole
from chainrule.errors import DataError
from chainrule.ner.vectors import Vectors, read_vectors, write_vectors

WORDS = ["the", ",", "서울", "😀👍🏻", "e\u0301", "ı", "straße", "", "\u2028", "a\tb", "\ufeffx", "12", "#"]
NAMES = ["v.bin", "v.bin.gz", "v.txt", "v.txt.gz"]


def made(words: Iterable[str] = WORDS, D: int = 5) -> Vectors:
    words = list(words)
    rows = np.random.default_rng(0).standard_normal((len(words), D)).astype(np.float32)
    return Vectors(words, rows)


def saved(folder: Path, content: bytes, name: str = "v") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def binary(words: Iterable[bytes], D: int, end: bytes = b"") -> bytes:
    words = list(words)
    rows = (word + b" " + np.full(D, k, "<f4").tobytes() + end for k, word in enumerate(words))
    return b"%d %d\n" % (len(words), D) + b"".join(rows)


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read_vectors(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(path))


def outcome(path: Path) -> str:
    """What became of a file that may be anything: only a DataError is allowed to stop its reading."""
    try:
        vectors = read_vectors(path)
    except DataError as error:
        return str(error)
    return "read" if np.isfinite(vectors.matrix).all() else "NaN"


def shared_vectors() -> Path:
    here = Path(__file__).parents[2].parent / "shared" / "data"
    path = Path(os.environ.get("CHAINRULE_DATA", here)) / "vectors" / "enwiki-50d.bin"
    if not path.exists():
        pytest.skip(f"the shared vectors are not at {path}")
    return path


# what is written is read


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_bit_for_bit(tmp_path, name):
    kind = "binary" if "bin" in name else "text"
    write_vectors(tmp_path / name, made(), kind)
    back = read_vectors(tmp_path / name)
    assert (back.words, back.kind, back.path, back.notes) == (WORDS, kind, tmp_path / name, ())
    np.testing.assert_array_equal(back.matrix, made().matrix, strict=True)


FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
SAFE = st.text(st.characters(exclude_characters=" \n", exclude_categories=["Cs"]), max_size=6)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(deadline=None)
def test_any_words_and_numbers_come_back(tmp_path_factory, name, data):
    words = data.draw(st.lists(SAFE, min_size=1, max_size=6, unique=True))
    D = data.draw(st.integers(2, 7))
    matrix = data.draw(hnp.arrays(np.float32, (len(words), D), elements=FINITE))
    path = tmp_path_factory.mktemp("any") / name
    write_vectors(path, Vectors(words, matrix), "binary" if "bin" in name else "text")
    back = read_vectors(path, dimension=D)
    assert back.words == words
    np.testing.assert_array_equal(back.matrix, matrix)


def test_the_same_vectors_give_the_same_bytes(tmp_path):
    for name in NAMES:
        write_vectors(tmp_path / name, made())
        first = (tmp_path / name).read_bytes()
        write_vectors(tmp_path / name, made())
        assert (tmp_path / name).read_bytes() == first


def test_one_number_a_word_is_a_dimension_too(tmp_path):
    for kind in ("binary", "text"):
        write_vectors(tmp_path / kind, made(["a", "5", "c"], 1), kind)
        assert read_vectors(tmp_path / kind).words == ["a", "5", "c"]


# formats are told apart by what is in them


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_binary_rows_may_end_with_a_newline(tmp_path, end):
    vectors = read_vectors(saved(tmp_path, binary([b"a", b"b"], 3, end), "v.txt"))
    assert (vectors.words, vectors.kind, vectors.matrix.tolist()) == (
        ["a", "b"],
        "binary",
        [[0] * 3, [1] * 3],
    )


def test_binary_floats_that_look_like_signs_are_still_floats(tmp_path):
    rows = np.frombuffer(b"\n abc%~ Nope ok!", "<f4").reshape(2, 2)
    write_vectors(tmp_path / "v", Vectors(["a", "b"], rows))
    assert read_vectors(tmp_path / "v").kind == "binary"


@pytest.mark.parametrize(
    "content", [b"a 1 -2.5e0\nb .5 3.\n", b"a\t1\t-2.5\nb\t.5\t3", b"a 1  -2.5 \r\n\nb .5 3 \r\n\n"]
)
@pytest.mark.parametrize(
    ("header", "kind"), [(b"", "glove"), (b"2 2\n", "text"), (b"\xef\xbb\xbf2 2\r\n", "text")]
)
def test_text_with_and_without_header(tmp_path, content, header, kind):
    vectors = read_vectors(saved(tmp_path, header + content, "v.bin"))
    assert (vectors.words, vectors.kind) == (["a", "b"], kind)
    assert vectors.matrix.tolist() == [[1, -2.5], [0.5, 3]]
    assert vectors.matrix.dtype == np.float32


def test_gzip_is_seen_whatever_the_name(tmp_path):
    assert read_vectors(saved(tmp_path, gzip.compress(b"a 1 2\n"), "v.txt")).words == ["a"]


def test_words_with_spaces_as_in_glove_840b(tmp_path):
    content = b", 1 2\n. . . 3 4\nat name@domain.com 5 6\n"
    vectors = read_vectors(saved(tmp_path, content))
    assert vectors.words == [",", ". . .", "at name@domain.com"]
    assert vectors.matrix.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_one_column_without_a_header(tmp_path):
    assert read_vectors(saved(tmp_path, b"a 0.5\nb 1\n")).matrix.tolist() == [[0.5], [1]]


# what is kept, and what is noted


@pytest.mark.parametrize("wanted", [{"b", "d", "z"}, ["b", "d"], lambda word: word in "bd"])
@pytest.mark.parametrize("kind", ["binary", "text"])
def test_only_the_words_asked_for_are_kept(tmp_path, wanted, kind):
    write_vectors(tmp_path / "v", made("abcd"), kind)
    vectors = read_vectors(tmp_path / "v", words=wanted)
    assert vectors.words == ["b", "d"]
    np.testing.assert_array_equal(vectors.matrix, made("abcd").matrix[[1, 3]])


@pytest.mark.parametrize("kind", ["binary", "text"])
def test_none_of_the_words_may_be_there(tmp_path, kind):
    write_vectors(tmp_path / "v", made("abcd"), kind)
    assert read_vectors(tmp_path / "v", words=set()).matrix.shape == (0, 5)


def test_a_long_text_is_read_across_its_parts(tmp_path):
    words = [f"w{k}" for k in range(10_001)]
    write_vectors(tmp_path / "v", made(words, 2), "text")
    np.testing.assert_array_equal(read_vectors(tmp_path / "v").matrix, made(words, 2).matrix)
    kept = read_vectors(tmp_path / "v", words=lambda word: word[-1] != "7")
    assert kept.words == [word for word in words if word[-1] != "7"]
    np.testing.assert_array_equal(kept.matrix[-1], made(words, 2).matrix[-1])


def test_words_that_are_not_utf8_and_repeated_words_are_noted(tmp_path):
    words = [b"caf\xe9", b"b", b"b", b"\xff", b"\xfe", b"b"]
    text = b"".join(b"%s %d 0\n" % (word, k) for k, word in enumerate(words))
    for content in (binary(words, 2), text, b"6 2\n" + text):
        vectors = read_vectors(saved(tmp_path, content))
        assert vectors.words == ["caf\ufffd", "b", "\ufffd"]
        assert vectors.matrix[:, 0].tolist() == [0, 1, 3]
        assert vectors.notes == (
            "3 words not in UTF-8: the wrong bytes read as U+FFFD",
            "3 repeated words left out: the first of each name counts",
        )


def test_rows_are_found_by_their_word():
    vectors = made(["a", "b", "a"])
    assert (len(vectors), vectors.dimension, vectors.lookup) == (3, 5, {"a": 0, "b": 1})
    assert "a" in vectors
    assert "A" not in vectors
    np.testing.assert_array_equal(vectors.row("b"), vectors.matrix[1])
    with pytest.raises(KeyError):
        vectors.row("z")


# the shared vectors


def test_the_shared_vectors_are_read_whole():
    vectors = read_vectors(shared_vectors(), dimension=50)
    assert (vectors.matrix.shape, vectors.kind, vectors.notes) == ((121_090, 50), "binary", ())
    assert vectors.words[:4] == ["the", ",", ".", "of"]
    paris, london, apple = (vectors.row(word) for word in ("paris", "london", "apple"))
    assert paris @ london > paris @ apple


def test_reading_takes_time_in_proportion(tmp_path):
    def seconds(count):
        path, taken = tmp_path / f"{count}.bin", []
        some = Vectors([f"w{k}" for k in range(count)], np.ones((count, 50), np.float32))
        write_vectors(path, some, "binary")
        for _ in range(3):
            begun = time.process_time()
            read_vectors(path)
            taken.append(time.process_time() - begun)
        return min(taken)

    short = seconds(2_500)
    assert seconds(20_000) < 24 * short + 0.02  # eight times as many rows; a square would be 64 times the time


def test_the_shared_vectors_survive_text(tmp_path):
    some = read_vectors(shared_vectors(), words=lambda word: len(word) == 3)
    write_vectors(tmp_path / "v.txt", some, "text")
    back = read_vectors(tmp_path / "v.txt")
    assert back.words == some.words
    np.testing.assert_array_equal(back.matrix, some.matrix)


# refusals

NEITHER = " is neither a header (`words dimension`) nor a word and its numbers"
GIVE = "; correct it, or give a word2vec, GloVe or fastText .vec file"
AGAIN = "; download the file again or correct its header"
ROW = "; repair or remove the line"
HALF = binary([b"abc"] * 10, 2)

REFUSALS = [
    (b"", ": is empty; give a file of word vectors"),
    (gzip.compress(b"", mtime=0), ": is empty; give a file of word vectors"),
    (gzip.compress(b"a 1 2\n" * 99, mtime=0)[:-12], ": the gzip data is cut off or damaged; download it again"),
    (b"\x1f\x8b", ": the gzip data is cut off or damaged; download it again"),
    (b"\x1f\x8bnonsense, not gzip", ": the gzip data is cut off or damaged; download it again"),
    (b"PK\x03\x04rest", ": is a zip archive; unpack it and give the file inside"),
    (bz2.compress(b"a 1 2\n"), ": is a bzip2 file; unpack it and give the file inside"),
    (lzma.compress(b"a 1 2\n"), ": is an xz file; unpack it and give the file inside"),
    (b"\x28\xb5\x2f\xfdrest", ": is a Zstandard file; unpack it and give the file inside"),
    (
        b"\x80\x04\x95rest",
        ": is a Python pickle, which could run code; in gensim write it with save_word2vec_format",
    ),
    (
        b"\x93NUMPY\x01",
        ": is an array of NumPy, without words; give a word2vec, GloVe or fastText .vec file",
    ),
    (
        b"\xba\x16\x4f\x2f\x0c\0\0\0",
        ": is a fastText model, not vectors; give the .vec file that lies beside it",
    ),
    (b"12x 50\nthe 1 2 3\n", ":1: '12x 50'" + NEITHER + GIVE),
    (b"-3 50\nthe 1 2 3\n", ":1: '-3 50'" + NEITHER + GIVE),
    (b"50\nthe 1 2 3\n", ":1: '50'" + NEITHER + GIVE),
    (b"a text about\nsomething", ":1: 'a text about'" + NEITHER + GIVE),
    (b"\n\n", ":1: ''" + NEITHER + GIVE),
    (b"0 50\n", ":1: the header says 0 words of 50 numbers; give vectors that hold something"),
    (b"9 0\na\nb\n", ":1: the header says 9 words of 0 numbers; give vectors that hold something"),
    (
        b"1000000000000 50\na 1 2",
        ": the header says 1,000,000,000,000 words of 50 numbers, but a file of 22 bytes holds at most 0" + AGAIN,
    ),
    (
        b"1 1000000000000\na 1 2",
        ": the header says 1 word of 1,000,000,000,000 numbers, but a file of 21 bytes holds at most 0" + AGAIN,
    ),
    (HALF[: len(HALF) * 2 // 3], ": the header says 10 words of 2 numbers, but only 6 are there" + AGAIN),
    (HALF[:-1], ": the header says 10 words of 2 numbers, but only 9 are there" + AGAIN),
    (
        HALF.replace(b"10 2", b"9 2", 1),
        ": the header says 9 words of 2 numbers, but 12 bytes follow the last of them" + AGAIN,
    ),
    (b"3 2\na 1.25 2\nb 3 4\n", ": the header says 3 words of 2 numbers, but only 2 are there" + AGAIN),
    (b"1 2\na 1 2\nb 3 4\n", ": the header says 1 word of 2 numbers, but 2 are there" + AGAIN),
    (b"2 50\na 1 2\n" + b"b 3 4\n" * 40, ":2: 2 numbers after 'a', but 50 are due" + ROW),
    (b"a 1 2\nb 3\n", ":2: 1 number after 'b', but 2 are due" + ROW),
    (b"2 2\na 1 2\nb 3 4 5\n", ":3: 3 numbers after 'b', but 2 are due" + ROW),
    (b"a 1 2\nb\n", ":2: 0 numbers after 'b', but 2 are due" + ROW),
    (b"a 1 2\n\nb 3 x4\n", ":3: 'x4' in the row of 'b' is not a number" + ROW),
    (b"a 1 2\nb  3\n", ":2: '' in the row of 'b' is not a number" + ROW),
    (b"2 2\na 1 2\nb 3 1_0\n", ":3: '1_0' in the row of 'b' is not a number" + ROW),
    (b"2 2\na 1 2\nb 3 #4\n", ":3: '#4' in the row of 'b' is not a number" + ROW),
    (
        b"a 1 2\nb nan 4\nc 1 2\nd 1 1e60\n",
        ":2: 2 words with NaN or infinite numbers, first 'b'; remove the rows or train the vectors again",
    ),
    (
        b"1 2\n\xed\x95\x9c " + np.array([1, np.inf], "<f4").tobytes(),
        ": 1 word with NaN or infinite numbers, first '한'; remove the rows or train the vectors again",
    ),
]


@pytest.mark.parametrize(("content", "message"), REFUSALS, ids=lambda value: str(value)[:40])
def test_what_cannot_be_used_is_refused_with_place_cause_and_repair(tmp_path, content, message):
    assert refusal(saved(tmp_path, content)) == message


def test_a_word_that_never_ends_is_not_read_as_one(tmp_path):
    content = b"3 2\na " + bytes(8) + b"x" * 100_000
    assert "only 1 are there" in refusal(saved(tmp_path, content))


def test_paths_that_are_no_files_are_refused(tmp_path):
    assert refusal(tmp_path / "no") == ": there is no such file; check the name"
    assert refusal(tmp_path) == ": is a folder; name the file of vectors in it"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert refusal(tmp_path / "pipe") == ": is not a regular file; save the vectors to a file first"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_is_refused(tmp_path):
    path = saved(tmp_path, b"a 1 2\n")
    path.chmod(0)
    assert refusal(path) == ": cannot be read (Permission denied); check its rights and the disk"


def test_another_dimension_than_the_wanted_is_refused(tmp_path):
    path = saved(tmp_path, b"a 1 2\n")
    assert refusal(path, dimension=50) == ": has 2 numbers a word, not 50; choose other vectors"


@given(content=st.binary(max_size=200), head=st.sampled_from([b"", b"2 2\n", b"1 1\n", b"3 20\n", b"a 1\n"]))
@settings(deadline=None, max_examples=300)
def test_no_bytes_give_any_other_error(tmp_path_factory, content, head):
    path = saved(tmp_path_factory.mktemp("fuzz"), head + content)
    assert re.match(r"read|.+: .+; .+", outcome(path))


@given(cut=st.integers(0, 200), flip=st.integers(0, 200), kind=st.sampled_from(["binary", "text"]))
@settings(deadline=None)
def test_damage_gives_no_other_error(tmp_path_factory, cut, flip, kind):
    path = tmp_path_factory.mktemp("damage") / "v.gz"
    write_vectors(path, made("abc", 3), kind)
    for whole in (path.read_bytes(), gzip.decompress(path.read_bytes())):
        damaged = bytearray(whole[: cut or None])
        damaged[flip % len(damaged)] ^= 0x20
        assert re.match(r"read|.+: .+; .+", outcome(saved(path.parent, bytes(damaged))))


# writing


@pytest.mark.parametrize("word", ["a b", "a\nb", "\ud800", " "])
def test_a_word_that_could_not_be_read_back_is_refused(tmp_path, word):
    with pytest.raises(DataError, match="has a space, a line break or a lone surrogate; the format cannot hold"):
        write_vectors(tmp_path / "v", made(["a", word]))
    assert list(tmp_path.iterdir()) == []


def test_nothing_and_nan_are_not_written(tmp_path):
    with pytest.raises(DataError, match="v: there are no words to write; keep at least one"):
        write_vectors(tmp_path / "v", made([]))
    with pytest.raises(DataError, match="v: 1 word with NaN or infinite numbers, first 'a'"):
        write_vectors(tmp_path / "v", Vectors(["a"], np.full((1, 2), np.nan, np.float32)))


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "no" / "v"
    message = f"{path}: cannot be written (No such file or directory); make room or choose another folder"
    with pytest.raises(DataError, match=re.escape(message)):
        write_vectors(path, made())
    saved(tmp_path, b"", "file")
    with pytest.raises(DataError, match="Not a directory"):
        write_vectors(tmp_path / "file" / "v", made())


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = saved(tmp_path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        write_vectors(path, made())
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("v", b"old")]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = saved(tmp_path, b"old")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as file:  # noqa: PT012 - the point is between
        file.write(b"half")
        raise KeyboardInterrupt
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("v", b"old")]


@pytest.mark.parametrize("shape", [(2, 3), (1,), (1, 0), (1, 2, 3)])
def test_rows_that_do_not_fit_the_words_are_refused(shape):
    message = f"vectors: 1 word with a matrix of shape {shape}; give a row for each word"
    with pytest.raises(DataError, match=re.escape(message)):
        Vectors(["a"], np.zeros(shape, np.float32))
