"""The memory of a process that loads a model and tags a sentence, beside that of one that does without."""

import subprocess
import sys
from itertools import islice, product
from pathlib import Path

import numpy as np
import pytest

from chainrule.ner import Tagger, sample
from chainrule.ner.vectors import Vectors

WORDS, DIMENSION = 60_000, 20
CODE = """
import sys
from chainrule.ner import Tagger

def resident():
    status = open("/proc/self/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024

before = resident()
tagger = Tagger.load(sys.argv[1])
tagger.tag("Helen Marsh flew to Berlin on Monday.")
print(before, resident(), "numpy.ma" in sys.modules, "importlib.metadata" in sys.modules)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not say what is resident")
def test_a_model_of_many_words_takes_little_more_than_its_files(tmp_path):
    data = sample("en").train
    data = data.of(data.sentences[:30])
    words = ["".join(letters) for letters in islice(product("abcdefghij", repeat=5), WORDS)]
    vectors = Vectors(words, np.random.default_rng(0).normal(size=(WORDS, DIMENSION)).astype(np.float32))
    features = {"features": "shape, suffix3, cluster8", "short_circuit": "form, suffix2", "letters": 5}
    tagger = Tagger.train(data, data, vectors=vectors, epochs=1, backend="numpy", hidden=20, **features)
    tagger.save(tmp_path / "m", bits=16)
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "m")], capture_output=True, text=True, check=True
    )
    before, after, masked, metadata = done.stdout.split()
    size = sum(p.stat().st_size for p in (tmp_path / "m").iterdir()) / 2**20
    assert float(after) - float(before) < 2 * size + 8  # hash table and places of the words, tables of the network
    assert (masked, metadata) == ("False", "False")
