"""Layers, crossings, distances and ends of wires, judged from the drawing alone."""

from itertools import combinations, pairwise
from random import Random

import pytest
from clock import cost

from chainrule.display.layout import Box, Layout, Wire, layout
from chainrule.errors import GraphError

GATE, CARD, PILL = Box(66, 66, round=True), Box(132, 72), Box(40, 56)


def spots(found: Layout, boxes, wires):
    """Left, right, top, bottom of all that is drawn."""
    where = [*found.boxes, *(at for at in found.labels if at)]
    sizes = [*boxes, *(w.label for w in wires if w.label)]
    return [
        (x - b.width / 2, x + b.width / 2, y - b.height / 2, y + b.height / 2)
        for (x, y), b in zip(where, sizes, strict=True)
    ]


def overlaps(found, boxes, wires):
    """Pairs that lie on each other."""
    return [
        (i, j)
        for (i, a), (j, b) in combinations(enumerate(spots(found, boxes, wires)), 2)
        if a[0] < b[1] - 1e-6 and b[0] < a[1] - 1e-6 and a[2] < b[3] - 1e-6 and b[2] < a[3] - 1e-6
    ]


def random_graph(seed: int, count: int):
    random = Random(seed)
    boxes = [
        random.choice([GATE, CARD, Box(random.randint(20, 200), random.randint(20, 150))]) for _ in range(count)
    ]
    wires = [
        Wire(random.randrange(v), v, random.choice([None, PILL]), random.choice([0.2, 1.0]))
        for v in range(1, count)
        for _ in range(random.randint(1, 3))
    ]
    return boxes, wires


LECTURE = [CARD, CARD, CARD, GATE, GATE, GATE]  # x y z + max ×
LECTURE_WIRES = [Wire(a, b, PILL) for a, b in ((0, 3), (1, 3), (1, 4), (2, 4), (3, 5), (4, 5))]


def crossings(found: Layout) -> int:
    """Pairs of wires that change their order between two heights at equal places."""
    segments = [(a, b) for wire in found.wires for a, b in pairwise(wire) if a[0] < b[0]]
    return sum(
        (a[1] - c[1]) * (b[1] - d[1]) < -1e-6 and a[0] == c[0] and b[0] == d[0]
        for (a, b), (c, d) in combinations(segments, 2)
    )


def test_the_graph_of_the_lecture_is_drawn_as_in_the_lecture():
    found = layout(LECTURE, LECTURE_WIRES)
    x, y, z, plus, most, times = found.boxes
    assert x[1] < y[1] < z[1] and plus[1] < most[1]  # the order of the formula
    assert x[0] == y[0] == z[0] < plus[0] == most[0] < times[0]
    assert times[1] == pytest.approx((plus[1] + most[1]) / 2) == pytest.approx(y[1])
    assert crossings(found) == 0


@pytest.mark.parametrize("seed", range(12))
def test_nothing_lies_on_anything_else_and_all_within_the_picture(seed):
    boxes, wires = random_graph(seed, 5 + 3 * seed)
    found = layout(boxes, wires)
    assert overlaps(found, boxes, wires) == []
    for left, right, top, bottom in spots(found, boxes, wires):
        assert left >= -1e-6 and right <= found.width + 1e-6 and top >= -1e-6 and bottom <= found.height + 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_wires_run_to_the_right_from_edge_to_edge_and_through_their_labels(seed):
    boxes, wires = random_graph(seed, 20)
    found = layout(boxes, wires)
    for wire, points, label in zip(wires, found.wires, found.labels, strict=True):
        assert all(a[0] <= b[0] + 1e-9 for a, b in pairwise(points))
        assert all(a[1] == b[1] for a, b in list(pairwise(points))[::2])  # level, curve, level, …
        (x, y), source = found.boxes[wire.source], boxes[wire.source]
        assert points[0] == pytest.approx((x + source.width / 2, y))
        (x, y), target = found.boxes[wire.target], boxes[wire.target]
        end_x, end_y = points[-1]
        if target.round:
            assert (end_x - x) ** 2 + (end_y - y) ** 2 == pytest.approx((target.width / 2) ** 2)
        else:
            assert end_x == pytest.approx(x - target.width / 2) and abs(end_y - y) < target.height / 2
        if label:
            assert any(a[1] == b[1] == label[1] and a[0] <= label[0] <= b[0] for a, b in pairwise(points))


@pytest.mark.parametrize("seed", range(6))
def test_wires_pass_boxes_that_are_not_theirs(seed):
    boxes, wires = random_graph(seed, 20)
    found = layout(boxes, wires)
    around = spots(found, boxes, wires)[: len(boxes)]
    for wire, points in zip(wires, found.wires, strict=True):
        for a, b in list(pairwise(points))[::2]:
            for k, (left, right, top, bottom) in enumerate(around):
                if k not in (wire.source, wire.target):
                    assert not (a[0] < right and left < b[0] and top < a[1] < bottom)


def test_wires_enter_a_box_in_the_order_of_their_heights_and_apart():
    boxes = [CARD] * 5 + [Box(80, 140)]
    wires = [Wire(k, 5) for k in (3, 1, 4, 0, 2)]
    found = layout(boxes, wires)
    ends = sorted((found.boxes[w.source][1], points[-1][1]) for w, points in zip(wires, found.wires, strict=True))
    assert all(b - a >= 15 for (_, a), (_, b) in pairwise(ends))


def test_an_input_stands_beside_its_first_use():
    boxes = [CARD, GATE, GATE, GATE, CARD]  # a chain, and a parameter of its last gate
    found = layout(boxes, [Wire(0, 1), Wire(1, 2), Wire(2, 3), Wire(4, 3)])
    assert found.layers == [0, 1, 2, 3, 2]


def test_a_tree_has_no_crossings_and_a_chain_is_straight():
    tree = layout([GATE] * 31, [Wire(v, (v - 1) // 2, PILL) for v in range(1, 31)])
    assert crossings(tree) == 0
    chain = layout([CARD, *[GATE] * 9], [Wire(k, k + 1, PILL) for k in range(9)])
    assert len({round(y, 6) for _, y in chain.boxes}) == 1


def test_a_parameter_does_not_bend_the_chain_that_it_joins():
    boxes = [CARD, GATE, GATE, GATE, Box(100, 120), Box(100, 120)]
    wires = [Wire(0, 1, PILL), Wire(1, 2, PILL), Wire(2, 3, PILL), Wire(4, 2, pull=0.02), Wire(5, 3, pull=0.02)]
    heights = [y for _, y in layout(boxes, wires).boxes[:4]]
    assert max(heights) - min(heights) < 20


def test_the_same_graph_is_drawn_alike():
    assert layout(*random_graph(3, 40)) == layout(*random_graph(3, 40))


def test_graphs_of_one_box_and_of_none():
    assert layout([CARD], []).boxes == [(16 + 66, 16 + 36)]
    assert layout([], []).boxes == []


def test_a_gate_that_takes_one_input_twice_has_two_wires():
    found = layout([CARD, GATE], [Wire(0, 1, PILL), Wire(0, 1, PILL)])
    assert found.wires[0] != found.wires[1] and found.labels[0] != found.labels[1]


def test_wires_in_a_circle_are_refused():
    with pytest.raises(GraphError, match="circle"):
        layout([GATE, GATE], [Wire(0, 1), Wire(1, 0)])


@pytest.mark.parametrize("seed", range(2))
def test_exchanging_inputs_of_a_random_graph_leaves_few_crossings(seed):
    """Against the order of a shuffled graph: the sweeps at least halve the crossings."""
    random = Random(seed)
    leaves, gates = range(12), range(12, 24)
    pairs = [(a, b) for a in leaves for b in random.sample(gates, 2)]
    order = random.sample(range(24), 24)
    found = layout([GATE] * 24, [Wire(a, b) for a, b in pairs])
    heights = {v: k for k, v in enumerate(order)}
    unsorted = sum(
        (heights[a] - heights[c]) * (heights[b] - heights[d]) < 0 for (a, b), (c, d) in combinations(pairs, 2)
    )
    assert crossings(found) <= unsorted / 2


def test_fifteen_hundred_boxes_take_less_than_three_seconds():
    random = Random(1)
    boxes = [GATE] * 1500
    wires = [Wire(v - random.randint(1, min(v, 4)), v, PILL) for v in range(1, 1500) for _ in range(2)]
    assert cost(lambda: layout(boxes, wires)) < 300  # three seconds where the unit is a hundredth
