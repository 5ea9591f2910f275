"""How long a program waits for its imports: a fresh process each time, that finds the bytecode of all modules."""

import atexit
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from tempfile import TemporaryDirectory, mkdtemp

from benchmarks.contestant import Contest, Contestant, Entry, Role
from benchmarks.judge import at_most

HERE = "benchmarks.works.start:process"
FIRST = "benchmarks.works.first_step"
INTERPRETED = "interpreted"
CLICK = "import click; click.command()(lambda: None)(['--help'])"


def process(arguments: Sequence[str], cache: str = "") -> Contestant:
    """Python with these arguments. ModuleNotFoundError if they need what is not installed.

    cache   where compiled functions are kept: "fresh" for nowhere, "kept" for a folder of this contestant's own
    """
    command = [sys.executable, *arguments]
    kept = mkdtemp(prefix="chainrule-")
    atexit.register(shutil.rmtree, kept, ignore_errors=True)

    def run() -> None:
        with TemporaryDirectory(prefix="chainrule-") as fresh:
            place = {"fresh": fresh, "kept": kept}.get(cache, "")
            environment = {**os.environ, "PYTHONPYCACHEPREFIX": _bytecode()}
            environment.pop("PYTHONDONTWRITEBYTECODE", None)
            environment |= {"CHAINRULE_CACHE": place} if place else {}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            kind = ModuleNotFoundError if "ModuleNotFoundError" in done.stderr else RuntimeError
            raise kind(done.stderr[-200:])

    run()
    return Contestant(run)


@functools.cache
def _bytecode() -> str:
    """A folder for the bytecode of all contestants, as installation leaves it beside their modules."""
    folder = mkdtemp(prefix="chainrule-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _entry(label: str, role: Role, *arguments: str, cache: str = "") -> Entry:
    return Entry(label, role, HERE, {"arguments": arguments, "cache": cache})


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
    for setting, cache, target in (
        ("first training step, compiled before", "kept", at_most(150, "ms", beyond=INTERPRETED)),
        ("first training step, never compiled", "fresh", at_most(3000, "ms", beyond=INTERPRETED)),
    ):
        yield Contest(
            "start",
            setting,
            (
                _entry("chainrule", Role.OURS, "-m", FIRST, "numba", cache=cache),
                _entry(INTERPRETED, Role.FLOOR, "-m", FIRST, "interpreter"),
            ),
            targets=(target,),
            seconds=30.0,
        )
