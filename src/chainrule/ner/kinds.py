"""What a network sees of a token, numbered: its kind. What is new is found out in bulk.

Tokens of which a network sees the same are of one kind; kind 0 is padding. New tokens are spelt in normal form as
the lines of one text, since no rule of Unicode looks across two line breaks. Where it also sees what surrounds a
token, that is added to what the token is by itself, which is remembered.
"""

import threading
from collections.abc import Mapping, Sequence
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.context import Cut
from chainrule.ner.features import WIDTHS, Features, Ids
from chainrule.ner.vocab import CACHED, PADDING

MOST_TOKENS = 1 << 16  # known tokens, and as many that were known before: some 150 bytes each, 20 MB
MOST_KINDS = 1 << 17  # kinds, at which it is time to begin anew
OWN = "by itself"


class Table:
    """Rows of whole numbers that are added to, and room behind them; an array once given out keeps its rows."""

    def __init__(self, width: int) -> None:
        self.rows, self.count = np.zeros((256, width), np.int32), 0

    def add(self, rows: NDArray[np.int32]) -> None:
        """Add rows (K, width) behind those that are there."""
        end = self.count + len(rows)
        if end > len(self.rows):
            room = np.zeros((end, self.rows.shape[1]), np.int32)
            self.rows = np.concatenate([self.rows, room])
        self.rows[self.count : end] = rows
        self.count = end


class Numbered:
    """What is seen of tokens, feature by feature, numbered as it is met; number 0 is that of padding.

    Numbers stay as long as this lives. It may be called from several threads at once.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """`names` are what counts of what is seen."""
        self._names = names
        self._ends = np.cumsum([WIDTHS.get(name, 1) for name in names])
        nothing = np.full((1, int(self._ends[-1])), PADDING, np.int32)
        self._bytes = np.dtype((np.void, nothing.nbytes))
        self._numbers = {nothing.tobytes(): 0}
        self._seen = Table(nothing.shape[1])
        self._seen.add(nothing)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many there are so far."""
        return self._seen.count

    def __call__(self, ids: Mapping[str, Ids]) -> Ids:
        """The numbers of N tokens, (N,)."""
        rows = np.column_stack([ids[name] for name in self._names]).astype(np.int32, order="C")
        keys: list[bytes] = rows.view(self._bytes).ravel().tolist()  # type: ignore[assignment]
        found = np.fromiter(map(self._numbers.get, keys, repeat(-1)), np.int64, len(keys))
        missing = np.flatnonzero(found < 0)
        if len(missing):
            with self._lock:
                new = dict.fromkeys(keys[k] for k in missing.tolist())
                added = [key for key in new if key not in self._numbers]
                before = self._seen.count
                self._seen.add(np.frombuffer(b"".join(added), np.int32).reshape(-1, rows.shape[1]))
                self._numbers.update(zip(added, range(before, before + len(added)), strict=True))
            found[missing] = [self._numbers[keys[k]] for k in missing.tolist()]
        return found

    def seen(self, numbers: Ids) -> dict[str, Ids]:
        """What is seen of each, (N,); of what is wider (N, L)."""
        columns = np.split(self._seen.rows[numbers].astype(np.int64), self._ends[:-1], axis=1)
        return {n: c if n in WIDTHS else c[:, 0] for n, c in zip(self._names, columns, strict=True)}


class Kinds:
    """The kinds of tokens: by themselves, and in their places. It lives until it is `full`.

    Which tokens are what by themselves is remembered within bounds.
    """

    def __init__(self, features: Features, names: Sequence[str]) -> None:
        """`names` are the features that count."""
        self._features, self._names = features, names
        self._around = [name for name in names if name in features.contexts]
        self._facts = features.facts if features.apart else ()
        own = [name for name in names if name not in features.contexts]
        self._own = Numbered(list(dict.fromkeys([*own, *self._facts])))
        self._placed = Numbered([OWN, *self._around])
        self._known: dict[str, int] = {}
        self._older: dict[str, int] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many there are so far."""
        return len(self._placed if self._around else self._own)

    @property
    def full(self) -> bool:
        """Whether it is time to begin anew."""
        return max(len(self._placed), len(self._own)) > MOST_KINDS

    def selected(self, kinds: Ids) -> list[Ids]:
        """The numbers of each feature of these kinds, (N,) each; of letters (N, L)."""
        placed = self._placed.seen(kinds) if self._around else {OWN: kinds}
        seen = {**self._own.seen(placed[OWN]), **placed}
        return [seen[name] for name in self._names]

    def within(self, sentences: Sequence[Sequence[str]], cut: Cut) -> Ids:
        """The kinds of the tokens of sentences, (N,)."""
        if self._features.apart:
            return self.placed(self.of(list(chain.from_iterable(sentences))), cut)
        ids = self._features.ids(sentences, cut.documents.tolist())
        return self._joined(self._own(ids), ids)

    def placed(self, own: Ids, cut: Cut) -> Ids:
        """The kinds of tokens that are this by themselves, (N,), in their places."""
        return self._joined(own, self._features.around(self._own.seen(own), cut)) if self._around else own

    def _joined(self, own: Ids, around: Mapping[str, Ids]) -> Ids:
        return self._placed({**around, OWN: own}) if self._around else own

    def of(self, tokens: Sequence[str]) -> Ids:
        """What tokens are by themselves, (N,)."""
        found = np.fromiter(map(self._known.get, tokens, repeat(-1)), np.int64, len(tokens))
        missing = np.flatnonzero(found < 0)
        if len(missing):
            new = [tokens[k] for k in missing.tolist()]
            with self._lock:
                found[missing] = list(map(self._learnt(list(dict.fromkeys(new))).__getitem__, new))
        return found

    def _learnt(self, tokens: list[str]) -> dict[str, int]:
        """What different tokens are, which is remembered if they are short."""
        older = self._older
        made = dict(zip(tokens, map(older.get, tokens, repeat(-1)), strict=True))
        new = [token for token, kind in made.items() if kind < 0]
        made.update(zip(new, self._own(self._features.of_tokens(new)).tolist(), strict=True))
        kept = {token: kind for token, kind in made.items() if len(token) <= CACHED}
        if len(self._known) + len(kept) > MOST_TOKENS:
            self._older, self._known = self._known, {}
        if len(kept) <= MOST_TOKENS:
            self._known.update(kept)
        return made
