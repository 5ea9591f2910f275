"""A model that has ten sentences by heart, for all ports."""

import pytest

from chainrule.ner import Corpus, Tagger, sample


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    train = sample("en").train
    return train.of(train.sentences[:10])


@pytest.fixture(scope="session")
def tagger(corpus) -> Tagger:
    settings = {"epochs": 60, "patience": 60, "hidden": 10, "dimension": 12, "learning_rate": 0.3, "dropout": 0.0}
    trained = Tagger.train(corpus, corpus, **settings)
    if trained.evaluate(corpus).f1 < 1:
        raise AssertionError("the model of these tests does not have its sentences by heart")
    return trained


@pytest.fixture(scope="session")
def text(corpus) -> str:
    """Two of its sentences, as running text."""
    return "\n".join(" ".join(s.tokens) for s in corpus.sentences[:2])
