"""How long a program waits for its imports: a fresh process each time."""

import subprocess
import sys
from collections.abc import Iterator, Sequence

from benchmarks.contestant import Contest, Contestant, Entry, Role
from benchmarks.judge import at_most

HERE = "benchmarks.works.start:process"
CLICK = "import click; click.command()(lambda: None)(['--help'])"


def process(arguments: Sequence[str]) -> Contestant:
    """Python with these arguments. ModuleNotFoundError if they need what is not installed."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise (ModuleNotFoundError if "ModuleNotFoundError" in done.stderr else RuntimeError)(done.stderr[-200:])
    return Contestant(lambda: subprocess.run(command, capture_output=True, check=True))


def _entry(label: str, role: Role, *arguments: str) -> Entry:
    return Entry(label, role, HERE, {"arguments": arguments})


def contests(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """The library against NumPy; the command line against that of click."""
    yield Contest(
        "start",
        "import chainrule",
        (
            _entry("chainrule", Role.OURS, "-c", "import chainrule"),
            _entry("bare Python", Role.FLOOR, "-c", ""),
            _entry("numpy", Role.FLOOR, "-c", "import numpy"),
        ),
        targets=(at_most(60, "ms", beyond="numpy"),),
    )
    if quick:
        return
    yield Contest(
        "start",
        "import chainrule, names used",
        (
            _entry("chainrule", Role.OURS, "-c", "import chainrule; chainrule.gradient; chainrule.evaluate"),
            _entry("bare Python", Role.FLOOR, "-c", ""),
            _entry("numpy", Role.FLOOR, "-c", "import numpy"),
            _entry("torch", Role.DEFAULT, "-c", "import torch"),
            _entry("jax", Role.DEFAULT, "-c", "import jax"),
            _entry("autograd", Role.DEFAULT, "-c", "import autograd.numpy"),
        ),
        targets=(at_most(60, "ms", beyond="numpy"),),
    )
    yield Contest(
        "start",
        "chainrule --help",
        (
            _entry("chainrule", Role.OURS, "-m", "chainrule", "--help"),
            _entry("bare Python", Role.FLOOR, "-c", ""),
            _entry("click", Role.FLOOR, "-c", CLICK),
        ),
        targets=(at_most(250, "ms"),),
    )
