"""Sets of tags: what data without a label allows, and losses over sets against sums over everything they allow."""

from itertools import product

import numpy as np
import pytest

from chainrule.calculus.batch import batch
from chainrule.compute.check import check
from chainrule.compute.interpret import evaluate
from chainrule.learn.batches import rng_for
from chainrule.ner.architecture import Architecture
from chainrule.ner.corpus import Corpus, Sentence
from chainrule.ner.features import Features
from chainrule.ner.judged import Judged
from chainrule.ner.model import Network
from chainrule.ner.objectives import MARGIN, OBJECTIVES
from chainrule.ner.partial import SURE, Said, barred, partial_loss, sets
from chainrule.ner.shown import Shown
from chainrule.ner.tags import tag_list
from chainrule.ner.vocab import Vocabulary
from chainrule.ner.windows import encode

TAGS = tag_list(["LOC", "ORG"], "IOB2")  # O B-LOC I-LOC B-ORG I-ORG
TOKENS = [["Ann", "saw", "Rome", "today"], ["Acme", "Corp", "grew"]]
DATA = Corpus(
    "some.conll",
    (Sentence(TOKENS[0], ["O", "O", "O", "O"]), Sentence(TOKENS[1], ["B-ORG", "I-ORG", "O"], 6)),
    "IOB2",
)


def allowed(found):
    return [
        "".join(tag[0] + tag[2:3] + " " for tag, may in zip(TAGS, row, strict=True) if may).strip()
        for row in found
    ]


def said(tags, chances, labels=("LOC",)):
    return Said(Judged(DATA, tags, tuple(tuple(map(float, np.log(row))) for row in chances)), labels)


# ── which tags a token may have ───────────────────────────────────────────────────────────────────────


def test_o_may_be_any_tag_of_a_label_that_the_data_lacks():
    open_o = "O BL IL"
    assert allowed(sets(DATA, TAGS, "IOB2", ["ORG"])) == [open_o] * 4 + ["BO", "IO", open_o]
    assert allowed(sets(DATA, TAGS, "IOB2", ["ORG", "LOC"])) == ["O"] * 4 + ["BO", "IO", "O"]


def test_a_model_narrows_them_where_it_is_sure():
    tags = (("O", "O", "B-LOC", "O"), ("O", "B-LOC", "O"))
    chances = ((1, 0.5, 0.95, SURE + 1e-6), (0.99, 0.99, 0.99))
    found = sets(DATA, TAGS, "IOB2", ["ORG"], said(tags, chances))
    assert allowed(found) == ["O", "O BL IL", "BL", "O", "BO", "IO", "O"]


def test_a_name_of_the_model_that_runs_into_a_tagged_one_is_not_believed():
    tags = (("O",) * 4, ("O", "B-LOC", "I-LOC"))
    found = sets(DATA, TAGS, "IOB2", ["ORG"], said(tags, ((1,) * 4, (1, 1, 1))))
    assert allowed(found)[4:] == ["BO", "IO", "O BL IL"]


def test_o_of_a_model_leaves_open_what_it_does_not_know():
    found = sets(DATA, TAGS, "IOB2", [], said((("O",) * 4, ("O",) * 3), ((1,) * 4, (1,) * 3)))
    assert allowed(found)[:4] == ["O BO IO"] * 4


def test_completed_data_has_the_names_that_the_model_finds_beside_its_own():
    tags = (("O", "O", "B-LOC", "O"), ("O", "B-LOC", "I-LOC"))
    full = said(tags, ((1,) * 4, (1,) * 3)).completed(["ORG"])
    assert [s.tags for s in full.sentences] == [["O", "O", "B-LOC", "O"], ["B-ORG", "I-ORG", "O"]]


# ── losses ────────────────────────────────────────────────────────────────────────────────────────────


def made(objective, found, seed=0, **settings):
    """A network in float64, its partial loss, and the values at all tokens of DATA with these sets."""
    a = Architecture(
        **{"window": 3, "dimension": 3, "caps": 2, "hidden": 4, "dropout": 0.0, "objective": objective} | settings
    )
    features = Features(Vocabulary.build(TOKENS))
    network = Network(a, len(features.vocabulary), len(TAGS))
    rng = np.random.default_rng(seed)
    params = {"E": rng.normal(size=(network.V, 3)).astype(np.float32), **network.start(rng)}
    params = {n: (p + 0.5 * rng.normal(size=p.shape)).astype(np.float32) for n, p in params.items()}
    y = np.where(found.sum(axis=1) == 1, found.argmax(axis=1), 0)
    encoded = encode(TOKENS, features, a.radius)
    feed = Shown(network, encoded, y, np.zeros(network.V, bool), sentences=2, barred=barred(found))
    values = {**params, **feed(np.arange(feed.examples), rng_for(0))}
    return network, values, raw(network, values), y


def raw(network, values):
    data = [node for name, node in network.data.items() if name != "y"]
    return np.asarray(evaluate(batch(network.scores(), data), values), np.float64)


SETS = sets(DATA, TAGS, "IOB2", ["ORG"])
SETS_TAUGHT = sets(
    DATA, TAGS, "IOB2", ["ORG"], said((("O", "O", "B-LOC", "O"), ("O",) * 3), ((1, 0.1, 1, 1), (1,) * 3))
)


def by_hand(objective, s, found, y, values):
    """What is asked of all tokens, summed up set by set and path by path."""
    p = np.exp(s - np.logaddexp.reduce(s, axis=1, keepdims=True))
    if objective == "softmax":
        return -sum(np.log(p[n, found[n]].sum()) for n in range(len(s)))
    if objective == "hinge":
        best = np.where(found, s, -np.inf).max(axis=1, keepdims=True)
        return np.where(found, 0, np.maximum(0, 1 + s - best)).sum()
    if objective == "logistic":
        total, right = 0.0, 1 / (1 + np.exp(-s))
        for n, on in enumerate(found):
            total -= sum(np.log(1 - right[n, c]) for c in range(1, len(on)) if not on[c])
            total -= 0 if on[0] else np.log(right[n, y[n]])
        return total
    A, total = values["A"].astype(np.float64), 0.0
    for part in (slice(0, 4), slice(4, 7)):
        sums = []
        for paths in (product(range(5), repeat=len(s[part])), product(*map(np.flatnonzero, found[part]))):
            scores = [
                s[part][range(len(path)), path].sum()
                + sum(A[i, j] for i, j in zip((5, *path), (*path, 5), strict=True))
                for path in map(list, paths)
            ]
            sums.append(np.logaddexp.reduce(scores))
        total += sums[0] - sums[1]
    return total


@pytest.mark.parametrize("objective", [o for o in OBJECTIVES if o != MARGIN])
@pytest.mark.parametrize("found", [SETS, SETS_TAUGHT], ids=["open", "taught"])
def test_the_loss_sums_over_all_that_is_allowed(objective, found):
    network, values, s, y = made(objective, found)
    ours = float(evaluate(partial_loss(network), values))
    assert ours == pytest.approx(by_hand(objective, s, found, y, values) / len(s), rel=2e-5)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_where_every_set_is_one_tag_it_is_the_objective_itself(objective):
    network, values, *_ = made(objective, sets(DATA, TAGS, "IOB2", ["LOC", "ORG"]), l2=0.1)
    assert float(evaluate(partial_loss(network), values)) == pytest.approx(
        float(evaluate(network.loss(), values)), rel=1e-5
    )


@pytest.mark.parametrize("objective", [o for o in OBJECTIVES if o != MARGIN])
def test_its_gradients_are_those_of_differences(objective):
    network, values, *_ = made(objective, SETS_TAUGHT)
    found = check(partial_loss(network), values, list(network.parameters.values()), entries=6, seed=0)
    assert found.ok, found


def test_tokens_that_may_be_anything_pull_at_nothing():
    everything = np.ones_like(SETS)
    for objective in ("softmax", "sentence", "hinge", "logistic"):
        network, values, *_ = made(objective, everything)
        assert float(evaluate(partial_loss(network), values)) == pytest.approx(0, abs=1e-5)
