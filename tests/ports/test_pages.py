"""The pages of the ports run, and show what is printed."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from pages import run_page

from chainrule.ports.extra import LIBRARIES

DOCS = Path(__file__).parents[2] / "docs" / "ports"
PAGES = sorted(DOCS.glob("*.md"))
NEEDS = {"sklearn": ["sklearn"], "spacy": ["spacy"], "hf": ["datasets"], "parquet": ["pyarrow", "pandas"]}


def test_there_are_pages():
    assert {page.stem for page in PAGES} >= {"sklearn"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_and_shows_what_is_printed(page, tmp_path, monkeypatch, capsys):
    for name in NEEDS.get(page.stem, ()):
        if find_spec(name) is None:
            pytest.skip(f'{LIBRARIES[name].title} is not here: pip install "chainrule[{LIBRARIES[name].extra}]"')
    monkeypatch.chdir(tmp_path)
    assert run_page(page, capsys) >= 2
