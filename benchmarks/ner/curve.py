"""How soon a tagger is good: `python -m benchmarks.ner.curve [--data NAME] [--recipe lecture best] [--threads 1]`.

F1 on dev after every epoch against the seconds since the data were handed over: reading the vectors, preparing
and compiling are counted. Then when it first was at 95 % of what the whole run reached. Seconds are given twice:
of the wall, and of the processor, which others on the machine do not lengthen; with one thread an idle machine has
both alike, and those of the processor are judged. The data are two hundred thousand words of public corpora with
common labels, unless others are named.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.ner.data import VECTORS, Data, Missing, data_named
from benchmarks.ner.run import asked

from chainrule.ner import Tagger

SHARE, LIMIT = 0.95, 120.0


def points(data: Data, **settings: Any) -> dict[str, Any]:
    """A point for every epoch: wall and processor seconds, and dev F1; then test F1."""
    found: list[dict[str, float]] = []
    began, used = time.perf_counter(), time.process_time()

    def watch(event: Any) -> None:
        if figures := getattr(event, "figures", None):
            now = {"wall": time.perf_counter() - began, "seconds": time.process_time() - used}
            found.append({**now, "dev": 100 * figures["dev_f1"]})

    train, dev, test = data.parts
    tagger = Tagger.train(train, dev, vectors=data.vectors, watch=watch, **settings)
    whole = {"wall": time.perf_counter() - began, "seconds": time.process_time() - used}
    return {"points": found, **whole, "test": 100 * tagger.evaluate(test).f1}


def reached(curve: Sequence[dict[str, float]], share: float) -> int:
    """The number of the first epoch whose F1 is such a share of the best, from 1 on."""
    best = max(point["dev"] for point in curve)
    return next(k for k, point in enumerate(curve, 1) if point["dev"] >= share * best)


def told(recipe: str, found: dict[str, Any], share: float, clock: str) -> Iterator[str]:
    """The curve, and when it was good."""
    curve = found["points"]
    first = reached(curve, share)
    yield f"\n{recipe}"
    yield f"  epoch  {'wall':>9}  {'processor':>9}  dev F1"
    for k, point in enumerate(curve, 1):
        mark = f"  ◂ {share:.0%} of the best" if k == first else ""
        yield f"  {k:>5}  {point['wall']:>7.1f} s  {point['seconds']:>7.1f} s  {point['dev']:>6.1f}{mark}"
    at = curve[first - 1]
    good = "✓" if at[clock] <= LIMIT else "✗"
    yield f"  {good} {share:.0%} of the best dev F1 after {at[clock]:.1f} s; wanted: within {LIMIT:.0f} s"
    yield f"  the whole run: {found[clock]:.1f} s, test F1 {found['test']:.1f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, print, write; 1 where it took longer than wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ner.curve", description=__doc__.replace("%", "%%"))
    parser.add_argument("--data", default="english", metavar="NAME", help="as in `python -m benchmarks ner`")
    parser.add_argument("--vectors", type=Path, default=VECTORS, metavar="FILE")
    parser.add_argument("--recipe", nargs="+", default=["lecture", "best"])
    parser.add_argument("--epochs", type=int, help="at most; those of the recipe")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--share", type=float, default=SHARE, help="of the best F1 [0.95]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to this file")
    given = parser.parse_args(arguments)
    try:
        data = data_named(given.data, given.vectors if given.vectors.exists() else None)
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 0
    print(f"{data.title}: {data.parts.train.tokens:,} tokens to learn from")
    more = {"epochs": given.epochs} if given.epochs else {}
    clock = "seconds" if given.threads == 1 else "wall"
    results: dict[str, dict[str, Any]] = {}
    late = []
    for recipe in given.recipe:
        settings = {"recipe": recipe, "seed": given.seed, "threads": given.threads, **more}
        call = {"function": "benchmarks.ner.curve:points", "data": data, **settings}
        results[recipe] = found = asked("call", call, given.threads)
        if "absent" in found:
            print(f"\n{recipe}: {found['absent']}")
            late.append(recipe)
            continue
        print(*told(recipe, found, given.share, clock), sep="\n", flush=True)
        if found["points"][reached(found["points"], given.share) - 1][clock] > LIMIT:
            late.append(recipe)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return int(bool(late))


if __name__ == "__main__":
    sys.exit(main())
