"""Skip-gram with negative sampling (Mikolov et al. 2013) on text, words a second, against gensim's Cython.

    J = Σ softplus(−uₒᵀ v) + Σₖ softplus(uₖᵀ v)      v of a word, uₒ of a word nearby, uₖ of K words drawn

D = 100, K = 5, up to 5 words on each side, frequent words thinned out at 10⁻³, a rate that falls from 0.025. One
run is the whole job from a file of words between spaces: they are counted, and the text is read so many times.
Compared is the loss of the same pairs afterwards, whose draws are made here, for each pair its own. How good the
vectors are is the question of `benchmarks.word_similarity`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from benchmarks.contestant import Contest, Contestant, Entry, Role, Values
from benchmarks.judge import ahead
from benchmarks.works.tagging import texts
from numpy.typing import NDArray

from chainrule.ner.word2vec import Run, Word2Vec, train
from chainrule.ner.word_counts import Cut, numbered

D, K, WINDOW, LEAST, EPOCHS = 100, 5, 5, 5, 5
RATE, THIN = 0.025, 1e-3
WORDS = 500  # whose pairs are looked at together
TOLERANCE = 0.05

Ids = NDArray[np.int64]


class Text(NamedTuple):
    """The frequent words in order, their counts, and the text as their numbers with those of its sentences."""

    words: list[str]
    counts: NDArray[np.float64]
    ids: Ids
    sentence: Ids


@cache
def sentences(length: int) -> list[list[str]]:
    """Words of a text of about so many characters, in lower case."""
    return [found for line in texts(length) if (found := re.findall(r"\w+", line.lower()))]


def written(length: int, folder: Path) -> str:
    """The name of a file of this text."""
    folder.mkdir(exist_ok=True)
    path = folder / "text.txt"
    path.write_text("\n".join(map(" ".join, sentences(length))), encoding="utf-8")
    return str(path)


@cache
def text(length: int) -> Text:
    """The text as numbers."""
    counter = Counter(word for sentence in sentences(length) for word in sentence)
    words = [word for word, count in counter.most_common() if count >= LEAST]
    number = {word: k for k, word in enumerate(words)}
    known = [(number[w], k) for k, sentence in enumerate(sentences(length)) for w in sentence if w in number]
    ids, places = np.array(known, np.int64).T
    return Text(words, np.array([counter[w] for w in words], float), ids.copy(), places.copy())


def pairs(given: Text, seed: int) -> Iterator[tuple[Ids, Ids]]:
    """Words (B,), and for each a word nearby and K others, (B, 1 + K)."""
    rng = np.random.default_rng(seed)
    share = given.counts / given.counts.sum()
    kept = (np.sqrt(share / THIN) + 1) * THIN / share
    weights = given.counts**0.75
    table = np.repeat(np.arange(len(weights)), np.ceil(1e6 * weights / weights.sum()).astype(int))
    for start in range(0, len(given.ids), WORDS):
        part = slice(start, start + WORDS)
        ids, sentence = given.ids[part], given.sentence[part]
        stay = rng.random(len(ids)) < kept[ids]
        ids, sentence = ids[stay], sentence[stay]
        reach = rng.integers(1, WINDOW + 1, len(ids))
        inputs, outputs = [], []
        for k in range(1, WINDOW + 1):
            near = sentence[k:] == sentence[:-k]
            for of, by, wide in ((ids[k:], ids[:-k], reach[k:]), (ids[:-k], ids[k:], reach[:-k])):
                chosen = near & (wide >= k)
                outputs.append(of[chosen])
                inputs.append(by[chosen])
        met = np.concatenate(outputs)
        if len(met):
            drawn = table[rng.integers(0, len(table), (len(met), K))]
            yield np.concatenate(inputs), np.concatenate([met[:, None], drawn], axis=1)


def loss(given: Text, V: NDArray[Any], U: NDArray[Any]) -> float:
    """The mean of J over the pairs of one draw."""
    sums = []
    for words, others in pairs(given, seed=7):
        s = np.einsum("bd,bkd->bk", V[words], U[others])
        s[:, 0] *= -1
        sums.append(np.logaddexp(0, s).sum(axis=1))
    return float(np.concatenate(sums).mean())


def judged(given: Text, words: Sequence[str], V: NDArray[Any], U: NDArray[Any]) -> Values:
    """The loss with tables whose rows are in the order of these words."""
    number = {word: k for k, word in enumerate(words)}
    at = [number[word] for word in given.words]
    return {"the loss": loss(given, V[at], U[at])}


def ours(
    length: int, path: str, threads: int, seed: int = 0, backend: str = "numba", model: str = "skipgram"
) -> Contestant:
    """What `chainrule vectors train` does, but for writing the file; the rate is the model's own."""
    settings = Word2Vec(
        model=model, dimension=D, window=WINDOW, negatives=K, thin=THIN, epochs=EPOCHS, seed=seed, threads=threads
    )

    def run() -> Run:
        with numbered([path], LEAST, Cut("spaces", "written")) as given:
            return train(given, settings, backend=backend)

    def values() -> Values:
        found = run()
        return judged(text(length), found.vectors.words, found.vectors.matrix, found.contexts)

    return Contestant(run, values)


def gensim(
    length: int, path: str, threads: int, seed: int = 1, model: str = "skipgram", rate: float = RATE
) -> Contestant:
    """gensim's Word2Vec; the rate is its own for both models, unless one is given."""
    from gensim.models import Word2Vec  # noqa: PLC0415
    from gensim.models.word2vec import LineSentence  # noqa: PLC0415

    learnt: Callable[[], Any] = partial(
        Word2Vec, LineSentence(path), vector_size=D, sg=int(model == "skipgram"), negative=K, window=WINDOW,
        min_count=LEAST, sample=THIN, alpha=rate, epochs=EPOCHS, workers=threads, seed=seed,
    )  # fmt: skip

    def values() -> Values:
        model = learnt()
        return judged(text(length), model.wv.index_to_key, model.wv.vectors, model.syn1neg)

    return Contestant(learnt, values)


HERE = "benchmarks.works.skipgram"


def contests(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """One text."""
    length = 20_000 if quick else 1_200_000
    with TemporaryDirectory() as folder:
        path = written(length, Path(folder))
        for count in threads:
            options = {"length": length, "path": path, "threads": count}
            yield Contest(
                "skip-gram",
                f"D = {D}, K = {K}",
                (
                    Entry("chainrule", Role.OURS, f"{HERE}:ours", options),
                    Entry("gensim", Role.EXPERT, f"{HERE}:gensim", options),
                ),
                threads=count,
                amount=EPOCHS * len(text(length).ids),
                unit="words",
                targets=(ahead(1.0),),
                seconds=40.0,
                tolerance=TOLERANCE,
            )
