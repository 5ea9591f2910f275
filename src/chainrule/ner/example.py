"""A tagger's loss on a sentence, as an expression together with the values of its variables: to be traced, checked
and differentiated like any other.

    trace(tagger.loss("Museums in Paris"))              the mean over the windows of all tokens
    trace(tagger.loss("Museums in Paris", token=2))     of the window around one token
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.chain import moves_of
from chainrule.algebra.node import Node
from chainrule.algebra.product import mean
from chainrule.calculus.batch import batch
from chainrule.errors import SettingError, counted
from chainrule.ner.features import Features, Ids
from chainrule.ner.model import CORRUPT, Network
from chainrule.ner.objectives import MARGIN
from chainrule.ner.small import Small
from chainrule.ner.windows import encode


class Example(NamedTuple):
    """An expression, a value for each of its variables, and names for its parts: x, z, h, s and J."""

    expression: Node
    values: Mapping[str, Any]
    defined: Mapping[str, Node]


def example(
    network: Network,
    features: Features,
    params: Mapping[str, Any],
    tokens: Sequence[Sequence[str]],
    y: Sequence[int],
    token: int | None,
) -> Example:
    """The loss on the N tokens of some sentences of one text whose right tags are `y`, (N,).

    token   the window of this token alone, of all if None
    Of the table E only the rows of the words that are met are there, in the order of their numbers. Dropout is
    left out, as in tagging. Under `margin` the windows are those of names, and the corrupt ones of the next tokens
    with another tag. Raises SettingError for a token that is none, for one token where the tags of sentences are
    scored together, and where nothing is asked of any window.
    """
    encoded = encode(tokens, features, network.architecture.radius, [0] * len(tokens))
    if not len(encoded):
        raise SettingError("there is no token in it, and so no loss; give a sentence")
    if token is not None and not 0 <= token < len(encoded):
        raise SettingError(f"token {token} of {counted(len(encoded), 'token')}; they are numbered from 0")
    if token is not None and network.whole:
        raise SettingError("this model scores the tags of a sentence together; leave out the token")
    right = np.asarray(y, np.int64)
    asked = np.arange(len(encoded))
    values = {}
    if network.architecture.objective == MARGIN:
        asked, others = _named(right)
        corrupt = network.inputs(encoded.windows(others))
        values = {name + CORRUPT: ids for name, ids in corrupt.items()}
    small = Small(network, {**network.inputs(encoded.windows(asked)), **values}, params)
    data = {**small.data, "y": right[asked]}
    network = small.network
    parts = network.formula()
    if network.whole:
        loss = parts["J"]
        data |= {"first": encoded.first, "moves": moves_of(data["y"], encoded.first, network.C)}
    elif token is None:
        varied = [node for name, node in network.data.items() if name in data]
        parts = dict(zip(parts, batch(list(parts.values()), varied), strict=True))
        loss = mean(parts["J"])
    else:
        (places,) = np.nonzero(asked == token)
        if not len(places):
            raise SettingError(f"token {token} is no name, of which alone this model is asked; give one of a name")
        data = {name: value[places[0]] for name, value in data.items()}
        loss = parts["J"]
    return Example(loss, {**small.params, **data}, parts)


def _named(y: Ids) -> tuple[Ids, Ids]:
    """The tokens of names, and for each the next one, from the start again, that has another tag."""
    named = np.flatnonzero(y)
    reach = (named[:, None] + np.arange(1, len(y))) % len(y)
    other = y[reach] != y[named, None]
    if not other.any():
        raise SettingError("this model compares names with other tokens; give a sentence that has both")
    kept = other.any(axis=1)
    return named[kept], reach[kept, other[kept].argmax(axis=1)]
