"""Where the boxes and wires of a graph lie: layers from left to right, few crossings, short and straight wires.

Sugiyama, Tagawa & Toda, "Methods for visual understanding of hierarchical system structures" (1981), in four
passes. Layers: every box stands as far to the right as what uses it allows, so that an input stands beside its
first use. Order: barycentres, swept to and fro from the order of the formula, then exchanges of neighbours.
Heights: the sum of the squares of the bends is minimised exactly, one layer after another, by pooling neighbours
that would overlap (isotonic regression). Columns: as wide as their widest box, farther apart where wires climb.
What is written at a wire is a box of its own, in the layer before the box that the wire leads to, so that nothing
ever lies on anything else. The same graph is always drawn alike.
"""

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise
from math import inf, sqrt
from typing import NamedTuple

from chainrule.errors import GraphError

__all__ = ["Box", "Layout", "Point", "Wire", "layout"]

Point = tuple[float, float]

SPACE, NEAR = 16.0, 8.0  # between boxes of a layer, and between wires
LEAST, MOST, SLOPE = 40.0, 120.0, 0.5  # between layers: the least, the most, and what climbing adds
PORTS = 20.0  # between the wires that enter a box
MANY = 1500  # boxes and bends beyond which neighbours are not exchanged
SWEEPS, EFFORT = 12, 40_000  # at most so many sweeps, and fewer where they would meet more boxes in all


class Box(NamedTuple):
    """What stands in the graph: its size in pixels, and whether it is a circle."""

    width: float
    height: float
    round: bool = False


class Wire(NamedTuple):
    """A wire from box to box by their numbers, with the size of what is written at it, if anything is.

    pull    how strongly it is kept straight, against others
    """

    source: int
    target: int
    label: Box | None = None
    pull: float = 1.0


class Layout(NamedTuple):
    """Positions in pixels, x to the right and y downwards, within `width` × `height`.

    boxes     the centre of each box
    labels    the centre of what is written at each wire; None where nothing is
    wires     points of each wire: level to the next, then a curve to the next, level, curve, … and level at last
    layers    the layer of each box, from 0
    """

    width: float
    height: float
    boxes: list[Point]
    labels: list[Point | None]
    wires: list[list[Point]]
    layers: list[int]


def layout(boxes: Sequence[Box], wires: Sequence[Wire], margin: float = 16.0) -> Layout:
    """Place boxes and wires. The wires into a box enter it in the order of their heights.

    Raises GraphError where the wires run in a circle.
    """
    net = _Net(boxes, wires)
    _order(net)
    heights = _heights(net)
    return _placed(net, heights, margin)


class _Net:
    """The layered graph: boxes, then labels, then the bends of long wires, each edge from layer to next layer."""

    def __init__(self, boxes: Sequence[Box], wires: Sequence[Wire]) -> None:
        self.wires, self.count = wires, len(boxes)
        self.boxes = [*boxes]
        self.label: list[int | None] = []
        links: list[tuple[int, int]] = []
        for wire in wires:
            here = len(self.boxes) if wire.label else None
            if wire.label:
                self.boxes.append(wire.label)
            self.label.append(here)
            links += [(wire.source, wire.target)] if here is None else [(wire.source, here), (here, wire.target)]
        self.rank = _ranks(len(self.boxes), links)
        self.chains = [self._chain(k, wire) for k, wire in enumerate(wires)]
        self.before: list[list[int]] = [[] for _ in self.boxes]
        self.after: list[list[int]] = [[] for _ in self.boxes]
        self.pull: list[dict[int, float]] = [{} for _ in self.boxes]
        for wire, chain in zip(wires, self.chains, strict=True):
            for a, b in pairwise(chain):
                self.before[b].append(a)
                self.after[a].append(b)
                strong = wire.pull * (
                    8 if self.bend(a) and self.bend(b) else 3 if self.bend(a) or self.bend(b) else 1
                )
                for one, other in ((a, b), (b, a)):
                    self.pull[one][other] = self.pull[one].get(other, 0.0) + strong
        self.layers = self._first_order()

    def bend(self, v: int) -> bool:
        """Whether it is neither box nor label."""
        return self.boxes[v].height == 0

    def _chain(self, k: int, wire: Wire) -> list[int]:
        """The vertices of a wire, one in each layer."""
        label = self.label[k]
        stops = [wire.source, wire.target] if label is None else [wire.source, label, wire.target]
        chain = [wire.source]
        for a, b in pairwise(stops):
            for rank in range(self.rank[a] + 1, self.rank[b]):
                chain.append(len(self.boxes))
                self.boxes.append(Box(0, 0))
                self.rank.append(rank)
            chain.append(b)
        return chain

    def _first_order(self) -> list[list[int]]:
        """The layers in the order of the formula: what is found first, walking back from the results."""
        layers: list[list[int]] = [[] for _ in range(max(self.rank, default=-1) + 1)]
        seen = [False] * len(self.boxes)
        stack = [v for v in range(len(self.boxes) - 1, -1, -1) if not self.after[v]]
        while stack:
            v = stack.pop()
            if not seen[v]:
                seen[v] = True
                layers[self.rank[v]].append(v)
                stack.extend(reversed(self.before[v]))
        return layers


def _ranks(count: int, links: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each box: of a result the first that it can have, of others the last that their uses allow."""
    sources: list[list[int]] = [[] for _ in range(count)]
    targets: list[list[int]] = [[] for _ in range(count)]
    for a, b in links:
        sources[b].append(a)
        targets[a].append(b)
    waiting = [len(s) for s in sources]
    rank, ready = [0] * count, [v for v in range(count) if not waiting[v]]
    for v in ready:  # grows as it is read
        for b in targets[v]:
            rank[b] = max(rank[b], rank[v] + 1)
            waiting[b] -= 1
            if not waiting[b]:
                ready.append(b)
    if len(ready) < count:
        raise GraphError("the wires run in a circle; a graph that is drawn in layers has none")
    for v in reversed(ready):
        rank[v] = min((rank[b] for b in targets[v]), default=rank[v] + 1) - 1
    first = min(rank, default=0)
    return [r - first for r in rank]


def _sweeps(net: _Net) -> int:
    return max(2, min(SWEEPS, EFFORT // max(1, len(net.boxes))))


# ── the order within layers ───────────────────────────────────────────────────────────────────────────


def _order(net: _Net) -> None:
    """Fewer crossings: the best order met while sweeping, with neighbours exchanged where the graph is small."""
    place = [0] * len(net.boxes)
    for layer in net.layers:
        _number(place, layer)
    best, fewest = [[*layer] for layer in net.layers], _crossings(net, place)
    for sweep in range(_sweeps(net)):
        if not fewest:
            break
        forward = sweep % 2 == 0
        for layer in net.layers if forward else reversed(net.layers):
            _sort(layer, place, net.before if forward else net.after)
        if len(net.boxes) < MANY:
            _exchange(net, place)
        now = _crossings(net, place)
        if now < fewest:
            best, fewest = [[*layer] for layer in net.layers], now
    net.layers = best


def _number(place: list[int], layer: Sequence[int]) -> None:
    for k, v in enumerate(layer):
        place[v] = k


def _sort(layer: list[int], place: list[int], near: Sequence[Sequence[int]]) -> None:
    """By the mean place of the neighbours in the layer before; what has none there keeps its place."""
    mean = {v: sum(place[a] for a in near[v]) / len(near[v]) if near[v] else float(place[v]) for v in layer}
    layer.sort(key=mean.__getitem__)
    _number(place, layer)


def _crossings(net: _Net, place: Sequence[int]) -> int:
    """How many pairs of wires cross."""
    total = 0
    for layer in net.layers:
        seen: list[int] = []
        for v in layer:
            ends = sorted(place[b] for b in net.after[v])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _exchange(net: _Net, place: list[int]) -> None:
    """Neighbours of a layer change places where fewer wires then cross."""
    for _ in range(4):
        changed = False
        for layer in net.layers:
            for k, (v, w) in enumerate(pairwise(layer)):
                near = [
                    ([place[a] for a in side[v]], [place[a] for a in side[w]]) for side in (net.before, net.after)
                ]
                now = sum(p > q for one, other in near for p in one for q in other)
                then = sum(p < q for one, other in near for p in one for q in other)
                if then < now:
                    layer[k : k + 2] = w, v
                    place[v], place[w] = k + 1, k
                    changed = True
                    break  # the pairs after it have changed
        if not changed:
            return


# ── heights and columns ───────────────────────────────────────────────────────────────────────────────


def _heights(net: _Net) -> list[float]:
    """The height of each centre: the squares of the bends are least, and boxes of a layer keep their distance."""
    y = [0.0] * len(net.boxes)
    offsets = [_offsets(net, layer) for layer in net.layers]
    for layer, offset in zip(net.layers, offsets, strict=True):
        for v, at in zip(layer, offset, strict=True):
            y[v] = at - offset[-1] / 2
    rounds = _sweeps(net)
    sides: list[Sequence[Sequence[int]] | None] = [*[net.before, net.after] * (rounds // 2), *[None] * rounds]
    for k, side in enumerate(sides):
        pairs = list(zip(net.layers, offsets, strict=True))
        for layer, offset in pairs if k % 2 == 0 else reversed(pairs):
            wanted, weights = zip(*(_wish(net, y, v, side) for v in layer), strict=True)
            for v, at in zip(layer, _apart(wanted, weights, offset), strict=True):
                y[v] = at
    return y


def _wish(net: _Net, y: Sequence[float], v: int, side: Sequence[Sequence[int]] | None) -> tuple[float, float]:
    """Where a box would like to be, for its neighbours on this side or on both, and how much."""
    pull = net.pull[v]
    near = pull if side is None else side[v]
    weight = sum(pull[a] for a in near)
    if not weight:
        return y[v], 0.01
    return sum(pull[a] * y[a] for a in near) / weight, weight


def _offsets(net: _Net, layer: Sequence[int]) -> list[float]:
    """The least distances of the boxes of a layer from its first."""
    offsets = [0.0]
    for v, w in pairwise(layer):
        space = NEAR if net.bend(v) or net.bend(w) else SPACE
        offsets.append(offsets[-1] + (net.boxes[v].height + net.boxes[w].height) / 2 + space)
    return offsets


def _apart(wanted: Sequence[float], weights: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """The places nearest to those wanted, by weighted squares, that stand at least `offsets` apart, in order.

    Isotonic regression by pooling adjacent violators: Barlow et al., "Statistical Inference under Order
    Restrictions" (1972).
    """
    pools: list[tuple[float, float, int]] = []  # weighted sum, weight, size
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        total, heavy, size = (want - offset) * weight, weight, 1
        while pools and pools[-1][0] * heavy >= total * pools[-1][1]:
            a, b, c = pools.pop()
            total, heavy, size = total + a, heavy + b, size + c
        pools.append((total, heavy, size))
    level = [total / heavy for total, heavy, size in pools for _ in range(size)]
    return [at + offset for at, offset in zip(level, offsets, strict=True)]


def _placed(net: _Net, y: list[float], margin: float) -> Layout:
    """Columns, ports and the points of the wires."""
    top = min((at - box.height / 2 for at, box in zip(y, net.boxes, strict=True)), default=0.0) - margin
    y = [at - top for at in y]
    ports = _ports(net, y)
    climbs = [0.0] * len(net.layers)
    for k, chain in enumerate(net.chains):
        for a, b in pairwise(chain):
            end = y[b] + (ports[k] if b == chain[-1] else 0)
            climbs[net.rank[a]] = max(climbs[net.rank[a]], abs(end - y[a]))
    bands: list[tuple[float, float]] = []
    left = margin
    for layer, climb in zip(net.layers, climbs, strict=True):
        right = left + max(net.boxes[v].width for v in layer)
        bands.append((left, right))
        left = right + min(MOST, LEAST + SLOPE * climb)
    middle = [sum(bands[rank]) / 2 for rank in net.rank]
    bottom = max((at + box.height / 2 for at, box in zip(y, net.boxes, strict=True)), default=0.0)
    return Layout(
        width=(bands[-1][1] if bands else 0) + margin,
        height=bottom + margin,
        boxes=[(middle[v], y[v]) for v in range(net.count)],
        labels=[None if v is None else (middle[v], y[v]) for v in net.label],
        wires=[_points(net, bands, y, chain, ports[k]) for k, chain in enumerate(net.chains)],
        layers=net.rank[: net.count],
    )


def _ports(net: _Net, y: Sequence[float]) -> list[float]:
    """How far from the centre of its box each wire enters it."""
    into: dict[int, list[int]] = {}
    for k, chain in enumerate(net.chains):
        into.setdefault(chain[-1], []).append(k)
    ports = [0.0] * len(net.chains)
    for v, wires in into.items():
        half = min(net.boxes[v].width if net.boxes[v].round else inf, net.boxes[v].height) * 0.36
        wires.sort(key=lambda k: y[net.chains[k][-2]])
        wanted = [max(-half, min(half, 0.3 * (y[net.chains[k][-2]] - y[v]))) for k in wires]
        step = min(PORTS, 2 * half / max(1, len(wires) - 1))
        places = _apart(wanted, [1.0] * len(wires), [step * k for k in range(len(wires))])
        shift = max(0.0, -half - places[0]) - max(0.0, places[-1] - half)
        for k, at in zip(wires, places, strict=True):
            ports[k] = at + shift
    return ports


def _points(
    net: _Net, bands: Sequence[tuple[float, float]], y: Sequence[float], chain: Sequence[int], port: float
) -> list[Point]:
    first, last = chain[0], chain[-1]
    points = [(sum(bands[net.rank[first]]) / 2 + net.boxes[first].width / 2, y[first])]
    points.append((bands[net.rank[first]][1], y[first]))
    for v in chain[1:-1]:
        points += [(x, y[v]) for x in bands[net.rank[v]]]
    box, end = net.boxes[last], y[last] + port
    reach = sqrt(max(0.0, (box.width / 2) ** 2 - port**2)) if box.round else box.width / 2
    return [*points, (bands[net.rank[last]][0], end), (sum(bands[net.rank[last]]) / 2 - reach, end)]
