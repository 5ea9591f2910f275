"""`chainrule tag`: forms of input and output beyond lines of text, alternatives, and going on behind broken lines."""

import json
from html.parser import HTMLParser

import pytest

from chainrule.ner import Tagger, sample
from chainrule.ner.corpus import read_corpus, write_conll
from chainrule.ner.entity import Alternative, Entity
from chainrule.shell.tag_forms import FORMS
from chainrule.shell.tag_lines import LONGEST, MOST, Given

MARSH = "Prime Minister Helen Marsh flew to Berlin on Monday for two days of talks on energy supply."


def records(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


# ── what else a name could be ─────────────────────────────────────────────────────────────────────────


def test_alternatives_are_in_every_record_and_scores_as_without(cli, model):
    (plain,), (found,) = (
        records(cli("tag", model, MARSH).out),
        records(cli("tag", model, MARSH, "--alternatives", "2").out),
    )
    expected = Tagger.load(model).tag(MARSH, alternatives=2)
    for e, was, tagged in zip(found["entities"], plain["entities"], expected, strict=True):
        others = e.pop("alternatives")
        assert e == was
        assert others == [{"label": a.label, "score": round(a.score, 4)} for a in tagged.alternatives]
    assert len(found["entities"]) == 3


def test_text_shows_what_is_near(model):
    others = (Alternative("LOC", 0.3), Alternative("O", 0.12), Alternative("ORG", 0.09))
    names = [Entity(0, 5, "PER", 0.49, "Paris", others), Entity(6, 9, "ORG", 0.95, "Ltd", others[2:])]
    out = FORMS["text"].record(Given(1, "Paris Ltd"), names, Tagger.load(model))
    assert out.splitlines()[-2:] == ["  Paris  PER  0.49  or LOC 0.30  or no name 0.12", "  Ltd    ORG  0.95"]


def test_conll_has_no_place_for_them(cli, model):
    done = cli("tag", model, MARSH, "--format", "conll", "--alternatives", "1")
    assert (done.code, done.out) == (2, "")
    assert "conll has no place for alternatives; choose jsonl, tsv, html or text" in done.err


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_for_each_name_and_what_would_be_a_column_is_escaped(cli, model):
    text = f"{MARSH}\nof two\n" + '{"a": 1}' + "\nHelen\tMarsh\nBerlin"
    done = cli("tag", model, "--format", "tsv", "--alternatives", "1", stdin=text.encode())
    head, *rows = [line.split("\t") for line in done.out.splitlines()]
    assert head == ["line", "start", "end", "label", "score", "text", "label2", "score2"]
    given = text.split("\n")
    for line, start, end, _, score, name, other, chance in rows:
        assert name == given[int(line) - 1][int(start) : int(end)].replace("\t", "\\t")
        assert 0 < float(score) + float(chance) <= 1 + 1e-4
        assert other in {"O", *Tagger.load(model).labels}
    expected = [(str(k), e.label) for k, t in enumerate(given, 1) for e in Tagger.load(model).tag(t)]
    assert [(row[0], row[3]) for row in rows] == expected
    assert len(rows) >= 5


def test_a_table_without_names_has_its_head(cli, model):
    assert cli("tag", model, "--format", "tsv", stdin=b"of two\n").out == "line\tstart\tend\tlabel\tscore\ttext\n"


def test_line_ends_and_backslashes_inside_a_name_are_escaped(cli, model, monkeypatch):
    given = json.dumps({"text": "Helen\nMarsh \\n"})
    monkeypatch.setattr(
        Tagger, "pipe", lambda self, texts, **_: iter([[Entity(0, 14, "PER", 0.5, t)] for t in texts])
    )
    row = cli("tag", model, "--input", "jsonl", "--format", "tsv", stdin=given.encode()).out.splitlines()[1]
    assert row == "1\t0\t14\tPER\t0.5000\tHelen\\nMarsh \\\\n"


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────


class Read(HTMLParser):
    """The texts of a page and its marks; and every element that could load or run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts, self.marks, self.odd, self.inside, self.open = [], [], [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.inside = [*self.inside, tag][-3:]
        known = dict(attrs)
        if tag in ("span", "section"):
            self.open = known.get("class") == "text"
            self.texts += [""] * self.open
        if tag == "mark":
            self.marks.append("")
        if tag in ("script", "iframe", "img", "object", "form") or any(name.startswith("on") for name in known):
            self.odd.append(tag)

    def handle_endtag(self, tag):
        self.inside = self.inside[:-1]

    def handle_data(self, data):
        if self.open and "small" not in self.inside:
            self.texts[-1] += data
        if self.inside[-1:] == ["mark"] and self.marks:
            self.marks[-1] += data


EVIL = '<script>alert(1)</script> </span></p> "Berlin" & \' <b onclick=x>'


def test_a_page_holds_the_texts_and_nothing_of_them_is_more_than_text(cli, model):
    lines = [MARSH, "", EVIL, "이순신", f"{MARSH} {EVIL}"]
    page = cli("tag", model, "--format", "html", stdin="\n".join(lines).encode()).out
    assert page.startswith("<!doctype html>") and page.endswith("</html>\n")
    assert "script-src" not in page and "default-src 'none'" in page
    read = Read(page)
    assert read.odd == []
    assert [text.removesuffix("\n") for text in read.texts] == lines
    assert read.marks[:3] == ["Helen Marsh", "Berlin", "Monday"]
    names = [e for line in lines for e in Tagger.load(model).tag(line)]
    assert f"{len(names)} names in 5 texts" in page


def test_a_page_is_whole_where_its_texts_end_in_an_error(cli, model):
    done = cli("tag", model, "--format", "html", stdin=f"{MARSH}\n".encode() + b"Z\xfcrich\n")
    assert done.code == 2
    assert "3 names in 1 texts" in done.out and done.out.endswith("</html>\n")


def test_a_page_is_written_as_it_comes(cli, model):
    line = f"{MARSH}\n".encode()
    one, many = (cli("tag", model, "--format", "html", stdin=line * n).out for n in (1, 3))
    start = one.index('<p class="found">')
    assert many[:start] == one[:start]
    assert many.count('<p class="found">') == 3


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "form"), [("a.html", "html"), ("a.tsv", "tsv"), ("a.jsonl", "jsonl"), ("a", "jsonl")]
)
def test_a_file_holds_what_standard_output_would(cli, model, tmp_path, name, form):
    out = cli("tag", model, "--format", form, MARSH).out
    done = cli("tag", model, MARSH, "--out", tmp_path / name)
    assert done == (0, "", f"  {tmp_path / name}\n")
    assert (tmp_path / name).read_bytes() == out.encode()


def test_a_file_is_whole_or_not_there(cli, model, tmp_path):
    (tmp_path / "old.tsv").write_text("before")
    for name in ("new.tsv", "old.tsv"):
        assert cli("tag", model, "--out", tmp_path / name, stdin=b"Berlin\nZ\xfcrich\n").code == 2
    assert [p.name for p in tmp_path.glob("*.tsv*")] == ["old.tsv"]
    assert (tmp_path / "old.tsv").read_text() == "before"
    assert cli("tag", model, "Berlin", "--out", tmp_path / "none" / "a.tsv").code == 1


# ── broken lines ──────────────────────────────────────────────────────────────────────────────────────


def test_what_is_broken_is_told_and_left_out(cli, model):
    long = b"x" * (2 * LONGEST) + b"\n"
    given = b"Berlin\nZ\xfcrich\n" + long + b"Monday\n" + long + b"\xff"
    done = cli("tag", model, "--keep-going", stdin=given)
    assert done.code == 1
    assert [r["text"] for r in records(done.out)] == ["Berlin", "Monday"]
    told = records(done.err)
    assert [t["line"] for t in told] == [2, 3, 5, 6]
    assert told[0]["error"] == "standard input:2: byte 2 (0xfc) is not UTF-8; convert it"
    assert all(t["source"] == "standard input" for t in told)
    assert "over 1,048,576 bytes" in told[1]["error"]


def test_nothing_broken_is_no_failure(cli, model):
    assert cli("tag", model, "--keep-going", "Berlin").code == 0


def test_workers_go_on_too(cli, model):
    given = b"".join(b"Berlin %d\n" % k + b"\xff\n" * (k % 50 == 0) for k in range(300))
    alone = cli("tag", model, "--keep-going", stdin=given)
    assert alone.code == 1 and len(records(alone.out)) == 300 and len(records(alone.err)) == 6
    assert cli("tag", model, "--keep-going", "--workers", "2", stdin=given) == alone


# ── JSON in ───────────────────────────────────────────────────────────────────────────────────────────


def test_fields_of_a_record_are_kept(cli, model):
    given = [{"id": 7, "text": MARSH, "meta": {"a": [1, None]}}, {"text": "of\ntwo", "entities": ["old"]}]
    lines = "\n\n".join(json.dumps(record) for record in given)
    found = records(cli("tag", model, "--input", "jsonl", stdin=lines.encode()).out)
    for record, new in zip(given, found, strict=True):
        assert {**new, "entities": None} == {**record, "entities": None}
        assert all(new["text"][e["start"] : e["end"]] == e["text"] for e in new["entities"])
    assert [e["label"] for e in found[0]["entities"]] == ["PER", "LOC", "DATE"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Berlin", "is no JSON (Expecting value, character 1); give one object a line"),
        ('{"text": 1}', 'is no object with a text in its field "text"; give {"text": …}'),
        ("[1]", 'is no object with a text in its field "text"; give {"text": …}'),
        ('{"text": "a", "x": "\\uD800"}', "holds half of a character; write it whole"),
    ],
)
def test_what_is_no_record_is_refused_behind_those_before(cli, model, line, reason):
    done = cli("tag", model, "--input", "jsonl", stdin=f'{{"text": "Berlin"}}\n{line}\n'.encode())
    assert done.code == 2
    assert [r["text"] for r in records(done.out)] == ["Berlin"]
    assert done.err == f"error: standard input:2: {reason}\n"


# ── CoNLL in ──────────────────────────────────────────────────────────────────────────────────────────


def test_tags_stand_beside_the_gold_ones(cli, model, tmp_path):
    sentences = sample("en").train.sentences[:20]
    write_conll(tmp_path / "gold.conll", sentences)
    out = cli("tag", model, "--input", "conll", tmp_path / "gold.conll").out
    (tmp_path / "both.conll").write_text(out)
    found = read_corpus(tmp_path / "both.conll").sentences
    assert [s.tokens for s in found] == [s.tokens for s in sentences]
    assert [s.tags for s in found] == Tagger.load(model).tag_tokens([s.tokens for s in sentences])
    done = cli("score", "-", stdin=out.encode())
    assert "100.0" in done.err + done.out


def test_comments_blank_lines_and_documents_stay(cli, model):
    given = "-DOCSTART- -X- O O\n\n# a note\nHelen NNP B-PER\n# SYM O\n\n\nBerlin NNP B-LOC"
    out = cli("tag", model, "--input", "conll", stdin=given.encode()).out
    rows = out.splitlines()
    assert [rows[k] for k in (0, 1, 2, 5, 6)] == ["-DOCSTART- -X- O O O", "", "# a note", "", ""]
    assert [row.rsplit(" ", 1)[0] for row in (rows[3], rows[4], rows[7])] == [
        "Helen NNP B-PER",
        "# SYM O",
        "Berlin NNP B-LOC",
    ]


def test_a_sentence_without_end_is_refused(cli, model):
    done = cli("tag", model, "--input", "conll", stdin=b"Berlin\n\n" + b"a\n" * (MOST + 2))
    assert done.code == 2
    assert done.err == f"error: standard input:3: a sentence of over {MOST:,} tokens; break it\n"


def test_rows_have_no_other_form(cli, model):
    done = cli("tag", model, "--input", "conll", "--format", "html", stdin=b"Berlin\n")
    assert done.code == 2 and "--input conll adds a column" in done.err
