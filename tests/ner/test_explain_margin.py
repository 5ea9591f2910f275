"""The runner-up against every path there is."""

from itertools import product

import numpy as np
import pytest

from chainrule.ner import Tagger, sample
from chainrule.ner.explain_margin import Paths
from chainrule.ner.lattice import Lattice
from chainrule.ner.tags import OUTSIDE, closes, spans, split, tag_list
from chainrule.ner.windows import encode

CASES = [
    (scheme, labels, n)
    for scheme, labels, n in (("IO", "AB", 5), ("IOB2", "AB", 5), ("BIOES", "A", 5), ("BIOES", "AB", 4))
]


def score(s, A, path):
    whole = [-1, *path, -1]
    return s[range(len(path)), path].sum() + A[whole[:-1], whole[1:]].sum()


def every(s, A, legal):
    """All legal paths with their scores."""
    C = s.shape[1]
    for path in product(range(C), repeat=len(s)):
        whole = [C, *path, C]
        if legal[whole[:-1], whole[1:]].all():
            yield list(path), score(s, A, list(path))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("scheme", "labels", "n"), CASES)
@pytest.mark.parametrize("moved", [False, True])
def test_no_other_legal_path_is_better(scheme, labels, n, seed, moved):
    tags = tag_list(labels, scheme)
    parts, legal = [split(tag) for tag in tags], Lattice(tags, scheme).legal
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(n, len(tags))) * 3
    A = rng.normal(size=legal.shape) * moved
    all_paths = list(every(s, A, legal))
    y = np.array(max(all_paths, key=lambda each: each[1])[0])
    paths = Paths(s, A, legal, y)
    assert paths.score == pytest.approx(max(total for _, total in all_paths))
    for k, c in product(range(n), range(len(tags))):
        through = [total for path, total in all_paths if path[k] == c]
        assert paths.through[k, c] == pytest.approx(max(through, default=-np.inf))
    names = spans([tags[c] for c in y])
    asked = [range(a, b) for a, b, _ in names] + [range(k, k + 1) for k in range(n) if tags[y[k]] == OUTSIDE]
    for tokens in asked:
        head, tail = (parts[y[k]] for k in (tokens[0], tokens[-1]))
        named = head.place != OUTSIDE
        before = np.array([named and p.place != OUTSIDE and not closes(p, head) for p in parts])
        after = np.array([named and p.place != OUTSIDE and not closes(tail, p) for p in parts])
        found = paths.other(tokens, before, after)
        name = next((x for x in names if x.start == tokens.start), None) if named else None
        others = [
            (total, path)
            for path, total in all_paths
            if (name not in spans([tags[c] for c in path]) if named else path[tokens[0]] != y[tokens[0]])
        ]
        total, path = max(others)
        assert found.margin == pytest.approx(paths.score - total, abs=1e-9)
        assert found.tags == path[found.first : found.first + len(found.tags)]
        assert found.first <= tokens.start and found.first + len(found.tags) >= tokens.stop
        rest = [k for k in range(n) if not found.first <= k < found.first + len(found.tags)]
        assert [path[k] for k in rest] == [y[k] for k in rest]


def test_without_another_tag_there_is_no_runner_up():
    paths = Paths(
        np.zeros((3, 1)), np.zeros((2, 2)), np.array([[True, True], [True, False]]), np.zeros(3, np.int64)
    )
    assert paths.other(range(1, 2), np.zeros(1, bool), np.zeros(1, bool)) is None


@pytest.mark.parametrize("objective", ["softmax", "sentence", "hinge"])
def test_a_model_s_runner_up_is_the_best_other_reading(objective):
    """Of two labels and few words, so that all paths can be scored."""
    train = sample("en").train
    kept = [s for s in train.sentences[:60] if {tag[-3:] for tag in s.tags} <= {"O", "PER", "LOC"}][:15]
    corpus = train.of(kept)
    settings = {"epochs": 20, "dropout": 0.0, "hidden": 6, "dimension": 5, "window": 3, "learning_rate": 0.2}
    tagger = Tagger.train(corpus, corpus, objective=objective, scheme="IOB2", **settings)
    pieces = [" ".join(s.tokens[k : k + 4]) for s in kept for k in range(len(s.tokens) - 3)]
    checked, tags = 0, tagger.config.tags
    for text in [piece for piece in pieces if tagger.tag(piece) and len(tagger.tokenize(piece)) == 1][:5]:
        encoded = encode([[t.text for t in tagger.tokenize(text)[0]]], tagger.features, 1)
        s = tagger.decoder.scores(tagger.params, encoded).astype(np.float64)
        A = np.asarray(tagger.params.get("A", np.zeros((len(tags) + 1,) * 2)), np.float64)
        paths = [
            (spans([tags[c] for c in path]), total) for path, total in every(s, A, tagger.decoder.lattice.legal)
        ]
        best = max(total for _, total in paths)
        for reason in tagger.explain(text, methods=["gradient"]).reasons:
            name = (reason.tokens.start, reason.tokens.stop, reason.label)
            other = max(total for names, total in paths if name not in names)
            assert reason.runner_up.margin == pytest.approx(best - other, abs=1e-4)
            checked += 1
    assert checked > 3
