"""Why a tag: gradients by differences, sums that are exact, words that are really replaced, networks that are linear."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from chainrule.errors import SettingError
from chainrule.ner import Tagger, sample
from chainrule.ner.explain_methods import METHODS
from chainrule.ner.explain_scores import Scores
from chainrule.ner.explain_unknown import STRANGE, Surroundings
from chainrule.ner.features import Features
from chainrule.ner.vocab import LOWER, UNKNOWN, Vocabulary
from chainrule.ner.windows import encode

TEXT = " ".join(sample("en").train.sentences[3].tokens) + ". Paris met Paris in Seoul."
SMALL = {
    "epochs": 15,
    "patience": 15,
    "dropout": 0.0,
    "hidden": 8,
    "dimension": 6,
    "caps": 2,
    "window": 3,
    "learning_rate": 0.2,
    "seed": 0,
}
FEATURES = {"features": "suffix2:3, shape2:2", "short_circuit": "caps, gram2, form", "feature_dropout": 0.0}
NETWORKS = {
    "as usual": {},
    "average": {"combine": "average"},
    "relu": {"activation": "relu"},
    "hard tanh, two layers": {"activation": "hard_tanh", "layers": 2},
    "parametric relu, features": {"activation": "parametric_relu", **FEATURES},
    "features, sentence": {**FEATURES, "objective": "sentence", "window": 5},
    "logistic": {"objective": "logistic"},
    "letters": {"letters": 4, "features": "prefix1+suffix1:5"},
}
PLAIN = ("as usual", "average", "relu")


def trained(settings, sentences=30):
    train = sample("en").train
    corpus = train.of(train.sentences[:sentences])
    return Tagger.train(corpus, corpus, **{**SMALL, **settings})


@pytest.fixture(scope="module")
def taggers():
    """Each network, trained when it is first asked for."""
    known: dict[str, Tagger] = {}

    def tagger(name):
        if name not in known:
            known[name] = trained(NETWORKS[name])
        return known[name]

    return tagger


@pytest.fixture(scope="module", params=NETWORKS)
def any_tagger(request, taggers):
    return taggers(request.param)


@pytest.fixture(scope="module", params=PLAIN)
def plain(request, taggers):
    return taggers(request.param)


def network(tagger, E, K, words, caps):
    """The scores of one window, written by hand."""
    a, p = tagger.config.architecture, {n: np.asarray(v, np.float64) for n, v in tagger.params.items()}
    pieces = [E[words], K[caps]]
    x = np.concatenate([rows.ravel() if a.combine == "concatenate" else rows.mean(0) for rows in pieces])
    f = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[a.activation]
    return p["U"] @ f(p["W"] @ x + p["b"]) + p["c"]


def tables(tagger):
    return [np.asarray(tagger.params[n], np.float64) for n in "EK"]


def windows_of(tagger, words):
    return encode([words], tagger.features, tagger.config.architecture.radius).windows(slice(None))


def log_odds(tagger, words, t, y, r):
    """s_y − s_r of a token, by the way that tags text: log P(y) − log P(r)."""
    encoded = encode([words], tagger.features, tagger.config.architecture.radius)
    scores = tagger.decoder.scores(tagger.params, encoded)[t]
    return float(scores[y]) - float(scores[r])


# ── gradients ─────────────────────────────────────────────────────────────────────────────────────────


def test_gradients_are_those_by_differences(plain):
    """A word has rows of its own at one place of the window: these are moved."""
    radius, (E, K) = plain.config.architecture.radius, tables(plain)
    found = plain.explain(TEXT, every=True, methods=["gradient"])
    for sentence in found.sentences:
        words = [token.text for token in sentence.tokens]
        windows = windows_of(plain, words)
        for reason in sentence.reasons:
            adds: dict = {}
            deltas: dict = {}
            for window in reason.windows:
                t = window.token - sentence.first
                y = plain.config.tags.index(window.chosen.tag)
                ids, caps = windows["words"][t], windows["caps"][t]
                assert window.chosen.score == pytest.approx(network(plain, E, K, ids, caps)[y], rel=1e-6)
                for i in range(len(ids)):
                    word = sentence.first + t + i - radius if 0 <= t + i - radius < len(words) else None
                    x = np.concatenate([E[ids[i]], K[caps[i]]])
                    delta = np.zeros(len(x))
                    for k in range(len(x)):
                        moved = []
                        for h in (1e-5, -1e-5):
                            row = x + h * (np.arange(len(x)) == k)
                            E2, K2 = np.vstack([E, row[: E.shape[1]]]), np.vstack([K, row[E.shape[1] :]])
                            ids2, caps2 = ids.copy(), caps.copy()
                            ids2[i], caps2[i] = len(E), len(K)
                            moved.append(network(plain, E2, K2, ids2, caps2)[y])
                        delta[k] = (moved[0] - moved[1]) / 2e-5
                    adds[word] = adds.get(word, 0.0) + delta @ x
                    deltas[word] = deltas.get(word, 0.0) + delta
            assert {word.token for word in reason.words} == adds.keys()
            for word in reason.words:
                assert word.adds["gradient"] == pytest.approx(adds[word.token], rel=1e-4, abs=1e-5)
                np.testing.assert_allclose(word.delta, deltas[word.token], rtol=1e-4, atol=1e-6)
                assert word.length == pytest.approx(np.linalg.norm(deltas[word.token]), rel=1e-4, abs=1e-6)
    for reason in found.reasons:
        shares = reason.shares("gradient")
        assert sum(shares) == pytest.approx(1) and min(shares) >= 0


# ── integrated gradients ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("of", ["score", "margin"])
@pytest.mark.parametrize("baseline", ["unknown", "padding"])
def test_integrated_gradients_sum_to_the_difference(any_tagger, of, baseline):
    found = any_tagger.explain(TEXT, methods=["integrated"], of=of, baseline=baseline)
    assert found.reasons
    for reason in found.reasons:
        total = sum(word.adds["integrated"] for word in reason.words)
        assert total == pytest.approx(reason.value - reason.blank, rel=1e-6, abs=1e-9)
        assert reason.proof.error <= 1e-6
        assert reason.proof.sum == pytest.approx(total)
        for word in reason.words:
            assert sum(piece.adds["integrated"] for piece in word.pieces) == pytest.approx(word.adds["integrated"])


def test_they_are_the_integral(taggers):
    """Against a sum over many midpoints: each part, and not their total alone."""
    for name in ("as usual", "hard tanh, two layers", "parametric relu, features"):
        tagger = taggers(name)
        scores = Scores(tagger.network, tagger.params)
        words = [t.text for t in tagger.tokenize(TEXT)[0]]
        around = Surroundings(words, tagger.features, tagger.config.architecture.radius, "unknown", False)
        t = next(k for k, tag in enumerate(tagger.tag_tokens([words])[0]) if tag != "O")
        windows = around.windows(np.array([t]))
        start, end = scores.rows(around.blank(windows)), scores.rows(windows)
        reason = tagger.explain(TEXT, token=t, methods=["integrated"]).reasons[0]
        q = np.eye(tagger.network.C)[[tagger.config.tags.index(reason.windows[0].chosen.tag)]]
        n = 4000
        middles = ((np.arange(n) + 0.5) / n)[:, None, None]
        slopes = scores.slopes(
            {k: start[k] + middles * (end[k] - start[k]) for k in start}, np.repeat(q, n, axis=0)
        )
        each = {k: (g * (end[k] - start[k])).sum(axis=2) for k, g in slopes.items()}
        expected = scores.by_part(each).mean(axis=0)
        found = [[piece.adds["integrated"] for piece in word.pieces] for word in reason.words]
        np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_kinks_cost_no_points(taggers):
    """Between kinks a network of straight pieces is linear, so that the rules agree at once."""
    for name in ("relu", "hard tanh, two layers"):
        for reason in taggers(name).explain(TEXT, methods=["integrated"]).reasons:
            assert reason.proof.error < 1e-11
            assert reason.proof.points <= 2 * 65


# ── occlusion ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [n for n, settings in NETWORKS.items() if "features" not in settings])
def test_occlusion_is_what_tagging_without_the_word_says(taggers, name):
    """The word is another one that nobody knows; scores of two tags are compared as log-probabilities."""
    tagger = taggers(name)
    tags, checked = tagger.config.tags, 0
    for sentence in tagger.explain(TEXT, methods=["occlusion"], of="margin").sentences:
        words = [t.text for t in sentence.tokens]
        for reason in sentence.reasons:
            pairs = [
                (w.token - sentence.first, tags.index(w.chosen.tag), tags.index(r))
                for w, r in zip(reason.windows, reason.runner_up.tags, strict=True)
            ]
            value = sum(log_odds(tagger, words, *pair) for pair in pairs)
            assert reason.value == pytest.approx(value, abs=1e-4)
            for word in reason.words:
                if word.token is None:
                    continue
                text = [*words]
                text[word.token - sentence.first] = "zzqxw"
                other = sum(log_odds(tagger, text, *pair) for pair in pairs)
                assert word.adds["occlusion"] == pytest.approx(value - other, abs=1e-4)
                checked += 1
    assert checked > 3


def test_a_bigram_goes_with_its_words():
    """Features of the words near hold it too; capitals, whose unknown value is no word's, are left out."""
    tagger = trained({**FEATURES, "caps": 0, "short_circuit": "gram2, form", "letters": 3})
    words = [t.text for t in tagger.tokenize(TEXT)[0]]
    t = next(k for k, tag in enumerate(tagger.tag_tokens([words])[0]) if tag != "O" and 0 < k < len(words) - 2)
    reason = tagger.explain(TEXT, token=t, methods=["occlusion"], of="margin").reasons[0]
    y, r = (tagger.config.tags.index(tag) for tag in (reason.windows[0].chosen.tag, reason.runner_up.tags[0]))
    before = log_odds(tagger, words, t, y, r)
    for word in reason.words:
        after = log_odds(tagger, [STRANGE if k == word.token else w for k, w in enumerate(words)], t, y, r)
        assert word.adds["occlusion"] == pytest.approx(before - after, abs=1e-4)
    own = [sum(piece.adds["occlusion"] for piece in word.pieces) for word in reason.words]
    assert own != pytest.approx([word.adds["occlusion"] for word in reason.words], abs=1e-3)


def test_features_that_look_far_are_read_as_in_the_whole_sentence():
    """Those of the windows that are read from a part of a sentence, against all of it."""
    rng = np.random.default_rng(3)
    sentences = [list("".join(rng.choice(list("가나다라 마AB1"), 90))) for _ in range(40)]
    names = ["gram8", "shape8", "place8", "head3", "tail3", "upto8", "rest8", "prefix1"]
    features = Features.build(names, Vocabulary.build(sentences), sentences, 1)
    tokens, radius = sentences[0], 2
    around = Surroundings(tokens, features, radius, "unknown", characters=True)
    centres = np.arange(0, len(tokens), 7)
    found = {n: ids.reshape(len(centres), 5, 5) for n, ids in around.without(centres).items()}
    for (b, t), w in product(enumerate(centres.tolist()), range(5)):
        p = t + w - radius
        text = [STRANGE if k == p else token for k, token in enumerate(tokens)]
        expected = encode([text], features, radius).windows(np.array([t]))
        others = np.arange(5) != w
        for name in names:
            np.testing.assert_array_equal(found[name][b, w][others], expected[name][0][others])
            assert found[name][b, w, w] == UNKNOWN
    plain = around.windows(centres)
    assert any(
        (found[n][:, :, k] != plain[n][:, None, k])[:, np.arange(5) != k].any() for n in names for k in range(5)
    )


# ── where all methods agree ───────────────────────────────────────────────────────────────────────────


def agree(tagger, *, words=True):
    for reason in tagger.explain(TEXT).reasons:
        for word in reason.words:
            for piece in word.pieces:
                assert {m: piece.adds[m] for m in METHODS} == pytest.approx(
                    dict.fromkeys(METHODS, piece.adds["integrated"]), rel=1e-9, abs=1e-9
                )
            if words:
                assert word.adds["occlusion"] == pytest.approx(word.adds["integrated"], rel=1e-9, abs=1e-9)
        assert reason.proof.error < 1e-9


def test_scores_of_their_own_are_linear(taggers):
    """Without hidden units only the rows of L are left; those of unknown values are 0."""
    tagger = taggers("parametric relu, features")
    L = np.random.default_rng(1).normal(size=tagger.params["L"].shape).astype(np.float32)
    windows = windows_of(tagger, ["a"])
    around = Surroundings(["a"], tagger.features, tagger.config.architecture.radius, "unknown", False)
    L[tagger.network.inputs(around.blank(windows))["direct"]] = 0
    linear = replace(tagger, params={**tagger.params, "L": L, "U": np.zeros_like(tagger.params["U"])})
    agree(linear, words=False)
    direct = [p for r in linear.explain(TEXT).reasons for w in r.words for p in w.pieces if p.direct]
    assert any(abs(piece.adds["occlusion"]) > 0.1 for piece in direct)


def test_units_that_are_all_open_are_linear(taggers):
    tagger = taggers("relu")
    params = {name: value.copy() for name, value in tagger.params.items()}
    params["b"] += 1000
    params["E"][UNKNOWN] = params["K"][LOWER] = 0
    agree(replace(tagger, params=params))


# ── what is told ──────────────────────────────────────────────────────────────────────────────────────


def test_names_and_probabilities_are_those_of_the_tagger(any_tagger):
    names = any_tagger.tag(TEXT)
    found = any_tagger.explain(TEXT, every=True, methods=["gradient"])
    explained = [(r.start, r.end, r.label, r.probability, r.text) for r in found.reasons if r.label != "O"]
    assert explained == [(n.start, n.end, n.label, n.score, n.text) for n in names] and names
    for sentence in found.sentences:
        np.testing.assert_allclose(sentence.probabilities.sum(1), 1, rtol=1e-5)
        tokens = [k - sentence.first for r in sentence.reasons for k in r.tokens]
        assert tokens == list(range(len(sentence.tokens)))
    for reason in found.reasons:
        if len(reason.tokens) == 1 and reason.label != "O" and not any_tagger.network.whole:
            assert reason.windows[0].chosen.probability == pytest.approx(reason.probability, abs=1e-4)


def test_values_of_features_and_what_is_not_known(taggers):
    tagger = taggers("parametric relu, features")
    word = tagger.explain("Zzqx met Paris.", token=0).reasons[0].words[1]
    values = {(piece.feature, piece.direct): (piece.value, piece.known) for piece in word.pieces}
    assert values["word", False] == ("<unk>", False)
    assert values["caps", False] == values["caps", True] == ("title", True)
    assert values["shape2", False][0].startswith("Xx")


def test_what_lies_beyond_is_one_word_on_each_side(taggers):
    for reason in taggers("features, sentence").explain("Paris", token=0).reasons:
        assert [(word.token, word.side) for word in reason.words] == [(None, "before"), (0, ""), (None, "after")]


@pytest.mark.parametrize("text", ["", " \n ", "zzqx zzqy", "?", "\u00a0"])
def test_texts_of_little_or_nothing(any_tagger, text):
    found = any_tagger.explain(text)
    assert [r.text for r in found.reasons] == [e.text for e in any_tagger.tag(text)]
    assert found.left == 0


def test_long_texts_are_bounded(taggers):
    tagger = taggers("as usual")
    names = len(tagger.tag(TEXT * 30))
    found = tagger.explain(" ".join([TEXT] * 30), most=2, methods=["gradient"])
    assert (len(found.reasons), found.left) == (2, len(found.entities) - 2)
    assert names > 2
    assert tagger.explain(TEXT, most=0).reasons == []


def test_characters_have_reasons_too():
    train = sample("ko").train
    corpus = train.of(train.sentences[:12])
    tagger = Tagger.train(corpus, corpus, **{**SMALL, "epochs": 20, "window": 5, "features": "gram2, place4"})
    text = "".join(train.sentences[0].tokens)
    found = tagger.explain(text)
    assert [r.text for r in found.reasons] == [e.text for e in tagger.tag(text)] != []
    for reason in found.reasons:
        assert reason.proof.error <= 1e-6
        assert text[reason.start : reason.end] == reason.text
        grams = [p.value for w in reason.words for p in w.pieces if p.feature == "gram2" and p.known]
        assert any("\u241f" in gram for gram in grams)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"token": 99}, r"token 99 of \d+ tokens"),
        ({"methods": ["gradients"]}, "gradient"),
        ({"of": "loss"}, "question"),
        ({"baseline": "zero"}, "baseline"),
        ({"most": -1}, "number of names"),
        ({"neighbours": 0}, "number of neighbours"),
    ],
)
def test_mistakes_are_named(taggers, settings, message):
    with pytest.raises(SettingError, match=message):
        taggers("as usual").explain(TEXT, **settings)
