"""Every system trained and judged, in processes of their own, on one thread."""

import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contestant import Contest, Contestant, Entry, Role
from benchmarks.judge import figure
from benchmarks.ner.data import Data
from benchmarks.ner.play import named
from benchmarks.ner.results import Record, Results
from benchmarks.ner.systems import SYSTEMS, System
from benchmarks.referee import environment, hold

from chainrule.ner import score

SPEED = "speed"
FIGURES = ("dev", "test", "seconds", "wall", "size", "loading", "memory")


class Turn(NamedTuple):
    """One system on one set of data: with one seed, or the mean of models of several."""

    data: Data
    name: str
    seeds: tuple[int, ...] = ()

    @property
    def system(self) -> System:
        """The system."""
        return SYSTEMS[self.name]

    @property
    def key(self) -> tuple[str, str, str]:
        """What its record is found by: also the data, which may have changed under their name."""
        digest = self.data.parts.train.digest[:6] + self.data.parts.test.digest[:6]
        return f"{self.data.name}-{digest}", self.name, "+".join(map(str, self.seeds))

    @property
    def members(self) -> "list[Turn]":
        """Those whose models it is the mean of."""
        return [Turn(self.data, self.system.mean_of, (s,)) for s in self.seeds if self.system.mean_of]

    def __str__(self) -> str:
        return f"{self.name}, seed {' + '.join(map(str, self.seeds))}"


def turns(data: Data, chosen: Sequence[str], seeds: Sequence[int]) -> Iterator[Turn]:
    """What there is to train; what has no seed, once."""
    for name in chosen:
        system = SYSTEMS[name]
        if system.options(data.characters) is None:
            continue
        each = [tuple(seeds)] if system.mean_of else [(s,) for s in (seeds if system.seeded else seeds[:1])]
        yield from (Turn(data, name, some) for some in each)


def present(turn: Turn, results: Results) -> bool:
    """Whether it was measured."""
    known = results.find(*turn.key)
    return known is not None and "absent" not in known


def trained(turn: Turn, results: Results, more: Mapping[str, Any]) -> Record:
    """Train and judge, unless that was done: F1, seconds, size in MiB, memory in MiB; or why it is absent."""
    if present(turn, results):
        return results.find(*turn.key) or {}
    system, folder, members = turn.system, results.model(*turn.key), turn.members
    options = dict(system.options(turn.data.characters) or {}, **more)
    if system.mean_of:
        if len(members) < 2 or not all(present(member, results) for member in members):
            return {"absent": f"needs `{system.mean_of}` with two seeds or more"}
        options = {"members": [results.model(*member.key) for member in members]}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    learning = {
        "function": system.learn,
        "options": options,
        "data": turn.data,
        "seed": turn.seeds[0],
        "folder": str(folder),
    }
    found = asked("learn", learning)
    if "absent" not in found:
        for clock in ("seconds", "wall"):
            found[clock] += sum((results.find(*member.key) or {})[clock] for member in members)
        found |= judged(turn.data, system, folder)
    return results.keep({name: v for name, v in found.items() if name in (*FIGURES, "absent")}, *turn.key)


def judged(data: Data, system: System, folder: Path) -> Record:
    """How well the model tags, and what it weighs."""
    parts = {"dev": data.parts.dev.sentences, "test": data.parts.test.sentences}
    texts = {name: [s.tokens for s in sentences] for name, sentences in parts.items()}
    found = asked("tag", {"function": system.tagging, "folder": str(folder), "parts": texts})
    if "absent" in found:
        return found
    tags = found.pop("tags")
    scores = {name: 100 * score([s.tags for s in part], tags[name]).f1 for name, part in parts.items()}
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {**found, **scores, "size": size / 2**20}


def asked(kind: str, arguments: Mapping[str, Any], threads: int = 1) -> Record:
    """The answer of a process for one job; `absent` says why there is none."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ner.play"],
        input=pickle.dumps((kind, dict(arguments))),
        capture_output=True,
        env=environment(threads),
        check=False,
    )
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[-1]
        return {"absent": f"its process ended ({done.returncode}): {last}"}
    answer: Record = pickle.loads(done.stdout)
    return answer


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────


def tagger(function: str, folder: str, sentences: str) -> Contestant:
    """A trained model that tags the sentences of a file of JSON, over and over."""
    given: Any = pickle.loads(Path(sentences).read_bytes())
    tagging = named(function)(Path(folder))
    return Contestant(lambda: tagging(given))


def speeds(
    data: Data, chosen: Sequence[str], seeds: Sequence[int], results: Results, quick: bool, measure: bool = True
) -> dict[str, float]:
    """Tokens a second of every trained system, from tokens: the median of rounds in which all take their turns.

    What was measured is taken if it holds every system; with `measure` false it is taken as it is.
    """
    key = Turn(data, SPEED).key
    known: dict[str, float] = results.find(*key) or {}
    first = {turn.name: turn for turn in reversed(list(turns(data, chosen, seeds))) if present(turn, results)}
    if not measure or first.keys() <= known.keys():
        return known
    file = results.folder / f"{data.name}.tokens"
    file.write_bytes(pickle.dumps([s.tokens for s in data.parts.test.sentences]))
    entries = tuple(_entry(turn, results, file) for turn in first.values())
    contest = Contest("ner", data.title, entries, amount=data.parts.test.tokens, unit="tokens", tolerance=None)
    outcome = hold(contest, quick)
    file.unlink()
    found = {name: quartiles for name in outcome.figures if (quartiles := figure(outcome, name))}
    return results.keep({name: contest.amount / seconds.median for name, seconds in found.items()}, *key)


def _entry(turn: Turn, results: Results, file: Path) -> Entry:
    options = {
        "function": turn.system.tagging,
        "folder": str(results.model(*turn.key)),
        "sentences": str(file),
    }
    role = Role.OURS if turn.system.ours else Role.EXPERT
    return Entry(turn.name, role, "benchmarks.ner.run:tagger", options)
