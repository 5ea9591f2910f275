"""How well word vectors agree with people: `python -m benchmarks.word_similarity --model cbow`.

Spearman's ρ between cosines and the judgements of WordSim-353 and MEN, times 100, of vectors learnt from the same
text with the same settings, ours and gensim's, in turns; mean and spread over seeds. Beside it words a second of
the whole job, from a file of text to vectors, the median of the runs. It takes minutes.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from benchmarks.works.skipgram import EPOCHS, gensim, ours, text, written
from benchmarks.works.tagging import DATA, TEXT
from numpy.typing import NDArray
from scipy.stats import spearmanr

from chainrule.ner.word2vec_losses import MODELS

JUDGEMENTS = ("ws353", "men")

Table = tuple[list[str], NDArray[Any]]
SYSTEMS: dict[str, tuple[Callable[..., Any], Callable[[Any], Table]]] = {
    "chainrule": (ours, lambda run: (run.vectors.words, run.vectors.matrix)),
    "gensim": (gensim, lambda model: (model.wv.index_to_key, model.wv.vectors)),
}


def agreement(table: Table, name: str) -> float:
    """100 ρ over the pairs whose words both have a vector."""
    words, matrix = table
    number = {word: k for k, word in enumerate(words)}
    unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    rows = [line.lower().split() for line in (DATA / "vectors" / f"{name}.txt").read_text("utf-8").splitlines()]
    known = [(number[a], number[b], float(score)) for a, b, score, *_ in rows if a in number and b in number]
    first, second, scores = map(np.array, zip(*known, strict=True))
    return float(100 * spearmanr((unit[first] * unit[second]).sum(axis=1), scores).statistic)


def main() -> None:
    """Learn, judge and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.word_similarity", description=__doc__)
    parser.add_argument("--model", choices=list(MODELS), default="skipgram")
    parser.add_argument("--rate", type=float, help="gensim's learning rate; its default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--characters", type=int, default=TEXT.stat().st_size, help="of the text; all of it")
    parser.add_argument("--only", choices=list(SYSTEMS))
    given = parser.parse_args()
    chosen = {given.only: SYSTEMS[given.only]} if given.only else SYSTEMS
    found: dict[str, list[list[float]]] = {label: [] for label in chosen}
    with TemporaryDirectory() as folder:
        path = written(given.characters, Path(folder))
        read = EPOCHS * len(text(given.characters).ids)
        ours(20_000, written(20_000, Path(folder, "warm")), given.threads, model=given.model).run()  # is compiled
        for seed in range(1, 1 + given.seeds):
            for label, (make, table) in chosen.items():
                own = {"rate": given.rate} if given.rate and label == "gensim" else {}
                run = make(given.characters, path, given.threads, seed, model=given.model, **own).run
                began = time.perf_counter()
                learnt = table(run())
                speed = read / (time.perf_counter() - began)
                found[label].append([*(agreement(learnt, name) for name in JUDGEMENTS), speed])
    print(f"{given.model:<12}" + "".join(f"{name:>16}" for name in (*JUDGEMENTS, "words/s")))
    for label, runs in found.items():
        *rows, speeds = map(list, zip(*runs, strict=True))
        told = "".join(f"{np.mean(row):>11.1f} ±{np.std(row):>4.1f}" for row in rows)
        print(f"{label:<12}{told}{np.median(speeds):>16,.0f}", flush=True)


if __name__ == "__main__":
    main()
