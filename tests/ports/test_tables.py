"""Parquet, .spacy and data sets of Hugging Face: what is written reads back, and columns of others are found."""

import json
import random
import string
import tracemalloc
from typing import Any

import pytest

from chainrule import DataError, ExtraError
from chainrule.ner import Tagger, convert_file, read_any
from chainrule.ner.formats_record import Name, Record
from chainrule.ner.formats_table import added
from chainrule.ports import docbin, parquet
from chainrule.ports.extra import LIBRARIES
from chainrule.ports.pandas import entities_frame
from chainrule.ports.rows import records, text_row

ADDED = {"docbin": "spacy", "hf": "datasets", "parquet": "pyarrow", "parquet-tokens": "pyarrow"}
SENTENCES = [
    ("Ann Lee ran", [("Ann Lee", "PER")]),
    ("\U0001f600 Zoë,서울  시청!", [("Zoë", "PER"), ("서울", "LOC")]),
    ("nothing here", []),
]


def library(name: str) -> Any:
    return pytest.importorskip(name, reason=f'not here: pip install "chainrule[{LIBRARIES[name].extra}]"')


def texts() -> list[Record]:
    return [
        Record(text, tuple(Name(text.index(t), text.index(t) + len(t), label) for t, label in names))
        for text, names in SENTENCES
    ]


def annotated(path, folder, form=None):
    """What a file holds, as JSON lines."""
    convert_file(path, folder / "out.jsonl", to="jsonl", form=form)
    return [json.loads(line) for line in (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]


def source(folder) -> Any:
    lines = [
        {"text": r.text, "entities": [{"start": n.start, "end": n.end, "label": n.label} for n in r.names]}
        for r in texts()
    ]
    path = folder / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_packages_add_formats_by_entry_points():
    if not added():
        pytest.skip("chainrule is not installed here, so that it has no entry points: pip install -e .")
    assert ADDED.keys() <= added().keys()


@pytest.mark.parametrize(("form", "suffix"), [("parquet", ".parquet"), ("docbin", ".spacy")])
def test_texts_and_names_return_to_the_character(form, suffix, tmp_path):
    library(ADDED[form])
    convert_file(source(tmp_path), tmp_path / f"a{suffix}")
    found = annotated(tmp_path / f"a{suffix}", tmp_path)
    assert [(r["text"], [(e["text"], e["label"]) for e in r["entities"]]) for r in found] == SENTENCES


@pytest.mark.parametrize("scheme", ["IOB2", "BIOES"])
def test_sentences_return_with_their_tokens_and_tags(scheme, corpus, tmp_path):
    library("pyarrow")
    (tmp_path / "a.conll").write_text(
        "".join(
            "".join(f"{t}\t{g}\n" for t, g in zip(s.tokens, s.tags, strict=True)) + "\n" for s in corpus.sentences
        ),
        encoding="utf-8",
    )
    convert_file(tmp_path / "a.conll", tmp_path / "a.pq", to="parquet-tokens", scheme=scheme)
    found = read_any(tmp_path / "a.pq")
    assert [s[:2] for s in found.sentences] == [s[:2] for s in corpus.sentences]
    rows = pytest.importorskip("pyarrow.parquet").read_table(tmp_path / "a.pq").to_pylist()
    assert rows[0]["tokens"] == corpus.sentences[0].tokens and rows[0]["ner_tags"] == corpus.tagged(scheme)[0]


@pytest.mark.parametrize("form", ["parquet", "docbin"])
def test_tokens_stay_as_they_are(form, corpus, tmp_path):
    library(ADDED[form])
    record = Record("a-b c", (Name(2, 3, "X"),), ((0, 1), (1, 2), (2, 3), (4, 5)))
    module = {"parquet": parquet.TEXTS, "docbin": docbin.FORMAT}[form]
    with (tmp_path / "a").open("wb") as file:
        module.write([record], file, None)
    (again,) = module.fetch(tmp_path / "a", None)
    assert (again.text, again.tokens, [n[:3] for n in again.names]) == (record.text, record.tokens, [(2, 3, "X")])


def test_parquet_keeps_what_is_known_of_a_text(tmp_path):
    library("pyarrow")
    given = Record("Ann ran", (Name(0, 3, "PER", 0.25),), None, "", 3, "k7", {"source": {"page": 2}})
    with (tmp_path / "a.parquet").open("wb") as file:
        parquet.TEXTS.write([given, Record("b")], file, None)
    first, second = parquet.read(tmp_path / "a.parquet")
    assert (first.key, first.document, first.meta, first.names[0].score) == (
        "k7",
        3,
        {"source": {"page": 2}},
        0.25,
    )
    assert (second.key, second.meta, second.names) == (None, {}, ())


@pytest.mark.parametrize("form", ["parquet", "docbin"])
def test_any_text_returns(form, tmp_path):
    library(ADDED[form])
    rng = random.Random(20261121)
    alphabet = string.printable + "äñ漢字\u200b\U0001f600\u0301"
    given = []
    for _ in range(60):
        text = "".join(rng.choices(alphabet, k=rng.randrange(1, 30)))
        cuts = sorted(rng.sample(range(len(text) + 1), min(4, len(text) + 1)))
        names = [Name(a, b, "X") for a, b in zip(cuts[::2], cuts[1::2], strict=False) if text[a:b].strip()]
        names = [n._replace(start=n.end - len(text[n.start : n.end].lstrip())) for n in names]
        names = [n._replace(end=n.start + len(text[n.start : n.end].rstrip())) for n in names]
        if text.strip():
            found = [{"start": n.start, "end": n.end, "label": "X", "text": text[n.start : n.end]} for n in names]
            given.append({"text": text, "entities": found})
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(v) + "\n" for v in given))
    suffix = {"parquet": ".parquet", "docbin": ".spacy"}[form]
    convert_file(tmp_path / "in.jsonl", tmp_path / f"a{suffix}", form="jsonl")
    found = annotated(tmp_path / f"a{suffix}", tmp_path)
    assert [r["text"] for r in found] == [v["text"] for v in given]
    assert [[(e["start"], e["end"]) for e in r["entities"]] for r in found] == [
        [(e["start"], e["end"]) for e in v["entities"]] for v in given
    ]


def test_tags_that_are_numbers_have_the_names_that_datasets_wrote_beside_them(tmp_path):
    pa, pq = library("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"words": [["Ann", "ran"]], "ner_tags": [[1, 0]]})
    kind = {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}, "_type": "List"}
    about = json.dumps({"info": {"features": {"ner_tags": kind}}})
    pq.write_table(table.replace_schema_metadata({"huggingface": about}), tmp_path / "a.parquet")
    assert read_any(tmp_path / "a.parquet").sentences[0].tags == ["B-PER", "O"]
    pq.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(
        DataError, match=r"b\.parquet:1: tag 1 has no name, the numbers have none; give tags as text"
    ):
        read_any(tmp_path / "b.parquet")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"a": 1, "b": 2}], "x: its columns are a, b; it takes tokens and ner_tags, or text and entities"),
        ([{"tokens": ["a"], "ner_tags": ["O", "O"]}], "x:1: the tags are"),
        ([{"tokens": ["a"], "ner_tags": ["O"]}, {"tokens": ["a"], "ner_tags": ["Q-X"]}], "x:2: illegal tag 'Q-X'"),
        ([{"tokens": ["a"], "pos": ["N"]}], "x:1: the tags are null"),
        (
            [{"text": "a", "entities": [{"start": 0, "end": 1, "label": "X"}]}, {"text": None}],
            "x:2: the text is null",
        ),
        ([{"text": "a", "entities": "X"}], 'x:1: "entities" is "X"; give a list of names'),
    ],
)
def test_rows_that_are_none_are_named(rows, message):
    with pytest.raises(DataError) as raised:
        list(records(iter(rows), "x", parquet.Reading()))
    assert str(raised.value).startswith(message)


def test_rows_of_records_are_records_again():
    assert [r.names for r in records(map(text_row, texts()), "x", parquet.Reading())] == [r.names for r in texts()]
    assert list(records(iter(()), "x", parquet.Reading())) == []


@pytest.mark.parametrize("suffix", [".parquet", ".spacy"])
@pytest.mark.parametrize("raw", [b"", b"PAR1", b"\x78\x9cabc", b"PAR1" + bytes(40) + b"PAR1", b"text"])
def test_damaged_files_are_one_sentence(suffix, raw, tmp_path):
    library({".parquet": "pyarrow", ".spacy": "spacy"}[suffix])
    path = tmp_path / f"a{suffix}"
    path.write_bytes(raw)
    with pytest.raises(DataError) as raised:
        read_any(path)
    assert str(raised.value).startswith(f"{path}: ") and "\n" not in str(raised.value)


def test_a_missing_file_is_one_sentence(tmp_path):
    for name in ("a.parquet", "a.spacy"):
        library({"a.parquet": "pyarrow", "a.spacy": "spacy"}[name])
        with pytest.raises(DataError, match=name):
            read_any(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "missing"), [("a.parquet", "pyarrow"), ("a.spacy", "spaCy"), ("hf:x", "datasets")]
)
def test_without_its_library_a_format_names_its_extra(name, missing, monkeypatch):
    if not added():
        pytest.skip("chainrule is not installed here, so that it has no entry points: pip install -e .")
    monkeypatch.setattr("chainrule.ports.extra.metadata.version", lambda name: "0.1")
    with pytest.raises(ExtraError, match=rf'needs .*{missing}.*: pip install "chainrule\[\w+\]"'):
        read_any(name)


def test_tagged_texts_are_written_and_read_batch_by_batch(tagger, text, tmp_path):
    library("pyarrow")
    given = [text, "", "nobody"] * 700
    tracemalloc.start()
    parquet.write(tmp_path / "a.parquet", zip(given, tagger.pipe(given), strict=True))
    assert sum(len(r.names) for r in parquet.read(tmp_path / "a.parquet")) == 700 * len(tagger.tag(text))
    assert list(parquet.read_texts(tmp_path / "a.parquet")) == given
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    with pytest.raises(DataError, match="has no column 'body', but text, entities, tokens, id, meta; name one"):
        next(parquet.read_texts(tmp_path / "a.parquet", "body"))
    with pytest.raises(DataError, match="column 'entities' holds"):
        next(parquet.read_texts(tmp_path / "a.parquet", "entities"))
    with pytest.raises(DataError, match="half of a character"):
        parquet.write(tmp_path / "b.parquet", [("\ud800", [])])
    assert not (tmp_path / "b.parquet").exists()


def test_a_frame_has_a_row_for_each_name(tagger: Tagger, text):
    pandas = library("pandas")
    frame = entities_frame(["nothing", text, text], tagger)
    columns = ["start", "end", "label", "score", "text"]
    assert frame.columns.tolist() == ["document", *columns]
    rows = frame.loc[frame.document == 2, columns].itertuples(index=False)
    assert [tuple(row) for row in rows] == [tuple(getattr(e, c) for c in columns) for e in tagger.tag(text)]
    assert [str(frame[c].dtype) for c in ("start", "end", "score")] == ["int64", "int64", "float64"]
    named = entities_frame(pandas.Series({"a": text, "b": "none"}), tagger)
    assert set(named.document) == {"a"}
    assert len(entities_frame([], tagger)) == 0
