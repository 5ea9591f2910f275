"""What the networks in PyTorch have in common: word numbers, one thread, and stopping early."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from benchmarks.ner.words import Sentences, Tags, normal
from benchmarks.works.peer_torch import settled

if TYPE_CHECKING:
    from benchmarks.ner.data import Data

PADDING, UNKNOWN = 0, 1
SPECIAL = ("", "\0")
EPOCHS, PATIENCE = 30, 5
MODEL, CONFIG = "model.pt", "config.json"

__all__ = ["PADDING", "UNKNOWN", "begun", "best_by", "embedding", "numbered", "restored", "stored"]


def begun(seed: int) -> None:
    """One thread, and this seed."""
    settled()
    torch.manual_seed(seed)


def numbered(words: Mapping[str, int], sentence: Sequence[str]) -> list[int]:
    """The numbers of words."""
    return [words.get(normal(word), UNKNOWN) for word in sentence]


def embedding(data: "Data", dimension: int) -> tuple[list[str], torch.Tensor]:
    """The words of the vectors and of the training data, and their vectors (V, D): the given, others random."""
    given, matrix = data.table()
    seen = dict.fromkeys(normal(t) for s in data.parts.train.sentences for t in s.tokens)
    known = set(given)
    words = [*SPECIAL, *given, *(word for word in seen if word not in known)]
    width = dimension if matrix is None else matrix.shape[1]
    scale = 0.1 if matrix is None else float(matrix.std())
    E = scale * torch.randn(len(words), width)
    E[PADDING] = 0
    if matrix is not None:
        E[2 : 2 + len(given)] = torch.from_numpy(matrix)
    return words, E


def best_by(
    data: "Data", net: torch.nn.Module, epoch: Callable[[], Any], tag: Callable[[Sentences], Tags], epochs: int
) -> None:
    """Epochs until dev F1 has not risen for some; the network is left as it was at its best."""
    from chainrule.ner import score  # noqa: PLC0415  tagging needs nothing of ours

    dev = data.parts.dev.sentences
    tokens, gold = [s.tokens for s in dev], [s.tags for s in dev]
    best, kept, since = -1.0, copy.deepcopy(net.state_dict()), 0
    for _ in range(epochs):
        net.train()
        epoch()
        net.eval()
        found = score(gold, tag(tokens)).f1
        best, kept, since = (
            (found, copy.deepcopy(net.state_dict()), 0) if found > best else (best, kept, since + 1)
        )
        if since == PATIENCE:
            break
    net.load_state_dict(kept)


def stored(folder: Path, net: torch.nn.Module, config: Mapping[str, Any]) -> None:
    """Write a network and what it needs to know."""
    torch.save(net.state_dict(), folder / MODEL)
    (folder / CONFIG).write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")


def restored(folder: Path, make: Callable[[dict[str, Any]], torch.nn.Module]) -> tuple[Any, dict[str, Any]]:
    """The network and what it needs to know."""
    settled()
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    net = make(config)
    net.load_state_dict(torch.load(folder / MODEL, weights_only=True))
    net.eval()
    return net, config
