"""The README works when it is pasted."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


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
