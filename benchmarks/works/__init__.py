"""The works by name: each gives its contests, for `quick` ones and for these numbers of threads."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.contestant import Contest
from benchmarks.works import hessians, nets, scalars, skipgram, start, tagging, vectorised, window

WORKS: Mapping[str, Callable[[bool, Sequence[int]], Iterator[Contest]]] = {
    "step": window.contests,
    "threads": window.shared,
    "vocabulary": window.growth,
    "nets": nets.contests,
    "scalars": scalars.contests,
    "hessians": hessians.contests,
    "vectorised": vectorised.contests,
    "skipgram": skipgram.contests,
    "tagging": tagging.contests,
    "start": start.contests,
    "memory": window.memory,
}
