"""Pages that run: the Python of a page in Markdown, and the commands in it, print what the page shows.

    ```python            runs, in one namespace for the whole page
    print(x)  # shown    a line of its output
    ```text              what the block of Python above it prints
    ``` $ chainrule …    commands, and what each prints

`…` stands for anything within a line, and alone on a line for any lines.
"""

import re
import shlex
from pathlib import Path

from chainrule.shell.main import main

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CLAIM = re.compile(r"^(print\(.*?\)) +# (.*)$", re.MULTILINE)
COMMAND = re.compile(r"^\$ (chainrule [^\n]*)\n(.*?)(?=^\$ |\Z)", re.DOTALL | re.MULTILINE)


def blocks(path: Path, language: str) -> list[str]:
    """The blocks of one language."""
    return [text for name, text in BLOCK.findall(path.read_text(encoding="utf-8")) if name == language]


def matches(shown: str, printed: str) -> bool:
    """Whether a text is what is shown."""
    lines = [line.rstrip() for line in shown.strip("\n").split("\n")]
    pattern = "".join("(?:.*\n)*?" if line == "…" else f"{re.escape(line).replace('…', '.*')}\n" for line in lines)
    return (
        re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").split("\n")))
        is not None
    )


def run_python(block: str, path: Path, names: dict[str, object], capsys) -> str:
    """Run a block, and compare what its lines are said to print; returns all that is printed."""
    exec(compile(block, str(path), "exec"), names)
    printed = capsys.readouterr().out
    for line, shown in CLAIM.findall(block):
        if not any(matches(shown, each) for each in printed.splitlines()):
            raise AssertionError(f"{path.name}: {line} does not print {shown}, but\n{printed}")
    return printed


def answered(line: str, capsys, code: int = 0) -> str:
    """What a command line prints to standard output; it ends with this exit code."""
    try:
        main(shlex.split(line)[1:])
        left = None
    except SystemExit as ended:
        left = ended.code
    printed = capsys.readouterr()
    if (left or 0) != code:
        raise AssertionError(f"{line} ended with {left}: {printed.err}")
    return printed.out


def run_page(path: Path, capsys) -> int:
    """Run a page from top to bottom, in the folder where the test is; returns how many blocks there are."""
    names: dict[str, object] = {"__name__": "page"}
    printed, count = "", 0
    for language, block in BLOCK.findall(path.read_text(encoding="utf-8")):
        if language == "python":
            printed = run_python(block, path, names, capsys)
        elif language == "text":
            if not matches(block, printed):
                raise AssertionError(f"{path.name} shows\n{block}\nbut there is\n{printed}")
        elif not language and block.startswith("$ chainrule"):
            for line, shown in COMMAND.findall(block):
                if not matches(shown, out := answered(line, capsys)):
                    raise AssertionError(f"{path.name}: {line} shows\n{shown}\nbut prints\n{out}")
        else:
            continue
        count += 1
    return count
