"""The works by name: each gives its contests, for `quick` ones and for these numbers of threads."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.contestant import Contest
from benchmarks.works import window

WORKS: Mapping[str, Callable[[bool, Sequence[int]], Iterator[Contest]]] = {
    "step": window.contests,
    "vocabulary": window.growth,
    "memory": window.memory,
}
