"""The reasons of the names of one sentence: windows are asked together, and summed up by word."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainrule.algebra.chain import expectations
from chainrule.ner.corpus import Corpus
from chainrule.ner.explain_margin import Paths, Runner
from chainrule.ner.explain_methods import Shares, cut, joined, shares
from chainrule.ner.explain_nearest import nearest_windows
from chainrule.ner.explain_path import CLOSE, ROUNDING, Integral
from chainrule.ner.explain_records import Choice, Proof, Reason, RunnerUp, Sentence, Window
from chainrule.ner.explain_scores import Doubles, Scores
from chainrule.ner.explain_unknown import Surroundings
from chainrule.ner.explain_words import Words
from chainrule.ner.features import Ids
from chainrule.ner.tags import OUTSIDE, closes, convert, spans, split
from chainrule.ner.tokenizer import Token

if TYPE_CHECKING:
    from chainrule.ner.tagger import Tagger

OF: Mapping[str, str] = {
    "score": "the scores of its tags",
    "margin": "how far these are above the scores of the runner-up's tags",
}
BEST = 5  # tags of a token that are listed
TOGETHER = 64  # windows that are asked at once
CHUNK = 4096  # windows that are scored at once


class Asked(NamedTuple):
    """A name by its tokens in the sentence; or a token, whose label and probability are those of its tag."""

    tokens: range
    label: str | None = None
    probability: float = 0.0


class _Known(NamedTuple):
    """A sentence of N tokens: scores and P(tag), (N, C), and the tags that were chosen, (N,)."""

    text: str
    tokens: Sequence[Token]
    first: int
    around: Surroundings
    scores: Doubles
    chances: Doubles
    y: Ids


class Reader:
    """What explains the sentences of a text."""

    def __init__(
        self, tagger: "Tagger", text: Sequence[Sequence[Token]], methods: Sequence[str], of: str, baseline: str
    ) -> None:
        self.labels = [OUTSIDE, *tagger.labels]
        self._tagger, self._methods, self._of, self._baseline = tagger, methods, of, baseline
        self._scores = Scores(tagger.network, tagger.params)
        self._words = Words(self._scores.parts, tagger.features, tagger.network.architecture.radius)
        self._parts = [split(tag) for tag in tagger.config.tags]
        self._text = [[token.text for token in sentence] for sentence in text]
        self._document = [0] * len(text)

    @cached_property
    def _ids(self) -> dict[str, Ids]:
        """The features of all tokens of the text."""
        return self._tagger.features.ids(self._text, self._document)

    @cached_property
    def _tags(self) -> list[str]:
        """The tags of all tokens of the text."""
        tagged, scheme = self._tagger.tag_tokens(self._text, self._document), self._tagger.config.scheme
        return [tag for tags in tagged for tag in convert(tags, scheme)]  # type: ignore[arg-type]

    def sentence(self, text: str, tokens: Sequence[Token], first: int, asked: Sequence[Asked]) -> Sentence:
        """A sentence, whose tokens are numbered from `first`, with a reason for each that is asked for."""
        known = self._known(text, tokens, first)
        paths = Paths(known.scores, self._moves, self._tagger.decoder.lattice.legal, known.y)
        runners = [self._runner(paths, each.tokens) for each in asked]
        centres = np.array([k for each in asked for k in each.tokens], np.int64)
        q = np.zeros((len(centres), self._tagger.network.C))
        q[np.arange(len(centres)), known.y[centres]] = 1
        if self._of == "margin":
            others = [_others(known.y, each.tokens, r) for each, r in zip(asked, runners, strict=True)]
            q[np.arange(len(centres)), list(chain.from_iterable(others))] -= 1
        found = self._asked(known.around, centres, q)
        reasons, at = [], 0
        for each, runner in zip(asked, runners, strict=True):
            some = slice(at, at + len(each.tokens))
            reasons.append(self._reason(known, each, runner, cut(found, some)))
            at = some.stop
        belongs = np.array([[(part.label or OUTSIDE) == label for label in self.labels] for part in self._parts])
        return Sentence(tokens, first, known.chances @ belongs, reasons)

    def with_nearest(self, sentences: Sequence[Sentence], corpus: Corpus, count: int) -> list[Sentence]:
        """The same with the windows of training that are nearest to every window."""
        h = [self._hidden(s, [w.token - s.first for r in s.reasons for w in r.windows]) for s in sentences]
        near = iter(nearest_windows(self._scores, self._tagger.features, corpus, np.concatenate(h), count))
        found = []
        for sentence in sentences:
            reasons = [
                r._replace(windows=tuple(w._replace(nearest=tuple(next(near))) for w in r.windows))
                for r in sentence.reasons
            ]
            found.append(sentence._replace(reasons=reasons))
        return found

    def _hidden(self, sentence: Sentence, centres: Sequence[int]) -> Doubles:
        """h of these tokens, (B, H)."""
        around = self._around([token.text for token in sentence.tokens], sentence.first)
        return self._scores.hidden(self._scores.rows(around.windows(np.array(centres, np.int64))))

    # ── what is known of a sentence ───────────────────────────────────────────────────────────────────

    def _known(self, text: str, tokens: Sequence[Token], first: int) -> _Known:
        t, words = self._tagger, [token.text for token in tokens]
        around = self._around(words, first)
        chunks = [np.arange(k, min(k + CHUNK, len(words))) for k in range(0, len(words), CHUNK)]
        s = np.concatenate([self._scores.scores(self._scores.rows(around.windows(c))) for c in chunks])
        number = {tag: k for k, tag in enumerate(t.config.tags)}
        tags = self._tags[first : first + len(words)]
        return _Known(text, tokens, first, around, s, self._chances(s), np.array([number[tag] for tag in tags]))

    def _around(self, words: Sequence[str], first: int) -> Surroundings:
        t, ids = self._tagger, {name: ids[first : first + len(words)] for name, ids in self._ids.items()}
        return Surroundings(words, t.features, t.network.architecture.radius, self._baseline, t.characters, ids)

    @property
    def _moves(self) -> Doubles:
        """A, or 0 where tags are scored alone."""
        C = self._tagger.network.C
        return np.asarray(self._tagger.params.get("A", np.zeros((C + 1, C + 1))), np.float64)

    def _chances(self, scores: Doubles) -> Doubles:
        """P(tag), (N, C)."""
        T = self._tagger.config.temperature
        if self._tagger.network.whole:
            first = np.zeros(len(scores), np.int64)
            first[:1] = 1
            return expectations(scores / T, self._moves / T, first)[0]
        p = np.exp((scores - scores.max(axis=1, keepdims=True)) / T)
        found: Doubles = p / p.sum(axis=1, keepdims=True)
        return found

    def _asked(self, around: Surroundings, centres: Ids, q: Doubles) -> Shares:
        parts = [
            shares(self._scores, around, centres[k : k + TOGETHER], q[k : k + TOGETHER], self._methods)
            for k in range(0, len(centres), TOGETHER)
        ]
        return joined(parts)

    def _runner(self, paths: Paths, tokens: range) -> Runner | None:
        head, tail = (self._parts[paths.y[k]] for k in (tokens[0], tokens[-1]))
        named = head.place != OUTSIDE
        before = np.array([named and part.place != OUTSIDE and not closes(part, head) for part in self._parts])
        after = np.array([named and part.place != OUTSIDE and not closes(tail, part) for part in self._parts])
        return paths.other(tokens, before, after)

    # ── one name ──────────────────────────────────────────────────────────────────────────────────────

    def _reason(self, known: _Known, asked: Asked, runner: Runner | None, found: Shares) -> Reason:
        tokens, y = asked.tokens, known.y[list(asked.tokens)]
        start, end = known.tokens[tokens[0]].start, known.tokens[tokens[-1]].end
        windows = tuple(self._window(known, t) for t in tokens)
        label, probability = asked.label, asked.probability
        if label is None:
            label, probability = self._parts[y[0]].label or OUTSIDE, windows[0].chosen.probability
        return Reason(
            tokens=range(known.first + tokens.start, known.first + tokens.stop),
            start=start,
            end=end,
            text=known.text[start:end],
            label=label,
            probability=probability,
            score=float(known.scores[list(tokens), y].sum()),
            value=float(found.value.sum()),
            blank=float(found.blank.sum()),
            runner_up=None if runner is None else self._runner_up(known, tokens, runner),
            words=self._words.of(known.tokens, known.first, known.around, tokens, found),
            windows=windows,
            proof=None if found.integral is None else _proved(found.integral),
        )

    def _window(self, known: _Known, t: int) -> Window:
        """A token with its tag, and the tags of the best scores."""
        order = np.argsort(-known.scores[t], kind="stable")[:BEST]
        chosen, *best = [
            Choice(self._tagger.config.tags[c], float(known.scores[t, c]), float(known.chances[t, c]))
            for c in (known.y[t], *order)
        ]
        return Window(known.first + t, known.tokens[t].text, chosen, tuple(best))

    def _runner_up(self, known: _Known, tokens: range, runner: Runner) -> RunnerUp:
        """The runner-up with its names, read around the name."""
        tags = [self._tagger.config.tags[c] for c in runner.tags]
        names = [
            (known.tokens[runner.first + a].start, known.tokens[runner.first + b - 1].end, label)
            for a, b, label in spans(tags)
            if runner.first + a < tokens.stop and tokens.start < runner.first + b
        ]
        inside = slice(tokens.start - runner.first, tokens.stop - runner.first)
        return RunnerUp(tuple(tags[inside]), tuple(names), runner.margin)


def _proved(integral: Integral) -> Proof:
    """What integrated gradients sum to over the windows of a name."""
    total, difference = float(integral.parts.sum()), float(integral.difference.sum())
    size = float(np.abs(integral.parts).sum()) + 1
    error = abs(total - difference) / max(abs(difference), size * ROUNDING / CLOSE)
    return Proof(total, difference, error, int(integral.points.max()))


def _others(y: Ids, tokens: range, runner: Runner | None) -> Sequence[int]:
    """The tags that tokens have on another path, or their own where there is none."""
    if runner is None:
        return list(map(int, y[list(tokens)]))
    return runner.tags[tokens.start - runner.first : tokens.stop - runner.first]
