"""The model folder: written whole or not at all, over models only, and into places that can hold one."""

import errno
import json
import os
import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from refusals import refused

from chainrule.errors import DataError, WriteError
from chainrule.learn import store
from chainrule.ner import Tagger, folder, sample
from chainrule.ner.folder import CARD, CHECKPOINT, CONFIG, VALUES, WEIGHTS, WORDS

FILES = {CARD, CONFIG, VALUES, WEIGHTS, WORDS}


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_holds_what_it_should_and_nothing_else(model, tagger):
    assert {p.name for p in model.iterdir()} == FILES
    described = json.loads((model / CONFIG).read_text(encoding="utf-8"))
    assert described["format"] == 2
    assert described["made_by"].startswith("chainrule ")
    assert (model / WORDS).read_text(encoding="utf-8").splitlines()[:2] == ["<pad>", "<unk>"]
    assert "Labels: DATE, LOC, MISC, ORG, PER." in (model / CARD).read_text(encoding="utf-8")


def test_the_card_lists_labels_of_tags_without_places_too(tmp_path):
    train = sample("en").train
    corpus = train.of(train.sentences[:8])
    settings = {"epochs": 1, "hidden": 4, "dimension": 3, "caps": 2, "window": 3}
    tagger = Tagger.train(corpus, corpus, scheme="bare", **settings)
    tagger.save(tmp_path / "bare")
    assert f"Labels: {', '.join(tagger.labels)}." in (tmp_path / "bare" / CARD).read_text(encoding="utf-8")
    assert tagger.labels == ["DATE", "LOC", "MISC", "ORG", "PER"]


def test_the_same_model_is_written_as_the_same_bytes(model, tagger, tmp_path):
    tagger.save(tmp_path / "again")
    for name in FILES:
        assert (model / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_model_replaces_a_model_and_leaves_the_checkpoint(model, tagger):
    (model / CHECKPOINT).write_bytes(b"state")
    (model / WEIGHTS).write_bytes(b"old")
    tagger.save(model)
    assert Tagger.load(model).config == tagger.config
    assert {p.name for p in model.iterdir()} == FILES | {CHECKPOINT}


def test_folders_above_are_made(tagger, tmp_path):
    tagger.save(tmp_path / "a" / "b" / "c")
    assert Tagger.load(tmp_path / "a" / "b" / "c").config == tagger.config


def test_a_folder_whose_parent_refuses_can_still_be_written_into(tagger, tmp_path, monkeypatch):
    """As where the folder is a volume of its own: nothing is made beside it, nothing moved into it."""
    target = tmp_path / "volume"
    target.mkdir()
    plain = os.mkdir

    def inside_only(path, *rest, **more):
        if Path(path).parent == tmp_path and Path(path) != target:
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        plain(path, *rest, **more)

    monkeypatch.setattr(os, "mkdir", inside_only)
    tagger.save(target)
    assert {p.name for p in target.iterdir()} == FILES


@pytest.mark.parametrize("place", ["file", "file/below", "strangers"])
def test_what_is_no_model_is_not_overwritten(tagger, tmp_path, place):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "strangers").mkdir()
    (tmp_path / "strangers" / "notes.txt").write_text("mine")
    before = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*"))
    with pytest.raises(DataError, match=r"choose (another folder|a folder for the model)") as error:
        tagger.save(tmp_path / place)
    assert str(error.value).startswith(str(tmp_path / place))
    assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == (tmp_path / "strangers" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("step", ["fsync", "write_tensors", "write_text"])
@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_leaves_the_old_model_or_nothing(tagger, tmp_path, monkeypatch, step, there):
    target = tmp_path / "model"
    if there:
        tagger.save(target)
    before = {p.name: p.read_bytes() for p in target.iterdir()} if there else None

    def full(*arguments, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    match step:
        case "fsync":
            monkeypatch.setattr(os, "fsync", full)
        case "write_tensors":
            monkeypatch.setattr(store, "save", full)
        case "write_text":
            monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(WriteError) as error:
        tagger.save(target)
    monkeypatch.undo()
    said = str(error.value)
    assert said.startswith(str(target))
    assert said.endswith("cannot be written (No space left on device); make room or choose another folder")
    assert ".tmp" not in said
    if there:
        assert {p.name: p.read_bytes() for p in target.iterdir()} == before
        assert Tagger.load(target).config == tagger.config
    else:
        assert list(tmp_path.iterdir()) == []


def moving(monkeypatch, folder, act):
    """Call act(number) before and act(number + ½) after each move of a file into or out of a folder."""
    replace, moves = os.replace, iter(range(100))

    def moved(source, target):
        ours = folder in (Path(source).parent, Path(target).parent)
        number = next(moves) if ours else -1
        act(number)
        replace(source, target)
        act(number + 0.5 if ours else -1)

    monkeypatch.setattr(os, "replace", moved)


@pytest.mark.parametrize("moment", range(10))
def test_a_save_that_is_killed_while_it_moves_files_never_leaves_a_mixture(model, tagger, monkeypatch, moment):
    def killed(now):
        if now >= moment:
            raise KeyboardInterrupt

    moving(monkeypatch, model, killed)
    monkeypatch.setattr(shutil, "rmtree", lambda *arguments, **more: None)
    monkeypatch.setattr(folder, "opened", lambda target: nullcontext())
    with pytest.raises(KeyboardInterrupt):
        tagger.save(model)
    monkeypatch.undo()
    if moment:
        refused(model, "no model here (config.json is missing)")
    tagger.save(model)
    assert Tagger.load(model).config == tagger.config


@pytest.mark.parametrize("moment", np.arange(0, 10, 0.5))
def test_ctrl_c_while_files_are_moved_brings_the_old_model_back(model, tagger, monkeypatch, moment):
    (model / CARD).write_text("the old one")
    before = {p.name: p.read_bytes() for p in model.iterdir()}
    asked = iter([True])

    def interrupted(now):
        if now == moment and next(asked, False):
            raise KeyboardInterrupt

    moving(monkeypatch, model, interrupted)
    with pytest.raises(KeyboardInterrupt):
        tagger.save(model)
    monkeypatch.undo()
    assert {p.name: p.read_bytes() for p in model.iterdir()} == before
    Tagger.load(model)


@pytest.mark.parametrize("moment", range(10))
def test_a_move_that_the_disk_refuses_brings_the_old_model_back(model, tagger, monkeypatch, moment):
    before = (model / WEIGHTS).read_bytes()
    replace, moves = os.replace, iter(range(100))

    def refuse(source, target):
        if next(moves) == moment:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(WriteError, match="No space left"):
        tagger.save(model)
    monkeypatch.setattr(os, "replace", replace)
    assert (model / WEIGHTS).read_bytes() == before
    assert Tagger.load(model).tag("Paris") is not None
    assert not [p for p in model.iterdir() if p.name.startswith(".")]
