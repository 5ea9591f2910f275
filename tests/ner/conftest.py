import os
from pathlib import Path

import pytest

from chainrule.ner import Tagger, sample


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of development data; $CHAINRULE_DATA, or `shared/data` beside the repository."""
    usual = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("CHAINRULE_DATA", usual))
    if not folder.is_dir():
        pytest.skip(f"the development data is not at {folder}; set CHAINRULE_DATA to its folder")
    return folder


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    """A model that is quickly trained and knows little."""
    train = sample("en").train
    corpus = train.of(train.sentences[:8])
    return Tagger.train(corpus, corpus, epochs=1, hidden=4, dimension=3, caps=2, window=3)


@pytest.fixture
def model(tagger, tmp_path) -> Path:
    """The folder of that model."""
    tagger.save(tmp_path / "model")
    return tmp_path / "model"
