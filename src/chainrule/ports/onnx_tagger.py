"""The network of a tagger as a model of ONNX: windows of ids in, scores of tags out; export only."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import chainrule
from chainrule.algebra.node import variables
from chainrule.ner.tagger import Tagger
from chainrule.ner.windows import encode
from chainrule.ports.onnx import model, write

FORMAT = 1
OUTPUT, MOVES = "log_probabilities", "moves"


def export(tagger: Tagger, path: str | Path) -> Any:
    """Write the network of a tagger, and return the model, a `ModelProto`.

    B windows of ids go in, and log softmax of the scores of C tags come out, (B, C). Where the tags of a sentence
    are scored together, a second output has the scores of moves, (C + 1, C + 1). The metadata says how windows
    become ids and scores names; `inputs_of` gives the ids of sentences. Raises ExtraError, WriteError.
    """
    network = tagger.network
    outputs = {OUTPUT: network.log_probabilities()}
    if network.whole:
        outputs[MOVES] = network.parameters["A"]
    used = {str(v.attrs["name"]) for v in variables(*outputs.values())}
    params = {name: array for name, array in tagger.params.items() if name in used}
    made = model(outputs, values=params, doc=_described(tagger), metadata=_metadata(tagger))
    write(made, path)
    return made


def inputs_of(tagger: Tagger, sentences: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
    """What the exported model is given for the tokens of sentences, a window for each."""
    encoded = encode(sentences, tagger.features, tagger.config.architecture.radius)
    return tagger.network.inputs(encoded.windows(slice(None)))


def _described(tagger: Tagger) -> str:
    a = tagger.config.architecture
    kind = "; the tags of a sentence are chosen together with the scores of moves" if tagger.network.whole else ""
    return (
        f"Window network for named entities ({', '.join(tagger.labels)}): {a.window} tokens in, log softmax of "
        f"the scores of {len(tagger.config.tags)} tags ({tagger.config.scheme}) out{kind}."
    )


def _metadata(tagger: Tagger) -> dict[str, str]:
    """What is needed to use the scores, as JSON where it is no plain text."""
    config = tagger.config
    said: dict[str, Any] = {
        "chainrule.format": FORMAT,
        "chainrule.version": chainrule.__version__,
        "labels": list(tagger.labels),
        "tags": list(config.tags),
        "scheme": config.scheme,
        "tokenizer": config.tokenizer,
        "window": config.architecture.window,
        "temperature": config.temperature,
        "features": tagger.network.seen,
        "short_circuit": list(config.architecture.direct),
        "vocabulary": "vocab.txt of the model: line k, from 0, is the word of id k (0 padding, 1 unknown)",
        "moves": "row i, column j: from tag i to tag j; the last row and column are the border of a sentence",
    }
    if not tagger.network.whole:
        del said["moves"]
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in said.items()}
