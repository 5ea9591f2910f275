"""Processes that train together, by MPI and by gloo: any number of them does the same, killed and begun again too."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from chainrule.errors import ExtraError
from chainrule.learn.collective import ALONE
from chainrule.ports.together import together

WORK = Path(__file__).with_name("rank_work.py")
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))

needs_mpi = pytest.mark.skipif(
    not (MPIEXEC and find_spec("mpi4py")), reason='needs mpi4py and mpiexec: pip install "chainrule[mpi]"'
)
needs_torch = pytest.mark.skipif(not find_spec("torch"), reason="needs torch")


def command(carrier, ranks):
    if carrier == "mpi":
        return [MPIEXEC, "-n", str(ranks), sys.executable]
    return [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(ranks), "--standalone"]


def begun(carrier, ranks, folder, *more, **environment):
    folder.mkdir(exist_ok=True)
    known = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(
        [*command(carrier, ranks), str(WORK), carrier, str(folder), *more],
        env=known,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process, code=0):
    said = process.communicate(timeout=120)[0]
    assert process.returncode == code, said
    return said


def found(folder, rank=0):
    with np.load(folder / f"rank-{rank}.npz") as arrays:
        params = dict(arrays)
    return params, json.loads((folder / f"said-{rank}.json").read_text())


def same(one, other):
    for name, array in one.items():
        np.testing.assert_allclose(other[name], array, rtol=1e-10, atol=1e-13, err_msg=name)


@pytest.fixture(
    scope="module", params=[pytest.param("mpi", marks=needs_mpi), pytest.param("gloo", marks=needs_torch)]
)
def carrier(request):
    return request.param


@pytest.fixture(scope="module")
def one(carrier, tmp_path_factory):
    """What one process alone comes to."""
    folder = tmp_path_factory.mktemp("one")
    ended(begun(carrier, 1, folder))
    return found(folder)


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_agree(carrier, one, tmp_path, world):
    ended(begun(carrier, world, tmp_path))
    wanted, alone = one
    for rank in range(world):
        params, said = found(tmp_path, rank)
        assert said["world"] == world
        assert said["steps"] == alone["steps"]
        same(params, wanted)


def test_what_is_sent_is_flat_in_the_vocabulary(carrier, tmp_path):
    sent = []
    for V in (60, 60_000):
        ended(begun(carrier, 2, tmp_path / str(V), ROWS=str(V)))
        sent.append(found(tmp_path / str(V))[1]["sent"])
    assert sent[0] == sent[1]


def test_a_rank_that_is_killed_ends_all_and_others_go_on(carrier, one, tmp_path):
    process = begun(carrier, 2, tmp_path, SLOW="0.05")
    while not (tmp_path / "checkpoint").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(int((tmp_path / "pid-1").read_text()), signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not (tmp_path / "rank-0.npz").exists()
    ended(begun(carrier, 3, tmp_path, "resume"))
    params, said = found(tmp_path)
    same(params, one[0])
    assert said["steps"] == one[1]["steps"]


@needs_mpi
def test_a_command_that_is_wrong_is_one_sentence_in_all_processes(tmp_path):
    (tmp_path / "bad.conll").write_text("a B-X\nb\n")
    done = subprocess.run(
        [*command("mpi", 2), "-m", "chainrule", "train", "bad.conll", "--parallel", "mpi"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.count("error: bad.conll:2: 1 column") == 1
    assert "Traceback" not in done.stderr


def test_without_a_carrier_there_is_one():
    with together(None) as ranks:
        assert ranks is ALONE


@pytest.mark.parametrize(("carrier", "library"), [("mpi", "mpi4py")])
def test_a_carrier_that_is_missing_is_one_sentence(carrier, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr("importlib.metadata.version", _absent)
    with pytest.raises(ExtraError, match=f"--parallel {carrier} needs .*pip install"), together(carrier):
        pass


def _absent(name):
    raise PackageNotFoundError(name)
