"""A tiny model, and two ways to run the command line: inside this process, and as a process of its own."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from chainrule.ner import Tagger, sample
from chainrule.ner.corpus import write_conll
from chainrule.shell.main import main


class Done(NamedTuple):
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    """A model that has twenty sentences by heart."""
    train = sample("en").train
    corpus = train.of(train.sentences[:20])
    folder = tmp_path_factory.mktemp("models") / "en"
    settings = {"epochs": 60, "patience": 60, "hidden": 10, "dimension": 12, "learning_rate": 0.2, "dropout": 0.0}
    tagger = Tagger.train(corpus, corpus, **settings)
    if tagger.evaluate(corpus).f1 < 1:
        raise AssertionError("the model of these tests does not have its sentences by heart")
    tagger.save(folder)
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """A folder with train.conll and dev.conll of a few sentences."""
    folder = tmp_path_factory.mktemp("data")
    sentences = sample("en").train.sentences
    write_conll(folder / "train.conll", sentences[:20])
    write_conll(folder / "dev.conll", sentences[:10])
    return folder


@pytest.fixture
def cli(monkeypatch, tmp_path) -> Callable[..., Done]:
    """Run `chainrule …` in this process, in an empty folder, with streams that are no terminal."""
    (tmp_path / "here").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "here")

    def run(*arguments: object, stdin: bytes = b"") -> Done:
        streams = {name: io.TextIOWrapper(io.BytesIO(), write_through=True) for name in ("stdout", "stderr")}
        before = signal.getsignal(signal.SIGTERM)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            try:
                with pytest.raises(SystemExit) as left:
                    main([str(a) for a in arguments])
            finally:
                signal.signal(signal.SIGTERM, before)
        out, err = (s.buffer.getvalue().decode() for s in streams.values())
        return Done(left.value.code, out, err)

    return run


@pytest.fixture
def shell(tmp_path) -> Callable[..., Done]:
    """Run `chainrule …` as a process of its own, in an empty folder."""
    (tmp_path / "here").mkdir(exist_ok=True)

    def run(*arguments: object, stdin: bytes = b"", env: dict[str, str] | None = None, **more: object) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "chainrule", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=tmp_path / "here",
            env={**os.environ, **(env or {})},
            timeout=60,
            check=False,
            **more,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
