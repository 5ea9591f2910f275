"""The pages of the ports run, and show what is printed."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from pages import run_page

from chainrule.ner.formats_table import added
from chainrule.ports.extra import LIBRARIES

DOCS = Path(__file__).parents[2] / "docs" / "ports"
PAGES = sorted(DOCS.glob("*.md"))
EXTRA = re.compile(r'pip install "chainrule\[(\w+)\]"')


def test_there_are_pages():
    assert {page.stem for page in PAGES} >= {"huggingface", "parquet", "sklearn", "spacy"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_the_extra_that_it_needs(page):
    found = set(EXTRA.findall(page.read_text(encoding="utf-8")))
    assert found and found <= {library.extra for library in LIBRARIES.values()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_and_shows_what_is_printed(page, tmp_path, monkeypatch, capsys):
    extras = set(EXTRA.findall(page.read_text(encoding="utf-8")))
    for name, library in LIBRARIES.items():
        if library.extra in extras and find_spec(name) is None:
            pytest.skip(f'{library.title} is not here: pip install "chainrule[{library.extra}]"')
    if not added():
        pytest.skip("chainrule is not installed here, so that it has no entry points: pip install -e .")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    assert run_page(page, capsys) >= 2
