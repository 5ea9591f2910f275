"""Training that is killed at random moments, as a process: `python kill_work.py CASE KILLS SEED FOLDER`.

Each run is a fork, so that it begins at once. It says how often a run was killed that had a checkpoint, and whether
the model that came of it in the end is that of a run that nobody killed, byte for byte.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import numpy as np

from chainrule.ner import Tagger, sample
from chainrule.ner.folder import CHECKPOINT, CONFIG
from chainrule.ner.vectors import Vectors

DATA = sample("en").train
DATA = DATA.of(DATA.sentences[:96])
WORDS = sorted({t.lower() for s in DATA.sentences[:60] for t in s.tokens if t.isalpha()})
VECTORS = Vectors(WORDS, np.random.default_rng(0).normal(size=(len(WORDS), 8)).astype(np.float32))
USUAL = {
    "hidden": 8,
    "dimension": 8,
    "epochs": 4,
    "patience": 9,
    "batch_size": 16,
    "dropout": 0.3,
    "features": "shape",
    "checkpoint_every": 0.0,
}
CASES = {
    "softmax": {"average": 0.9, "schedule": "cosine", "short_circuit": "caps, suffix2"},
    "logistic": {"optimizer": "adam", "schedule": "halve:1", "features": "gram2:3", "learning_rate": 0.01},
    "hinge": {"optimizer": "momentum", "threads": 2, "batch_size": 256, "learning_rate": 0.01, "letters": 3},
    "margin": {"scheme": "IO", "schedule": "inverse:20,warmup:5", "average": 0.5},
    "sentence": {"threads": 2, "batch_size": 32, "layers": 2, "clip": 0.5},
    "anchor": {
        "vectors": VECTORS,
        "fine_tune": "yes",
        "remedy": "anchor",
        "optimizer": "adam",
        "learning_rate": 0.01,
    },
    "drag": {"vectors": VECTORS, "fine_tune": "yes", "remedy": "drag", "objective": "sentence", "average": 0.9},
}


def settings(case):
    objective = {} if case in ("anchor", "drag") else {"objective": case}
    return {**USUAL, **objective, **CASES[case]}


def begun(case, folder):
    """A process that trains into a folder, from where the one before was killed."""
    child = os.fork()
    if child:
        return child
    try:
        resume = (folder / CHECKPOINT).exists()
        Tagger.train(
            DATA, DATA.of(DATA.sentences[:10]), out=folder, resume=resume, backend="numpy", **settings(case)
        )
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def finished(folder):
    return (folder / CONFIG).exists() and not (folder / CHECKPOINT).exists()


def bytes_of(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".")}


def main(case, kills, seed, place):
    draw, whole = random.Random(seed), Path(place) / "whole"
    start = time.perf_counter()
    if ended(begun(case, whole)):
        return {"error": "the run that nobody kills failed"}
    lasts, found, runs, resumed = time.perf_counter() - start, [], 0, 0
    for k in range(1, kills + 1):
        folder = Path(place) / str(k)
        for _ in range(draw.randint(1, 3)):
            child = begun(case, folder)
            time.sleep(draw.uniform(0.0, 0.8 * lasts))
            os.kill(child, signal.SIGKILL)
            runs += ended(child) == -signal.SIGKILL
            resumed += (folder / CHECKPOINT).exists()
            if finished(folder):
                break
        if not finished(folder) and ended(begun(case, folder)):
            return {"error": f"the run that goes on after kill {k} failed"}
        found.append(bytes_of(folder) == bytes_of(whole))
    return {"killed": runs, "resumed": resumed, "same": found, "seconds": lasts}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
