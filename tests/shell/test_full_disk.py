"""A disk that refuses at any write, sync, rename or new folder: one sentence, and the old files as they were."""

import errno
import io
import os
import shutil
from pathlib import Path

import pytest

from chainrule.ner import sample
from chainrule.ner.corpus import write_conll
from chainrule.ner.folder import CHECKPOINT

COMMANDS = {
    "train": [
        "train",
        "{}/train.conll",
        "--dev",
        "{}/train.conll",
        "--epochs",
        "1",
        "--backend",
        "numpy",
        "--quiet",
        "--out",
        "{}/old",
    ],
    "merge": ["merge", "{}/model", "{}/model", "--out", "{}/old"],
    "prune": ["prune", "{}/model", "--out", "{}/old", "--words", "50"],
    "convert": ["convert", "{}/train.conll", "{}/old.jsonl", "--report", "{}/report.json"],
    "convert to two files": ["convert", "{}/train.conll", "{}/old.ann"],
    "convert to gzip": ["convert", "{}/train.conll", "{}/old.jsonl.gz"],
    "explain": ["explain", "{}/model", "Helen Marsh flew to Berlin.", "--output", "{}/old.html"],
}
SPREAD = 6  # of the moments that there are, so many are tried


class Refusals:
    """Count what asks something of the disk below a folder; at one number refuse it."""

    def __init__(self, monkeypatch, folder):
        self.folder, self.count, self.at = folder, 0, None
        for name in ("fsync", "replace", "rename", "mkdir", "link"):
            monkeypatch.setattr(os, name, self.refusing(getattr(os, name)))
        monkeypatch.setattr(io, "open", self.opening(io.open))

    def ask(self):
        self.count += 1
        if self.count - 1 == self.at:
            raise OSError(errno.ENOSPC, "No space left on device")

    def refusing(self, does):
        def refused(*given, **more):
            self.ask()
            return does(*given, **more)

        return refused

    def opening(self, does):
        def opened(path, mode="r", *given, **more):
            file = does(path, mode, *given, **more)
            if "w" in mode and isinstance(path, (str, Path)) and self.folder in Path(path).parents:
                if isinstance(file, io.TextIOWrapper):
                    return io.TextIOWrapper(Full(file.detach(), self), encoding=file.encoding)
                return Full(file, self)
            return file

        return opened


class Full(io.BufferedIOBase):
    """A file of which any write may be refused."""

    def __init__(self, file, refusals):
        self.file, self.refusals = file, refusals

    def write(self, data):
        self.refusals.ask()
        return self.file.write(data)

    def writable(self):
        return True

    def fileno(self):
        return self.file.fileno()

    def flush(self):
        if not self.file.closed:
            self.file.flush()

    def tell(self):
        return self.file.tell()

    def close(self):
        self.file.close()
        super().close()


@pytest.fixture
def place(model, tmp_path):
    folder = tmp_path / "place"
    folder.mkdir()
    sentences = sample("en").train.sentences[:12]
    write_conll(folder / "train.conll", sentences)
    for name in ("old.jsonl", "old.txt", "old.ann", "old.jsonl.gz", "old.html", "report.json"):
        (folder / name).write_text("old")
    for name in ("model", "old"):
        shutil.copytree(model, folder / name)
    return folder


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_disk_that_refuses_once_is_one_sentence_and_the_old_files_stay(name, place, cli, tmp_path, monkeypatch):
    whole = shutil.copytree(place, tmp_path / "whole")
    command = [part.replace("{}", str(whole)) for part in COMMANDS[name]]
    with monkeypatch.context() as patch:
        asked = Refusals(patch, whole)
        assert cli(*command).code == 0
    assert files(whole) != files(place)
    assert asked.count > 2
    refused = 0
    for at in sorted({asked.count * k // SPREAD for k in range(SPREAD)} | {asked.count - 1}):
        folder = shutil.copytree(place, tmp_path / str(at))
        with monkeypatch.context() as patch:
            Refusals(patch, folder).at = at
            done = cli(*[part.replace("{}", str(folder)) for part in COMMANDS[name]])
        found, old, new = files(folder), files(place), files(whole)
        assert done.code in (0, 1), done
        refused += done.code
        if done.code:
            assert done.err.splitlines()[-1].startswith(f"error: {folder}"), done.err
            assert done.err.splitlines()[-1].endswith(
                "cannot be written (No space left on device); make room or choose another folder"
            )
            for path in (found.keys() | old.keys()) - {f"old/{CHECKPOINT}"}:
                others = () if path.startswith("old/") else (new.get(path),)  # of several files one may be done
                assert found.get(path) in (old.get(path), *others), path
    assert refused >= 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_is_read_only_is_one_sentence(name, place, cli):
    for folder in (place / "old", place):
        folder.chmod(0o555)
    before = files(place)
    try:
        done = cli(*[part.replace("{}", str(place)) for part in COMMANDS[name]])
    finally:
        for folder in (place, place / "old"):
            folder.chmod(0o755)
    assert done.code in (1, 2) and done.err.splitlines()[-1].startswith(f"error: {place}")
    assert files(place) == before
