"""A folder of the user's own in which what was made once is found again, and that may vanish at any time.

It is `$CHAINRULE_CACHE`, else `chainrule` in `$XDG_CACHE_HOME` or where the system keeps caches. Every file
begins with the SHA-256 of the rest, and is written beside its place and then moved there. A file that is
damaged is as good as none, and so is a folder that cannot be used, or that others may write to: nothing here
ever raises or warns.
"""

import hashlib
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

DIGEST = hashlib.sha256().digest_size
MOST = 512  # files; beyond it the oldest go


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
            data = (place / name).read_bytes()
            if hashlib.sha256(data[DIGEST:]).digest() == data[:DIGEST]:
                return data[DIGEST:]
    return None


def keep(name: str, data: bytes) -> None:
    """Keep something under a name, if that is possible."""
    with suppress(OSError, RuntimeError):
        place = folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_ours(place):
            _write(place, name, hashlib.sha256(data).digest() + data)
            _forget_oldest(place)


def _is_ours(place: Path) -> bool:
    """Whether the folder belongs to the user, and nobody else can put files there: what lies in it is run."""
    if os.name == "nt":
        return True
    status = place.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _write(place: Path, name: str, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=place, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, place / name)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _forget_oldest(place: Path) -> None:
    files = list(place.iterdir())
    if len(files) > MOST:
        for file in sorted(files, key=lambda f: f.stat().st_mtime)[: len(files) - MOST]:
            file.unlink(missing_ok=True)
