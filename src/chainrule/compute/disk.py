"""A folder of the user's own in which what was made once is found again, and that may vanish at any time.

It is `$CHAINRULE_CACHE`, else `chainrule` in `$XDG_CACHE_HOME` or where the system keeps caches. Every file
begins with the SHA-256 of the rest, and is written beside its place and then moved there. A file that is
damaged is as good as none, and so is a folder that cannot be used, or that others may write to, or whose disk is
full: nothing here ever raises or warns. What was not used for longest goes first when it becomes much; of files
that are not its own it touches none.
"""

import hashlib
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

DIGEST = hashlib.sha256().digest_size
SUFFIX = ".native"
MOST = 512  # files
ROOM = 256 * 2**20  # bytes


def folder() -> Path:
    """Where the files lie."""
    own = os.environ.get("CHAINRULE_CACHE")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if os.name == "nt" else None)
    if shared:
        return Path(shared) / "chainrule"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "chainrule"


def found(name: str) -> bytes | None:
    """What was kept under a name, if it is there and whole."""
    with suppress(OSError, RuntimeError):
        place = folder()
        if _is_ours(place):
            file = place / (name + SUFFIX)
            data = file.read_bytes()
            if hashlib.sha256(data[DIGEST:]).digest() == data[:DIGEST]:
                with suppress(OSError):  # a folder that can only be read
                    os.utime(file)
                return data[DIGEST:]
    return None


def keep(name: str, data: bytes) -> None:
    """Keep something under a name, if that is possible."""
    with suppress(OSError, RuntimeError):
        place = folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_ours(place):
            _write(place / (name + SUFFIX), hashlib.sha256(data).digest() + data)
            _forget_oldest(place)


def _is_ours(place: Path) -> bool:
    """Whether the folder belongs to the user, and nobody else can put files there: what lies in it is run."""
    if os.name == "nt":
        return True
    status = place.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _write(file: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".new-", suffix=SUFFIX)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _forget_oldest(place: Path) -> None:
    """Remove what was not used for longest, beyond `MOST` files or `ROOM` bytes."""
    used = []
    for entry in os.scandir(place):
        with suppress(FileNotFoundError):  # another process removed it
            if entry.name.endswith(SUFFIX):
                status = entry.stat()
                used.append((status.st_mtime_ns, status.st_size, entry.path))
    total = 0
    for count, (_, size, path) in enumerate(sorted(used, reverse=True), start=1):
        total += size
        if count > MOST or total > ROOM:
            Path(path).unlink(missing_ok=True)
