"""The README works when it is pasted."""

import re
import shlex
from pathlib import Path

import pytest

from chainrule.shell.main import main

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
SHOWN = re.findall(
    r"^```\n\$ (chainrule (?:derive|trace|compile) [^\n]*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE
)
CLAIMED = re.findall(r"^```\n\$ (chainrule check [^\n]*)\n  …\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
LISTED = re.findall(r"^(chainrule (?:derive|trace|check) .*?)(?: +# .*)?$", TEXT, re.MULTILINE)


def test_the_readme_has_examples():
    assert len(BLOCKS) >= 4


def test_the_examples_run_and_print_what_they_say(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, str(README), "exec"), names)
        printed = capsys.readouterr().out.splitlines()
        for line, shown in re.findall(r"^(print\(.*?\)) +# (.*)$", block, re.MULTILINE):
            assert shown in printed, f"{line} does not print {shown}"


def test_the_error_in_the_readme_is_the_error(monkeypatch):
    shown = re.search(r"^>>> (.*)\nShapeError: (.*)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert shown is not None
    names: dict[str, object] = {}
    exec("import chainrule as cr\nW, b = cr.matrix('W', 'n', 'm'), cr.vector('b', 'n')", names)
    with pytest.raises(ValueError, match="^" + re.escape(shown[2]) + "$"):
        exec(shown[1], names)


def answered(line, capsys):
    """What a command line prints; the digits of rounding errors aside."""
    with pytest.raises(SystemExit) as left:
        main(shlex.split(line)[1:])
    assert left.value.code in (0, None), line
    return re.sub(r"\de−1\d", "…", capsys.readouterr().out)


@pytest.mark.parametrize(("line", "shown"), SHOWN)
def test_a_derivation_in_the_readme_is_what_is_printed(line, shown, capsys):
    assert answered(line, capsys).strip() == re.sub(r"\de−1\d", "…", shown).strip()


@pytest.mark.parametrize("line", LISTED)
def test_the_formulas_in_the_readme_are_answered(line, capsys):
    answered(line, capsys)


@pytest.mark.parametrize(("line", "shown"), CLAIMED)
def test_a_claim_in_the_readme_is_judged_as_it_says(line, shown, capsys):
    with pytest.raises(SystemExit) as left:
        main(shlex.split(line)[1:])
    assert left.value.code == 1 and capsys.readouterr().out.endswith(f"\n\n{shown}")


def test_there_are_derivations_in_the_readme():
    assert len(SHOWN) >= 2 and len(LISTED) >= 6 and CLAIMED
