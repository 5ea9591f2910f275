"""The systems that are compared, and on which data."""

from collections.abc import Mapping
from typing import Any, NamedTuple

HERE = "benchmarks.ner"


class System(NamedTuple):
    """A module with `learn(data, seed, folder, **options)` and `tagging(folder)`.

    words, characters   the options on such data; None where the system takes no part
    seeded              whether anything in it is random
    mean_of             the system whose trained models of all seeds it takes
    """

    label: str
    module: str
    words: Mapping[str, Any] | None = {}
    characters: Mapping[str, Any] | None = {}
    seeded: bool = True
    mean_of: str = ""
    ours: bool = False

    def options(self, characters: bool) -> Mapping[str, Any] | None:
        """The options on data of characters or of words."""
        return self.characters if characters else self.words

    @property
    def learn(self) -> str:
        """The function that trains."""
        return f"{HERE}.{self.module}:{'learn_mean' if self.mean_of else 'learn'}"

    @property
    def tagging(self) -> str:
        """The function that makes a function that tags."""
        return f"{HERE}.{self.module}:tagging"


SYSTEMS: Mapping[str, System] = {
    "crfsuite": System("CRFsuite, tutorial features", "crfsuite", seeded=False),
    "crfsuite-more": System(
        "CRFsuite + vector clusters; characters: n-grams ±3",
        "crfsuite",
        words={"features": "clusters"},
        characters={"features": "grams"},
        seeded=False,
    ),
    "student": System("window 5, fine-tuned, softmax (PyTorch)", "window_net"),
    "student-11": System("the same, window 11", "window_net", words=None, characters={"window": 11}),
    "default": System("**chainrule**, default", "ours", ours=True),
    "best": System(
        "**chainrule**, `--recipe best`",
        "ours",
        words={"recipe": "best"},
        characters={"recipe": "best"},
        ours=True,
    ),
    "merged": System("**chainrule**, `best` of all seeds, merged", "ours", mean_of="best", ours=True),
    "spacy": System("spaCy `ner` + vectors", "spacy_ner", characters=None),
    "bilstm-crf": System("BiLSTM-CRF + char CNN (PyTorch)", "bilstm_crf"),
}
"""In the order in which they are trained: the quick ones first."""
