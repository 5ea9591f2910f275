"""The window network of the lecture, written for one window and batched by the transformation.

    x = the word vectors of the window, side by side (or their mean)      W·D
    h = f(W x + b)                                                        H
    s = U h + c                                                           C
    J = −log softmax(s)_y = logsumexp(s) − s_y

Collobert et al. 2011, "Natural language processing (almost) from scratch", §3.2; CS224n notes, part 3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from chainrule.algebra.node import Node, index, matrix, vector
from chainrule.algebra.op import Array
from chainrule.algebra.product import mean, sum
from chainrule.algebra.reduce import log_softmax
from chainrule.algebra.select import concat, ravel, take
from chainrule.algebra.signature import FLOAT32, FLOAT64, Axis, DType, axis
from chainrule.calculus.batch import batch
from chainrule.calculus.derive import gradient
from chainrule.errors import SettingError
from chainrule.learn.choose import choose, within
from chainrule.learn.layers import ACTIVATIONS, affine, dropout
from chainrule.learn.losses import cross_entropy, l2
from chainrule.learn.params import initializer
from chainrule.ner.vocab import CAPS

COMBINATIONS: Mapping[str, str] = {"concatenate": "side by side", "average": "their mean"}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The settings of the network; raises SettingError outside their range."""

    window: int = 5
    combine: Literal["concatenate", "average"] = "concatenate"
    dimension: int = 50
    caps: int = 5
    hidden: int = 100
    activation: str = "tanh"
    dropout: float = 0.5
    l2: float = 0.0

    def __post_init__(self) -> None:
        within("window", self.window, least=1, whole=True)
        if self.window % 2 == 0:
            raise SettingError(
                f"a window has a centre, so its size is odd; {self.window} could be {self.window + 1}"
            )
        within("dimension", self.dimension, least=1, whole=True)
        within("hidden", self.hidden, least=1, whole=True)
        within("caps", self.caps, least=0, whole=True)
        within("dropout", self.dropout, least=0, below=1)
        within("l2", self.l2, least=0)
        choose("way to combine a window", self.combine, COMBINATIONS)
        choose("activation", self.activation, ACTIVATIONS)

    @property
    def radius(self) -> int:
        """Words on each side of the centre."""
        return self.window // 2


@dataclass(frozen=True)
class Network:
    """The network for V words and C tags: its parameters, and its expressions for one window and for many.

    Without V and C its sizes are letters, to be read: D a word vector, S a vector of shapes, H hidden units.
    """

    architecture: Architecture
    V: int = 0
    C: int = 0

    @cached_property
    def sizes(self) -> dict[str, Axis]:
        """V words, D and S numbers in a vector of a word and of a shape, H hidden units, C tags."""
        a = self.architecture
        if not self.V:
            return {letter: axis(letter) for letter in "VDSHC"} | ({} if a.caps else {"S": 0})
        return {"V": self.V, "D": a.dimension, "S": a.caps, "H": a.hidden, "C": self.C}

    @property
    def dtype(self) -> DType:
        """float32 to be trained, float64 to be read, where 1/5 is to be 1/5."""
        return FLOAT32 if self.V else FLOAT64

    @cached_property
    def parameters(self) -> dict[str, Node]:
        """Name → variable: E word vectors, K vectors of shapes, W and b hidden layer, U and c scores."""
        a, (V, D, S, H, C) = self.architecture, self.sizes.values()
        width = (D + S) * (a.window if a.combine == "concatenate" else 1)
        nodes = [
            matrix("E", V, D, dtype=self.dtype),
            *([matrix("K", len(CAPS), S, dtype=self.dtype)] if a.caps else []),
            matrix("W", H, width, dtype=self.dtype),
            vector("b", H, dtype=self.dtype),
            matrix("U", C, H, dtype=self.dtype),
            vector("c", C, dtype=self.dtype),
        ]
        return {node.attrs["name"]: node for node in nodes}

    @cached_property
    def data(self) -> dict[str, Node]:
        """What varies from window to window: word and shape ids, the right tag, dropout masks."""
        a = self.architecture
        width = self.parameters["W"].shape[1]
        nodes = [
            index("words", a.window),
            *([index("caps", a.window)] if a.caps else []),
            index("y"),
            *(
                [vector("mask_x", width, dtype=self.dtype), vector("mask_h", self.sizes["H"], dtype=self.dtype)]
                if a.dropout
                else []
            ),
        ]
        return {node.attrs["name"]: node for node in nodes}

    def features(self) -> Node:
        """x, the vectors of the words and of their shapes in one window, side by side or averaged."""
        p, d, a = self.parameters, self.data, self.architecture
        features = [("E", "words"), *([("K", "caps")] if a.caps else [])]
        return concat([self._combined(take(p[table], d[ids])) for table, ids in features])

    def pre_activation(self, *, training: bool = False) -> Node:
        """z = W x + b of one window, (H,); in training with a dropout mask on x."""
        p, d, x = self.parameters, self.data, self.features()
        return affine(dropout(x, d["mask_x"]) if training and self.architecture.dropout else x, p["W"], p["b"])

    def scores(self, *, training: bool = False) -> Node:
        """s = U f(z) + c of one window, (C,); in training with dropout masks on x and h = f(z)."""
        p, d, a = self.parameters, self.data, self.architecture
        h = ACTIVATIONS[a.activation](self.pre_activation(training=training))
        return affine(dropout(h, d["mask_h"]) if training and a.dropout else h, p["U"], p["c"])

    def _combined(self, rows: Node) -> Node:
        return ravel(rows) if self.architecture.combine == "concatenate" else mean(rows, axis=0)

    def loss(self) -> Node:
        """The mean cross-entropy over B windows plus ½ λ (‖W‖² + ‖U‖²): a scalar."""
        one = cross_entropy(self.scores(training=True), self.data["y"])
        return self._held(mean(batch(one, list(self.data.values()))))

    def formula(self) -> dict[str, Node]:
        """x, z, h, s and J of one window, to be read: without dropout, which is no part of what is learnt."""
        z, s = self.pre_activation(), self.scores()
        h = ACTIVATIONS[self.architecture.activation](z)
        J = self._held(cross_entropy(s, self.data["y"]))
        return {"x": self.features(), "z": z, "h": h, "s": s, "J": J}

    def _held(self, loss: Node) -> Node:
        """The loss with its regulariser."""
        a, p = self.architecture, self.parameters
        return loss + l2([p["W"], p["U"]], a.l2) if a.l2 else loss

    def log_probabilities(self) -> Node:
        """log softmax(s) of B windows, (B, C)."""
        return batch(log_softmax(self.scores()), self._ids)

    def slopes(self) -> Node:
        """f′(z) of the hidden units in B windows, (B, H): the share of the upstream gradient that each passes."""
        z = self.pre_activation()
        f = ACTIVATIONS[self.architecture.activation]
        return batch(gradient(sum(f(z)), z), self._ids)

    @property
    def _ids(self) -> list[Node]:
        return [node for name, node in self.data.items() if name in ("words", "caps")]

    def start(self, rng: np.random.Generator) -> dict[str, Array]:
        """Fresh values of all parameters but E: Glorot for the weights, zero for the biases."""
        draws = {
            "K": initializer("uniform", r=0.5),
            "W": initializer("xavier_uniform"),
            "U": initializer("xavier_uniform"),
        }
        zeros = initializer("zeros")
        return {
            name: draws.get(name, zeros)(node.shape, rng, FLOAT32)  # type: ignore[arg-type]
            for name, node in self.parameters.items()
            if name != "E"
        }

    def masks(self, count: int, rng: np.random.Generator) -> dict[str, Array]:
        """Dropout masks for `count` windows: 0 with probability p, else 1/(1 − p)."""
        keep = 1 - self.architecture.dropout
        return {
            name: (rng.random((count, *node.shape), np.float32) < keep).astype(np.float32) / np.float32(keep)  # type: ignore[arg-type]
            for name, node in self.data.items()
            if name.startswith("mask_")
        }
