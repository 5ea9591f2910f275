"""Settings that go together, under a name: what the lecture has, and what finds most names.

What a recipe says is what is usual under it; every setting can still be given. The recipe `best` is that of words
or of characters, of much data or little, by the data.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from chainrule.learn.choose import choose

LECTURE, BEST = "lecture", "best"

RECIPES: Mapping[str, str] = {
    LECTURE: "a window, one hidden layer, softmax",
    BEST: "all that is known of a token, and the tags of a sentence together; slower",
}

_SENTENCES: Mapping[str, Any] = {"objective": "sentence", "batch_size": 16}
WORDS: Mapping[str, Any] = {
    **_SENTENCES,
    "caps": 8,
    "features": "shape:16,suffix1+suffix2+suffix3:20",
    "rare": 3,
    "hidden": 200,
    "dropout": 0.0,
    "learning_rate": 0.03,
    "epochs": 10,
}
CHARACTERS: Mapping[str, Any] = {
    **_SENTENCES,
    "window": 9,
    "features": "gram2:40,gram3:30,shape:10,shape3:20,place5:10",
    "short_circuit": "form,gram2,gram3,gram4,shape3,place5,head2,tail2,upto6,rest5",
    "rare": 1,
    "hidden": 100,
    "activation": "relu",
    "spread": 0.15,
    "dropout": 0.4,
    "learning_rate": 0.02,
    "schedule": "linear",
    "epochs": 9,
}
WORDS_GIVEN: Mapping[str, Any] = {**WORDS, "features": "shape:16,cluster128:10"}
"""With vectors, whose clusters say what the last letters say, and of more words."""

MANY_GIVEN: Mapping[str, Any] = {
    **_SENTENCES,
    "caps": 0,
    "letters": 32,
    "features": "shape:16,affix:32,case:8,cluster128:10",
    "rare": 3,
    "spread": 0.15,
    "hidden": 100,
    "dropout": 0.25,
    "optimizer": "adam",
    "learning_rate": 2e-3,
    "schedule": "linear",
    "average": 0.99,
    "epochs": 6,
}
"""With vectors, and enough data to learn how names are spelt."""
FEW = 80_000  # tokens of training data below which how names are spelt is not learned for other text


class Variant(NamedTuple):
    """The settings that a recipe has for some data, and a word for that."""

    says: str
    settings: Mapping[str, Any]


def variant(recipe: str, *, characters: bool, vectors: bool, tokens: int = FEW) -> Variant:
    """That of a recipe for so many tokens that are characters or words, with or without vectors.

    Raises SettingError.
    """
    choose("recipe", recipe, RECIPES)
    if recipe == LECTURE:
        return Variant("", {})
    if characters:
        return Variant("for characters", CHARACTERS)
    if not vectors:
        return Variant("for words without vectors", WORDS)
    if tokens < FEW:
        return Variant(f"for words with vectors, and fewer than {FEW:,} of them", WORDS_GIVEN)
    return Variant(f"for words with vectors, {FEW:,} or more: how they are spelt is learned too", MANY_GIVEN)
