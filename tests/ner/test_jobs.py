"""Jobs that may be done twice: each is done, whoever dies in between."""

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest
from job_work import die, double, refuse_odd

from chainrule.errors import DataError, SettingError, WorkerError
from chainrule.ner.jobs import carry_out
from chainrule.ports.executors import executors

COUNT = 30
needs_dask = pytest.mark.skipif(not find_spec("distributed"), reason='needs Dask: pip install "chainrule[dask]"')


def killing(folder, times, seed):
    """Kill a worker that is at a job, so many times, at random moments."""

    def kill():
        rng = random.Random(seed)
        killed = 0
        while killed < times and not stop.is_set():
            time.sleep(rng.uniform(0.05, 0.3))
            for mark in sorted(Path(folder).glob("at-*")):
                mark.unlink()
                try:
                    os.kill(int(mark.name[3:]), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                killed += 1
                break
        done.append(killed)

    stop, done = threading.Event(), []
    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return stop, thread, done


def all_done(folder):
    assert {p.name: p.read_text() for p in Path(folder).glob("*.txt")} == {
        f"{k}.txt": str(2 * k) for k in range(COUNT)
    }


def test_every_job_is_done_in_order_and_told():
    told = []
    found = carry_out(refuse_odd, range(6), lambda: ThreadPoolExecutor(2), told.append)
    assert [outcome.job for outcome in found] == list(range(6))
    assert [outcome.result for outcome in found] == [0, None, 2, None, 4, None]
    assert [type(outcome.error) for outcome in found if outcome.error] == [DataError] * 3
    assert sorted(outcome.job for outcome in told) == list(range(6))


def test_nothing_to_do_begins_nothing():
    assert carry_out(refuse_odd, [], lambda: pytest.fail("began")) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("place", "times"), [("local", 3), pytest.param("dask", 2, marks=needs_dask)])
def test_workers_that_are_killed_lose_nothing(tmp_path, place, times):
    stop, thread, killed = killing(tmp_path, times, times)
    found = carry_out(double, [(k, str(tmp_path)) for k in range(COUNT)], executors(place, 2))
    stop.set()
    thread.join()
    assert killed[0] >= 1
    assert [outcome.result[0] for outcome in found] == list(range(COUNT))
    all_done(tmp_path)


def test_workers_that_all_die_at_once_are_an_error():
    with pytest.raises(WorkerError, match="the workers ended 3 times with 4 jobs in hand and none done"):
        carry_out(die, range(4), executors("local", 2))


@needs_dask
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_is_not_there_is_one_sentence(monkeypatch):
    dask = pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(WorkerError, match=r"tcp://127\.0\.0\.1:1: no Dask scheduler answers"),
    ):
        carry_out(refuse_odd, [1], executors("dask", 1, "tcp://127.0.0.1:1"))


def test_a_scheduler_is_one_of_dask():
    with pytest.raises(SettingError, match="add --executor dask"):
        executors("local", 2, "tcp://127.0.0.1:8786")
