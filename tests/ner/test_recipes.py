"""Recipes: settings that go together, and what is given goes before them."""

import numpy as np
import pytest

from chainrule.errors import SettingError
from chainrule.ner import Tagger
from chainrule.ner.bundled import sample
from chainrule.ner.choices import settings_of
from chainrule.ner.recipes import FEW, LECTURE, RECIPES, variant
from chainrule.ner.vectors import Vectors

VECTORS = Vectors(["a", "b"], np.eye(2, dtype=np.float32))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("characters", [False, True])
@pytest.mark.parametrize("vectors", [None, VECTORS])
def test_every_recipe_has_settings_that_exist_and_are_in_range(recipe, characters, vectors):
    usual = variant(recipe, characters=characters, vectors=vectors is not None).settings
    made = settings_of({"recipe": recipe}, vectors, characters=characters)
    found = {name: getattr(part, name) for part in made for name in usual if hasattr(part, name)}
    assert found == dict(usual) and (usual == {}) is (recipe == LECTURE)


def test_what_is_given_goes_before_the_recipe():
    architecture, plan, choices = settings_of({"recipe": "best", "hidden": 7, "epochs": 2, "rare": 5})
    assert (architecture.hidden, plan.epochs, choices.rare) == (7, 2, 5)
    assert architecture.objective == "sentence"


def test_how_names_are_spelt_is_learned_from_much_data():
    few, many = (variant("best", characters=False, vectors=True, tokens=n).settings for n in (FEW - 1, FEW))
    assert "letters" not in few and many["letters"] > 0
    assert settings_of({"recipe": "best"}, VECTORS, tokens=FEW)[0].letters == many["letters"]
    assert settings_of({"recipe": "best"}, VECTORS, tokens=FEW - 1)[0].letters == 0


def test_an_unknown_recipe_is_refused_with_the_known_ones():
    with pytest.raises(SettingError, match="did you mean best"):
        settings_of({"recipe": "bets"})


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_best_recipe_trains_on_the_sample(language, tmp_path):
    parts = sample(language)
    few = parts.train.of(parts.train.sentences[:120])
    tagger = Tagger.train(few, parts.dev, out=tmp_path / "m", recipe="best", epochs=3)
    kind = "for characters" if language == "ko" else "for words without vectors"
    assert f"recipe best: {kind}" in tagger.notes
    architecture = tagger.config.architecture
    assert architecture.objective == "sentence" and bool(architecture.direct) is (language == "ko")
    assert tagger.evaluate(parts.dev).f1 > 0.1
    again = Tagger.load(tmp_path / "m")
    texts = ["".join(s.tokens) if language == "ko" else " ".join(s.tokens) for s in parts.dev.sentences[:20]]
    assert list(again.pipe(texts)) == list(tagger.pipe(texts))
