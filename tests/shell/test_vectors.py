"""`chainrule vectors`: files of vectors from text, and what is asked of them."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from chainrule.ner.vectors import Vectors, read_vectors, write_vectors
from chainrule.shell.vectors_progress import Plain, Quiet, Screen, watcher

TEXT = "\n".join(["the cat and the dog met a fox", "a saw and an axe and a nail"] * 40)
QUICK = ("--dimension", "4", "--epochs", "2", "--backend", "numpy")


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def compass(tmp_path):
    path = tmp_path / "compass.bin"
    matrix = np.array([[1, 0], [1, 0.1], [0, 1], [-1, 0]], np.float32)
    write_vectors(path, Vectors(["east", "eastern", "north", "서쪽"], matrix))
    return path


# ── train ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "kind"), [("v.bin", "binary"), ("v.txt", "text"), ("v.vec", "text"), ("v.txt.gz", "text")]
)
def test_the_format_goes_by_the_name(cli, text, name, kind):
    done = cli("vectors", "train", text, "--out", name, *QUICK)
    assert (done.code, done.out) == (0, "")
    vectors = read_vectors(name)
    assert (vectors.kind, vectors.matrix.shape) == (kind, (11, 4))
    assert vectors.words[:3] == ["a", "and", "the"]
    assert f"try: chainrule vectors neighbors {name}" in done.err


def test_the_same_seed_gives_the_same_file_byte_for_byte(cli, text, tmp_path):
    files = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert cli("vectors", "train", text, "--out", f"{name}.bin", "--seed", seed, *QUICK).code == 0
        files.append((tmp_path / "here" / f"{name}.bin").read_bytes())
    assert files[0] == files[1] != files[2]


def test_progress_is_a_line_for_each_epoch(cli, text):
    err = cli("vectors", "train", text, *QUICK).err
    lines = [dict(part.split("=") for part in line.split()) for line in err.splitlines() if "epoch=" in line]
    assert [line["epoch"] for line in lines] == ["1", "2"]
    assert lines[-1]["done"] == "1.000"
    assert all(float(line["loss"]) > 0 for line in lines)


def test_figures_come_as_json_and_quiet_is_quiet(cli, text):
    done = cli("vectors", "train", text, "--json", *QUICK)
    figures = json.loads(done.out)
    assert done.err == ""
    assert (figures["words"], figures["dimension"], figures["interrupted"]) == (11, 4, False)
    assert figures["words_read"] == figures["words_kept"] == 640
    assert len(figures["losses"]) == 2
    assert cli("vectors", "train", text, "--quiet", *QUICK) == (0, "", "")


def test_korean_text_is_learnt_from(cli, tmp_path):
    (tmp_path / "ko.txt").write_text("철수는 서울역에서 영희를 만났다\n" * 30, encoding="utf-8")
    assert cli("vectors", "train", tmp_path / "ko.txt", "-q", *QUICK).code == 0
    assert "서울역에서" in read_vectors("vectors.bin")
    out = ("--out", "characters.txt", "--unit", "characters")
    assert cli("vectors", "train", tmp_path / "ko.txt", "-q", *out, *QUICK).code == 0
    assert set(read_vectors("characters.txt").words) == set("철수는서울역에서영희를만났다")


def test_phrases_get_vectors_of_their_own(cli, tmp_path):
    rng = np.random.default_rng(0)
    lines = (" ".join(["new", "york", *rng.choice(list("abcdefghijklmnop"), 8)]) for _ in range(80))
    (tmp_path / "t.txt").write_text("\n".join(lines), encoding="utf-8")
    asked = ("--phrases", 1, "--phrase-threshold", 5, "--model", "cbow", "--json")
    done = cli("vectors", "train", tmp_path / "t.txt", *asked, *QUICK)
    assert json.loads(done.out)["phrases"] == 1
    assert {"new_york", "a"} < set(read_vectors("vectors.bin").words)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.txt"], "there is no such file"),
        (["empty.txt"], "there is no word in it"),
        (["one.txt"], "only 'word' of 1 word"),
        (["text.txt", "--min-count", "1000"], "give more text, or a lower --min-count"),
        (["binary.bin"], "is 0, so it is no text"),
        (["text.txt", "--dimension", "0"], "dimension is 0; it must be"),
        (["text.txt", "--min-count", "0"], "the minimum count is 0; it must be"),
        (["text.txt", "--phrases", "-1"], "the number of passes for phrases is -1; it must be"),
        (["text.txt", "--out", "no/such/v.bin"], "there is no folder no/such"),
        (["text.txt", "--out", "."], "is a folder"),
        ([], "Missing argument"),
        (["text.txt", "--rate", "1e30", *QUICK], "lower the learning rate"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(cli, tmp_path, arguments, message):
    here = tmp_path / "here"
    for name, raw in (("empty", b""), ("one", b"word " * 9), ("text", TEXT.encode())):
        (here / f"{name}.txt").write_bytes(raw)
    (here / "binary.bin").write_bytes(b"\x7fELF\0\0")
    before = {path.name for path in here.iterdir()}
    done = cli("vectors", "train", *arguments)
    assert done.code in (1, 2)
    assert message in done.err
    assert "Traceback" not in done.err
    assert {path.name for path in here.iterdir()} == before


def test_ctrl_c_keeps_what_has_been_learnt(text, tmp_path):
    out = tmp_path / "stopped.bin"
    command = [sys.executable, "-m", "chainrule", "vectors", "train", text, "--out", out, "--epochs", "1000000"]
    child = subprocess.Popen([*command, "--backend", "numpy"], stderr=subprocess.PIPE, text=True)
    seen = ""
    for line in child.stderr:
        seen += line
        if line.startswith("epoch=2"):
            child.send_signal(signal.SIGINT)
            break
    seen += child.communicate(timeout=60)[1]
    assert child.returncode == 130
    assert "what was learnt so far is kept" in seen
    assert len(read_vectors(out)) == 11


def test_a_terminal_shows_a_line_that_moves_and_quiet_nothing(monkeypatch):
    assert type(watcher(True)) is Quiet
    assert type(watcher(False)) is Plain
    monkeypatch.setattr("chainrule.shell.vectors_progress.is_live", lambda stream: True)
    shown = watcher(False)
    assert isinstance(shown, Screen)
    shown.end()


# ── neighbors ─────────────────────────────────────────────────────────────────────────────────────────


def test_neighbours_are_a_table(cli, compass):
    done = cli("vectors", "neighbors", compass, "east", "서쪽", "-n", 2)
    assert done.code == 0
    assert done.out.split() == [
        "east",
        "0.995",
        "eastern",
        "0.000",
        "north",
        "서쪽",
        "0.000",
        "north",
        "-0.995",
        "eastern",
    ]


def test_neighbours_are_json(cli, compass):
    done = cli(
        "vectors", "neighbors", compass, "North", "--analogy", "east", "eastern", "north", "--json", "-n", 1
    )
    first, second = map(json.loads, done.out.splitlines())
    assert (first["query"], second["query"]) == ("North", "east : eastern = north : ?")
    assert first["neighbours"][0] == {"word": "eastern", "cosine": pytest.approx(0.0995, abs=1e-4)}
    assert second["neighbours"][0]["word"] == "서쪽"


def test_a_model_folder_is_asked_like_a_file(cli, model):
    done = cli("vectors", "neighbors", model, "in", "--json", "-n", 2)
    assert len(json.loads(done.out)["neighbours"]) == 2
    assert cli("vectors", "analogy", model, "in", "the", ".", "-n", 1).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compass.bin", "noth"], "there is no vector for 'noth'; did you mean north?"),
        (["compass.bin", "east", "--analogy", "east", "wets", "north"], "there is no vector for 'wets'"),
        (["compass.bin"], "give words, or --analogy A B C"),
        (["none.bin", "east"], "there is no such file"),
        (["compass.bin", "east", "-n", "0"], "0 is not in the range"),
    ],
)
def test_questions_without_an_answer_are_refused(cli, compass, arguments, message):
    done = cli("vectors", "neighbors", compass.parent / arguments[0], *arguments[1:])
    assert (done.code, done.out) == (2, "")
    assert message in done.err
