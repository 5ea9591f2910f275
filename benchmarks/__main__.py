"""All benchmarks: `python -m benchmarks [--only NAME] [--quick] [--threads 1 2] [--json FILE] [--svg FILE]`.

`python -m benchmarks ner` is one of its own: taggers trained on the same data.

One table of ratios, each measured in one run: the systems play in turn, in processes of their own, and figures of
one round are compared. First all have to compute the same. A library that is not installed is a blank
(`pip install "chainrule[bench]"` installs them).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.contestant import Role
from benchmarks.ner import __main__ as ner
from benchmarks.plot import svg
from benchmarks.referee import hold
from benchmarks.report import record, table
from benchmarks.works import WORKS


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 if chainrule could not be measured. Slower is no error."""
    asked = list(sys.argv[1:] if arguments is None else arguments)
    if asked[:1] == ["ner"]:
        return ner.main(asked[1:])
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="chainrule against its peers.",
        epilog="python -m benchmarks ner --help: taggers trained on the same data.",
    )
    parser.add_argument(
        "--only", metavar="NAME", action="extend", nargs="+", help=f"works among {', '.join(WORKS)}"
    )
    parser.add_argument("--setting", metavar="TEXT", default="", help="settings that hold this text")
    parser.add_argument("--quick", action="store_true", help="a few seconds: small sizes, two rounds, no peers")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, help="whether other libraries take part")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="how many threads (1 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to this file")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a plot of the ratios to this file")
    given = parser.parse_args(asked)
    for name in given.only or ():
        if name not in WORKS:
            parser.error(f"no work is called {name}; there are {', '.join(WORKS)}")
    peers = not given.quick if given.peers is None else given.peers
    about = machine.described()
    print(machine.line(about))
    outcomes = []
    for name in given.only or WORKS:
        for contest in WORKS[name](given.quick, given.threads):
            if given.setting in contest.setting:
                print(f"  {contest.work}: {contest.setting}, threads: {contest.threads}", file=sys.stderr)
                outcomes.append(hold(contest, given.quick, peers))
    print(*table(outcomes), sep="\n")
    if given.json:
        given.json.write_text(json.dumps(record(outcomes, about), indent=1, ensure_ascii=False) + "\n")
    if given.svg:
        given.svg.write_text(svg(outcomes), encoding="utf-8")
    return int(any(e.role is Role.OURS and e.label in o.faults for o in outcomes for e in o.contest.entries))


if __name__ == "__main__":
    sys.exit(main())
