"""What was worked out about the last expressions: derivatives, the order of their calls.

Tracing builds the same small expressions over and over. What was worked out about them is held, and they with it,
so that they are found again and nothing is worked out twice; the oldest makes room for the newest, and a full
collection of garbage takes all.
"""

import gc
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.algebra.node import CONSTANT, Node

ROOM = 4_000  # nodes, and entries of constants, that are held in all

Key = tuple[Any, ...]


class Facts(OrderedDict[Key, tuple[Any, int]]):
    """Facts by key, the oldest first, each with the room that it takes."""

    taken = 0


class Recent:
    """The facts that are held. Threads may share it."""

    def __init__(self) -> None:
        self._facts = Facts()
        self._lock = threading.RLock()  # what goes may begin a collection of garbage

    def recall(self, key: Key) -> Any:
        """The fact under a key, which is the name of its kind and the expressions it is about; or None."""
        found = self._facts.get(key)
        return None if found is None else found[0]

    def remember(self, key: Key, fact: Any, graph: Sequence[Node]) -> None:
        """Hold a fact under a key; `graph` are the nodes that are held with it."""
        room = len(graph) + sum([n.attrs["data"].array.size for n in graph if n.op is CONSTANT])
        if room > ROOM:
            return
        with self._lock:
            facts = self._facts
            if key not in facts:
                facts[key] = fact, room
                facts.taken += room
                while facts.taken > ROOM:
                    facts.taken -= facts.popitem(last=False)[1][1]

    def let_go(self, phase: str, info: Mapping[str, int]) -> None:
        """Called at each collection of garbage: a full one takes all, which another call may just be adding to."""
        if phase == "start" and info["generation"] == 2:
            self._facts = Facts()


_recent = Recent()
recall, remember = _recent.recall, _recent.remember
gc.callbacks.append(_recent.let_go)
COLLECTING = Recent.let_go.__code__
"""What runs while garbage is collected: an exception that is raised there is lost."""
