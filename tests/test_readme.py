"""The README works when it is pasted."""

import re
from pathlib import Path

import pytest
from pages import answered as printed, blocks, run_python

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = blocks(README, "python")
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
        run_python(block, README, names, capsys)


def test_the_error_in_the_readme_is_the_error(monkeypatch):
    shown = re.search(r"^>>> (.*)\nShapeError: (.*)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert shown is not None
    names: dict[str, object] = {}
    exec("import chainrule as cr\nW, b = cr.matrix('W', 'n', 'm'), cr.vector('b', 'n')", names)
    with pytest.raises(ValueError, match="^" + re.escape(shown[2]) + "$"):
        exec(shown[1], names)


def answered(line, capsys):
    """What a command line prints; the digits of rounding errors aside."""
    return re.sub(r"\de−1\d", "…", printed(line, capsys))


@pytest.mark.parametrize(("line", "shown"), SHOWN)
def test_a_derivation_in_the_readme_is_what_is_printed(line, shown, capsys):
    assert answered(line, capsys).strip() == re.sub(r"\de−1\d", "…", shown).strip()


@pytest.mark.parametrize("line", LISTED)
def test_the_formulas_in_the_readme_are_answered(line, capsys):
    answered(line, capsys)


@pytest.mark.parametrize(("line", "shown"), CLAIMED)
def test_a_claim_in_the_readme_is_judged_as_it_says(line, shown, capsys):
    assert printed(line, capsys, code=1).endswith(f"\n\n{shown}")


def test_there_are_derivations_in_the_readme():
    assert len(SHOWN) >= 2 and len(LISTED) >= 6 and CLAIMED
