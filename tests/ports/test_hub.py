"""Models under the names of the hub: cards that it reads, folders that come from its cache, without a net."""

import shutil
from typing import Any

import pytest

from chainrule import ExtraError, ModelError
from chainrule.ner import Tagger, pretrained
from chainrule.ports import hub as port
from chainrule.ports.hub import pipeline_form

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Any:
    """The library without a net, with an empty cache."""
    library = pytest.importorskip("huggingface_hub", reason='no huggingface_hub: pip install "chainrule[hf]"')
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return library


@pytest.fixture
def cached(hub, tagger, tmp_path):
    """A model of the hub that was fetched before."""
    place = tmp_path / "cache" / "models--ann--names"
    tagger.save(place / "snapshots" / COMMIT)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    return "ann/names"


def test_a_folder_is_read_as_by_load(tagger, text, tmp_path):
    tagger.save_pretrained(tmp_path / "model")
    assert Tagger.from_pretrained(tmp_path / "model").tag(text) == tagger.tag(text)
    assert Tagger.from_pretrained(str(tmp_path / "model"), backend="numpy").backend == "numpy"


def test_a_model_of_the_hub_is_read_from_its_cache(cached, tagger, text):
    if not list(pretrained.entry_points(group=pretrained.ADDED)):
        pytest.skip("chainrule is not installed here, so that it has no entry points: pip install -e .")
    assert Tagger.from_pretrained(cached).tag(text) == tagger.tag(text)
    assert Tagger.from_pretrained(cached, revision=COMMIT).tag(text) == tagger.tag(text)


def test_what_is_not_there_is_one_sentence(hub):
    with pytest.raises(ModelError) as raised:
        port.folder("ann/nothing")
    said = str(raised.value)
    assert said.startswith("ann/nothing: no folder of a model, nor to be had from the hub (") and "\n" not in said


@pytest.mark.parametrize("name", ["no such ? name", "/runs/mine", "runs/mine/", "../nobody", "a/b/c", ""])
def test_what_is_no_name_of_the_hub_is_not_asked_of_it(name, monkeypatch):
    monkeypatch.setattr(port, "needed", None)
    assert port.folder(name) is None
    if name:
        with pytest.raises(ModelError, match="no model here; give the folder that training wrote"):
            Tagger.from_pretrained(name)


def test_without_the_library_its_extra_is_named(monkeypatch):
    monkeypatch.setattr("chainrule.ports.extra.metadata.version", lambda name: "0.1")
    with pytest.raises(
        ExtraError,
        match=r'^ann/names: no folder is here, and .* needs huggingface_hub 0\.25 or newer.*pip install "chainrule\[hf\]"',
    ):
        port.folder("ann/names")


def test_without_packages_that_know_more_models_only_folders_are(monkeypatch):
    monkeypatch.setattr(pretrained, "entry_points", lambda group: ())
    with pytest.raises(ModelError, match="ann/names: no model here; give the folder that training wrote"):
        Tagger.from_pretrained("ann/names")


def test_a_damaged_model_of_the_hub_is_refused(cached, tmp_path):
    snapshot = tmp_path / "cache" / "models--ann--names" / "snapshots" / COMMIT
    (snapshot / "vocab.txt").write_text("other\n")
    with pytest.raises(ModelError, match="has been altered"):
        Tagger.load(port.folder(cached))


def test_the_card_is_what_the_hub_asks_for(hub, tagger, tmp_path):
    tagger.save_pretrained(tmp_path / "model", language="en", license="mit", datasets=["eriktks/conll2003"])
    card = hub.ModelCard.load(tmp_path / "model" / "README.md")
    about = card.data.to_dict()
    assert about["language"] == "en" and about["license"] == "mit" and about["datasets"] == ["eriktks/conll2003"]
    assert about["pipeline_tag"] == "token-classification" and about["library_name"] == "chainrule"
    assert about["metrics"] == ["precision", "recall", "f1"] and "ner" in about["tags"]
    assert "Labels: DATE, LOC, MISC, ORG, PER" in card.text


def test_what_is_said_about_a_model_is_data_whatever_it_says(hub, tagger, tmp_path):
    odd = 'a: "b"\n---\n# ü'
    tagger.save_pretrained(tmp_path / "model", language=["en", "ko"], license=odd)
    about = hub.ModelCard.load(tmp_path / "model" / "README.md").data
    assert about.license == odd and about.language == ["en", "ko"] and about.datasets is None
    assert Tagger.load(tmp_path / "model").labels == tagger.labels  # the card is no part of what is checked


def test_saved_again_the_card_says_nothing_twice(tagger, tmp_path):
    for _ in range(2):
        tagger.save_pretrained(tmp_path / "model", license="mit")
    header = (tmp_path / "model" / "README.md").read_text().split("---\n")[1]
    names = [line.partition(":")[0] for line in header.splitlines()]
    assert len(names) == len(set(names))


def test_a_model_can_be_uploaded_as_it_is(tagger, tmp_path):
    tagger.save_pretrained(tmp_path / "model")
    shutil.copytree(tmp_path / "model", tmp_path / "elsewhere")
    assert Tagger.from_pretrained(tmp_path / "elsewhere").labels == tagger.labels


def test_names_have_the_form_of_a_pipeline(tagger, text):
    found = pipeline_form(tagger.tag(text))
    assert found
    for record in found:
        assert list(record) == ["entity_group", "score", "word", "start", "end"]
        assert record["word"] == text[record["start"] : record["end"]]
