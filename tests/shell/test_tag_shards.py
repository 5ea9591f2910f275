"""A corpus tagged file by file: as one by one, on every executor, whoever is killed; nothing lost, nothing twice."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest

from chainrule.errors import DataError
from chainrule.ner.folder import CONFIG
from chainrule.ner.tagger import Tagger
from chainrule.shell.tag_shards import ABOUT, Manner, Shard, digest_of, shards_of, tag_shard

LINES = ["Museums in Paris are amazing", "Anna Smith met Bob in Seoul", "", "nobody here", "서울 and Paris"]
COUNT = 12
needs_dask = pytest.mark.skipif(not find_spec("distributed"), reason='needs Dask: pip install "chainrule[dask]"')
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
needs_mpi = pytest.mark.skipif(
    not (MPIEXEC and find_spec("mpi4py")), reason='needs mpi4py and mpiexec: pip install "chainrule[mpi]"'
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Files of texts in two folders."""
    folder = tmp_path_factory.mktemp("corpus")
    for k in range(COUNT):
        path = folder / "ab"[k % 2] / f"{k}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(f"{line} {k}" for line in LINES * 20))
    return folder


@pytest.fixture(scope="module")
def serial(corpus, model, tmp_path_factory):
    """What tagging the files one after the other gives."""
    out = tmp_path_factory.mktemp("serial")
    done = command(model, corpus, out)
    assert done.returncode == 0, done.stderr
    return results(out)


def command(model, corpus, out, *more, before=(), **kwargs):
    words = [*before, sys.executable, "-m", "chainrule", "tag", str(model), str(corpus), "--out", str(out), *more]
    return subprocess.run(words, capture_output=True, text=True, timeout=240, check=False, **kwargs)


def results(out):
    assert not list(out.rglob(".*")), "a draft was left"
    return {
        str(p.relative_to(out)): sha256(p.read_bytes()).hexdigest()
        for p in sorted(out.rglob("*"))
        if p.is_file() and p.name != ABOUT
    }


def manner(model, form="jsonl", given="text"):
    return Manner(str(model), digest_of(model / CONFIG), form, given)


def test_each_file_has_the_records_that_tagging_it_alone_gives(serial, corpus, model, cli):
    assert sorted(serial) == sorted(f"{'ab'[k % 2]}/{k}.txt.jsonl" for k in range(COUNT))
    for k in (0, 7):
        alone = cli("tag", str(model), str(corpus / "ab"[k % 2] / f"{k}.txt"), "--format", "jsonl")
        assert sha256(alone.out.encode()).hexdigest() == serial[f"{'ab'[k % 2]}/{k}.txt.jsonl"]


def test_a_second_run_does_nothing_and_says_so(serial, corpus, model, tmp_path):
    first = command(model, corpus, tmp_path / "out")
    assert f"{COUNT} files · {COUNT * 100:,} texts" in first.stderr
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.jsonl")}
    again = command(model, corpus, tmp_path / "out")
    assert f"0 files · {COUNT} were there" in again.stderr
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.jsonl")} == times
    assert results(tmp_path / "out") == serial


@pytest.mark.parametrize("seed", range(2))
def test_a_driver_that_is_killed_is_begun_again(serial, corpus, model, tmp_path, seed):
    out, rng = tmp_path / "out", random.Random(seed)
    words = [sys.executable, "-m", "chainrule", "tag", str(model), str(corpus), "--out", str(out)]
    process = subprocess.Popen([*words, "--workers", "2"], stderr=subprocess.DEVNULL)
    while not list(out.rglob("*.jsonl")):
        assert process.poll() is None or list(out.rglob("*.jsonl"))
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 0.3))
    process.kill()
    process.wait()
    time.sleep(0.5)  # the workers end with it
    done = command(model, corpus, out, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert results(out) == serial


@needs_dask
def test_dask_gives_the_same(serial, corpus, model, tmp_path):
    done = command(model, corpus, tmp_path / "out", "--executor", "dask", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "out") == serial


@needs_mpi
def test_mpi_gives_the_same(serial, corpus, model, tmp_path):
    words = [MPIEXEC, "-n", "3", sys.executable, "-m", "mpi4py.futures", "-m", "chainrule", "tag"]
    done = subprocess.run(
        [*words, str(model), str(corpus), "--out", str(tmp_path / "out"), "--executor", "mpi"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "out") == serial


def test_a_file_that_is_broken_is_told_and_the_others_are_tagged(model, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.txt").write_text("Paris\n")
    (tmp_path / "in" / "bad.txt").write_bytes(b"Paris\n\xff\n")
    done = command(model, tmp_path / "in", tmp_path / "out")
    assert done.returncode == 1
    assert "bad.txt:2: byte 1 (0xff) is not UTF-8" in done.stderr
    assert "1 file · 1 failed · 1 text" in done.stderr
    assert list(results(tmp_path / "out")) == ["good.txt.jsonl"]


def test_results_of_another_run_are_not_mixed(model, tmp_path, cli):
    (tmp_path / "a.txt").write_text("Paris\n")
    out = tmp_path / "out"
    assert cli("tag", str(model), str(tmp_path / "a.txt"), "--out", f"{out}/").code == 0
    refused = cli("tag", str(model), str(tmp_path / "a.txt"), "--out", f"{out}/", "--min-score", "0.5")
    assert refused.code == 2
    assert "holds results of another run (min_score 0.0, not 0.5); choose another folder" in refused.err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("mine")
    refused = cli("tag", str(model), str(tmp_path / "a.txt"), "--out", str(tmp_path / "mine"))
    assert "holds notes, which is no result of tagging; choose another folder" in refused.err


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["nowhere.txt", "--out", "out/"], "nowhere.txt: there is no such file"),
        (["a.txt", "--executor", "dask"], "add --out FOLDER"),
        (["a.txt", "--out", "out/", "--scheduler", "tcp://x:1"], "add --executor dask"),
        (["empty", "--out", "out/"], "empty: holds no files"),
    ],
)
def test_what_cannot_be_is_one_sentence(model, tmp_path, cli, monkeypatch, arguments, cause):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("Paris\n")
    (tmp_path / "empty").mkdir()
    done = cli("tag", str(model), *arguments)
    assert done.code == 2
    assert cause in done.err
    assert not (tmp_path / "out").exists()


def test_files_keep_their_places_to_one_another(model, tmp_path):
    for name in ("x/a.txt", "x/y/a.txt", "x/a.jsonl", "x/.hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = shards_of([str(tmp_path / "x"), str(tmp_path / "x" / "a.txt")], Path("out"), manner(model))
    assert [shard.target for shard in found] == ["out/a.jsonl", "out/a.txt.jsonl", "out/y/a.txt.jsonl"]


def test_a_worker_with_another_model_refuses(model, tmp_path):
    (tmp_path / "a.txt").write_text("Paris\n")
    other = manner(model)._replace(digest="0" * 64)
    with pytest.raises(DataError, match="is here another file than where the run began"):
        tag_shard(Shard(str(tmp_path / "a.txt"), str(tmp_path / "a.jsonl"), other))
    assert not (tmp_path / "a.jsonl").exists()


def test_parquet_in_and_out(model, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason='needs pyarrow: pip install "chainrule[parquet]"')
    pyarrow = pytest.importorskip("pyarrow")
    texts = [line for line in LINES if line] * 3
    parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "a.parquet")
    shard = Shard(str(tmp_path / "a.parquet"), str(tmp_path / "out.parquet"), manner(model, "parquet"))
    tally = tag_shard(shard)
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["text"] for row in rows] == texts
    wanted = list(Tagger.load(model).pipe(texts))
    assert [[e["text"] for e in row["entities"]] for row in rows] == [[e.text for e in names] for names in wanted]
    assert tally == (len(texts), sum(map(len, wanted)), False)
    assert tag_shard(shard).there
    shard = Shard(str(tmp_path / "a.parquet"), str(tmp_path / "out.jsonl"), manner(model))
    tag_shard(shard)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == texts


@pytest.mark.slow
@pytest.mark.timeout(1800)
@needs_dask
@pytest.mark.filterwarnings("ignore")
def test_workers_of_a_cluster_killed_at_twenty_moments(serial, corpus, model, tmp_path):
    """A scheduler and two worker processes on loopback; workers are begun again as they die."""
    scheduler = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "distributed.cli.dask_scheduler",
            "--port",
            "0",
            "--scheduler-file",
            "s.json",
            "--no-dashboard",
        ],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )

    def worker():
        words = ["--nthreads", "1", "--no-dashboard", "--no-nanny", "--scheduler-file", "s.json"]
        module = [sys.executable, "-m", "distributed.cli.dask_worker"]
        return subprocess.Popen([*module, *words], cwd=tmp_path, stderr=subprocess.DEVNULL)

    while not (tmp_path / "s.json").exists():
        time.sleep(0.05)
    address = json.loads((tmp_path / "s.json").read_text())["address"]
    workers, rng = [worker(), worker()], random.Random(0)
    try:
        for k in range(20):
            out = tmp_path / f"out-{k}"
            words = [sys.executable, "-m", "chainrule", "tag", str(model), str(corpus), "--out", str(out)]
            driver = subprocess.Popen(
                [*words, "--executor", "dask", "--scheduler", address], stderr=subprocess.PIPE
            )
            time.sleep(rng.uniform(0.5, 3))
            victim = rng.randrange(2)
            workers[victim].send_signal(signal.SIGKILL)
            workers[victim].wait()
            workers[victim] = worker()
            said = driver.communicate(timeout=120)[1]
            assert driver.returncode == 0, said.decode()
            assert results(out) == serial
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()
