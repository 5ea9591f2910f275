"""What was compiled is kept on disk, and nothing that happens to that folder is an error."""

import errno
import os
import tempfile

import pytest

from chainrule.compute import disk


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_what_is_kept_is_found_while_it_is_whole(folder):
    assert disk.found("a") is None
    disk.keep("a", b"123")
    assert disk.found("a") == b"123"
    file = folder / "a.native"
    whole = file.read_bytes()
    for damaged in (b"", b"short", whole[:-1], b"x" + whole[1:], whole + b"1"):
        file.write_bytes(damaged)
        assert disk.found("a") is None
    disk.keep("a", b"456")
    assert disk.found("a") == b"456"
    assert names(folder) == ["a.native"]


def test_a_folder_in_place_of_a_file_is_survived(folder):
    (folder / "a.native").mkdir(parents=True)
    disk.keep("a", b"1")
    assert disk.found("a") is None
    assert names(folder) == ["a.native"]


@pytest.mark.parametrize("place", ["/dev/null/nowhere", "/proc/nowhere"])
def test_a_folder_that_cannot_be_made_is_survived(place, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", place)
    disk.keep("a", b"1")
    assert disk.found("a") is None


def test_nothing_is_read_where_anybody_could_put_something(folder):
    folder.mkdir()
    folder.chmod(0o777)
    disk.keep("a", b"1")
    assert names(folder) == []
    folder.chmod(0o700)
    disk.keep("a", b"1")
    assert disk.found("a") == b"1"
    folder.chmod(0o770)
    assert disk.found("a") is None


def test_a_folder_that_can_only_be_read_is_read(folder, monkeypatch):
    disk.keep("a", b"1")

    def refused(*_, **__):
        raise PermissionError(errno.EROFS, "read-only file system")

    for module, name in ((os, "utime"), (os, "replace"), (tempfile, "mkstemp")):
        monkeypatch.setattr(module, name, refused)
    disk.keep("b", b"2")
    assert (disk.found("a"), disk.found("b")) == (b"1", None)


def test_a_full_disk_leaves_nothing_half_written(folder):
    disk.keep("a", b"1")

    wrote = os.fdopen

    def full(handle, *more):
        opened = wrote(handle, *more)
        opened.write(b"half")
        opened.close()
        raise OSError(errno.ENOSPC, "no space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdopen", full)
        disk.keep("b", b"2")
    assert names(folder) == ["a.native"]


def test_the_folder_keeps_what_was_used_last(folder, monkeypatch):
    monkeypatch.setattr(disk, "MOST", 3)
    for k, name in enumerate("abcd"):
        disk.keep(name, b"")
        os.utime(folder / f"{name}.native", (k, k))
    assert names(folder) == ["b.native", "c.native", "d.native"]
    assert disk.found("b") == b""  # used now
    disk.keep("e", b"")
    assert names(folder) == ["b.native", "d.native", "e.native"]


def test_the_folder_is_bounded_in_bytes_and_touches_no_file_of_others(folder, monkeypatch):
    monkeypatch.setattr(disk, "ROOM", 1000)
    folder.mkdir(mode=0o700)
    (folder / "letter.txt").write_bytes(bytes(5000))
    (folder / ".new-left.native").write_bytes(bytes(300))  # a process that was killed
    os.utime(folder / ".new-left.native", (0, 0))
    for k, name in enumerate("abcd"):
        disk.keep(name, bytes(300))
        os.utime(folder / f"{name}.native", (k + 1, k + 1))
    assert names(folder) == ["b.native", "c.native", "d.native", "letter.txt"]


def test_where_the_folder_is(monkeypatch, tmp_path):
    monkeypatch.delenv("CHAINRULE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert disk.folder() == tmp_path / "chainrule"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert disk.folder().name == "chainrule"
