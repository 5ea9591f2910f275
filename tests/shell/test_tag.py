"""`chainrule tag`: what goes in, what comes out, line by line."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from shard_work import killed

from chainrule.ner import Entity, Tagger
from chainrule.ner.corpus import read_corpus
from chainrule.shell import tag_work
from chainrule.shell.tag_forms import underlined
from chainrule.shell.tag_lines import LONGEST

MARSH = "Prime Minister Helen Marsh flew to Berlin on Monday for two days of talks on energy supply."


def records(out: str) -> list[dict]:
    """The records of JSON lines; each must have a text and entities that lie in it."""
    found = [json.loads(line) for line in out.splitlines()]
    for record in found:
        assert set(record) == {"text", "entities"}
        for e in record["entities"]:
            assert record["text"][e["start"] : e["end"]] == e["text"]
    return found


def texts(out: str) -> list[str]:
    return [record["text"] for record in records(out)]


# ── sources ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_text_is_one_record(cli, model):
    done = cli("tag", model, MARSH)
    assert (done.code, done.err) == (0, "")
    (record,) = records(done.out)
    assert [(e["label"], e["text"]) for e in record["entities"]] == [
        ("PER", "Helen Marsh"),
        ("LOC", "Berlin"),
        ("DATE", "Monday"),
    ]
    assert all(e["score"] == round(e["score"], 4) for e in record["entities"])


def test_lines_of_standard_input_are_records_in_order_empty_ones_too(cli, model):
    lines = [MARSH, "", "  ", "Berlin", "", "철수는 서울역에서", "🎉", *[f"line {k}" for k in range(200)]]
    for arguments in (["-"], []):
        done = cli("tag", model, *arguments, stdin="\n".join(lines).encode())
        assert texts(done.out) == lines
    assert texts(cli("tag", model, "-", stdin=("\n".join(lines) + "\n").encode()).out) == lines


def test_what_is_tagged_in_a_group_is_what_is_tagged_alone(cli, model):
    lines = [MARSH, "", "Helen Marsh", "Berlin on Monday"]
    together = records(cli("tag", model, "-", stdin="\n".join(lines).encode()).out)
    assert together == [records(cli("tag", model, line).out)[0] for line in lines]


def test_nothing_in_is_nothing_out(cli, model):
    assert cli("tag", model, "-", stdin=b"") == (0, "", "")
    assert records(cli("tag", model, "").out) == [{"text": "", "entities": []}]


def test_windows_line_ends_and_byte_order_marks_are_no_text(cli, model, tmp_path):
    (tmp_path / "dos.txt").write_bytes(b"\xef\xbb\xbfHelen Marsh\r\nBerlin\r\n\r\nMonday")
    assert texts(cli("tag", model, tmp_path / "dos.txt").out) == ["Helen Marsh", "Berlin", "", "Monday"]
    assert texts(cli("tag", model, stdin=(tmp_path / "dos.txt").read_bytes()).out)[0] == "Helen Marsh"


def test_many_sources_come_in_their_order(cli, model, tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "b.txt").write_text("three")
    done = cli("tag", model, tmp_path / "a.txt", "Paris is a text", tmp_path / "b.txt", "-", stdin=b"four\n")
    assert texts(done.out) == ["one", "two", "Paris is a text", "three", "four"]


def test_a_text_that_is_also_a_file_is_the_file(cli, model, tmp_path):
    (tmp_path / "here" / "Paris").write_text("Berlin\n")
    assert texts(cli("tag", model, "Paris").out) == ["Berlin"]
    assert texts(cli("tag", model, "-", stdin=b"Paris").out) == ["Paris"]


@pytest.mark.parametrize("name", ["Paris", "in Paris", "Paris/", "."])
def test_a_folder_is_refused_and_its_name_can_be_piped(cli, model, tmp_path, name):
    (tmp_path / "here" / name).mkdir(exist_ok=True)
    assert cli("tag", model, name) == (2, "", f"error: {name}: is a folder; name files in it\n")
    assert texts(cli("tag", model, "-", stdin=name.encode()).out) == [name]


@pytest.mark.parametrize("text", ["and/or", "U.S.", "example.com", "Yahoo!", "9/11", "3.5", "…", "a.b c.txt"])
def test_texts_with_dots_and_strokes_are_texts(cli, model, text):
    assert texts(cli("tag", model, text).out) == [text]


def test_a_text_of_several_lines_is_several_records(cli, model):
    assert texts(cli("tag", model, "Berlin\nMonday").out) == ["Berlin", "Monday"]


# ── bad input ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("before", [0, 1, 5000])
def test_bytes_that_are_no_utf8_are_refused_by_line_and_byte_after_the_lines_before(cli, model, before):
    done = cli("tag", model, "-", stdin=b"Berlin\n" * before + b"Z\xfcrich\nnever\n")
    assert done.code == 2
    assert done.err == f"error: standard input:{before + 1}: byte 2 (0xfc) is not UTF-8; convert it\n"
    assert texts(done.out) == ["Berlin"] * before


def test_a_line_without_end_is_refused_before_it_fills_the_memory(cli, model):
    done = cli("tag", model, "-", stdin=b"Berlin\n" + b"x" * (LONGEST + 10) + b"\nnever\n")
    assert (done.code, texts(done.out)) == (2, ["Berlin"])
    assert done.err == "error: standard input:2: a line of over 1,048,576 bytes; break it into paragraphs\n"


@pytest.mark.slow
def test_the_longest_line_that_is_allowed_is_tagged(cli, model):
    line = "Berlin " * (LONGEST // 7)
    assert texts(cli("tag", model, "-", stdin=line.encode()).out) == [line]


def test_an_argument_that_is_no_utf8_is_refused(shell, model):
    done = shell("tag", model, os.fsdecode(b"Z\xfcrich"))
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: the text:1: byte 2 (0xfc) is not UTF-8; convert it\n"


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:strict"},
        {"PYTHONUTF8": "0", "LC_ALL": "POSIX"},
    ],
)
def test_output_is_utf8_whatever_the_locale(shell, model, env):
    done = shell("tag", model, "-", stdin="철수 🎉 Zürich\n".encode(), env=env)
    assert (done.code, done.err) == (0, "")
    assert texts(done.out) == ["철수 🎉 Zürich"]


def test_a_closed_standard_input_is_said(model):
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m chainrule tag {model} - <&-"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: standard input: is closed; give a text or files\n"


@pytest.mark.parametrize(("close", "code"), [(">&-", 141), ("2>&-", 0), ("<&-", 0), (">&- 2>&- <&-", 141)])
def test_closed_streams_break_nothing(model, close, code):
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m chainrule tag {model} Paris {close}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "")


# ── pipes ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_reader_that_leaves_ends_it_silently(model):
    line = f"yes Berlin | {sys.executable} -m chainrule tag {model} - | head -1; echo ${{PIPESTATUS[1]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    first, code = done.stdout.splitlines()
    assert texts(first) == ["Berlin"]
    assert (code, done.stderr) == ("141", "")


def test_nobody_who_asks_line_by_line_waits_for_an_answer(model):
    talk = subprocess.Popen(
        [sys.executable, "-m", "chainrule", "tag", str(model)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        for line in ("Berlin", "", "Helen Marsh"):
            talk.stdin.write(line.encode() + b"\n")
            talk.stdin.flush()
            assert json.loads(talk.stdout.readline())["text"] == line
    finally:
        talk.stdin.close()
        assert talk.wait(30) == 0
        talk.stdout.close()


# ── workers ───────────────────────────────────────────────────────────────────────────────────────────


def test_two_workers_write_what_one_writes_and_then_the_error(cli, model):
    lines = b"".join(b"Helen Marsh flew to Berlin in week %d\n" % k for k in range(4000))
    alone = cli("tag", model, stdin=lines + b"Z\xfcrich\n")
    assert alone.code == 2
    assert len(records(alone.out)) == 4000
    assert cli("tag", model, "--workers", "2", stdin=lines + b"Z\xfcrich\n") == alone


def runs(group: int) -> bool:
    """Whether a process of this group is there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_nobody_who_asks_a_worker_line_by_line_waits_for_an_answer_and_ctrl_c_ends_all(model):
    talk = subprocess.Popen(
        [sys.executable, "-m", "chainrule", "tag", str(model), "--workers", "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        for line in ("Berlin", "Helen Marsh"):
            talk.stdin.write(line.encode() + b"\n")
            talk.stdin.flush()
            assert json.loads(talk.stdout.readline())["text"] == line
        os.killpg(talk.pid, signal.SIGINT)  # as a terminal sends it, to the workers too
        out, err = talk.communicate(timeout=30)
        assert (talk.returncode, out, err) == (130, b"", b"\nstopped by Ctrl-C\n")
        for _ in range(500):
            if not runs(talk.pid):
                break
            time.sleep(0.01)
        assert not runs(talk.pid)
    finally:
        talk.kill()


def test_a_worker_that_is_killed_is_an_error_behind_whole_lines(cli, model, monkeypatch):
    monkeypatch.setattr(tag_work, "records", killed)
    done = cli("tag", model, "--workers", "2", stdin=b"one\ntwo\n")
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(
        r"error: worker 1 of 2 \(process \d+\) was ended .* with texts 1 to 2 in hand; .*\n", done.err
    )


def test_no_workers_is_wrong_usage(cli, model):
    assert "0 is not in the range x>=1" in cli("tag", model, "--workers", "0", "Paris").err


# ── forms of output ───────────────────────────────────────────────────────────────────────────────────


def test_conll_is_read_back_with_the_same_names(cli, model, tmp_path):
    text = f"{MARSH} Helen Marsh flew to Berlin.\nMonday\n"
    done = cli("tag", model, "-", "--format", "conll", stdin=text.encode())
    (tmp_path / "out.conll").write_text(done.out, encoding="utf-8")
    corpus = read_corpus(tmp_path / "out.conll")
    tagger = Tagger.load(model)
    tokens = [[t.text for t in s] for line in text.splitlines() for s in tagger.tokenize(line)]
    assert [s.tokens for s in corpus.sentences] == tokens
    assert [s.tags for s in corpus.sentences] == tagger.tag_tokens(tokens)


def test_text_underlines_the_names_and_lists_them(cli, model, monkeypatch):
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((120, 24)))
    out = cli("tag", model, "--format", "text", MARSH).out
    shown, marks, listed = out.split("\n")[1], out.split("\n")[2], out.split("\n")[4:-1]
    assert shown == f"  {MARSH}"
    assert marks == "                 ────PER────         ─LOC──    ─DATE─"
    assert [re.fullmatch(r"  (.*?) +([A-Z]+) +[01]\.\d\d", line).groups() for line in listed] == [
        ("Helen Marsh", "PER"),
        ("Berlin", "LOC"),
        ("Monday", "DATE"),
    ]


def test_a_text_without_names_says_so(cli, model):
    assert cli("tag", model, "--format", "text", "of two").out == "\n  of two\n\n  no names found\n"


@pytest.mark.parametrize("width", [30, 40, 57, 80])
def test_long_texts_are_cut_into_rows_that_fit_and_the_labels_stay_below_their_names(
    cli, model, monkeypatch, width
):
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((width, 24)))
    out = cli("tag", model, "--format", "text", MARSH).out.splitlines()
    assert max(map(len, out)) <= width
    rows = out[1 : out.index("", 1)]
    words = [row for row in rows if "─" not in row]
    assert " ".join(row.strip() for row in words) == MARSH
    for name, label in (("Helen Marsh", "PER"), ("Berlin", "LOC"), ("Monday", "DATE")):
        (k,) = (k for k, row in enumerate(rows) if name in row)
        at = rows[k].index(name)
        assert rows[k + 1][at : at + len(name)].strip("─") == label


@pytest.mark.parametrize("form", ["conll", "text", "jsonl"])
def test_a_long_line_with_many_names_takes_time_in_proportion(cli, model, form):
    def seconds(count: int) -> float:
        started = time.process_time()
        assert cli("tag", model, "--format", form, stdin=b"Berlin on Monday. " * count).code == 0
        return time.process_time() - started

    seconds(10)  # what is loaded once is loaded
    short = max(seconds(1000) for _ in range(3))
    assert (
        min(seconds(8000) for _ in range(2)) < 32 * short
    )  # eight times as long; a square takes 64 times as long


def test_a_word_wider_than_the_terminal_is_cut(monkeypatch):
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((30, 24)))
    rows = list(underlined("x" * 60 + " Berlin", [Entity(61, 67, "LOC", 1.0, "Berlin")]))
    assert rows == ["  " + "x" * 26, "  " + "x" * 26, "  xxxxxxxx Berlin", "           ─LOC──"]


def test_nothing_in_a_text_can_move_the_cursor(cli, model):
    out = cli("tag", model, "--format", "text", "a\x1b]0;owned\x07 Helen\tMarsh \x9b2J\rflew").out
    assert not set(out) & {"\x1b", "\x07", "\t", "\r", "\x9b"}


def test_wide_letters_take_two_cells(cli, model):
    rows = cli(
        "tag", model, "--format", "text", "서울 Prime Minister Helen Marsh flew to Berlin on"
    ).out.splitlines()
    assert rows[2].index("─") == rows[1].index("Helen") + 2  # two letters of two cells each
