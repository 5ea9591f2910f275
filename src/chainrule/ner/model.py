"""The window network of the lecture, written for one window and batched by the transformation.

    x = the vectors of the words of the window and of their features, side by side (or their mean)
                                                and, from their letters, max_t F [q_t; q_t+1; q_t+2] + d
    z = W x + b,  h = f(z)                      one hidden layer, or two
    s = U h + c                                 the scores of the tags; with a short circuit + Σ rows of L
    J                                           what is asked of the scores, see `objectives`

Collobert et al. 2011, "Natural language processing (almost) from scratch", §3.2; CS224n notes, part 3.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial, reduce
from itertools import groupby
from operator import add
from typing import NamedTuple

import numpy as np

from chainrule.algebra.node import Node, index, matrix, scalar, size, variable, vector
from chainrule.algebra.op import Array
from chainrule.algebra.product import mean, sum, zeros
from chainrule.algebra.reduce import log_softmax, max
from chainrule.algebra.select import concat, ravel, take
from chainrule.algebra.signature import FLOAT32, FLOAT64, Axis, DType, axis
from chainrule.calculus.batch import batch
from chainrule.calculus.derive import gradient
from chainrule.calculus.rewrite import substitute
from chainrule.learn.layers import ACTIVATIONS, PARAMETRIC, affine, dropout
from chainrule.learn.losses import l2, max_margin, sentence_log_likelihood
from chainrule.learn.params import initializer
from chainrule.ner.architecture import Architecture
from chainrule.ner.families import places
from chainrule.ner.features import SPELT, Ids
from chainrule.ner.objectives import ABSENT, MARGIN, OF_A_WINDOW, SENTENCE
from chainrule.ner.vocab import CAPS, UNKNOWN

CORRUPT = "_corrupt"  # ends the names of what a corrupt window has in place of a window's own
LETTER, REACH = 16, 3  # numbers in the vector of a letter, letters that a filter sees
LETTERS = 0.5  # at first, the most of a number in the vector of a letter
SLOPE = 0.25  # of a parametric ReLU at first (He et al. 2015)


class Table(NamedTuple):
    """A look-up table: its parameter, the data that select its rows, how many there are, and their width.

    The rows of tables of the same `part` of x are added.
    """

    parameter: str
    ids: str
    rows: Axis
    width: Axis
    part: int


@dataclass(frozen=True)
class Network:
    """The network for V words and C tags: its parameters, and its expressions for one window and for many.

    Without V and C its sizes are letters, to be read: D a word vector, S a vector of shapes, H hidden units.
    `rows` has the length of the table of every feature beside the word and its capitals.
    """

    architecture: Architecture
    V: int = 0
    C: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)

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
    def tables(self) -> tuple[Table, ...]:
        """The look-up tables, that of the words first."""
        a, (V, D, S, *_) = self.architecture, self.sizes.values()
        found = [Table("E", "words", V, D, 0)]
        for part, (group, width) in enumerate(a.widths.items(), 1):
            for name in group:
                rows = (len(CAPS) if name == "caps" else self.rows[name]) if self.V else axis(f"V_{name}")
                found.append(Table(f"K_{name}", name, rows, width, part))
        if a.caps:
            found[1] = Table("K", "caps", len(CAPS), S, 1)
        return tuple(found)

    @cached_property
    def outputs(self) -> Axis:
        """The scores that are computed: C, or C − 1 where O has none."""
        C = self.sizes["C"]
        return C - 1 if self.architecture.objective in ABSENT else C

    @cached_property
    def parameters(self) -> dict[str, Node]:
        """Name → variable: E word vectors, K vectors of shapes, W and b hidden layer, U and c scores …"""
        a, H, C, S = self.architecture, self.sizes["H"], self.sizes["C"], self.outputs
        widths = [*{table.part: table.width for table in self.tables}.values(), *([a.letters] * bool(a.letters))]
        x = np.sum(np.array(widths, object)) * (a.window if a.combine == "concatenate" else 1)
        nodes = [
            *(matrix(t.parameter, t.rows, t.width, dtype=self.dtype) for t in self.tables),
            *(self._convolution if a.letters else ()),
            matrix("W", H, x, dtype=self.dtype),
            vector("b", H, dtype=self.dtype),
            *([matrix("W_2", H, H, dtype=self.dtype), vector("b_2", H, dtype=self.dtype)] * (a.layers > 1)),
            *([scalar("a", dtype=self.dtype)] * (a.activation in PARAMETRIC)),
            matrix("U", S, H, dtype=self.dtype),
            vector("c", S, dtype=self.dtype),
            *([matrix("L", self._direct[0], S, dtype=self.dtype)] * self.shortened),
            *([matrix("A", C + 1, C + 1, dtype=self.dtype)] * self.whole),
        ]
        return {node.attrs["name"]: node for node in nodes}

    @cached_property
    def _convolution(self) -> tuple[Node, ...]:
        """Q vectors of letters, F filters over REACH of them, d their bias."""
        R, n = self.rows["letters"] if self.V else axis("V_letters"), self.architecture.letters
        made = partial(matrix, dtype=self.dtype)
        return made("Q", R, LETTER), made("F", n, REACH * LETTER), vector("d", n, dtype=self.dtype)

    @cached_property
    def shared(self) -> dict[str, Node]:
        """What windows have in common: the letters of the T different tokens in them."""
        if not self.architecture.letters:
            return {}
        axes = {"letters": "T"} | ({"letters" + CORRUPT: "T_c"} if self.architecture.objective == MARGIN else {})
        return {name: index(name, T, SPELT) for name, T in axes.items()}

    @cached_property
    def spelling(self) -> Node:
        """max_t F [q_t; q_t+1; q_t+2] + d of each of T tokens, (T, letters): Collobert et al. 2011, §3.2.2."""
        Q, F, d = self._convolution
        q = take(Q, self.shared["letters"])
        spans = concat([q[:, k : SPELT - REACH + 1 + k] for k in range(REACH)], axis=2)
        return max(spans @ F.T, axis=1) + d

    @property
    def whole(self) -> bool:
        """Whether the tags of a sentence are scored together."""
        return self.architecture.objective == SENTENCE

    @property
    def shortened(self) -> bool:
        """Whether features have rows of scores of their own."""
        return bool(self.architecture.direct)

    @cached_property
    def _direct(self) -> tuple[Axis, Axis]:
        """The rows of L, one for every value of a feature at every place, and how many a window has."""
        if not self.V:
            return axis("R"), axis("P")
        return (
            int(np.sum([len(at) * self.length(name) for name, (at, _) in self._begins.items()])),
            int(np.sum([len(at) for at, _ in self._begins.values()])),
        )

    def length(self, feature: str) -> int:
        """How many values a feature has."""
        return len(CAPS) if feature == "caps" else self.rows[feature]

    @cached_property
    def data(self) -> dict[str, Node]:
        """What varies from window to window: ids of words and features, the right tag, dropout masks."""
        a = self.architecture
        nodes = [
            *(index(t.ids, a.window) for t in self.tables),
            *([index("spelt", a.window)] * bool(a.letters)),
            *([index("direct", self._direct[1])] * self.shortened),
            index("y"),
            *(vector(name, n, dtype=self.dtype) for name, n in self._masks.items()),
        ]
        found = {node.attrs["name"]: node for node in nodes}
        if a.objective != MARGIN:
            return found
        return found | {n + CORRUPT: _renamed(node, n + CORRUPT) for n, node in found.items() if n != "y"}

    @cached_property
    def _masks(self) -> dict[str, Axis]:
        a, H = self.architecture, self.sizes["H"]
        x = self.parameters["W"].shape[1]
        masks = {"mask_x": x, "mask_h": H, **({"mask_h_2": H} if a.layers > 1 else {})} if a.dropout else {}
        return masks | ({"mask_direct": self._direct[1]} if self.shortened else {})

    # ── one window ────────────────────────────────────────────────────────────────────────────────────

    def features(self) -> Node:
        """x, the vectors of the words and of their features in one window, side by side or averaged."""
        rows = self.looked_up()
        parts = groupby(self.tables, key=lambda table: table.part)
        each = [reduce(add, [rows[table.ids] for table in tables]) for _, tables in parts]
        return concat(list(map(self._combined, [*each, *([rows["spelt"]] if "spelt" in rows else [])])))

    def looked_up(self) -> dict[str, Node]:
        """The vectors of the words of one window, of each of their features, and of their letters, (W, D) each."""
        p, d = self.parameters, self.data
        found = {t.ids: take(p[t.parameter], d[t.ids]) for t in self.tables}
        return found | ({"spelt": take(self.spelling, d["spelt"])} if self.architecture.letters else {})

    def pre_activation(self, *, training: bool = False) -> Node:
        """z = W x + b of one window, (H,); in training with a dropout mask on x."""
        p = self.parameters
        return affine(self._dropped(self.features(), "mask_x", training), p["W"], p["b"])

    def activated(self, z: Node) -> Node:
        """f(z), the non-linearity."""
        name = self.architecture.activation
        return ACTIVATIONS[name](z) if name in ACTIVATIONS else PARAMETRIC[name](z, self.parameters["a"])

    def scores(self, *, training: bool = False, own: Node | None = None) -> Node:
        """s = U f(z) + c of one window, (C,); in training with dropout masks on x and h = f(z).

        own   takes the place of the scores that features have of their own
        """
        p, a = self.parameters, self.architecture
        h = self._dropped(self.activated(self.pre_activation(training=training)), "mask_h", training)
        if a.layers > 1:
            h = self._dropped(self.activated(affine(h, p["W_2"], p["b_2"])), "mask_h_2", training)
        s = affine(h, p["U"], p["c"])
        if self.shortened:
            s = s + (self._own(training) if own is None else own)
        return concat([zeros(1, dtype=self.dtype), s]) if a.objective in ABSENT else s

    def _own(self, training: bool) -> Node:
        """What features add to the scores past the hidden units: the sum of their rows of L."""
        rows = take(self.parameters["L"], self.data["direct"])
        if training and "mask_direct" in self._masks:
            return rows.T @ self.data["mask_direct"]
        return sum(rows, axis=0)

    def _dropped(self, x: Node, mask: str, training: bool) -> Node:
        return dropout(x, self.data[mask]) if training and mask in self._masks else x

    def _combined(self, rows: Node) -> Node:
        return ravel(rows) if self.architecture.combine == "concatenate" else mean(rows, axis=0)

    def _asked(self, *, training: bool = False) -> Node:
        """What one window adds to the loss."""
        a, s, y = self.architecture, self.scores(training=training), self.data["y"]
        if a.objective != MARGIN:
            return OF_A_WINDOW[a.objective](s, y, a.margin)
        known = self.data | self.shared
        instead = {known[n]: node for n in known if (node := known.get(n + CORRUPT)) is not None}
        return max_margin(s[y], substitute([s], instead)[0][y], a.margin)

    # ── many windows ──────────────────────────────────────────────────────────────────────────────────

    def loss(self) -> Node:
        """The mean over B windows of what is asked of each, plus ½ λ Σ ‖W‖² over the weights: a scalar."""
        varied = list(self.data.values())
        if self.whole:
            return self.held(self._together(batch(self.scores(training=True), varied)))
        return self.held(mean(batch(self._asked(training=True), varied)))

    def formula(self) -> dict[str, Node]:
        """x, z, h, s and J of one window, to be read: without dropout, which is no part of what is learnt.

        Where the tags of a sentence are scored together, those of B windows.
        """
        z = self.pre_activation()
        parts = {"x": self.features(), "z": z, "h": self.activated(z), "s": self.scores()}
        if not self.whole:
            return {**parts, "J": self.held(self._asked())}
        parts = dict(zip(parts, batch(list(parts.values()), list(self.data.values())), strict=True))
        return {**parts, "J": self.held(self._together(parts["s"]))}

    def _together(self, s: Node) -> Node:
        """−log P of the right tags of sentences, given the scores of all their B tokens; the mean over these."""
        first, moves = self.sentences.values()
        y = batch(self.data["y"], [self.data["y"]])
        return sentence_log_likelihood(s, self.parameters["A"], y, first, moves) / size(s.shape[0], s.dtype)

    @cached_property
    def sentences(self) -> dict[str, Node]:
        """What is known of the B tokens of M − B sentences: where they begin, the moves of their right tags."""
        nodes = [index("first", "B"), index("moves", "M")] if self.whole else []
        return {node.attrs["name"]: node for node in nodes}

    def held(self, loss: Node) -> Node:
        """The loss with its regulariser."""
        weights = [self.parameters[name] for name in ("W", "W_2", "U") if name in self.parameters]
        strength = self.architecture.l2
        return loss + l2(weights, strength) if strength else loss

    def log_probabilities(self) -> Node:
        """log softmax(s) of B windows, (B, C)."""
        return batch(log_softmax(self.scores()), self._ids)

    def slopes(self) -> Node:
        """f′(z) of the hidden units in B windows, (B, H): the share of the upstream gradient that each passes."""
        z = self.pre_activation()
        return batch(gradient(sum(self.activated(z)), z), self._ids)

    @property
    def _ids(self) -> list[Node]:
        """The data that are known of any window."""
        names = [*(table.ids for table in self.tables), "spelt", "direct"]
        return [self.data[name] for name in names if name in self.data]

    @property
    def seen(self) -> list[str]:
        """What the network looks at of a token."""
        names = [*(t.ids for t in self.tables), *(["letters"] * bool(self.architecture.letters))]
        return list(dict.fromkeys((*names, *self.architecture.direct)))

    def inputs(self, windows: Mapping[str, Ids]) -> dict[str, Ids]:
        """The ids that the network looks up, of the features of B windows, (B, W) each."""
        found = {t.ids: windows[t.ids] for t in self.tables}
        if self.architecture.letters:
            met, places = np.unique(windows["spelt"], return_inverse=True)
            found |= {"letters": windows["letters"][met], "spelt": places.reshape(windows["spelt"].shape)}
        if not self.shortened:
            return found
        parts = [windows[name][..., at] + rows for name, (at, rows) in self._begins.items()]
        return {**found, "direct": np.concatenate(parts, axis=-1)}

    @cached_property
    def _begins(self) -> dict[str, tuple[Ids, Ids]]:
        """Where the rows of L begin of each feature with scores of its own: (places of the window, rows)."""
        found, begin = {}, 0
        for name in self.architecture.direct:
            at = np.array(places(name, self.architecture.window))
            found[name] = at, begin + np.arange(len(at)) * self.length(name)
            begin += len(at) * self.length(name)
        return found

    @property
    def unknown(self) -> Ids:
        """The rows of L of unknown values, at every place, (P,). They are masked in training and stay 0.

        New text holds more unknown values than training shows, and many at once: a sum of what each would have
        learned says O.
        """
        return np.concatenate([rows + UNKNOWN for _, rows in self._begins.values()])

    def own(self, params: Mapping[str, Array], selected: Mapping[str, Ids]) -> Array:
        """The scores that N kinds of tokens have of their own at every place of the window, (N, W, C)."""
        L, count = params["L"], len(next(iter(selected.values())))
        found = np.zeros((count, self.architecture.window, L.shape[1]), np.float32)
        for name, (at, rows) in self._begins.items():
            found[:, at] += L[selected[name][:, None] + rows]
        return found

    # ── numbers to begin with ─────────────────────────────────────────────────────────────────────────

    def start(self, rng: np.random.Generator) -> dict[str, Array]:
        """Fresh values of all parameters but E: Glorot for the weights, zero for biases and scores looked up."""
        glorot, zero = initializer("xavier_uniform"), initializer("zeros")
        draws = dict.fromkeys(
            [t.parameter for t in self.tables], initializer("uniform", r=self.architecture.spread)
        )
        draws |= {"Q": initializer("uniform", r=LETTERS), **dict.fromkeys(("F", "W", "W_2", "U"), glorot)}
        found = {
            name: draws.get(name, zero)(node.shape, rng, FLOAT32)  # type: ignore[arg-type]
            for name, node in self.parameters.items()
            if name != "E"
        }
        return found | ({"a": np.full((), SLOPE, np.float32)} if "a" in found else {})


def _renamed(node: Node, name: str) -> Node:
    return variable(name, node.shape, node.dtype)
