"""Ctrl-C and SIGTERM at any moment of a command: one line, exit code 130 or 143, and no file by half."""

import json
import shutil
import signal
import subprocess
import sys

import pytest
import stop_work

from chainrule.ner import sample
from chainrule.ner.corpus import write_conll

MOMENTS = [(signal.SIGINT, share) for share in (0.02, 0.5, 0.9, 0.985)] + [
    (signal.SIGTERM, 0.3),
    (signal.SIGTERM, 0.95),
]
COMMANDS = {
    "vectors train": [
        "vectors",
        "train",
        "{}/text.txt",
        "--out",
        "{}/vectors.bin",
        "--dimension",
        "5",
        "--min-count",
        "1",
    ],
    "inspect": ["inspect", "{}/train.conll", "--model", "{}/model"],
    "merge": ["merge", "{}/model", "{}/other", "--out", "{}/made"],
    "prune": ["prune", "{}/model", "--out", "{}/old", "--words", "50"],
    "explain": ["explain", "{}/model", "Helen Marsh flew to Berlin.", "--output", "{}/why.html"],
    "convert": ["convert", "{}/train.conll", "{}/old.jsonl"],
}
SAID = {signal.SIGINT: "stopped by Ctrl-C", signal.SIGTERM: ""}


@pytest.fixture(scope="module")
def place(model, tmp_path_factory):
    """What the commands read, and old files that they write over."""
    folder = tmp_path_factory.mktemp("place")
    sentences = sample("en").train.sentences[:12]
    write_conll(folder / "train.conll", sentences)
    (folder / "text.txt").write_text("\n".join(" ".join(s.tokens) for s in sentences))
    (folder / "old.jsonl").write_text("old")
    for name in ("model", "other", "old"):
        shutil.copytree(model, folder / name)
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_stopped_says_one_line_and_leaves_no_file_by_half(name, place):
    done = subprocess.run(
        [
            sys.executable,
            stop_work.__file__,
            str(place),
            json.dumps(MOMENTS),
            *COMMANDS[name],
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    whole, *stopped = json.loads(done.stdout)
    assert whole["code"] == 0, whole["err"]
    old = stop_work.files(place)
    assert whole["files"] != old or name == "inspect"
    for (number, _), found in zip(MOMENTS, stopped, strict=True):
        finished = {128 + number} | ({0} if name == "vectors train" else set())  # it writes what it has learnt
        assert found["code"] in finished, found
        assert "Traceback" not in found["err"] and "ignored" not in found["err"]
        said = [line for line in found["err"].splitlines() if line.strip()]
        if name != "vectors train" and SAID[number]:
            assert said[-1] == SAID[number], found
        for path, size in found["files"].items():
            assert size in (old.get(path), whole["files"].get(path)), (path, found)
