"""CRFsuite (Okazaki 2007), a linear chain on indicator features, in the features of its users.

tutorial   those of the sklearn-crfsuite tutorial that need no parts of speech, c1 = c2 = 0.1, 100 rounds of L-BFGS
clusters   and the clusters of the word's vector, k-means at three granularities, at −2 … 2
grams      characters: n-grams of up to four that lie within three characters, and where the spaces are
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pycrfsuite
from benchmarks.ner.words import Tagging, normal

if TYPE_CHECKING:
    from benchmarks.ner.data import Data

GRANULARITIES = (64, 256, 1024)
SETTINGS = {"c1": 0.1, "c2": 0.1, "max_iterations": 100, "feature.possible_transitions": True}
MODEL, KNOWN = "model.crfsuite", "features.json"

Clusters = Mapping[str, Sequence[int]]
Finder = Callable[[Sequence[str], Clusters], list[list[str]]]


def of_word(word: str, place: str) -> Iterator[str]:
    """What the tutorial tells of a word and of its neighbours."""
    yield f"{place}lower={word.lower()}"
    yield f"{place}title={word.istitle()}"
    yield f"{place}upper={word.isupper()}"


def tutorial(words: Sequence[str], clusters: Clusters) -> list[list[str]]:
    """The features of the tutorial."""
    found = []
    last = len(words) - 1
    for k, word in enumerate(words):
        here = ["bias", *of_word(word, ""), f"suffix3={word[-3:]}", f"suffix2={word[-2:]}"]
        here.append(f"digit={word.isdigit()}")
        here.extend(of_word(words[k - 1], "-1:") if k else ["BOS"])
        here.extend(of_word(words[k + 1], "+1:") if k < last else ["EOS"])
        found.append(here)
    return found


def with_clusters(words: Sequence[str], clusters: Clusters) -> list[list[str]]:
    """And the clusters of five words."""
    numbers = [clusters.get(normal(word), ()) for word in words]
    found = tutorial(words, clusters)
    for k, here in enumerate(found):
        for offset in range(max(-2, -k), min(3, len(words) - k)):
            here.extend(f"{offset}:cluster{g}={c}" for g, c in enumerate(numbers[k + offset]))
    return found


def grams(characters: Sequence[str], clusters: Clusters) -> list[list[str]]:
    """The n-grams within three characters."""
    text = "\0\0\0" + "".join(c[:1] for c in characters) + "\0\0\0"
    found = []
    for k in range(3, len(text) - 3):
        here = ["bias", f"digit={text[k].isdigit()}", f"upper={text[k].isupper()}"]
        for n in (1, 2, 3, 4):
            here.extend(f"{a}:{text[k + a : k + a + n]}" for a in range(-3, 5 - n))
        found.append(here)
    return found


FINDERS: Mapping[str, Finder] = {"tutorial": tutorial, "clusters": with_clusters, "grams": grams}


def learn(data: "Data", seed: int, folder: Path, features: str = "tutorial") -> None:
    """Train; nothing in it is random."""
    find, clusters = FINDERS[features], data.clusters(*GRANULARITIES) if features == "clusters" else {}
    trainer = pycrfsuite.Trainer(verbose=False, params=SETTINGS)
    for sentence in data.parts.train.sentences:
        trainer.append(find(sentence.tokens, clusters), sentence.tags)
    trainer.train(str(folder / MODEL))
    (folder / KNOWN).write_text(json.dumps({"features": features, "clusters": clusters}), encoding="utf-8")


def tagging(folder: Path) -> Tagging:
    """A function of sentences that gives their tags."""
    known = json.loads((folder / KNOWN).read_text(encoding="utf-8"))
    find, clusters = FINDERS[known["features"]], known["clusters"]
    tagger = pycrfsuite.Tagger()
    tagger.open(str(folder / MODEL))
    return lambda sentences: [tagger.tag(find(words, clusters)) if words else [] for words in sentences]
