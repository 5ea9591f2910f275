"""Columns of texts in, names out: `chainrule tag` on Parquet says what it says of lines."""

import json
from pathlib import Path

import pytest

from chainrule.ports import parquet
from chainrule.ports.parquet import TOGETHER
from chainrule.shell.main import main

pq = pytest.importorskip("pyarrow.parquet", reason='no pyarrow: pip install "chainrule[parquet]"')
pa = pytest.importorskip("pyarrow")


@pytest.fixture
def model(tagger, tmp_path, monkeypatch):
    tagger.save(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    return "model"


def run(*arguments, code=0):
    with pytest.raises(SystemExit) as left:
        main(["tag", *map(str, arguments)])
    assert (left.value.code or 0) == code


def test_texts_in_a_column_are_tagged(model, tagger, text, capsys):
    texts = [text.split("\n")[0], None, "\u2028 two\nlines \x85", text.split("\n")[1]] * 600
    pq.write_table(pa.table({"id": list(range(len(texts))), "text": texts}), "in.parquet")
    run(model, "in.parquet", "--out", "out.parquet")
    found = pq.read_table("out.parquet").to_pylist()
    assert [row["text"] for row in found] == [text or "" for text in texts]
    for row in found[:4]:
        names = [(e["start"], e["end"], e["label"], e["text"]) for e in row["entities"]]
        assert names == [(e.start, e.end, e.label, e.text) for e in tagger.tag(row["text"])]
    assert pq.ParquetFile("out.parquet").num_row_groups == -(-len(texts) // TOGETHER)
    capsys.readouterr()
    run(model, "in.parquet", "--format", "jsonl")
    lines = [json.loads(line) for line in capsys.readouterr().out.split("\n")[:-1]]
    assert [(r["text"], len(r["entities"])) for r in lines] == [(r["text"], len(r["entities"])) for r in found]


def test_fields_of_json_that_have_no_column_are_kept(model, text):
    with open("in.jsonl", "w", encoding="utf-8") as file:
        for k in range(3):
            file.write(json.dumps({"id": k, "text": text, "source": {"page": k}}) + "\n")
    run(model, "in.jsonl", "--input", "jsonl", "--out", "out.pq")
    found = list(parquet.read("out.pq"))
    assert [(r.key, r.meta) for r in found] == [(str(k), {"source": {"page": k}}) for k in range(3)]
    assert all(r.names for r in found)


def test_what_cannot_be_is_said(model, capsys):
    run(model, "Ann", "--format", "parquet", code=2)
    assert "parquet is a file; name it" in capsys.readouterr().err
    run(model, "none.parquet", code=2)
    assert "there is no such file" in capsys.readouterr().err
    pq.write_table(pa.table({"body": ["Ann"]}), "in.parquet")
    run(model, "in.parquet", "--out", "out.parquet", code=2)
    assert "has no column 'text', but body; name one" in capsys.readouterr().err
    assert not list(Path().glob("*out*"))
