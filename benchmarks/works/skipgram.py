"""Skip-gram with negative sampling (Mikolov et al. 2013) on text, words a second, against gensim's Cython.

    J = Σ softplus(−uₒᵀ v) + Σₖ softplus(uₖᵀ v)      v of a word, uₒ of a word nearby, uₖ of K words drawn

D = 100, K = 5, up to 5 words on each side, frequent words thinned out at 10⁻³, rate 0.025. One run reads the text
once, with all that is drawn on the way. Compared is the loss of the same pairs after the first reading.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from benchmarks.contestant import Contest, Contestant, Entry, Role, Values
from benchmarks.judge import ahead
from benchmarks.works.ours import training_step
from benchmarks.works.tagging import texts
from numpy.typing import NDArray

import chainrule as cr
from chainrule.algebra.signature import FLOAT32

D, K, WINDOW, LEAST = 100, 5, 5, 5
RATE, THIN = 0.025, 1e-3
WORDS = 500  # read between two steps
TOLERANCE = 0.05

Ids = NDArray[np.int64]


class Text(NamedTuple):
    """Sentences, their frequent words in order, and these words as numbers with that of their sentence."""

    sentences: list[list[str]]
    words: list[str]
    counts: NDArray[np.float64]
    ids: Ids
    sentence: Ids


@cache
def text(length: int) -> Text:
    """Text of about so many characters in lower case."""
    sentences = [re.findall(r"\w+", line.lower()) for line in texts(length)]
    counter = Counter(word for sentence in sentences for word in sentence)
    words = [word for word, count in counter.most_common() if count >= LEAST]
    number = {word: k for k, word in enumerate(words)}
    known = [(number[w], k) for k, sentence in enumerate(sentences) for w in sentence if w in number]
    ids, places = np.array(known, np.int64).T
    return Text(sentences, words, np.array([counter[w] for w in words], float), ids.copy(), places.copy())


class Draws:
    """What is drawn: which words stay, how far a window reaches, which words stand against."""

    def __init__(self, given: Text, seed: int) -> None:
        self.text, self.rng = given, np.random.default_rng(seed)
        share = given.counts / given.counts.sum()
        self.kept = (np.sqrt(share / THIN) + 1) * THIN / share
        weights = given.counts**0.75
        self.table = np.repeat(np.arange(len(weights)), np.ceil(1e6 * weights / weights.sum()).astype(int))

    def batches(self) -> Iterator[tuple[Ids, Ids]]:
        """Words (B,), and for each a word nearby and K others, (B, 1 + K)."""
        for start in range(0, len(self.text.ids), WORDS):
            part = slice(start, start + WORDS)
            ids, sentence = self.text.ids[part], self.text.sentence[part]
            stay = self.rng.random(len(ids)) < self.kept[ids]
            ids, sentence = ids[stay], sentence[stay]
            reach = self.rng.integers(1, WINDOW + 1, len(ids))
            inputs, outputs = [], []
            for k in range(1, WINDOW + 1):
                near = sentence[k:] == sentence[:-k]
                for of, by, wide in ((ids[k:], ids[:-k], reach[k:]), (ids[:-k], ids[k:], reach[:-k])):
                    chosen = near & (wide >= k)
                    outputs.append(of[chosen])
                    inputs.append(by[chosen])
            met = np.concatenate(outputs)
            if len(met):
                drawn = self.table[self.rng.integers(0, len(self.table), (len(met), K))]
                yield np.concatenate(inputs), np.concatenate([met[:, None], drawn], axis=1)


def loss(given: Text, V: NDArray[Any], U: NDArray[Any]) -> float:
    """The mean of J over the pairs of one draw."""
    sums = []
    for words, others in Draws(given, seed=7).batches():
        s = np.einsum("bd,bkd->bk", V[words], U[others])
        s[:, 0] *= -1
        sums.append(np.logaddexp(0, s).sum(axis=1))
    return float(np.concatenate(sums).mean())


def ours(length: int) -> Contestant:
    """The graph for one pair, in batches."""
    given = text(length)
    count = len(given.words)
    V, U = (cr.matrix(name, count, D, dtype=FLOAT32) for name in "VU")
    word, others = cr.index("word"), cr.index("others", 1 + K)
    signs = np.array([-1.0] + [1.0] * K, np.float32)
    one = cr.sum(cr.softplus(signs * (cr.take(U, others) @ cr.take(V, word))))
    start = np.random.default_rng(0).uniform(-0.5 / D, 0.5 / D, (count, D)).astype(np.float32)
    params = {"V": start, "U": np.zeros((count, D), np.float32)}
    step = training_step(cr.sum(cr.batch(one, [word, others])), [V, U], params, "sgd", RATE)
    draws = Draws(given, seed=0)

    def run() -> None:
        for words, met in draws.batches():
            step({"word": words, "others": met})

    def values() -> Values:
        run()
        return {"the loss": loss(given, params["V"], params["U"])}

    return Contestant(run, values)


def gensim(length: int, threads: int) -> Contestant:
    """gensim's Word2Vec."""
    from gensim.models import Word2Vec  # noqa: PLC0415

    given = text(length)
    model = Word2Vec(
        vector_size=D, sg=1, negative=K, window=WINDOW, min_count=LEAST, sample=THIN, workers=threads, seed=1
    )
    model.build_vocab(given.sentences)

    def run() -> None:
        model.train(
            given.sentences, total_examples=len(given.sentences), epochs=1, start_alpha=RATE, end_alpha=RATE
        )

    def values() -> Values:
        run()
        at = [model.wv.key_to_index[w] for w in given.words]
        return {"the loss": loss(given, model.wv.vectors[at], model.syn1neg[at])}

    return Contestant(run, values)


HERE = "benchmarks.works.skipgram"


def contests(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """One text."""
    length = 20_000 if quick else 600_000
    for count in threads:
        yield Contest(
            "skip-gram",
            f"D = {D}, K = {K}",
            (
                Entry("chainrule", Role.OURS, f"{HERE}:ours", {"length": length}),
                Entry("gensim", Role.EXPERT, f"{HERE}:gensim", {"length": length, "threads": count}),
            ),
            threads=count,
            amount=len(text(length).ids),
            unit="words",
            targets=(ahead(1.0),),
            tolerance=TOLERANCE,
        )
