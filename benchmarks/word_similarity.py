"""How well word vectors agree with people: `python -m benchmarks.word_similarity`.

Spearman's ρ between cosines and the judgements of WordSim-353 and MEN, times 100, of vectors learnt from the same
text with the same settings, ours and gensim's; mean and spread over seeds. It takes minutes.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from benchmarks.works.skipgram import gensim, ours, written
from benchmarks.works.tagging import DATA, TEXT
from numpy.typing import NDArray
from scipy.stats import spearmanr

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
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--characters", type=int, default=TEXT.stat().st_size, help="of the text; all of it")
    parser.add_argument("--only", choices=list(SYSTEMS))
    given = parser.parse_args()
    print(f"{'':<12}" + "".join(f"{name:>16}" for name in JUDGEMENTS))
    with TemporaryDirectory() as folder:
        path = written(given.characters, Path(folder))
        for label, (make, table) in SYSTEMS.items():
            if given.only not in (None, label):
                continue
            seeds = range(1, 1 + given.seeds)
            runs = [table(make(given.characters, path, given.threads, seed).run()) for seed in seeds]
            found = [[agreement(each, name) for each in runs] for name in JUDGEMENTS]
            print(
                f"{label:<12}" + "".join(f"{np.mean(row):>11.1f} ±{np.std(row):>4.1f}" for row in found),
                flush=True,
            )


if __name__ == "__main__":
    main()
