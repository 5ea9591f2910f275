"""The scores of windows as a function of the rows that they look up, in double precision.

    s(rows)                 the tagger's own graph, with a variable in place of each look-up
    F(rows) = q · s(rows)   what is asked of it; q (C,) picks a tag, or weighs one against another
    ∂F/∂rows                the δ of the window, split into the vectors of its words and of their features

A word that stands twice in a window has two rows. Rows of L, scores of their own of single features, are rows too.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.node import VARIABLE, Node, topological, variable, vector
from chainrule.algebra.product import sum
from chainrule.algebra.select import TAKE
from chainrule.calculus.batch import batch
from chainrule.calculus.derive import gradient
from chainrule.calculus.rewrite import in_float64, substitute
from chainrule.compute.interpret import Interpreter, evaluate
from chainrule.learn.layers import affine
from chainrule.ner.families import places
from chainrule.ner.features import Ids
from chainrule.ner.model import Network

DIRECT = "direct"  # what selects the rows of L
CALLED: Mapping[str, str] = {"words": "word", "spelt": "letters"}
HELD = 1 << 22  # numbers of rows that are held at once: 32 MB

Doubles = NDArray[np.float64]
Rows = Mapping[str, Doubles]
"""What is looked up → its rows in B windows, (B, n, D); of L, the rows of one feature behind those of another."""


class Part(NamedTuple):
    """A feature of a word, through the vector of its value, or `direct`, through a row of L."""

    feature: str
    direct: bool


class Scores:
    """The scores of windows by their rows, with gradients; everything in float64."""

    def __init__(self, network: Network, params: Mapping[str, Any]) -> None:
        self.network, self._params = network, params
        hidden, layers = _hidden(network)
        roots = [network.scores(), hidden, *layers]
        data = network.data
        met = [node for node in topological(roots) if node.op is TAKE and node.inputs[1] in data.values()]
        looked = {str(node.inputs[1].attrs["name"]): node for node in met}
        self._looked = {name: looked[name] for name in data if name in looked}
        wide = in_float64([*roots, *self._looked.values()])
        found = wide[len(roots) :]
        rows = [variable(f"rows_{name}", place.shape) for name, place in zip(self._looked, found, strict=True)]
        s, h, *z = substitute(wide[: len(roots)], dict(zip(found, rows, strict=True)))
        q = vector("q", network.C)
        self._names = [str(node.attrs["name"]) for node in rows]
        used = [name for name in map(_name, topological([s, h])) if name in params]
        self._weights = {name: np.asarray(params[name], np.float64) for name in used}
        slopes = batch(gradient(sum(s * q), rows), [*rows, q])
        self._distinct = [k for k, node in enumerate(slopes) if node not in slopes[:k]]
        self._scores, self._hidden = Interpreter([batch(s, rows)]), Interpreter([batch(h, rows)])
        self._slopes, self._layers = Interpreter(slopes), [Interpreter([batch(layer, rows)]) for layer in z]

    @property
    def parts(self) -> list[Part]:
        """F, what rows are of: the features of a word in the order of x, then those with rows of L."""
        vectors = [Part(CALLED.get(name, name), False) for name in self._looked if name != DIRECT]
        own = self.network.architecture.direct if DIRECT in self._looked else ()
        return [*vectors, *(Part(name, True) for name in own)]

    @property
    def layers(self) -> int:
        """How many hidden layers there are."""
        return len(self._layers)

    def rows(self, windows: Mapping[str, Ids]) -> dict[str, Doubles]:
        """The rows that B windows look up."""
        return self.selected(self.network.inputs(windows))

    def selected(self, inputs: Mapping[str, Ids]) -> dict[str, Doubles]:
        """The rows with these numbers."""
        found = {}
        for name, node in self._looked.items():
            table = node.inputs[0]
            if table.op is VARIABLE:
                array = self._params[_name(table)]
            else:  # such as what the letters of a word come to
                array = evaluate(in_float64([table])[0], {**self._params, **inputs})
            found[name] = np.asarray(array[inputs[name]], np.float64)
        return found

    def scores(self, rows: Rows) -> Doubles:
        """s of B windows, (B, C)."""
        return self._computed(self._scores, rows)[0]

    def asked(self, rows: Rows, q: Doubles) -> Doubles:
        """F = q · s of B windows, (B,), with q (B, C)."""
        found: Doubles = np.einsum("bc,bc->b", self.scores(rows), q)
        return found

    def hidden(self, rows: Rows) -> Doubles:
        """h of B windows, (B, H): that of the last hidden layer."""
        return self._computed(self._hidden, rows)[0]

    def layer(self, k: int, rows: Rows) -> Doubles:
        """z of layer k of B windows, (B, H)."""
        return self._computed(self._layers[k], rows)[0]

    def slopes(self, rows: Rows, q: Doubles) -> dict[str, Doubles]:
        """∂F/∂rows of B windows, of the shapes of the rows."""
        return dict(zip(self._looked, self._computed(self._slopes, rows, {"q": q}), strict=True))

    def by_part(self, each: Mapping[str, Doubles]) -> Doubles:
        """A number for each row, (B, n) each, as (B, W, F): by place in the window and part."""
        blocks = [self._placed(name, each[name]) for name in self._looked]
        return np.concatenate(blocks, axis=1).transpose(0, 2, 1)

    def _placed(self, name: str, values: Doubles) -> Doubles:
        """Numbers for rows, (B, n), as (B, features, W): 0 where a feature has no scores of its own."""
        W, direct = self.network.architecture.window, self.network.architecture.direct
        if name != DIRECT:
            return values.reshape(len(values), -1, W)
        at = np.concatenate([k * W + np.array(places(feature, W)) for k, feature in enumerate(direct)])
        found = np.zeros((len(values), len(direct) * W))
        found[:, at] = values
        return found.reshape(len(values), -1, W)

    def delta(self, slopes: Rows) -> Doubles:
        """∂F/∂x of each word of B windows, (B, W, X): vectors that are added have one gradient in common."""
        names = list(self._looked)
        return np.concatenate([slopes[names[k]] for k in self._distinct if names[k] != DIRECT], axis=2)

    def _computed(self, run: Interpreter, rows: Rows, more: Mapping[str, Any] | None = None) -> list[Doubles]:
        """An expression of B windows, some at a time."""
        count = len(next(iter(rows.values())))
        step = max(1, HELD // max(1, np.sum([r[0].size for r in rows.values()]))) if count else 1
        found = []
        for start in range(0, count, step) or [0]:
            some = slice(start, start + step)
            given = dict(zip(self._names, (r[some] for r in rows.values()), strict=True))
            given |= {name: value[some] for name, value in (more or {}).items()}
            found.append(run({**self._weights, **given}, {"B": len(next(iter(given.values())))}))
        return [np.concatenate(column) for column in zip(*found, strict=True)]


def part_way(start: Rows, end: Rows, window: Ids, t: Doubles) -> dict[str, Doubles]:
    """The rows at the shares t (M,) of the straight path, of the windows with these numbers (M,)."""
    share = t[:, None, None]
    return {n: (1 - share) * start[n][window] + share * end[n][window] for n in start}


def _hidden(network: Network) -> tuple[Node, Sequence[Node]]:
    """h of the last hidden layer, and z of every one."""
    z = network.pre_activation()
    layers, p = [z], network.parameters
    if network.architecture.layers > 1:
        layers.append(affine(network.activated(z), p["W_2"], p["b_2"]))
    return network.activated(layers[-1]), layers


def _name(node: Node) -> str:
    return str(node.attrs["name"]) if node.op is VARIABLE else ""
