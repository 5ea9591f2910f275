"""What people get wrong: one line that says so and helps, the right exit code, and nothing written."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest

from chainrule.ner.folder import CONFIG, WEIGHTS
from chainrule.ner.vectors import Vectors, write_vectors

GOOD = "Helen\tB-PER\nflew\tO\n\nRome\tB-LOC\nwaits\tO\n\n"
QUICK = ("--epochs", "1", "--hidden", "4", "--dimension", "3", "--quiet")


@pytest.fixture
def place(tmp_path, model):
    """A folder with files that are wrong in one way each."""
    files = {
        "good.conll": GOOD.encode(),
        "empty.conll": b"",
        "blank.conll": b"\n\n\n",
        "one-column.conll": b"Helen\nflew\n",
        "uneven.conll": GOOD.encode() + b"Ann\tx\tB-PER\n",
        "illegal.conll": b"Helen\tB-PER\nflew\tQ-PER\n",
        "number.conll": b"Helen\t1\nflew\t2\n",
        "prefixless.conll": b"Helen\tB-PER\n\nRome\tLOC\n",
        "endless.conll": b"word\tO\n" * 2000,
        "latin1.conll": GOOD.encode() + "Zürich\tB-LOC\n".encode("latin-1"),
        "utf16.conll": GOOD.encode("utf-16"),
        "nul.conll": GOOD.encode() + b"Hel\0en\tB-PER\n",
        "long.conll": GOOD.encode() + b"x" * 10_000_000 + b"\tO\n",
        "single.conll": b"Helen\tB-PER\n",
        "no-names.conll": b"a\tO\n\nb\tO\n",
        "unseen.conll": GOOD.encode() + b"Oslo\tB-CITY\n",
        "korean.conll": "철\tB-PER\n수\tI-PER\n \tO\n왔\tO\n다\tO\n".encode(),
        "header.txt": b"3 two\na 1 2\n",
        "less.txt": b"3 2\na 1 2\nb 1 2\n",
        "odd.txt": b"2 2\na 1 2\nb 1\n",
        "nan.txt": b"1 2\na nan 1\n",
        "empty.txt": b"",
        "zip.bin": b"PK\x03\x04rest",
    }
    for name, raw in files.items():
        (tmp_path / name).write_bytes(raw)
    (tmp_path / "folder").mkdir()
    write_vectors(tmp_path / "v3.bin", Vectors(["helen", "rome"], np.ones((2, 3), np.float32)))
    (tmp_path / "cut.bin").write_bytes((tmp_path / "v3.bin").read_bytes()[:-5])
    for name in ("cut", "newer", "headless"):
        shutil.copytree(model, tmp_path / name)
    (tmp_path / "cut" / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes()[:1000])
    newer = json.loads((model / CONFIG).read_text(encoding="utf-8"))
    (tmp_path / "newer" / CONFIG).write_text(json.dumps({**newer, "format": 3, "made_by": "chainrule 9.0"}))
    (tmp_path / "headless" / CONFIG).unlink()
    (tmp_path / "model").symlink_to(model)
    return tmp_path


def everything(folder):
    """All there is in a folder, with sizes."""
    return {p: p.lstat().st_size if p.is_file() else None for p in folder.rglob("*")}


def assert_wrong(done, code, words):
    """One line `error: …`, for a wrong usage also where to read more, and nothing else anywhere."""
    assert done.code == code, done
    assert done.out == ""
    lines = done.err.splitlines()
    assert lines[0].startswith("error: "), done.err
    assert len(lines[0]) < 400
    assert len(lines) == 1 or re.fullmatch(r"  see chainrule( \w+)? --help", lines[1]), done.err
    assert len(lines) <= 2, done.err
    for word in words:
        assert word in lines[0], lines[0]


TRAIN = [  # after `train`: what is wrong, and what the message says
    ("missing.conll", "missing.conll: there is no such file; check the path"),
    ("folder", "folder: is a folder; name a file in it"),
    ("empty.conll", "empty.conll:1: no sentences"),
    ("blank.conll", "blank.conll:1: no sentences"),
    ("one-column.conll", "one-column.conll:1: one column, no tag"),
    ("uneven.conll", "uneven.conll:7: 3 columns, but line 1 has 2, separated by tabs"),
    ("illegal.conll", "illegal.conll:2: illegal tag 'Q-PER'"),
    ("number.conll", "number.conll:1: illegal tag '1'"),
    ("prefixless.conll", "prefixless.conll:3: tag 'LOC' has no prefix, but others have; write B-LOC"),
    ("endless.conll", "endless.conll:1001: all 2,000 tokens are one sentence, blank lines are missing"),
    ("latin1.conll", "latin1.conll:7: 0xfc at byte"),
    ("utf16.conll", "utf16.conll:1: the file is UTF-16; save it as UTF-8"),
    ("nul.conll", "nul.conll:7: a NUL byte"),
    ("long.conll", "long.conll:7: a line of over 1,048,576 bytes"),
    ("single.conll", "single.conll: holds 1 sentence; give at least two, or a dev corpus"),
    ("no-names.conll", "no-names.conll: holds no entity, every tag is O"),
    ("x" * 300, "File name too long"),
    ("good.conll --dev missing.conll", "missing.conll: there is no such file"),
    ("good.conll --dev unseen.conll", "unseen.conll:7: label CITY is not in the training data (LOC, PER)"),
    ("good.conll --dev korean.conll", "korean.conll: is in characters, but the training data in words"),
    ("good.conll --test missing.conll", "missing.conll: there is no such file"),
    ("good.conll --fine-tune no", "fine_tune 'no' needs vectors: give some to be kept, or leave fine_tune out"),
    ("good.conll --vectors missing.bin", "missing.bin"),
    ("good.conll --vectors folder", "folder"),
    ("good.conll --vectors empty.txt", "empty.txt"),
    ("good.conll --vectors header.txt", "header.txt:1: '3 two' is neither a header"),
    ("good.conll --vectors less.txt", "less.txt: the header says 3 words of 2 numbers, but"),
    ("good.conll --vectors odd.txt", "odd.txt:3: 1 number after 'b', but 2 are due"),
    ("good.conll --vectors nan.txt", "nan.txt:2: 1 word with NaN or infinite numbers, first 'a'"),
    ("good.conll --vectors cut.bin", "cut.bin: the header says 2 words of 3 numbers, but"),
    ("good.conll --vectors zip.bin", "zip.bin: is a zip archive"),
    ("good.conll --vectors v3.bin --dimension 4", "dimension is 4, but"),
    ("good.conll --window 4", "a window has a centre, so its size is odd; 4 could be 5"),
    ("good.conll --window -1", "window is -1; it must be a whole number at least 1"),
    ("good.conll --dropout 1", "dropout is 1.0; it must be a finite number at least 0 and below 1"),
    ("good.conll --dropout nan", "dropout is nan"),
    ("good.conll --lr 0", "learning rate is 0.0; it must be a finite number above 0"),
    ("good.conll --lr inf", "learning rate is inf"),
    ("good.conll --hidden 0", "hidden is 0"),
    ("good.conll --epochs 0", "epochs is 0"),
    ("good.conll --seed -1", "seed is -1"),
    ("good.conll --held-out 1.5", "held_out is 1.5"),
    ("good.conll --schedule sideways", "unknown schedule 'sideways'"),
    ("good.conll --schedule halve", "'halve' does not read as halve:EPOCHS"),
    ("good.conll --optimizer adagard", "'adagard' is not one of 'adagrad'"),
    ("good.conll --activation gelu", "'gelu' is not one of 'hard_tanh'"),
    ("good.conll --epochs many", "'many' is not a valid integer"),
    ("good.conll --hiden 3", "No such option"),
    ("good.conll more.conll", "unexpected extra argument"),
    ("--sample de", "'de' is not one of 'en', 'ko'"),
    ("good.conll --sample en", "give DATA or --sample, not both"),
    ("good.conll --resume", "--resume continues the run in --out; name that folder"),
    ("good.conll --out good.conll", "good.conll: is a file; choose a folder for the model"),
    ("good.conll --out good.conll/below", "good.conll/below: cannot be made (Not a directory)"),
    ("good.conll --out .", "which is no part of a model; choose another folder"),
    ("good.conll --out /proc/model", "/proc/model: cannot be made"),
]


@pytest.mark.parametrize(("arguments", "words"), TRAIN, ids=[a[:40] for a, _ in TRAIN])
def test_training_on_what_cannot_be_trained_on(cli, place, monkeypatch, arguments, words):
    quick = () if "--dimension" in arguments or "--vectors" in arguments else QUICK
    monkeypatch.chdir(place)
    before = everything(place)
    quick = tuple(q for q in zip(quick[:-1:2], quick[1::2], strict=False) if q[0] not in arguments)
    assert_wrong(cli("train", *arguments.split(" "), *(word for pair in quick for word in pair)), 2, [words])
    assert everything(place) == before


OTHERS = [
    ("train good.conll --epochs", "requires an argument"),
    ("trian", "there is no command 'trian'; did you mean train? One of: train, evaluate, "),
    ("foo", "there is no command 'foo'. One of: train"),
    ("--verbose", "No such option"),
    ("evaluate", "Missing argument 'MODEL'"),
    ("evaluate model", "Missing argument 'DATA'"),
    ("evaluate missing good.conll", "missing: no model here (config.json is missing)"),
    ("evaluate good.conll good.conll", "good.conll: no model here"),
    ("evaluate folder good.conll", "folder: no model here"),
    ("evaluate headless good.conll", "headless: no model here"),
    ("evaluate cut good.conll", "has been altered or cut since it was written; restore the file or train again"),
    ("evaluate newer good.conll", "format 3, made by chainrule 9.0; this is chainrule"),
    ("evaluate model missing.conll", "missing.conll: there is no such file"),
    ("evaluate model one-column.conll", "one-column.conll:1: one column, no tag"),
    ("evaluate model illegal.conll", "illegal.conll:2: illegal tag"),
    ("evaluate model good.conll --rename PER", "--rename PER: write MODEL=DATA, as in person=PER"),
    ("evaluate model good.conll --rename PRE=x", "unknown label of the model 'PRE'; did you mean PER?"),
    (
        "evaluate model good.conll --rename PER=B-X",
        "PER is renamed to 'B-X', which is a whole tag; give its label",
    ),
    ("score", "Missing argument 'FILE'"),
    ("score missing.conll", "missing.conll: there is no such file"),
    ("score folder", "folder: is a folder"),
    ("score empty.conll", "empty.conll:1: no sentences"),
    ("score one-column.conll", "one-column.conll:1: one column"),
    ("score illegal.conll", "illegal.conll"),
    ("score latin1.conll", "latin1.conll:7: 0xfc at byte"),
    ("tag", "Missing argument 'MODEL'"),
    ("tag missing Paris", "missing: no model here"),
    ("tag cut Paris", "has been altered or cut"),
    ("tag newer Paris", "upgrade chainrule"),
    ("tag model --format xml Paris", "'xml' is not one of 'text', 'jsonl', 'parquet', 'conll', 'tsv', 'html'"),
    ("tag model missing.txt", "missing.txt: there is no such file; check the path"),
    ("tag model ./missing", "./missing: there is no such file; check the path"),
    ("tag model folder/", "folder/: is a folder; name files in it"),
    ("tag model latin1.conll", "latin1.conll:7: byte 2 (0xfc) is not UTF-8"),
]


@pytest.mark.parametrize(("arguments", "words"), OTHERS, ids=[a for a, _ in OTHERS])
def test_other_commands_on_what_is_not_for_them(cli, place, monkeypatch, arguments, words):
    monkeypatch.chdir(place)
    before = everything(place)
    done = cli(*arguments.split(" "))
    if arguments == "tag model latin1.conll":  # the lines in front of the bad one are tagged
        assert len(done.out.splitlines()) == 6
        done = done._replace(out="")
    assert_wrong(done, 2, [words])
    assert everything(place) == before


def test_resuming_with_other_settings_names_them(cli, place, monkeypatch):
    monkeypatch.chdir(place)
    arguments = ("train", "good.conll", "--out", "run", *QUICK)
    assert cli(*arguments).code == 0
    (place / "run" / "checkpoint.safetensors").write_bytes(b"not one")
    assert_wrong(cli(*arguments, "--resume"), 2, ["run/checkpoint.safetensors: cut short, or no safetensors file"])
    assert cli("tag", "run", "Helen").code == 0


def test_a_mistake_is_one_line_in_a_process_too_and_debug_shows_where(shell, place):
    done = shell("evaluate", place / "newer", place / "good.conll")
    assert_wrong(done, 2, ["upgrade chainrule"])
    traced = shell("--debug", "evaluate", place / "newer", place / "good.conll")
    assert traced.code == 1
    assert "Traceback" in traced.err
    assert "ModelError" in traced.err


def test_a_full_disk_ends_training_with_a_line_and_leaves_nothing(shell, data, tmp_path):
    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    arguments = ("train", data / "train.conll", "--quiet", "--epochs", "2", "--out", "m")
    assert_wrong(
        shell(*arguments, preexec_fn=small_files_only),
        1,
        ["m/checkpoint.safetensors: cannot be written", "File too large"],
    )
    assert list((tmp_path / "here").iterdir()) == []


def test_a_full_disk_keeps_the_model_that_was_there(shell, cli, data, tmp_path):
    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    arguments = ("train", data / "train.conll", "--quiet", "--epochs", "1", "--out", "m")
    assert cli(*arguments).code == 0
    before = {p.name: p.read_bytes() for p in (tmp_path / "here" / "m").iterdir()}
    assert_wrong(shell(*arguments, preexec_fn=small_files_only), 1, ["cannot be written (File too large)"])
    assert {p.name: p.read_bytes() for p in (tmp_path / "here" / "m").iterdir()} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else_is_refused(cli, data, tmp_path):
    (tmp_path / "theirs").mkdir(mode=0o555)
    for place in ("theirs", "theirs/below"):
        assert_wrong(cli("train", data / "train.conll", "--out", tmp_path / place), 2, ["choose another folder"])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "arguments", [["tag", "{model}", "Paris"], ["evaluate", "{model}", "{data}"], ["--help"]], ids=" ".join
)
def test_a_full_disk_behind_the_output_is_said(arguments, model, data, shell):
    filled = [a.format(model=model, data=data / "dev.conll") for a in arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "chainrule", *filled],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "error: standard output: No space left on device\n")
