"""Taggers trained on the same data with the same vectors: `python -m benchmarks ner [--data NAME…] [--only …]`.

Every system learns in a process of its own on one thread, stops early by dev, and is judged on dev and test as
conlleval counts; mean and spread over the seeds. Beside it: seconds of the processor to train, tokens a second
(all models in turns, the median of the rounds; the text was met before), seconds to load, the size of the model
and the memory of a process that loads it and tags. What was measured is kept in the folder, so that a run goes on
where it was interrupted; `--fresh` measures again. A library that is not installed is a blank with a sentence
(`pip install "chainrule[bench]"`).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.ner.data import KNOWN, USUAL, VECTORS, Data, Missing, data_named
from benchmarks.ner.results import Record, Results
from benchmarks.ner.run import SPEED, Turn, speeds, trained, turns
from benchmarks.ner.systems import SYSTEMS
from benchmarks.ner.table import Row, markdown, row as summed, table


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, judge, print, write; 1 if chainrule could not be measured."""
    given = _parser().parse_args(arguments)
    known = ["sample"] if given.quick else list(USUAL)
    seeds = given.seeds or ([1] if given.quick else [1, 2, 3])
    chosen = [n for n in SYSTEMS if n in (given.only or SYSTEMS) and (SYSTEMS[n].ours or not given.quick)]
    results = Results(given.folder)
    found: list[tuple[Data, list[Row]]] = []
    for text in given.data or known:
        try:
            data = data_named(text, given.vectors if given.vectors and given.vectors.exists() else None)
        except Missing as missing:
            print(missing, file=sys.stderr)
            continue
        found.append((data, _measured(data, chosen, seeds, results, given)))
    about = machine.described()
    print(machine.line(about), file=sys.stderr if given.markdown else sys.stdout)
    print(*(markdown(found) if given.markdown else table(found)), sep="\n")
    if given.json:
        record = {
            "machine": about,
            "seeds": seeds,
            "data": {d.name: [r.record() for r in rows] for d, rows in found},
        }
        given.json.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    own = [row for _, rows in found for row in rows if SYSTEMS[row.name].ours and not SYSTEMS[row.name].mean_of]
    return int(given.train and any(row.absent for row in own))


def _parser() -> argparse.ArgumentParser:
    about = (__doc__ or "").replace("%", "%%")
    parser = argparse.ArgumentParser(prog="python -m benchmarks ner", description=about)
    names = f"{', '.join(KNOWN)}, or NAME=TRAIN,DEV,TEST [{' '.join(USUAL)}]"
    parser.add_argument("--data", action="extend", nargs="+", metavar="NAME", help=names)
    parser.add_argument("--vectors", type=Path, default=VECTORS, metavar="FILE", help="vectors of words, for all")
    parser.add_argument("--only", action="extend", nargs="+", choices=list(SYSTEMS), metavar="SYSTEM",
                        help=", ".join(SYSTEMS))  # fmt: skip
    parser.add_argument("--seeds", type=int, nargs="+", metavar="SEED", help="[1 2 3]")
    parser.add_argument("--quick", action="store_true", help="the bundled sample, one epoch, one seed, no peers")
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmark-ner"), help="[runs/benchmark-ner]")
    parser.add_argument("--fresh", nargs="*", choices=list(SYSTEMS), metavar="SYSTEM", help="measure these again")
    parser.add_argument("--train", action=argparse.BooleanOptionalAction, default=True,
                        help="train what was not measured yet; otherwise only show what was")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to this file")
    parser.add_argument("--markdown", action="store_true", help="the table as Markdown")
    return parser


def _measured(
    data: Data, chosen: Sequence[str], seeds: Sequence[int], results: Results, given: argparse.Namespace
) -> list[Row]:
    """What is known of every system on these data, in the order in which they were chosen."""
    waiting = list(turns(data, chosen, seeds))
    if given.fresh is not None:
        again = set(given.fresh or chosen)
        again |= {name for name in chosen if SYSTEMS[name].mean_of in again}
        results.forget(*[turn.key for turn in waiting if turn.name in again], Turn(data, SPEED).key)
    records: dict[str, list[Record]] = {}
    for turn in waiting:
        if given.train:
            print(f"  {data.title}: {turn}", file=sys.stderr, flush=True)
            record = trained(turn, results, {"epochs": 1} if given.quick else {})
        else:
            record = results.find(*turn.key) or {"absent": "not measured yet"}
        records.setdefault(turn.name, []).append(record)
    speed = speeds(data, chosen, seeds, results, given.quick, measure=given.train)
    return [summed(name, found, speed.get(name)) for name, found in records.items()]


if __name__ == "__main__":
    sys.exit(main())
