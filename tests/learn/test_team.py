"""Threads that share work: results in order, errors as if there were one thread, and nobody left behind."""

import gc
import os
import signal
import threading
import time

import pytest

from chainrule.learn.team import Team


def hands():
    return [t for t in threading.enumerate() if t.name.startswith("chainrule-")]


@pytest.fixture(autouse=True)
def nobody_is_left():
    before = set(hands())
    yield
    gc.collect()
    deadline = time.monotonic() + 5
    while set(hands()) - before and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not set(hands()) - before


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_part_is_done_once_by_a_thread_of_its_own_and_results_are_in_order(count):
    together = threading.Barrier(count, timeout=5)  # broken unless all are at it at once

    def part(k):
        together.wait()
        return k, threading.get_ident()

    with Team(count) as team:
        for _ in range(20):
            numbers, threads = zip(*team(part), strict=True)
            assert numbers == tuple(range(count))
            assert len(set(threads)) == count and threads[0] == threading.get_ident()


def test_the_same_threads_do_all_work_and_end_with_the_team():
    with Team(3) as team:
        assert not hands()
        assert team(lambda k: threading.get_ident()) == team(lambda k: threading.get_ident())
        assert len(hands()) == 2
    assert not hands()


@pytest.mark.parametrize("wrong", [{0}, {1}, {2}, {1, 2}, {0, 2}])
def test_the_first_error_is_raised_once_all_have_ended_and_work_can_go_on(wrong):
    ended = []

    def part(k):
        try:
            if k in wrong:
                raise ValueError(f"part {k}")
            time.sleep(0.005)
        finally:
            ended.append(k)

    with Team(3) as team:
        with pytest.raises(ValueError, match=f"part {min(wrong)}"):
            team(part)
        assert sorted(ended) == [0, 1, 2]
        assert team(lambda k: k) == [0, 1, 2]


def test_threads_end_where_the_work_is_broken_off():
    def broken_off():
        with Team(2) as team:
            team(lambda k: k)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert not hands()


def test_a_team_that_is_forgotten_ends_its_threads():
    team = Team(2)
    team(lambda k: k)
    assert len(hands()) == 1
    del team


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_after_ctrl_c_no_old_result_passes_for_a_new_one():
    def part(k):
        if k:
            time.sleep(0.2)
        else:
            threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT)).start()
        return "old"

    with Team(2) as team:
        with pytest.raises(KeyboardInterrupt):
            team(part)
        assert team(lambda k: "new") == ["new", "new"]
