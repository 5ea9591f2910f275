"""Formats of annotated text: what is read from each, which a file is in, and what becomes of names that do not fit."""

import gzip
import io
import json
import os
import sys
import tracemalloc
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st

from chainrule.errors import DataError, SettingError, WriteError
from chainrule.ner import Tagger
from chainrule.ner.corpus import read_corpus
from chainrule.ner.formats import convert_file, read_any, records_in
from chainrule.ner.formats_detect import target_format
from chainrule.ner.formats_fit import POLICIES, Demands, Fitting, fitted
from chainrule.ner.formats_record import Claim, Name, Record, named
from chainrule.ner.formats_table import FORMATS


@pytest.fixture
def put(tmp_path):
    """Write a file: bytes, text, or values as JSON lines."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, list):
            content = "".join(json.dumps(value) + "\n" for value in content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def take(path, form=None):
    """The format that a file is in, and its records: text, and text and label of each name."""
    with records_in(path, form) as given:
        return given.found.form, [
            (r.text, [(r.text[n.start : n.end], n.label) for n in r.names]) for r in given.records
        ]


PARIS = ("Paris is big", [("Paris", "LOC")])
PAIR = ["Paris is big", {"entities": [[0, 5, "LOC"]]}]
RESULT = {"type": "labels", "value": {"start": 0, "end": 5, "text": "Paris", "labels": ["LOC"]}}


# ── what is read ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.conll", "Paris\tB-LOC\nis\tO\nbig\tO\n", "conll"),
        ("a.txt", "Paris NNP I-NP I-LOC\nis VBZ O O\nbig JJ O O\n", "conll"),
        ("a.txt", "-DOCSTART- -X- O O\n\nParis NNP I-NP U-LOC\nis VBZ O O\nbig JJ O O\n", "conll"),
        ("a.tsv", "Paris\tLOC\nis\tO\nbig\tO\n", "conll"),
        ("a.conllu", "# text = Paris is big\n1\tParis\tB-LOC\tO\n2\tis\tO\tO\n3\tbig\tO\tO\n", "conllu"),
        ("a", "0\tParis\tB-LOC\n1\tis\tO\n2\tbig\tO\n", "conllu"),
        (
            "a.conllu",
            "1-2\tParis\t_\t_\t_\t_\t_\t_\t_\t_\n"
            "1\tParis\tParis\tPROPN\t_\tX=Y\t0\troot\t_\tner=S-LOC\n"
            "2\tis\tbe\tAUX\t_\t_\t1\tcop\t_\tNER=O\n2.1\tis\t_\t_\t_\t_\t_\t_\t_\t_\n"
            "3\tbig\tbig\tADJ\t_\t_\t1\tx\t_\tNER=O\n",
            "conllu",
        ),
        ("a.jsonl", [{"text": "Paris is big", "entities": [{"start": 0, "end": 5, "label": "LOC", "score": 0.9}]}], "jsonl"),
        ("a.jsonl", [{"id": 1, "text": "Paris is big", "label": [[0, 5, "LOC"]], "Comments": []}], "doccano"),
        ("a.jsonl", [{"id": 1, "data": "Paris is big", "label": [[0, 5, "LOC"]]}], "doccano"),
        ("a.jsonl", [{"text": "Paris is big", "labels": [[0, 5, "LOC"]]}], "doccano"),
        (
            "a.jsonl",
            [{"text": "Paris is big", "entities": [{"id": 3, "label": "LOC", "start_offset": 0, "end_offset": 5}]}],
            "doccano",
        ),
        ("a.json", json.dumps([{"text": "Paris is big", "label": [[0, 5, "LOC"]]}], indent=1), "doccano"),
        ("a.jsonl", [{"text": "Paris is big", "spans": [{"start": 0, "end": 5, "label": "LOC"}]}], "prodigy"),
        ("a.json", json.dumps([{"data": {"text": "Paris is big"}, "annotations": [{"result": [RESULT]}]}]), "labelstudio"),
        ("a.json", json.dumps([{"data": {"x": "Paris is big", "n": 1}, "annotations": [{"result": [RESULT]}]}], indent=2), "labelstudio"),
        ("a.json", json.dumps([{"text": "Paris is big", "label": [{"start": 0, "end": 5, "labels": ["LOC"]}]}]), "labelstudio"),
        ("a.json", json.dumps([PAIR]), "spacy"),
        ("a.json", json.dumps([PAIR], indent=4), "spacy"),
        ("a.json", json.dumps({"classes": ["LOC"], "annotations": [PAIR, None]}), "spacy"),
        ("a.jsonl", [PAIR], "spacy-lines"),
        ("a.jsonl", [{"tokens": ["Paris", "is", "big"], "ner_tags": ["B-LOC", "O", "O"]}], "tokens"),
        ("a.csv", "Sentence #,Word,POS,Tag\nSentence: 1,Paris,NNP,B-LOC\n,is,VBZ,O\n,big,JJ,O\n", "csv"),
        ("a.csv", "token;tag\nParis;B-LOC\nis;O\nbig;O\n\n", "csv"),
        ("a.csv", "text,start,end,label\nParis is big,0,5,LOC\n", "csv-spans"),
        ("a.tsv", "id\ttext\tstart\tend\tlabel\n7\tParis is big\t0.0\t5.0\tLOC\n", "csv-spans"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dress", [lambda raw: raw, gzip.compress, lambda raw: b"\xef\xbb\xbf" + raw])
def test_what_programs_write_is_read_and_named(put, name, content, form, dress):
    path = put(name, content)
    path.write_bytes(dress(path.read_bytes()))
    assert take(path) == (form, [PARIS])


@pytest.mark.parametrize(
    "value", [["x" * 70_000, {"entities": [[0, 5, "X"]]}], {"text": "x" * 70_000, "label": [[0, 5, "X"]]}]
)
def test_a_first_record_longer_than_what_is_looked_at_is_read(put, value):
    (_, names), _ = take(put("a.jsonl", [value, value]))[1]
    assert names == [("xxxxx", "X")]
    if isinstance(value, dict):
        (_, names), _ = take(put("a.json", json.dumps([value, value])))[1]
        assert names == [("xxxxx", "X")]


def test_standoff_is_read_from_a_folder_and_from_a_pair(put, tmp_path):
    put("c/b.txt", "Bank of\r\nSeoul, é")
    put(
        "c/b.ann",
        "T1\tORG 0 7;9 14\tBank of Seoul\nT2\tX 0 4;9 14\tBank Seoul\nR1\tIn Arg1:T1 Arg2:T2\n#1\tNote T1\thm\n*\tEquiv T1 T2\n",
    )
    put("c/a.txt", "Paris is big")
    put("c/a.ann", "T1\tLOC 0 5\tParis\n")
    with records_in(tmp_path / "c") as given:
        assert given.found == ("brat", "a folder with .ann files")
        a, b = given.records
    assert (a.text, a.names, a.document) == ("Paris is big", (Name(0, 5, "LOC"),), 1)
    assert b.text == "Bank of\r\nSeoul, é"
    assert b.names == (Name(0, 14, "ORG"), Name(0, 14, "X", None, ((0, 4), (9, 14))))
    assert b.lost == ("relation", "remark", "equivalence")
    for name in ("a.txt", "a.ann"):
        assert take(tmp_path / "c" / name) == ("brat", [PARIS])


def test_what_stands_by_a_record_is_kept_or_said_to_be_lost(put, tmp_path):
    path = put(
        "a.jsonl", [{"text": "Paris", "spans": [], "meta": {"url": "x"}, "id": 4, "votes": 3, "_task_hash": 1}]
    )
    done = convert_file(path, tmp_path / "b.jsonl", to="doccano")
    assert json.loads((tmp_path / "b.jsonl").read_text()) == {
        "id": 4,
        "text": "Paris",
        "label": [],
        "meta": {"url": "x"},
    }
    assert done.report.lost == {"field votes": 1}
    assert convert_file(path, tmp_path / "b.conll").report.lost == {"field votes": 1, "id": 1, "meta": 1}


def test_rejected_cancelled_and_predicted_is_not_taken_for_gold(put):
    path = put("a.jsonl", [{"text": t, "spans": [], "answer": a} for t, a in (("x", "accept"), ("y", "reject"))])
    with records_in(path) as given:
        assert [r.lost for r in given.records] == [(), ("record whose answer is reject",)]
    other = {"was_cancelled": True, "result": []}
    task = {
        "data": {"text": "Paris"},
        "annotations": [other, {"result": [RESULT, {"type": "choices", "value": {}}]}, {"result": []}],
        "predictions": [{}],
    }
    with records_in(put("b.json", json.dumps([task]))) as given:
        (record,) = given.records
    assert record.names == (Name(0, 5, "LOC"),)
    assert sorted(record.lost) == [
        "annotation beside the first of a task",
        "cancelled annotation",
        "prediction",
        "result of type choices",
    ]


def test_documents_columns_and_comments_go_along(put, tmp_path):
    path = put("a.conll", "-DOCSTART- -X- O O\n\n# one\nParis NNP NP B-LOC\n\n-DOCSTART- -X- O O\n\nbig JJ O O\n")
    done = convert_file(path, tmp_path / "b.conll2003", scheme="BILOU")
    assert (tmp_path / "b.conll2003").read_text() == (
        "-DOCSTART- -X- -X- O\n\nParis NNP NP U-LOC\n\n-DOCSTART- -X- -X- O\n\nbig JJ O O\n\n"
    )
    assert done.report.lost == {"comment line": 1}
    convert_file(tmp_path / "b.conll2003", tmp_path / "c.jsonl")
    assert [json.loads(line)["meta"] for line in (tmp_path / "c.jsonl").read_text().splitlines()] == [
        {"document": 1},
        {"document": 2},
    ]
    convert_file(tmp_path / "c.jsonl", tmp_path / "d.conll")
    assert read_corpus(tmp_path / "d.conll").documents == 2


def test_columns_can_be_said(put, tmp_path):
    path = put("a.conll", "x\tParis\tB-LOC\tO\nx\tParis\tO\tO\n")
    convert_file(path, tmp_path / "b.conll", columns=(2, -2))
    assert (tmp_path / "b.conll").read_text() == "Paris\tx\tO\tB-LOC\nParis\tx\tO\tO\n\n"
    with pytest.raises(DataError, match=r"has 4 columns, of which \(2, 5\) are to be token and tag"):
        convert_file(path, tmp_path / "b.conll", columns=(2, 5))


def test_characters_make_a_text_without_blanks_and_text_can_be_cut_into_them(put, tmp_path):
    path = put("a.conll", "서\tB-LC\n울\tI-LC\n \tO\n집\tO\n")
    convert_file(path, tmp_path / "b.jsonl", to="doccano")
    assert json.loads((tmp_path / "b.jsonl").read_text()) == {"text": "서울 집", "label": [[0, 2, "LC"]]}
    convert_file(tmp_path / "b.jsonl", tmp_path / "c.conll", tokens="characters")
    assert (tmp_path / "c.conll").read_bytes() == path.read_bytes() + b"\n"
    convert_file(tmp_path / "b.jsonl", tmp_path / "c.conll")
    assert (tmp_path / "c.conll").read_text() == "서울\tB-LC\n집\tO\n\n"


def test_words_that_look_like_characters_can_be_said_to_be_words(put, tmp_path):
    path = put("a.conll", "我\tB-PER\n们\tO\n")
    for tokens, text in ((None, "我们"), ("words", "我 们")):
        convert_file(path, tmp_path / "b.jsonl", tokens=tokens)
        assert json.loads((tmp_path / "b.jsonl").read_text())["text"] == text


def test_labels_can_be_renamed_and_left_out(put, tmp_path):
    path = put("a.jsonl", [{"text": "Ann in Rome", "label": [[0, 3, "a person"], [7, 11, "LOC"]]}])
    with pytest.raises(
        DataError,
        match=r"a\.jsonl:1: no IOB2 tag can hold the label 'a person'; give --rename 'a person=a_person'",
    ):
        convert_file(path, tmp_path / "b.conll")
    assert not (tmp_path / "b.conll").exists()
    convert_file(path, tmp_path / "b.conll", rename={"a person": "PER", "LOC": "O"})
    assert (tmp_path / "b.conll").read_text() == "Ann\tB-PER\nin\tO\nRome\tO\n\n"


def test_a_text_is_cut_into_sentences_but_never_inside_a_name(put, tmp_path):
    path = put("a.jsonl", [{"text": "I read Who? Me! today. He left.", "label": [[7, 15, "BOOK"]]}])
    convert_file(path, tmp_path / "b.conll")
    assert [s.tokens for s in read_corpus(tmp_path / "b.conll").sentences] == [
        ["I", "read", "Who", "?", "Me", "!", "today", "."],
        ["He", "left", "."],
    ]
    convert_file(path, tmp_path / "b.conll", whole=True)
    assert len(read_corpus(tmp_path / "b.conll").sentences) == 1


# ── offsets ───────────────────────────────────────────────────────────────────────────────────────────

EMOJI = "🎉🎉 Paris 한국에서"


@pytest.mark.parametrize(
    ("claims", "unit"),
    [
        ([Claim(3, 8, "LOC", "Paris"), Claim(9, 11, "LOC", "한국")], "characters"),
        ([Claim(5, 10, "LOC", "Paris"), Claim(11, 13, "LOC", "한국")], "utf-16"),
        ([Claim(9, 14, "LOC", "Paris"), Claim(15, 21, "LOC", "한국")], "utf-8"),
        ([Claim(3, 8, "LOC"), Claim(9, 11, "LOC")], "characters"),
        ([Claim(5, 10, "LOC"), Claim(11, 13, "LOC")], "utf-16"),
        ([Claim(11, 13, "LOC")], "utf-16"),
        ([Claim(9, 11, "LOC")], "characters"),
    ],
)
def test_offsets_are_read_in_what_they_count(claims, unit):
    names, misfits, found = named(claims, EMOJI, "x")
    assert (found, misfits) == (unit, ())
    assert {EMOJI[n.start : n.end] for n in names} <= {"Paris", "한국"}
    assert named(claims, EMOJI, "x", unit) == (names, (), unit)


def test_units_of_utf16_are_said(put, tmp_path):
    path = put("a.jsonl", [{"text": EMOJI, "label": [[5, 10, "LOC"]]}, {"text": "Rome", "label": [[0, 4, "LOC"]]}])
    done = convert_file(path, tmp_path / "b.conll")
    assert done.report.remarks() == ["1 record with offsets counted in UTF-16 units, as JavaScript does, read so"]
    assert "Paris\tB-LOC" in (tmp_path / "b.conll").read_text()
    done = convert_file(path, tmp_path / "b.conll", offsets="characters")
    assert "Paris\tB-LOC" not in (tmp_path / "b.conll").read_text()


@given(st.text(st.sampled_from("aé한🎉́ "), min_size=1, max_size=12), st.data())
def test_the_three_units_agree_on_every_name(text, data):
    a = data.draw(st.integers(0, len(text) - 1))
    b = data.draw(st.integers(a + 1, len(text)))
    claims = {
        "characters": Claim(a, b, "X"),
        "utf-16": Claim(*(len(text[:k].encode("utf-16-le")) // 2 for k in (a, b)), "X"),
        "utf-8": Claim(*(len(text[:k].encode()) for k in (a, b)), "X"),
    }
    for unit, claim in claims.items():
        assert named([claim], text, "x", unit)[:2] == ((Name(a, b, "X"),), ())


@pytest.mark.parametrize(
    ("claim", "cause"),
    [
        (Claim(0, 99, "X"), "lies outside the text"),
        (Claim(-2, 3, "X"), "lies outside the text"),
        (Claim(3, 3, "X"), "is empty"),
        (Claim(4, 2, "X"), "ends before it begins"),
        (Claim(float("nan"), 3, "X"), "its offsets are no whole numbers"),
        (Claim(float("inf"), 3, "X"), "its offsets are no whole numbers"),
        (Claim(0.5, 3, "X"), "its offsets are no whole numbers"),
        (Claim("0", 3, "X"), "its offsets are no whole numbers"),
        (Claim(None, 3, "X"), "its offsets are no whole numbers"),
        (Claim(True, 3, "X"), "its offsets are no whole numbers"),
        (Claim(10**400, 3, "X"), "lies outside the text"),
        (Claim(0, 3, ""), "has no label"),
        (Claim(0, 3, None), "has no label"),
        (Claim(0, 3, "X", "aris"), None),
        (Claim(0, 3, "X", "nowhere"), "its text is there 'Par'"),
        (Claim(0, 3, "X", "i"), "its text is there 'Par'"),
    ],
)
def test_a_name_that_cannot_be_is_left_out_and_said(claim, cause):
    text = "Paris is big"
    names, misfits, _ = named([claim, Claim(9, 12, "Y")], text, "f:3")
    assert names[-1] == Name(9, 12, "Y")
    (misfit,) = misfits
    assert misfit.place == "f:3"
    if cause is None:
        assert (misfit.cause, misfit.done) == ("its text is there 'Par'", "moved to where its text is")
        assert names[0] == Name(1, 5, "X")
    else:
        assert (misfit.cause, misfit.done) == (cause, "left out")
        assert len(names) == 1


def test_whole_numbers_may_be_written_with_a_point():
    assert named([Claim(0.0, 5.0, "X")], "Paris", "x")[0] == (Name(0, 5, "X"),)


# ── names that do not fit ─────────────────────────────────────────────────────────────────────────────

TAGGED = Demands(borders=True, disjoint=True, sentences=True)


def fit(text, names, policy="cut", tokens=None, demands=TAGGED):
    record = Record(text, tuple(Name(*n) for n in names), tokens, "f:1")
    records, misfits, _ = fitted(record, demands, Fitting(policy, whole=True))
    (found,) = records
    return (
        "|".join(found.words()),
        [(found.text[n.start : n.end], n.label) for n in found.names],
        [(m.text, m.cause, m.tokens, m.done) for m in misfits],
    )


INSIDE = "begins or ends inside a token"


@pytest.mark.parametrize(
    ("policy", "words", "names", "done"),
    [
        ("cut", "New|York|-|based|firm", ["New York"], "tokens cut"),
        ("widen", "New|York-based|firm", ["New York-based"], "widened"),
        ("narrow", "New|York-based|firm", ["New"], "narrowed"),
        ("drop", "New|York-based|firm", [], "left out"),
        ("error", "New|York|-|based|firm", ["New York"], "refused"),
    ],
)
def test_a_name_that_ends_inside_a_token(policy, words, names, done):
    found = fit("New York-based firm", [(0, 8, "LOC")], policy)
    assert found == (words, [(n, "LOC") for n in names], [("New York", INSIDE, "New|York-based", done)])


def test_tokens_of_the_file_are_cut_only_at_the_border():
    tokens = ((0, 3), (4, 14), (15, 19))
    assert fit("New York-based firm", [(0, 8, "LOC")], tokens=tokens)[0] == "New|York|-based|firm"


@pytest.mark.parametrize("policy", POLICIES)
def test_a_name_inside_one_token(policy):
    kept = {"cut": "cat", "widen": "concatenate", "narrow": None, "drop": None, "error": "cat"}[policy]
    assert fit("concatenate", [(3, 6, "X")], policy)[1] == ([(kept, "X")] if kept else [])


@pytest.mark.parametrize(
    ("names", "kept", "cause"),
    [
        ([(0, 8, "A"), (4, 8, "B")], ["New York"], "overlaps 'New York' A"),
        ([(0, 8, "A"), (4, 13, "B")], ["York Time"], "overlaps 'York Time' B"),
        ([(0, 8, "A"), (0, 8, "A")], ["New York"], "is there twice"),
        ([(0, 8, "A"), (0, 8, "B")], ["New York"], "overlaps 'New York' A"),
    ],
)
def test_of_names_that_overlap_the_longest_stays(names, kept, cause):
    _, found, misfits = fit("New York Time", names, demands=Demands(disjoint=True))
    assert ([text for text, _ in found], [m[1] for m in misfits]) == (kept, [cause])
    assert len(fit("New York Time", names, demands=Demands())[1]) == len(names)


@pytest.mark.parametrize("demands", [TAGGED, Demands(trimmed=True)])
def test_space_at_the_ends_of_a_name_is_taken_off(demands):
    _, names, misfits = fit("in  Paris\n now", [(2, 10, "LOC"), (9, 11, "X")], demands=demands)
    assert names == [("Paris", "LOC")]
    assert [(m[1], m[3]) for m in misfits] == [
        ("has space at its ends", "space taken off"),
        ("is nothing but space", "left out"),
    ]


def test_gaps_are_left_out_filled_or_shrunk_to_the_longest_part():
    record = Record("North and South Korea", (Name(0, 21, "LOC", None, ((0, 5), (16, 21))),), None, "f:1")
    kept = {}
    for policy in POLICIES:
        (found,), (misfit,), _ = fitted(record, TAGGED, Fitting(policy))
        assert misfit.cause == "has gaps"
        kept[policy] = [found.text[n.start : n.end] for n in found.names]
    assert kept == {"cut": [], "widen": ["North and South Korea"], "narrow": ["North"], "drop": [], "error": []}


@given(
    st.text(st.sampled_from("aB1é한 -.'🎉\u0301\n"), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.sampled_from("XY")), max_size=4),
    st.sampled_from(list(POLICIES)),
    st.sampled_from(["words", "characters", "spaces"]),
    st.booleans(),
)
def test_every_name_is_kept_or_reported_and_what_is_kept_has_borders_of_tokens(text, names, policy, tokens, whole):
    given_names = tuple(Name(a, min(b, len(text)), label) for a, b, label in names if a < min(b, len(text)))
    records, misfits, _ = fitted(Record(text, given_names, None, "x"), TAGGED, Fitting(policy, tokens, whole))
    kept = [name for r in records for name in r.names]
    left = [m for m in misfits if m.done in ("left out", "refused")]
    if policy != "error":
        assert len(kept) + len(left) == len(given_names)
    for r in records:
        starts, ends = {a for a, _ in r.tokens}, {b for _, b in r.tokens}
        assert all(n.start in starts and n.end in ends for n in r.names)
        assert all(a.end <= b.start for a, b in zip(r.names, r.names[1:], strict=False))
        assert all(a < b for a, b in r.tokens)
        assert r.text in text


# ── files that are wrong ──────────────────────────────────────────────────────────────────────────────

LINE = b'{"text": "Paris", "label": [[0, 5, "LOC"]]}\n'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", LINE + b'{"text": "Par', "a.jsonl:2: the JSON is cut off; one value stands on each line"),
        ("a.jsonl", LINE + b'{"text" "Paris"}\n', "a.jsonl:2: no JSON at column 9 (Expecting ':' delimiter)"),
        ("a.jsonl", LINE + b"[1, 2]\n", 'a.jsonl:2: [1, 2] is no record; write an object with "text"'),
        ("a.jsonl", LINE + LINE.strip() + LINE, "a.jsonl:2: more than one value; write one on each line"),
        ("a.jsonl", LINE + b'{"text": 5}\n', 'a.jsonl:2: the text is 5; give it as "text", in quotes'),
        ("a.jsonl", LINE + b'{"label": []}\n', "a.jsonl:2: the text is null"),
        ("a.jsonl", LINE + b'{"text": "x", "text": "y"}\n', "a.jsonl:2: the key 'text' is there twice; keep one"),
        ("a.jsonl", LINE + b'{"text": "x", "label": [[0]]}\n', "a.jsonl:2: [0] is no name; write [start, end, label]"),
        ("a.jsonl", LINE + b'{"text": "x", "label": "LOC"}\n', 'a.jsonl:2: "label" is "LOC"; give a list of names'),
        ("a.jsonl", LINE + rb'{"text": "x\ud83d"}' + b"\n", r"a.jsonl:2: half of a character, \ud83d, after 1 characters"),
        ("a.jsonl", LINE + rb'{"text": "x", "label": [[0, 1, "\ud83d"]]}' + b"\n", "a.jsonl:2: half of a character in a label"),
        ("a.jsonl", LINE + b'{"text": ' + b"[" * 100_000 + b"\n", "a.jsonl:2: JSON within JSON, too deep to read"),
        ("a.jsonl", LINE + b'{"text": "x", "label": [[' + b"1" * 5000 + b', 1, "X"]]}\n', "a.jsonl:2: JSON that cannot be read"),
        ("a.jsonl", LINE + b'{"text": "\xff"}\n', "a.jsonl:2: 0xff at byte 54 of the file is not UTF-8"),
        ("a.jsonl", LINE.decode().encode("utf-16"), "a.jsonl:1: the file is UTF-16; save it as UTF-8"),
        ("a.json", b'[\n{"data": {"text": "x"}},\n{"data": {"text" }}]', "a.json:3: no JSON at column 18"),
        ("a.json", b'[\n{"data": {"text": "x"}},\n', "a.json:3: the JSON is cut off"),
        ("a.json", b'[{"data": {"text": "x"}} 1]', "a.json:1: '1' where a comma or ] belongs"),
        ("a.json", b'[{"data": {"text": "x"}}] 1', "a.json:1: something follows the array"),
        ("a.json", b'[{"data": {"text": "x"}, "annotations": 3}]', 'a.json:1: "annotations" is 3; give a list of objects'),
        ("a.json", b"[]", "a.json:1: no sentences; give texts with their names"),
        ("a.jsonl", b'{"tokens": ["a"], "ner_tags": [3]}\n', "a.jsonl:1: the tags are [3]; give 1 tags as text"),
        ("a.jsonl", b'{"tokens": ["a"], "ner_tags": ["Q-X"]}\n', "a.jsonl:1: illegal tag 'Q-X'"),
        ("a.jsonl.gz", gzip.compress(LINE * 100, mtime=0)[:-20], "a.jsonl.gz: the gzip data is cut off or damaged"),
        ("a.conll", b"", "a.conll:1: no sentences"),
        ("a.conll", b"Paris\n", "a.conll:1: one column, no tag"),
        ("a.conll", b"a\tO\n\nb\n", "a.conll:3: 1 column, but line 1 has 2"),
        ("a.conll", b"a\tB-X\n\nb\tX\n", "a.conll:3: tag 'X'; some tags have a prefix, others not"),
        ("a.conll", b"a\tO\n" * 2000, "a.conll:1001: all 2,000 tokens are one sentence"),
        ("a.conll", b"a\tO\0\n", "a.conll:1: a NUL byte at byte 3 of the file"),
        ("a.conllu", b"1\ta\tO\n2\tb\n", "a.conllu:2: 2 columns, but the rows before have 3"),
        ("a.csv", b"x,y\n1,2\n", "a.csv:1: the columns are not named; begin with sentence,token,tag"),
        ("a.csv", b"text,start,end,label\nParis,0,5\n", "a.csv:2: 3 columns, but line 1 has 4"),
        ("a.csv", b'text,start,end,label\n"Paris,0,5,X\n', "a.csv:2: unexpected end of data; close the quotes"),
        ("a.jsonl", b"\n\nParis\n", "a.jsonl:3: no JSON at column 1"),
        ("a.conllu", b"1\tb\n", "a.conllu:1: 2 columns; write a number, a token and its tag on each line"),
        ("a.bin", b"\x93a\r,\xff\n\x01", "a.bin:1: 0x93 at byte 0 of the file is not UTF-8"),
        ("a.bin", b"\x78\x9c123", "a.bin: is spaCy's binary DocBin; let its name end in .spacy, or say its format"),
        ("a.zip", b"PK\x03\x04", "a.zip: is no text, but a packed file"),
        ("a.ann", b"T1\tLOC 0\tx\n", "a.txt: there is no such file"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_line_with_place_cause_and_repair(put, tmp_path, name, content, message):
    path = put(name, content)
    with pytest.raises(DataError) as caught:
        convert_file(path, tmp_path / "out.conll")
    assert str(caught.value).startswith(f"{tmp_path}{os.sep}{message}"), str(caught.value)
    assert ";" in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == [name]


def test_a_bad_annotation_of_brat_has_a_line(put, tmp_path):
    put("a.txt", "Paris")
    with pytest.raises(
        DataError, match=r"a\.ann:2: 'T2\\tLOC 0\\tx' is no name; write T1, a tab, LABEL START END"
    ):
        convert_file(put("a.ann", "T1\tLOC 0 5\tParis\nT2\tLOC 0\tx\n"), tmp_path / "b.conll")


@given(st.binary(max_size=40) | st.lists(st.sampled_from(['{"text":', '"Paris"', "}", "[", "]", "[[0,1,\"X\"]]", ',"label":', "\n", "1\ta\tO", "text,start,end,label", '"', "\t", "{}", "NaN", '["a",{"entities":'])).map("".join))  # fmt: skip
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "anything"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for form in (None, *FORMATS):
        if form == "brat":
            continue
        try:
            with records_in(path, form) as given:
                list(given.records)
        except DataError as error:
            assert str(path) in str(error)  # noqa: PT017


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(DataError, match=r"is a folder; name a file in it$"):
        read_any(tmp_path)
    with pytest.raises(DataError, match=r"none: there is no such file; check the path$"):
        read_any(tmp_path / "none")
    with pytest.raises(DataError, match=r"is no name of a file"):
        read_any("a\0b")


def test_targets_that_refuse_are_named_and_nothing_is_written(put, tmp_path):
    path = put("a.jsonl", LINE)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x").touch()
    with pytest.raises(WriteError, match=r"none/b\.conll: cannot be written"):
        convert_file(path, tmp_path / "none" / "b.conll")
    with pytest.raises(WriteError, match=r"d: is a folder; name a file in it"):
        convert_file(path, tmp_path / "d", to="conll")
    with pytest.raises(WriteError, match=r"d: is there already; give the name of a new folder"):
        convert_file(path, tmp_path / "d", to="brat")
    with pytest.raises(WriteError, match=r"none/d: cannot be written"):
        convert_file(path, tmp_path / "none" / "d", to="brat")
    for name in ("b.json", "b.txt", "b"):
        with pytest.raises(DataError, match=r"the name does not say a format; give --to "):
            convert_file(path, tmp_path / name)
    with pytest.raises(SettingError, match=r"unknown format 'conl'; did you mean conll\?"):
        convert_file(path, tmp_path / "b", to="conl")
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "d"]


def test_a_target_stays_what_it_was_where_the_source_is_wrong(put, tmp_path):
    target = put("b.conll", "before")
    for to, name in (("conll", "b.conll"), ("brat", "c")):
        with pytest.raises(DataError, match=r"a\.jsonl:3: the JSON is cut off"):
            convert_file(put("a.jsonl", LINE * 2 + b"{"), tmp_path / name, to=to)
    assert target.read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "b.conll"]


def test_a_file_can_become_itself_in_another_scheme(put):
    path = put("a.conll", "a\tB-X\nb\tI-X\n\n")
    convert_file(path, path, scheme="BIOES")
    assert path.read_text() == "a\tB-X\nb\tE-X\n\n"


def test_strictness_lists_what_does_not_fit_and_writes_nothing(put, tmp_path):
    path = put("a.jsonl", [{"text": "Parisian", "label": [[0, 5, "LOC"], [0, 99, "X"]]}] * 30)
    with pytest.raises(DataError) as caught:
        convert_file(path, tmp_path / "b.conll", misaligned="error")
    head, *lines = str(caught.value).split("\n")
    assert head == "60 names do not fit, nothing is written:"
    assert len(lines) == 11
    assert lines[1].endswith("a.jsonl:1  'Paris' LOC  begins or ends inside a token")
    assert lines[-1] == "  and 50 more"
    assert not (tmp_path / "b.conll").exists()
    assert convert_file(put("c.jsonl", LINE), tmp_path / "b.conll", misaligned="error").report.names == 1


@pytest.mark.parametrize("to", ["conll", "conllu", "csv", "csv-spans", "brat"])
def test_a_nul_goes_only_where_it_comes_back_from(put, tmp_path, to):
    path = put("a.jsonl", [{"text": "x\0y", "label": []}])
    with pytest.raises(
        DataError, match=r"a\.jsonl:1: the text holds a NUL character, which the format cannot; remove"
    ):
        convert_file(path, tmp_path / "b", to=to)
    assert os.listdir(tmp_path) == ["a.jsonl"]
    convert_file(path, tmp_path / "b", to="prodigy")
    assert take(tmp_path / "b") == ("prodigy", [("x\0y", [])])


def test_names_of_targets_say_formats(tmp_path):
    assert {name: target_format(name) for name in ("a.conll", "a.tsv.gz", "A.JSONL", "x.ann", "x/", str(tmp_path), "a.csv")} == {
        "a.conll": "conll", "a.tsv.gz": "conll", "A.JSONL": "jsonl", "x.ann": "brat", "x/": "brat", str(tmp_path): "brat", "a.csv": "csv",
    }  # fmt: skip


# ── reading into a corpus, streams ────────────────────────────────────────────────────────────────────


def test_any_format_is_read_as_a_corpus(put, tmp_path):
    path = put("a.jsonl", [{"text": "Ann lives in Rome. Bo too.", "label": [[0, 3, "PER"], [13, 16, "LOC"]]}])
    corpus = read_any(path)
    assert [s.tokens for s in corpus.sentences] == [["Ann", "lives", "in", "Rom", "e", "."], ["Bo", "too", "."]]
    assert (corpus.scheme, corpus.counts, corpus.path) == ("IOB2", {"LOC": 1, "PER": 1}, path)
    assert corpus.notes == (
        "2 sentences, 9 tokens, 2 names",
        'doccano: "label" with places',
        "1 name: begins or ends inside a token, tokens cut",
    )
    conll = put("a.conll", "# c\na\tB-X\nb\tI-X\n")
    assert read_any(conll) == read_corpus(conll)


def test_a_tagger_learns_and_is_judged_on_any_format(put, tmp_path):
    path = put("a.jsonl", [{"text": f"Ann {k} met Bo", "label": [[0, 3, "PER"]]} for k in range(20)])
    corpus = read_any(path)
    tagger = Tagger.train(corpus, corpus, epochs=1, hidden=4, dimension=3, caps=2, window=3)
    assert tagger.labels == ("PER",) or list(tagger.labels) == ["PER"]


def test_standard_input_and_output_are_streams(monkeypatch):
    for raw, to in ((LINE, "conll"), (gzip.compress(LINE), "conll"), (b"Paris\tB-LOC\n", "conll")):
        out = io.BytesIO()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=out))
        convert_file("-", "-", to=to)
        assert out.getvalue() == b"Paris\tB-LOC\n\n"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(LINE)))
    assert read_any("-").entities == 1
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"Paris\tB-LOC\n")))
    assert read_any("-").entities == 1


def test_packed_files_are_written_and_read_and_are_the_same_each_time(put, tmp_path):
    path = put("a.jsonl", LINE)
    for name in ("b.conll.gz", "c.conll.gz"):
        convert_file(path, tmp_path / name)
    assert (tmp_path / "b.conll.gz").read_bytes() == (tmp_path / "c.conll.gz").read_bytes()
    assert gzip.decompress((tmp_path / "b.conll.gz").read_bytes()) == b"Paris\tB-LOC\n\n"
    assert read_corpus(tmp_path / "b.conll.gz").entities == 1


@pytest.mark.parametrize(("form", "to"), [("doccano", "conll"), ("conll", "csv")])
def test_memory_does_not_grow_with_the_file(put, tmp_path, form, to):
    peaks = []
    for size in (100, 1000):
        path = put(f"{size}.jsonl", LINE.replace(b'"Paris"', b'"Paris ' + b"x" * 1600 + b'"') * size)
        convert_file(path, tmp_path / "source", to=form)
        tracemalloc.start()
        convert_file(tmp_path / "source", tmp_path / "target", to=to)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 600_000  # the file is 1.5 MB larger
