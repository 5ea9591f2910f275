"""The mean of several networks is a network: their scores averaged, as one model.

With hidden layers side by side, h = (h₁, …, h_M), and U = (U₁, …, U_M) / M,

    U h + c = 1/M Σ_m (U_m f(W_m x_m + b_m) + c_m),        c = 1/M Σ c_m,

where x has the vectors of all members behind one another and each W_m sees its own. So an ensemble by seeds
(Hansen and Salamon 1990) is tagged, explained, pruned and stored as any other model. Rows of scores of features
and scores of moves are linear, and averaged. Vectors that all members share, such as given ones that stay, are
kept once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from chainrule.algebra.op import Array
from chainrule.errors import DataError, SettingError
from chainrule.learn.layers import PARAMETRIC
from chainrule.ner.architecture import Architecture
from chainrule.ner.corpus import Corpus
from chainrule.ner.features import Features
from chainrule.ner.judge import Judge
from chainrule.ner.tagger import Tagger
from chainrule.ner.tags import Scheme


def merge(taggers: Sequence[Tagger], dev: Corpus | None = None) -> Tagger:
    """The mean of taggers of the same architecture that know the same words, features and tags.

    dev   tagged data by which threshold and temperature are fitted anew; without it they are the means
    Raises SettingError for taggers that differ in more than their numbers, for one with letters or with slopes
    that are learned, whose mean is no such network, and for fewer than two.
    """
    first, *others = taggers if taggers else (None,)
    if first is None or not others:
        raise SettingError("the mean of one model is itself; give two or more")
    a = first.config.architecture
    if a.letters or a.activation in PARAMETRIC:
        what = "letters" if a.letters else a.activation
        raise SettingError(f"networks with {what} have parameters that cannot lie side by side; train without")
    for other in others:
        _check_alike(first, other)
    params = [tagger.params for tagger in taggers]
    shared = all(np.array_equal(params[0]["E"], p["E"]) for p in params[1:])
    merged = replace(first.config.architecture, **_wider(a, len(taggers), shared))
    numbers = _merged(first, params, merged, shared)
    temperature = float(np.exp(np.mean([np.log(tagger.config.temperature) for tagger in taggers])))
    config = replace(first.config, architecture=merged, temperature=temperature, figures={})
    tagger = Tagger(config, first.features, numbers, backend=first.backend)
    return tagger if dev is None else _settled(tagger, dev)


def _check_alike(first: Tagger, other: Tagger) -> None:
    """SettingError unless two models differ in their numbers alone."""
    same = {
        "architecture": first.config.architecture == other.config.architecture,
        "tags": first.config.tags == other.config.tags,
        "tokens": first.config.tokenizer == other.config.tokenizer,
        "features": _alike(first.features, other.features),
    }
    if odd := [name for name, alike in same.items() if not alike]:
        raise SettingError(
            f"the models differ in their {' and '.join(odd)}; train them on the same data with the same settings "
            "and other seeds"
        )


def _alike(one: Features, other: Features) -> bool:
    return (
        list(one.vocabulary.words) == list(other.vocabulary.words)
        and {n: v.words for n, v in one.numbered.items()} == {n: v.words for n, v in other.numbered.items()}
        and one.clusters.keys() == other.clusters.keys()
        and all(np.array_equal(ids, other.clusters[name]) for name, ids in one.clusters.items())
        and one.lookups == other.lookups
    )


def _wider(a: Architecture, members: int, shared: bool) -> dict[str, Any]:
    """The settings of the network of all members."""
    groups = {group: width for group, width in a.widths.items() if group != ("caps",)}
    features = ",".join(f"{'+'.join(group)}:{members * width}" for group, width in groups.items())
    return {
        "hidden": members * a.hidden,
        "dimension": a.dimension if shared else members * a.dimension,
        "caps": members * a.caps,
        "features": features,
    }


def _merged(
    first: Tagger, params: Sequence[Mapping[str, Array]], wide: Architecture, shared: bool
) -> dict[str, Array]:
    a, tables = first.config.architecture, [table.parameter for table in first.network.tables]
    found = {name: np.concatenate([p[name] for p in params], axis=1) for name in tables}
    if shared:
        found["E"] = params[0]["E"]
    columns = _columns(a, wide, len(params), shared)
    W = np.zeros((wide.hidden, wide.width), np.float32)
    for m, p in enumerate(params):
        W[m * a.hidden : (m + 1) * a.hidden, columns[m]] = p["W"]
    found |= {"W": W, "b": np.concatenate([p["b"] for p in params])}
    if a.layers > 1:
        W_2 = np.zeros((wide.hidden, wide.hidden), np.float32)
        for m, p in enumerate(params):
            rows = slice(m * a.hidden, (m + 1) * a.hidden)
            W_2[rows, rows] = p["W_2"]
        found |= {"W_2": W_2, "b_2": np.concatenate([p["b_2"] for p in params])}
    found["U"] = np.concatenate([p["U"] for p in params], axis=1) / np.float32(len(params))
    means = {name: np.mean([p[name] for p in params], axis=0).astype(np.float32) for name in params[0]}
    return {name: found.get(name, means[name]) for name in params[0]}


def _columns(a: Architecture, wide: Architecture, members: int, shared: bool) -> list[np.ndarray]:
    """Where in the joint x the numbers of the x of each member lie."""
    places = a.window if a.combine == "concatenate" else 1
    parts = [(a.dimension, wide.dimension), *zip(a.widths.values(), wide.widths.values(), strict=True)]
    found: list[list[np.ndarray]] = [[] for _ in range(members)]
    begin = 0
    for k, (own, joint) in enumerate(parts):
        for m in range(members):
            offset = 0 if shared and k == 0 else m * own
            rows = begin + np.arange(places)[:, None] * joint + offset + np.arange(own)
            found[m].append(rows.ravel())
        begin += places * joint
    return [np.concatenate(each) for each in found]


def _settled(tagger: Tagger, dev: Corpus) -> Tagger:
    """With threshold and temperature, and figures, by data that the members were not trained on."""
    if not set(dev.labels) <= set(tagger.labels):
        raise DataError(f"{dev.path}: has labels that the models do not know; rename them")
    judge = Judge(dev, tagger.features, tagger.decoder, cast(Scheme, tagger.config.scheme))
    settled = judge.settle(tagger.params)
    figures = {name: value for name, value in judge(tagger.params).items() if name != "score"}
    more = {"threshold": settled.threshold, "calibration_error": settled.error}
    config = replace(tagger.config, temperature=settled.temperature, figures={**figures, **more})
    return replace(tagger, config=config)
