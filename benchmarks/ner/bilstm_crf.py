"""A BiLSTM-CRF with a convolution over letters, as Lample et al. 2016 and Ma and Hovy 2016 have it, in PyTorch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from benchmarks.ner.torch_common import (
    EPOCHS,
    PADDING,
    UNKNOWN,
    begun,
    best_by,
    embedding,
    numbered,
    restored,
    stored,
)
from benchmarks.ner.words import Sentences, Tagging, Tags
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

if TYPE_CHECKING:
    from benchmarks.ner.data import Data

D, LETTER, FILTERS, H, DROPOUT = 100, 30, 30, 100, 0.5
BATCH, RATE, CLIP = 16, 1e-3, 5.0
LONGEST = 24  # letters of a word
AT_ONCE = 64  # sentences that are tagged together


class Batch(NamedTuple):
    """Sentences side by side: words (B, T), letters (B, T, L), and how long each is, (B,)."""

    words: Tensor
    letters: Tensor | None
    lengths: Tensor

    @property
    def mask(self) -> Tensor:
        """Where there is a token, (B, T)."""
        return torch.arange(self.words.shape[1]) < self.lengths[:, None]


class Chain(nn.Module):
    """Scores of moves between C tags, the sum over all paths and the best one."""

    def __init__(self, C: int) -> None:
        super().__init__()
        self.move, self.start, self.end = (nn.Parameter(0.1 * torch.randn(*n)) for n in ((C, C), (C,), (C,)))

    def loss(self, scores: Tensor, y: Tensor, lengths: Tensor) -> Tensor:
        """log Z minus the score of the right path, a mean over sentences; scores (B, T, C), y (B, T)."""
        B, T, _ = scores.shape
        mask = torch.arange(T) < lengths[:, None]
        alpha = self.start + scores[:, 0]
        for t in range(1, T):
            step = torch.logsumexp(alpha[:, :, None] + self.move, 1) + scores[:, t]
            alpha = torch.where(mask[:, t, None], step, alpha)
        last = y[torch.arange(B), lengths - 1]
        right = scores.gather(2, y[:, :, None])[:, :, 0] * mask
        moves = self.move[y[:, :-1], y[:, 1:]] * mask[:, 1:]
        gold = self.start[y[:, 0]] + right.sum(1) + moves.sum(1) + self.end[last]
        return (torch.logsumexp(alpha + self.end, 1) - gold).mean()

    def best(self, scores: Tensor, lengths: Tensor) -> list[list[int]]:
        """The best path of each sentence (Viterbi)."""
        T = scores.shape[1]
        best, came = self.start + scores[:, 0], []
        for t in range(1, T):
            value, origin = (best[:, :, None] + self.move).max(1)
            inside = (t < lengths)[:, None]
            best = torch.where(inside, value + scores[:, t], best)
            came.append(torch.where(inside, origin, torch.arange(scores.shape[2])))
        tag = (best + self.end).argmax(1)
        path = [tag]
        for origin in reversed(came):
            tag = origin.gather(1, tag[:, None])[:, 0]
            path.append(tag)
        rows: list[list[int]] = torch.stack(path[::-1], 1).tolist()
        return [row[:n] for row, n in zip(rows, lengths.tolist(), strict=True)]


class Net(nn.Module):
    """Vectors and letters of words, a BiLSTM, and scores of tags in a chain."""

    def __init__(self, shape: Sequence[int], letters: int, C: int) -> None:
        super().__init__()
        self.E = nn.Embedding(shape[0], shape[1], padding_idx=PADDING, sparse=True)
        self.letters = nn.Embedding(letters, LETTER, padding_idx=PADDING) if letters else None
        self.filters = nn.Conv1d(LETTER, FILTERS, 3, padding=1)
        width = shape[1] + (FILTERS if letters else 0)
        self.lstm = nn.LSTM(width, H, batch_first=True, bidirectional=True)
        self.scores, self.dropout = nn.Linear(2 * H, C), nn.Dropout(DROPOUT)
        self.chain = Chain(C)

    def forward(self, batch: Batch) -> Tensor:
        """Scores (B, T, C)."""
        x = self.E(batch.words)
        if self.letters is not None and batch.letters is not None:
            B, T, L = batch.letters.shape
            found = self.filters(self.dropout(self.letters(batch.letters.view(B * T, L))).transpose(1, 2))
            x = torch.cat([x, found.max(2).values.view(B, T, -1)], 2)
        packed = pack_padded_sequence(self.dropout(x), batch.lengths, batch_first=True, enforce_sorted=False)
        h, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        scores: Tensor = self.scores(self.dropout(h))
        return scores


class Reader(NamedTuple):
    """Numbers of words and letters; without letters for tokens that are characters."""

    words: Mapping[str, int]
    letters: Mapping[str, int]

    def __call__(self, sentences: Sentences) -> Batch:
        """Sentences side by side."""
        lengths = torch.tensor([len(s) for s in sentences])
        words = nn.utils.rnn.pad_sequence([torch.tensor(numbered(self.words, s)) for s in sentences], True)
        if not self.letters:
            return Batch(words, None, lengths)
        longest = min(LONGEST, max(len(w) for s in sentences for w in s))
        spelt = torch.zeros(*words.shape, max(longest, 1), dtype=torch.long)
        for k, s in enumerate(sentences):
            rows = [[self.letters.get(c, UNKNOWN) for c in w[:longest]] for w in s]
            spelt[k, : len(s)] = torch.tensor([row + [PADDING] * (longest - len(row)) for row in rows])
        return Batch(words, spelt, lengths)


def tagger(net: Net, read: Reader, tags: Sequence[str]) -> Tagging:
    """A function of sentences that gives their tags, in IOB2; sentences of like length are read together."""

    @torch.no_grad()
    def tag(sentences: Sentences) -> Tags:
        found: Tags = [[] for _ in sentences]
        order = sorted((k for k, s in enumerate(sentences) if s), key=lambda k: len(sentences[k]))
        for begin in range(0, len(order), AT_ONCE):
            places = order[begin : begin + AT_ONCE]
            batch = read([sentences[k] for k in places])
            for k, path in zip(places, net.chain.best(net(batch), batch.lengths), strict=True):
                found[k] = [_iob2(tags[c]) for c in path]
        return found

    return tag


def _iob2(tag: str) -> str:
    return {"S": "B", "E": "I"}.get(tag[0], tag[0]) + tag[1:]


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Sentences of like length together, in random order."""
    noise = torch.rand(len(lengths)).tolist()
    order = sorted(range(len(lengths)), key=lambda k: lengths[k] + 3 * noise[k])
    parts = [order[k : k + BATCH] for k in range(0, len(order), BATCH)]
    yield from (parts[k] for k in torch.randperm(len(parts)).tolist())


def learn(data: "Data", seed: int, folder: Path, epochs: int = EPOCHS) -> None:
    """Train with Adam, sparse for the vectors, which are trained too; words met once are unknown half the time."""
    begun(seed)
    words, E = embedding(data, D)
    train = [s for s in data.parts.train.sentences if s.tokens]
    spelling = sorted(set(chain.from_iterable(chain.from_iterable(s.tokens for s in train))))
    letters = {} if data.characters else {c: k for k, c in enumerate(spelling, 2)}
    read = Reader({word: k for k, word in enumerate(words)}, letters)
    tagged = data.parts.train.tagged("BIOES")
    tags = sorted({tag for row in tagged for tag in row})
    place = {tag: k for k, tag in enumerate(tags)}
    y = [torch.tensor([place[t] for t in row]) for row in tagged if row]
    shape = {"shape": list(E.shape), "letters": len(letters) + 2 if letters else 0, "C": len(tags)}
    net = Net(**shape)
    net.E.weight.data.copy_(E)
    counts = torch.bincount(
        torch.tensor([k for s in train for k in numbered(read.words, s.tokens)]), minlength=len(E)
    )
    others = [p for name, p in net.named_parameters() if name != "E.weight"]
    rules: Sequence[Any] = (torch.optim.SparseAdam([net.E.weight], lr=RATE), torch.optim.Adam(others, lr=RATE))
    lengths = [len(s.tokens) for s in train]

    def epoch() -> None:
        for places in batches(lengths):
            batch = read([train[k].tokens for k in places])
            rare = (counts[batch.words] == 1) & (torch.rand(batch.words.shape) < 0.5)
            batch = batch._replace(words=batch.words.masked_fill(rare, UNKNOWN))
            right = nn.utils.rnn.pad_sequence([y[k] for k in places], True)
            loss = net.chain.loss(net(batch), right, batch.lengths)
            for rule in rules:
                rule.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(others, CLIP)
            for rule in rules:
                rule.step()

    best_by(data, net, epoch, tagger(net, read, tags), epochs)
    stored(folder, net, {"words": words, "letters": letters, "tags": tags, "net": shape})


def tagging(folder: Path) -> Tagging:
    """A function of sentences that gives their tags."""
    make: Callable[[dict[str, Any]], nn.Module] = lambda c: Net(**c["net"])  # noqa: E731
    net, config = restored(folder, make)
    words = {word: k for k, word in enumerate(config["words"])}
    return tagger(net, Reader(words, config["letters"]), config["tags"])
