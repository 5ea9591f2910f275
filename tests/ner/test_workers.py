"""Work shared out to processes: the same answers in the same order, and what is said when one of them is gone."""

import multiprocessing
import pickle
import subprocess
import sys

import pytest
from shard_work import divided, fatal, summed

from chainrule.errors import DataError, SettingError, WorkerError
from chainrule.ner import Tagger, sample
from chainrule.ner.tagger import tag_shard
from chainrule.ner.workers import AHEAD, shared_out

pytestmark = pytest.mark.usefixtures("nobody_is_left")


@pytest.fixture
def nobody_is_left():
    yield
    assert multiprocessing.active_children() == []


def pairs(count):
    return ([2 * k + 1, 2 * k + 2] for k in range(count))


# ── shards ────────────────────────────────────────────────────────────────────────────────────────────


def test_answers_come_in_the_order_of_the_shards_from_any_number_of_workers():
    alone = list(shared_out(summed, 3, pairs(12), 1))
    assert alone == [(shard, 3 * sum(shard)) for shard in pairs(12)]
    assert list(shared_out(summed, 3, pairs(12), 2)) == alone
    assert list(shared_out(summed, 3, [], 2)) == []


def test_no_more_shards_are_taken_than_the_workers_may_have_in_hand():
    taken = []
    shared = shared_out(summed, 1, (taken.append(k) or [k, k] for k in range(1, 100)), 2)
    for given in range(1, 20):
        assert next(shared)[0] == [given, given]
        assert len(taken) <= given + 2 * AHEAD
    shared.close()


def test_an_empty_shard_asks_for_all_that_is_under_way():
    taken = []
    shared = shared_out(summed, 1, (taken.append(k) or ([k] if k % 3 else []) for k in range(1, 8)), 2)
    assert [next(shared)[0] for _ in range(2)] == [[1], [2]]
    assert taken == [1, 2, 3]
    assert [shard for shard, _ in shared] == [[4], [5], [7]]


def test_an_error_of_the_stream_comes_behind_the_answers_before_it():
    def shards():
        yield from pairs(2)
        raise DataError("the third is none")

    for workers in (1, 2):
        shared = shared_out(summed, 1, shards(), workers)
        assert [next(shared)[1] for _ in range(2)] == [3, 7]
        with pytest.raises(DataError, match="the third is none"):
            next(shared)


def test_an_error_in_a_worker_is_the_error_of_the_work():
    shared = shared_out(divided, 1, [[1], [0], [1]], 2)
    assert next(shared)[1] == 1
    with pytest.raises(ZeroDivisionError):
        next(shared)


@pytest.mark.parametrize(("at", "place", "before"), [
    (11, "texts 11 to 12 in hand; the 10 before are complete;", 5),
    (1, "texts 1 to 2 in hand;", 0),
])  # fmt: skip
def test_a_worker_that_is_killed_is_named_with_the_place_that_was_reached(at, place, before):
    shared = shared_out(fatal, at, pairs(50), 2)
    pids = [next(shared)[1] for _ in range(before)]
    with pytest.raises(WorkerError) as caught:
        list(shared)
    who = "worker 2 of 2" if before % 2 else "worker 1 of 2"
    said = f"{who} (process "
    assert str(caught.value).startswith(said)
    assert place in str(caught.value)
    if len(pids) > 1:
        assert str(caught.value).startswith(f"{said}{pids[before % 2]})")


def test_a_script_without_a_guard_is_told_what_it_lacks(tmp_path):
    (tmp_path / "script.py").write_text(
        "from operator import mul\nfrom chainrule.ner.workers import shared_out\n"
        "print(list(shared_out(mul, 2, [[1]], 2)))\n"
    )
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        "WorkerError: worker 1 of 2 could not begin; a script that asks for workers needs `if __name__"
        in done.stderr
    )


# ── a tagger ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def texts():
    return [" ".join(s.tokens) for s in sample("en").train.sentences[:120]] + ["", "Paris", " \n "]


def test_two_workers_find_what_one_finds(tagger, texts):
    alone = list(tagger.pipe(texts))
    assert any(alone)
    assert list(tagger.pipe(iter(texts), batch_size=17, workers=2)) == alone


def test_a_shard_is_tagged_the_same_by_a_copy(tagger, texts):
    found = tag_shard(tagger, texts)
    copy = pickle.loads(pickle.dumps(tagger))
    assert isinstance(copy, Tagger)
    assert [list(map(float, column)) for column in tag_shard(copy, texts)] == [
        list(map(float, column)) for column in found
    ]


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2"])
def test_a_number_of_workers_is_a_whole_number(tagger, workers):
    with pytest.raises(SettingError, match=r"number of workers is .*; it must be a whole number at least 1"):
        next(tagger.pipe(["Paris"], workers=workers))
