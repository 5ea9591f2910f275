"""`chainrule convert`: what it says, what it writes, and what it leaves alone."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

TEXT = "Nike-sponsored runners in 서울에서 met 🎉 Ann"
NAMES = [[0, 4, "ORG"], [26, 28, "LOC"], [26, 30, "LOC"], [0, 99, "X"], [37, 40, "PER"]]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"text": TEXT, "label": NAMES}) + "\n")
    return path


@pytest.fixture
def tidy(tmp_path):
    path = tmp_path / "tidy.conll"
    path.write_text("Ann\tB-PER\nmet\tO\n\nRome\tB-LOC\n\n")
    return path


def plain(text):
    """Runs of blanks as one."""
    return [re.sub(r" +", " ", line).strip() for line in text.split("\n") if line.strip()]


def test_a_report_says_what_was_read_and_written_and_what_does_not_fit(cli, source, tmp_path):
    done = cli("convert", source, "out.conll")
    assert (done.code, done.out) == (0, "")
    assert plain(done.err) == [
        f'read doccano {source} "label" with places',
        "written conll out.conll token and tag on a line, tabs or blanks between, IOB2",
        "1 record · 9 tokens · 3 names: ORG 1, LOC 1, PER 1",
        "3 names do not fit, 2 of them left out",
        "in.jsonl:1 Nike-sponsored runners in 서울에서 … X 0–99 lies outside the text left out",
        "in.jsonl:1 서울 LOC 26–28 overlaps '서울에서' LOC 서울에서 left out",
        "in.jsonl:1 Nike ORG 0–4 begins or ends inside a token Nike-sponsored tokens cut",
    ]
    assert (tmp_path / "here" / "out.conll").read_text() == (
        "Nike\tB-ORG\n-\tO\nsponsored\tO\nrunners\tO\nin\tO\n서울에서\tB-LOC\nmet\tO\n🎉\tO\nAnn\tB-PER\n\n"
    )


def test_a_tidy_file_gives_a_short_report(cli, tidy):
    done = cli("convert", tidy, "out.jsonl")
    assert plain(done.err) == [
        f"read conll {tidy} 2 columns, IOB2: B- begins all 2 spans",
        'written jsonl out.jsonl JSON lines as "chainrule tag" writes them',
        "2 records · 3 tokens · 2 names: PER 1, LOC 1",
    ]
    assert cli("convert", tidy, "out.jsonl", "--quiet") == (0, "", "")


def test_what_is_shown_is_short_and_what_is_asked_for_is_whole(cli, tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text(
        json.dumps({"text": "Paris\n" * 2 + "\x1b[2J", "label": [[0, 50, "X"]] * 30 + [[5, 11, "\x1b"]]}) + "\n"
    )
    done = cli("convert", path, "out.jsonl", "--to", "doccano", "--report", "misfits.jsonl")
    assert "… 20 more; see misfits.jsonl" in done.err
    assert "\x1b" not in done.err.replace("\x1b[33m", "").replace("\x1b[0m", "")
    found = [json.loads(line) for line in (tmp_path / "here" / "misfits.jsonl").read_text().splitlines()]
    assert len(found) == 30
    assert found[0] == {
        "place": f"{path}:1", "text": "Paris\nParis\n\x1b[2J", "label": "X", "start": 0, "end": 50,
        "cause": "lies outside the text", "tokens": "", "done": "left out",
    }  # fmt: skip
    assert "… 20 more; --report FILE lists all" in cli("convert", path, "out.jsonl", "--to", "doccano").err


@pytest.mark.parametrize("flag", [("--strict",), ("--misaligned", "error")])
def test_strictness_refuses_and_still_writes_the_report(cli, source, tmp_path, flag):
    done = cli("convert", source, "out.conll", "--report", "misfits.jsonl", *flag)
    assert done.code == 2
    assert done.err.startswith("error: 3 names do not fit, nothing is written:\n")
    assert os.listdir(tmp_path / "here") == ["misfits.jsonl"]
    assert len((tmp_path / "here" / "misfits.jsonl").read_text().splitlines()) == 3


def test_figures_as_json(cli, source):
    done = cli("convert", source, "out.conll", "--json")
    assert done.err == ""
    figures = json.loads(done.out)
    assert (figures["from"], figures["to"], figures["names"]) == (
        "doccano",
        "conll",
        {"LOC": 1, "ORG": 1, "PER": 1},
    )
    assert sum(m["count"] for m in figures["misfits"]) == 3
    assert cli("convert", source, "-", "--to", "conll", "--json").code == 2


def test_standard_streams(cli, tidy):
    done = cli("convert", "-", "-", "--to", "doccano", stdin=tidy.read_bytes())
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == ["Ann met", "Rome"]
    assert "standard input" in done.err and "standard output" in done.err
    assert cli("convert", tidy, "-", "-q").out == tidy.read_text()
    assert cli("convert", "-", "-", "--to", "conll", "-q", "--scheme", "BIOES", stdin=done.out.encode()) == (
        0,
        "Ann\tS-PER\nmet\tO\n\nRome\tS-LOC\n\n",
        "",
    )


def test_settings_reach_the_work(cli, tidy, tmp_path):
    out = tmp_path / "here" / "o.tsv"
    assert (
        cli("convert", tidy, "o.tsv", "--separator", "blank", "--rename", "PER=person", "--rename", "LOC=O").code
        == 0
    )
    assert out.read_text() == "Ann B-person\nmet O\n\nRome O\n\n"
    assert cli("convert", tidy, "o.tsv", "--columns", "3,1").code == 2
    assert cli("convert", tidy, "o.tsv", "--columns", "1,-1").code == 0
    assert cli("convert", tidy, "folder/", "--from", "conll").code == 0
    assert sorted(os.listdir(tmp_path / "here" / "folder")) == [
        f"00000{k}.{e}" for k in (1, 2) for e in ("ann", "txt")
    ]
    assert cli("convert", "folder", "o.tsv").code == 0
    assert "B-PER" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.jsonl", "o.conll"), "error: none.jsonl: there is no such file; check the path"),
        ((".", "o.conll"), "error: .: is a folder; name a file in it"),
        (("t.conll", "o.json"), "error: o.json: the name does not say a format; give --to labelstudio or spacy"),
        (("t.conll", "none/o.conll"), "error: none/o.conll: cannot be written (No such file or directory)"),
        (("t.conll", "o.conll", "--rename", "x"), "error: --rename x: write OLD=NEW"),
        (("t.conll", "o.conll", "--columns", "x"), "error: --columns x: write the numbers of two columns"),
        (("t.conll", "o.conll", "--to", "conl"), "error: Invalid value for '--to': 'conl' is not one of"),
        (("t.conll", "-", "--to", "brat"), "error: standard output: brat is files; give the name of a folder"),
        (("t.conll",), "error: Missing argument 'OUT'"),
    ],
)
def test_what_people_get_wrong_is_one_line(cli, tidy, tmp_path, arguments, message):
    (tmp_path / "here" / "t.conll").write_bytes(tidy.read_bytes())
    done = cli("convert", *arguments)
    assert done.code in (1, 2)
    assert done.err.startswith(message)
    assert "Traceback" not in done.err
    assert os.listdir(tmp_path / "here") == ["t.conll"]


def test_help_lists_the_formats(cli):
    out = cli("convert", "--help").out
    for name in ("conllu", "prodigy", "labelstudio", "brat", "csv-spans"):
        assert name in out


def test_ctrl_c_leaves_what_was_there(tmp_path):
    """The process waits for more of its standard input when it is interrupted."""
    target = tmp_path / "out.conll"
    target.write_text("before")
    command = [sys.executable, "-m", "chainrule", "convert", "-", "out.conll", "--from", "doccano"]
    line = json.dumps({"text": "Paris", "label": [[0, 5, "LOC"]]}).encode() + b"\n"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        process.stdin.write(line * 5000)
        process.stdin.flush()
        while not list(tmp_path.glob(".out.conll.*.tmp")) and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
        process.stdin.close()
        assert process.wait() == 130
    assert err.decode().strip() == "stopped by Ctrl-C"
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["out.conll"]
