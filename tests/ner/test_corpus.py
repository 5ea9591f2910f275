import io
import os
import sys
import time
import tracemalloc
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st

from chainrule.errors import DataError
from chainrule.ner.corpus import Sentence, read_corpus, write_conll
from chainrule.ner.source import LONGEST_LINE
from chainrule.ner.tags import tag_list

KLUE = (
    b"## \xed\x86\xa0\xed\x81\xb0 : \\t\n## id-0\t\xea\xb5\xbf\n\xea\xb2\xbd\tB-OG\n \tO\n\xea\xb2\xbd\tO\n\n"
    b"## id-1\t<a:b> c\n#\tO\n#\tO\n"
)


@pytest.fixture
def read(tmp_path):
    """Read bytes as a file."""

    def reader(content, **options):
        path = tmp_path / "x.conll"
        path.write_bytes(content)
        return read_corpus(path, **options)

    return reader


@pytest.fixture
def complaint(read, tmp_path):
    """The message about bytes that cannot be read; without the folder in front."""

    def reader(content, **options):
        with pytest.raises(DataError) as caught:
            read(content, **options)
        message = str(caught.value)
        assert "\n" not in message
        assert message.startswith(str(tmp_path))
        return message.removeprefix(f"{tmp_path}{os.sep}")

    return reader


def rows(corpus):
    return [(s.tokens, s.tags) for s in corpus.sentences]


# ── what can be read ──────────────────────────────────────────────────────────────────────────────────

PLAIN = [(["Paris", "is"], ["B-LOC", "O"]), (["Hi"], ["O"])]


@pytest.mark.parametrize(
    "content",
    [
        b"Paris\tB-LOC\nis\tO\n\nHi\tO\n",
        b"Paris\tB-LOC\r\nis\tO\r\n\r\nHi\tO\r\n",
        b"\xef\xbb\xbfParis\tB-LOC\nis\tO\n\nHi\tO",
        b"\n\n\nParis\tB-LOC\nis\tO\n\n \t \n\nHi\tO\n\n\n",
        b"Paris B-LOC\nis O\n\nHi O\n",
        b"Paris  B-LOC \nis\tO\n\nHi O\n",
        b"Paris NNP I-NP B-LOC\nis VBZ I-VP O\n\nHi UH O O\n",
        b"-DOCSTART- -X- O\n\nParis NNP B-LOC\nis VBZ O\n\nHi UH O\n",
        b"# text = Paris is\nParis\tB-LOC\nis\tO\n\n## two\nHi\tO\n",
        b"#begin document (a); part 000\nParis\tB-LOC\nis\tO\n\nHi\tO\n\n#end document\n",
    ],
)
def test_the_usual_forms_give_the_same_sentences(read, content):
    assert rows(read(content)) == PLAIN


def test_with_tabs_a_token_may_be_blank_or_empty(read):
    corpus = read(b"a\tO\n \tO\n\tO\nb c\tO\n\t\nd\tO\n")
    assert rows(corpus) == [(["a", " ", "", "b c"], ["O"] * 4), (["d"], ["O"])]
    assert "1 empty token" in corpus.notes


def test_only_tabs_separate_where_there_are_tabs(read):
    assert rows(read("a\u00a0b\tB-X\n\u3000 x\tO\n".encode())) == [(["a\u00a0b", "\u3000 x"], ["B-X", "O"])]


def test_a_sharp_is_a_token_where_it_has_a_tag(read):
    corpus = read(b"#BREAKINGNEWS\tO\n#\tO\n##\tB-X\n\n# not a row\n# one\tO\nx\tO\n")
    assert [s.tokens for s in corpus.sentences] == [["#BREAKINGNEWS", "#", "##"], ["# one", "x"]]
    assert [s.line for s in corpus.sentences] == [1, 6]
    assert read(b"# O\n# O\nx O\n").tokens == 3
    assert read(b"#\tPER\nx\tPER\n").tokens == 2
    assert read(b"#\tB-X\n").tokens == 1


def test_comments_of_klue_are_no_tokens_though_they_have_two_columns(read):
    corpus = read(KLUE)
    assert rows(corpus) == [(["경", " ", "경"], ["B-OG", "O", "O"]), (["#", "#"], ["O", "O"])]
    assert corpus.characters
    assert corpus.notes[0] == "2 sentences, 5 tokens, 1 name"
    assert corpus.notes[2:] == ("the tokens are characters", "3 comment lines skipped")


def test_documents_are_counted(read):
    content = b"a O\n\n-DOCSTART- O\n\nb O\n\nc O\n\n-DOCSTART- O\n\n-DOCSTART- O\nd O\n"
    corpus = read(content)
    assert corpus.documents == 3
    assert [s.tokens for s in corpus.sentences] == [["a"], ["b"], ["c"], ["d"]]
    assert corpus.notes[0].startswith("4 sentences, 4 tokens, 3 documents")


def test_text_without_tags_is_read_on_demand(read):
    corpus = read(b"# a comment\na\n##x\n\n#b\n", tagged=False)
    assert rows(corpus) == [(["a", "##x"], []), (["#b"], [])]
    assert corpus.scheme is None
    assert rows(read(b"a NN ,\n, , ,\n", tagged=False)) == [(["a", ","], [])]


def test_a_corpus_says_what_it_holds(read):
    corpus = read(b"a\tB-Y\nb\tB-X\n\nc\tB-X\nd\tI-X\n")
    assert corpus.scheme == "IOB2"
    assert corpus.labels == ("X", "Y")
    assert corpus.counts == {"X": 2, "Y": 1}
    assert (corpus.entities, corpus.tokens, corpus.documents) == (3, 4, 1)
    assert not corpus.characters
    assert corpus.tagged("BIOES") == [["S-Y", "S-X"], ["B-X", "E-X"]]
    part = corpus.of(corpus.sentences[1:])
    assert (part.tokens, part.labels, part.path) == (2, ("X",), corpus.path)
    assert part.digest != corpus.digest == corpus.of(corpus.sentences).digest


@pytest.mark.parametrize(
    ("tokens", "characters"),
    [("우 리 나 라", True), ("我 们 去 .", True), ("a b c d", False), ("우리 나라", False), ("", False)],
)
def test_tokens_that_are_characters_are_noticed(read, tokens, characters):
    content = "".join(f"{token}\tO\n" for token in tokens.split() or ["two"])
    assert read(content.encode()).characters == characters


# ── what cannot ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.conll:1: no sentences; write a token, a tab and its tag on each line"),
        (b"\n \n\t\n", "x.conll:1: no sentences; write a token, a tab and its tag on each line"),
        (b"# only a comment\n", "x.conll:1: no sentences; write a token, a tab and its tag on each line"),
        (
            b"a\tO\nb\n",
            "x.conll:2: 1 column, but line 1 has 2, separated by tabs; give every row the same columns",
        ),
        (
            b"#x\na O\n",
            "x.conll:1: 1 column, but line 2 has 2, separated by blanks; give every row the same columns",
        ),
        (
            b"a\tO\n# late\nb\tO\n",
            "x.conll:2: 1 column, but line 1 has 2, separated by tabs; give every row the same columns",
        ),
        (
            b"a O\n\nb O O\n",
            "x.conll:3: 3 columns, but line 1 has 2, separated by blanks; give every row the same columns",
        ),
        (b"a\nb\n", "x.conll:1: one column, no tag; write a token, a tab and its tag on each line"),
        (
            b"a\tO\n\nb\tX-PER\n",
            "x.conll:3: illegal tag 'X-PER'; a tag is O, or B- I- E- S- L- U- before a label, such as B-PER",
        ),
        (
            b"a\tB-\n",
            "x.conll:1: illegal tag 'B-'; a tag is O, or B- I- E- S- L- U- before a label, such as B-PER",
        ),
        (
            b"a\tO\nb\t\n",
            "x.conll:2: illegal tag ''; a tag is O, or B- I- E- S- L- U- before a label, such as B-PER",
        ),
        (b"a\tB-PER\nb\tPER\n", "x.conll:2: tag 'PER' has no prefix, but others have; write B-PER"),
        (b"a\tO\nb\0\tO\n", "x.conll:2: a NUL byte at byte 5 of the file; remove it"),
        (
            b"a\tO\n\xe9\tO\n",
            "x.conll:2: 0xe9 at byte 4 of the file is not UTF-8; convert the file to UTF-8",
        ),
        (
            b"\xef\xbb\xbfa\tO\nb\tO\xff\n",
            "x.conll:2: 0xff at byte 10 of the file is not UTF-8; convert the file to UTF-8",
        ),
        (
            b"\xed\xa0\x80\tO\n",
            "x.conll:1: 0xed at byte 0 of the file is not UTF-8; convert the file to UTF-8",
        ),
        ("a\tO\n".encode("utf-16"), "x.conll:1: the file is UTF-16; save it as UTF-8"),
        (b"a\tO\rb\tO\r", "x.conll:1: a carriage return inside the line; end lines with \\n or \\r\\n"),
        (
            b"a\tO\n" + b"x" * (LONGEST_LINE + 5) + b"\tO\n",
            "x.conll:2: a line of over 1,048,576 bytes; write one token on each line",
        ),
        (
            b"# a comment\n" + b"a\tO\n" * 1001,
            "x.conll:1002: all 1,001 tokens are one sentence, blank lines are missing; "
            "put an empty line after each sentence",
        ),
    ],
)
def test_a_bad_file_is_one_line_with_place_cause_and_repair(complaint, content, message):
    assert complaint(content) == message


def test_a_long_sentence_among_others_is_read(read):
    assert read(b"a\tO\n" * 5000 + b"\na\tO\n").tokens == 5001


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.conll: there is no such file; check the path$"):
        read_corpus(tmp_path / "none.conll")
    with pytest.raises(DataError, match=r"is a folder; name a file in it$"):
        read_corpus(str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path):
    path = tmp_path / "x"
    path.touch(mode=0)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        read_corpus(path)


def test_standard_input_is_read(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a\tO\n")))
    assert read_corpus("-").tokens == 1
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a\tX-O\n")))
    with pytest.raises(DataError, match=r"^standard input:1: illegal tag"):
        read_corpus("-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match=r"^standard input: is closed"):
        read_corpus("-")


@given(
    st.binary(max_size=60) | st.lists(st.sampled_from(["a", "#", "\t", " ", "O", "B-X", "\n", "\r"])).map("".join)
)
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for tagged in (True, False):
        try:
            corpus = read_corpus(path, tagged=tagged)
            assert all(s.tokens for s in corpus.sentences)
        except DataError as error:
            message = str(error)
        else:
            message = f"{path}:"
        assert message.startswith(f"{path}:")


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────

TOKENS = st.text(st.characters(exclude_characters="\t\r\n\0\ufeff", exclude_categories=["Cs"]), max_size=4)
TAGS = st.sampled_from(tag_list(("X", "a-b"), "IOB2"))
ROWS = st.lists(st.tuples(TOKENS | st.sampled_from(["#", "##", "# a", " "]), TAGS), min_size=1, max_size=6)


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_what_is_written_reads_back(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "round"
    sentences = [Sentence(*map(list, zip(*part, strict=True))) for part in content]
    write_conll(path, sentences)
    assert rows(read_corpus(path)) == [(s.tokens, s.tags) for s in sentences]


def test_documents_lines_and_untagged_text_read_back(tmp_path):
    path = tmp_path / "x"
    before = [Sentence(["a", "b"], [], 1, 0), Sentence(["c"], [], 6, 1), Sentence(["d"], [], 8, 1)]
    write_conll(path, before)
    assert list(read_corpus(path, tagged=False).sentences) == before
    assert path.read_bytes() == b"a\nb\n\n-DOCSTART-\n\nc\n\nd\n\n"


def test_a_stream_takes_bytes_and_predictions_a_last_column():
    stream = io.BytesIO()
    write_conll(stream, [Sentence(["é"], ["O"])], [["B-X"]])
    assert stream.getvalue() == "é\tO\tB-X\n\n".encode()


@pytest.mark.parametrize(
    ("sentence", "predicted", "message"),
    [
        (Sentence(["a\tb"], ["O"]), None, r"sentence 1: a CoNLL file cannot hold the token 'a\\tb'; replace it"),
        (Sentence(["\ud800"], ["O"]), None, "cannot hold the token"),
        (Sentence(["-DOCSTART-"], ["O"]), None, "cannot hold the token"),
        (Sentence([" "], []), None, "cannot hold the token ' '"),
        (Sentence(["a b"], []), None, "cannot hold the token 'a b'"),
        (Sentence(["a", "b"], ["O"]), None, r"sentence 1: columns of \[2, 1\] rows"),
        (Sentence([], []), None, r"sentence 1: columns of \[\] rows"),
        (Sentence(["a"], ["B-\n"]), None, "illegal tag"),
        (Sentence(["a"], ["O"]), [], "sentence 1: is gold or predicted only"),
        (Sentence(["a"], ["O"]), [["O"], ["O"]], "sentence 2: is gold or predicted only"),
    ],
)
def test_what_the_format_cannot_hold_is_refused_and_nothing_written(tmp_path, sentence, predicted, message):
    path = tmp_path / "x"
    path.write_bytes(b"before")
    with pytest.raises(DataError, match=message):
        write_conll(path, [sentence], predicted)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["x"]


def test_a_path_that_refuses_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none/x: cannot be written \(No such file or directory\)"):
        write_conll(tmp_path / "none" / "x", [])


# ── real data ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("file", "sentences", "entities", "scheme", "characters"),
    [
        ("wnut17/train.conll", 3394, 1975, "IOB2", False),
        ("wnut17/dev.conll", 1009, 836, "IOB2", False),
        ("wnut17/test.conll", 1287, 1079, "IOB2", False),
        ("wikigold/wikigold.conll", 1696, 3558, "IO", False),
        ("klue/train.tsv", 3000, 8536, "IOB2", True),
        ("klue/dev.tsv", 1000, 2923, "IOB2", True),
        ("klue/test.tsv", 1000, 2798, "IOB2", True),
        ("btc/a.conll", 1000, 521, "IOB2", False),
        ("btc/b.conll", 2000, 1610, "IOB2", False),
        ("btc/e.conll", 200, 325, "IOB2", False),
        ("btc/f.conll", 2001, 4376, "IOB2", False),
        ("btc/g.conll", 2138, 4685, "IOB2", False),
        ("btc/h.conll", 2001, 3368, "IOB2", False),
    ],
)
def test_real_corpora_have_the_counts_of_their_description(
    shared_data, file, sentences, entities, scheme, characters, tmp_path
):
    corpus = read_corpus(shared_data / "ner" / file)
    assert len(corpus.sentences) == sentences
    assert (corpus.entities, corpus.scheme, corpus.characters) == (entities, scheme, characters)
    write_conll(tmp_path / "copy", corpus.sentences)
    assert rows(read_corpus(tmp_path / "copy")) == rows(corpus)


def test_reading_takes_time_in_proportion(tmp_path):
    sentence = "Helen B-PER\nMarsh I-PER\nflew O\nto O\nBerlin B-LOC\n. O\n\n"

    def seconds(count):
        path, taken = tmp_path / f"{count}.conll", []
        path.write_text(sentence * count)
        for _ in range(3):
            begin = time.process_time()
            read_corpus(path)
            taken.append(time.process_time() - begin)
        return min(taken)

    short = seconds(250)
    assert seconds(2000) < 24 * short + 0.02  # eight times as long a file; a square would be 64 times the time


def test_memory_is_bounded_by_the_longest_line(complaint):
    content = b"x" * (20 * LONGEST_LINE)
    tracemalloc.start()
    assert "x.conll:1: a line of over" in complaint(content)
    assert tracemalloc.get_traced_memory()[1] < 5 * LONGEST_LINE
    tracemalloc.stop()
