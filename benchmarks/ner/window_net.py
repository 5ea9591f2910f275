"""The window network that a student of the lecture writes in PyTorch: vectors and capitals, tanh, softmax."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from benchmarks.ner.torch_common import EPOCHS, begun, best_by, embedding, numbered, restored, stored
from benchmarks.ner.words import Sentences, Tagging, Tags
from torch import Tensor, nn

if TYPE_CHECKING:
    from benchmarks.ner.data import Data

D, CAPS, H, BATCH, RATE = 50, 5, 100, 32, 1e-3
AT_ONCE = 16_384  # windows that are tagged together


SHAPES = (str.islower, str.isupper, str.istitle, str.isdigit)


class WindowNet(nn.Module):
    """s = U tanh(W x + b) + c with the vectors of a window, of words and of capitals, one behind another as x."""

    def __init__(self, V: int, D: int, C: int, window: int) -> None:
        super().__init__()
        self.E = nn.Embedding(V, D, sparse=True)
        self.caps = nn.Embedding(len(SHAPES) + 2, CAPS)
        self.hidden, self.scores = nn.Linear(window * (D + CAPS), H), nn.Linear(H, C)

    def forward(self, windows: Tensor) -> Tensor:
        """Scores (B, C) of windows (B, W, 2), of words and capitals."""
        x = torch.cat([self.E(windows[..., 0]), self.caps(windows[..., 1])], 2).flatten(1)
        scores: Tensor = self.scores(torch.tanh(self.hidden(x)))
        return scores


def capitals(word: str) -> int:
    """How a word is written, from 1 on; 0 is for padding."""
    return next((k for k, shape in enumerate(SHAPES, 2) if shape(word)), 1)


def windows(words: Mapping[str, int], sentences: Sentences, window: int) -> Tensor:
    """The windows (N, W, 2) of all tokens, padded at the ends of sentences."""
    side = [(0, 0)] * (window // 2)
    line = side[:]
    centres: list[int] = []
    for sentence in sentences:
        centres.extend(range(len(line), len(line) + len(sentence)))
        line += [*zip(numbered(words, sentence), map(capitals, sentence), strict=True), *side]
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
        torch.optim.Adam([p for name, p in net.named_parameters() if name != "E.weight"], lr=RATE),
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
