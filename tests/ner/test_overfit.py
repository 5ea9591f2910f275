"""Twenty sentences are learnt by heart under every objective and scheme, by one and two layers: F1 1.0."""

from itertools import product

import pytest

from chainrule.ner import Tagger, sample
from chainrule.ner.objectives import OBJECTIVES
from chainrule.ner.tags import SCHEMES

TWENTY = {language: data.of(data.sentences[:20]) for language in ("en", "ko") for data in [sample(language).train]}
SETTINGS = {
    "hidden": 30,
    "dimension": 20,
    "dropout": 0.0,
    "feature_dropout": 0.0,
    "features": "shape, gram2",
    "learning_rate": 0.1,
    "batch_size": 8,
    "epochs": 150,
    "patience": 150,
}
EVERY = list(product(OBJECTIVES, SCHEMES, (1, 2), TWENTY))
SOME = {case for k, case in enumerate(EVERY) if k % 7 == 0}
"""Of each objective and scheme; 7 is prime to all counts, so that layers and languages alternate."""


@pytest.mark.parametrize(
    ("objective", "scheme", "layers", "language"),
    [pytest.param(*case, marks=[] if case in SOME else [pytest.mark.slow]) for case in EVERY],
)
def test_twenty_sentences_are_learnt_by_heart(objective, scheme, layers, language):
    data, seen = TWENTY[language], []

    def watch(event):
        seen.append(getattr(event, "figures", {}).get("dev_f1"))

    settings = {**SETTINGS, "objective": objective, "scheme": scheme, "layers": layers}
    tagger = Tagger.train(data, data, watch=watch, stop=lambda: 1.0 in seen, backend="numpy", **settings)
    found = tagger.evaluate(data)
    assert (found.precision, found.recall, found.f1) == (1.0, 1.0, 1.0)
