"""The window network that a student of the lecture writes in PyTorch: vectors, window 5, tanh, softmax."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from benchmarks.ner.torch_common import EPOCHS, begun, best_by, embedding, numbered, restored, stored
from benchmarks.ner.words import Sentences, Tagging, Tags
from torch import Tensor, nn

if TYPE_CHECKING:
    from benchmarks.ner.data import Data

D, H, BATCH, RATE, DROPOUT = 50, 100, 64, 1e-3, 0.3
AT_ONCE = 16_384  # windows that are tagged together


class WindowNet(nn.Module):
    """s = U tanh(W x + b) + c with the vectors of a window one behind another as x."""

    def __init__(self, V: int, D: int, C: int, window: int) -> None:
        super().__init__()
        self.E = nn.Embedding(V, D, sparse=True)
        self.hidden, self.scores = nn.Linear(window * D, H), nn.Linear(H, C)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, words: Tensor) -> Tensor:
        """Scores (B, C) of windows (B, W)."""
        x = self.dropout(self.E(words).flatten(1))
        return self.scores(self.dropout(torch.tanh(self.hidden(x))))


def windows(words: Mapping[str, int], sentences: Sentences, window: int) -> Tensor:
    """The windows (N, W) of all tokens, padded at the ends of sentences."""
    side = [0] * (window // 2)
    line = side[:]
    centres = []
    for sentence in sentences:
        centres.extend(range(len(line), len(line) + len(sentence)))
        line += [*numbered(words, sentence), *side]
    at = torch.tensor(centres)[:, None] + torch.arange(-(window // 2), window // 2 + 1)
    return torch.tensor(line)[at]


def tagger(net: nn.Module, words: Mapping[str, int], tags: Sequence[str], window: int) -> Tagging:
    """A function of sentences that gives their tags."""

    @torch.no_grad()
    def tag(sentences: Sentences) -> Tags:
        parts = windows(words, sentences, window).split(AT_ONCE)
        found = iter([tags[k] for part in parts for k in net(part).argmax(1).tolist()])
        return [[next(found) for _ in sentence] for sentence in sentences]

    return tag


def learn(data: "Data", seed: int, folder: Path, window: int = 5, epochs: int = EPOCHS) -> None:
    """Train with Adam, sparse for the vectors, which are trained too."""
    begun(seed)
    words, E = embedding(data, D)
    number = {word: k for k, word in enumerate(words)}
    train = data.parts.train.sentences
    tags = sorted({tag for s in train for tag in s.tags})
    net = WindowNet(*E.shape, len(tags), window)
    net.E.weight.data.copy_(E)
    place = {tag: k for k, tag in enumerate(tags)}
    X, y = (
        windows(number, [s.tokens for s in train], window),
        torch.tensor([place[t] for s in train for t in s.tags]),
    )
    rules: Sequence[Any] = (
        torch.optim.SparseAdam([net.E.weight], lr=RATE),
        torch.optim.Adam([*net.hidden.parameters(), *net.scores.parameters()], lr=RATE),
    )

    def epoch() -> None:
        for batch in torch.randperm(len(y)).split(BATCH):
            loss = nn.functional.cross_entropy(net(X[batch]), y[batch])
            for rule in rules:
                rule.zero_grad()
            loss.backward()
            for rule in rules:
                rule.step()

    best_by(data, net, epoch, tagger(net, number, tags, window), epochs)
    stored(folder, net, {"words": words, "tags": tags, "window": window, "shape": list(E.shape)})


def tagging(folder: Path) -> Tagging:
    """A function of sentences that gives their tags."""
    make: Callable[[dict[str, Any]], nn.Module] = lambda c: WindowNet(*c["shape"], len(c["tags"]), c["window"])  # noqa: E731
    net, config = restored(folder, make)
    return tagger(net, {word: k for k, word in enumerate(config["words"])}, config["tags"], config["window"])
