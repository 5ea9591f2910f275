"""A table that holds on to nothing: what is in it goes when nobody else has it."""

import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Entry(weakref.ref[T]):
    """What is in the table under a key."""

    __slots__ = ("key",)
    key: Hashable


class Table(Generic[T]):
    """Key → the object entered first, as long as it lives. Threads may share it."""

    def __init__(self) -> None:
        self.entries: dict[Hashable, Entry[T]] = {}
        self._lock = threading.RLock()  # an object can go while another is entered
        self._forget = _forgetting(self.entries, self._lock)

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, key: Hashable) -> T | None:
        """What is there under the key."""
        entry = self.entries.get(key)
        return None if entry is None else entry()

    def enter(self, key: Hashable, value: T) -> T:
        """What is there under the key, the value itself unless another was first."""
        with self._lock:
            entry = self.entries.get(key)
            found = None if entry is None else entry()
            if found is not None:
                return found
            entry = self.entries[key] = Entry(value, self._forget)
            entry.key = key
            return value


def _forgetting(entries: dict[Hashable, Entry[T]], lock: "threading.RLock") -> Callable[[weakref.ref[T]], None]:
    def forget(gone: weakref.ref[T]) -> None:
        with lock:
            if entries.get(gone.key) is gone:  # type: ignore[attr-defined]  # every reference here is an Entry
                del entries[gone.key]

    return forget
