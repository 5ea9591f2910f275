"""Commands that are stopped by a signal at chosen moments: `python stop_work.py FOLDER MOMENTS COMMAND…`.

A moment is a signal and a share of the calls of functions that the command makes from begin to end. Each run is a fork in a folder
of its own, a copy of FOLDER, and sends the signal to itself; `{}` in the command stands for that folder. Printed is
what each left, as JSON: exit code, what it wrote to its streams, and its files.
"""

import json
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import chainrule.shell.convert
import chainrule.shell.explain
import chainrule.shell.inspect
import chainrule.shell.merge
import chainrule.shell.prune
import chainrule.shell.vectors  # noqa: F401  so that a fork has nothing to load
from chainrule.ner import Tagger
from chainrule.shell.main import main


class Calls:
    """Counts the calls of functions, and sends a signal at one of them."""

    def __init__(self, at, number):
        self.count, self.at, self.number = 0, at, number

    def __call__(self, frame, event, argument):
        if event == "call":
            self.count += 1
            if self.count == self.at:
                os.kill(os.getpid(), self.number)


def run(command, folder, at, number):
    """Exit code, streams and how many calls there were."""
    with tempfile.TemporaryDirectory() as place:
        streams = [Path(place) / name for name in ("out", "err", "calls")]
        child = os.fork()
        if not child:
            for k, path in enumerate(streams[:2], 1):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), k)
            code, calls = 99, Calls(at, number)
            try:
                sys.setprofile(calls)
                main([part.replace("{}", str(folder)) for part in command])
            except SystemExit as left:
                code = left.code
            finally:
                sys.setprofile(None)
                with suppress(OSError):
                    streams[2].write_text(str(calls.count))
                for stream in (sys.stdout, sys.stderr):
                    stream.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out, err, calls = (path.read_text(errors="replace") for path in streams)
    return code, out, err, int(calls)


def files(folder):
    return {str(p.relative_to(folder)): p.stat().st_size for p in sorted(folder.rglob("*")) if p.is_file()}


def all_runs(folder, moments, command):
    Tagger.load(folder / "model").tag("Paris")  # what is made once is made
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(folder, Path(place) / "whole")
        code, out, err, calls = run(command, Path(place) / "whole", 0, 0)
        found = [{"code": code, "out": out, "err": err, "files": files(Path(place) / "whole")}]
        for k, (number, moment) in enumerate(moments):
            copy = Path(place) / str(k)
            shutil.copytree(folder, copy)
            code, out, err, _ = run(command, copy, int(moment * calls), number)
            found.append({"code": code, "out": out, "err": err, "files": files(copy)})
    return found


if __name__ == "__main__":
    place, moments, *command = sys.argv[1:]
    print(json.dumps(all_runs(Path(place), json.loads(moments), command)))
