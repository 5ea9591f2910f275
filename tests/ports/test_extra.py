"""A library that is absent, broken or of another version is one sentence, which names the extra that brings it."""

import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from chainrule import ExtraError
from chainrule.ports import extra
from chainrule.ports.extra import LIBRARIES, check, needed

EXTRAS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
EVERY = pytest.mark.parametrize("name", sorted(LIBRARIES))


@pytest.fixture
def version(monkeypatch):
    """What is installed, for the time of one test; None for nothing."""

    def set_to(found: str | None) -> None:
        def answer(_: str) -> str:
            if found is None:
                raise metadata.PackageNotFoundError
            return found

        monkeypatch.setattr(extra.metadata, "version", answer)
        monkeypatch.setattr(extra, "find_spec", lambda name: None)

    return set_to


def bounds(requirement: str) -> str:
    return requirement.partition(";")[0].replace(" ", "")


@EVERY
def test_the_table_says_what_the_extra_does(name):
    library = LIBRARIES[name]
    wanted = f"{library.distribution or name}>={library.least}" + f",<{library.below}" * bool(library.below)
    assert wanted in map(bounds, EXTRAS[library.extra])


@EVERY
def test_the_extra_of_all_ports_holds_every_one_that_is_not_large(name):
    assert name in ("cupy", "torch") or LIBRARIES[name].extra in EXTRAS["ports"][0].partition("[")[2].rstrip(
        "]"
    ).split(",")


@EVERY
def test_an_absent_library_is_one_sentence(name, version):
    version(None)
    library = LIBRARIES[name]
    with pytest.raises(ExtraError) as raised:
        needed(name, "chainrule.ports.mine")
    assert (
        str(raised.value)
        == f'chainrule.ports.mine needs {library.title}: pip install "chainrule[{library.extra}]"'
    )
    assert isinstance(raised.value, ImportError)


@pytest.mark.parametrize("found", ["2.3.9", "3.7.99", "4.0.0.dev3", "4", "14.1"])
def test_another_version_is_one_sentence(found, version):
    version(found)
    with pytest.raises(ExtraError) as raised:
        needed("spacy.tokens", "chainrule.ports.spacy")
    assert str(raised.value) == (
        f"chainrule.ports.spacy needs spaCy 3.8 or newer, below 4, and found {found}: "
        'pip install "chainrule[spacy]"'
    )


@pytest.mark.parametrize("found", ["3.8", "3.8.0", "3.8.18", "3.8rc1", "3.99.1+local"])
def test_versions_in_the_range_are_taken(found, version):
    version(found)
    check("spacy", "chainrule.ports.spacy")


def test_without_an_upper_bound_any_newer_version_is_taken(version):
    version("990.0")
    check("pyarrow", "chainrule.ports.parquet")
    version("16.9")
    with pytest.raises(ExtraError, match=r"pyarrow 17 or newer, and found 16\.9:"):
        check("pyarrow", "chainrule.ports.parquet")


def test_a_version_without_its_last_numbers_is_the_same():
    assert [extra._numbers(v) for v in ("3", "3.0", "3.0.0", "3.0.1", "10.20")] == [
        (3,),
        (3,),
        (3,),
        (3, 0, 1),
        (10, 20),
    ]


def test_a_library_that_cannot_be_imported_is_one_sentence(version, monkeypatch):
    version("3.8")
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(ExtraError) as raised:
        needed("spacy", "chainrule.ports.spacy")
    assert str(raised.value).startswith("chainrule.ports.spacy cannot import spaCy (")
    assert str(raised.value).endswith('): pip install "chainrule[spacy]"')


def test_a_library_without_metadata_is_used_as_it_is(monkeypatch):
    def nothing(_: str) -> str:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(extra.metadata, "version", nothing)
    monkeypatch.setattr(extra, "find_spec", lambda name: object())
    check("spacy", "chainrule.ports.spacy")
