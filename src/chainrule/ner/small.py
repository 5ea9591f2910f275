"""A network of the words that are met."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.ner.model import CORRUPT, Network


class Small:
    """A network whose words are those of some data alone: E has the rows that are met, in their order.

    data   what was given, with the words numbered anew        params   likewise
    """

    def __init__(self, network: Network, data: Mapping[str, Any], params: Mapping[str, Any]) -> None:
        names = [name for name in ("words", "words" + CORRUPT) if name in data]
        met, places = np.unique(np.concatenate([data[name].ravel() for name in names]), return_inverse=True)
        parts = np.split(places, np.cumsum([data[name].size for name in names])[:-1])
        words = {name: part.reshape(data[name].shape) for name, part in zip(names, parts, strict=True)}
        self.network = replace(network, V=len(met))
        self.data: dict[str, Any] = {**data, **words}
        self.params = {**params, "E": params["E"][met]}
