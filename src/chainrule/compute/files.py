"""Files that are whole or not there: written under a temporary name, synced, renamed."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from chainrule.errors import WriteError

ABANDONED = 3600  # seconds


@contextmanager
def written_whole(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write to that takes its name only when it is complete and on the disk.

    Raises WriteError where the disk or the folder refuses. After any error nothing is left behind, and what
    had the name before keeps it.
    """
    target = Path(path)
    draft = target.with_name(f".{target.name}.{token_hex(8)}.tmp")
    _sweep(target)
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        _sync(target.parent)
    except OSError as error:
        reason = error.strerror or error
        raise WriteError(f"{target}: cannot be written ({reason}); make room or choose another folder") from None
    finally:
        with suppress(OSError):
            draft.unlink()


def _sweep(target: Path) -> None:
    """Remove the drafts that killed processes left behind: those that nobody has written to for an hour."""
    for draft in target.parent.glob(f".{escape(target.name)}.*.tmp"):
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > ABANDONED:
                draft.unlink()


def _sync(folder: Path) -> None:
    """Put the names in a folder on the disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
